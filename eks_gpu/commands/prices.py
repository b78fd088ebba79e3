"""`eks-gpu prices`."""

from typing import Annotated

import typer

from eks_gpu.io.output import write
from eks_gpu.io.problems import InputError
from eks_gpu.io.terminal import Terminal

EXAMPLES = "Example:  eks-gpu prices refresh --region eu-central-1"
EXTRA = "pip install 'eks-gpu-components[plan,prices]'"

app = typer.Typer(help="Prices that plans use: those of the catalog, or current ones from AWS.", no_args_is_help=True)


def _regions() -> list[str]:
    from eks_gpu_components.catalog import regions

    return list(regions())


@app.callback()
def _commands() -> None:
    """Keeps a command a command of its own where it is the only one."""


@app.command(epilog=EXAMPLES)
def refresh(
    region: Annotated[
        str, typer.Option(metavar="REGION", autocompletion=_regions, help="Region of the prices.")
    ] = "us-west-2",
) -> None:
    """Fetch a region's current prices from AWS, read only, into the cache; plans of the region use them from then on.

    Needs credentials with pricing:GetProducts and ec2:DescribeSpotPriceHistory. Costs nothing.
    """
    from eks_gpu.pools.prices import price_file
    from eks_gpu_components.catalog import regions
    from eks_gpu_components.catalog.nearest import hint

    if region not in regions():
        raise InputError(f"--region must be one of those in the catalog, got {region!r}{hint(region, regions())}")
    try:
        import boto3
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError as missing:
        raise InputError(f"eks-gpu prices refresh needs {missing.name}: {EXTRA}") from None

    from eks_gpu.live.price_list import current_prices

    console = Terminal(stderr=True, soft_wrap=True)
    try:
        with console.status(f"asking AWS for prices of {region}"):
            found = current_prices(boto3.client, region)
    except (BotoCoreError, ClientError) as refusal:
        console.print(f"error: AWS did not answer: {' '.join(str(refusal).split())}")
        raise typer.Exit(1) from None
    if not found.on_demand:
        console.print(f"error: AWS's price list has no type of {region}")
        raise typer.Exit(1)
    file = price_file(region)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{file}: cannot be written: {error.strerror}") from None
    write(file, found.model_dump_json(indent=1) + "\n")
    console.print(
        f"{region}, {found.as_of}: {len(found.on_demand)} types on demand, {len(found.spot)} on Spot, "
        f"{len(found.services)} of 6 services; {file}"
    )
