"""`eks-gpu cost`: what the running cluster costs now."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from eks_gpu.commands.options import ClusterName, Context, JsonFile, Kubeconfig, Profile, Region, needs_live
from eks_gpu.io.output import STDOUT, write, write_json
from eks_gpu.io.problems import InputError
from eks_gpu.io.terminal import Terminal

if TYPE_CHECKING:
    from eks_gpu.live.spending import Levels

EXAMPLES = (
    "Examples:  eks-gpu cost --cluster  ·  eks-gpu cost --cluster --plan . --stack prod  ·  "
    "eks-gpu cost --cluster --watch"
)


def cost(
    cluster: Annotated[bool, typer.Option("--cluster", help="The running cluster of the kubeconfig.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Go on, and show what changes, until Ctrl-C.")] = False,
    plan: Annotated[
        Path | None, typer.Option("--plan", metavar="PROJECT", help="Hold it against the plan of this project.")
    ] = None,
    stack: Annotated[str, typer.Option(help="Stack of that project.")] = "dev",
    plan_file: Annotated[
        Path | None,
        typer.Option("--plan-file", metavar="FILE", help="Hold it against a plan that `plan --json` wrote."),
    ] = None,
    kubeconfig: Kubeconfig = None,
    context: Context = "",
    cluster_name: ClusterName = "",
    region: Region = "",
    profile: Profile = "",
    json_file: JsonFile = None,
    html_file: Annotated[Path | None, typer.Option("--html", help="Write it and the plan as a page.")] = None,
) -> None:
    """Show what the running cluster costs now by pool, what is idle, and what its plan says."""
    if not cluster:
        raise InputError("--cluster is required: `eks-gpu plan` has the cost of a program")
    if plan and plan_file:
        raise InputError("--plan PROJECT and --plan-file FILE exclude each other: give one of them")
    if watch and (json_file or html_file):
        raise InputError("--json and --html are of one moment: they and --watch exclude each other")
    if STDOUT == json_file == html_file:
        raise InputError("--json, --html: only one of them can be stdout, -")
    with needs_live("cost"):
        from eks_gpu.live.judged import running
        from eks_gpu.live.nodes.machines import machines
        from eks_gpu.live.render_spending import render
        from eks_gpu.live.spending import spending
        from eks_gpu.live.way_in import way_in

    reader, account, described = way_in(kubeconfig, context, cluster_name, region, profile)
    if watch:
        from eks_gpu.live.watching import watch_cluster

        watch_cluster(reader, account, str(described["name"]))
        return
    levels = _levels(plan, stack, plan_file)
    read = running(reader, account, described)
    found = spending(read, machines(account, read.name), levels)
    Terminal(stderr=STDOUT in (json_file, html_file)).print(render(found))
    write_json(json_file, found.as_json())
    if html_file:
        from eks_gpu.live.spending_page import page

        write(html_file, page(read, found))
    raise typer.Exit(1 if found.over else 0)


def _levels(project: Path | None, stack: str, file: Path | None) -> "Levels | None":
    """What the given plan says; None where none is given."""
    from eks_gpu.live.spending import levels, saved_levels

    if file:
        from eks_gpu.plan.saved_plans import snapshots

        found = snapshots(file)
        chosen = next((each for each in found if each.stack == stack), found[0] if len(found) == 1 else None)
        if chosen is None:
            raise InputError(
                f"{file}: holds no plan of stack {stack}; it has {', '.join(each.stack for each in found)}"
            )
        costs = chosen.cost
        return saved_levels(chosen.title, costs.idle, costs.steady, costs.max, chosen.region or "")
    if project:
        from eks_gpu.offline.project import Project
        from eks_gpu.plan.plan import make_plan, plan_settings

        loaded = Project.load(project)
        config = loaded.stack(stack)
        with Terminal(stderr=True).status(f"running {loaded.name} offline, stack {stack}"):
            made = make_plan(loaded, config)
        budget = plan_settings(loaded, config).monthly_budget_usd
        bills = made.analysis.cost
        return levels(f"{loaded.name} / {stack}", bills.idle, bills.steady, bills.max, budget)
    return None
