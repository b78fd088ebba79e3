"""No way out: nodes that do not reach the cluster, their images or each other."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from eks_gpu.graph.graph import Resource

from .edits import Edit, EditAll, Rewritten, Without, gone, to
from .places import (
    CLUSTER,
    EC2_NODE_CLASS,
    GROUP,
    NODE_CLASS,
    NODE_GROUP,
    NODE_POOL,
    SERVICE,
    TEMPLATE,
    balanced,
    named,
)
from .programs import Program

SUBNET, VPC = "aws:ec2/subnet:Subnet", "aws:ec2/vpc:Vpc"
_NAT, _GATEWAY = ["aws:ec2/natGateway:NatGateway"], ["aws:ec2/internetGateway:InternetGateway"]
_ROUTE, _ENDPOINT = ["aws:ec2/route:Route"], ["aws:ec2/vpcEndpoint:VpcEndpoint"]
SECURITY_GROUP = "aws:ec2/securityGroup:SecurityGroup"
_ACL = "aws:ec2/networkAcl:NetworkAcl"
_PRIVATE, _PUBLIC, _S3 = named("-private-"), named("-public"), named("-s3")
_ANY = {"protocol": "-1", "fromPort": 0, "toPort": 0}
OPEN_OUT = {"protocol": "-1", "fromPort": 0, "toPort": 0, "cidrBlocks": ["0.0.0.0/0"]}


def made(type_: str, name: str, inputs: Mapping[str, Any], id_: str = "") -> Resource:
    """A resource that a user added."""
    return Resource(f"urn:pulumi:mutant::mutants::{type_}::{name}", type_, name, id=id_, inputs=inputs, outputs=inputs)


def changed(resource: Resource, **inputs: Any) -> Resource:
    """The resource with other inputs; None takes one away."""
    kept = {key: value for key, value in {**resource.inputs, **inputs}.items() if value is not None}
    return replace(resource, inputs=kept, outputs={**resource.outputs, **inputs})


def subnets(program: Program, kind: str = "-private-") -> list[Resource]:
    """Subnets of nodes, or of load balancers."""
    return [found for found in program.graph.of(SUBNET) if kind in found.name]


def once(make: Callable[[Program], Iterable[Resource]]) -> Callable[[Program], Iterator[tuple[str, list[Resource]]]]:
    """One place a program, where there is something to change."""

    def rewrite(program: Program) -> Iterator[tuple[str, list[Resource]]]:
        found = list(make(program))
        if found:
            yield found[0].name, found

    return rewrite


def _in_private_subnets(program: Program) -> Iterator[Resource]:
    for nat, subnet in zip(program.graph.of(*_NAT), subnets(program), strict=False):
        yield changed(nat, subnetId=subnet.id)


def _of_another_vpc(program: Program) -> Iterator[Resource]:
    other = made(VPC, "other", {"cidrBlock": "10.9.0.0/16"}, "vpc-other")
    gateway = made(_GATEWAY[0], "other", {"vpcId": "vpc-other"}, "igw-other")
    for route in program.graph.of(*_ROUTE):
        if "-public" in route.name:
            yield from (changed(route, gatewayId="igw-other"), other, gateway)
            return


def _closed_endpoint(*services: str, **inputs: Any) -> Callable[[Program], Iterator[Resource]]:
    """An interface endpoint whose security group lets nobody in."""

    def make(program: Program) -> Iterator[Resource]:
        place = subnets(program)[0].inputs["vpcId"]
        closed = {"vpcId": place, "egress": [OPEN_OUT]}
        open_ = {
            **closed,
            "ingress": [{"protocol": "tcp", "fromPort": 443, "toPort": 443, "cidrBlocks": ["10.0.0.0/8"]}],
        }
        for service in services:
            given = {
                "vpcId": place,
                "vpcEndpointType": "Interface",
                "serviceName": f"com.amazonaws.{program.region}.{service}",
                "subnetIds": [found.id for found in subnets(program)],
                "securityGroupIds": ["sg-endpoints"],
                "privateDnsEnabled": True,
                **inputs,
            }
            yield made(_ENDPOINT[0], service, given)
        yield made(SECURITY_GROUP, "endpoints", open_ if inputs else closed, "sg-endpoints")

    return make


def policy(*statements: Mapping[str, Any]) -> str:
    """A policy document."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def acl(ingress: Iterable[Mapping[str, Any]], egress: Iterable[Mapping[str, Any]]):
    """A network ACL of all private subnets."""

    def make(program: Program) -> Iterator[Resource]:
        here = subnets(program)
        rules = {"ingress": list(ingress), "egress": list(egress)}
        yield made(_ACL, "nodes", {"vpcId": here[0].inputs["vpcId"], "subnetIds": [one.id for one in here], **rules})

    return make


_ALLOW = {"ruleNo": 100, "action": "allow", "cidrBlock": "0.0.0.0/0", **_ANY}
_DENY = {**_ALLOW, "ruleNo": 50, "action": "deny"}


def own_group(**rules: Any) -> Callable[[Program], Iterator[Resource]]:
    """Nodes get a security group of the stack in place of the cluster's."""

    def make(program: Program) -> Iterator[Resource]:
        for template in program.graph.of(TEMPLATE):
            yield changed(template, vpcSecurityGroupIds=["sg-own"])
        for found in program.graph.of(EC2_NODE_CLASS, NODE_CLASS):
            spec = {**found.inputs["spec"], "securityGroupSelectorTerms": [{"id": "sg-own"}]}
            yield changed(found, spec=spec)
        yield made(SECURITY_GROUP, "own", {"vpcId": subnets(program)[0].inputs["vpcId"], **rules}, "sg-own")

    return make


_KUBELET = {"protocol": "tcp", "fromPort": 10250, "toPort": 10250, "cidrBlocks": ["10.0.0.0/16"]}


def _without_nat(*services: str, keep_s3: bool = False):
    """No NAT gateway at all, and endpoints of these services in place of it."""

    def rewrite(program: Program) -> Iterator[Resource]:
        for route in program.graph.of(*_ROUTE):
            if "-private-" in route.name:
                yield changed(route, destinationCidrBlock="10.1.0.0/16")
        yield from (
            one for one in _closed_endpoint(*services, securityGroupIds=[])(program) if one.type == _ENDPOINT[0]
        )
        if not keep_s3:
            for endpoint in program.graph.of(*_ENDPOINT):
                yield changed(endpoint, routeTableIds=[])

    return rewrite


def _in_one_zone(program: Program) -> Iterator[Resource]:
    zone = subnets(program)[0].inputs["availabilityZone"]
    return (changed(subnet, availabilityZone=zone) for subnet in subnets(program))


def _ipv6(program: Program) -> Iterator[Resource]:
    for cluster in program.graph.of(CLUSTER):
        yield changed(cluster, ipFamily="ipv6")
    for number, subnet in enumerate(subnets(program)):
        yield changed(subnet, ipv6CidrBlock=f"2600:1f14::{number}:0/64", assignIpv6AddressOnCreation=True)


def _public_only(program: Program) -> Iterator[Resource]:
    """Nodes move to the public subnets, which give no addresses."""
    ids = [subnet.id for subnet in subnets(program, "-public-")]
    for group in program.graph.of(GROUP, NODE_GROUP):
        key = "vpcZoneIdentifiers" if group.type == GROUP else "subnetIds"
        yield changed(group, **{key: ids[: len(group.inputs[key])]})
    for found in program.graph.of(EC2_NODE_CLASS, NODE_CLASS):
        yield changed(found, spec={**found.inputs["spec"], "subnetSelectorTerms": [{"id": id_} for id_ in ids]})


def _resized(prefix: int):
    def make(program: Program) -> Iterator[Resource]:
        for subnet in subnets(program):
            yield changed(subnet, cidrBlock=f"{subnet.inputs['cidrBlock'].partition('/')[0]}/{prefix}")

    return make


def _with_a_zone(resource: Resource, program: Program) -> bool:
    return "topology.kubernetes.io/zone" in str(resource.inputs)


OPERATORS = (
    Rewritten("a NAT gateway in a private subnet", "nobody gets out", once(_in_private_subnets)),
    Edit("a NAT gateway without an address", "EC2 refuses it", _NAT, ("allocationId",), gone),
    Rewritten("an internet gateway of another VPC", "EC2 refuses the route", once(_of_another_vpc)),
    Edit("an internet gateway of no VPC", "nobody gets out", _GATEWAY, ("vpcId",), gone),
    Edit("a route to nothing", "EC2 refuses it", _ROUTE, ("natGatewayId",), gone),
    Edit("a route to a NAT gateway that is gone", "it drops what takes it", _ROUTE, ("natGatewayId",), to("nat-gone")),
    Edit("a route with two targets", "EC2 refuses it", _ROUTE, ("gatewayId",), to("igw-1"), _PRIVATE),
    Edit("a route to one service", "nodes reach nothing else", _ROUTE, ("destinationCidrBlock",), to("52.94.0.0/16")),
    Without("the NAT gateway is forgotten", "it drops what takes it", _NAT),
    Without("the internet gateway is forgotten", "nobody gets out", _GATEWAY),
    # Endpoints.
    Edit(
        "S3 is denied by its endpoint",
        "no image is pulled",
        _ENDPOINT,
        ("policy",),
        to(policy({"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"})),
        _S3,
    ),
    Edit(
        "S3's endpoint lets through one bucket",
        "no image is pulled",
        _ENDPOINT,
        ("policy",),
        to(policy({"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::models/*"})),
        _S3,
    ),
    Edit(
        "S3's endpoint allows listing alone",
        "no image is pulled",
        _ENDPOINT,
        ("policy",),
        to(policy({"Effect": "Allow", "Principal": "*", "Action": ["s3:List*"], "Resource": "*"})),
        _S3,
    ),
    Edit("S3's endpoint has no route table", "each layer of an image is billed", _ENDPOINT, ("routeTableIds",), to([])),
    Without("S3 has no endpoint", "each layer of an image is billed", _ENDPOINT, _S3),
    *(
        Rewritten(f"{service} has an endpoint that is shut", "nodes never join", once(_closed_endpoint(service)))
        for service in ("ec2", "ecr.api", "ecr.dkr", "sts")
    ),
    Rewritten(
        "an endpoint's policy lacks the action",
        "no image is pulled",
        once(
            _closed_endpoint(
                "ecr.api",
                policy=policy({"Effect": "Allow", "Principal": "*", "Action": "ecr:Describe*", "Resource": "*"}),
            )
        ),
    ),
    Rewritten("an endpoint without subnets", "nodes never join", once(_closed_endpoint("ec2", subnetIds=[]))),
    Rewritten("endpoints, but not of S3", "no image is pulled", once(_without_nat("ec2", "ecr.api", "ecr.dkr", "sts"))),
    Rewritten("endpoints, but not of ECR", "no image is pulled", once(_without_nat("ec2", "sts", keep_s3=True))),
    # Subnets.
    Rewritten("subnets of eleven addresses", "pods get no address", once(_resized(28))),
    Rewritten("a subnet of six addresses", "EC2 refuses it", once(_resized(29))),
    Edit(
        "a subnet's range is another's",
        "EC2 refuses it",
        [SUBNET],
        ("cidrBlock",),
        to("10.0.0.0/18"),
        named("-private-us-west-2b"),
    ),
    Edit("a range outside of the VPC", "EC2 refuses it", [SUBNET], ("cidrBlock",), to("192.168.0.0/19"), _PRIVATE),
    Edit("a smaller VPC", "EC2 refuses its subnets", [VPC], ("cidrBlock",), to("10.0.0.0/24")),
    Rewritten("every subnet in one zone", "EKS refuses the cluster", once(_in_one_zone)),
    Edit("one subnet for the control plane", "EKS refuses it", [CLUSTER], ("subnetIds",), lambda ids: ids[:1]),
    Edit(
        "a zone without a subnet",
        "no node starts there",
        [NODE_POOL],
        ("spec", "template", "spec", "requirements"),
        lambda rows: [
            {**row, "values": [*row["values"], "us-west-2d"]} if row["key"] == "topology.kubernetes.io/zone" else row
            for row in rows
        ],
        _with_a_zone,
    ),
    Edit("names do not resolve", "nodes do not find the cluster", [VPC], ("enableDnsSupport",), to(False)),
    EditAll(
        Edit(
            "no subnet is tagged for load balancers",
            "the controller has to guess",
            [SUBNET],
            ("tags", "kubernetes.io/role/internal-elb"),
            gone,
            lambda resource, program: any(balanced(each, program) for each in program.graph.of(SERVICE)),
        )
    ),
    Rewritten("nodes in public subnets without addresses", "nobody gets out", once(_public_only)),
    Rewritten("IPv6 without a way out", "pods reach nothing", once(_ipv6)),
    # Packets that are dropped.
    Rewritten("a network ACL without rules", "it drops everything", once(acl([], []))),
    Rewritten("a network ACL that denies", "it drops everything", once(acl([_ALLOW, _DENY], [_ALLOW, _DENY]))),
    Rewritten(
        "a network ACL without answers",
        "it drops what comes back",
        once(acl([{**_ALLOW, "protocol": "tcp", "fromPort": 443, "toPort": 443}], [_ALLOW])),
    ),
    Rewritten(
        "a network ACL without HTTPS",
        "nothing gets out",
        once(acl([_ALLOW], [{**_ALLOW, "protocol": "tcp", "fromPort": 80, "toPort": 80}])),
    ),
    Rewritten("a security group lets nothing out", "nodes never join", once(own_group(ingress=[_KUBELET]))),
    Rewritten("a security group keeps kubelet shut", "no logs, no metrics", once(own_group(egress=[OPEN_OUT]))),
    Rewritten(
        "a security group without DNS",
        "nodes find nothing",
        once(
            own_group(
                ingress=[_KUBELET],
                egress=[{"protocol": "tcp", "fromPort": 443, "toPort": 443, "cidrBlocks": ["0.0.0.0/0"]}],
            )
        ),
    ),
)
