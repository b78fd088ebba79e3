"""Gangs: pods that start together find their nodes together."""

from collections.abc import Iterator
from datetime import date

from eks_gpu.checks.registry import Context, Problem, Said, check, verdict
from eks_gpu.checks.sources import Source
from eks_gpu.checks.workloads import scheduled
from eks_gpu.cost.gangs import gangs
from eks_gpu.pods.reasons import Rule

_READ = date(2026, 11, 29)


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
