"""The default VPC of an account and region, with a public subnet in each zone, as AWS makes it."""

from eks_gpu.offline.account import Account, Properties, digest
from eks_gpu_components.catalog import zones

CIDR = "172.31.0.0/16"
"""Source: Amazon VPC User Guide, default VPCs."""


def default_vpc(account: Account) -> tuple[str, list[str]]:
    """Ids of the VPC and of its subnets, in the order of the zones."""
    account.assumed.add("the default VPC: it is there, with a public subnet in each zone")
    return _vpc_id(account), list(_zones_by_subnet(account))


def is_default(account: Account, vpc_id: object) -> bool:
    """Whether an id is that of the default VPC."""
    return vpc_id == _vpc_id(account)


def zone_of(account: Account, subnet_id: object) -> str:
    """Name of a default subnet's zone; empty for another subnet."""
    return _zones_by_subnet(account).get(str(subnet_id), "")


def of_default_vpc(account: Account, args: Properties) -> bool:
    """Whether a search for subnets asks for those of the default VPC, and for nothing else of them."""
    asked = {str(each.get("name")): list(each.get("values") or ()) for each in args.get("filters") or ()}
    asked |= {"vpc-id": [args["vpcId"]]} if "vpcId" in args else {}
    if asked.pop("default-for-az", ["true"]) != ["true"] or args.get("tags"):
        return False
    return list(asked) == ["vpc-id"] and len(asked["vpc-id"]) == 1 and is_default(account, asked["vpc-id"][0])


def _vpc_id(account: Account) -> str:
    return f"vpc-{digest(f'default {account.region}')}"


def _zones_by_subnet(account: Account) -> dict[str, str]:
    return {f"subnet-{digest(f'default {zone.name}')}": zone.name for zone in zones(account.region)}
