"""Admission: which pools take a pod, and the first rule that rejects it, as the scheduler's filters would.

Source: kube-scheduler 1.35, filter plugins NodeName, TaintToleration, NodeAffinity and NodeResourcesFit.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from eks_gpu_components.catalog import GPU_RESOURCE, NEURON_RESOURCE, InstanceType, Taint, allocatable

from .pods import Expression, Pod, Term, Toleration
from .pools import Candidate, Pool
from .quantities import CPU, EPHEMERAL_STORAGE, MEMORY, PODS, amount, written

ACCELERATOR_RESOURCES = (GPU_RESOURCE, NEURON_RESOURCE)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a pool takes a pod; `reason` is empty when it does, else the rule with the values of both."""

    pool: str
    admits: bool
    reason: str = ""

    def as_json(self) -> dict[str, Any]:
        """The row that `explain` prints."""
        return {"pool": self.pool, "admits": self.admits, "reason": self.reason}


@dataclass(frozen=True)
class Room:
    """A pool and what every node of it has left for workloads: less kubelet's share, DaemonSets and add-ons."""

    pool: Pool
    daemons: tuple[Pod, ...] = ()
    """DaemonSets of the stack, of which some land here."""
    taken: Mapping[str, int] | None = None
    """What add-ons take of every node."""

    def verdict(self, pod: Pod) -> Verdict:
        """Rejected when the pool has no node to give, or when a node that it may bring does not suit the pod."""
        reason = self._rejection(pod)
        return Verdict(self.pool.name, not reason, reason)

    def _rejection(self, pod: Pod) -> str:
        pool = self.pool
        if pool.max_nodes == 0:
            return "the pool's maximum is 0 nodes"
        if pod.node_name:
            return f"the pod names its node itself, {pod.node_name}"
        if reason := untolerated(pod, pool.hard_taints):
            return reason
        if not pool.candidates:
            return f"no instance type of the pool is known: {', '.join(pool.instance_types) or 'it names none'}"
        reasons: list[str] = []
        for candidate in pool.candidates:
            reason = self._rejection_by(candidate, pod)
            if reason and pool.chooses_node_itself:
                return _of_several(pool, candidate, reason)
            reasons.append(reason)
        return "" if "" in reasons else reasons[0]

    def _rejection_by(self, candidate: Candidate, pod: Pod) -> str:
        return unselected(pod, candidate.labels) or unfit(pod, self.left(candidate), candidate.instance_type.name)

    @cached_property
    def _left(self) -> dict[tuple[str, str], Mapping[str, int]]:
        return {(node.instance_type.name, node.zone): self._left_of(node) for node in self.pool.candidates}

    def left(self, candidate: Candidate) -> Mapping[str, int]:
        """Resource to amount: CPU in millicores, memory and storage in MiB, the rest in ones."""
        return self._left[candidate.instance_type.name, candidate.zone]

    def _left_of(self, candidate: Candidate) -> Mapping[str, int]:
        left = Counter(node_resources(self.pool, candidate.instance_type))
        left.subtract(self.taken or {})
        for daemon in self.daemons:
            if not untolerated(daemon, self.pool.hard_taints) and not unselected(daemon, candidate.labels):
                left.subtract({**daemon.requests, PODS: 1})
        return left


def node_resources(pool: Pool, row: InstanceType) -> dict[str, int]:
    """What a new node offers. A resource that a tag states overrides the type's: a shared GPU counts several times."""
    resources = allocatable(row)
    if row.accelerator and pool.template:
        stated = pool.template.resources.get(row.accelerator.resource)
        if stated is not None:
            resources[row.accelerator.resource] = _stated(row.accelerator.resource, stated)
    if pool.disks:
        # kubelet evicts at 10 % free and keeps 1 GiB. Source: amazon-eks-ami, nodeadm.
        resources[EPHEMERAL_STORAGE] = max(0, max(disk.gib for disk in pool.disks) * 9 // 10 - 1) * 1024
    return resources


def _stated(resource: str, text: str) -> int:
    try:
        return amount(resource, text)
    except ValueError:
        return 0  # the autoscaler reads a broken quantity as nothing


def _of_several(pool: Pool, candidate: Candidate, reason: str) -> str:
    """Says that the group may bring another kind of node, where that decides."""
    if len(pool.candidates) == 1:
        return reason
    node = f"{candidate.instance_type.name} in {candidate.zone}" if candidate.zone else candidate.instance_type.name
    return f"the group may bring {node}: {reason}"


# --- taints ----------------------------------------------------------------------------------------------------------


def untolerated(pod: Pod, taints: Sequence[Taint]) -> str:
    """Why a hard taint keeps the pod away; empty when none does."""
    for taint in taints:
        if not any(tolerates(toleration, taint) for toleration in pod.tolerations):
            return f"pod does not tolerate taint {taint.for_kubelet()}"
    return ""


def tolerates(toleration: Toleration, taint: Taint) -> bool:
    """An empty effect or, with Exists, an empty key matches all; Equal, the default, wants the same value."""
    if toleration.effect and toleration.effect != taint.effect:
        return False
    if toleration.key and toleration.key != taint.key:
        return False
    if toleration.operator == "Exists":
        return True
    return bool(toleration.key) and toleration.operator == "Equal" and toleration.value == taint.value


# --- labels ----------------------------------------------------------------------------------------------------------


def unselected(pod: Pod, labels: Mapping[str, str]) -> str:
    """Why the pod's selector or required node affinity does not match; empty when both do."""
    for key, value in pod.node_selector.items():
        if labels.get(key) != value:
            return f"pod selects {key}={value}, nodes have {_shown(key, labels)}"
    if pod.node_affinity is None or any(_holds(term, labels) for term in pod.node_affinity):
        return ""
    failing = [str(_first_failing(term, labels)) for term in pod.node_affinity]
    shown = dict.fromkeys(
        _shown(expression.key, labels) for term in pod.node_affinity for expression in term.expressions
    )
    return f"pod requires {' or '.join(failing) or 'a node affinity term'}, nodes have {', '.join(shown) or 'none'}"


def _holds(term: Term, labels: Mapping[str, str]) -> bool:
    return _first_failing(term, labels) is None


def _first_failing(term: Term, labels: Mapping[str, str]) -> Expression | str | None:
    """The part of a term that does not hold; an empty term never does."""
    if not term.expressions and not term.fields:
        return "an empty term"
    for expression in term.expressions:
        if not matches(expression, labels):
            return expression
    # A new node's name is not known beforehand: nobody can ask for it, but anybody can rule out another.
    return next((field for field in term.fields if field.operator != "NotIn"), None)


def matches(expression: Expression, labels: Mapping[str, str]) -> bool:
    """As the API's NodeSelectorRequirement: NotIn and DoesNotExist hold without the label, Gt and Lt want integers."""
    value = labels.get(expression.key)
    match expression.operator:
        case "In":
            return value in expression.values
        case "NotIn":
            return value not in expression.values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case "Gt" | "Lt":
            return _compared(value, expression)
        case _:
            return False


def _compared(value: str | None, expression: Expression) -> bool:
    try:
        (bound,) = expression.values
        number, limit = int(value or ""), int(bound)
    except ValueError:
        return False
    return number > limit if expression.operator == "Gt" else number < limit


def _shown(key: str, labels: Mapping[str, str]) -> str:
    return f"{key}={labels[key]}" if key in labels else f"no label {key}"


# --- resources -------------------------------------------------------------------------------------------------------


def unfit(pod: Pod, left: Mapping[str, int], node: str) -> str:
    """Which resource is too small on an empty node; empty when all suffice. Storage counts only where it is known."""
    for resource, wanted in {PODS: 1, **pod.requests}.items():
        if resource == EPHEMERAL_STORAGE and resource not in left:
            continue
        has = max(0, left.get(resource, 0))
        if wanted > has:
            what = "memory" if resource == MEMORY else "CPU" if resource == CPU else resource
            return f"pod needs {written(resource, wanted)} of {what}, an empty {node} has {written(resource, has)}"
    return ""


def rooms(pools: Iterable[Pool], daemons: Iterable[Pod], addons: Iterable[Mapping[str, int]]) -> list[Room]:
    """Each pool with what DaemonSets and add-ons leave of its nodes."""
    taken: Counter[str] = Counter()
    for requests in addons:
        taken.update({**requests, PODS: 1})
    daemons = tuple(daemons)
    return [Room(pool, daemons, taken) for pool in pools]
