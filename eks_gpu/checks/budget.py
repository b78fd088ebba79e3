"""The budget: what a stack may cost in its worst month."""

from collections.abc import Iterator

from eks_gpu.checks.registry import Context, Problem, Said, check, verdict


@check("maximum-within-budget", subject="stack", fix="lower max_gpus or max_nodes, or raise the budget")
def within_budget(context: Context) -> Iterator[Said]:
    """The worst month costs more than the budget in the stack's settings.

    The check applies where the stack names one.
    """
    if context.budget is None:
        return
    monthly = context.cost.max.monthly
    problem = (
        Problem(
            f"the maximum is {monthly:,.2f} USD a month, {monthly - context.budget:,.2f} over the budget of "
            f"{context.budget:,.2f}"
        )
        if monthly > context.budget
        else None
    )
    yield verdict("stack", problem, f"at most {monthly:,.2f} of {context.budget:,.2f} USD a month")
