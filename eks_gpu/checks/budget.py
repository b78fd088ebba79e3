"""The budget: what a stack may cost in its worst month."""

from collections.abc import Iterator

from eks_gpu.checks.registry import Context, Problem, Said, check, no_verdict, verdict
from eks_gpu.cost.money import usd
from eks_gpu_components.catalog import HOURS_PER_MONTH

REFRESH = "take prices of the region itself, with eks-gpu prices refresh, or leave more room in the budget"


@check("maximum-within-budget", subject="stack", fix="lower max_gpus or max_nodes, or raise the budget")
def within_budget(context: Context) -> Iterator[Said]:
    """The worst month costs more than the budget in the stack's settings.

    The check applies if the stack has a budget. It warns if prices of another region decide: with the highest price
    factor known for this region the maximum would be over the budget. It also warns if a line has no price. It gives
    no verdict on a maximum within the budget that leaves out what was not read.
    """
    if context.budget is None:
        return
    bill, budget = context.cost.max, context.budget
    monthly, most = bill.monthly, bill.between[1] * HOURS_PER_MONTH
    amount = usd(monthly, 2, bill.marks)
    if monthly > budget:
        over = usd(monthly - budget, 2, bill.marks)
        says = f"the maximum is {amount} USD a month, {over} over the budget of {budget:,.2f}"
        yield verdict("stack", Problem(says), "")
        return
    if left_out := bill.leaves_out or next(iter(bill.unknown), ""):
        yield no_verdict("stack", f"{amount} of {budget:,.2f} USD a month: {left_out}")
        return
    problems = []
    if most > budget:
        others, borrowed = ", ".join(bill.borrowed_from), bill.borrowed * HOURS_PER_MONTH
        problems.append(
            Problem(
                f"prices of {others} decide: they make {borrowed:,.2f} of {amount} USD a month, "
                f"and in {context.region} it may be up to {most:,.2f}, {most - budget:,.2f} over the budget of "
                f"{budget:,.2f}",
                REFRESH,
            )
        )
    if bill.unpriced:
        unknown = ", ".join(bill.unpriced)
        problems.append(Problem(f"{amount} USD a month leaves out what has no price: {unknown}", REFRESH))
    yield verdict("stack", problems, f"at most {amount} of {budget:,.2f} USD a month", "warning")
