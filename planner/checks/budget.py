"""The budget: what a stack may cost in its worst month."""

from collections.abc import Iterator

from .registry import Context, Said, check, verdict


@check("maximum-within-budget")
def within_budget(context: Context) -> Iterator[Said]:
    """Applies where the stack's settings name a budget."""
    if context.budget is None:
        return
    monthly = context.cost.max.monthly
    problem = (
        f"the maximum is {monthly:,.2f} USD a month, {monthly - context.budget:,.2f} over the budget of "
        f"{context.budget:,.2f}: lower max_gpus or max_nodes, or raise the budget"
        if monthly > context.budget
        else ""
    )
    yield verdict("stack", problem, f"at most {monthly:,.2f} of {context.budget:,.2f} USD a month")
