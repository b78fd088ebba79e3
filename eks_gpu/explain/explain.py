"""Explain: for each pool of a stack whether it takes a pod and at what price, or the rule that rejects it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from math import inf
from typing import Any

from eks_gpu.api.judged import judged
from eks_gpu.checks.objects import is_made, made_in
from eks_gpu.cost.admission import Room, Verdict
from eks_gpu.cost.devices import unread as unread_claims
from eks_gpu.cost.expander import Expander, expander_of
from eks_gpu.cost.gangs import judged_together
from eks_gpu.cost.node_cost import Expected
from eks_gpu.cost.packing import Fleet, pack
from eks_gpu.explain.cautions import of_node, of_requirements, of_reservations, of_resources, of_volumes
from eks_gpu.explain.explanation import Answer, Explanation, Placed
from eks_gpu.explain.launch import launch_of
from eks_gpu.explain.node_class_changes import node_class_changes
from eks_gpu.explain.places import pool_place
from eks_gpu.explain.pod_file import PodSource, completed, keys_of
from eks_gpu.explain.pod_places import pod_place
from eks_gpu.explain.remedy import nearest_remedy
from eks_gpu.explain.stack_rooms import StackRooms
from eks_gpu.graph.kubernetes_objects import kubernetes_objects
from eks_gpu.pods.demand import Objects
from eks_gpu.pods.named import named_by
from eks_gpu.pods.reasons import Rule
from eks_gpu.pods.vllm import served_models
from eks_gpu.pools.clusters import COMPONENT, RESOURCE
from eks_gpu.pools.fargate_profile import size
from eks_gpu.pools.pool import FARGATE, Candidate, Pool
from eks_gpu.pools.software import software

# What the scheduler looks at too and nobody here judges: the field of a pod's spec, and in words.
_NOT_JUDGED = {
    "topologySpreadConstraints": "topology spread",
    "schedulingGates": "scheduling gates",
    "schedulerName": "a scheduler of another name",
}
_POD_AFFINITY = {"podAffinity": "pod affinity", "podAntiAffinity": "pod anti-affinity"}

MOST_PACKED = 1000
"""Pods of one workload that are put on nodes, one by one."""


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
        launch = launch_of(stack, room, source, fleet)
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
        pod_place(source, reason),
        pool_place(stack.graph, pool, reason),
        settings,
        reasons=room.reasons(source.workload.pod) or (reason,),  # a gang that does not fit, say
        cautions=(*of_requirements(pool), *of_reservations(pool)),
        helps=node_class_changes(room, source.workload.pod, verdict),
    )


def _not_judged(spec: Mapping[str, Any]) -> list[str]:
    found = [words for key, words in _NOT_JUDGED.items() if spec.get(key) and spec.get(key) != "default-scheduler"]
    affinity = spec.get("affinity") or {}
    found += [words for key, words in _POD_AFFINITY.items() if affinity.get(key)]
    volumes = spec.get("volumes")
    if isinstance(volumes, list) and any("persistentVolumeClaim" in volume for volume in volumes if volume):
        found.append("the zone of its volume")
    return found
