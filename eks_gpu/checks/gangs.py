"""Gangs: pods that start together find their nodes together."""

from collections.abc import Iterator
from datetime import date

from eks_gpu.checks.names import subject
from eks_gpu.checks.registry import Context, Problem, Said, check, verdict
from eks_gpu.checks.sources import Source
from eks_gpu.checks.workloads import scheduled
from eks_gpu.cost.gangs import gangs
from eks_gpu.graph.kubernetes_objects import kubernetes_objects
from eks_gpu.pods.reasons import Rule
from eks_gpu_components.catalog import KNOWN_CHARTS, LEADER_WORKER_SET_CHART
from eks_gpu_components.catalog.leader_worker_sets import LEADER_WORKER_SET_GROUP

_READ = date(2026, 11, 29)
_CONTROLLER = LEADER_WORKER_SET_CHART.short_name


@check(
    "gangs-run-whole",
    subject="object whose pods start together",
    fix="raise max_gpus or max_nodes of a pool that takes them, or make the group smaller",
    relies_on=("nodes",),
    sources=(
        Source("LeaderWorkerSet 0.8.0, a group is one unit of replication", _READ),
        Source("JobSet 0.11.1, all Jobs of a step run together", _READ),
        Source("Volcano API 1.13.0, JobSpec.minAvailable", _READ),
    ),
)
def whole(context: Context) -> Iterator[Said]:
    """A part of a gang gets its nodes and waits for the others, which never come, while the nodes cost money.

    A group of a LeaderWorkerSet, a JobSet, launcher and workers of MPI, and what Volcano's minAvailable, a
    scheduling policy or a PodGroup holds together. Each gang is compared with empty pools at their ceilings.
    """
    for members in gangs(scheduled(context)):
        found = [each for member in members for each in context.verdicts[member.urn]]
        reason = next((each.reason for each in found if each.reason.rule is Rule.GANG), None)
        taken = all(any(each.admits for each in context.verdicts[member.urn]) for member in members)
        first = members[0]
        subject = f"{first.kind} {first.namespace}/{first.name}"
        if reason:
            yield verdict(subject, Problem(reason), "")
        elif taken:
            pods = sum(member.gang for member in members)
            yield verdict(subject, None, f"its gang of {pods} pods finds room at once")


@check(
    "groups-have-their-controller",
    subject="LeaderWorkerSet",
    fix=f"install chart {_CONTROLLER}, as LeaderWorkerSetController does",
    relies_on=("software",),
    sources=(Source("LeaderWorkerSet 0.8.0, its chart, crds and config/manager", date(2026, 11, 30)),),
)
def have_a_controller(context: Context) -> Iterator[Said]:
    """The update stops with `no matches for kind`, or no pod is ever made: nothing in the stack brings LeaderWorkerSet.

    The kind's definition among the stack's objects counts as the controller. A chart of which nothing is known may
    bring it, so beside such a chart it is a warning. If another stack makes the cluster, it may have it.
    """
    releases = context.charts(_CONTROLLER)
    objects = [manifest for _, manifest in kubernetes_objects(context.graph)]
    defined = any(
        each["kind"] == "CustomResourceDefinition"
        and str(each["metadata"]["name"]).endswith(f".{LEADER_WORKER_SET_GROUP}")
        for each in objects
    )
    unknown = [release.chart for release in context.software if release.chart not in KNOWN_CHARTS]
    for each in objects:
        group = str(each["apiVersion"]).partition("/")[0]
        if (each["kind"], group) != ("LeaderWorkerSet", LEADER_WORKER_SET_GROUP):
            continue
        if not releases and context.of_another_stack:
            continue
        idle = [release.name for release in releases if str(release.value("replicaCount", default=2)) == "0"]
        problem = None
        if not releases and not defined:
            problem = Problem("nothing in the stack brings its kind and makes its pods")
        elif idle and len(idle) == len(releases):
            problem = Problem(f"release {', '.join(idle)} runs no controller", "leave replicaCount out")
        yield verdict(subject(each), problem, "its controller is there", "warning" if unknown and not releases else "")
