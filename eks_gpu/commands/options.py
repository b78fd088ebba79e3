"""Options that several commands have."""

from pathlib import Path
from typing import Annotated

import typer

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
