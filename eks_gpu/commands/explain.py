"""`eks-gpu explain`."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from eks_gpu.commands.options import PROJECT_FOLDER, STACK, CompiledProgram, PoolsFile, stack_names
from eks_gpu.io.output import STDOUT, write_json
from eks_gpu.io.problems import InputError
from eks_gpu.io.terminal import Terminal

if TYPE_CHECKING:
    from eks_gpu.explain.stack_rooms import StackRooms
    from eks_gpu.graph.graph import Resource

EXAMPLES = (
    "Examples:  eks-gpu explain pod.yaml --stack prod  ·  kubectl get pod train-0 -o yaml | eks-gpu explain -  ·  "
    "eks-gpu plan --json plan.json; eks-gpu explain pod.yaml --plan plan.json"
)


def explain(
    pod: Annotated[
        Path, typer.Argument(metavar="POD.yaml", help="File with pods or objects with a pod template; - is stdin.")
    ],
    project: Annotated[Path | None, typer.Argument(help=PROJECT_FOLDER, show_default=".")] = None,
    stack: Annotated[str | None, typer.Option(autocompletion=stack_names, help=STACK, show_default="dev")] = None,
    plan: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Use a plan that `plan --json` wrote; no program runs.")
    ] = None,
    program: CompiledProgram = None,
    pools: PoolsFile = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the answer as JSON; - is stdout.")] = None,
) -> None:
    """Show for each pool of a stack whether it takes the pod, on which node and when, or the rule that rejects it."""
    from eks_gpu.cost.money import not_read
    from eks_gpu.explain.explain import explain as answer
    from eks_gpu.explain.pod_file import read_pods
    from eks_gpu.explain.render import render
    from eks_gpu.graph.secrets import redacted, secret_texts
    from eks_gpu.plan.render import Redacted
    from eks_gpu.pools.given import given_pools

    if plan and program:
        raise InputError(f"--program {program} and --plan {plan} exclude each other: give one of them")
    if plan and project:
        raise InputError(f"PROJECT {project} and --plan {plan} exclude each other: give one of them")
    sources, others = read_pods(pod)
    given = given_pools(pools) if pools else []
    held_against = _saved(plan, stack, given) if plan else _run(project or Path(), stack or "dev", given, program)
    found = answer(held_against, sources)
    if left := not_read(held_against.unread):
        others = [*others, f"{left}: whether they take a pod is not known"]
    secrets = secret_texts(held_against.graph)
    rows = redacted([explanation.as_json() for explanation in found], secrets)
    write_json(json_file, rows[0] if len(rows) == 1 else rows)
    told = Redacted(render(found, others, held_against.region), secrets)
    Terminal(stderr=json_file == STDOUT).print(told)
    raise typer.Exit(0 if all(explanation.runs for explanation in found) else 1)


def _run(folder: Path, name: str, given: "list[Resource]", program: Path | None) -> "StackRooms":
    """Run the stack's program offline."""
    from eks_gpu.explain.places import settings_places
    from eks_gpu.explain.stack_rooms import stack_rooms
    from eks_gpu.offline.project import Project
    from eks_gpu.offline.run import record

    project = Project.load(folder, program)
    stack = project.stack(name)
    with Terminal(stderr=True).status(f"running {project.name} offline, stack {name}"):
        recording, _ = record(project, stack)
    graph = recording.graph
    made = stack_rooms(graph, recording.region, given)
    return replace(made, settings=settings_places(stack.file, graph, [room.pool for room in made.rooms]))


def _saved(file: Path, name: str | None, given: "list[Resource]") -> "StackRooms":
    """Read a plan that was made before."""
    from eks_gpu.explain.stack_rooms import stack_rooms
    from eks_gpu.plan.saved_plans import saved_stack

    plan = saved_stack(file, name)
    try:
        return stack_rooms(plan.graph, plan.region, given)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{file}: its resources are none that a program registers: {error}") from None
