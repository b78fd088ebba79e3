"""Resource claims for devices (DRA): a standing node has the device, or a controller starts one for the claim."""

from collections.abc import Iterator, Mapping
from typing import Any

from eks_gpu.checks.pod_specs import PodSpec, pod_specs
from eks_gpu.checks.registry import Context, Problem, Said, check, verdict
from eks_gpu.graph.kubernetes_objects import kubernetes_objects
from eks_gpu.karpenter.objects import part
from eks_gpu.pools.pool import AUTO_MODE, KARPENTER, Pool
from eks_gpu.pools.software import KARPENTER as CHART

_ACCELERATORS = {"gpu.nvidia.com": "nvidia", "mig.nvidia.com": "nvidia", "neuron.aws.com": "neuron"}
"""Device classes of drivers, and whose accelerators they are. Source: NVIDIA and AWS Neuron DRA drivers."""
# Source: Karpenter 1.15, settings; Amazon EKS User Guide, EKS Auto Mode, Dynamic Resource Allocation.
_KARPENTER_SINCE, _AUTO_MODE_SINCE = (1, 15), (1, 36)


@check(
    "device-claims-have-standing-nodes",
    subject="workload with resource claims",
    fix="request the device plugin's resource, keep nodes with the device for the pods, or let Karpenter 1.15 with "
    "settings.enableDRA or Auto Mode on Kubernetes 1.36 bring them up",
)
def claims(context: Context) -> Iterator[Said]:
    """Pods stay Pending: no node has the device that they claim, and no controller starts one for a claim.

    If the check does not know the device class, it cannot tell which nodes have the device, and does not check standing
    nodes.
    """
    for spec in pod_specs(context.graph):
        if not spec.spec.get("resourceClaims") or not context.pools:
            continue
        makers = _makers(spec, context)
        takers = {found.pool for found in context.verdicts.get(spec.urn, ()) if found.admits}
        pools = [pool for pool in context.pools if pool.name in takers]
        able = [pool for pool in pools if pool.min_nodes or _brings(pool, context)]
        having = [pool.name for pool in able if makers and makers <= {pool.accelerator}]
        problem = None
        if not able:
            problem = Problem("its pods claim devices, and no pool that takes them has a node anyway")
        elif makers is None:
            continue
        elif not having:
            named = ", ".join(pool.name for pool in able)
            problem = Problem(f"its pods claim devices of {', '.join(sorted(makers))}, and {named} has none")
        yield verdict(str(spec), problem, f"{', '.join(having)} has nodes with the device")


def _makers(spec: PodSpec, context: Context) -> set[str] | None:
    """Whose accelerators its pods claim; None where a claim is of another stack, or its class of another driver."""
    found: set[str] = set()
    for claim in spec.spec["resourceClaims"]:
        kind = "ResourceClaimTemplate" if claim.get("resourceClaimTemplateName") else "ResourceClaim"
        name = claim.get("resourceClaimTemplateName") or claim.get("resourceClaimName")
        classes = [
            class_
            for _, manifest in kubernetes_objects(context.graph)
            if (manifest["kind"], manifest["metadata"]["name"]) == (kind, name)
            and str(manifest["metadata"].get("namespace") or "default") == spec.namespace
            for class_ in _device_classes(part(manifest, "spec"))
        ]
        if not classes or not _ACCELERATORS.keys() >= {*classes}:
            return None
        found |= {_ACCELERATORS[class_] for class_ in classes}
    return found


def _device_classes(spec: Mapping[str, Any]) -> Iterator[str]:
    """Of a claim or a template of one, in any version of resource.k8s.io."""
    for request in part(part(spec, "spec") or spec, "devices").get("requests") or ():
        for wanted in (request, part(request, "exactly"), *(request.get("firstAvailable") or ())):
            if wanted.get("deviceClassName"):
                yield str(wanted["deviceClassName"])


def _brings(pool: Pool, context: Context) -> bool:
    """Whether what makes the pool's nodes starts one for a claim."""
    if pool.backend == KARPENTER:
        return any(
            _number(release.version) >= _KARPENTER_SINCE and release.value("settings", "enableDRA") is True
            for release in context.charts(CHART)
        )
    minors = [cluster.version for cluster in context.clusters if cluster.auto_mode]
    return pool.backend == AUTO_MODE and any(_number(minor) >= _AUTO_MODE_SINCE for minor in minors)


def _number(version: str) -> tuple[int, ...]:
    """The first two parts."""
    return tuple(int(piece) for piece in version.removeprefix("v").split(".")[:2] if piece.isdigit())
