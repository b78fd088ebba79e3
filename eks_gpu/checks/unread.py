"""What is not read: a plan that leaves something out says so."""

from collections.abc import Iterator

from eks_gpu.checks.registry import Context, Problem, Said, check, verdict
from eks_gpu.graph.unread import What


def _said(context: Context, what: What, holds: str) -> Iterator[Said]:
    rows = [row for row in context.unread if row.what == what]
    for row in rows:
        yield verdict(row.subject, Problem(row.why, row.how), "")
    if not rows:
        yield verdict("stack", None, holds)


@check(
    "nodes-are-all-read",
    subject="stack, what may hold nodes",
    fix="make the nodes with a node group, an auto scaling group or a node pool",
)
def nodes(context: Context) -> Iterator[Said]:
    """Nodes may run, cost money and take pods, and neither the bills nor the checks know of them.

    A plan with nodes that are not read fails even if this check is waived.
    """
    yield from _said(context, "nodes", "everything that holds nodes is read")


@check(
    "workloads-are-all-read",
    subject="stack, what may hold workloads",
    severity="warning",
    fix="register the workloads one by one",
)
def workloads(context: Context) -> Iterator[Said]:
    """Pods may run that no check has judged, and for which nodes start that no bill has."""
    yield from _said(context, "pods", "everything that holds workloads is read")


@check(
    "software-is-all-read",
    subject="stack, chart or file that was not rendered",
    severity="warning",
    fix="register the objects one by one",
)
def software(context: Context) -> Iterator[Said]:
    """A check that misses a controller or plugin cannot tell whether it is missing, and gives no verdict."""
    yield from _said(context, "software", "every chart and file is read")
