"""Devices: which node has what a pod claims by DRA. Nodes are judged by their type, as Karpenter does before the start.

Source: Karpenter's AWS provider 1.15, nvidiadra; kube-scheduler 1.36, structured allocator.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from eks_gpu.api.cel import compiled
from eks_gpu.api.cel_library import CelError, UnknownCel, quantity_of, version_of
from eks_gpu.pods.claims import DEVICES, Claim, Request, Wanted
from eks_gpu.pods.pod import Pod
from eks_gpu.pods.reasons import NOTHING, Reason, Rule
from eks_gpu.pools.pool import Pool
from eks_gpu_components.catalog import (
    DRA_DRIVER,
    DRA_DRIVER_LABEL,
    GPU_RESOURCE,
    MIG_DEVICE_CLASS,
    InstanceType,
    dra_devices,
)

_ROOT = "resource.kubernetes.io/pcieRoot"


def unclaimable(pod: Pod, pool: Pool, row: InstanceType) -> Reason:
    """Why no node of the type has the devices that the pod claims; empty where one has them, or nobody knows.

    What cannot be read, as a claim of another stack or a condition with a function that nobody here knows, rejects
    nothing.
    """
    if not pod.claims:
        return NOTHING
    if not row.gpus or row.name not in dra_devices():
        known = row.gpus == 0 or pool.node is not None
        return _because(f"{row.name} has no device of {DRA_DRIVER}") if known and devices_claimed(pod) else NOTHING
    for claim in pod.claims:
        for request in claim.requests:
            reasons = [_missing(wanted, pool, row) for wanted in request.any_of]
            if reasons and all(reasons):
                return _because(f"claim {claim.name}: {reasons[0]}")
        if reason := _apart(claim, row):
            return _because(f"claim {claim.name}: {reason}")
    return NOTHING


def devices_claimed(pod: Pod) -> bool:
    """Whether the pod claims whole GPUs or parts of them, as far as is known."""
    return any(claim.requests for claim in pod.claims)


def unstarted(pod: Pod, pool: Pool) -> Reason:
    """Why a pool starts no node for the pod, because of how its devices are got: by number, or by claim; empty if it
    starts one, or has one anyway.

    Source: cluster autoscaler 1.35, aws_cloud_provider.go: the template of an empty group has no ResourceSlice.
    """
    if pool.labels.get(DRA_DRIVER_LABEL) == "true" and pod.requests.get(GPU_RESOURCE):
        needs = f"pod needs {pod.requests[GPU_RESOURCE]} of {GPU_RESOURCE}"
        return Reason(
            f"{needs}, and its nodes have the DRA driver in place of the device plugin", Rule.RESOURCE, GPU_RESOURCE
        )
    if not pool.scales_to_zero or not devices_claimed(pod):
        return NOTHING
    if pool.chooses_node_itself:
        return _because("the cluster autoscaler knows no device of an empty group, so no claim starts its first node")
    return _because(pool.no_claims) if pool.no_claims else NOTHING


def _because(text: str) -> Reason:
    return Reason(text, Rule.RESOURCE, DEVICES)


def unread(pod: Pod) -> Iterator[str]:
    """What of a pod's claims nobody here judges, as a clause each."""
    for claim in pod.claims:
        if claim.unknown:
            yield f"claim {claim.name}: {claim.unknown}"
        for request in claim.requests:
            yield from (f"claim {claim.name}: the condition {each}" for each in _unreadable(request))


def _unreadable(request: Request) -> Iterator[str]:
    for wanted in request.any_of:
        for expression in wanted.selectors:
            try:
                compiled(expression)
            except UnknownCel:
                yield expression


def _missing(wanted: Wanted, pool: Pool, row: InstanceType) -> str:
    """Why the node has not what is wanted; empty if it has it, or if that cannot be told."""
    if wanted.device_class == MIG_DEVICE_CLASS:
        return "" if not pool.scales_to_zero else f"no {row.name} starts for a part of a GPU: nobody knows them before"
    fitting, unmet = 0, ""
    for number in range(len(dra_devices()[row.name].pcie_roots)):
        try:
            unmet_here = next((each for each in wanted.selectors if not _holds(each, row, number, pool)), "")
        except UnknownCel:
            return ""
        fitting += not unmet_here
        unmet = unmet or unmet_here
    if wanted.shares > max(1, pool.gpu_shares) or (wanted.shares and pool.gpu_shares == 1):
        return f"a GPU of {row.name} has no {wanted.shares} shares"
    if fitting >= wanted.count and (fitting or not wanted.every):
        return ""
    devices = dra_devices()[row.name]
    if fitting:
        return f"it needs {wanted.count} GPUs, {row.name} has {fitting}"
    return f"the {devices.product} of {row.name} with {devices.memory} does not meet {unmet}"


def _holds(expression: str, row: InstanceType, number: int, pool: Pool) -> bool:
    """Raises UnknownCel for what is not read."""
    try:
        return compiled(expression)({"device": _device(row, number, pool)}) is True
    except CelError:
        if pool.node is None:  # a node of a group runs already, and says more of its devices than its type does
            raise UnknownCel(expression) from None
        return False


class _Domains(dict[str, dict[str, Any]]):
    """Attributes by domain, where one that a device does not have is empty."""

    def __missing__(self, domain: str) -> dict[str, Any]:
        return {}


def _device(row: InstanceType, number: int, pool: Pool) -> dict[str, Any]:
    """`device` of a selector."""
    devices = dra_devices()[row.name]
    attributes = _Domains()
    for name, value in devices.attributes(number).items():
        domain, _, short = name.rpartition("/")
        read = version_of(value["version"]) if "version" in value else value["string"]
        attributes.setdefault(domain or DRA_DRIVER, {})[short] = read
    capacity = {"memory": quantity_of(devices.memory)}
    if pool.gpu_shares > 1:
        capacity["shares"] = quantity_of(str(pool.gpu_shares))
    return {
        "driver": DRA_DRIVER,
        "attributes": attributes,
        "capacity": _Domains({DRA_DRIVER: capacity}),
        "allowMultipleAllocations": pool.gpu_shares != 1,
    }


def _apart(claim: Claim, row: InstanceType) -> str:
    """Why the claim's devices cannot be alike as it says; of one node they differ in nothing but their PCIe roots."""
    most = max(Counter(dra_devices()[row.name].pcie_roots).values())
    for attribute, names in claim.alike:
        needed = sum(
            min(wanted.count for wanted in request.any_of)
            for request in claim.requests
            if request.any_of and (not names or request.name in names)
        )
        if attribute == _ROOT and needed > most:
            return f"{needed} GPUs on one PCIe root, {row.name} has {most} on each"
    return ""
