"""What a stack on AWS can leave behind: each kind, how it is listed, what it costs, and how it is deleted."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from eks_gpu.cost.cost import ADDRESS, ALB, ENDPOINT, KEY, NAT, NLB, UNITS
from eks_gpu.live.account import PREFIXES
from eks_gpu.live.policies import reading
from eks_gpu.pools.prices import on_demand_price, service_price, volume_price
from eks_gpu_components.catalog import CONTROL_PLANE_HOURLY, HOURS_PER_MONTH

Row = Mapping[str, Any]
Monthly = Callable[[Row, str], float | None]
"""USD a month of a row in a region; None where no price is known."""


def _free(row: Row, region: str) -> float:
    return 0.0


def _by_use(row: Row, region: str) -> None:
    """Paid by what is stored in it."""


def _service(name: str) -> Monthly:
    return lambda row, region: service_price(*UNITS[name], region).hourly * HOURS_PER_MONTH


def _instance(row: Row, region: str) -> float | None:
    if row["State"]["Name"] == "stopped":
        return 0.0
    price = on_demand_price(str(row["InstanceType"]), region)
    return price.hourly * HOURS_PER_MONTH if price else None


def _volume(row: Row, region: str) -> float | None:
    try:
        price = volume_price(row["VolumeType"], row["Size"], row.get("Iops") or 0, row.get("Throughput") or 0, region)
    except ValueError:  # of a type that is not sold any more
        return None
    return price.hourly * HOURS_PER_MONTH


def _balancer(row: Row, region: str) -> float:
    unit = UNITS[NLB if row.get("Type") == "network" else ALB]
    return service_price(*unit, region).hourly * HOURS_PER_MONTH


def _endpoint(row: Row, region: str) -> float:
    zones = len(row.get("SubnetIds") or ()) if row.get("VpcEndpointType") == "Interface" else 0
    return zones * service_price(*UNITS[ENDPOINT], region).hourly * HOURS_PER_MONTH


def _control_plane(row: Row, region: str) -> float:
    return CONTROL_PLANE_HOURLY.at(region).hourly * HOURS_PER_MONTH


@dataclass(frozen=True, eq=False)
class Kind:
    """One kind of what may be left."""

    what: str
    types: tuple[str, ...]
    """Tokens of the resources by which a program makes it."""
    service: str
    operation: str
    key: str
    """Of the answer, its list."""
    id: str
    """Member that the delete command names; empty where the list is of ids."""
    delete: str
    """Command that ends it, with `{}` for its id."""
    name: str = ""
    """Member with its name, where it has one besides the id."""
    monthly: Monthly = _free
    arguments: Mapping[str, Any] | None = None
    state: str = ""
    """Member that says whether it is there still."""
    ended: tuple[str, ...] = ()
    """Values of that for one that has ended, or is ending."""
    tags: str = "Tags"
    """Member with its tags; empty where they must be asked for."""
    everywhere: bool = False
    """Whether it is of the account, and of no region."""
    more: tuple[tuple[str, str], ...] = ()
    """Service and operation of what is asked besides, for what its list does not tell."""

    def id_of(self, row: Any) -> str:
        """What the delete command calls it."""
        return str(row[self.id]) if self.id else str(row)

    def name_of(self, row: Any) -> str:
        """By what a program would have called it."""
        return str(row.get(self.name) or "") if self.name else self.id_of(row).rpartition("/")[2]

    def tags_of(self, row: Any) -> dict[str, str]:
        """Its tags, as far as the list has them."""
        given = row.get(self.tags) if self.tags and isinstance(row, Mapping) else None
        if isinstance(given, Mapping):
            return {str(key): str(value) for key, value in given.items()}
        return {str(tag["Key"]): str(tag.get("Value", "")) for tag in given or ()}

    def has_ended(self, row: Any) -> bool:
        """Whether it is gone, or will be without anybody's doing."""
        state = row.get(self.state) if self.state else None
        return str(state["Name"] if isinstance(state, Mapping) else state) in self.ended


CLUSTER = Kind(
    "EKS cluster",
    ("aws:eks/cluster:Cluster", "eks:index:Cluster"),
    *("eks", "list_clusters", "clusters", "", "aws eks delete-cluster --name {}"),
    monthly=_control_plane,
)
INSTANCE = Kind(
    "EC2 instance",
    ("aws:ec2/instance:Instance",),
    *("ec2", "describe_instances", "Reservations", "InstanceId", "aws ec2 terminate-instances --instance-ids {}"),
    monthly=_instance,
    state="State",
    ended=("shutting-down", "terminated"),
)
BALANCER = Kind(
    "load balancer",
    ("aws:lb/loadBalancer:LoadBalancer", "aws:alb/loadBalancer:LoadBalancer"),
    *("elbv2", "describe_load_balancers", "LoadBalancers", "LoadBalancerArn"),
    "aws elbv2 delete-load-balancer --load-balancer-arn {}",
    name="LoadBalancerName",
    monthly=_balancer,
    more=(("elbv2", "describe_tags"),),
)
TARGET_GROUP = Kind(
    "target group",
    ("aws:lb/targetGroup:TargetGroup", "aws:alb/targetGroup:TargetGroup"),
    *("elbv2", "describe_target_groups", "TargetGroups", "TargetGroupArn"),
    "aws elbv2 delete-target-group --target-group-arn {}",
    name="TargetGroupName",
    more=(("elbv2", "describe_tags"),),
)
QUEUE = Kind(
    "queue",
    ("aws:sqs/queue:Queue",),
    *("sqs", "list_queues", "QueueUrls", "", "aws sqs delete-queue --queue-url {}"),
)
PROVIDER = Kind(
    "OIDC provider",
    ("aws:iam/openIdConnectProvider:OpenIdConnectProvider",),
    *("iam", "list_open_id_connect_providers", "OpenIDConnectProviderList", "Arn"),
    "aws iam delete-open-id-connect-provider --open-id-connect-provider-arn {}",
    everywhere=True,
    more=(("eks", "list_clusters"), ("eks", "describe_cluster")),
)
PROFILE = Kind(
    "instance profile",
    ("aws:iam/instanceProfile:InstanceProfile",),
    *("iam", "list_instance_profiles", "InstanceProfiles", "InstanceProfileName"),
    "aws iam delete-instance-profile --instance-profile-name {}",
    everywhere=True,
)
MASTER_KEY = Kind(
    "customer-managed key",
    ("aws:kms/key:Key",),
    *("kms", "list_keys", "Keys", "KeyId", "aws kms schedule-key-deletion --pending-window-in-days 7 --key-id {}"),
    monthly=_service(KEY),
    more=(("kms", "describe_key"),),
)
LOG_GROUP = Kind(
    "log group",
    ("aws:cloudwatch/logGroup:LogGroup",),
    *("logs", "describe_log_groups", "logGroups", "logGroupName"),
    "aws logs delete-log-group --log-group-name {}",
    name="logGroupName",
    monthly=_by_use,
    tags="",
)
KINDS: tuple[Kind, ...] = (
    CLUSTER,
    Kind(
        "auto scaling group",
        ("aws:autoscaling/group:Group",),
        *("autoscaling", "describe_auto_scaling_groups", "AutoScalingGroups", "AutoScalingGroupName"),
        "aws autoscaling delete-auto-scaling-group --force-delete --auto-scaling-group-name {}",
        state="Status",
        ended=("Delete in progress",),
    ),
    INSTANCE,
    BALANCER,
    TARGET_GROUP,
    Kind(
        "VPC endpoint",
        ("aws:ec2/vpcEndpoint:VpcEndpoint",),
        *("ec2", "describe_vpc_endpoints", "VpcEndpoints", "VpcEndpointId"),
        "aws ec2 delete-vpc-endpoints --vpc-endpoint-ids {}",
        monthly=_endpoint,
        state="State",
        ended=("deleting", "deleted"),
    ),
    Kind(
        "NAT gateway",
        ("aws:ec2/natGateway:NatGateway",),
        *("ec2", "describe_nat_gateways", "NatGateways", "NatGatewayId"),
        "aws ec2 delete-nat-gateway --nat-gateway-id {}",
        monthly=_service(NAT),
        state="State",
        ended=("deleting", "deleted", "failed"),
    ),
    Kind(
        "Elastic IP",
        ("aws:ec2/eip:Eip",),
        *("ec2", "describe_addresses", "Addresses", "AllocationId", "aws ec2 release-address --allocation-id {}"),
        monthly=_service(ADDRESS),
    ),
    Kind(
        "network interface",
        ("aws:ec2/networkInterface:NetworkInterface",),
        *("ec2", "describe_network_interfaces", "NetworkInterfaces", "NetworkInterfaceId"),
        "aws ec2 delete-network-interface --network-interface-id {}",
        tags="TagSet",
    ),
    Kind(
        "volume",
        ("aws:ebs/volume:Volume",),
        *("ec2", "describe_volumes", "Volumes", "VolumeId", "aws ec2 delete-volume --volume-id {}"),
        monthly=_volume,
        state="State",
        ended=("deleting", "deleted"),
    ),
    Kind(
        "security group",
        ("aws:ec2/securityGroup:SecurityGroup",),
        *("ec2", "describe_security_groups", "SecurityGroups", "GroupId"),
        "aws ec2 delete-security-group --group-id {}",
        name="GroupName",
    ),
    Kind(
        "launch template",
        ("aws:ec2/launchTemplate:LaunchTemplate",),
        *("ec2", "describe_launch_templates", "LaunchTemplates", "LaunchTemplateId"),
        "aws ec2 delete-launch-template --launch-template-id {}",
        name="LaunchTemplateName",
    ),
    Kind(
        "VPC",
        ("aws:ec2/vpc:Vpc", "awsx:ec2:Vpc"),
        *("ec2", "describe_vpcs", "Vpcs", "VpcId", "aws ec2 delete-vpc --vpc-id {}"),
    ),
    Kind(
        "event rule",
        ("aws:cloudwatch/eventRule:EventRule",),
        *("events", "list_rules", "Rules", "Name"),
        "aws events delete-rule --name {}",
        tags="",
    ),
    QUEUE,
    LOG_GROUP,
    MASTER_KEY,
    PROVIDER,
    PROFILE,
    Kind(
        "policy",
        ("aws:iam/policy:Policy",),
        *("iam", "list_policies", "Policies", "Arn", "aws iam delete-policy --policy-arn {}"),
        name="PolicyName",
        arguments={"Scope": "Local"},
        everywhere=True,
    ),
    Kind(
        "role",
        ("aws:iam/role:Role",),
        *("iam", "list_roles", "Roles", "RoleName", "aws iam delete-role --role-name {}"),
        everywhere=True,
    ),
)
"""In the order in which they can be ended: what uses another thing before it. Left out is what costs nothing
and goes with its owner: subnets, route tables and gateways with their VPC, node groups and add-ons with their cluster.
"""


def policy() -> dict[str, Any]:
    """The least IAM policy with which `audit` looks at every kind."""
    return reading("Audit", (action for kind in KINDS for action in actions(kind)))


def actions(kind: Kind) -> list[str]:
    """What AWS must allow for the kind to be looked at: those to list it, and those to know whose it is."""
    asked = ((kind.service, kind.operation), *kind.more)
    return [f"{PREFIXES.get(service, service)}:{_in_capitals(operation)}" for service, operation in asked]


def _in_capitals(operation: str) -> str:
    """boto3's name of an operation as AWS writes it."""
    return "".join(word.capitalize() for word in operation.split("_")).replace("OpenId", "OpenID")
