"""Admission: which pools take a pod, or the first rule that rejects it, in the order of the scheduler's filters.

Source: kube-scheduler 1.35, filter plugins NodeName, TaintToleration, NodeAffinity and NodeResourcesFit.
"""

from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from eks_gpu.cost.devices import unclaimable, unstarted
from eks_gpu.graph.graph import Graph
from eks_gpu.graph.unknown import Asked, listening, tell
from eks_gpu.pods.claims import DEVICES
from eks_gpu.pods.demand import Workload
from eks_gpu.pods.pod import Pod, Toleration
from eks_gpu.pods.quantities import CPU, EPHEMERAL_STORAGE, HUGE_PAGES, MEMORY, MIB, PODS, amount, whole_units, written
from eks_gpu.pods.reasons import NOTHING, Reason, Rule
from eks_gpu.pods.selection import granted, unselected
from eks_gpu.pools import fargate_profile
from eks_gpu.pools.autoscaler_template import node_at_zero
from eks_gpu.pools.cluster_of import Owners, same_cluster
from eks_gpu.pools.karpenter_node import KNOWN_RESOURCES
from eks_gpu.pools.pool import AUTO_MODE, FARGATE, KARPENTER, Candidate, Pool
from eks_gpu.pools.software import addon_requests, device_plugin_pods, exporter_pods, pods_of_eks
from eks_gpu_components.catalog import DEVICE_RESOURCES, HARD_EFFECTS, CapacityType, InstanceType, Taint, allocatable
from eks_gpu_components.catalog.narrowing import offering, why_empty
from eks_gpu_components.catalog.scheduling import EFA_RESOURCE

ACCELERATOR_RESOURCES = tuple(resource for resources in DEVICE_RESOURCES.values() for resource in resources)
"""What a pod asks for that wants an accelerator: whole devices, or cores of Neuron devices."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a pool takes a pod; `reason` is empty when it does, else the rule with the values of both."""

    pool: str
    admits: bool
    reason: Reason = NOTHING

    def as_json(self) -> dict[str, Any]:
        """The row that `explain` prints."""
        return {"pool": self.pool, "admits": self.admits, "reason": self.reason}


@dataclass(frozen=True)
class Room:
    """A pool and the resources that each of its nodes has for workloads, without those of kubelet, DaemonSets and
    add-ons.
    """

    pool: Pool
    daemons: tuple[Pod, ...] = ()
    """DaemonSets of the stack; some of them run on this pool's nodes."""
    taken: Mapping[str, int] | None = None
    """The resources that add-ons take on every node."""

    def verdict(self, pod: Pod, cluster: str = "") -> Verdict:
        """The verdict on a pod: rejected if the pool can start no node, or only nodes that do not fit the pod.

        `cluster` is the pod's; one that is not known, empty, is any.
        """
        if not same_cluster(cluster, self.pool.cluster):
            return Verdict(self.pool.name, False, self._elsewhere(cluster))
        if self.pool.backend == FARGATE:
            reason = fargate_profile.rejection(self.pool, pod)
            return Verdict(self.pool.name, not reason, reason)
        if pod.shape not in self._verdicts:
            with listening(alone=True) as heard:
                reason = self._rejection(pod)
            self._verdicts[pod.shape] = Verdict(self.pool.name, not reason, reason), frozenset(heard)
        verdict, asked = self._verdicts[pod.shape]
        tell(asked)
        return verdict

    @cached_property
    def parts(self) -> tuple["Room", ...]:
        """The room of each part of the pool, in the order in which Karpenter takes them."""
        found = self.pool.parts
        return (self,) if found == (self.pool,) else tuple(replace(self, pool=part) for part in found)

    def reasons(self, pod: Pod, cluster: str = "") -> tuple[Reason, ...]:
        """Every rule by which the pool rejects the pod, that of the verdict first; empty if it takes the pod."""
        first = self.verdict(pod, cluster).reason
        if not first or first.rule is Rule.CLUSTER:
            return (first,) if first else ()
        found = [first]
        for reason in self._further(pod):
            if (reason.rule, reason.subject) not in {(each.rule, each.subject) for each in found}:
                found.append(reason)
        return tuple(found)

    def _further(self, pod: Pod) -> Iterator[Reason]:
        """Taints, labels and resources, each as if no other rule rejected the pod."""
        for taint in self.pool.hard_taints:
            if reason := untolerated(pod, [taint]):
                yield reason
        if self.pool.emptied or not self.pool.candidates or self.pool.max_nodes == 0:
            return
        free = replace(pod, node_name="", tolerations=(Toleration(operator="Exists"),))
        yield from filter(None, [self._rejection(replace(free, requests={}))])
        left = replace(free, node_selector={}, node_affinity=None)
        while reason := self._rejection(left):
            yield reason
            if reason.subject not in left.requests:
                return
            left = replace(left, requests={key: it for key, it in left.requests.items() if key != reason.subject})

    @cached_property
    def _verdicts(self) -> dict[Hashable, tuple[Verdict, frozenset[Asked]]]:
        return {}

    @cached_property
    def _suits(self) -> dict[Hashable, bool]:
        return {}

    def _elsewhere(self, cluster: str) -> Reason:
        return Reason(f"its nodes join cluster {self.pool.cluster}, and the pod is of {cluster}", Rule.CLUSTER)

    def suits(self, candidate: Candidate, pod: Pod) -> bool:
        """Whether an empty node of this kind fits the pod, apart from taints."""
        key = (candidate.instance_type.name, candidate.zone, candidate.capacity_type, pod.shape)
        if key not in self._suits:
            self._suits[key] = not self._rejection_by(candidate, pod)
        return self._suits[key]

    def _rejection(self, pod: Pod) -> Reason:
        pool = self.pool
        if pool.emptied:
            return Reason(pool.emptied.says, Rule.TYPES, requirement=pool.emptied.culprits[0].path)
        if not pool.types:
            named = ", ".join(pool.instance_types) or "it names none"
            return Reason(f"no instance type of the pool is known: {named}", Rule.TYPES)
        if pool.max_nodes == 0:
            return Reason(pool.starts_none or "the pool's maximum is 0 nodes", Rule.SIZE)
        if pod.node_name:
            return Reason(f"the pod names its node itself, {pod.node_name}", Rule.NODE_NAME)
        if reason := untolerated(pod, pool.hard_taints):
            return reason
        if reason := unstarted(pod, pool):
            return reason
        if not pool.candidates:
            return Reason(f"no zone of the pool offers {' or '.join(pool.instance_types)}", Rule.ZONE)
        return self._rejection_by_group(pod) if pool.chooses_node_itself else self._rejection_by_node_pool(pod)

    def _rejection_by_group(self, pod: Pod) -> Reason:
        """EC2 chooses the node without looking at the pod, so every possible node must fit the pod."""
        for candidate in self.pool.candidates:
            if reason := self._rejection_by(candidate, pod):
                return _of_several(self.pool, candidate, reason)
        return self._rejection_at_zero(pod)

    def _rejection_at_zero(self, pod: Pod) -> Reason:
        """The autoscaler starts the first node of an empty group only for a pod that fits the node that it expects."""
        expected = node_at_zero(self.pool) if self.pool.starts_empty else None
        if expected is None:
            return NOTHING
        hard = [taint for taint in expected.taints if taint.effect in HARD_EFFECTS]
        free = Counter({PODS: 0, **{name: whole_units(name, value) for name, value in expected.resources.items()}})
        for daemon in self.daemons:
            if not untolerated(daemon, hard) and not unselected(daemon, expected.labels):
                free.subtract({name: amount_ for name, amount_ in daemon.requests.items() if name in free})
        first = f"{self.pool.types[0].name} that the autoscaler expects"
        storage = {EPHEMERAL_STORAGE: 0} if EPHEMERAL_STORAGE not in free else {}
        reason = untolerated(pod, hard) or unselected(pod, expected.labels) or unfit(pod, free | storage, first)
        return reason and Reason(f"while the group is empty, {reason}", Rule.TEMPLATE, reason.subject)

    def _rejection_by_node_pool(self, pod: Pod) -> Reason:
        """Karpenter looks at the pod first: one fitting type is enough, or as many as the pool's minValues require."""
        suiting: list[Candidate] = []
        reason = NOTHING
        for candidate in self.pool.candidates:
            unsuited, selected = self._judged(candidate, pod)
            if not unsuited:
                if not self.pool.min_values:
                    return NOTHING
                suiting.append(candidate)
            elif selected or not reason:  # the largest that the pod selects tells most
                reason = unsuited
        if suiting:
            return _too_few_values(self.pool, suiting)
        kinds = len(self.pool.types)
        reason = _by_requirement(self.pool, reason)
        return reason if kinds == 1 else reason.within(f"none of its {kinds} instance types suits")

    def _rejection_by(self, candidate: Candidate, pod: Pod) -> Reason:
        return self._judged(candidate, pod)[0]

    def _judged(self, candidate: Candidate, pod: Pod) -> tuple[Reason, bool]:
        """Why the node does not suit, empty when it does; and whether it is one that the pod selects."""
        reserved = self.pool.reserved_labels if candidate.capacity_type == CapacityType.RESERVED else ()
        free = (*self.pool.chosen_labels, *reserved)
        unlike = [unselected(pod, candidate.labels | chosen) for chosen in granted(free, pod)]
        if all(unlike):
            return unlike[0], False
        row = candidate.instance_type
        blocked = self.pool.limits.blocked_by(row) if self.pool.limits else ""
        if blocked:
            return Reason(f"one {row.name} is beyond its limit of {blocked}", Rule.LIMIT, blocked), True
        return unclaimable(pod, self.pool, row) or self._unfit(candidate, pod), True

    def _unfit(self, candidate: Candidate, pod: Pod) -> Reason:
        row = candidate.instance_type
        unknown = {*(self.pool.node.unknown if self.pool.node else ()), DEVICES}
        reason = unfit(pod, self.left(candidate), row.name, unknown)
        if reason.subject == PODS and (most := node_resources(self.pool, row)[PODS]) >= 0:
            taken = f"of {most} pod{'s' * (most != 1)} that an empty {row.name} takes, DaemonSets take all"
            return Reason(taken, reason.rule, PODS)
        if self.pool.node and reason.rule is Rule.RESOURCE:
            return self._untold(row, pod, reason)
        other = row.accelerator and reason.subject not in row.accelerator.offered
        if not self.pool.chooses_node_itself or reason.subject not in ACCELERATOR_RESOURCES or not other:
            return reason
        return Reason(f"{reason}: {offering(reason.subject).why_not(row)}", reason.rule, reason.subject)

    def _untold(self, row: InstanceType, pod: Pod, reason: Reason) -> Reason:
        """The reason with what Karpenter does not know of the node, and why no NodeOverlay says it."""
        resource, said = reason.subject, str(reason)
        nowhere = self.pool.node is not None and resource not in {*KNOWN_RESOURCES, *self.pool.node.capacity(row)}
        if nowhere:
            said = f"Karpenter knows of no instance type that has {resource}, so it starts no node for it"
        overlay = self.pool.overlaid.why_not(resource, pod.requests.get(resource, 1))
        if nowhere and not overlay and self.pool.backend == KARPENTER:
            overlay = "a NodeOverlay can say that nodes have it"
        return Reason("; ".join(filter(None, (said, overlay))), reason.rule, resource)

    @cached_property
    def _left(self) -> dict[tuple[str, str, str], Mapping[str, int]]:
        return {}

    def left(self, candidate: Candidate) -> Mapping[str, int]:
        """Resource to amount: CPU in millicores, memory and storage in MiB, the rest in ones."""
        key = (candidate.instance_type.name, candidate.zone, candidate.capacity_type)
        if key not in self._left:
            self._left[key] = self._left_of(candidate)
        return self._left[key]

    def _left_of(self, candidate: Candidate) -> Mapping[str, int]:
        row = candidate.instance_type
        left = Counter(node_resources(self.pool, candidate.instance_type))
        left.subtract(self.taken or {})
        if row.gpus and self.pool.gpu_shares:
            left[DEVICES] = row.gpus * self.pool.gpu_shares
        labels = candidate.labels | dict(self.pool.late_labels)
        for daemon in self.daemons:
            if not untolerated(daemon, self.pool.hard_taints) and not unselected(daemon, labels):
                left.subtract({**daemon.requests, PODS: 1})
        return left


def node_resources(pool: Pool, row: InstanceType) -> dict[str, int]:
    """What a new node offers. A resource that a tag states overrides the type's: a shared GPU counts several times."""
    if pool.node:
        return dict(pool.node.allocatable(row))
    resources = {**allocatable(row), **pool.devices_of(row)}
    if row.efa and pool.template and (told := pool.template.resources.get(EFA_RESOURCE)):
        resources[EFA_RESOURCE] = min(row.efa_interfaces, _stated(EFA_RESOURCE, told))
    for name, told in pool.template.resources.items() if pool.template else ():
        if name.startswith(HUGE_PAGES):  # user data or the image sets them aside, of the node's memory
            resources[name] = _stated(name, told)
            resources[MEMORY] = max(0, resources[MEMORY] - resources[name] // MIB)
    if pool.instance_store and row.instance_store_gb:
        resources[EPHEMERAL_STORAGE] = _usable_mib(int(row.instance_store_gb * 1e9 / 2**30))
    elif disk := pool.images_disk:
        resources[EPHEMERAL_STORAGE] = _usable_mib(disk.gib)
    return resources


def _stated(resource: str, text: str) -> int:
    """What a tag says; to the autoscaler a tag that it cannot read is none."""
    try:
        return amount(resource, text)
    except ValueError:
        return 0


def _usable_mib(gib: int) -> int:
    """What a disk leaves pods: kubelet evicts at 10 % free and keeps 1 GiB. Source: amazon-eks-ami, nodeadm."""
    return max(0, gib * 9 // 10 - 1) * 1024


def _of_several(pool: Pool, candidate: Candidate, reason: Reason) -> Reason:
    """Says that the group may bring another kind of node, where that decides."""
    if len(pool.candidates) == 1:
        return reason
    node = f"{candidate.instance_type.name} in {candidate.zone}" if candidate.zone else candidate.instance_type.name
    return reason.within(f"the group may bring {node}")


def _by_requirement(pool: Pool, reason: Reason) -> Reason:
    """Names the requirement by which no node offers the accelerator, if the pool is for accelerators."""
    resource = reason.subject
    if reason.rule is not Rule.RESOURCE or resource not in ACCELERATOR_RESOURCES or not is_for_accelerators(pool):
        return reason
    if any(row.accelerator and row.accelerator.offered.get(resource) for row in pool.types):
        return reason
    found = why_empty(pool.requirements, pool.narrowed, offering(resource))
    if found is None:
        return reason
    return Reason(f"{reason}: {found.says}", reason.rule, resource, found.culprits[0].path)


def is_for_accelerators(pool: Pool) -> bool:
    """Whether its types, limits or taints say so."""
    named = {*(pool.limits.amounts if pool.limits else ()), *(taint.key for taint in pool.taints)}
    return bool(pool.accelerator) or not named.isdisjoint(ACCELERATOR_RESOURCES)


def _too_few_values(pool: Pool, suiting: Sequence[Candidate]) -> Reason:
    """Karpenter starts nothing where fewer values are left than a requirement's minValues."""
    for key, least in pool.min_values:
        found = {candidate.labels.get(key) for candidate in suiting}
        if len(found) < least:
            wanted = f"the pool wants {least} values of {key} to choose among"
            return Reason(f"{wanted}, and {len(found)} suit the pod", Rule.VALUES, key)
    return NOTHING


# --- taints ----------------------------------------------------------------------------------------------------------


def untolerated(pod: Pod, taints: Sequence[Taint]) -> Reason:
    """Why a hard taint keeps the pod away; empty when none does."""
    for taint in taints:
        if not any(tolerates(toleration, taint) for toleration in pod.tolerations):
            return Reason(f"pod does not tolerate taint {taint.for_kubelet()}", Rule.TAINT, taint.key)
    return NOTHING


def tolerates(toleration: Toleration, taint: Taint) -> bool:
    """An empty effect or, with Exists, an empty key matches all; Equal, the default, wants the same value."""
    if toleration.effect and toleration.effect != taint.effect:
        return False
    if toleration.key and toleration.key != taint.key:
        return False
    if toleration.operator == "Exists":
        return True
    return bool(toleration.key) and toleration.operator == "Equal" and toleration.value == taint.value


# --- resources -------------------------------------------------------------------------------------------------------


def unfit(pod: Pod, left: Mapping[str, int], node: str, unknown: Collection[str] = ()) -> Reason:
    """Which resource is too small on an empty node; empty when all suffice.

    Storage counts only where it is known, and so does each resource that is `unknown`.
    """
    for resource, wanted in {PODS: 1, **pod.requests}.items():
        if resource not in left and (resource == EPHEMERAL_STORAGE or resource in unknown):
            continue
        has = max(0, left.get(resource, 0))
        if wanted > has:
            what = "memory" if resource == MEMORY else "CPU" if resource == CPU else resource
            needs = f"pod needs {written(resource, wanted)} of {what}"
            return Reason(f"{needs}, an empty {node} has {written(resource, has)}", Rule.RESOURCE, resource)
    return NOTHING


def rooms(pools: Iterable[Pool], daemons: Iterable[Pod], addons: Iterable[Mapping[str, int]]) -> list[Room]:
    """Each pool with what DaemonSets and add-ons leave of its nodes."""
    taken: Counter[str] = Counter()
    for requests in addons:
        taken.update({**requests, PODS: 1})
    daemons = tuple(daemons)
    return [Room(pool, daemons, taken) for pool in pools]


def rooms_of_clusters(pools: Iterable[Pool], workloads: Sequence[Workload], graph: Graph) -> list[Room]:
    """The same for a stack of one or more clusters: each pool with the DaemonSets and add-ons of its own."""
    owners = Owners(graph)
    plugins = [(owners.at(urn), pod) for urn, pod in (*device_plugin_pods(graph), *exporter_pods(graph))]
    daemons = [*((found.cluster, found.pod) for found in workloads if found.daemon), *plugins]
    return [
        room
        for pool in pools
        for room in rooms(
            [pool],
            (pod for cluster, pod in daemons if same_cluster(cluster, pool.cluster)),
            [*addon_requests(graph, pool.cluster), *_of_eks(graph, pool)],
        )
    ]


def _of_eks(graph: Graph, pool: Pool) -> list[Mapping[str, int]]:
    """Pods that run on each node without a word of the stack: not on Auto Mode, which has them in its image."""
    return [] if pool.backend == AUTO_MODE else [{}] * pods_of_eks(graph, pool.cluster)
