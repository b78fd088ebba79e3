"""Pods that may not be there yet: the API server takes none of them, or Kueue holds them back."""

import re

from eks_gpu.live.cluster import Manifest
from eks_gpu.live.why.causes import Cause, Id
from eks_gpu.live.why.refused_launches import shortened
from eks_gpu.live.why.said import condition
from eks_gpu.live.why.waiting_pods import Waiting


def queued(workload: Manifest) -> Cause:
    """Kueue holds it back."""
    queue = (workload.get("spec") or {}).get("queueName") or "its queue"
    said = condition(workload, "QuotaReserved") or condition(workload, "Admitted")
    message = f"Kueue has not admitted it from queue {queue}"
    if said.get("message"):
        message = f"{message}: {shortened(str(said['message']))}"
    fix = f"wait for others in the queue to end, or raise nominalQuota of the ClusterQueue behind LocalQueue {queue}"
    return Cause(Id.QUEUED, message, fix)


_OVER_QUOTA = re.compile(r"exceeded quota: ([^,]+), requested: (.+?), used: (.+?), limited: ([^;\"]+)")
_MUST_SPECIFY = re.compile(r"failed quota: ([^:]+): must specify (.+)")


def refused_pod(text: str, waiting: Waiting) -> Cause:
    """Why the API server takes no pod of an object."""
    text = re.sub(r"^\(combined from similar events\): ", "", text)
    where = waiting.owner or waiting.called
    if found := _OVER_QUOTA.search(text):
        name, used = found[1], _used(*found.groups()[1:])
        message = f"ResourceQuota {name} of namespace {waiting.namespace} is used up: {used}"
        fix = f"raise spec.hard of ResourceQuota {name}, or let {where} ask for less"
        return Cause(Id.NAMESPACE_QUOTA, message, fix)
    if found := _MUST_SPECIFY.search(text):
        message = f"ResourceQuota {found[1]} of namespace {waiting.namespace} takes only pods that ask for {found[2]}"
        return Cause(Id.NAMESPACE_QUOTA, message, f"set the resources of each container of {where}")
    said = re.sub(r'^.*?pods? "[^"]*" is (?:forbidden|invalid): ', "", text)
    if "PodSecurity" in text:
        fix = f"set the securityContext of {where} as it says, or lower the namespace's level of Pod Security"
        return Cause(Id.REFUSED, f"Pod Security refuses its pods: {shortened(said)}", fix)
    if "webhook" in text:
        fix = "change the pods as the webhook says; if it does not answer, look at the pods of its Service"
        return Cause(Id.REFUSED, f"an admission webhook refuses its pods: {shortened(said)}", fix)
    return Cause(Id.REFUSED, f"the API server refuses its pods: {shortened(said)}", f"change {where} as it says")


def _used(asked: str, used: str, most: str) -> str:
    """`3 of 4 requests.nvidia.com/gpu, one pod asks for 2`."""
    wants, has, limits = map(_amounts, (asked, used, most))
    return "; ".join(
        f"{has.get(name, '?')} of {limits.get(name, '?')} {name}, one pod asks for {amount}"
        for name, amount in wants.items()
    )


def _amounts(text: str) -> dict[str, str]:
    """Of `requests.cpu=4,requests.nvidia.com/gpu=1`."""
    return {name: amount for name, _, amount in (each.partition("=") for each in text.split(","))}
