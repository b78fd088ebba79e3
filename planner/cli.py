"""`eks-gpu`: the command line. Exit codes: 0 all holds, 1 a check fails, 2 wrong input."""

import json
import sys
import warnings
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated

try:
    import typer
    from rich.console import Console
except ImportError as missing:  # the library alone, without the extra
    sys.exit(f"eks-gpu needs {missing.name}: pip install 'eks-gpu-components[plan]'")

from .problems import InputError

app = typer.Typer(
    help="GPU and Spot capacity on Amazon EKS: what a stack will cost, admit and scale to, before anything is created.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)

STDOUT = Path("-")


ROOMS = "eks_gpu.commands"
"""Entry points of rooms that build on this one and add a group of commands to it."""


@app.callback()
def _commands() -> None:
    """Keeps `plan` a command of its own where it is the only one."""


@app.command(
    epilog="Examples:  eks-gpu plan --stack prod  ·  eks-gpu plan examples/spot-autoscaling-groups  ·  "
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
    from . import manifests as objects
    from .plan import make_plan
    from .project import Project
    from .render import render

    loaded = Project.load(project)
    names = loaded.stack_names() if all_stacks else [stack]
    if not names:
        raise InputError(f"{project}: no Pulumi.<stack>.yaml here")
    stacks = _each(names, loaded.stack)

    to_stdout = json_file == STDOUT
    console = Console(stderr=to_stdout, highlight=False, soft_wrap=False)
    with Console(stderr=True).status("running the program offline") as status:
        plans = []
        for each in stacks:
            status.update(f"running {loaded.name} offline, stack {each.name}")
            plans.append(make_plan(loaded, each))

    for made in plans:
        console.print(render(made))
    if json_file:
        found = [made.as_json() for made in plans] if all_stacks else plans[0].as_json()
        text = json.dumps(found, indent=2, ensure_ascii=False) + "\n"
        if to_stdout:
            sys.stdout.write(text)
        else:
            _write(json_file, text)
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


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{file}: cannot be written: {error.strerror}") from None


def add_rooms(wanted: str | None) -> None:
    """Adds the groups of other rooms; one whose extra is not installed ends the run only where it is wanted."""
    for room in entry_points(group=ROOMS):
        try:
            app.add_typer(room.load(), name=room.name)
        except ImportError as missing:
            if wanted == room.name:
                raise InputError(
                    f"eks-gpu {room.name} needs {missing.name}: pip install 'eks-gpu-components[{room.name}]'"
                ) from None


def main() -> None:
    """The console script."""
    # What a program leaves unfinished when it stops with an error is not its user's concern.
    warnings.filterwarnings("ignore", message="coroutine .* was never awaited")
    wanted = sys.argv[1] if len(sys.argv) > 1 else None
    try:
        if wanted != "plan":
            add_rooms(wanted)
        app()
    except InputError as error:
        for problem in error.problems:
            sys.stderr.write(f"error: {problem}\n")
        sys.exit(2)
    except BrokenPipeError:  # the reader, `head` say, has seen enough
        sys.stderr.close()
        sys.exit(0)
