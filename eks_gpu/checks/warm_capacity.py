"""Warm capacity: what is to be kept ready can be, and gives way to the pods that it is for."""

from collections.abc import Iterable, Iterator
from datetime import date

from eks_gpu.checks import sources
from eks_gpu.checks.autoscaler_flags import flags
from eks_gpu.checks.pod_specs import pod_specs
from eks_gpu.checks.registry import Context, Problem, Said, check, no_verdict, verdict
from eks_gpu.checks.sources import Source
from eks_gpu.cost.admission import ACCELERATOR_RESOURCES, Verdict
from eks_gpu.cost.kept_ready import GATE_OFF
from eks_gpu.graph.kubernetes_objects import kubernetes_objects
from eks_gpu.karpenter.objects import node_pools
from eks_gpu.pods.demand import Objects, Workload
from eks_gpu.pods.spare import pauses, priority
from eks_gpu.pools.limits import NODES
from eks_gpu.pools.software import CLUSTER_AUTOSCALER
from eks_gpu_components.catalog import AUTOSCALER_PRIORITY_CUTOFF

_READ = date(2026, 11, 30)
BUFFERS = Source("Karpenter 1.15, package controllers/capacitybuffer, and run in the lab", _READ)
PREEMPTION = Source('Kubernetes documentation, "Pod Priority and Preemption" and "Node overprovisioning"', _READ)
CUTOFF = Source("cluster autoscaler 1.33, config/flags/flags.go, expendable-pods-priority-cutoff", _READ)
_CUTOFF_FLAG = "expendable-pods-priority-cutoff"


@check(
    "warm-capacity-fits-its-pools",
    subject="CapacityBuffer, workload of placeholder pods, NodePool with replicas",
    fix="keep fewer ready, or raise max_gpus of a pool that takes them",
    relies_on=("nodes",),
    sources=(BUFFERS, sources.KARPENTER, sources.AUTOSCALER),
)
def fits(context: Context) -> Iterator[Said]:
    """Less is ready than was asked for, or nothing: the pools end before, or none can have it.

    The check looks at an empty cluster, in which only what holds a place runs. A CapacityBuffer needs a pool of
    Karpenter with the gate CapacityBuffer, or a cluster autoscaler with its flag for buffers. A pool of a fixed number
    of nodes starts none for it, and itself no more than its limit of nodes. A gate that is off is for
    `feature-gates-are-on` to tell.
    """
    for found in node_pools(context.graph):
        limit = found.limits.get(NODES)
        if found.replicas is not None and str(limit or "").isdigit():
            less = int(str(limit)) < found.replicas
            said = f"it has {found.replicas} replicas, and its limit of nodes is {limit}, so {limit} start"
            problem = Problem(said, "raise spec.limits.nodes, or lower spec.replicas") if less else None
            yield verdict(f"NodePool {found.name}", problem, f"its limit leaves room for {found.replicas} nodes")
    for workload, found in _spare(context):
        subject = str(workload)
        if workload.uncounted or workload.replicas is None:
            yield no_verdict(subject, workload.uncounted or "how many it is of is not known")
        elif workload.replicas and any(each.admits for each in found):
            left = context.not_kept.get(subject, 0)
            said = (
                f"{left} of {workload.replicas} find no node though nothing else runs: the pools are at their maximum"
            )
            holds = f"{workload.replicas} have a node of their own while nothing else runs, which costs money"
            yield verdict(subject, Problem(said) if left else None, holds)
        elif _told_by_its_gate(workload, found, context):
            continue
        elif workload.replicas and workload.urn in context.buffer_verdicts:
            yield verdict(subject, Problem(f"no pool keeps anything ready for it{_why(workload, found, context)}"), "")


def _told_by_its_gate(workload: Workload, found: Iterable[Verdict], context: Context) -> bool:
    """Whether a gate alone is in a buffer's way, which `feature-gates-are-on` judges unless an autoscaler is there."""
    of_a_buffer = workload.urn in context.buffer_verdicts and not context.charts(CLUSTER_AUTOSCALER)
    return of_a_buffer and any(each.reason == GATE_OFF for each in found)


def _spare(context: Context) -> Iterator[tuple[Workload, list[Verdict]]]:
    for workload in context.workloads:
        if workload.spare:
            yield workload, [*context.verdicts[workload.urn]]
    for buffer in context.buffers:
        yield buffer, [*context.buffer_verdicts[buffer.urn]]


def _why(workload: Workload, found: Iterable[Verdict], context: Context) -> str:
    """Why not, for each pool that has what the pods ask for."""
    accelerated = {pool.name for pool in context.gpu_pools}
    of_devices = workload.pod.requests_any(ACCELERATOR_RESOURCES) and accelerated
    reasons = (f"{each.pool}: {each.reason}" for each in found if not of_devices or each.pool in accelerated)
    return f": {'; '.join(said)}" if (said := dict.fromkeys(reasons)) else ""


@check(
    "placeholder-pods-give-way",
    subject="workload of the pause image",
    fix="give them a PriorityClass with a value below 0",
    sources=(PREEMPTION,),
)
def give_way(context: Context) -> Iterator[Said]:
    """Placeholder pods hold their nodes for ever: a pod takes the place of another only if its priority is higher.

    Pods without a class have priority 0, or that of the class with `globalDefault`. It is a warning for pods without a
    device. A class of another stack is not judged.
    """
    held = {workload.urn: workload for workload in context.workloads if workload.spare and workload.replicas != 0}
    default, find = _default_priority(context), Objects(kubernetes_objects(context.graph)).find
    for spec in pod_specs(context.graph) if held else ():
        workload = held.get(spec.urn)
        if workload is None or not workload.requests or not pauses(spec.spec):
            continue
        own = priority(spec.spec, find) if spec.spec.get("priorityClassName") else default
        if own is None:
            continue
        said = f"their priority is {own}, no lower than that of pods without a class, which wait beside them"
        device = workload.pod.requests_any(ACCELERATOR_RESOURCES)
        problem = Problem(said) if own >= default else None
        holds = f"their priority is {own}, so any other pod takes their place"
        yield verdict(str(workload), problem, holds, "" if device else "warning")


def _default_priority(context: Context) -> int:
    """Priority of pods without a class."""
    for _, manifest in kubernetes_objects(context.graph):
        value = manifest.get("value") if manifest["kind"] == "PriorityClass" and manifest.get("globalDefault") else None
        if isinstance(value, int):
            return value
    return 0


@check(
    "placeholder-pods-start-nodes",
    subject="workload of placeholder pods on groups of the cluster autoscaler",
    fix=f"give their PriorityClass a value of {AUTOSCALER_PRIORITY_CUTOFF} or more, and below 0",
    sources=(CUTOFF,),
)
def start_nodes(context: Context) -> Iterator[Said]:
    """No node ever comes for the placeholder pods: the cluster autoscaler passes over pods of so low a priority.

    Its flag expendable-pods-priority-cutoff says which they are. Karpenter has no such limit, so pods that one of its
    pools takes pass.
    """
    releases = context.charts(CLUSTER_AUTOSCALER)
    given = [value for release in releases if (value := _number(flags(release).get(_CUTOFF_FLAG))) is not None]
    cutoff = max(given, default=AUTOSCALER_PRIORITY_CUTOFF)
    scaled = {pool.name for pool in context.scaled_groups if pool.autoscaled}
    held = {workload.urn: workload for workload in context.workloads if workload.spare}
    find = Objects(kubernetes_objects(context.graph)).find
    for spec in pod_specs(context.graph) if scaled and held else ():
        workload = held.get(spec.urn)
        takers = [each.pool for each in context.verdicts[workload.urn] if each.admits] if workload else []
        own = priority(spec.spec, find) if workload else None
        if workload is None or own is None or not scaled.intersection(takers):
            continue
        elsewhere = set(takers) - scaled
        said = f"their priority is {own}, and the autoscaler starts nodes from {cutoff} on"
        problem = Problem(said) if own < cutoff and not elsewhere else None
        yield verdict(
            str(workload), problem, f"their priority is {own}, and the autoscaler starts nodes from {cutoff} on"
        )


def _number(value: object) -> int | None:
    try:
        return int(str(value))
    except ValueError:
        return None
