"""`awsx.ec2.Vpc`: a VPC with subnets in each zone, their routes, and NAT gateways with their addresses."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from eks_gpu.offline.account import Properties
from eks_gpu.offline.registered import Made
from eks_gpu.offline.remote.construction import Construction
from eks_gpu.offline.remote.vpc_subnets import LEGACY, PRIVATE, PUBLIC, UNUSED, Spec, Subnet, subnets
from eks_gpu.offline.wire import UNKNOWN, clear, items, opened, part
from eks_gpu_components.catalog import zones

ZONES, CIDR = 3, "10.0.0.0/16"
ONE_PER_ZONE, SINGLE, NONE = "oneperaz", "single", "none"
EVERYWHERE = "0.0.0.0/0"
_PASSED_ON = (
    *("assignGeneratedIpv6CidrBlock", "enableDnsHostnames", "enableDnsSupport", "enableNetworkAddressUsageMetrics"),
    *("instanceTenancy", "ipv4IpamPoolId", "ipv4NetmaskLength", "ipv6CidrBlock", "ipv6CidrBlockNetworkBorderGroup"),
    *("ipv6IpamPoolId", "ipv6NetmaskLength", "region"),
)
_ENDPOINT = (
    *("autoAccept", "dnsOptions", "ipAddressType", "policy", "privateDnsEnabled", "resourceConfigurationArn"),
    *("routeTableIds", "securityGroupIds", "serviceName", "serviceNetworkArn", "serviceRegion", "subnetConfigurations"),
    *("subnetIds", "vpcEndpointType"),
)


@dataclass
class _Network:
    """What is made of the VPC, in the order in which it is."""

    vpc: Made
    gateway: Made
    by_type: dict[str, list[Made]] = field(default_factory=dict)
    subnets: list[Made] = field(default_factory=list)
    zone_of: dict[str, int] = field(default_factory=dict)
    """Id of a subnet -> index of its zone."""
    tables: list[Made] = field(default_factory=list)
    associations: list[Made] = field(default_factory=list)
    routes: list[Made] = field(default_factory=list)
    nats: list[Made] = field(default_factory=list)
    eips: list[Made] = field(default_factory=list)
    endpoints: list[Made] = field(default_factory=list)


def vpc(it: Construction) -> Properties:
    """Makes the network. Returns the component's outputs."""
    args = it.inputs
    names = _zone_names(it)
    shared = {"Name": it.name, **part(args, "tags")}
    cidr = args.get("cidrBlock") or (None if args.get("ipv4IpamPoolId") else CIDR)
    inputs = {**{key: args.get(key) for key in _PASSED_ON}, "cidrBlock": cidr, "tags": shared}
    made = it.make("aws:ec2/vpc:Vpc", it.name, inputs)
    gateway = it.make(
        "aws:ec2/internetGateway:InternetGateway", it.name, {**_in(it, made), "tags": shared}, parent=made, needs=[made]
    )
    network = _Network(made, gateway)
    plan = _subnets(args, str(opened(cidr) or CIDR), len(names))
    for zone in range(len(names)):
        of_zone = [subnet for subnet in plan if subnet.zone == zone and subnet.spec.type != UNUSED]
        for subnet in sorted(
            of_zone, key=lambda one: [PUBLIC, PRIVATE].index(one.spec.type) if one.spec.type in (PUBLIC, PRIVATE) else 2
        ):
            _make_subnet(it, network, subnet, names[zone], shared)
    for spec in items(args.get("vpcEndpointSpecs")):
        _make_endpoint(it, network, part(spec), shared)
    return _outputs(network)


def _in(it: Construction, vpc: Made) -> Properties:
    return {"region": it.inputs.get("region"), "vpcId": vpc.id}


def _zone_names(it: Construction) -> list[str]:
    """The zones that the program names, else the first ones of the region."""
    named = [str(clear(name)) for name in items(it.inputs.get("availabilityZoneNames"))]
    if named:
        return named
    count = opened(it.inputs.get("numberOfAvailabilityZones"))
    found = it.ask("aws:index/getAvailabilityZones:getAvailabilityZones", {})
    of_region = found["names"] if found else [zone.name for zone in zones(it.account.region)]
    return list(of_region)[: int(count) if isinstance(count, int | float) else ZONES]


def _subnets(args: Properties, cidr: str, count: int) -> list[Subnet]:
    given = opened(args.get("subnetSpecs"))
    specs = [_spec(part(spec)) for spec in given] if isinstance(given, list) else None
    mask = opened(args.get("availabilityZoneCidrMask"))
    return subnets(
        CIDR if cidr == UNKNOWN else cidr,
        count,
        specs,
        str(opened(args.get("subnetStrategy")) or LEGACY),
        int(mask) if isinstance(mask, int | float) else None,
    )


def _spec(given: Properties) -> Spec:
    mask, size = opened(given.get("cidrMask")), opened(given.get("size"))
    if mask is None and isinstance(size, int | float):
        mask = 32 - (int(size).bit_length() - 1)
    return Spec(
        type=str(opened(given.get("type"))).lower(),
        name=str(opened(given.get("name")) or ""),
        mask=None if mask is None else int(mask),
        cidrs=tuple(str(clear(cidr)) for cidr in items(given.get("cidrBlocks"))),
        tags=part(given, "tags"),
    )


def _make_subnet(it: Construction, network: _Network, planned: Subnet, zone: str, shared: Properties) -> None:
    spec, number = planned.spec, planned.zone + 1
    name = f"{it.name}-{spec.name or spec.type}-{number}"
    by_zone = opened(it.inputs.get("subnetNameTagStrategy")) == "AvailabilityZone"
    shown = f"{it.name}-{spec.name or spec.type}-{_suffix(zone)}" if by_zone else name
    tags = {"Name": shown, "SubnetType": spec.type.capitalize()}
    subnet = it.make(
        "aws:ec2/subnet:Subnet",
        name,
        {
            **_in(it, network.vpc),
            "availabilityZone": zone,
            "cidrBlock": planned.cidr,
            "mapPublicIpOnLaunch": spec.type == PUBLIC,
            "assignIpv6AddressOnCreation": it.inputs.get("assignGeneratedIpv6CidrBlock") or None,
            "tags": {**shared, **spec.tags, **tags},
        },
        parent=network.vpc,
        needs=[network.vpc],
    )
    network.subnets.append(subnet)
    network.zone_of[subnet.id] = planned.zone
    network.by_type.setdefault(spec.type, []).append(subnet)
    table = it.make(
        "aws:ec2/routeTable:RouteTable",
        name,
        {**_in(it, network.vpc), "tags": {**shared, **tags}},
        parent=subnet,
        needs=[subnet],
    )
    network.tables.append(table)
    region = {"region": it.inputs.get("region")}
    ids = {**region, "routeTableId": table.id, "subnetId": subnet.id}
    network.associations.append(
        it.make("aws:ec2/routeTableAssociation:RouteTableAssociation", name, ids, parent=table, needs=[table])
    )
    if spec.type == PUBLIC:
        _make_nat(it, network, planned.zone, subnet)
    way_out = _way_out(it, network, spec.type, planned.zone)
    if way_out:
        route = {**region, "routeTableId": table.id, "destinationCidrBlock": EVERYWHERE, **way_out}
        network.routes.append(it.make("aws:ec2/route:Route", name, route, parent=table, needs=[table]))


def _suffix(zone: str) -> str:
    """What is left of a zone's name without the words of its region: 1a of us-east-1a."""
    words = zone.split("-")
    number = next((index for index, word in enumerate(words) if word[:1].isdigit()), 0)
    return "-".join(words[number:])


def _strategy(it: Construction) -> str:
    return str(opened(part(it.inputs, "natGateways").get("strategy")) or ONE_PER_ZONE).lower()


def _make_nat(it: Construction, network: _Network, zone: int, subnet: Made) -> None:
    """A NAT gateway in the first public subnet of a zone, as the strategy wants it, with an address."""
    wanted = {NONE: 0, SINGLE: 1}.get(_strategy(it), zone + 1)
    if len(network.nats) >= wanted:
        return
    name = f"{it.name}-{zone + 1}"
    inputs = {"region": it.inputs.get("region"), "tags": {**part(it.inputs, "tags"), "Name": name}}
    given = items(part(it.inputs, "natGateways").get("elasticIpAllocationIds"))
    if given:
        address = given[min(zone, len(given) - 1)]
    else:
        eip = it.make("aws:ec2/eip:Eip", name, inputs, parent=subnet, needs=[subnet])
        network.eips.append(eip)
        address = eip["allocationId"]
    inputs = {**inputs, "subnetId": subnet.id, "allocationId": address}
    network.nats.append(it.make("aws:ec2/natGateway:NatGateway", name, inputs, parent=subnet, needs=[subnet]))


def _way_out(it: Construction, network: _Network, kind: str, zone: int) -> Properties:
    """Where the traffic of a subnet to everywhere goes; nowhere, from an isolated one."""
    if kind == PUBLIC:
        return {"gatewayId": network.gateway.id}
    if kind == PRIVATE and network.nats and _strategy(it) != NONE:
        return {"natGatewayId": network.nats[0 if _strategy(it) == SINGLE else min(zone, len(network.nats) - 1)].id}
    return {}


def _make_endpoint(it: Construction, network: _Network, spec: Properties, shared: Properties) -> None:
    service = str(clear(spec.get("serviceName")))
    inputs = {key: spec.get(key) for key in _ENDPOINT}
    kind = str(opened(spec.get("vpcEndpointType")) or "Gateway").lower()
    if opened(it.inputs.get("vpcEndpointStrategy")) == "Auto":
        if kind == "gateway" and inputs["routeTableIds"] is None:
            inputs["routeTableIds"] = [table.id for table in network.tables]
        if kind == "interface":
            inputs |= _of_interface(it, network, spec, service, shared)
    network.endpoints.append(
        it.make(
            "aws:ec2/vpcEndpoint:VpcEndpoint",
            service,
            {**inputs, **_in(it, network.vpc), "tags": {**shared, **part(spec, "tags")}},
            parent=network.vpc,
            needs=[network.vpc],
        )
    )


def _of_interface(
    it: Construction, network: _Network, spec: Properties, service: str, shared: Properties
) -> Properties:
    """Subnets, names and a security group of an interface endpoint, where the program says nothing of them."""
    found: dict[str, Any] = {}
    if spec.get("privateDnsEnabled") is None:
        found["privateDnsEnabled"] = True
    if spec.get("subnetIds") is None and spec.get("subnetConfigurations") is None:
        found["subnetIds"] = _one_per_zone(network)
    if spec.get("securityGroupIds") is None:
        tags = {**shared, **part(spec, "tags")}
        home, needs = network.vpc, [network.vpc]
        inputs = {**_in(it, network.vpc), "tags": tags}
        group = it.make("aws:ec2/securityGroup:SecurityGroup", f"{service}-sg", inputs, parent=home, needs=needs)
        rule = {
            "type": "ingress",
            "securityGroupId": group.id,
            "protocol": "tcp",
            "fromPort": 443,
            "toPort": 443,
            "cidrBlocks": [network.vpc["cidrBlock"]],
        }
        name = f"{service}-ingress"
        it.make("aws:ec2/securityGroupRule:SecurityGroupRule", name, rule, parent=home, needs=[group])
        found["securityGroupIds"] = [group.id]
    return found


def _one_per_zone(network: _Network) -> list[str]:
    """A subnet in each zone, private if there is one, else isolated, else public."""
    chosen: dict[int, str] = {}
    for kind in (PRIVATE, "isolated", PUBLIC):
        for subnet in network.by_type.get(kind, ()):
            chosen.setdefault(network.zone_of[subnet.id], subnet.id)
    return [chosen[zone] for zone in sorted(chosen)]


def _outputs(network: _Network) -> Properties:
    def references(made: Sequence[Made]) -> list[dict[str, str]]:
        return [one.reference for one in made]

    outputs: dict[str, Any] = {
        "vpc": network.vpc.reference,
        "vpcId": network.vpc.id,
        "internetGateway": network.gateway.reference,
        "subnets": references(network.subnets),
        "natGateways": references(network.nats),
        "eips": references(network.eips),
        "routeTables": references(network.tables),
        "routeTableAssociations": references(network.associations),
        "routes": references(network.routes),
        "vpcEndpoints": references(network.endpoints),
        "subnetLayout": [],
    }
    for kind in (PUBLIC, PRIVATE, "isolated"):
        of_kind = network.by_type.get(kind, [])
        outputs[f"{kind}Subnets"] = references(of_kind)
        outputs[f"{kind}SubnetIds"] = [subnet.id for subnet in of_kind]
    return outputs
