"""Resource claims for devices (DRA): a standing node has the device, or a controller starts one for the claim."""

from collections.abc import Iterator, Mapping
from typing import Any

from eks_gpu.checks import sources
from eks_gpu.checks.pod_specs import PodSpec, pod_specs
from eks_gpu.checks.registry import Context, Problem, Said, check, verdict
from eks_gpu.graph.kubernetes_objects import kubernetes_objects
from eks_gpu.karpenter.objects import part
from eks_gpu.karpenter.settings import DRA_SINCE, dra, major_minor
from eks_gpu.pools.pool import AUTO_MODE, KARPENTER, Pool
from eks_gpu.pools.software import KARPENTER as CHART
from eks_gpu.pools.software import Software

_ACCELERATORS = {"gpu.nvidia.com": "nvidia", "mig.nvidia.com": "nvidia", "neuron.aws.com": "neuron"}
"""Device classes of drivers, and whose accelerators they are. Source: NVIDIA and AWS Neuron DRA drivers."""
_AUTO_MODE_SINCE = (1, 36)
"""Source: Amazon EKS User Guide, EKS Auto Mode, Dynamic Resource Allocation."""


@check(
    "device-claims-have-standing-nodes",
    subject="workload with resource claims",
    fix="request the device plugin's resource, keep nodes with the device for the pods, or let Karpenter 1.15 with "
    "settings.enableDRA (for whole NVIDIA GPUs) or Auto Mode on Kubernetes 1.36 bring them up",
    relies_on=("nodes",),
    sources=(
        sources.KARPENTER,
        sources.kubernetes("dynamic-resource-allocation"),
    ),
)
def claims(context: Context) -> Iterator[Said]:
    """Pods stay Pending: no node has the device that they claim, and no controller starts one for a claim.

    Karpenter 1.15 starts one for whole NVIDIA GPUs if `settings.enableDRA` or `settings.awsFeatureGates.draNVIDIAGPU`
    is on; `ignoreDRARequests: false` alone brings none. If the check does not know the device class, it cannot tell
    which nodes have the device, and does not check standing nodes.
    """
    for spec in pod_specs(context.graph):
        if not spec.spec.get("resourceClaims") or not context.pools:
            continue
        requests = _requests(spec, context)
        makers = _makers(requests)
        takers = {found.pool for found in context.verdicts.get(spec.urn, ()) if found.admits}
        pools = [pool for pool in context.pools if pool.name in takers]
        able = [pool for pool in pools if pool.min_nodes or _brings(pool, requests, context)]
        having = [pool.name for pool in able if makers and all(pool.accelerator in each for each in makers)]
        problem = None
        if not able:
            problem = Problem("its pods claim devices, and no pool that takes them has a node anyway")
        elif makers is None:
            continue
        elif not having:
            named, wanted = ", ".join(pool.name for pool in able), ", ".join(sorted(set().union(*makers)))
            problem = Problem(f"its pods claim devices of {wanted}, and {named} has none")
        yield verdict(str(spec), problem, f"{', '.join(having)} has nodes with the device")


def _requests(spec: PodSpec, context: Context) -> list[set[str]] | None:
    """Device classes of each request of its pods, one of which is enough; None where a claim is of another stack, or a
    class of a driver that nobody here knows.
    """
    found: list[set[str]] = []
    for claim in spec.spec["resourceClaims"]:
        kind = "ResourceClaimTemplate" if claim.get("resourceClaimTemplateName") else "ResourceClaim"
        name = claim.get("resourceClaimTemplateName") or claim.get("resourceClaimName")
        requests = [
            request
            for _, manifest in kubernetes_objects(context.graph)
            if (manifest["kind"], manifest["metadata"]["name"]) == (kind, name)
            and str(manifest["metadata"].get("namespace") or "default") == spec.namespace
            for request in _device_classes(part(manifest, "spec"))
        ]
        if not requests or not all(_ACCELERATORS.keys() >= request for request in requests):
            return None
        found += requests
    return found


def _makers(requests: list[set[str]] | None) -> list[set[str]] | None:
    """Whose accelerators each request takes."""
    return None if requests is None else [{_ACCELERATORS[class_] for class_ in request} for request in requests]


def _device_classes(spec: Mapping[str, Any]) -> Iterator[set[str]]:
    """Of each request of a claim or a template of one, in any version of resource.k8s.io."""
    for request in part(part(spec, "spec") or spec, "devices").get("requests") or ():
        wanted = (request, part(request, "exactly"), *(request.get("firstAvailable") or ()))
        if classes := {str(each["deviceClassName"]) for each in wanted if each.get("deviceClassName")}:
            yield classes


def _brings(pool: Pool, requests: list[set[str]] | None, context: Context) -> bool:
    """Whether what makes the pool's nodes starts one for a claim."""
    if pool.backend == KARPENTER:
        return any(_sees(release, requests) for release in context.charts(CHART))
    versions = [cluster.version for cluster in context.clusters if cluster.auto_mode]
    return pool.backend == AUTO_MODE and any(major_minor(version) >= _AUTO_MODE_SINCE for version in versions)


def _sees(release: Software, requests: list[set[str]] | None) -> bool:
    """Whether Karpenter knows which of the claimed devices a new node will have."""
    drivers = dra(release.value("settings", default={})).drivers if major_minor(release.version) >= DRA_SINCE else set()
    if requests is None:
        return bool(drivers)
    # The class of whole GPUs has its driver's name. Of a GPU's parts, and of Neuron devices, no driver tells Karpenter.
    return all(request & drivers for request in requests)
