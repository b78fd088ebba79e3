"""Gangs: pods that start together find their nodes together."""

from collections.abc import Iterator
from datetime import date

from eks_gpu.checks.names import subject
from eks_gpu.checks.registry import Context, Problem, Said, check, verdict
from eks_gpu.checks.sources import Source
from eks_gpu.checks.workloads import scheduled
from eks_gpu.cost.gangs import gangs
from eks_gpu.graph.kubernetes_objects import kubernetes_objects
from eks_gpu.karpenter.objects import part
from eks_gpu.pods.reasons import Rule
from eks_gpu.pools.software import Software
from eks_gpu_components.catalog import JOBSET_CHART, KNOWN_CHARTS, LEADER_WORKER_SET_CHART
from eks_gpu_components.catalog.leader_worker_sets import LEADER_WORKER_SET_GROUP

_READ = date(2026, 11, 29)
_JOB_SET, _GROUPS = JOBSET_CHART.short_name, LEADER_WORKER_SET_CHART.short_name
_TRAINER, _RAY = "kubeflow-trainer", "kuberay-operator"
_CONTROLLERS = {
    ("jobset.x-k8s.io", "JobSet"): (_JOB_SET, _TRAINER),
    (LEADER_WORKER_SET_GROUP, "LeaderWorkerSet"): (_GROUPS,),
    ("trainer.kubeflow.org", "TrainJob"): (_TRAINER,),
    **{("ray.io", kind): (_RAY,) for kind in ("RayCluster", "RayJob", "RayService")},
}
"""Group and kind -> charts with its controller."""
_REPLICAS = {_JOB_SET: ("controller", "replicas"), _GROUPS: ("replicaCount",)}
"""Chart -> value that says how many pods its controller has."""


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
    "gangs-have-their-controller",
    subject="JobSet, LeaderWorkerSet, TrainJob, object of Ray",
    fix="install the chart of its controller",
    relies_on=("software",),
    sources=(Source("JobSet 0.11, LeaderWorkerSet 0.8, Trainer 2.2 and KubeRay 1.6, their charts", _READ),),
)
def have_a_controller(context: Context) -> Iterator[Said]:
    """The update stops with `no matches for kind`, or no pod is ever made: nothing in the stack brings the controller.

    The kind's definition among the stack's objects counts as the controller. A chart of which nothing is known may
    bring it, so beside such a chart it is a warning. If another stack makes the cluster, it may have it.
    """
    if context.graph.running:
        return  # its kinds are served
    objects = [manifest for _, manifest in kubernetes_objects(context.graph)]
    defined = {part(each, "spec").get("group") for each in objects if each["kind"] == "CustomResourceDefinition"}
    unknown = any(release.chart not in KNOWN_CHARTS for release in context.software)
    for each in objects:
        group = str(each["apiVersion"]).partition("/")[0]
        charts = _CONTROLLERS.get((group, each["kind"]))
        releases = context.charts(*charts or ())
        if not charts or (not releases and context.of_another_stack):
            continue
        idle = [found.name for found in releases if _runs_none(found)]
        problem = None
        if not releases and group not in defined:
            problem = Problem("nothing in the stack brings its kind and makes its pods", f"install chart {charts[0]}")
        elif idle and len(idle) == len(releases):
            problem = Problem(f"release {', '.join(idle)} runs no controller", "leave its number of replicas out")
        yield verdict(subject(each), problem, "its controller is there", "warning" if unknown and not releases else "")


def _runs_none(release: Software) -> bool:
    replicas = _REPLICAS.get(release.chart)
    return replicas is not None and str(release.value(*replicas, default=1)) == "0"
