"""`eks-gpu init`."""

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from eks_gpu.io.output import write
from eks_gpu.io.problems import InputError
from eks_gpu.io.terminal import Terminal

if TYPE_CHECKING:
    from eks_gpu.init.answers import Answers
    from eks_gpu.init.draft import Target
    from eks_gpu.plan.plan import Plan

EXAMPLES = (
    "Examples:  eks-gpu init my-gpus  ·  eks-gpu init my-gpus --yes  ·  "
    "eks-gpu init --stack qa --region eu-west-1 --gpus 8 --capacity-type spot --backend auto-mode --budget 5000"
)


def _regions() -> list[str]:
    from eks_gpu_components.catalog import regions

    return list(regions())


def _backends() -> list[str]:
    from eks_gpu.init.answers import BACKENDS

    return list(BACKENDS)


def _capacity_types() -> list[str]:
    from eks_gpu.init.answers import CAPACITY_TYPES

    return list(CAPACITY_TYPES)


# Texts, not numbers and choices: so that all problems come in one message.
def init(
    project: Annotated[
        Path, typer.Argument(metavar="[PROJECT]", help="Folder of the project; it is made if it is not there.")
    ] = Path(),
    stack: Annotated[str, typer.Option(metavar="NAME", help="Stack whose Pulumi.<stack>.yaml is written.")] = "dev",
    region: Annotated[
        str, typer.Option(metavar="REGION", autocompletion=_regions, help="Region of AWS; us-west-2 with --yes.")
    ] = "",
    gpus: Annotated[str, typer.Option(metavar="N", help="Most GPUs at the same time; 4 with --yes.")] = "",
    budget: Annotated[
        str, typer.Option(metavar="USD", help="Budget of a month for the maximum; with --yes what the maximum costs.")
    ] = "",
    capacity_type: Annotated[
        str,
        typer.Option(
            metavar="TYPES",
            autocompletion=_capacity_types,
            help="spot,on-demand, spot or on-demand; the first with --yes.",
        ),
    ] = "",
    backend: Annotated[
        str,
        typer.Option(
            metavar="BACKEND",
            autocompletion=_backends,
            help="karpenter, auto-mode, managed-node-group or auto-scaling-group; the first with --yes.",
        ),
    ] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Take the default for each answer that is not given.")] = False,
    overwrite: Annotated[
        str, typer.Option(metavar="FILE", help="Name of the stack's file that is there, to write over it.")
    ] = "",
) -> None:
    """Write the settings of a stack that plans green, and in a folder without a project a small program too.

    It asks five questions with the price of each answer; an option answers in place of a person. Nothing is created in
    AWS.
    """
    from eks_gpu.init import answers as about
    from eks_gpu.init.draft import find, fitted

    options = {
        about.REGION: region,
        about.GPUS: gpus,
        about.CAPACITY: capacity_type,
        about.BACKEND: backend,
        about.BUDGET: budget,
    }
    target = find(project, _stack(stack))
    _may_be_written(target, overwrite)
    if target.backend and not backend:
        options[about.BACKEND] = target.backend
    given = about.read_all({option: text for option, text in options.items() if text})
    missing = [option for option in options if option not in given]
    if missing and not yes and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise InputError(f"there is no terminal to ask: give {', '.join(missing)}, or --yes for the defaults")

    console = Terminal(soft_wrap=True)
    if missing and not yes:
        console.print("Prices are in USD: ~ is an estimate, * the price of another region.")
    wanted = _Questions(console, target, given, yes).all()
    with Terminal(stderr=True).status("planning"):
        found, plan = fitted(target, wanted)
    if plan.failed:
        raise InputError(
            [f"{finding.id}: {finding.message}" for finding in plan.analysis.findings if finding.fails_plan]
        )
    _write(target, found, console)
    _say(target, found, plan, console)


def _stack(name: str) -> str:
    if not name or not all(sign.isascii() and (sign.isalnum() or sign in "-_.") for sign in name):
        raise InputError(f"--stack must be letters, digits, '-', '_' and '.', got {name!r}")
    return name


def _may_be_written(target: "Target", overwrite: str) -> None:
    there, name = target.file.exists(), target.file_name
    if overwrite and overwrite != name:
        raise InputError(f"--overwrite must name the file of the stack, {name}, got {overwrite!r}")
    if there and not overwrite:
        raise InputError(f"{target.file}: is there already; take another --stack, or --overwrite {name}")


class _Questions:
    """The answers that are still missing: asked of a person, each with the prices, or the defaults."""

    def __init__(self, console: Terminal, target: "Target", given: dict[str, Any], yes: bool):
        self._console, self._target, self._given, self._yes = console, target, given, yes

    def all(self) -> "Answers":
        """Raises InputError where the person ends the talk."""
        from eks_gpu.init import answers as about

        region = self._answer(about.REGION, ("region", "cheapest GPU", "USD/h", "Spot"), about.region_rows)
        head = ("GPUs", "USD/h", "month", "Spot USD/h", "month")
        gpus = self._answer(about.GPUS, head, lambda: about.gpu_rows(region))
        head = ("capacity", "USD/h a GPU", "")
        capacity = self._answer(about.CAPACITY, head, lambda: about.capacity_rows(region))

        types = tuple(row.name for row in about.pool_types(region))
        first = about.Answers(region, gpus, capacity, about.DEFAULTS[about.BACKEND], types)
        head = ("back end", "idle USD/month", "maximum", "")
        backend = self._answer(about.BACKEND, head, lambda: self._backend_rows(first))
        head = ("budget USD/month", "instance types that it is enough for")
        chosen = about.Answers(region, gpus, capacity, backend, types)
        budget = self._answer(about.BUDGET, head, lambda: self._budget_rows(chosen))
        return about.Answers(region, gpus, capacity, backend, types, budget)

    def _answer(self, option: str, head: tuple[str, ...], rows: Callable[[], Iterable[tuple[str, ...]]]) -> Any:
        from eks_gpu.init.answers import BUDGET, DEFAULTS, read
        from eks_gpu.io.tables import table

        if option in self._given:
            return self._given[option]
        if self._yes:
            return read(option, DEFAULTS[option]) if option in DEFAULTS else None
        with Terminal(stderr=True).status("looking up prices"):
            found = list(rows())
        prices = table(*head, right=head[1:-1] if head[-1] == "" else head[2:], gap=2)
        for row in found:
            prices.add_row(*row)
        self._console.print("", prices)
        default = DEFAULTS.get(option, found[0][0])

        def checked(text: str) -> Any:
            try:
                value = read(option, text)
            except ValueError as wrong:
                raise typer.BadParameter(f"it {wrong}") from None
            if option == BUDGET and value < (least := float(found[-1][0])):
                raise typer.BadParameter(f"it must be at least {least:.15g}, or the GPUs fewer, got {value:.15g}")
            return value

        try:
            return typer.prompt(option.removeprefix("--"), default=default, value_proc=checked)
        except typer.Abort:
            raise InputError(f"no answer for {option}; nothing is written") from None

    def _backend_rows(self, first: "Answers") -> Iterable[tuple[str, ...]]:
        from dataclasses import replace

        from eks_gpu.cost.money import usd
        from eks_gpu.init.answers import BACKENDS
        from eks_gpu.init.draft import plan_of

        for backend, meaning in BACKENDS.items():
            cost = plan_of(self._target, replace(first, backend=backend)).analysis.cost
            yield backend, *(usd(bill.monthly, 0, bill.marks) for bill in (cost.idle, cost.max)), meaning

    def _budget_rows(self, chosen: "Answers") -> Iterable[tuple[str, ...]]:
        from dataclasses import replace

        from eks_gpu.init.draft import plan_of, rounded

        for count in range(len(chosen.types), 0, -1):
            tried = replace(chosen, types=chosen.types[:count])
            yield f"{rounded(plan_of(self._target, tried)):.15g}", ", ".join(tried.types)


def _write(target: "Target", found: "Answers", console: Terminal) -> None:
    for file, text in target.files(found).items():
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as refused:
            raise InputError(f"{file.parent}: cannot be made: {refused.strerror}") from None
        write(file, text)
        console.print(f"wrote {file}")


def _say(target: "Target", found: "Answers", plan: "Plan", console: Terminal) -> None:
    """What the files cost, and what to do next."""
    from eks_gpu.cost.money import usd

    cost = plan.analysis.cost
    idle, most = (usd(bill.monthly, 0, bill.marks) for bill in (cost.idle, cost.max))
    gpus = f"{found.gpus} GPU{'s' * (found.gpus > 1)}"
    folder = "" if target.folder == Path() else f" {target.folder}"
    console.print(
        f"up to {gpus} on {', '.join(found.types)}: {idle} USD a month while idle, at most {most}",
        f"eks-gpu plan{folder} --stack {target.stack}    # all of it, with every check",
        sep="\n",
    )
