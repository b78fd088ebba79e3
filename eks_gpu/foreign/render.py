"""A stack from a preview or a state, printed in a terminal of 80 columns or more."""

from rich.console import Group
from rich.text import Text

from eks_gpu.foreign.judged import Judged
from eks_gpu.plan.render import assumptions, told


def render(judged: Judged) -> Group:
    """The pools, workloads, cost and checks of a judged stack."""
    of = judged.told
    title = Text.assemble((f"{of.project} / {of.stack}", "bold"), f"  {of.region}, {len(of.graph)} resources")
    return told(title, judged.analysis, judged.findings, assumptions(of.assumed), judged.baseline)
