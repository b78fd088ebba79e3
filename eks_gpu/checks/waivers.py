"""Waivers: each one still covers a failure."""

from collections.abc import Iterator

from eks_gpu.checks.registry import CHECKS, Context, Problem, Said, check, verdict
from eks_gpu.checks.waiver import NEEDED


@check(
    NEEDED, subject="waiver", severity="warning", fix="remove the waiver, or correct its subject", each_cluster=False
)
def needed(context: Context) -> Iterator[Said]:
    """A waiver without a failure would hide the next failure of its check before anybody has looked at it."""
    for waiver in context.waivers:
        failing = [
            found.subject
            for found in CHECKS[waiver.check].findings(context)
            if found.failed and waiver.covers(found.id, found.subject)
        ]
        named = waiver.check if waiver.subject == "*" else f"{waiver.check} {waiver.subject}"
        problem = None if failing else Problem("nothing that it covers fails")
        yield verdict(named, problem, f"it covers {', '.join(failing)}")
