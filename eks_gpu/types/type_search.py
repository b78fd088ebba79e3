"""Offers: the instance types that have what is needed and that zones of a region sell, cheapest first."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import inf, isfinite
from typing import Any

from eks_gpu.io.problems import InputError
from eks_gpu.pods.quantities import MEMORY, amount, written
from eks_gpu.pools.prices import on_demand_price, spot_price
from eks_gpu_components.catalog import (
    InstanceType,
    Need,
    Price,
    Zone,
    regions,
    resolve,
    zones_offering,
)
from eks_gpu_components.catalog.nearest import hint_or_all
from eks_gpu_components.catalog.quotas import Quota, quota

ACCELERATORS, ARCHITECTURES = ("nvidia", "neuron"), ("amd64", "arm64")


@dataclass(frozen=True)
class Offer:
    """One type in one region. `price` is Spot's estimate where Spot is asked for, None where none is known."""

    row: InstanceType
    price: Price | None
    zones: tuple[Zone, ...]
    quota: Quota | None

    def as_json(self) -> dict[str, Any]:
        """The contract of `eks-gpu types --json`: more keys may come, these stay."""
        row, device, price = self.row, self.row.accelerator, self.price
        return {
            "name": row.name,
            "accelerator": device.kind if device else None,
            "gpus": row.accelerators,
            "gpu_memory_mib": device.memory_mib if device else 0,
            "vcpus": row.vcpus,
            "memory_mib": row.memory_mib,
            "hourly": round(price.hourly, 6) if price else None,
            "zones": [zone.name for zone in self.zones],
            "zone_ids": [zone.id for zone in self.zones],
            "gpu_name": device.name if device else None,
            "gpu_fraction": device.fraction if device else 0,
            "architecture": row.architecture,
            "instance_store_gb": row.instance_store_gb,
            "efa": row.efa,
            "bare_metal": row.bare_metal,
            "spot": row.spot,
            "price_region": price.region if price else None,
            "as_of": price.as_of if price else None,
            "estimate": price.estimate if price else None,
            "quota": {"name": self.quota.name, "code": self.quota.code} if self.quota else None,
        }


def offers(need: Need, region: str) -> list[Offer]:
    """Cheapest first, unpriced last, ties by name."""
    price_of = spot_price if need.spot else on_demand_price
    found = [
        Offer(row, price_of(row.name, region), zones_offering(row.name, region), quota(row, spot=need.spot))
        for row in resolve(replace(need, max_hourly=inf), region)
    ]
    # By the price that is shown: a refreshed one need not be in the catalog's order.
    hourly = {offer.row.name: offer.price.hourly if offer.price else inf for offer in found}
    kept = (offer for offer in found if need.max_hourly == inf or hourly[offer.row.name] <= need.max_hourly)
    return sorted(kept, key=lambda offer: hourly[offer.row.name])


def near_misses(need: Need, region: str) -> Iterator[tuple[str, Offer]]:
    """What giving up one wish would bring: the option, and the cheapest type without it."""
    plain = Need()
    without = {
        "--gpus": replace(need, gpus=plain.gpus),
        "--gpu-memory": replace(need, gpu_memory_mib=plain.gpu_memory_mib),
        "--max-price": replace(need, max_hourly=plain.max_hourly),
        "--efa": replace(need, efa=False),
        "--spot": replace(need, spot=False),
        "--arch": replace(need, architecture=plain.architecture),
    }
    for option, other in without.items():
        if found := offers(other, region):
            yield option, found[0]


# --- what the options say --------------------------------------------------------------------------------------------


def read_need(
    *,
    gpus: str,
    gpu_memory: str,
    accelerator: str,
    region: str,
    architecture: str,
    max_price: str,
    spot: bool,
    efa: bool,
    fractional: bool,
) -> Need:
    """From texts as typed, an empty one for what nobody asked. Raises InputError with all problems."""
    problems: list[str] = []

    def read(option: str, text: str, parse: Callable[[str], Any], empty: Any) -> Any:
        try:
            return parse(text) if text else empty
        except ValueError as error:
            problems.append(f"{option} {error}")
            return empty

    need = Need(
        gpus=read("--gpus", gpus, _count, 1),
        gpu_memory_mib=read("--gpu-memory", gpu_memory, _memory_mib, 0),
        accelerator=read("--accelerator", accelerator, _one_of(ACCELERATORS), "nvidia"),
        architecture=read("--arch", architecture, _one_of(ARCHITECTURES), "amd64"),
        max_hourly=read("--max-price", max_price, _usd, inf),
        spot=spot,
        efa=efa,
        fractional=fractional,
    )
    read("--region", region, _one_of(regions()), "")
    if problems:
        raise InputError(problems)
    return need


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text) > 0):
        raise ValueError(f"must be a whole number of at least 1, got {text!r}")
    return int(text)


def _memory_mib(text: str) -> int:
    found = amount(MEMORY, text)
    if found < 1:
        raise ValueError(f"must be more than nothing, got {text!r}")
    return found


def _usd(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = -1
    if not (isfinite(found) and found > 0):
        raise ValueError(f"must be USD an hour, a number above 0, got {text!r}")
    return found


def _one_of(known: Sequence[str]) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in known:
            raise ValueError(f"must be one of those in the catalog, got {text!r}{hint_or_all(text, known)}")
        return text

    return parse


def described(need: Need) -> str:
    """`1 nvidia GPU of at least 40960Mi, amd64, on Spot`."""
    device = "GPU" if need.accelerator == "nvidia" else "device"
    memory = f" of at least {written(MEMORY, need.gpu_memory_mib)}" if need.gpu_memory_mib else ""
    parts = [
        f"{need.gpus} {need.accelerator} {device}{'s' * (need.gpus > 1)}{memory}",
        need.architecture,
        "EFA" if need.efa else "",
        "on Spot" if need.spot else "",
        f"at most {need.max_hourly:g} USD an hour" if need.max_hourly < inf else "",
    ]
    return ", ".join(part for part in parts if part)
