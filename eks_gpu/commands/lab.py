"""`eks-gpu lab`: the real engine and the real controllers on this machine, without a cloud account."""

import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, ParamSpec

import typer

from eks_gpu.commands.options import ProjectFolder, Stack
from eks_gpu.io.output import STDOUT, write, write_json
from eks_gpu.io.problems import InputError
from eks_gpu.io.terminal import Terminal, complain
from eks_gpu.lab import control_plane
from eks_gpu.lab.aws.accounts import ACCOUNTS
from eks_gpu.lab.isolation import alone_with
from eks_gpu.lab.problem import LabProblem
from eks_gpu.lab.state import Lab, find_lab
from eks_gpu_components.catalog import UnknownRegion, zones
from eks_gpu_components.catalog.nearest import hint_or_all

app = typer.Typer(
    name="lab",
    help="The real Pulumi engine and the real controllers on this machine, without a cloud account.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)

JsonFile = Annotated[Path | None, typer.Option("--json", help="Write the answer as JSON; - is stdout.")]
UpdateFrom = Annotated[
    str,
    typer.Option(
        "--from", metavar="outside|inside", help="Whether the update comes from inside the VPC of the stack's clusters."
    ),
]
P = ParamSpec("P")


def command(body: Callable[P, None]) -> Callable[P, None]:
    """A command of the lab: what the lab cannot do ends it with a message and exit code 1."""

    @wraps(body)
    def guarded(*args: P.args, **options: P.kwargs) -> None:
        try:
            with alone_with({}, foreign=("AWS_",)):
                body(*args, **options)
        except (LabProblem, OSError) as problem:  # OSError: the API server or moto did not answer
            complain(f"error: {problem}")
            raise typer.Exit(1) from None

    return app.command()(guarded)


@command
def up(
    region: Annotated[str, typer.Option(help="AWS region that the lab simulates.")] = control_plane.REGION,
    account: Annotated[
        str, typer.Option(metavar="new|used", help="Simulate a new AWS account, with its low quotas, or a used one.")
    ] = "used",
    json_file: JsonFile = None,
) -> None:
    """Start a cluster and a simulated AWS on loopback; print how to use them. Nothing leaves this machine."""
    try:
        zones(region)
    except UnknownRegion as error:
        raise InputError(f"--region: {error}") from None
    if account not in ACCOUNTS:
        raise InputError(f"--account: {account} is no account of the lab{hint_or_all(account, ACCOUNTS)}")
    started = time.monotonic()
    with Terminal(stderr=True).status("starting the lab") as display:
        lab = control_plane.up(region, display.update, account)
    console = Terminal(stderr=json_file == STDOUT, soft_wrap=True)
    console.print(how_to_look(lab, time.monotonic() - started))
    write_json(json_file, as_json(lab))


@command
def down() -> None:
    """End the lab's own processes and remove its data."""
    with Terminal(stderr=True).status("ending the lab") as display:
        ended = control_plane.down(display.update)
    print(f"the lab is down: {len(ended)} processes ended, data removed" if ended else "no lab is up")


@command
def status(json_file: JsonFile = None) -> None:
    """Show nodes, pods and what the nodes would cost per hour."""
    from eks_gpu.lab import status as statuses

    found = statuses.status(find_lab())
    Terminal(stderr=json_file == STDOUT).print(statuses.render(found))
    write_json(json_file, found.as_json())


@command
def outage(
    type_: Annotated[str, typer.Argument(metavar="TYPE", help="Instance type, such as g5.xlarge.")],
    zone: Annotated[str, typer.Argument(metavar="ZONE", help="Zone of the lab's region, such as us-west-2a.")],
    over: Annotated[bool, typer.Option("--end", help="End the outage: EC2 has the type in the zone again.")] = False,
) -> None:
    """Simulate an outage: EC2 has no capacity of an instance type in a zone until --end."""
    from eks_gpu.lab import outages

    known = (outages.end if over else outages.begin)(find_lab(), type_, zone)
    print("\n".join(f"EC2 has no {out_of} in {where}" for out_of, where in known) or "EC2 has every type again")


@command
def preview(project: ProjectFolder = Path(), stack: Stack = "dev", update_from: UpdateFrom = "outside") -> None:
    """Show what apply would do to each resource. Changes nothing."""
    from eks_gpu.lab import apply as engine
    from eks_gpu.lab import report

    made = engine.lab_stack(find_lab(), project, stack, update_from=place(update_from))
    with Terminal(stderr=True).status(f"looking ahead at {project.resolve().name}, stack {stack}") as display:
        steps = made.preview(display.update)
    Terminal(soft_wrap=True).print(report.previewed(steps))


@command
def apply(project: ProjectFolder = Path(), stack: Stack = "dev", update_from: UpdateFrom = "outside") -> None:
    """Run a project's program in the lab with the real Pulumi engine."""
    from eks_gpu.lab import apply as engine
    from eks_gpu.lab import report

    made = engine.lab_stack(find_lab(), project, stack, update_from=place(update_from))
    with Terminal(stderr=True).status(f"bringing up {project.resolve().name}, stack {stack}") as display:
        applied = made.up(display.update)
    Terminal().print(report.applied(applied, made.log))


@command
def destroy(project: ProjectFolder = Path(), stack: Stack = "dev", update_from: UpdateFrom = "outside") -> None:
    """Delete a project's stack, and name what is left in the lab."""
    from eks_gpu.lab import apply as engine
    from eks_gpu.lab import report

    made = engine.lab_stack(find_lab(), project, stack, update_from=place(update_from))
    with Terminal(stderr=True).status(f"taking away {project.resolve().name}, stack {stack}") as display:
        destroyed = made.destroy(display.update)
    Terminal().print(report.destroyed(destroyed))
    if destroyed.left:
        raise typer.Exit(1)


@command
def cancel(project: ProjectFolder = Path(), stack: Stack = "dev") -> None:
    """Unlock a stack whose engine was killed, and find out which of its resources exist."""
    from eks_gpu.lab import apply as engine

    made = engine.lab_stack(find_lab(), project, stack)
    with Terminal(stderr=True).status(f"looking at {project.resolve().name}, stack {stack}") as display:
        print(made.cancel(display.update))


@command
def replay(
    scenario: Annotated[
        str, typer.Argument(help="Name of the scenario; without a name, all scenarios are listed.")
    ] = "",
    json_file: JsonFile = None,
    picture_file: Annotated[
        Path | None, typer.Option("--picture", help="Draw nodes, pending pods and USD an hour over time, as SVG.")
    ] = None,
) -> None:
    """Replay a scenario with the real controllers, and compare the result with what is expected."""
    from eks_gpu.lab.replays import report
    from eks_gpu.lab.replays.kinds import load, scenarios
    from eks_gpu.lab.replays.picture import picture

    if not scenario:
        Terminal().print(report.listed({name: load(name) for name in scenarios()}))
        return
    loaded = load(scenario)
    lab = find_lab()
    with Terminal(stderr=True).status(f"replaying {scenario}, about {loaded.minutes:g} minutes") as display:
        result = loaded.replay(lab, scenario, display.update)
    Terminal(stderr=json_file == STDOUT).print(report.replayed(result, loaded))
    write_json(json_file, result.as_json())
    if picture_file:
        write(picture_file, picture(result))
    if not result.passed:
        raise typer.Exit(1)


def place(update_from: str) -> str:
    """Raises InputError for what is no place that an update comes from."""
    if update_from not in ("outside", "inside"):
        raise InputError(f"--from must be outside or inside, got {update_from}")
    return update_from


def how_to_look(lab: Lab, seconds: float) -> str:
    """What a person types next."""
    return (
        f"the lab is up after {seconds:.0f} s: Kubernetes at {lab.server}, AWS {lab.region} at {lab.aws_endpoint}\n\n"
        f"  export KUBECONFIG={lab.kubeconfig}\n"
        "  kubectl get nodes,pods -A          what is there; --watch goes on showing\n"
        "  eks-gpu lab apply PROJECT          brings a Pulumi project up here; destroy takes it away\n"
        "  eks-gpu lab status                 nodes, pods, USD an hour\n"
        f"  export AWS_ENDPOINT_URL={lab.aws_endpoint} AWS_REGION={lab.region}\n"
        "  export AWS_ACCESS_KEY_ID=lab AWS_SECRET_ACCESS_KEY=lab     for the AWS CLI\n"
        "  eks-gpu lab down                   ends it\n\n"
        f"Logs are in {lab.folder / 'logs'}."
    )


def as_json(lab: Lab) -> dict[str, Any]:
    """What a script needs of a lab that is up."""
    return {
        "kubeconfig": str(lab.kubeconfig),
        "aws_endpoint": lab.aws_endpoint,
        "region": lab.region,
        "pids": {process.name: process.pid for process in lab.processes},
    }
