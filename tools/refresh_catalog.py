"""Rebuild the data files of components/catalog: the same answers give the same bytes.

python tools/refresh_catalog.py            from AWS's answers as moto records them, and three lists beside this file:
                                           prices.csv, spot_shares.csv and branch_interfaces.csv
python tools/refresh_catalog.py --live     from the AWS account of the environment, read only
python tools/refresh_catalog.py --check    change nothing; exit 1 where a committed file would change
"""

import argparse
import csv
import json
import re
import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eks_gpu.live.price_list import instance_prices

TOOLS = Path(__file__).parent
CATALOG = TOOLS.parent / "components" / "catalog"
BASE_REGION = "us-east-1"
"""Its prices are always kept: they stand in where a region's own are not known."""


@dataclass(frozen=True)
class Answers:
    """What AWS said, whoever was asked."""

    source: str
    instance_types: list[dict[str, Any]]
    """As DescribeInstanceTypes returns them."""
    zones: dict[str, dict[str, str]]
    """Region to zone name to zone id."""
    offers: dict[str, set[str]]
    """Zone id to the types it offers."""
    prices: list[tuple[str, str, float, str]]
    """Type, region, USD per hour, ISO date; on-demand Linux."""


class MissingPackage(Exception):
    """A package of the extra `refresh` is not installed."""


def say(line: str) -> None:
    """Progress, on stderr."""
    print(line, file=sys.stderr, flush=True)


def recorded_answers(regions: Collection[str] = ()) -> Answers:
    """What moto has on disk, all regions unless some are named. Raises MissingPackage."""
    try:
        from moto.ec2.models.availability_zones_and_regions import RegionsAndZonesBackend
        from moto.ec2.models.instance_types import INSTANCE_TYPE_OFFERINGS, INSTANCE_TYPES
    except ImportError as missing:
        raise MissingPackage(missing.name) from None

    recorded = INSTANCE_TYPE_OFFERINGS["availability-zone-id"]
    asked = sorted(regions or recorded)
    if unknown := set(asked) - recorded.keys():
        raise ValueError(
            f"no recorded offers of {', '.join(sorted(unknown))}; there are of {', '.join(sorted(recorded))}"
        )
    say(f"reading the recorded answers of {len(asked)} regions")
    return Answers(
        source="AWS's answers as moto records them",
        instance_types=list(INSTANCE_TYPES.values()),
        zones={region: {zone.name: zone.zone_id for zone in RegionsAndZonesBackend.zones[region]} for region in asked},
        offers=_by_zone(offer for region in asked for offer in recorded[region]),
        prices=[price for price in listed_prices() if price[1] in {*asked, BASE_REGION}],
    )


def listed_prices(path: Path = TOOLS / "prices.csv") -> Iterator[tuple[str, str, float, str]]:
    """The price list that this repository carries, since no recorded answer has prices."""
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            yield row["type"], row["region"], float(row["usd_per_hour"]), row["date"]


def listed_shares(path: Path = TOOLS / "spot_shares.csv") -> Iterator[tuple[str, list[float]]]:
    """Spot as a share of on demand by type: median of the regions, lowest and highest region; no answer has it."""
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            yield row["type"], [float(row["share"]), float(row["lowest"]), float(row["highest"])]


def listed_branch_interfaces(path: Path = TOOLS / "branch_interfaces.csv") -> Iterator[tuple[str, int]]:
    """Branch interfaces by type, as Karpenter's own table has them, since DescribeInstanceTypes does not tell."""
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            yield row["type"], int(row["branch_interfaces"])


def live_answers(client: Callable[..., Any], regions: Collection[str] = ()) -> Answers:
    """What AWS says now. `client` is boto3's: `client("ec2", region_name="us-west-2")`."""
    ec2 = client("ec2", region_name=BASE_REGION)
    asked = sorted(regions or (region["RegionName"] for region in ec2.describe_regions()["Regions"]))
    pricing = client("pricing", region_name=BASE_REGION)
    types: dict[str, dict[str, Any]] = {}
    zones, offers, prices = {}, [], []
    for region in asked:
        say(f"asking {region}")
        ec2 = client("ec2", region_name=region)
        only_zones = [{"Name": "zone-type", "Values": ["availability-zone"]}]
        described = ec2.describe_availability_zones(Filters=only_zones)["AvailabilityZones"]
        zones[region] = {zone["ZoneName"]: zone["ZoneId"] for zone in described}
        pages = ec2.get_paginator("describe_instance_type_offerings").paginate(LocationType="availability-zone-id")
        offers += [offer for page in pages for offer in page["InstanceTypeOfferings"]]
        for page in ec2.get_paginator("describe_instance_types").paginate():
            types |= {row["InstanceType"]: row for row in page["InstanceTypes"]}
    for region in sorted({*asked, BASE_REGION}):
        say(f"asking the price list for {region}")
        prices += instance_prices(pricing, region)
    return Answers("AWS, asked live", list(types.values()), zones, _by_zone(offers), prices)


def _by_zone(offers: Iterable[dict[str, str]]) -> dict[str, set[str]]:
    by_zone: dict[str, set[str]] = {}
    for offer in offers:
        by_zone.setdefault(offer["Location"], set()).add(offer["InstanceType"])
    return by_zone


def architecture(row: dict[str, Any]) -> str | None:
    """In Kubernetes' words; None for a Mac, which no Linux node is."""
    machines = row["ProcessorInfo"]["SupportedArchitectures"]
    return "amd64" if "x86_64" in machines else "arm64" if "arm64" in machines else None


def accelerator(row: dict[str, Any]) -> list[Any] | None:
    """Maker, name, count, MiB each, and the fraction where it is not a whole device."""
    if "GpuInfo" in row:
        device = row["GpuInfo"]["Gpus"][0]
    elif "NeuronInfo" in row:
        device = {"Manufacturer": "aws", **row["NeuronInfo"]["NeuronDevices"][0]}
    elif "InferenceAcceleratorInfo" in row:
        device = row["InferenceAcceleratorInfo"]["Accelerators"][0]
    else:
        return None
    name = device["Name"].lower().replace(" ", "-")  # as Karpenter makes its label
    described = [device["Manufacturer"].lower(), name, device["Count"], device["MemoryInfo"]["SizeInMiB"]]
    fraction = device.get("GpuPartitionSize", 1)
    return [*described, fraction] if fraction < 1 else described


def interfaces(row: dict[str, Any]) -> int:
    """Those of the network card from which the VPC CNI takes addresses for pods."""
    network = row["NetworkInfo"]
    return network["NetworkCards"][network.get("DefaultNetworkCardIndex", 0)]["MaximumNetworkInterfaces"]


def places(zone_ids: Iterable[str]) -> str:
    """`use1:124 usw2:12` of use1-az1, use1-az2 and so on. Raises ValueError for an id of another form."""
    numbers: dict[str, list[str]] = {}
    for zone_id in sorted(zone_ids):
        parts = re.fullmatch(r"([a-z0-9]+)-az(\d)", zone_id)
        if not parts:
            raise ValueError(f"zone id {zone_id} is not of the form use1-az1: the catalog's rows cannot hold it")
        numbers.setdefault(parts[1], []).append(parts[2])
    return " ".join(f"{prefix}:{''.join(digits)}" for prefix, digits in numbers.items())


def catalog_rows(answers: Answers) -> dict[str, list[Any]]:
    """Type to its row, in the order of `COLUMNS` in instance_types.py; types that no zone offers are left out."""
    known = {zone_id for ids in answers.zones.values() for zone_id in ids.values()}
    branches = dict(listed_branch_interfaces())
    rows = {}
    for row in answers.instance_types:
        name = row["InstanceType"]
        offering = [zone_id for zone_id in known if name in answers.offers.get(zone_id, ())]
        if architecture(row) and offering:
            rows[name] = [
                architecture(row),
                row["VCpuInfo"]["DefaultVCpus"],
                row["MemoryInfo"]["SizeInMiB"],
                accelerator(row),
                row["NetworkInfo"].get("EfaInfo", {}).get("MaximumEfaInterfaces", 0),
                row.get("InstanceStorageInfo", {}).get("TotalSizeInGB", 0),
                row.get("InstanceStorageInfo", {}).get("NvmeSupport", "unsupported") != "unsupported",
                row.get("Hypervisor", ""),
                row["BareMetal"],
                interfaces(row),
                row["NetworkInfo"]["Ipv4AddressesPerInterface"],
                branches.get(name, 0),
                "spot" in row["SupportedUsageClasses"],
                row["CurrentGeneration"],
                row["ProcessorInfo"]["Manufacturer"].lower(),
                places(offering),
            ]
    return rows


def files(answers: Answers) -> dict[str, str]:
    """File name to text: sorted, one row a line, so that a change of AWS reads as a diff of its rows."""
    rows = catalog_rows(answers)
    prices: dict[str, dict[str, Any]] = {}
    for name, region, usd, date in answers.prices:
        if name in rows:
            prices.setdefault(region, {})[name] = [usd, date]
    return {
        "ec2.json": _object(
            {"source": json.dumps(answers.source), "types": _table(rows), "zones": _table(answers.zones)}
        ),
        "prices.json": _object({region: _table(prices[region]) for region in sorted(prices)}),
        "spot.json": _table({name: shares for name, shares in listed_shares() if name in rows}) + "\n",
    }


def _table(rows: dict[str, Any]) -> str:
    compact = {name: json.dumps(row, separators=(",", ":"), sort_keys=True) for name, row in sorted(rows.items())}
    return _object(compact).rstrip("\n")


def _object(members: dict[str, str]) -> str:
    return "{\n" + ",\n".join(f"{json.dumps(key)}: {text}" for key, text in members.items()) + "\n}\n"


def main(argv: list[str] | None = None) -> int:
    """0 done or up to date, 1 out of date, 2 could not ask."""
    parser = argparse.ArgumentParser(description="Rebuild the data files of components/catalog.")
    parser.add_argument("--live", action="store_true", help="ask AWS (boto3's credentials, read only)")
    parser.add_argument("--regions", nargs="+", default=[], metavar="REGION", help="these regions and no others")
    parser.add_argument("--output", type=Path, default=CATALOG, metavar="FOLDER", help="where the files go")
    parser.add_argument("--check", action="store_true", help="say whether the files are up to date; write nothing")
    args = parser.parse_args(argv)
    try:
        made = files(_live(args.regions) if args.live else recorded_answers(args.regions))
    except MissingPackage as missing:
        say(f"{missing} is not installed: pip install 'eks-gpu-components[refresh]'")
        return 2
    except ValueError as problem:
        say(str(problem))
        return 2

    changed = [name for name, text in made.items() if not _same(args.output / name, text)]
    for name in changed:
        say(f"{args.output / name}: {'out of date' if args.check else 'written'}")
        if not args.check:
            (args.output / name).write_text(made[name])
    if not changed:
        say("up to date")
    return 1 if changed and args.check else 0


def _live(regions: Collection[str]) -> Answers:
    try:
        import boto3
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError as missing:
        raise MissingPackage(missing.name) from None
    try:
        return live_answers(boto3.client, regions)
    except (BotoCoreError, ClientError) as refusal:
        raise ValueError(f"AWS did not answer: {refusal}") from None


def _same(path: Path, text: str) -> bool:
    return path.exists() and path.read_bytes() == text.encode()


if __name__ == "__main__":
    sys.exit(main())
