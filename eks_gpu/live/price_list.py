"""Current prices of a region: AWS's price list, and the history of Spot prices, which ends now."""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from eks_gpu.pools.prices import Refreshed
from eks_gpu_components.catalog import BASE_REGION, instance_types

Client = Callable[..., Any]
"""boto3's: `client("ec2", region_name="us-west-2")`."""

_LINUX = {
    "operatingSystem": "Linux",
    "tenancy": "Shared",
    "preInstalledSw": "NA",
    "capacitystatus": "Used",
    "marketoption": "OnDemand",
}
# What stands whatever the load: service code, the product's filters, and the end of its usage type.
_STANDING: Mapping[str, tuple[str, dict[str, str], str]] = {
    "nat_gateway": ("AmazonEC2", {"productFamily": "NAT Gateway"}, "NatGateway-Hours"),
    "nlb": ("AWSELB", {"productFamily": "Load Balancer-Network"}, "LoadBalancerUsage"),
    "alb": ("AWSELB", {"productFamily": "Load Balancer-Application"}, "LoadBalancerUsage"),
    "interface_endpoint": ("AmazonVPC", {"productFamily": "VpcEndpoint"}, "VpcEndpoint-Hours"),
    "gp2_gib_month": ("AmazonEC2", {"productFamily": "Storage", "volumeApiName": "gp2"}, "EBS:VolumeUsage.gp2"),
    "gp3_gib_month": ("AmazonEC2", {"productFamily": "Storage", "volumeApiName": "gp3"}, "EBS:VolumeUsage.gp3"),
}


def current_prices(client: Client, region: str, now: datetime | None = None) -> Refreshed:
    """Prices of the catalog's types and of what stands, in one region. Raises what boto3 raises."""
    now = now or datetime.now(UTC)
    known = {row.name for row in instance_types()}
    # The price list has few endpoints; that of the base region answers for all regions.
    pricing = client("pricing", region_name=BASE_REGION)
    on_demand = {name: usd for name, _, usd, _ in instance_prices(pricing, region) if name in known}
    services = {key: usd for key in _STANDING if (usd := _standing(pricing, region, key))}
    spot: dict[str, dict[str, float]] = {}
    pages = client("ec2", region_name=region).get_paginator("describe_spot_price_history")
    for page in pages.paginate(ProductDescriptions=["Linux/UNIX"], StartTime=now):
        for row in page["SpotPriceHistory"]:
            if row["InstanceType"] in known:
                # The newest comes first, and an older one may follow it.
                spot.setdefault(row["InstanceType"], {}).setdefault(row["AvailabilityZone"], float(row["SpotPrice"]))
    return Refreshed(region=region, as_of=now.date().isoformat(), on_demand=on_demand, spot=spot, services=services)


def instance_prices(pricing: Any, region: str) -> Iterator[tuple[str, str, float, str]]:
    """Type, region, USD an hour and date of publication; on-demand Linux."""
    for attributes, usd, date in _products(pricing, "AmazonEC2", {"regionCode": region, **_LINUX}):
        yield attributes["instanceType"], region, usd, date


def _standing(pricing: Any, region: str, key: str) -> float | None:
    """USD of one unit; None where the list has no such product, or several at different prices."""
    service, filters, usage = _STANDING[key]
    found = {
        usd
        for attributes, usd, _ in _products(pricing, service, {"regionCode": region, **filters})
        if _is(str(attributes.get("usagetype", "")), usage)
    }
    return found.pop() if len(found) == 1 else None


def _is(usage_type: str, wanted: str) -> bool:
    """Whether it is the usage, with the region's short name before it (`USW2-NatGateway-Hours`) or without."""
    return usage_type == wanted or usage_type.endswith(f"-{wanted}")


def _products(pricing: Any, service: str, wanted: Mapping[str, str]) -> Iterator[tuple[dict[str, str], float, str]]:
    """Attributes, USD of the first tier, and date of publication of each product at on-demand terms."""
    filters = [{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in wanted.items()]
    for page in pricing.get_paginator("get_products").paginate(ServiceCode=service, Filters=filters):
        for product in map(json.loads, page["PriceList"]):
            for term in product["terms"].get("OnDemand", {}).values():
                for dimension in term["priceDimensions"].values():
                    usd = float(dimension["pricePerUnit"].get("USD", 0))
                    first = dimension.get("beginRange", "0") == "0"
                    if usd and first:  # AWS lists types that it sells by other contracts at 0
                        yield product["product"]["attributes"], usd, product["publicationDate"][:10]
