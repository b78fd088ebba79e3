"""Ranked instance types for a person at a terminal of 80 columns or more."""

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from eks_gpu.cost.money import marks_of, usd
from eks_gpu.io.tables import bullets, table
from eks_gpu.types.type_search import Offer, described, near_misses
from eks_gpu_components.catalog import Accelerator, Need, quota_family


def render(need: Need, region: str, found: Sequence[Offer]) -> RenderableType:
    """The ranking and what its numbers mean; without any, what to give up for one."""
    title = Text.assemble((described(need), "bold"), f"  {region}")
    if not found:
        return Group("", title, "", Text("no type", "red"), bullets(_instead(need, region)), "")
    return Group("", title, "", _ranking(found, region), "", bullets(_legend(found, region)), "")


def _ranking(found: Sequence[Offer], region: str) -> Table:
    numbers = ("each GiB", "vCPU", "GiB", "USD/h ")
    ranking = table("type", "GPUs", "each GiB", "vCPU", "GiB", "USD/h ", "zones", "quota", right=numbers, gap=1)
    for offer in found:
        row, device = offer.row, offer.row.accelerator
        ranking.add_row(
            Text(row.name, "bold"),
            _devices(device) if device else "",
            f"{device.memory_mib / 1024:.1f}" if device else "",
            str(row.vcpus),
            f"{row.memory_mib / 1024:g}",
            _price(offer, region),
            "".join(zone.name.removeprefix(region) for zone in offer.zones),
            quota_family(row),
        )
    return ranking


def _devices(device: Accelerator) -> str:
    return f"{device.count if device.fraction == 1 else format(device.fraction, 'g')} {device.name}"


def _price(offer: Offer, region: str) -> Text:
    if offer.price is None:
        return Text("unknown ", "yellow")
    amount = usd(offer.price.hourly, 3, marks_of(offer.price, region))
    return Text(amount if amount.endswith("*") else f"{amount} ")


def _legend(found: Sequence[Offer], region: str) -> Iterator[str]:
    elsewhere = {offer.price.region for offer in found if offer.price} - {region}
    if any(offer.price and offer.price.estimate for offer in found):
        yield "~ an estimate: Spot prices change"
    if elsewhere:
        yield f"* the price of {', '.join(sorted(elsewhere))}: that of {region} is not known"
    for quota in dict.fromkeys(offer.quota for offer in found):
        if quota:
            yield f"counts with its vCPUs against: {quota.name} ({quota.code})"


def _instead(need: Need, region: str) -> Iterator[str]:
    for option, offer in near_misses(need, region):
        price = f", {usd(offer.price.hourly, 3, marks_of(offer.price, region))} USD an hour" if offer.price else ""
        yield f"without {option}: {offer.row.name}{price}"
