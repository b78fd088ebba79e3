"""`eks-gpu`: the command line. Exit codes: 0 all holds, 1 a check fails, 2 wrong input, 3 a fault of its own."""

import gc
import io
import os
import sys
import traceback
import warnings
from importlib.metadata import entry_points, version
from pathlib import Path
from typing import Annotated

try:
    import typer
except ImportError as missing:  # the library alone, without the extra
    sys.exit(f"eks-gpu needs {missing.name}: pip install 'eks-gpu-components[plan]'")

from eks_gpu.commands import audit, check, cost, drift, explain, init, plan, preflight, prices, types, why
from eks_gpu.io.output import end_stdout
from eks_gpu.io.problems import InputError
from eks_gpu.io.terminal import complain

PACKAGE = "eks-gpu-components"
"""By which it is installed."""
TRACEBACK = "EKS_GPU_TRACEBACK"
"""Environment variable with which a fault of this tool is shown in full."""
MAX_SAID = 300
"""Letters of an error's own message in the line that a crash prints."""
IGNORE_REFRESHED = "EKS_GPU_CATALOG_PRICES"
"""Environment variable that `eks_gpu.pools.prices` reads, which costs a start too much to import here."""
ROOMS = "eks_gpu.commands"
"""Entry points of rooms that build on this one: a Typer is a group of commands, a function is one."""

VERSION = "--version"
"""The option that no room adds to."""

LOOKS_FOR_GARBAGE = (100_000, 50, 100)
"""Python's thresholds for a short run that makes half a million objects and keeps them, most of them the SDKs' types:
by default it looks through them again and again, a tenth of a plan's time.
"""

app = typer.Typer(
    help="GPU and Spot nodes on Amazon EKS: what a stack will cost, run and scale to, before anything is created.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
OWN = {
    "plan": plan,
    "check": check,
    "explain": explain,
    "types": types,
    "preflight": preflight,
    "cost": cost,
    "drift": drift,
    "audit": audit,
    "init": init,
}
"""Commands of this room, each with its module: they run without the others being looked for."""
for name, module in OWN.items():
    app.command(name, epilog=module.EXAMPLES)(getattr(module, name))


GROUPS = {"prices": prices.app, "why": why.app}
"""Commands of this room that have commands of their own."""
for name, group in GROUPS.items():
    app.add_typer(group, name=name)


def _say_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"eks-gpu {version(PACKAGE)}")
        raise typer.Exit


@app.callback()
def _commands(
    _: Annotated[
        bool, typer.Option(VERSION, callback=_say_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Keeps a command a command of its own where it is the only one."""


def add_rooms(wanted: str | None) -> None:
    """Adds what other rooms bring; one whose extra is not installed ends the run only where it is wanted."""
    rooms = entry_points(group=ROOMS)
    for room in rooms.select(name=wanted or "") or rooms:
        try:
            brought = room.load()
        except ImportError as missing:
            if wanted == room.name:
                raise InputError(
                    f"eks-gpu {room.name} needs {missing.name}: pip install 'eks-gpu-components[{room.name}]'"
                ) from None
            continue
        if isinstance(brought, typer.Typer):
            app.add_typer(brought, name=room.name)
        else:
            app.command(room.name, epilog=brought.EXAMPLES)(brought.run)


def main() -> None:
    """The console script."""
    gc.set_threshold(*LOOKS_FOR_GARBAGE)
    # What a program leaves unfinished when it stops with an error is not its user's concern.
    warnings.filterwarnings("ignore", message="coroutine .* was never awaited")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name may hold what no encoding can write
            stream.reconfigure(errors="backslashreplace")
    try:
        _run()
    except InputError as error:
        for problem in error.problems:
            complain(f"error: {problem}")
        sys.exit(2)
    except BrokenPipeError:  # the reader, `head` say, has seen enough
        sys.stderr.close()
        sys.exit(0)
    except Exception as error:
        if os.environ.get(TRACEBACK):
            traceback.print_exc()
        complain(_crash(error))
        sys.exit(3)


def _run() -> None:
    """A command, and then nothing more on stdout. Raises what the command raises, and SystemExit with its code."""
    wanted = sys.argv[1] if len(sys.argv) > 1 else None
    if wanted == "lab":  # its AWS has the catalog's prices
        os.environ.setdefault(IGNORE_REFRESHED, "1")
    if wanted not in OWN and wanted not in GROUPS and wanted != VERSION:
        add_rooms(wanted)
    try:
        app()
    except SystemExit:
        try:
            end_stdout()
        except BrokenPipeError:
            raise
        except OSError as refused:
            raise InputError(f"stdout: cannot be written: {refused.strerror}") from None
        raise


def _crash(error: Exception) -> str:
    """One line: what happened and where."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    said = " ".join(str(error).split())[:MAX_SAID]
    where = f"{Path(last.filename).name}:{last.lineno}"
    return f"error: eks-gpu itself failed, {type(error).__name__} at {where}: {said}; {TRACEBACK}=1 shows more"
