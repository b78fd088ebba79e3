"""The default VPC of an account and region, which components take where nobody names a network."""

from eks_gpu.offline.account import Account, Properties, digest
from eks_gpu.offline.remote.construction import Construction
from eks_gpu_components.catalog import zones


def default_vpc(account: Account) -> tuple[str, list[str]]:
    """Ids of the VPC and of its subnets: AWS makes a public one in each zone."""
    account.assumed.add("the default VPC: it is there, with a public subnet in each zone")
    vpc = f"vpc-{digest(f'default {account.region}')}"
    return vpc, [f"subnet-{digest(f'default {zone.name}')}" for zone in zones(account.region)]


def default_vpc_component(it: Construction) -> Properties:
    """`awsx.ec2.DefaultVpc`, which makes nothing."""
    vpc, subnets = default_vpc(it.account)
    return {"vpcId": vpc, "publicSubnetIds": subnets, "privateSubnetIds": []}
