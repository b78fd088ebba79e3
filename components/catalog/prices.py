"""Prices in USD. `Price.region` and `Price.as_of` say which region and date a price is from."""

from dataclasses import dataclass, replace
from functools import cache

from . import data
from .instance_types import instance_type

HOURS_PER_MONTH = 730
EVERY_REGION = "every region"
"""`Price.region` of what AWS lists once for all commercial regions."""
BASE_REGION = "us-east-1"
"""The region whose price is used if a region's own price is not known."""
_AS_OF = "2026-11-21"

# Shares of the on-demand price for types without a share of their own in spot.json: general ones, and the newest with
# accelerators. These are scarcer and get the larger share, so that a steady cost is rather too high than too low.
SPOT_SHARE = 0.40
SPOT_SHARE_ACCELERATED = 0.50

AUTO_MODE_SHARE = 0.12
"""EKS Auto Mode's surcharge for a node, as a share of its on-demand price, for Spot too. Source: AWS price page, about
12 %.
"""


@dataclass(frozen=True, slots=True)
class Price:
    """USD per hour; `region` and `as_of` (an ISO date) are where and when it was so, `estimate` is True for a rule."""

    hourly: float
    region: str
    as_of: str
    estimate: bool = False
    lowest: float | None = None
    """USD per hour in the cheapest region, of an estimate whose range is known."""
    highest: float | None = None
    """USD per hour in the most expensive region, of an estimate whose range is known."""

    @property
    def monthly(self) -> float:
        """USD for 730 hours."""
        return self.hourly * HOURS_PER_MONTH

    def at(self, region: str) -> "Price":
        """The region's own price if AWS lists one for all regions, else the price as it is."""
        return replace(self, region=region) if self.region == EVERY_REGION else self


def _listed(hourly: float) -> Price:
    return Price(hourly, BASE_REGION, _AS_OF)


def _listed_everywhere(hourly: float) -> Price:
    return Price(hourly, EVERY_REGION, _AS_OF)


# Source: AWS price page of each service: one price for all regions, or that of us-east-1.
CONTROL_PLANE_HOURLY = _listed_everywhere(0.10)
EXTENDED_SUPPORT_HOURLY = _listed_everywhere(0.50)
"""Added to CONTROL_PLANE_HOURLY for a Kubernetes minor version past its standard support."""
NAT_GATEWAY_HOURLY = _listed(0.045)
NLB_HOURLY = _listed(0.0225)
ALB_HOURLY = _listed(0.0225)
PUBLIC_IPV4_HOURLY = _listed_everywhere(0.005)
KMS_KEY_HOURLY = _listed_everywhere(1 / HOURS_PER_MONTH)
"""Price of one customer-managed key: 1 USD a month, without requests."""
INTERFACE_ENDPOINT_HOURLY = _listed(0.01)
"""Price of one interface endpoint in one zone."""

# Fargate for Linux on x86, us-east-1. Source: AWS Fargate price page, as three guides of 2026 quote it.
_FARGATE_VCPU_HOURLY, _FARGATE_GIB_HOURLY, _FARGATE_AS_OF = 0.04048, 0.004445, "2026-06-17"

# USD a month for a GiB. Source: Amazon EBS price page, us-east-1.
_EBS_GIB_MONTH = {"gp3": 0.08, "gp2": 0.10, "io1": 0.125, "io2": 0.125, "st1": 0.045, "sc1": 0.015, "standard": 0.05}
# gp3 gives so much of each to every volume, and the rest is paid: USD a month.
GP3_FREE_IOPS, _GP3_IOPS_MONTH = 3000, 0.005
GP3_FREE_THROUGHPUT_MIB_S, _GP3_THROUGHPUT_MONTH = 125, 0.04
# USD a month for an IOPS, all of them paid; io2's is for the first 32,000.
_PROVISIONED_IOPS_MONTH = {"io1": 0.065, "io2": 0.065}


def ebs_gib_month(volume_type: str) -> Price:
    """Price of one GiB of EBS; `.monthly` is the number AWS lists. Raises ValueError for an unknown type."""
    if volume_type not in _EBS_GIB_MONTH:
        raise ValueError(f"volume type must be one of {', '.join(sorted(_EBS_GIB_MONTH))}, got {volume_type!r}")
    return _listed(_EBS_GIB_MONTH[volume_type] / HOURS_PER_MONTH)


def ebs_volume(volume_type: str, size_gib: float, iops: float = 0, throughput_mib_s: float = 0) -> Price:
    """A whole volume; 0 leaves IOPS and throughput at what the type comes with. Raises ValueError as ebs_gib_month."""
    monthly = ebs_gib_month(volume_type).monthly * size_gib + _PROVISIONED_IOPS_MONTH.get(volume_type, 0) * iops
    if volume_type == "gp3":
        monthly += max(0, iops - GP3_FREE_IOPS) * _GP3_IOPS_MONTH
        monthly += max(0, throughput_mib_s - GP3_FREE_THROUGHPUT_MIB_S) * _GP3_THROUGHPUT_MONTH
    return _listed(monthly / HOURS_PER_MONTH)


def fargate_price(vcpus: float, memory_gib: float) -> Price:
    """Price of a pod of this size on Fargate, with the 20 GiB of storage that it comes with."""
    return Price(_FARGATE_VCPU_HOURLY * vcpus + _FARGATE_GIB_HOURLY * memory_gib, BASE_REGION, _FARGATE_AS_OF)


def on_demand_price(name: str, region: str) -> Price | None:
    """A Linux node's own price in the region, else its us-east-1 price, else None."""
    for priced_region in (region, BASE_REGION):
        row = data.prices().get(priced_region, {}).get(name)
        if row:
            return Price(row[0], priced_region, row[1])
    return None


def spot_price(name: str, region: str) -> Price | None:
    """The type's own share of its on-demand price, with the range over the regions, always an estimate.

    A type without a share of its own gets 40 %, with accelerators 50 %, and no range. None where Spot has no such type.
    Raises UnknownInstanceType.
    """
    row = instance_type(name)
    if not row.spot:
        return None
    known = data.spot_shares().get(name)
    if known is None:
        return _share(name, region, SPOT_SHARE_ACCELERATED if row.accelerator else SPOT_SHARE)
    return _share(name, region, *known)


def auto_mode_surcharge(name: str, region: str) -> Price | None:
    """EKS Auto Mode's surcharge for a node of the type, for every capacity type; an estimate."""
    return _share(name, region, AUTO_MODE_SHARE)


def _share(
    name: str, region: str, share: float, lowest: float | None = None, highest: float | None = None
) -> Price | None:
    price = on_demand_price(name, region)
    return price and share_of(price, share, lowest, highest)


def share_of(price: Price, share: float, lowest: float | None = None, highest: float | None = None) -> Price:
    """A part of a price, as an estimate; `lowest` and `highest` are the range of the share if it is known."""
    low, high = (None if part is None else price.hourly * part for part in (lowest, highest))
    return Price(price.hourly * share, price.region, price.as_of, estimate=True, lowest=low, highest=high)


@cache
def regional_factors(region: str) -> tuple[float, float]:
    """The lowest and highest ratio of the region's known prices to the prices of the same types in us-east-1.

    They bound a price of us-east-1 that is used for the region. For a region without known prices, all regions count.
    """
    base = data.prices()[BASE_REGION]
    factors = [
        row[0] / base[name][0]
        for priced_region in ((region,) if data.prices().get(region) else data.prices())
        for name, row in data.prices()[priced_region].items()
        if name in base
    ]
    return min(factors), max(factors)
