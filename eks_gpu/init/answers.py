"""The five answers: which there are, what each costs, and what a text that was typed means."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from eks_gpu.cost.money import Marks, marks_of, usd
from eks_gpu.io.problems import InputError
from eks_gpu.pools.pool import AUTO_MODE, AUTO_SCALING_GROUP, KARPENTER, MANAGED_NODE_GROUP
from eks_gpu.pools.prices import on_demand_price, spot_price
from eks_gpu.types.type_search import offers
from eks_gpu_components.catalog import HOURS_PER_MONTH, InstanceType, Need, Price, regions, zones, zones_offering
from eks_gpu_components.catalog.images import image_supports
from eks_gpu_components.catalog.nearest import hint, hint_or_all

REGION, GPUS, BUDGET, CAPACITY, BACKEND = "--region", "--gpus", "--budget", "--capacity-type", "--backend"
"""The options that answer in place of a person."""
BACKENDS = {
    KARPENTER: "Karpenter buys each node for the pods that wait",
    AUTO_MODE: "AWS runs the nodes, their drivers and the system's pods",
    MANAGED_NODE_GROUP: "groups of EKS, sized by the cluster autoscaler",
    AUTO_SCALING_GROUP: "groups of your own, sized by the cluster autoscaler",
}
CAPACITY_TYPES = {
    "spot,on-demand": "Spot, on demand while there is none",
    "spot": "Spot alone; AWS takes nodes back with a notice of two minutes",
    "on-demand": "stays until it is idle",
}
SUGGESTED_GPUS = (1, 2, 4, 8, 16)
MOST_GPUS = 1000
"""More is a typing error, or wants more than a first file."""
MOST_TYPES = 3
"""Instance types of a pool: enough that Spot finds one, few enough that none is much dearer."""
MUCH_DEARER = 2.5
"""A type that costs this many times the cheapest is left out."""
CONTROL_PLANE_ZONES = 3
SYSTEM_TYPES = ("m7i.large", "m7a.large", "m6i.large", "m6a.large", "m5.large", "m5d.large", "m5a.large")
"""Of 2 vCPUs and 8 GiB on amd64: enough for the controllers of a small cluster."""


@dataclass(frozen=True)
class Answers:
    """What one stack is to be. `types` are the pool's, cheapest first."""

    region: str
    gpus: int
    capacity_types: tuple[str, ...]
    backend: str
    types: tuple[str, ...]
    budget: float | None = None
    """USD a month for the maximum; None takes the maximum itself."""


DEFAULTS = {REGION: "us-west-2", GPUS: "4", CAPACITY: "spot,on-demand", BACKEND: KARPENTER}
"""What a person gets who only presses return, and `--yes`; a budget is the maximum, rounded up."""


# --- what a text means -----------------------------------------------------------------------------------------------


def read(option: str, text: str) -> Any:
    """The value of one answer. Raises ValueError with the rule, the text and the nearest that there is."""
    return READERS[option](text.strip())


def read_all(given: dict[str, str]) -> dict[str, Any]:
    """Every answer that was given. Raises InputError with all problems."""
    found, problems = {}, []
    for option, text in given.items():
        try:
            found[option] = read(option, text)
        except ValueError as error:
            problems.append(f"{option} {error}")
    if problems:
        raise InputError(problems)
    return found


def _region(text: str) -> str:
    if text not in regions():
        raise ValueError(f"must be a region of the catalog, got {text!r}{hint_or_all(text, regions())}")
    if not pool_types(text):
        near = [region for region in regions() if region[:3] == text[:3] and pool_types(region)]
        raise ValueError(f"must have a type with one GPU, and {text} has none; near it: {', '.join(near)}")
    return text


def _gpus(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= MOST_GPUS):
        raise ValueError(f"must be a whole number from 1 to {MOST_GPUS}, got {text!r}")
    return int(text)


def _budget(text: str) -> float:
    try:
        found = float(text.replace(",", ""))
    except ValueError:
        found = -1
    if not (isfinite(found) and found > 0):
        raise ValueError(f"must be USD a month, a number above 0, got {text!r}")
    return found


def _one_of(known: Sequence[str]) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in known:
            raise ValueError(f"must be one of {'; '.join(known)}, got {text!r}{hint(text, known)}")
        return text

    return parse


READERS: dict[str, Callable[[str], Any]] = {
    REGION: _region,
    GPUS: _gpus,
    CAPACITY: lambda text: tuple(_one_of(tuple(CAPACITY_TYPES))(text.replace(" ", "")).split(",")),
    BACKEND: _one_of(tuple(BACKENDS)),
    BUDGET: _budget,
}


# --- what there is to choose from, with prices -----------------------------------------------------------------------


def pool_types(region: str) -> list[InstanceType]:
    """Types with one GPU for a pool, cheapest first, at most three: of different families, else of different sizes."""
    found: list[InstanceType] = []
    first: tuple[InstanceType, float] | None = None
    places = _cluster_zones(region)
    for offer in offers(Need(), region):
        row = offer.row
        usable = row.accelerators == 1 and row.spot and image_supports(row) and offer.price
        if not usable or not places & {zone.id for zone in offer.zones}:
            continue
        assert offer.price
        first = first or (row, offer.price.hourly)
        # The autoscaler plans every node with the first type, so that none may be smaller, and none costs much more.
        if row.vcpus >= first[0].vcpus and offer.price.hourly <= MUCH_DEARER * first[1]:
            found.append(row)
    least = {row.family: row for row in reversed(found) if first and row.vcpus == first[0].vcpus}
    families = [row for row in found if least.get(row.family) is row]
    sizes = [row for row in found if row not in families]
    return sorted([*families, *sizes][:MOST_TYPES], key=found.index)


def system_types(region: str) -> list[str]:
    """Types for the nodes of the system's own pods that every zone of the cluster offers, the newest first."""
    places = _cluster_zones(region)
    found = [name for name in SYSTEM_TYPES if places <= {zone.id for zone in zones_offering(name, region)}]
    return found[:MOST_TYPES]


def _cluster_zones(region: str) -> set[str]:
    """Ids of the zones that a cluster is made in where nobody names any."""
    return {zone.id for zone in [zone for zone in zones(region) if zone.control_plane][:CONTROL_PLANE_ZONES]}


def price_of(types: Sequence[str], region: str, capacity_type: str) -> str:
    """USD an hour of the first type, with the marks that it must be read with."""
    price: Price | None = (on_demand_price if capacity_type == "on-demand" else spot_price)(types[0], region)
    return usd(price.hourly, 3, marks_of(price, region)) if price else "unknown"


def region_rows() -> Iterator[tuple[str, ...]]:
    """Region, its cheapest type with a GPU, USD an hour on demand and on Spot."""
    for region in regions():
        if rows := pool_types(region):
            names = [row.name for row in rows]
            yield region, names[0], price_of(names, region, "on-demand"), price_of(names, region, "spot")


def gpu_rows(region: str) -> Iterator[tuple[str, ...]]:
    """Number of GPUs, USD an hour and a month on demand while all of them run, and on Spot."""
    names = [row.name for row in pool_types(region)]
    on_demand, spot = on_demand_price(names[0], region), spot_price(names[0], region)
    for gpus in SUGGESTED_GPUS:
        cells = []
        for price in (on_demand, spot):
            marks = marks_of(price, region) if price else Marks(missing=True)
            hourly = gpus * price.hourly if price else 0.0
            cells += [usd(hourly, 2, marks), usd(hourly * HOURS_PER_MONTH, 0, marks)]
        yield str(gpus), *cells


def capacity_rows(region: str) -> Iterator[tuple[str, ...]]:
    """Answer, USD an hour of one GPU, what it means."""
    names = [row.name for row in pool_types(region)]
    for answer, meaning in CAPACITY_TYPES.items():
        yield answer, price_of(names, region, answer.partition(",")[0]), meaning
