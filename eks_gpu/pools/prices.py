"""Prices that a plan uses: those in the user's cache from `eks-gpu prices refresh`, else those of the catalog.

Only the tool uses the cache. Components choose types by the catalog alone, so that a program registers the same
resources on every machine.
"""

import os
from collections.abc import Collection
from datetime import date
from functools import cache
from pathlib import Path
from statistics import median
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from eks_gpu.io.json_files import read_json
from eks_gpu.io.problems import InputError
from eks_gpu_components import catalog
from eks_gpu_components.catalog import AUTO_MODE_SHARE, HOURS_PER_MONTH, Price, instance_type, share_of
from eks_gpu_components.values.validation_messages import problems_of, refused

IGNORE = "EKS_GPU_CATALOG_PRICES"
"""Environment variable: if it is set, plans use only the catalog's prices."""


def _a_day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise refused("must be a day such as 2026-11-29") from None


Usd = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Refreshed(BaseModel):
    """Current prices of one region, in USD: an hour, but for `gp2_gib_month` and `gp3_gib_month` of `services`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    region: str
    as_of: Annotated[str, AfterValidator(_a_day)]
    on_demand: dict[str, Usd]
    spot: dict[str, dict[str, Usd]]
    """By type and zone."""
    services: dict[str, Usd]


def price_file(region: str) -> Path:
    """Where the region's refreshed prices are."""
    return Path(_price_file(region))


def _price_file(region: str) -> str:
    """A plan asks for it with every price, so it is text: a Path takes ten times as long to make."""
    root = os.environ.get("XDG_CACHE_HOME") or f"{os.environ.get('HOME') or Path.home()}/.cache"
    return f"{root}/eks-gpu/prices/{region}.json"


def refreshed(region: str) -> Refreshed | None:
    """What the user's cache has of the region, if anything. Raises InputError with the file if it is broken."""
    if os.environ.get(IGNORE) or not region:
        return None
    file = _price_file(region)
    try:
        stamp = os.stat(file).st_mtime_ns  # noqa: PTH116 - as above
    except OSError:
        return None
    return _read(Path(file), region, stamp)


@cache
def _read(file: Path, region: str, stamp: int) -> Refreshed:
    again = f"run eks-gpu prices refresh --region {region}, or delete the file"
    try:
        found = Refreshed.model_validate(read_json(file))
    except ValidationError as error:
        raise InputError(f"{file}: {problem.at('')}; {again}" for problem in problems_of(error)) from None
    except InputError as error:
        raise InputError(f"{problem}; {again}" for problem in error.problems) from None
    if found.region != region:
        raise InputError(f"{file}: region must be {region}, as the file is named, got {found.region!r}; {again}")
    return found


def on_demand_price(name: str, region: str) -> Price | None:
    """A Linux node's price in the region: refreshed, else the catalog's."""
    found = refreshed(region)
    if found and name in found.on_demand:
        return Price(found.on_demand[name], region, found.as_of)
    return catalog.on_demand_price(name, region)


def spot_price(name: str, region: str, zones: Collection[str] = ()) -> Price | None:
    """The median of the zones' refreshed prices with its range, of all zones unless some are named; else the estimate.

    Spot moves, so a refreshed price is an estimate too. Raises UnknownInstanceType.
    """
    found = refreshed(region)
    by_zone = found.spot.get(name, {}) if found else {}
    usd = [price for zone, price in by_zone.items() if zone in zones] or list(by_zone.values())
    if found and usd and instance_type(name).spot:
        return Price(median(usd), region, found.as_of, estimate=True, lowest=min(usd), highest=max(usd))
    share = catalog.spot_price(name, region)
    own = on_demand_price(name, region)
    base = catalog.on_demand_price(name, region)
    if not (share and own and base) or own == base:
        return share
    parts = [None if usd is None else usd / base.hourly for usd in (share.lowest, share.highest)]
    return share_of(own, share.hourly / base.hourly, *parts)


def auto_mode_surcharge(name: str, region: str) -> Price | None:
    """What EKS Auto Mode adds for a node of the type, whatever its capacity type; an estimate."""
    price = on_demand_price(name, region)
    return price and share_of(price, AUTO_MODE_SHARE)


def service_price(key: str, listed: Price, region: str) -> Price:
    """Price of a service per hour: the refreshed price under the key, else the catalog's."""
    found = refreshed(region)
    if found and key in found.services:
        return Price(found.services[key], region, found.as_of)
    return listed.at(region)


def volume_price(volume_type: str, gib: int, iops: int, throughput_mib_s: int, region: str) -> Price:
    """An hour of one EBS volume. Raises ValueError for a type that EBS does not have.

    A refreshed price is of the GiB alone, so a volume that pays for IOPS or throughput stays at the catalog's.
    """
    listed = catalog.ebs_volume(volume_type, gib, iops, throughput_mib_s)
    found = refreshed(region)
    usd = found.services.get(f"{volume_type}_gib_month") if found else None
    plain = catalog.ebs_volume(volume_type, gib)
    if found is None or usd is None or listed != plain:
        return listed
    return Price(usd * gib / HOURS_PER_MONTH, region, found.as_of)
