"""`eks-gpu types`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from eks_gpu.io.output import STDOUT, write_json

EXAMPLES = (
    "Examples:  eks-gpu types --gpu-memory 40Gi --region eu-central-1  ·  "
    "eks-gpu types --gpus 8 --efa --spot --max-price 30  ·  eks-gpu types --accelerator neuron --json -"
)


def _accelerators() -> list[str]:
    from eks_gpu.types.type_search import ACCELERATORS

    return list(ACCELERATORS)


def _architectures() -> list[str]:
    from eks_gpu.types.type_search import ARCHITECTURES

    return list(ARCHITECTURES)


def _regions() -> list[str]:
    from eks_gpu_components.catalog import regions

    return list(regions())


# Texts, not numbers and choices: so that all problems come in one message.
def types(
    gpus: Annotated[str, typer.Option(metavar="N", help="At least so many GPUs, or Neuron devices, on a node.")] = "1",
    gpu_memory: Annotated[str, typer.Option(metavar="QUANTITY", help="On each of them: 40Gi.")] = "",
    accelerator: Annotated[
        str, typer.Option(metavar="nvidia|neuron", autocompletion=_accelerators, help="Whose devices.")
    ] = "nvidia",
    region: Annotated[
        str, typer.Option(metavar="REGION", autocompletion=_regions, help="Whose zones and prices.")
    ] = "us-west-2",
    spot: Annotated[bool, typer.Option("--spot", help="What Spot sells, by its estimated price.")] = False,
    max_price: Annotated[str, typer.Option(metavar="USD", help="At most so much an hour, for a node.")] = "",
    efa: Annotated[bool, typer.Option("--efa", help="With an Elastic Fabric Adapter.")] = False,
    arch: Annotated[
        str, typer.Option(metavar="amd64|arm64", autocompletion=_architectures, help="Of the node's CPU.")
    ] = "amd64",
    fractional: Annotated[
        bool, typer.Option("--fractional", help="A part of a GPU will do, though no pod can ask for it.")
    ] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the types as JSON; - is stdout.")] = None,
) -> None:
    """Rank the instance types that have what is needed: cheapest first, with their zones and quotas. Runs offline."""
    from eks_gpu.types.render import render
    from eks_gpu.types.type_search import offers, read_need

    need = read_need(
        gpus=gpus,
        gpu_memory=gpu_memory,
        accelerator=accelerator,
        region=region,
        architecture=arch,
        max_price=max_price,
        spot=spot,
        efa=efa,
        fractional=fractional,
    )
    found = offers(need, region)
    write_json(json_file, [offer.as_json() for offer in found])
    Console(stderr=json_file == STDOUT, highlight=False).print(render(need, region, found))
    raise typer.Exit(0 if found else 1)
