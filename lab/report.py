"""What the engine did, for a terminal of 80 columns."""

from pathlib import Path

from rich.console import RenderableType
from rich.text import Text

from .apply import Applied, Destroyed, played


def applied(done: Applied, log: Path) -> RenderableType:
    """Resources, charts, outputs."""
    changes = ", ".join(f"{count} {what}" for what, count in sorted(done.changes.items()))
    ours, skipped = played(done.charts)
    lines = [f"up after {done.seconds:.0f} s; resources: {changes}"]
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
