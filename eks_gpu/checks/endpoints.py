"""VPC endpoints: what a node calls by one reaches the service, and image layers do not take the NAT gateway."""

from collections.abc import Iterator

from eks_gpu.checks.registry import Context, Problem, Said, check, verdict
from eks_gpu.checks.routes import default_routes, table_id
from eks_gpu.checks.security_rules import DEFAULT_GROUP, SECURITY_GROUP, lets_in
from eks_gpu.checks.sources import ECR_ENDPOINTS
from eks_gpu.graph.graph import Graph, Resource
from eks_gpu.graph.iam import Call, decide, json_of

ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint"
_TABLE_ASSOCIATION = "aws:ec2/vpcEndpointRouteTableAssociation:VpcEndpointRouteTableAssociation"
_SUBNET_ASSOCIATION = "aws:ec2/vpcEndpointSubnetAssociation:VpcEndpointSubnetAssociation"
_GROUP_ASSOCIATION = "aws:ec2/vpcEndpointSecurityGroupAssociation:VpcEndpointSecurityGroupAssociation"
_POLICY = "aws:ec2/vpcEndpointPolicy:VpcEndpointPolicy"
_S3 = "s3"
# Services without whose endpoints a node that has no way out does not start, and a call that it makes of each.
# Source: EKS User Guide, "Deploy private clusters with limited internet access"; ECR User Guide, VPC endpoints.
_CALLS = {
    "ec2": ("ec2:DescribeInstances",),
    "ecr.api": ("ecr:GetAuthorizationToken", "ecr:BatchGetImage"),
    "ecr.dkr": ("ecr:BatchGetImage",),
    _S3: ("s3:GetObject",),
    "sts": ("sts:AssumeRole",),
}
NEEDED_SERVICES = tuple(_CALLS)
_MORE_CALLS = {"eks-auth": ("eks-auth:AssumeRoleForPodIdentity",), "sqs": ("sqs:ReceiveMessage",)}
_LAYERS = "arn:aws:s3:::prod-{region}-starport-layer-bucket/*"
"""Where ECR keeps the layers of images. Source: Amazon ECR User Guide, interface VPC endpoints."""


def service_of(endpoint: Resource) -> str:
    """`ecr.api` of `com.amazonaws.us-west-2.ecr.api`."""
    pieces = str(endpoint.inputs.get("serviceName") or "").split(".amazonaws.")
    return pieces[-1].partition(".")[2] if len(pieces) > 1 else ""


def endpoints_of(subnet: Resource, graph: Graph) -> list[Resource]:
    """Endpoints by which what runs in the subnet reaches a service."""
    table = table_id(subnet, graph)
    return [
        found
        for found in graph.of(ENDPOINT)
        if found.inputs.get("vpcId") == subnet.inputs.get("vpcId")
        and (
            _is_interface(found) or table in _linked(found, graph, "routeTableIds", _TABLE_ASSOCIATION, "routeTableId")
        )
    ]


def _is_interface(endpoint: Resource) -> bool:
    return endpoint.inputs.get("vpcEndpointType", "Gateway") == "Interface"


def _linked(endpoint: Resource, graph: Graph, key: str, association: str, id_key: str) -> list[str]:
    """Ids that the endpoint names itself, and those of separate resources."""
    own = [str(id_) for id_ in endpoint.inputs.get(key) or ()]
    beside = [found for found in graph.of(association) if found.inputs.get("vpcEndpointId") == endpoint.id]
    return [*own, *(str(found.inputs.get(id_key)) for found in beside)]


@check(
    "endpoints-serve-the-nodes",
    subject="VPC endpoint of a service that nodes call",
    fix="let its policy allow what nodes call, and its security group 443 from the VPC",
    relies_on=("network",),
    sources=(ECR_ENDPOINTS,),
)
def serve_the_nodes(context: Context) -> Iterator[Said]:
    """The endpoint takes the calls of nodes and does not answer them: they never join, or pull no image.

    The check reads the endpoint's policy, its route tables or its subnets and security groups, and private DNS where
    nothing else leads out of the VPC. A condition that only AWS can judge gives no verdict.
    """
    for endpoint in context.graph.of(ENDPOINT):
        service = service_of(endpoint)
        calls = (_CALLS | _MORE_CALLS).get(service)
        if calls:
            problems = [*_refused(endpoint, calls, context), *_unreachable(endpoint, context.graph)]
            yield verdict(endpoint.name, problems, f"it lets nodes call {service}")


def _refused(endpoint: Resource, calls: tuple[str, ...], context: Context) -> Iterator[Problem]:
    beside = [found for found in context.graph.of(_POLICY) if found.inputs.get("vpcEndpointId") == endpoint.id]
    policy = next((found.inputs.get("policy") for found in (*beside, endpoint) if found.inputs.get("policy")), None)
    if not policy:
        return  # the default policy allows everything
    given = [json_of(policy)]
    for call in calls:
        # The other calls have a resource that the stack does not know, so any that is allowed may be meant.
        on = _LAYERS.format(region=context.region or "*") if call.startswith("s3:") else None
        if decide(given, Call(call, on or "*", complete=False)).denied_by:
            yield Problem(f"its policy denies {call}", f"allow {call} on {on or '*'}")
        elif decide(given, Call(call, on, complete=False)).allowed is False:
            yield Problem(f"its policy does not allow {call} on {on or '*'}", f"allow {call} on {on or '*'}")


def _unreachable(endpoint: Resource, graph: Graph) -> Iterator[Problem]:
    if not _is_interface(endpoint):
        if not _linked(endpoint, graph, "routeTableIds", _TABLE_ASSOCIATION, "routeTableId"):
            yield Problem("no route table has it", "give it the route tables of the nodes' subnets")
        return
    if not _linked(endpoint, graph, "subnetIds", _SUBNET_ASSOCIATION, "subnetId"):
        yield Problem("it has no subnet, and so no address", "give it the nodes' subnets")
    groups = _linked(endpoint, graph, "securityGroupIds", _GROUP_ASSOCIATION, "securityGroupId")
    known = [found for id_ in groups if (found := graph.by_id(id_, SECURITY_GROUP, DEFAULT_GROUP))]
    if not groups:
        known = [
            found for found in graph.of(DEFAULT_GROUP) if found.inputs.get("vpcId") == endpoint.inputs.get("vpcId")
        ]
    takes_calls = endpoint.inputs.get("privateDnsEnabled") is True
    if known and len(known) == max(len(groups), 1) and not any(lets_in(found, graph, 443) for found in known):
        yield Problem(f"its security group {known[0].name} lets nobody in on 443", "let the VPC in on 443")
    if not takes_calls and not _has_way_out(endpoint, graph):
        yield Problem("private DNS is off, so the service's name leads out of the VPC", "set private_dns_enabled")


def _has_way_out(endpoint: Resource, graph: Graph) -> bool:
    """Whether a subnet of its VPC has a default route."""
    here = [found for found in graph.of("aws:ec2/subnet:Subnet") if found.inputs.get("vpcId") == endpoint["vpcId"]]
    return not here or any(default_routes(table_id(subnet, graph), graph) for subnet in here)


@check(
    "image-layers-skip-the-nat-gateway",
    subject="NAT gateway in a VPC with nodes",
    severity="warning",
    fix="add a gateway endpoint of S3, which is free, to the route tables of the nodes' subnets",
    relies_on=("network",),
    sources=(ECR_ENDPOINTS,),
)
def skip_the_nat_gateway(context: Context) -> Iterator[Said]:
    """Layers of images are in S3, and the NAT gateway bills each GiB of them: for images with CUDA that is much."""
    graph = context.graph
    nats = {nat.id: nat for nat in graph.of("aws:ec2/natGateway:NatGateway")}
    behind: dict[str, list[str]] = {}
    for subnet in graph.of("aws:ec2/subnet:Subnet"):
        for route in default_routes(table_id(subnet, graph), graph):
            nat = nats.get(str(route.get("natGatewayId")))
            if nat:
                missing = behind.setdefault(nat.name, [])
                if _S3 not in {service_of(found) for found in endpoints_of(subnet, graph)}:
                    missing.append(subnet.name)
    for name, subnets in behind.items() if context.pools else ():
        said = f"it takes all that subnets {', '.join(subnets)} read from S3"
        yield verdict(name, Problem(said) if subnets else None, "S3 has an endpoint of its own")
