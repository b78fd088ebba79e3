"""Explain: for each pool of a stack whether it takes a pod and at what price, or the rule that rejects it."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf
from typing import Any

from eks_gpu.api.judged import judged
from eks_gpu.checks.device_plugin import driver_installers
from eks_gpu.checks.objects import is_made, made_in
from eks_gpu.cost.admission import Room, Verdict, rooms_of_clusters
from eks_gpu.cost.devices import unread as unread_claims
from eks_gpu.cost.expander import Expander, expander_of
from eks_gpu.cost.faster import Faster, faster
from eks_gpu.cost.gangs import judged_together
from eks_gpu.cost.kept_ready import kept_fleet, pods_at_once
from eks_gpu.cost.node_cost import Expected
from eks_gpu.cost.packing import Fleet, Node, as_tried, pack
from eks_gpu.cost.time_to_running import NEW_NODE, Step, steps
from eks_gpu.explain.cautions import Caution, of_node, of_requirements, of_reservations, of_resources, of_volumes
from eks_gpu.explain.node_class_changes import node_class_changes
from eks_gpu.explain.places import PoolPlace, pool_place
from eks_gpu.explain.pod_file import PodSource, completed, keys_of
from eks_gpu.explain.remedy import Remedy, nearest_remedy
from eks_gpu.graph.graph import Graph, Resource
from eks_gpu.graph.kubernetes_objects import kubernetes_objects
from eks_gpu.graph.unread import Unread, may_bring
from eks_gpu.pods.claims import DEVICES
from eks_gpu.pods.demand import Objects, workloads
from eks_gpu.pods.named import named_by
from eks_gpu.pods.reasons import Reason, Rule
from eks_gpu.pods.vllm import served_models
from eks_gpu.pods.vllm_start import VllmStart, vllm_start
from eks_gpu.pools.cloudformation import in_provider_terms
from eks_gpu.pools.cluster_of import Owners
from eks_gpu.pools.clusters import COMPONENT, RESOURCE
from eks_gpu.pools.fargate_profile import Size, size
from eks_gpu.pools.given import pools_of
from eks_gpu.pools.pool import FARGATE, Candidate, Pool, told_apart
from eks_gpu.pools.prices import on_demand_price
from eks_gpu.pools.readers import pools as read_pools
from eks_gpu.pools.software import GPU_OPERATOR, software
from eks_gpu.pools.unread import unread
from eks_gpu_components.catalog import CapacityType

# What the scheduler looks at too and nobody here judges: the field of a pod's spec, and in words.
_NOT_JUDGED = {
    "topologySpreadConstraints": "topology spread",
    "schedulingGates": "scheduling gates",
    "schedulerName": "a scheduler of another name",
}

MOST_PACKED = 1000
"""Pods of one workload that are put on nodes, one by one."""


@dataclass(frozen=True)
class Launch:
    """The node that a pool is expected to start for the pod, and how long the pod waits for it."""

    node: Candidate
    capacity_type: str
    hourly: float | None
    """USD per hour for one node with its disks; None if no price is known."""
    estimate: bool
    price_region: str | None
    new_nodes: int | None
    """Number of nodes that this pool starts for the workload, when all pools that take its pods are used together; None
    if the number of pods is unknown.
    """
    steps: tuple[Step, ...]
    by_capacity_type: Mapping[str, int] = field(default_factory=dict)
    """The new nodes by capacity type, in the order in which they start; empty for a pool without reservations."""
    faster: tuple[Faster, ...] = ()
    """What would make it sooner, and its price."""
    at_once: int = 0
    """Number of such pods that find room on nodes that are there while nothing runs: a minimum, or kept ready."""

    @property
    def seconds(self) -> int:
        """From Pending to Ready on a new node."""
        return sum(step.seconds for step in self.steps)

    @property
    def seconds_on_node(self) -> int:
        """The same on a running node."""
        return sum(step.seconds for step in self.steps if step.name not in NEW_NODE)

    def as_json(self) -> dict[str, Any]:
        """A part of `explain`'s row."""
        return {
            "instance_type": self.node.instance_type.name,
            "capacity_type": self.capacity_type,
            "hourly": self.hourly if self.hourly is None else round(self.hourly, 6),
            "estimate": self.estimate,
            "price_region": self.price_region,
            "new_nodes": self.new_nodes,
            **({"by_capacity_type": dict(self.by_capacity_type)} if self.by_capacity_type else {}),
            "time_to_running": {
                "seconds": self.seconds,
                "steps": [step.as_json() for step in self.steps],
                "alternatives": [each.as_json() for each in self.faster],
            },
            "kept_ready": {"pods": self.at_once, "seconds": self.seconds_on_node} if self.at_once else None,
        }


@dataclass(frozen=True)
class Answer:
    """The answer of one pool. `launch` is None if the pool does not take the pod, or starts no node for it."""

    pool: Pool
    verdict: Verdict
    pod_place: Mapping[str, Any] | None = None
    """`{file, line, path}` of the pod's field that the rule rejects."""
    pool_place: PoolPlace | None = None
    settings_place: str | None = None
    """`Pulumi.dev.yaml:24`, where the pool's settings stand, if that can be told."""
    launch: Launch | None = None
    reasons: tuple[Reason, ...] = ()
    """Every rule that rejects the pod, the verdict's first."""
    cautions: tuple[Caution, ...] = ()
    rank: tuple[float, ...] = ()
    """Orders groups among those that take the pod: what the autoscaler's expander chooses by, then the price."""
    fargate: Size | None = None
    """What Fargate gives each pod; None for nodes."""
    helps: tuple[str, ...] = ()
    """Changes of the pool's node class of which each alone is enough."""

    def as_json(self) -> dict[str, Any]:
        """The contract's row, and more."""
        row: dict[str, Any] = self.verdict.as_json()
        if not self.verdict.admits:
            rule = self.verdict.reason.rule
            row |= {"rule": rule.value if rule else None, "in_pod": self.pod_place}
            row["in_pool"] = self.pool_place.as_json() if self.pool_place else None
            row["helps"] = list(self.helps)
        row["reasons"] = list(self.reasons)
        row["cautions"] = [caution.as_json() for caution in self.cautions]
        if self.settings_place:
            row["settings"] = self.settings_place
        size = {"fargate": self.fargate.as_json()} if self.fargate else {}
        return {**row, "launch": self.launch.as_json() if self.launch else None, **size}


@dataclass(frozen=True)
class Placed:
    """A sentence about the pod, with its place in the file."""

    text: str
    place: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        """The row in JSON."""
        return {"text": self.text, "in_pod": self.place}


@dataclass(frozen=True)
class Explanation:
    """The answers of all pools for one pod."""

    source: PodSource
    answers: tuple[Answer, ...]
    remedy: Remedy | None
    """What to change if no pool takes the pod; None if no change of the pod helps."""
    left_over: int
    """Pods for which the pools that take them have no node left."""
    refused: tuple[Placed, ...]
    """Why the API server refuses the pod, whatever the pools are."""
    needs: tuple[Placed, ...]
    """Objects that the pod names and nothing in the stack makes."""
    not_judged: tuple[str, ...]

    @property
    def runs(self) -> bool:
        """Whether a pool takes the pod and the API server does not refuse it."""
        return bool(self.takers) and not self.refused

    @property
    def takers(self) -> list[Answer]:
        """The pools that take the pod, in the order in which they are tried."""
        found = [answer for answer in self.answers if answer.verdict.admits]
        return as_tried(found, lambda answer: answer.pool, lambda answer: answer.rank)

    @property
    def not_known(self) -> list[str]:
        """What the object does not say of its pods."""
        workload = self.source.workload
        return [clause for clause in (workload.uncounted, workload.partly) if clause]

    @property
    def changes(self) -> list[tuple[str, Mapping[str, Any] | None]]:
        """The changes of the remedy, each with its place in the pod."""
        made = self.remedy.changes if self.remedy else ()
        return [(change.text, _pod_place(self.source, change.reason)) for change in made]

    def as_json(self) -> dict[str, Any]:
        """The contract of `eks-gpu explain --json`: more keys may come, these stay."""
        workload, remedy = self.source.workload, self.remedy
        return {
            "pod": workload.name,
            "namespace": workload.namespace,
            "kind": workload.kind,
            "template": workload.template or None,
            "file": self.source.file,
            "line": self.source.line,
            "pods": self.source.pods,
            "left_over": self.left_over,
            "refused": [each.as_json() for each in self.refused],
            "needs": [each.as_json() for each in self.needs],
            "pools": [answer.as_json() for answer in self.answers],
            "remedy": remedy
            and {
                "pool": remedy.room.pool.name,
                "changes": [{"change": text, "in_pod": place} for text, place in self.changes],
            },
            "not_judged": list(self.not_judged),
            "not_known": self.not_known,
        }


@dataclass(frozen=True)
class StackRooms:
    """The pools that pods are compared with. `settings` has the place of a pool's settings by its URN, where known."""

    graph: Graph
    region: str
    rooms: list[Room]
    settings: Mapping[str, str] = field(default_factory=dict)
    unread: Sequence[Unread] = ()
    """What may hold nodes and is not read."""
    kept: Mapping[str, Sequence[Node]] = field(default_factory=dict)
    """Nodes that are there while nothing runs, by the pool's URN."""


def stack_rooms(graph: Graph, region: str, given: Sequence[Resource] = ()) -> StackRooms:
    """The stack's pools and given ones, each with the resources of its nodes that DaemonSets and add-ons leave free."""
    left = [row for row in unread(graph) if row.what == "nodes"]
    graph = in_provider_terms(graph)
    owners = Owners(graph)
    demand = [replace(work, cluster=owners.at(work.resource)) for work in workloads(graph)]
    found = [*read_pools(graph, region), *pools_of(given, graph, region, owners.only)]
    rooms = rooms_of_clusters(told_apart(found), demand, graph)
    return StackRooms(graph, region, rooms, unread=left, kept=kept_fleet(graph, demand, rooms, owners).there)


def explain(stack: StackRooms, sources: Sequence[PodSource]) -> list[Explanation]:
    """Each pod by itself, and a gang whole, on nodes that are otherwise empty but for DaemonSets and add-ons."""
    sources = completed(sources, Objects(kubernetes_objects(stack.graph)).find)
    named = [replace(source.workload, urn=str(number)) for number, source in enumerate(sources)]
    named = [replace(work, resource=str(id(each.document))) for work, each in zip(named, sources, strict=True)]
    verdicts = {work.urn: [room.verdict(work.pod) for room in stack.rooms] for work in named}
    verdicts |= judged_together(named, verdicts, stack.rooms)
    return [_explained(stack, source, verdicts[work.urn]) for work, source in zip(named, sources, strict=True)]


def _explained(stack: StackRooms, source: PodSource, verdicts: Sequence[Verdict]) -> Explanation:
    space = stack.rooms
    takers = [room for room, verdict in zip(space, verdicts, strict=True) if verdict.admits]
    rank = _ranked(stack, takers, source)
    fleet = _packed(takers, source, rank)
    answers = (
        _answer(stack, room, verdict, source, fleet, rank) for room, verdict in zip(space, verdicts, strict=True)
    )
    gang = any(verdict.reason.rule is Rule.GANG for verdict in verdicts)
    remedy = None if takers or gang else nearest_remedy(space, source.workload.pod)
    left_over = sum(fleet.left_over.values())
    return Explanation(
        source,
        tuple(answers),
        remedy,
        left_over,
        refused=tuple(_refused(source)),
        needs=tuple(_needs(stack, source)),
        not_judged=tuple(
            dict.fromkeys((*_not_judged(source.spec), *unread_claims(source.workload.pod), *source.made.not_judged))
        ),
    )


def _refused(source: PodSource) -> Iterator[Placed]:
    """What is wrong with the pod itself, not with what stands around its template."""
    found, spec = judged(source.document), source.made.spec_path
    for each in found.refused if found else ():
        keys = keys_of(source.document, each.path)
        if keys[: len(spec)] == spec:
            yield Placed(str(each), source.place("spec", *keys[len(spec) :]))


def _needs(stack: StackRooms, source: PodSource) -> Iterator[Placed]:
    """GPU memory, and what must exist: of that nothing where another stack makes the cluster, which may make the rest
    too.
    """
    for model in served_models(source.spec):
        if model.need:
            yield Placed(f"{model} (estimate)", source.place("spec", "containers", model.index, "args"))
    if not stack.graph.of(COMPONENT, RESOURCE):
        return
    made = made_in(stack.graph, software(stack.graph))
    for named in named_by(source.spec):
        if not is_made(named, source.workload.namespace, made):
            text = f"{named} must exist, which nothing in the stack makes: otherwise {named.without.value}"
            yield Placed(text, source.place("spec", *named.keys))


Rank = Callable[[Pool, Candidate], tuple[float, ...]]


def _ranked(stack: StackRooms, takers: Sequence[Room], source: PodSource) -> Rank:
    """By the expander of the pool's cluster, then by price."""
    rooms, expected = {room.pool.urn: room for room in takers}, Expected()
    expanders: dict[str, Expander] = {}

    def rank(pool: Pool, node: Candidate) -> tuple[float, ...]:
        if pool.cluster not in expanders:
            expanders[pool.cluster] = expander_of(stack.graph, pool.cluster)
        left = rooms[pool.urn].left(node)
        chosen = expanders[pool.cluster].rank(pool, node, source.workload.pod, left, source.pods or 1)
        return *chosen, expected.hourly(pool, node)

    return rank


def _packed(takers: Sequence[Room], source: PodSource, rank: Rank) -> Fleet:
    """Packs all pods of the workload on nodes that are otherwise empty, the pools' minimum nodes first."""
    workload = replace(source.workload, replicas=min(source.pods or 0, MOST_PACKED))
    expected = Expected()
    return pack(
        [] if workload.daemon else [workload],
        takers,
        {workload.urn: [room.pool.urn for room in takers]},
        expected.node,
        rank,
    )


def _answer(stack: StackRooms, room: Room, verdict: Verdict, source: PodSource, fleet: Fleet, rank: Rank) -> Answer:
    pool, reason = room.pool, verdict.reason
    settings = stack.settings.get(pool.urn)
    if verdict.admits:
        if pool.backend == FARGATE:
            return Answer(pool, verdict, settings_place=settings, fargate=size(source.workload.pod))
        new_nodes = None if source.pods is None else fleet.nodes[pool.urn] - pool.min_nodes
        launch = _launch(stack, room, source, new_nodes, _by_capacity_type(pool, fleet))
        on_node = (*of_volumes(stack.graph, pool), *of_node(pool, launch.node, source)) if launch else ()
        return Answer(
            pool,
            verdict,
            settings_place=settings,
            launch=launch,
            cautions=(
                *of_requirements(pool),
                *of_reservations(pool),
                *of_resources(stack.graph, pool, source.workload.pod),
                *on_node,
            ),
            rank=rank(pool, launch.node) if launch else (inf,),
        )
    return Answer(
        pool,
        verdict,
        _pod_place(source, reason),
        pool_place(stack.graph, pool, reason),
        settings,
        reasons=room.reasons(source.workload.pod) or (reason,),  # a gang that does not fit, say
        cautions=(*of_requirements(pool), *of_reservations(pool)),
        helps=node_class_changes(room, source.workload.pod, verdict),
    )


# --- the node of a taker ---------------------------------------------------------------------------------------------


def _by_capacity_type(pool: Pool, fleet: Fleet) -> Mapping[str, int]:
    """New nodes of a pool with reservations, which are of one capacity type after the other; empty for other pools."""
    there = fleet.there.get(pool.urn, ())[pool.min_nodes :] if pool.reservations else ()
    return Counter(node.kind.capacity_type or _capacity_type(pool) for node in there)


def _launch(
    stack: StackRooms, room: Room, source: PodSource, new_nodes: int | None, by_capacity_type: Mapping[str, int]
) -> Launch | None:
    pool, workload = room.pool, source.workload
    expected = Expected()
    node = None if workload.daemon else expected.node(room, workload.pod)
    if node is None:
        return None
    hourly = expected.hourly(pool, node)
    base = on_demand_price(node.instance_type.name, pool.region)
    capacity_type = node.capacity_type or _capacity_type(pool)
    installs = _installs_driver(stack, pool)

    def steps_of(each: Pool, start: VllmStart | None) -> list[Step]:
        return steps(each, node.instance_type, workload.pod, source.spec, installs=installs, start=start)

    known = None if hourly == inf else hourly
    at_once = pods_at_once(room, workload.pod, stack.kept.get(pool.urn, ()))
    start = vllm_start(source.spec)
    sooner = faster(pool, node.instance_type, known, steps_of, start)
    return Launch(
        node=node,
        capacity_type=capacity_type,
        hourly=known,
        estimate=capacity_type == CapacityType.SPOT,
        price_region=base.region if base else None,
        new_nodes=new_nodes,
        by_capacity_type=by_capacity_type,
        at_once=at_once,
        steps=tuple(steps_of(pool, start)),
        faster=tuple(each for each in sooner if not (each.kept and at_once)),
    )


def _installs_driver(stack: StackRooms, pool: Pool) -> bool | None:
    """Whether a GPU operator of the pool's cluster does; None if one may that the stack does not show."""
    owners = Owners(stack.graph)
    releases = [release for release in software(stack.graph) if owners.at(release.urn) in ("", pool.cluster)]
    if any(driver_installers(releases, pool)):
        return True
    elsewhere = not owners.made or may_bring(unread(stack.graph), GPU_OPERATOR)
    return None if elsewhere else False


def _capacity_type(pool: Pool) -> str:
    if pool.is_reserved:
        return CapacityType.RESERVED.value
    return CapacityType.SPOT.value if pool.on_demand_percentage < 100 else CapacityType.ON_DEMAND.value


# --- where the pod says it -------------------------------------------------------------------------------------------


def _pod_place(source: PodSource, reason: Reason) -> Mapping[str, Any] | None:
    """None where the pool alone decides."""
    match reason.rule:
        case Rule.TAINT:
            return source.place("spec", "tolerations", *_item(source.spec.get("tolerations"), reason.subject))
        case Rule.LABEL:
            return source.place("spec", *_selector(source.spec, reason.subject))
        case Rule.RESOURCE:
            return source.place("spec", *_request(source.spec, reason.subject))
        case Rule.NODE_NAME:
            return source.place("spec", "nodeName")
        case Rule.TEMPLATE:
            asked = _request(source.spec, reason.subject)
            return source.place("spec", *(asked if len(asked) > 1 else _selector(source.spec, reason.subject)))
        case _:
            return None


def _item(rows: Any, key: str) -> tuple[int, ...]:
    """The position of the row with this key, which comes nearest to what is wanted."""
    return next(((index,) for index, row in enumerate(rows or ()) if row.get("key") == key), ())


def _selector(spec: Mapping[str, Any], key: str) -> tuple[str | int, ...]:
    if key in (spec.get("nodeSelector") or {}):
        return "nodeSelector", key
    affinity = ("affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms")
    terms: Any = spec
    for part in affinity:
        terms = (terms or {}).get(part)
    for index, term in enumerate(terms or ()):
        for kind in ("matchExpressions", "matchFields"):
            if found := _item(term.get(kind), key):
                return *affinity, index, kind, *found
    return affinity


def _request(spec: Mapping[str, Any], resource: str) -> tuple[str | int, ...]:
    """The container that asks for most of it cannot be told from a sum; the first that asks is shown."""
    if resource == DEVICES:
        return ("resourceClaims",)
    for group in ("containers", "initContainers"):
        for index, container in enumerate(spec.get(group) or ()):
            for kind in ("requests", "limits"):
                if resource in ((container.get("resources") or {}).get(kind) or {}):
                    return group, index, "resources", kind, resource
    return ("containers",)


def _not_judged(spec: Mapping[str, Any]) -> list[str]:
    found = [words for key, words in _NOT_JUDGED.items() if spec.get(key) and spec.get(key) != "default-scheduler"]
    affinity = spec.get("affinity") or {}
    found += [words for key, words in _POD_AFFINITY.items() if affinity.get(key)]
    volumes = spec.get("volumes")
    if isinstance(volumes, list) and any("persistentVolumeClaim" in volume for volume in volumes if volume):
        found.append("the zone of its volume")
    return found


_POD_AFFINITY = {"podAffinity": "pod affinity", "podAntiAffinity": "pod anti-affinity"}
