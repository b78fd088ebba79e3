"""Waivers: each still waives something."""

from collections.abc import Iterator

from eks_gpu.checks.registry import CHECKS, Context, Problem, Said, check, verdict
from eks_gpu.checks.waiver import NEEDED


@check(NEEDED, subject="waiver", severity="warning", fix="remove the waiver, or correct its subject")
def needed(context: Context) -> Iterator[Said]:
    """A waiver that waives nothing hides the next failure of its kind before anybody has judged it."""
    for waiver in context.waivers:
        failing = [
            found.subject
            for found in CHECKS[waiver.check].findings(context)
            if not found.passed and waiver.covers(found.id, found.subject)
        ]
        named = waiver.check if waiver.subject == "*" else f"{waiver.check} {waiver.subject}"
        problem = None if failing else Problem("nothing that it covers fails")
        yield verdict(named, problem, f"it covers {', '.join(failing)}")
