"""The cluster's VPC with all that is in it, and what balances load there."""

from collections.abc import Callable, Iterator
from typing import Any

from eks_gpu.checks.endpoints import ENDPOINT
from eks_gpu.checks.network_acls import ACL, DEFAULT_ACL
from eks_gpu.checks.routes import (
    INTERNET_GATEWAY,
    NAT_GATEWAY,
    SUBNET,
    TABLE,
    TABLE_ASSOCIATION,
    VPC,
)
from eks_gpu.checks.security_rules import DEFAULT_GROUP, SECURITY_GROUP
from eks_gpu.checks.subnets import MORE_RANGES
from eks_gpu.graph.graph import Resource
from eks_gpu.live.aws.reading import Reading
from eks_gpu.live.aws.wire import Row, camel, document, named, resource, tags
from eks_gpu_components.catalog import CLUSTER_NAME_TAGS, CLUSTER_TAG, SERVICE_NAME_TAG

ADDRESS, LOAD_BALANCER = "aws:ec2/eip:Eip", "aws:lb/loadBalancer:LoadBalancer"
_ENDED = ("deleted", "deleting", "failed")
_TAGS_AT_ONCE = 20
"""Load balancers whose tags one question may ask for."""
_OF_A_CONTROLLER = ("elbv2.k8s.aws/", "service.k8s.aws/", "ingress.k8s.aws/", "service.eks.amazonaws.com/")
_OF_A_SERVICE = (SERVICE_NAME_TAG, *CLUSTER_NAME_TAGS)
_LOCAL, _IMPLIED_RULE = "local", 32_767
_ROUTE: dict[str, str] = {
    "DestinationCidrBlock": "cidrBlock",
    "DestinationIpv6CidrBlock": "ipv6CidrBlock",
    "DestinationPrefixListId": "destinationPrefixListId",
    "CarrierGatewayId": "carrierGatewayId",
    "CoreNetworkArn": "coreNetworkArn",
    "EgressOnlyInternetGatewayId": "egressOnlyGatewayId",
    "GatewayId": "gatewayId",
    "LocalGatewayId": "localGatewayId",
    "NatGatewayId": "natGatewayId",
    "NetworkInterfaceId": "networkInterfaceId",
    "OdbNetworkArn": "odbNetworkArn",
    "TransitGatewayId": "transitGatewayId",
    "VpcPeeringConnectionId": "vpcPeeringConnectionId",
}


def network(reading: Reading, vpc: str) -> list[Resource]:
    """What the VPC has. Nothing of another VPC is read, but what balances load is looked for among all of the region's
    balancers, whose list knows no VPC.
    """
    parts: list[Callable[[], list[Resource]]] = [
        lambda: _vpc(reading, vpc),
        lambda: _subnets_and_routes(reading, vpc),
        lambda: _gateways(reading, vpc),
        lambda: _nats(reading, vpc),
        lambda: [_acl(row) for row in _of_vpc(reading, "describe_network_acls", "NetworkAcls", vpc)],
        lambda: [_group(row) for row in _of_vpc(reading, "describe_security_groups", "SecurityGroups", vpc)],
        lambda: _endpoints(reading, vpc),
        lambda: _balancers(reading, vpc),
    ]
    return [each for part in reading.each(lambda ask: ask(), parts) for each in part] if vpc else []


def _of_vpc(reading: Reading, operation: str, key: str, vpc: str, by: str = "vpc-id") -> list[Row]:
    return reading.rows("ec2", operation, key, Filters=[{"Name": by, "Values": [vpc]}])


def _vpc(reading: Reading, id_: str) -> list[Resource]:
    row = next(iter(_of_vpc(reading, "describe_vpcs", "Vpcs", id_)), None)
    if row is None:
        return []
    dns = {
        f"{name[0].lower()}{name[1:]}": reading.get(
            "ec2", "describe_vpc_attribute", name, VpcId=id_, Attribute=f"{name[0].lower()}{name[1:]}"
        ).get("Value")
        for name in ("EnableDnsSupport", "EnableDnsHostnames")
    }
    inputs = {
        "cidrBlock": row.get("CidrBlock"),
        "instanceTenancy": row.get("InstanceTenancy"),
        "tags": tags(row),
        **dns,
    }
    made = [resource(VPC, named(row, id_), inputs, id_=id_, key=id_)]
    for more in row.get("CidrBlockAssociationSet") or ():
        if more.get("CidrBlock") != row.get("CidrBlock"):
            given = {"vpcId": id_, "cidrBlock": more.get("CidrBlock")}
            made.append(resource(MORE_RANGES, str(more.get("AssociationId")), given))
    return made


def _subnets_and_routes(reading: Reading, vpc: str) -> list[Resource]:
    """A subnet without a route table of its own has the VPC's main one."""
    subnets = _of_vpc(reading, "describe_subnets", "Subnets", vpc)
    tables = _of_vpc(reading, "describe_route_tables", "RouteTables", vpc)
    own: dict[str, str] = {}
    main = ""
    for table in tables:
        for link in table.get("Associations") or ():
            if link.get("SubnetId"):
                own[str(link["SubnetId"])] = str(table["RouteTableId"])
            elif link.get("Main"):
                main = str(table["RouteTableId"])
    linked = [(str(row["SubnetId"]), own.get(str(row["SubnetId"]), main)) for row in subnets]
    return [
        *map(_subnet, subnets),
        *map(_table, tables),
        *(
            resource(TABLE_ASSOCIATION, f"{subnet}/{table}", {"subnetId": subnet, "routeTableId": table})
            for subnet, table in linked
            if table
        ),
    ]


def _subnet(row: Row) -> Resource:
    id_ = str(row["SubnetId"])
    ranges = [str(each.get("Ipv6CidrBlock")) for each in row.get("Ipv6CidrBlockAssociationSet") or ()]
    inputs = {
        "vpcId": row.get("VpcId"),
        "cidrBlock": row.get("CidrBlock"),
        "ipv6CidrBlock": next(iter(ranges), None),
        "availabilityZone": row.get("AvailabilityZone"),
        "mapPublicIpOnLaunch": row.get("MapPublicIpOnLaunch"),
        "tags": tags(row),
    }
    outputs = {"arn": row.get("SubnetArn"), "availabilityZoneId": row.get("AvailabilityZoneId")}
    return resource(SUBNET, named(row, id_), inputs, id_=id_, key=id_, outputs=outputs)


def _table(row: Row) -> Resource:
    id_ = str(row["RouteTableId"])
    routes = [_route(each) for each in row.get("Routes") or () if each.get("GatewayId") != _LOCAL]
    inputs = {"vpcId": row.get("VpcId"), "routes": routes, "tags": tags(row)}
    return resource(TABLE, named(row, id_), inputs, id_=id_, key=id_)


def _route(row: Row) -> dict[str, Any]:
    found = {name: row[key] for key, name in _ROUTE.items() if row.get(key)}
    endpoint = str(found.get("gatewayId") or "")
    if endpoint.startswith("vpce-"):
        found["vpcEndpointId"] = found.pop("gatewayId")
    return found


def _gateways(reading: Reading, vpc: str) -> list[Resource]:
    rows = _of_vpc(reading, "describe_internet_gateways", "InternetGateways", vpc, "attachment.vpc-id")
    ids = [(str(row["InternetGatewayId"]), row) for row in rows]
    return [
        resource(INTERNET_GATEWAY, named(row, id_), {"vpcId": vpc, "tags": tags(row)}, id_=id_, key=id_)
        for id_, row in ids
    ]


def _nats(reading: Reading, vpc: str) -> list[Resource]:
    wanted = [{"Name": "vpc-id", "Values": [vpc]}]
    found = reading.rows("ec2", "describe_nat_gateways", "NatGateways", Filter=wanted)
    rows = [row for row in found if not _has_ended(row)]
    ids = [str(each["AllocationId"]) for row in rows for each in _addresses(row) if each.get("AllocationId")]
    by_id = [{"Name": "allocation-id", "Values": ids}]
    addresses = reading.rows("ec2", "describe_addresses", "Addresses", Filters=by_id) if ids else []
    return [*map(_nat, rows), *map(_address, addresses)]


def _has_ended(row: Row) -> bool:
    return str(row.get("State")).lower() in _ENDED


def _addresses(row: Row) -> Iterator[Row]:
    yield from row.get("NatGatewayAddresses") or ()


def _nat(row: Row) -> Resource:
    id_, first = str(row["NatGatewayId"]), next(_addresses(row), {})
    inputs = {
        "subnetId": row.get("SubnetId"),
        "vpcId": row.get("VpcId") if not row.get("SubnetId") else None,
        "allocationId": first.get("AllocationId"),
        "connectivityType": row.get("ConnectivityType"),
        "availabilityMode": row.get("AvailabilityMode"),
        "tags": tags(row),
    }
    return resource(NAT_GATEWAY, named(row, id_), inputs, id_=id_, key=id_, outputs={"publicIp": first.get("PublicIp")})


def _address(row: Row) -> Resource:
    id_ = str(row["AllocationId"])
    outputs = {"allocationId": id_, "publicIp": row.get("PublicIp")}
    return resource(
        ADDRESS, named(row, id_), {"domain": row.get("Domain"), "tags": tags(row)}, id_=id_, key=id_, outputs=outputs
    )


def _acl(row: Row) -> Resource:
    id_ = str(row["NetworkAclId"])
    lists: dict[bool, list[dict[str, Any]]] = {False: [], True: []}
    for entry in row.get("Entries") or ():
        if entry.get("RuleNumber") != _IMPLIED_RULE:
            lists[bool(entry.get("Egress"))].append(_acl_entry(entry))
    inputs: dict[str, Any] = {
        "subnetIds": [each.get("SubnetId") for each in row.get("Associations") or ()],
        "ingress": lists[False],
        "egress": lists[True],
        "tags": tags(row),
    }
    if row.get("IsDefault"):
        return resource(DEFAULT_ACL, named(row, id_), {**inputs, "defaultNetworkAclId": id_}, id_=id_, key=id_)
    return resource(ACL, named(row, id_), {**inputs, "vpcId": row.get("VpcId")}, id_=id_, key=id_)


def _acl_entry(row: Row) -> dict[str, Any]:
    ports = row.get("PortRange") or {}
    return {
        "ruleNo": row.get("RuleNumber"),
        "action": row.get("RuleAction"),
        "protocol": str(row.get("Protocol")),
        "cidrBlock": row.get("CidrBlock") or "",
        "ipv6CidrBlock": row.get("Ipv6CidrBlock") or "",
        "fromPort": ports.get("From") or 0,
        "toPort": ports.get("To") or 0,
    }


def _group(row: Row) -> Resource:
    id_, name = str(row["GroupId"]), str(row.get("GroupName") or row["GroupId"])
    inputs = {
        "vpcId": row.get("VpcId"),
        "ingress": [_rule(rule, id_) for rule in row.get("IpPermissions") or ()],
        "egress": [_rule(rule, id_) for rule in row.get("IpPermissionsEgress") or ()],
        "tags": tags(row),
    }
    outputs = {"arn": row.get("SecurityGroupArn"), "name": name}
    if name == "default":
        return resource(DEFAULT_GROUP, name, inputs, id_=id_, key=id_, outputs=outputs)
    inputs |= {"name": name, "description": row.get("Description")}
    return resource(SECURITY_GROUP, name, inputs, id_=id_, key=id_, outputs=outputs)


def _rule(row: Row, own: str) -> dict[str, Any]:
    others = [str(each.get("GroupId")) for each in row.get("UserIdGroupPairs") or ()]
    return {
        "protocol": row.get("IpProtocol"),
        "fromPort": row.get("FromPort") or 0,
        "toPort": row.get("ToPort") or 0,
        "cidrBlocks": [each.get("CidrIp") for each in row.get("IpRanges") or ()],
        "ipv6CidrBlocks": [each.get("CidrIpv6") for each in row.get("Ipv6Ranges") or ()],
        "prefixListIds": [each.get("PrefixListId") for each in row.get("PrefixListIds") or ()],
        "securityGroups": [id_ for id_ in others if id_ != own],
        "self": own in others,
    }


def _endpoints(reading: Reading, vpc: str) -> list[Resource]:
    rows = _of_vpc(reading, "describe_vpc_endpoints", "VpcEndpoints", vpc)
    return [_endpoint(row) for row in rows if not _has_ended(row)]


def _endpoint(row: Row) -> Resource:
    id_ = str(row["VpcEndpointId"])
    same = ("VpcId", "ServiceName", "VpcEndpointType", "RouteTableIds", "SubnetIds", "PrivateDnsEnabled")
    inputs = {
        **camel({key: row.get(key) for key in same}),
        "securityGroupIds": [each.get("GroupId") for each in row.get("Groups") or ()],
        "policy": document(row.get("PolicyDocument")),
        "tags": tags(row),
    }
    return resource(ENDPOINT, named(row, id_), inputs, id_=id_, key=id_)


# --- load balancers --------------------------------------------------------------------------------------------------


def _balancers(reading: Reading, vpc: str) -> list[Resource]:
    """Those of the VPC that no controller made: what a Service or an Ingress asks for is counted with it."""
    rows = reading.rows("elbv2", "describe_load_balancers", "LoadBalancers")
    here = {str(row["LoadBalancerArn"]): row for row in rows if row.get("VpcId") == vpc}
    arns = list(here)
    told: dict[str, dict[str, str]] = {}
    for start in range(0, len(arns), _TAGS_AT_ONCE):
        some = arns[start : start + _TAGS_AT_ONCE]
        for row in reading.rows("elbv2", "describe_tags", "TagDescriptions", ResourceArns=some):
            told[str(row["ResourceArn"])] = tags(row)
    return [_balancer(arn, here[arn], own) for arn, own in told.items() if arn in here and not _is_made(own)]


def _is_made(own: dict[str, str]) -> bool:
    return any(key.startswith((*_OF_A_CONTROLLER, CLUSTER_TAG)) or key in _OF_A_SERVICE for key in own)


def _balancer(arn: str, row: Row, own: dict[str, str]) -> Resource:
    inputs = {
        "name": row.get("LoadBalancerName"),
        "loadBalancerType": row.get("Type"),
        "internal": row.get("Scheme") == "internal",
        "tags": own,
    }
    return resource(LOAD_BALANCER, str(row["LoadBalancerName"]), inputs, id_=arn, outputs={"arn": arn})
