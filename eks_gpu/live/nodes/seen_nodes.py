"""Nodes as they are seen: each with its pool, its price, its accelerators, and the pods on it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from functools import cached_property
from math import ceil
from typing import Any

from eks_gpu.karpenter.objects import part
from eks_gpu.live.cluster import Manifest
from eks_gpu.live.kinds import NODE, NODE_CLAIM, POD, RESOURCE_CLAIM
from eks_gpu.live.moments import moment
from eks_gpu.live.nodes.machines import Group, Instance, Machines
from eks_gpu.live.observed import Observed
from eks_gpu.pods.pod import pod_from_template
from eks_gpu.pods.quantities import quantity
from eks_gpu.pools.pool import AUTO_MODE, AUTO_SCALING_GROUP, FARGATE, KARPENTER, MANAGED_NODE_GROUP
from eks_gpu.pools.prices import auto_mode_surcharge, on_demand_price, spot_price
from eks_gpu.pools.type_facts import known_type
from eks_gpu_components.catalog import (
    AUTO_MODE_GROUP,
    CAPACITY_TYPE_LABEL,
    COMPUTE_TYPE_LABEL,
    DEVICE_RESOURCES,
    EKS_CAPACITY_TYPE_LABEL,
    INSTANCE_TYPE_LABEL,
    MIRROR_ANNOTATION,
    NODE_GROUP_LABEL,
    NODE_POOL_LABEL,
    ZONE_LABEL,
    CapacityType,
    UnknownInstanceType,
)
from eks_gpu_components.catalog.scheduling import device_of

DEVICES = frozenset(name for names in DEVICE_RESOURCES.values() for name in names)
_DRIVERS = ("gpu.nvidia.com", "mig.nvidia.com", "gpu.amd.com", "neuron.aws.com", "gpu.habana.ai")
"""DRA drivers of accelerators."""
_AWS = "aws:///"
"""What the provider's id of a node begins with whose instance EC2 knows."""


@dataclass(frozen=True)
class SeenPod:
    """One pod that is bound to a node."""

    manifest: Manifest = field(repr=False)

    @property
    def name(self) -> str:
        """`namespace/name`."""
        return f"{self.namespace}/{self.manifest['metadata']['name']}"

    @property
    def namespace(self) -> str:
        """Its namespace."""
        return str(self.manifest["metadata"].get("namespace", "default"))

    @property
    def annotations(self) -> Mapping[str, str]:
        """Those of its metadata."""
        return self.manifest["metadata"].get("annotations") or {}

    @property
    def labels(self) -> Mapping[str, str]:
        """Those of its metadata."""
        return self.manifest["metadata"].get("labels") or {}

    @property
    def owner(self) -> str:
        """Kind of its controller; empty for a pod that stands for itself."""
        owners = self.manifest["metadata"].get("ownerReferences") or ()
        return next((each["kind"] for each in owners if each.get("controller")), "")

    @property
    def is_mirror(self) -> bool:
        """Whether the kubelet makes it from a file."""
        return self.owner == "Node" or MIRROR_ANNOTATION in self.annotations

    @property
    def has_ended(self) -> bool:
        """Whether it has run to its end, well or not."""
        return self.manifest.get("status", {}).get("phase") in ("Succeeded", "Failed")

    @property
    def deleted_at(self) -> datetime | None:
        """When its grace period ends, once somebody has deleted it."""
        return moment(self.manifest["metadata"].get("deletionTimestamp"))

    @property
    def is_active(self) -> bool:
        """Whether it has neither ended nor been deleted."""
        return not self.has_ended and self.deleted_at is None

    @property
    def counts(self) -> bool:
        """Whether a node with it is not empty, for Karpenter as for the autoscaler."""
        return not self.has_ended and self.owner != "DaemonSet" and not self.is_mirror

    @cached_property
    def devices(self) -> Mapping[str, int]:
        """Accelerators that it asks for, by resource."""
        try:
            requests = pod_from_template(self.manifest).requests
        except ValueError:  # no API server takes such a pod
            return {}
        return {name: number for name, number in requests.items() if is_device(name)}

    @property
    def has_claims(self) -> bool:
        """Whether it asks for devices by ResourceClaims."""
        return bool(part(self.manifest, "spec").get("resourceClaims"))

    def tolerates(self, key: str, effect: str = "NoSchedule") -> bool:
        """Whether a taint with the key, whatever its value, keeps it nowhere."""
        return any(
            (not each.get("key") or each["key"] == key)
            and each.get("effect", effect) in ("", effect)
            and (each.get("operator") == "Exists" or bool(each.get("key")))
            for each in part(self.manifest, "spec").get("tolerations") or ()
        )


@dataclass(frozen=True)
class SeenNode:
    """A node; or a NodeClaim or an instance that is to become one."""

    name: str
    """The Node's; else the NodeClaim's or the instance's id."""
    pool: str | None
    """None where nothing tells."""
    backend: str | None
    """A key of `BACK_ENDS`, None for a node that is in no pool."""
    instance_type: str
    capacity_type: str
    """Empty where nothing tells, as before a launch; the price is then unknown."""
    zone: str
    since: datetime
    """When it was made."""
    gpus: int
    """Accelerators, of any maker."""
    gpus_used: int
    """Those that pods hold, rounded up."""
    hourly: float | None
    """USD; None without a known price."""
    estimate: bool
    """Whether the price is an estimate, as that of Spot is."""
    node: Manifest | None = field(default=None, repr=False)
    claim: Manifest | None = field(default=None, repr=False)
    group: Group | None = None
    instance: Instance | None = None
    pods: tuple[SeenPod, ...] = field(default=(), repr=False)

    @property
    def taints(self) -> list[Mapping[str, Any]]:
        """The Node's."""
        return list(part(self.node or {}, "spec").get("taints") or ())

    def taint(self, key: str) -> Mapping[str, Any] | None:
        """The Node's taint with this key."""
        return next((each for each in self.taints if each.get("key") == key), None)

    @property
    def annotations(self) -> Mapping[str, str]:
        """The Node's, before there is one those of its NodeClaim."""
        return (self.node or self.claim or {"metadata": {}})["metadata"].get("annotations") or {}

    @property
    def is_ready(self) -> bool:
        """Whether its kubelet says so."""
        return any(
            each["type"] == "Ready" and each["status"] == "True"
            for each in part(self.node or {}, "status").get("conditions") or ()
        )

    @property
    def has_accelerators(self) -> bool:
        """Whether its type or its devices say so."""
        return self.gpus > 0

    @property
    def counted(self) -> list[SeenPod]:
        """Pods with which it is not empty."""
        return [pod for pod in self.pods if pod.counts]

    @property
    def gpu_pods(self) -> list[SeenPod]:
        """Those of them that ask for accelerators, by a number or by a claim."""
        return [pod for pod in self.counted if pod.devices or (pod.has_claims and self.has_accelerators)]

    @property
    def idle(self) -> bool:
        """Whether it is a node, and no pod uses what it is paid for: its accelerators, or, without any, itself."""
        return self.node is not None and not (self.gpu_pods if self.has_accelerators else self.counted)

    def condition(self, type_: str) -> Mapping[str, Any] | None:
        """A condition of its NodeClaim."""
        rows = part(self.claim or {}, "status").get("conditions") or ()
        return next((each for each in rows if each["type"] == type_), None)

    def is_condition(self, type_: str) -> bool:
        """Whether a condition of its NodeClaim is True."""
        return (self.condition(type_) or {}).get("status") == "True"

    @cached_property
    def idle_since(self) -> datetime | None:
        """The latest moment at which a pod came or went, where the API tells one and the node is idle: it is idle for
        that long at least.
        """
        if not self.idle:
            return None
        if self.claim:
            told = part(self.claim, "status").get("lastPodEventTime")
            return moment(told) or moment((self.condition("Initialized") or {}).get("lastTransitionTime"))
        marked = self.taint(DELETION_CANDIDATE)
        second = str((marked or {}).get("value", ""))
        return datetime.fromtimestamp(int(second), self.since.tzinfo) if second.isdigit() else None


DELETION_CANDIDATE, TO_BE_DELETED = "DeletionCandidateOfClusterAutoscaler", "ToBeDeletedByClusterAutoscaler"
"""Taints of the autoscaler, whose values are the second at which it set them. Source: its utils/taints, 1.33."""


def is_device(resource: str) -> bool:
    """Whether a resource is an accelerator, or a part of one."""
    return device_of(resource) in DEVICES


def seen_nodes(observed: Observed, found: Machines, region: str) -> list[SeenNode]:
    """Every node, NodeClaim without a node, and instance without either, in the order of pools and ages."""
    on: dict[str, list[SeenPod]] = {}
    for pod in observed.of(POD):
        if name := pod["spec"].get("nodeName"):
            on.setdefault(name, []).append(SeenPod(pod))
    claims = {part(each, "status").get("nodeName") or "": each for each in observed.of(NODE_CLAIM)}
    by_id = {part(each, "status").get("providerID") or "": each for each in observed.of(NODE_CLAIM)}
    devices = _devices_by_claims(observed)
    seen: list[SeenNode] = []
    for node in observed.of(NODE):
        name, provider = node["metadata"]["name"], part(node, "spec").get("providerID") or ""
        claim = claims.get(name) or (by_id.get(provider) if provider else None)
        seen.append(_node(node, claim, found, tuple(on.get(name, ())), region, devices.get(name, 0)))
    taken = {each.claim["metadata"]["name"] for each in seen if each.claim}
    coming = [each for each in observed.of(NODE_CLAIM) if each["metadata"]["name"] not in taken]
    seen += [_node(None, claim, found, (), region) for claim in coming]
    known = {instance_of(each.node or each.claim) for each in seen}
    seen += [_instance(each, found, region) for each in (found.instances or {}).values() if each.id not in known]
    return sorted(seen, key=lambda each: (each.pool is None, each.pool or "", each.since, each.name))


def instance_of(manifest: Manifest | None) -> str:
    """The id of its instance; empty where it has none."""
    told = manifest or {}
    provider = part(told, "spec").get("providerID") or part(told, "status").get("providerID") or ""
    return str(provider).rpartition("/")[2]


def is_known_to_ec2(node: Manifest) -> bool:
    """Whether its instance is one of EC2's."""
    return str(part(node, "spec").get("providerID") or "").startswith(_AWS)


def _node(
    node: Manifest | None,
    claim: Manifest | None,
    found: Machines,
    pods: tuple[SeenPod, ...],
    region: str,
    by_claims: int = 0,
) -> SeenNode:
    told = node or claim or {}
    labels: Mapping[str, str] = told["metadata"].get("labels") or {}
    group = found.group_of(instance_of(node)) if node else None
    instance = (found.instances or {}).get(instance_of(told))
    name = labels.get(INSTANCE_TYPE_LABEL, "")
    capacity_type = _capacity_type(labels) or (instance.capacity_type if instance else "")
    pool, backend = _pool(labels, claim, group)
    zone = labels.get(ZONE_LABEL, "")
    hourly, estimate = hourly_of(name, capacity_type, zone, backend, region)
    allocatable = part(told, "status").get("allocatable") or part(told, "status").get("capacity") or {}
    devices = {key: quantity(value) for key, value in allocatable.items() if is_device(key)}
    gpus = _gpus(devices, name)
    return SeenNode(
        name=str(
            part(told, "status").get("nodeName") or told["metadata"]["name"]
        ),  # a claim names its node until both are gone
        pool=pool,
        backend=backend,
        instance_type=name,
        capacity_type=capacity_type,
        zone=zone,
        since=datetime.fromisoformat(told["metadata"]["creationTimestamp"]),
        gpus=gpus,
        gpus_used=min(gpus, _used(devices, gpus, pods) + by_claims),
        hourly=hourly,
        estimate=estimate,
        node=node,
        claim=claim,
        group=group,
        instance=instance,
        pods=pods,
    )


def _instance(instance: Instance, found: Machines, region: str) -> SeenNode:
    group = found.group_of(instance.id)
    backend = (MANAGED_NODE_GROUP if group.node_group else AUTO_SCALING_GROUP) if group else None
    hourly, estimate = hourly_of(instance.instance_type, instance.capacity_type, instance.zone, backend, region)
    return SeenNode(
        name=instance.id,
        pool=group.pool if group else instance.tags.get(NODE_POOL_LABEL),
        backend=backend,
        instance_type=instance.instance_type,
        capacity_type=instance.capacity_type,
        zone=instance.zone,
        since=instance.started,
        gpus=_gpus({}, instance.instance_type),
        gpus_used=0,
        hourly=hourly,
        estimate=estimate,
        group=group,
        instance=instance,
    )


def _pool(labels: Mapping[str, str], claim: Manifest | None, group: Group | None) -> tuple[str | None, str | None]:
    if pool := labels.get(NODE_POOL_LABEL):
        of_eks = part(claim or {}, "spec", "nodeClassRef").get("group") == AUTO_MODE_GROUP
        return pool, AUTO_MODE if of_eks or labels.get(COMPUTE_TYPE_LABEL) == "auto" else KARPENTER
    if labels.get(COMPUTE_TYPE_LABEL) == "fargate":
        return None, FARGATE
    if pool := labels.get(NODE_GROUP_LABEL):
        return pool, MANAGED_NODE_GROUP
    return (group.pool, AUTO_SCALING_GROUP) if group else (None, None)


def _capacity_type(labels: Mapping[str, str]) -> str:
    if eks := labels.get(EKS_CAPACITY_TYPE_LABEL):
        try:
            return CapacityType.from_eks(eks)
        except ValueError:
            return ""
    return labels.get(CAPACITY_TYPE_LABEL, "")


def hourly_of(name: str, capacity_type: str, zone: str, backend: str | None, region: str) -> tuple[float | None, bool]:
    """USD an hour of one node without its disks, and whether that is an estimate. Reserved capacity is paid for whether
    or not a node uses it, and so adds nothing.
    """
    if not capacity_type:
        return None, False
    try:
        surcharge = auto_mode_surcharge(name, region) if backend == AUTO_MODE else None
        more = surcharge.hourly if surcharge else 0.0
        if capacity_type == CapacityType.RESERVED:
            return more, False
        spot = capacity_type == CapacityType.SPOT
        price = spot_price(name, region, [zone] if zone else ()) if spot else on_demand_price(name, region)
    except UnknownInstanceType:
        return None, False
    return (price.hourly + more, price.estimate) if price else (None, False)


def _gpus(devices: Mapping[str, Fraction], name: str) -> int:
    """Whole devices that the node has registered, else those of its type."""
    for names in DEVICE_RESOURCES.values():
        if number := devices.get(names[0]):
            return int(number)
    row = known_type(name)
    return row.accelerators if row else 0


def _used(devices: Mapping[str, Fraction], gpus: int, pods: Iterable[SeenPod]) -> int:
    """Devices that pods hold: of each resource its share of the node."""
    share = Fraction()
    for pod in pods:
        if not pod.has_ended:
            share += sum((Fraction(number) / devices[name] for name, number in _held(pod, devices)), Fraction())
    return ceil(share * gpus)


def _held(pod: SeenPod, devices: Mapping[str, Fraction]) -> Iterator[tuple[str, int]]:
    yield from ((name, number) for name, number in pod.devices.items() if devices.get(name))


def _devices_by_claims(observed: Observed) -> dict[str, int]:
    """Devices that ResourceClaims hold, by the node, which is the name of its drivers' pools."""
    held: dict[str, int] = {}
    for claim in observed.of(RESOURCE_CLAIM):
        status = part(claim, "status")
        if status.get("reservedFor"):
            for row in part(status, "allocation", "devices").get("results") or ():
                if str(row.get("driver", "")).startswith(_DRIVERS):
                    held[str(row.get("pool"))] = held.get(str(row.get("pool")), 0) + 1
    return held
