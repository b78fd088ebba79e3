"""Draining: what becomes of the pods of a self-managed group when AWS takes their node away."""

from collections.abc import Iterator, Mapping
from typing import Any

from eks_gpu.checks import sources
from eks_gpu.checks.controllers import rejection
from eks_gpu.checks.events import forwards
from eks_gpu.checks.interruption import QUEUE, gaps_before, queue_arn, queue_name
from eks_gpu.checks.needs import HOOK
from eks_gpu.checks.pod_specs import pod_of_values, pod_specs
from eks_gpu.checks.registry import Context, Problem, Said, check, verdict
from eks_gpu.graph.graph import Graph
from eks_gpu.pools.launch_template import template_of
from eks_gpu.pools.pool import AUTO_SCALING_GROUP, Pool
from eks_gpu.pools.scope import OWN_GROUPS
from eks_gpu.pools.software import KARPENTER, TERMINATION_HANDLER, Software, reads_a_queue
from eks_gpu_components.catalog import (
    DRAIN_S,
    HOOK_MARGIN_S,
    LIFECYCLE_ACTION,
    SPOT_INTERRUPTION,
    TERMINATING,
    TERMINATION_HANDLER_TAG,
    TERMINATION_HANDLER_TOLERATIONS,
    CapacityType,
)

_HOOK_S = 3600
"""Seconds that a hook holds a node where it does not say. Source: EC2 Auto Scaling API, PutLifecycleHook."""


@check(
    "spot-groups-are-drained",
    subject="self-managed group with Spot, or with AZRebalance over several zones",
    severity="warning",
    fix=f"install {TERMINATION_HANDLER} in queue mode and tag the group's nodes for it, as NodeTerminationHandler "
    "and drain_s do",
    relies_on=("software", "pods", "values"),
    scope=OWN_GROUPS,
    sources=(
        sources.TERMINATION_HANDLER,
        sources.EC2_GUIDE,
    ),
)
def drained(context: Context) -> Iterator[Said]:
    """AWS takes the node away with its pods at work: requests fail, and what a job has not saved is lost.

    EKS drains managed groups and Karpenter its own nodes. The check follows the handler's chart to its queue, rules and
    tag. It says nothing where the software of the cluster or the handler's queue is in another stack, or where
    manifests install a handler.
    """
    handlers = context.charts(TERMINATION_HANDLER)
    if not handlers and not _shows_its_software(context):
        return
    for pool in context.pools:
        taken_by = _taken_by(pool)
        if pool.backend != AUTO_SCALING_GROUP or not taken_by or not _is_of_a_cluster_here(pool, context):
            continue
        said = [tuple(_gaps(release, pool, taken_by, context)) for release in handlers]
        problems = min(said, key=len, default=(_nobody(pool, taken_by, context.graph),))
        yield verdict(pool.name, problems, f"{TERMINATION_HANDLER} drains its nodes")


def _taken_by(pool: Pool) -> tuple[str, ...]:
    """What takes nodes that work, as it stands in a sentence."""
    spot = CapacityType.SPOT in pool.capacity_types
    balanced = len(pool.zones) > 1 and "AZRebalance" not in pool.suspended_processes
    return (*(("a Spot notice",) if spot else ()), *(("AZRebalance",) if balanced else ()))


def _shows_its_software(context: Context) -> bool:
    """Whether a handler would be seen: not in a stack without anything in the cluster, nor behind a nameless chart."""
    inside = any(found.type.startswith("kubernetes:") for found in context.graph)
    by_manifest = any(
        "node-termination-handler" in str(container.get("image"))
        for pod in pod_specs(context.graph)
        for container in pod.containers
    )
    return inside and not by_manifest and all(release.chart for release in context.software)


def _is_of_a_cluster_here(pool: Pool, context: Context) -> bool:
    names = {cluster.name for cluster in context.clusters}
    return pool.cluster in names if pool.cluster else bool(names)


def _nobody(pool: Pool, taken_by: tuple[str, ...], graph: Graph) -> Problem:
    waits = "".join(f", and its lifecycle hook holds each for {_held_s(hook)} s" for hook in _hooks(pool, graph)[:1])
    return Problem(f"nothing drains its nodes at {' or '.join(taken_by)}{waits}")


def _gaps(release: Software, pool: Pool, taken_by: tuple[str, ...], context: Context) -> Iterator[Problem]:
    """Why this handler does not drain the pool's nodes."""
    for key, does in (("dryRun", "only logs what it would do"), ("cordonOnly", "cordons nodes and drains none")):
        if _is_on(release, key):
            yield Problem(f"{release.name} {does}", f"leave {key} out")
    if reads_a_queue(release):
        yield from _queue_gaps(release, pool, taken_by, context)
    else:
        yield from _daemon_gaps(release, pool, taken_by)


def _daemon_gaps(release: Software, pool: Pool, taken_by: tuple[str, ...]) -> Iterator[Problem]:
    """Of a handler on each node, which asks the instance metadata. Source: chart 0.27.6, values.yaml."""
    switches = {"a Spot notice": "enableSpotInterruptionDraining", "AZRebalance": "enableASGLifecycleDraining"}
    for event in taken_by:
        if not _is_on(release, switches[event], default=True):
            yield Problem(f"{release.name} does nothing at {event}", f"leave {switches[event]} out")
    tolerations = release.value("daemonsetTolerations", default=TERMINATION_HANDLER_TOLERATIONS)
    selector = release.value("daemonsetNodeSelector") or release.value("nodeSelector", default={})
    if reason := rejection(pod_of_values({"tolerations": tolerations, "nodeSelector": selector}), pool):
        yield Problem(f"{release.name} does not run on its nodes: {reason}", "let its pods run there")


def _queue_gaps(release: Software, pool: Pool, taken_by: tuple[str, ...], context: Context) -> Iterator[Problem]:
    graph = context.graph
    tag, tags = _wanted_tag(release), _node_tags(pool, graph)
    if tag and tags is not None and tag not in tags:
        said = f"{release.name} drains nodes with the tag {tag} alone, and the group gives it to none"
        yield Problem(said, f"tag the group {tag}, propagated at launch")
    hooks = _hooks(pool, graph)
    if "AZRebalance" in taken_by and not hooks:
        yield Problem("no lifecycle hook holds a node that AZRebalance ends", f"add one for {TERMINATING}")
    drain_s = int(release.value("nodeTerminationGracePeriod", default=DRAIN_S))
    for hook in hooks:
        if _held_s(hook) < drain_s:
            said = f"its lifecycle hook holds a node for {_held_s(hook)} s, and a drain may take {drain_s} s"
            yield Problem(said, f"set heartbeatTimeout to {drain_s + HOOK_MARGIN_S}")
    url = release.value("queueURL")
    if not url:
        yield Problem(f"{release.name} is told no queue", "set queueURL")
        return
    if str(release.value("workers", default=1)) == "0":
        yield Problem(f"{release.name} has no worker, so it drains nothing", "leave workers out")
    queue = next((found for found in graph.of(QUEUE) if url in (found.id, found["url"])), None)
    if queue is None:
        yield from _another_queue(release, str(url), context)
        return
    told_by_group = bool(hooks) and all(hook.get("notificationTargetArn") for hook in hooks)
    events = (
        *((SPOT_INTERRUPTION,) if "a Spot notice" in taken_by else ()),
        *((LIFECYCLE_ACTION,) if hooks and not told_by_group else ()),
    )
    for gap in gaps_before(queue, events, context):
        yield Problem(gap, f"send it to the queue that {release.name} reads")


def _another_queue(release: Software, url: str, context: Context) -> Iterator[Problem]:
    """Of a queue that the stack does not have: another stack's, unless notices go to one that nobody reads."""
    if "/" not in url:
        yield Problem(f"queueURL of {release.name} is {url}, which is no URL", "write the URL of the queue")
        return
    read = {str(other.value("settings", "interruptionQueue")) for other in context.charts(KARPENTER)}
    for queue in context.graph.of(QUEUE):
        hears = forwards(SPOT_INTERRUPTION, queue_arn(queue), context.region, context.graph)
        if hears and queue_name(queue) not in read:
            said = f"{release.name} reads {url}, and notices go to queue {queue_name(queue)}, which nobody reads"
            yield Problem(said, "set queueURL to that queue's URL")
            return


def _is_on(release: Software, key: str, default: bool = False) -> bool:
    return str(release.value(key, default=default)).lower() == "true"


def _wanted_tag(release: Software) -> str:
    """The tag without which it drains no node; empty where it drains all. Source: handler 1.25, config.go."""
    if not _is_on(release, "checkTagBeforeDraining", default=True):
        return ""
    return str(release.value("managedTag", default=TERMINATION_HANDLER_TAG))


def _node_tags(pool: Pool, graph: Graph) -> set[str] | None:
    """Keys of the tags that a new node gets; None where its launch template is of another stack."""
    group = graph.get(pool.urn)
    inputs: Mapping[str, Any] = group.inputs if group else {}
    given = [*(inputs.get("tags") or ())]
    given += [
        made.inputs.get("tag") or {}
        for made in graph.of("aws:autoscaling/tag:Tag")
        if made.inputs.get("autoscalingGroupName") == pool.name
    ]
    keys = {str(tag.get("key")) for tag in given if tag.get("propagateAtLaunch")}
    mixed = (inputs.get("mixedInstancesPolicy") or {}).get("launchTemplate") or {}
    template = template_of(graph, mixed.get("launchTemplateSpecification") or inputs.get("launchTemplate"))
    if template is None:
        return None
    for specification in template.inputs.get("tagSpecifications") or ():
        if specification.get("resourceType") == "instance":
            keys |= (specification.get("tags") or {}).keys()
    return keys


def _hooks(pool: Pool, graph: Graph) -> list[Mapping[str, Any]]:
    """What holds a node of the group that has to go: hooks of the group's own, and those added to it."""
    group = graph.get(pool.urn)
    names = {pool.name, group.id if group else ""} - {""}
    added = [hook.inputs for hook in graph.of(HOOK) if hook.inputs.get("autoscalingGroupName") in names]
    own = group.inputs.get("initialLifecycleHooks") or () if group else ()
    return [hook for hook in (*own, *added) if hook.get("lifecycleTransition") == TERMINATING]


def _held_s(hook: Mapping[str, Any]) -> int:
    return int(hook.get("heartbeatTimeout") or _HOOK_S)
