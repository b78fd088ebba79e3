"""Options that several commands have."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from eks_gpu.io.problems import InputError


def stack_names(context: typer.Context) -> list[str]:
    """Stacks of the project among the words typed so far, or of the folder that one stands in; none without one."""
    from eks_gpu.offline.project import Project

    for folder in (*map(Path, context.args), Path()):  # words are not yet arguments while the line is unfinished
        try:
            return Project.load(folder).stack_names()
        except (InputError, OSError):
            continue
    return []


JsonFile = Annotated[Path | None, typer.Option("--json", help="Write the answer as JSON; - is stdout.")]
PROJECT_FOLDER = "Folder with Pulumi.yaml; by default this one or the next above."
STACK = "Stack whose Pulumi.<stack>.yaml holds the values."
ProjectFolder = Annotated[Path, typer.Argument(metavar="[PROJECT]", help=PROJECT_FOLDER, show_default=True)]
Stack = Annotated[str, typer.Option("--stack", autocompletion=stack_names, help=STACK)]
BaselineFile = Annotated[
    Path | None,
    typer.Option("--baseline", metavar="FILE", help="Record failures there once; then fail on new or worse ones."),
]
PoolsFile = Annotated[
    Path | None,
    typer.Option(
        "--pools",
        metavar="FILE",
        help="Pools of another stack, as `kubectl get nodepools,ec2nodeclasses,nodeclasses -o yaml` prints them.",
    ),
]

CompiledProgram = Annotated[
    Path | None,
    typer.Option(
        "--program", metavar="BINARY", help="The compiled program of a project in Go, which is not built then."
    ),
]

Kubeconfig = Annotated[
    Path | None,
    typer.Option("--kubeconfig", metavar="FILE", help="A kubeconfig; by default the one that kubectl takes."),
]
Context = Annotated[
    str, typer.Option("--context", metavar="NAME", help="A context of the kubeconfig; by default the current one.")
]
ClusterName = Annotated[
    str,
    typer.Option(
        "--cluster-name", metavar="NAME", help="Name of the EKS cluster; by default the one with the context's server."
    ),
]
Profile = Annotated[str, typer.Option("--profile", metavar="NAME", help="A profile of AWS's command line.")]
Region = Annotated[
    str, typer.Option("--region", help="Region of the cluster; by default that of its server, or the caller's.")
]


@contextmanager
def needs_live(command: str) -> Iterator[None]:
    """Around the imports of a command that reads AWS or a cluster. Raises InputError where a client is missing."""
    try:
        yield
    except ImportError as missing:
        package = str(missing.name).partition(".")[0]
        raise InputError(f"eks-gpu {command} needs {package}: pip install 'eks-gpu-components[live]'") from None
