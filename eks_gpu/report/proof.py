"""Scale from zero, for each pool: labels, taints and devices that the first node is planned with, and those that it
will have.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from eks_gpu.cost.admission import node_resources
from eks_gpu.graph.graph import Graph
from eks_gpu.karpenter.objects import node_pool
from eks_gpu.plan.analysis import Analysis
from eks_gpu.pods.pod import Expression
from eks_gpu.pods.quantities import as_json
from eks_gpu.pools.pool import FARGATE, KARPENTER, Pool, Template
from eks_gpu.pools.software import Software, sharing_replicas
from eks_gpu.report.words import pool_names
from eks_gpu_components.catalog import AUTOSCALER_LABEL_TAG, AUTOSCALER_RESOURCE_TAG, AUTOSCALER_TAINT_TAG, Taint

_SHOWN = 6
"""Values of a list, before it says how many more there are."""


@dataclass(frozen=True)
class Fact:
    """One thing that a first node depends on."""

    told: str
    """As the stack writes it: a tag, a requirement, a field. Empty where nobody tells."""
    node: str
    """What a node carries; empty where it does not."""
    holds: bool


@dataclass(frozen=True)
class Proof:
    """Of pools that may be empty and that the same is said of. Facts are those of the first."""

    pools: tuple[str, ...]
    """Their names."""
    own: tuple[str, ...]
    """What each has of its own in the facts: `name`, `zones`."""
    planner: str
    """What decides on the first node, and from what; a sentence."""
    facts: tuple[Fact, ...]
    takes: tuple[str, ...]
    """Workloads whose pods may bring it up."""

    @property
    def holds(self) -> bool:
        """Whether all that is told is true, and all that is true is told."""
        return all(fact.holds for fact in self.facts)


def proofs(graph: Graph, found: Analysis) -> list[Proof]:
    """Of each pool that scales from zero, in the order of the stack; pools that differ in nothing but their names and
    zones share one.
    """
    alike: dict[tuple[Any, ...], list[tuple[str, tuple[Fact, ...]]]] = {}
    names = pool_names(found.pools)
    for index, pool in enumerate(found.pools):
        if pool.scales_to_zero and pool.autoscaled and pool.backend != FARGATE:  # there is no node to bring up
            verdicts = ((work, found.verdicts[work.urn][index]) for work in found.workloads if not work.daemon)
            takes = tuple(work.name for work, verdict in verdicts if verdict.admits)
            planner, facts = _told(graph, pool, found.software)
            shared = tuple(_shared(fact, pool) for fact in facts)
            alike.setdefault((planner, shared, takes), []).append((names[pool.urn], facts))
    return [
        Proof(tuple(name for name, _ in pools), tuple(_own(shared, pools)), planner, pools[0][1], takes)
        for (planner, shared, takes), pools in alike.items()
    ]


_OWN = {"name": "\x00", "zones": "\x01"}
"""What is a pool's own, and the sign that stands for it in facts that pools share."""


def _shared(fact: Fact, pool: Pool) -> Fact:
    own = {pool.name: _OWN["name"], _listed(pool.zones): _OWN["zones"]}
    told, node = fact.told, fact.node
    for value, sign in own.items():
        whole = re.compile(rf"(?<=[= ]){re.escape(value)}$")  # as the value of a label, and not within one
        told, node = (whole.sub(sign, text) if value else text for text in (told, node))
    return replace(fact, told=told, node=node)


def _own(shared: Sequence[Fact], pools: Sequence[tuple[str, Sequence[Fact]]]) -> Iterator[str]:
    """What differs between pools with these facts in common."""
    if len({facts for _, facts in pools}) > 1:
        yield from (what for what, sign in _OWN.items() if any(sign in f"{fact.told}{fact.node}" for fact in shared))


def _told(graph: Graph, pool: Pool, releases: Sequence[Software]) -> tuple[str, tuple[Fact, ...]]:
    if pool.template is None:
        who = "Karpenter" if pool.backend == KARPENTER else "EKS Auto Mode"
        planner = f"{who} reads the pod, then launches what the pool's requirements allow."
        return planner, tuple(_of_node_pool(graph, pool))
    first = next(iter(pool.instance_types), "nothing")
    planner = f"The cluster autoscaler plans with {first} and what it is told, for there is no node to look at."
    return planner, tuple(_of_group(pool, pool.template, releases))


# --- groups: what the autoscaler is told -----------------------------------------------------------------------------


def _of_group(pool: Pool, template: Template, releases: Sequence[Software]) -> Iterator[Fact]:
    for key in sorted({*template.labels, *pool.labels}):
        told, real = template.labels.get(key), _carried(pool, key)
        text = f"{key}={told}"
        by_tag = f"tag {AUTOSCALER_LABEL_TAG}{key} = {told}"
        said = "" if told is None else by_tag if f"{AUTOSCALER_LABEL_TAG}{key}" in pool.tags else _by_eks(text)
        yield Fact(said, f"label {key}={_listed(real)}" if real else "", told is not None and real == [told])
    for taint in dict.fromkeys((*pool.taints, *template.taints)):
        told, real = taint in template.taints, taint in pool.taints
        yield Fact(_taint_told(taint, pool) if told else "", _taint(taint) if real else "", told and real)
    yield from _devices(pool, template, releases)


def _carried(pool: Pool, key: str) -> list[str]:
    """Values that nodes of the pool have for a label."""
    if not pool.candidates:
        return [pool.labels[key]] if key in pool.labels else []
    values = (node.labels.get(key) for node in pool.candidates)
    return [value for value in dict.fromkeys(values) if value is not None]


def _by_eks(text: str) -> str:
    return f"{text}, told by EKS itself"


def _taint_told(taint: Taint, pool: Pool) -> str:
    if f"{AUTOSCALER_TAINT_TAG}{taint.key}" in pool.tags:
        return f"tag {' = '.join(taint.for_autoscaler_tag())}"
    return _by_eks(taint.for_kubelet())


def _taint(taint: Taint) -> str:
    return f"taint {taint.for_kubelet()}"


def _devices(pool: Pool, template: Template, releases: Sequence[Software]) -> Iterator[Fact]:
    device = next((row.accelerator for row in pool.types if row.accelerator), None)
    if device is None:
        return
    first = pool.types[0]
    stated = template.resources.get(device.resource)
    told = node_resources(pool, first).get(device.resource, 0)
    shared = [sharing_replicas(release, pool.labels) for release in releases]
    times = max(shared, default=1) if device.kind == "nvidia" else 1
    real = list(dict.fromkeys(row.accelerators * times for row in pool.types))
    tag = f"tag {AUTOSCALER_RESOURCE_TAG}{device.resource} = {stated}"
    by_type = f"{device.resource}: {told}, from the type {first.name}"
    yield Fact(by_type if stated is None else tag, f"{device.resource}: {' or '.join(map(str, real))}", real == [told])


# --- node pools: what Karpenter reads --------------------------------------------------------------------------------


def _of_node_pool(graph: Graph, pool: Pool) -> Iterator[Fact]:
    resource = graph.get(pool.urn)  # a pool that Auto Mode brings itself is no resource
    asked = [found.expression for found in node_pool(resource, graph).requirements] if resource else []
    free = {expression.key for expression in pool.chosen_labels}
    for expression in asked:
        values = _carried(pool, expression.key)
        if expression.key in free:
            node = f"label {expression.key}: what the pod asks for"
        else:
            node = f"label {expression.key}={_listed(values)}" if values else ""
        yield Fact(f"requirement {_requirement(expression)}", node, bool(node))
    if not asked:
        yield Fact("instance types of Auto Mode's own choice", _listed(pool.instance_types), bool(pool.types))
    for key, value in pool.labels.items():
        yield Fact(f"label {key}={value} of the template", f"label {key}={value}", True)
    for taint in pool.taints:
        yield Fact(f"{_taint(taint)} of the template", _taint(taint), True)
    device = next((row.accelerator for row in pool.types if row.accelerator), None)
    if device:
        each = dict.fromkeys(row.accelerators for row in pool.types if row.accelerators)
        yield Fact("instance types", f"{device.resource}: {' or '.join(map(str, each))}", True)
    yield from _limits(pool)


def _limits(pool: Pool) -> Iterator[Fact]:
    if pool.limits is None or not pool.limits.amounts:
        return
    written = ", ".join(f"{name} {value}" for name, value in as_json(pool.limits.amounts).items())
    fitting = any(not pool.limits.blocked_by(row) for row in pool.types)
    room = "room for any number of nodes" if pool.max_nodes is None else f"room for {pool.max_nodes} at most"
    yield Fact(f"limit {written}", room if fitting else "", fitting)


def _requirement(expression: Expression) -> str:
    return f"{expression.key} {expression.operator} {_listed(expression.values)}".rstrip()


def _listed(values: Iterable[str]) -> str:
    given = list(values)
    more = len(given) - _SHOWN
    return ", ".join(given[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
