"""A stack from a preview or a state, printed in a terminal of 80 columns or more."""

from rich.console import RenderableType
from rich.text import Text

from eks_gpu.foreign.judged import Judged
from eks_gpu.plan.render import Redacted, assumptions, told


def render(judged: Judged, headline: str = "") -> RenderableType:
    """The pools, workloads, cost and checks of a judged stack, below a headline of its own where one is given."""
    of = judged.told
    where = f"  {of.region or 'no region'}, {len(of.graph)} resources"
    title = Text.assemble((f"{of.project} / {of.stack}", "bold"), where)
    if headline:
        name, _, rest = headline.partition("  ")
        title = Text.assemble((name, "bold"), f"  {rest}")
    shown = told(title, judged.analysis, judged.findings, assumptions(of.assumed), judged.baseline)
    return Redacted(shown, judged.secrets)
