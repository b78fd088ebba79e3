"""Network: a VPC with private subnets for nodes, or an existing VPC."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NotRequired

import pulumi_aws as aws
from pulumi import ComponentResource, Output, Resource, ResourceOptions
from typing_extensions import TypedDict

from .catalog import DISCOVERY_TAG, INTERNAL_LOAD_BALANCER_TAG, PUBLIC_LOAD_BALANCER_TAG
from .values.arg_words import NatArg
from .values.places import NodeSubnet, ZoneArgs
from .values.value import check
from .vpc.network_endpoints import flow_logs, gateway_endpoint, interface_endpoints
from .vpc.network_layout import ExistingNetwork, Nat, NetworkSpec, subnets


class FlowLogsArgs(TypedDict):
    """Flow logs, which record the VPC's connections, in CloudWatch."""

    retention_days: NotRequired[int]
    """Days that records are kept; a number that CloudWatch allows. Default 30."""


class ExistingSubnetArgs(TypedDict):
    """A private subnet that exists already."""

    zone: str
    """Name of the availability zone, such as us-west-2a."""
    zone_id: NotRequired[str]
    """Id of the zone, such as usw2-az1. Default the id that `zones` gives for the name."""
    subnet_id: str
    """Id of the subnet."""


class ExistingNetworkArgs(TypedDict):
    """A VPC that exists already. Its routes are not changed."""

    vpc_id: str
    """Id of the VPC."""
    private_subnets: Sequence[ExistingSubnetArgs]
    """Subnets for nodes, in at least two zones."""
    public_subnet_ids: NotRequired[Sequence[str]]
    """Subnets for load balancers that face the internet. Default none."""
    discovery_tags: NotRequired[bool]
    """Whether to tag the private subnets for Karpenter. Default no: they belong to somebody else."""


class NetworkSettingsArgs(TypedDict):
    """The settings of a network that differ between environments."""

    cidr: NotRequired[str]
    """Address range of the VPC. Default 10.0.0.0/16."""
    nat: NotRequired[NatArg]
    """NAT gateways, through which private subnets reach the internet: none, single or per-zone. Default single."""
    private_prefix: NotRequired[int]
    """Prefix length of each private subnet. Default 19: room for 8187 pods and nodes."""
    public_prefix: NotRequired[int]
    """Prefix length of each public subnet. Default 24."""
    interface_endpoints: NotRequired[bool]
    """Whether the VPC has private endpoints for AWS services, as a cluster without internet access needs. Default no.
    """
    extra_interface_endpoints: NotRequired[Sequence[str]]
    """More services with a private endpoint, such as bedrock-runtime: the part of the endpoint's name after the region.
    Default none.
    """
    flow_logs: NotRequired[FlowLogsArgs]
    """Flow logs: records of the VPC's connections, in CloudWatch. Default none."""
    existing: NotRequired[ExistingNetworkArgs]
    """An existing VPC to use instead of a new one; excludes every other setting. Default none."""


class NetworkArgs(TypedDict):
    """The arguments of Network. The caller gives the zones, because their names depend on the account."""

    region: str
    """Region, such as us-west-2."""
    zones: NotRequired[Sequence[ZoneArgs]]
    """Two or three zones that take control-plane subnets, required for a new VPC. Default none."""
    cluster_name: str
    """Name of the cluster that runs here, for Karpenter's subnet tag."""
    settings: NotRequired[NetworkSettingsArgs]
    """The settings of the network."""


class Network(ComponentResource):
    """Private subnets for nodes, public subnets for load balancers, and access to the internet."""

    vpc_id: Output[str]
    """Id of the VPC."""
    private_subnets: list[NodeSubnet]
    """Subnets for nodes, one per zone if the VPC is new. A resource that uses their ids is created after their routes.
    """
    private_subnet_ids: list[Output[str]]
    """Ids of the private subnets."""
    public_subnet_ids: list[Output[str]]
    """Subnets for load balancers that face the internet; none where `nat` is none."""

    def __init__(self, name: str, args: NetworkArgs, opts: ResourceOptions | None = None):
        """Makes the VPC, or checks the VPC that exists.

        name: begins the names of all that the component makes; a new name replaces it.
        args: see `NetworkArgs`.
        opts: Pulumi's options.
        Raises BadInput, with every problem, before anything is registered.
        """
        spec = check(NetworkSpec, args)
        super().__init__("eks-gpu-components:index:Network", name, args, opts)

        if spec.settings.existing:
            self._take(name, spec, spec.settings.existing)
        else:
            self._make(name, spec)

        self.private_subnet_ids = [Output.from_input(subnet["subnet_id"]) for subnet in self.private_subnets]
        self.register_outputs(
            {
                "vpc_id": self.vpc_id,
                "private_subnets": self.private_subnets,
                "private_subnet_ids": self.private_subnet_ids,
                "public_subnet_ids": self.public_subnet_ids,
            }
        )

    def _take(self, name: str, spec: NetworkSpec, existing: ExistingNetwork) -> None:
        self.vpc_id = Output.from_input(existing.vpc_id)
        self.public_subnet_ids = [Output.from_input(subnet_id) for subnet_id in existing.public_subnet_ids]
        self.private_subnets = [
            {"zone": subnet.zone, "zone_id": spec.zone_id(subnet), "subnet_id": subnet.subnet_id}
            for subnet in existing.private_subnets
        ]
        for subnet in existing.private_subnets if existing.discovery_tags else ():
            aws.ec2.Tag(
                f"{name}-{subnet.subnet_id}",
                resource_id=subnet.subnet_id,
                key=DISCOVERY_TAG,
                value=spec.cluster_name,
                opts=ResourceOptions(parent=self),
            )

    def _make(self, name: str, spec: NetworkSpec) -> None:
        vpc = aws.ec2.Vpc(
            name,
            cidr_block=str(spec.settings.cidr),
            enable_dns_hostnames=True,  # interface endpoints answer to AWS's own names only with it
            enable_dns_support=True,
            tags={"Name": name},
            opts=ResourceOptions(parent=self),
        )
        # Whatever starts without a group of its own lands here: without a rule nothing passes.
        aws.ec2.DefaultSecurityGroup(
            f"{name}-default",
            vpc_id=vpc.id,
            tags={"Name": f"{name}-default"},
            opts=ResourceOptions(parent=self),
        )
        private = _subnets(self, name, vpc, spec, "private", {DISCOVERY_TAG: spec.cluster_name})
        tables = {zone: _route_table(self, f"{name}-private-{zone}", vpc, subnet) for zone, subnet in private.items()}
        ways: dict[str, list[Resource]] = {zone: list(table.joined) for zone, table in tables.items()}
        self.public_subnet_ids = []
        if spec.settings.nat is not Nat.NONE:
            public = _subnets(self, name, vpc, spec, "public", {})
            internet = _to_the_internet(self, name, vpc, public)
            self.public_subnet_ids = [_once(subnet.id, internet) for subnet in public.values()]
            for zone, route in _nat(self, name, public, internet, tables, spec.settings.nat).items():
                ways[zone].append(route)
        endpoints = [
            gateway_endpoint(self, f"{name}-s3", vpc, spec.region, [table.table for table in tables.values()]),
            *interface_endpoints(self, name, vpc, spec, private),
        ]
        if spec.settings.flow_logs:
            flow_logs(self, f"{name}-flow-logs", vpc, spec.settings.flow_logs.retention_days)

        self.vpc_id = vpc.id
        self.private_subnets = [
            {
                "zone": zone.zone,
                "zone_id": zone.zone_id,
                "subnet_id": _once(private[zone.zone].id, [*ways[zone.zone], *endpoints]),
            }
            for zone in spec.zones
        ]


def _once(id_: Output[str], there: Sequence[Resource]) -> Output[str]:
    """The same id, as an output that depends on the resources: its users are created after them and deleted before
    them.

    URNs are known in a preview, so the id stays known in one that changes the resources.
    """
    return Output.all(id_, *(resource.urn for resource in there)).apply(lambda known: known[0])


def _subnets(
    parent: Network, name: str, vpc: aws.ec2.Vpc, spec: NetworkSpec, kind: str, tags: dict[str, str]
) -> dict[str, aws.ec2.Subnet]:
    """A zone's subnet of one kind, by zone name."""
    role = {"private": INTERNAL_LOAD_BALANCER_TAG, "public": PUBLIC_LOAD_BALANCER_TAG}[kind]
    layout = subnets(
        spec.settings.cidr,
        [zone.zone for zone in spec.zones],
        spec.settings.private_prefix,
        spec.settings.public_prefix,
    )
    return {
        zone: aws.ec2.Subnet(
            f"{name}-{kind}-{zone}",
            vpc_id=vpc.id,
            availability_zone=zone,
            cidr_block=blocks[kind],
            map_public_ip_on_launch=False,
            tags={"Name": f"{name}-{kind}-{zone}", role: "1", **tags},
            opts=ResourceOptions(parent=parent),
        )
        for zone, blocks in layout.items()
    }


@dataclass(frozen=True)
class _Table:
    """A route table, and what makes it that of its subnets."""

    table: aws.ec2.RouteTable
    joined: Sequence[aws.ec2.RouteTableAssociation]


def _route_table(parent: Network, name: str, vpc: aws.ec2.Vpc, *subnets: aws.ec2.Subnet) -> _Table:
    opts = ResourceOptions(parent=parent)
    table = aws.ec2.RouteTable(name, vpc_id=vpc.id, tags={"Name": name}, opts=opts)
    joined = [
        aws.ec2.RouteTableAssociation(
            name if len(subnets) == 1 else f"{name}-{number}",
            route_table_id=table.id,
            subnet_id=subnet.id,
            opts=opts,
        )
        for number, subnet in enumerate(subnets)
    ]
    return _Table(table, joined)


def _to_the_internet(
    parent: Network, name: str, vpc: aws.ec2.Vpc, public: Mapping[str, aws.ec2.Subnet]
) -> list[Resource]:
    """The internet for public subnets: its gateway, the route there, and what gives the subnets the route."""
    opts = ResourceOptions(parent=parent)
    gateway = aws.ec2.InternetGateway(name, vpc_id=vpc.id, tags={"Name": name}, opts=opts)
    table = _route_table(parent, f"{name}-public", vpc, *public.values())
    route = aws.ec2.Route(
        f"{name}-public",
        route_table_id=table.table.id,
        destination_cidr_block="0.0.0.0/0",
        gateway_id=gateway.id,
        opts=opts,
    )
    return [gateway, route, *table.joined]


def _nat(
    parent: Network,
    name: str,
    public: Mapping[str, aws.ec2.Subnet],
    internet: Sequence[Resource],
    private: Mapping[str, _Table],
    nat: Nat,
) -> dict[str, aws.ec2.Route]:
    """NAT gateways in public subnets, and each private zone's route to one."""
    zones = list(public) if nat is Nat.PER_ZONE else list(public)[:1]
    # AWS detaches an internet gateway only after every public address behind it is gone, and a NAT gateway reaches
    # nothing before its own subnet does.
    after_internet = ResourceOptions(parent=parent, depends_on=internet)
    gateways = {
        zone: aws.ec2.NatGateway(
            f"{name}-{zone}",
            allocation_id=aws.ec2.Eip(
                f"{name}-{zone}", domain="vpc", tags={"Name": f"{name}-{zone}"}, opts=after_internet
            ).id,
            subnet_id=public[zone].id,
            tags={"Name": f"{name}-{zone}"},
            opts=after_internet,
        )
        for zone in zones
    }
    return {
        zone: aws.ec2.Route(
            f"{name}-private-{zone}",
            route_table_id=table.table.id,
            destination_cidr_block="0.0.0.0/0",
            nat_gateway_id=gateways.get(zone, gateways[zones[0]]).id,
            opts=ResourceOptions(parent=parent),
        )
        for zone, table in private.items()
    }
