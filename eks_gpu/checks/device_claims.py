"""Resource claims for devices (DRA): a node has the device, or a controller starts one; and its driver runs there."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from eks_gpu.checks import sources
from eks_gpu.checks.device_plugin import dra_drivers
from eks_gpu.checks.names import subject
from eks_gpu.checks.pod_specs import PodSpec, pod_specs
from eks_gpu.checks.registry import Context, Problem, Said, check, no_verdict, verdict
from eks_gpu.cost.admission import Room
from eks_gpu.cost.devices import devices_claimed
from eks_gpu.graph.kubernetes_objects import kubernetes_objects
from eks_gpu.graph.unread import may_bring
from eks_gpu.karpenter.objects import part
from eks_gpu.karpenter.settings import DRA_SINCE as KARPENTER_DRA_SINCE
from eks_gpu.karpenter.settings import dra
from eks_gpu.pods.claims import maps
from eks_gpu.pods.pod import Pod
from eks_gpu.pods.quantities import PODS
from eks_gpu.pools.pool import AUTO_MODE, KARPENTER, Pool
from eks_gpu.pools.software import DRA_DRIVERS, Software, gpu_shares
from eks_gpu.pools.software import KARPENTER as CHART
from eks_gpu_components.catalog import (
    AUTO_MODE_DRA_SINCE,
    DRA_DRIVER,
    DRA_SINCE,
    GPU_DEVICE_CLASS,
    KARPENTER_GROUP,
    MIG_DEVICE_CLASS,
    SHARES_ANNOTATION,
    minor_of,
)

_ACCELERATORS = {GPU_DEVICE_CLASS: "nvidia", MIG_DEVICE_CLASS: "nvidia", "neuron.aws.com": "neuron"}
"""Device classes of drivers, and whose accelerators they are. Source: NVIDIA and AWS Neuron DRA drivers."""
_LIKE_A_DRIVER = ("dra", "nvidia", "gpu", "device")
_NOT_SHARED = ("", "disabled")


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

    A device has what the conditions of class and claim ask for, by what its instance type has. Kubernetes takes claims
    from 1.34 on. Pods that name one ResourceClaim are all on the node of its devices, so one node must take them all.

    Karpenter 1.15 starts one for whole NVIDIA GPUs if `settings.enableDRA` or `settings.awsFeatureGates.draNVIDIAGPU`
    is on; `ignoreDRARequests: false` alone brings none. If the check does not know the device class, it cannot tell
    which nodes have the device, and does not check standing nodes.
    """
    for spec in pod_specs(context.graph):
        if not spec.spec.get("resourceClaims") or not context.pools:
            continue
        requests = _requests(spec, context)
        makers = _makers(requests)
        pods = [each.pod for each in context.workloads if each.resource == spec.urn or each.urn == spec.urn]
        takers = {room.pool.name for room in context.rooms for pod in pods if _takes(room, pod.without_claims())}
        pools = [pool for pool in context.pools if pool.name in takers]
        able = [pool for pool in pools if pool.min_nodes or _brings(pool, requests, context)]
        having = [pool.name for pool in able if makers and all(pool.accelerator in each for each in makers)]
        problem = None
        if old := _too_old(context):
            problem = Problem(f"its pods claim devices, and Kubernetes {old} serves no claims: they need 1.34 or later")
        elif not able:
            problem = Problem("its pods claim devices, and no pool that takes them has a node anyway")
        elif makers is None:
            continue
        elif not having:
            named, wanted = ", ".join(pool.name for pool in able), ", ".join(sorted(set().union(*makers)))
            problem = Problem(f"its pods claim devices of {wanted}, and {named} has none")
        elif reasons := _unmet(context, pods, having):
            problem = Problem(f"no node has the devices that its pods claim: {reasons}", "claim what the types have")
        else:
            problem = _too_many_for_a_node(context, spec, having)
        yield verdict(str(spec), problem, f"{', '.join(having)} has nodes with the device")


def _requests(spec: PodSpec, context: Context) -> list[set[str]] | None:
    """Device classes of each request of its pods, one of which is enough; None where a claim is of another stack, or a
    class of a driver that nobody here knows.
    """
    found: list[set[str]] = []
    known = _classes_of_drivers(context)
    for claim in spec.spec["resourceClaims"]:
        kind = "ResourceClaimTemplate" if claim.get("resourceClaimTemplateName") else "ResourceClaim"
        name = claim.get("resourceClaimTemplateName") or claim.get("resourceClaimName")
        requests = [
            request
            for _, manifest in kubernetes_objects(context.graph)
            if (manifest["kind"], manifest["metadata"]["name"]) == (kind, name)
            and str(manifest["metadata"].get("namespace") or "default") == spec.namespace
            for wanted in _device_classes(part(manifest, "spec"))
            if (request := {known.get(each, each) for each in wanted})
        ]
        if not requests or not all(_ACCELERATORS.keys() >= request for request in requests):
            return None
        found += requests
    return found


def _classes_of_drivers(context: Context) -> dict[str, str]:
    """A class of the stack's own -> the class of the driver's that it narrows, by the conditions of both."""
    found = {}
    for _, manifest in kubernetes_objects(context.graph):
        if manifest["kind"] == "DeviceClass":
            selectors = maps(part(manifest, "spec"), "selectors")
            said = " ".join(str(part(each, "cel").get("expression")) for each in selectors)
            if DRA_DRIVER in said:
                found[str(manifest["metadata"]["name"])] = MIG_DEVICE_CLASS if "mig" in said else GPU_DEVICE_CLASS
    return found


def _makers(requests: list[set[str]] | None) -> list[set[str]] | None:
    """Whose accelerators each request takes."""
    return None if requests is None else [{_ACCELERATORS[class_] for class_ in request} for request in requests]


def _device_classes(spec: Mapping[str, Any]) -> Iterator[set[str]]:
    """Of each request of a claim or a template of one, in any version of resource.k8s.io."""
    for request in maps(part(part(spec, "spec") or spec, "devices"), "requests"):
        wanted = (request, part(request, "exactly"), *maps(request, "firstAvailable"))
        if classes := {str(each["deviceClassName"]) for each in wanted if each.get("deviceClassName")}:
            yield classes


def _brings(pool: Pool, requests: list[set[str]] | None, context: Context) -> bool:
    """Whether what makes the pool's nodes starts one for a claim."""
    if pool.backend == KARPENTER:
        return any(_sees(release, requests) for release in context.charts(CHART))
    versions = [cluster.version for cluster in context.clusters if cluster.auto_mode]
    return pool.backend == AUTO_MODE and any(minor_of(version) >= AUTO_MODE_DRA_SINCE for version in versions)


def _sees(release: Software, requests: list[set[str]] | None) -> bool:
    """Whether Karpenter knows which of the claimed devices a new node will have."""
    drivers = (
        dra(release.value("settings", default={})).drivers
        if minor_of(release.version) >= KARPENTER_DRA_SINCE
        else set()
    )
    if requests is None:
        return bool(drivers)
    # The class of whole GPUs has its driver's name. Of a GPU's parts, and of Neuron devices, no driver tells Karpenter.
    return all(request & drivers for request in requests)


def _takes(room: Room, pod: Pod) -> bool:
    return room.verdict(pod).admits


def _too_many_for_a_node(context: Context, spec: PodSpec, having: Sequence[str]) -> Problem | None:
    """Pods that share the devices of one node and are more than any node of these pools takes."""
    for work in context.workloads:
        claim = next((each for each in work.pod.claims if each.shared and not each.unknown), None)
        if spec.urn not in (work.resource, work.urn) or claim is None or not work.replicas:
            continue
        pod = work.pod.without_claims()
        rooms = [room for room in context.rooms if room.pool.name in having]
        most = max((_fitting(room, pod) for room in rooms), default=None)
        if most is not None and most < work.replicas:
            said = f"its {work.replicas} pods share claim {claim.name}, whose devices are on one node"
            return Problem(
                f"{said}, and a node takes {most}",
                "let each pod claim by a ResourceClaimTemplate, or run fewer of them",
            )
    return None


def _fitting(room: Room, pod: Pod) -> int:
    """Most pods that one empty node of a pool takes."""
    asked = {**{name: amount for name, amount in pod.requests.items() if amount}, PODS: 1}
    nodes = (room.left(each) for each in room.pool.candidates if room.suits(each, pod))
    counts = (min(left[name] // amount for name, amount in asked.items() if name in left) for left in nodes)
    return max(counts, default=0)


def _too_old(context: Context) -> str:
    """Version of the cluster if no API of it takes claims; empty for one that does, or if it is not known."""
    versions = {cluster.version for cluster in context.clusters}
    return next((each for each in versions if len(versions) == 1 and each and minor_of(each) < DRA_SINCE), "")


def _unmet(context: Context, pods: Sequence[Pod], having: Sequence[str]) -> str:
    """Why none of the pools that have such devices has those that a pod claims; empty if one has them."""
    rooms = [room for room in context.rooms if room.pool.name in having]
    for pod in pods:
        verdicts = [(room.pool.name, room.verdict(pod)) for room in rooms]
        if verdicts and not any(found.admits for _, found in verdicts):
            return "; ".join(f"{name}: {found.reason}" for name, found in verdicts)
    return ""


@check(
    "dra-driver-reaches-claimed-pools",
    subject="pool that takes pods with claims of NVIDIA GPUs",
    fix="install NVIDIA's DRA driver, let it tolerate the taints of the pool, and label the nodes that it runs on",
    relies_on=("software", "pods"),
    sources=(
        sources.DRA_DRIVER,
        sources.LAB,
    ),
)
def driver_reaches(context: Context) -> Iterator[Said]:
    """A node starts for the claim, and the pod stays Pending: without the DRA driver nobody publishes the node's GPUs.

    Karpenter never takes such a node for initialized, so it does not remove it either: one node stays, and costs money.
    Nodes of Auto Mode have the driver from Kubernetes 1.36 on. A file or chart that the plan cannot read may bring the
    driver: then there is no verdict.
    """
    claiming = [each for each in context.workloads if devices_claimed(each.pod) and not each.daemon]
    for pool in context.pools:
        takers = {
            verdict_.pool for each in claiming for verdict_ in context.verdicts.get(each.urn, ()) if verdict_.admits
        }
        if pool.name not in takers or pool.accelerator != "nvidia" or pool.backend == AUTO_MODE:
            continue
        if drivers := dra_drivers(context, pool):
            yield verdict(pool.name, None, f"{', '.join(drivers)} runs on every node")
        elif unread := ", ".join(may_bring(context.unread, *_LIKE_A_DRIVER)):
            yield no_verdict(pool.name, f"no DRA driver was read, but {unread} may bring it")
        elif not context.of_another_stack:
            said = "a node comes for the claim of a pod, is never initialized, and stays: no DRA driver runs there"
            yield verdict(pool.name, Problem(said), "")


@check(
    "shared-gpus-agree-with-the-driver",
    subject="EC2NodeClass whose GPUs claims share",
    fix="give the driver's chart featureGates.ConsumableShares and consumableShares with the value of the annotation",
    relies_on=("software",),
    sources=(
        sources.KARPENTER_DRA,
        sources.DRA_DRIVER,
    ),
)
def shares_agree(context: Context) -> Iterator[Said]:
    """Pods stay Pending, or each gets a node of its own: Karpenter plans otherwise than the driver shares.

    Karpenter plans by the annotation of the class, and the scheduler by what the driver publishes.
    """
    releases = [release for release in context.software if release.chart in DRA_DRIVERS]
    for _, manifest in kubernetes_objects(context.graph) if releases else ():
        group = str(manifest["apiVersion"]).partition("/")[0]
        told = str(part(manifest, "metadata", "annotations").get(SHARES_ANNOTATION) or "")
        if (group, manifest["kind"]) != (KARPENTER_GROUP, "EC2NodeClass") or told in _NOT_SHARED:
            continue
        does = {gpu_shares(release) for release in releases}
        problem = None if told in does else Problem(f"its annotation says {told}, and the driver {', '.join(does)}")
        yield verdict(subject(manifest), problem, f"both say {told}")
