"""`eks-gpu plan`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ..output import STDOUT, write_json
from ..problems import InputError

EXAMPLES = (
    "Examples:  eks-gpu plan --stack prod  ·  eks-gpu plan examples/spot-autoscaling-groups  ·  "
    "eks-gpu plan --all --json -"
)


def plan(
    project: Annotated[Path, typer.Argument(help="Folder with Pulumi.yaml.", show_default=True)] = Path(),
    stack: Annotated[str, typer.Option(help="Stack whose Pulumi.<stack>.yaml holds the values.")] = "dev",
    all_stacks: Annotated[bool, typer.Option("--all", help="Every stack that has a file.")] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the plan as JSON; - is stdout.")] = None,
    manifests: Annotated[
        Path | None, typer.Option(help="Write every Kubernetes object as YAML into this folder, one folder a stack.")
    ] = None,
) -> None:
    """Run the project's program offline; print pools, workloads, cost and checks. Nothing is created."""
    from .. import manifests as objects
    from ..plan import make_plan
    from ..project import Project
    from ..render import render

    loaded = Project.load(project)
    names = loaded.stack_names() if all_stacks else [stack]
    if not names:
        raise InputError(f"{project}: no Pulumi.<stack>.yaml here")
    stacks = _each(names, loaded.stack)

    console = Console(stderr=json_file == STDOUT, highlight=False, soft_wrap=False)
    with Console(stderr=True).status("running the program offline") as status:
        plans = []
        for each in stacks:
            status.update(f"running {loaded.name} offline, stack {each.name}")
            plans.append(make_plan(loaded, each))

    for made in plans:
        console.print(render(made))
    write_json(json_file, [made.as_json() for made in plans] if all_stacks else plans[0].as_json())
    if manifests:
        for made in plans:
            written = objects.write(made.graph, manifests / made.stack)
            console.print(f"{written} objects in {manifests / made.stack}")
    raise typer.Exit(1 if any(made.failed for made in plans) else 0)


def _each(names, load):
    """Every stack, or the problems of all of them at once."""
    loaded, problems = [], []
    for name in names:
        try:
            loaded.append(load(name))
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)
    return loaded
