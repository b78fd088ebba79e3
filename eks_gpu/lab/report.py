"""What the engine did, for a terminal of 80 columns."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import RenderableType
from rich.text import Text

from eks_gpu.lab.apply import Applied, Destroyed, played
from eks_gpu.lab.interrupted import names
from eks_gpu.lab.outcomes import Step

PARTS_OF_A_REPLACEMENT = {"create-replacement", "delete-replaced"}
"""Told by the engine beside the replacement itself."""


def previewed(steps: Sequence[Step]) -> RenderableType:
    """How many resources stay or change, and each that changes."""
    told = [step for step in steps if step.operation not in PARTS_OF_A_REPLACEMENT and not _is_the_engines(step.urn)]
    changed = [step for step in told if step.operation != "same"]
    head = "apply would do this" if changed else "apply would change nothing"
    which = names(step.urn for step in changed)
    lines = [f"  {step.operation:<8}{name}" for step, name in zip(changed, which, strict=True)]
    return Text("\n".join([f"{head}; resources: {_counted(Counter(step.operation for step in told))}", *lines]))


def applied(done: Applied, log: Path) -> RenderableType:
    """Resources, charts, outputs."""
    ours, skipped = played(done.charts)
    lines = [f"up after {done.seconds:.0f} s; resources: {_counted(done.changes)}"]
    if ours:
        lines.append(f"charts whose controllers the lab runs itself: {', '.join(map(str, ours))}")
    if skipped:
        lines.append(f"charts skipped, nothing of them runs here: {', '.join(map(str, skipped))}")
    if done.translated:
        lines.append("EKS Auto Mode is played by Karpenter, with the lab's own credentials; in Karpenter's words:")
        lines += [f"  {line}" for line in done.translated]
    outputs = [f"  {name}: {value}" for name, value in done.outputs.items()]
    return Text("\n".join([*lines, *(["outputs:", *outputs] if outputs else []), f"the engine's words are in {log}"]))


def destroyed(done: Destroyed) -> RenderableType:
    """How much went, and what did not."""
    head = f"{done.deleted} resources deleted after {done.seconds:.0f} s"
    with_cluster = [f"went with the cluster: {', '.join(done.ended)}"] if done.ended else []
    if not done.left:
        return Text("\n".join([f"{head}; nothing is left in AWS or the cluster", *with_cluster]))
    return Text("\n".join([f"{head}; left:", *(f"  {each}" for each in done.left), *with_cluster]))


def _is_the_engines(urn: str) -> bool:
    """Whether it is a default provider, which the engine makes for itself and does not count."""
    kind, _, name = urn.rpartition("::")
    return "::pulumi:providers:" in kind and name.startswith("default")


def _counted(changes: Mapping[str, int]) -> str:
    """`98 create, 3 same`."""
    return ", ".join(f"{count} {what}" for what, count in sorted(changes.items()))
