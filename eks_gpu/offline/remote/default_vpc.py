"""The component `awsx.ec2.DefaultVpc`, which makes nothing."""

from eks_gpu.offline.account import Properties
from eks_gpu.offline.default_vpc import default_vpc
from eks_gpu.offline.remote.construction import Construction


def default_vpc_component(it: Construction) -> Properties:
    """Its outputs are those of the default VPC."""
    vpc, subnets = default_vpc(it.account)
    return {"vpcId": vpc, "publicSubnetIds": subnets, "privateSubnetIds": []}
