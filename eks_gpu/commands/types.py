"""`eks-gpu types`."""

from pathlib import Path
from typing import Annotated

import typer

from eks_gpu.io.output import STDOUT, write_json
from eks_gpu.io.terminal import Terminal

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
    gpus: Annotated[str, typer.Option(metavar="N", help="Minimum number of GPUs, or Neuron devices, on a node.")] = "1",
    gpu_memory: Annotated[str, typer.Option(metavar="QUANTITY", help="Minimum memory of each GPU, such as 40Gi.")] = "",
    accelerator: Annotated[
        str, typer.Option(metavar="nvidia|neuron", autocompletion=_accelerators, help="Kind of accelerator.")
    ] = "nvidia",
    region: Annotated[
        str, typer.Option(metavar="REGION", autocompletion=_regions, help="Region of zones and prices.")
    ] = "us-west-2",
    spot: Annotated[bool, typer.Option("--spot", help="Only types that Spot offers, by estimated price.")] = False,
    max_price: Annotated[str, typer.Option(metavar="USD", help="Maximum price of a node per hour.")] = "",
    efa: Annotated[bool, typer.Option("--efa", help="Only types with an Elastic Fabric Adapter.")] = False,
    arch: Annotated[
        str, typer.Option(metavar="amd64|arm64", autocompletion=_architectures, help="Architecture of the CPU.")
    ] = "amd64",
    fractional: Annotated[
        bool, typer.Option("--fractional", help="Include types with a fraction of a GPU, which pods cannot request.")
    ] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the types as JSON; - is stdout.")] = None,
) -> None:
    """List the instance types that meet a need, cheapest first, with their zones and quotas. Runs offline."""
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
    Terminal(stderr=json_file == STDOUT).print(render(need, region, found))
    raise typer.Exit(0 if found else 1)
