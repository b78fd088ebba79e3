"""What surrounds the nodes: network, cluster, roles, access entries and the queue."""

import re

from eks_gpu.graph.graph import Resource

from .edits import EACH, JSON, Edit, EditAll, Without, gone, swapped, to, without_items
from .places import CLUSTER, GROUP, QUEUE, SERVICE, balanced, hears_notices, named
from .programs import Program

_CLUSTERS = [CLUSTER]
_ROUTE, _ASSOCIATED = ["aws:ec2/route:Route"], ["aws:ec2/routeTableAssociation:RouteTableAssociation"]
_VPC = ["aws:ec2/vpc:Vpc"]
_ENTRY = ["aws:eks/accessEntry:AccessEntry"]
_ASSOCIATION = ["aws:eks/accessPolicyAssociation:AccessPolicyAssociation"]
_IDENTITY = ["aws:eks/podIdentityAssociation:PodIdentityAssociation"]
_INLINE, _ATTACHED = ["aws:iam/rolePolicy:RolePolicy"], ["aws:iam/rolePolicyAttachment:RolePolicyAttachment"]
_RULE, _TARGET = ["aws:cloudwatch/eventRule:EventRule"], ["aws:cloudwatch/eventTarget:EventTarget"]
_QUEUE, _QUEUE_POLICY = [QUEUE], ["aws:sqs/queuePolicy:QueuePolicy"]
_FOR_CLUSTER = re.compile(
    r"(Tag/(?:kubernetes\.io/cluster|k8s\.io/cluster-autoscaler|node-termination-handler)/)[a-z0-9-]+"
)
_HANDLER = "node-termination-handler"
_LIMITED = ("cluster-autoscaler", "karpenter-node-lifecycle", _HANDLER)
"""Policies for one cluster and region."""
_STATEMENTS = ("policy", JSON, "Statement", EACH)


def _private(resource: Resource, program: Program) -> bool:
    """A route or an association of subnets in which nodes start."""
    return "-private-" in resource.name


def _has_policies(resource: Resource, program: Program) -> bool:
    return program.has("kubernetes:networking.k8s.io/v1:NetworkPolicy")


def _needs_cni(resource: Resource, program: Program) -> bool:
    return "AmazonEKS_CNI_Policy" in resource.name


def _needed_policy(resource: Resource, program: Program) -> bool:
    """What lets nodes join and pull images."""
    arn = str(resource.inputs.get("policyArn"))
    return any(part in arn for part in ("WorkerNode", "ContainerRegistry"))


def _of_spot(resource: Resource, program: Program) -> bool:
    """What a Karpenter with Spot pools needs of the queue."""
    return (
        hears_notices(resource, program)
        and not resource.name.startswith(_HANDLER)
        and any(pool.backend == "karpenter" and "spot" in pool.capacity_types for pool in program.pools.values())
    )


def _of_controller(resource: Resource, program: Program) -> bool:
    """A policy or an association of a controller of nodes or load balancers."""
    first = ("karpenter", "cluster-autoscaler", "aws-load-balancer-controller", _HANDLER)
    return resource.name.startswith(first) and not resource.name.endswith(("zonal-shift", "interruption"))


def _without_action(*actions: str):
    return lambda statement: {**statement, "Action": [a for a in _listed(statement["Action"]) if a not in actions]}


def _listed(given):
    return given if isinstance(given, list) else [given]


OPERATORS = (
    # The network.
    Without("no route out of a private subnet", "nodes never join", _ROUTE, _private),
    Without("a private subnet has no route table", "nodes never join", _ASSOCIATED, _private),
    Without("no route to the internet gateway", "nobody gets out", _ROUTE, named("-public")),
    Edit(
        "a route to half the internet",
        "nodes reach half of what they need",
        _ROUTE,
        ("destinationCidrBlock",),
        to("128.0.0.0/1"),
        _private,
    ),
    Edit("no names in the VPC", "nodes do not find the cluster", _VPC, ("enableDnsHostnames",), to(False)),
    Edit("no DNS in the VPC", "nodes do not find the cluster", _VPC, ("enableDnsSupport",), to(False)),
    EditAll(
        Edit(
            "no subnet is tagged for internal load balancers",
            "the controller has to guess",
            ["aws:ec2/subnet:Subnet"],
            ("tags", "kubernetes.io/role/internal-elb"),
            gone,
            lambda resource, program: any(balanced(each, program) for each in program.graph.of(SERVICE)),
        )
    ),
    # The cluster.
    Edit(
        "the API is open to the internet",
        "everybody may try its weaknesses",
        _CLUSTERS,
        ("publicAccessCidrs",),
        to(["0.0.0.0/0"]),
        lambda resource, program: resource.inputs.get("endpointPublicAccess") is True,
    ),
    Edit(
        "nothing says who reaches the API",
        "everybody may try its weaknesses",
        _CLUSTERS,
        ("publicAccessCidrs",),
        gone,
        lambda resource, program: resource.inputs.get("endpointPublicAccess") is True,
    ),
    Edit(
        "the API is private before anything is in its VPC",
        "the first update cannot reach it",
        _CLUSTERS,
        ("endpointPublicAccess",),
        to(False),
        lambda resource, program: resource.inputs.get("endpointPublicAccess") is True,
    ),
    Edit("no private endpoint", "nodes do not reach the API", _CLUSTERS, ("endpointPrivateAccess",), to(False)),
    Edit(
        "another minor",
        "the autoscaler simulates another scheduler",
        _CLUSTERS,
        ("version",),
        to("1.36"),
        lambda resource, program: program.has(GROUP),
    ),
    Edit(
        "Auto Mode without the pools that its add-ons select",
        "add-ons wait for a node",
        _CLUSTERS,
        ("autoMode", "computeConfig", "nodePools"),
        to([]),
    ),
    Edit(
        "the network plugin is not told to enforce policies",
        "every pod reaches every other",
        ["aws:eks/addon:Addon"],
        ("configurationValues", JSON, "enableNetworkPolicy"),
        gone,
        _has_policies,
    ),
    # Who may join.
    Without("no access entry", "nodes never join", _ENTRY),
    Edit("an access entry of people", "nodes never join", _ENTRY, ("type",), to("STANDARD")),
    Edit(
        "an access entry of another role",
        "nodes never join",
        _ENTRY,
        ("principalArn",),
        to("arn:aws:iam::123456789012:role/other"),
    ),
    Edit("an access entry of another cluster", "nodes never join", _ENTRY, ("clusterName",), to("other")),
    Without("the node role has no policy in the cluster", "nodes never join", _ASSOCIATION),
    Edit(
        "the node role has another policy in the cluster",
        "nodes never join",
        _ASSOCIATION,
        ("policyArn",),
        swapped("AmazonEKSAutoNodePolicy", "AmazonEKSViewPolicy"),
    ),
    Edit("the policy is for one namespace", "nodes never join", _ASSOCIATION, ("accessScope", "type"), to("namespace")),
    Without("the node role lacks a policy", "nodes never join, or pull no image", _ATTACHED, _needed_policy),
    Without("the CNI's role lacks its policy", "pods get no address", _ATTACHED, _needs_cni),
    # What controllers may do.
    Without("a controller has no role", "AWS refuses what it asks for", _IDENTITY, _of_controller),
    Edit(
        "a role for another service account",
        "AWS refuses what it asks for",
        _IDENTITY,
        ("serviceAccount",),
        to("default"),
        _of_controller,
    ),
    Without("a controller's policy is missing", "AWS refuses what it asks for", _INLINE, _of_controller),
    Edit(
        "a role that pods cannot take",
        "controllers get no credentials",
        ["aws:iam/role:Role"],
        ("assumeRolePolicy",),
        swapped("pods.eks.amazonaws.com", "lambda.amazonaws.com"),
        lambda resource, program: (
            resource.name in ("karpenter", "cluster-autoscaler", "aws-load-balancer-controller", _HANDLER)
        ),
    ),
    *(
        Edit(
            f"nobody may {action}",
            "AWS refuses it",
            _INLINE,
            _STATEMENTS,
            lambda statement, action=action: (
                _without_action(action)(statement) if action in _listed(statement["Action"]) else statement
            ),
            named(of),
        )
        for of, action in (
            ("cluster-autoscaler", "autoscaling:SetDesiredCapacity"),
            ("cluster-autoscaler", "autoscaling:TerminateInstanceInAutoScalingGroup"),
            ("cluster-autoscaler", "autoscaling:DescribeAutoScalingGroups"),
            ("cluster-autoscaler", "ec2:DescribeInstanceTypes"),
            ("karpenter", "ec2:TerminateInstances"),
            ("karpenter", "iam:PassRole"),
            ("karpenter", "ec2:DescribeInstanceTypes"),
            ("karpenter", "ec2:DescribeInstanceStatus"),
            ("karpenter", "pricing:GetProducts"),
            ("karpenter", "iam:CreateInstanceProfile"),
            (_HANDLER, "sqs:ReceiveMessage"),
            (_HANDLER, "sqs:DeleteMessage"),
            (_HANDLER, "ec2:DescribeInstances"),
            (_HANDLER, "autoscaling:CompleteLifecycleAction"),
        )
    ),
    Edit(
        "a policy for another cluster",
        "AWS refuses what the controller asks for",
        _INLINE,
        ("policy",),
        lambda text: _FOR_CLUSTER.sub(r"\g<1>other", text),
        lambda resource, program: resource.name in _LIMITED,
    ),
    Edit(
        "a policy for another region",
        "AWS refuses what the controller asks for",
        _INLINE,
        ("policy",),
        swapped("us-west-2", "us-east-1"),
        lambda resource, program: resource.name in _LIMITED,
    ),
    Edit(
        "nobody may describe node groups",
        "labels and taints of managed groups stay unknown at zero",
        _INLINE,
        ("policy", JSON, "Statement"),
        without_items(lambda statement: "eks:DescribeNodegroup" in _listed(statement["Action"])),
        lambda resource, program: resource.name == "cluster-autoscaler" and program.has("aws:autoscaling/tag:Tag"),
    ),
    # The way of a Spot notice.
    *(
        operator
        for part, harm in (
            (f"{_HANDLER}-spot-interruption", "self-managed Spot nodes go without a drain"),
            (f"{_HANDLER}-lifecycle-action", "hooks hold nodes that nobody drains"),
        )
        for operator in (
            Without(f"the rule {part} is missing", harm, _RULE, named(part)),
            Edit(f"the rule {part} is off", harm, _RULE, ("state",), to("DISABLED"), named(part)),
            Without(f"the rule {part} has no target", harm, _TARGET, named(part)),
        )
    ),
    Without(
        "nobody may send to the termination handler's queue",
        "self-managed nodes go without a drain",
        _QUEUE_POLICY,
        named(_HANDLER),
    ),
    Without("no queue", "Spot nodes go without a drain", _QUEUE, _of_spot),
    Edit("a queue of another name", "Spot nodes go without a drain", _QUEUE, ("name",), to("other"), _of_spot),
    Without("nobody may send to the queue", "Spot nodes go without a drain", _QUEUE_POLICY, _of_spot),
    Edit(
        "another service may send to the queue",
        "Spot nodes go without a drain",
        _QUEUE_POLICY,
        ("policy",),
        swapped("events.amazonaws.com", "sns.amazonaws.com"),
        _of_spot,
    ),
    Without("a rule is missing", "a kind of notice is lost", _RULE, _of_spot),
    Edit("a rule is off", "a kind of notice is lost", _RULE, ("state",), to("DISABLED"), _of_spot),
    Edit(
        "a rule has another pattern",
        "a kind of notice is lost",
        _RULE,
        ("eventPattern",),
        swapped("aws.", "own."),
        _of_spot,
    ),
    Without("a rule has no target", "a kind of notice is lost", _TARGET, _of_spot),
    Edit(
        "a rule has another target", "a kind of notice is lost", _TARGET, ("arn",), swapped(":sqs:", ":sns:"), _of_spot
    ),
    Without(
        "Karpenter may not read the queue",
        "Spot nodes go without a drain",
        _INLINE,
        lambda resource, program: resource.name == "karpenter-interruption" and _of_spot(resource, program),
    ),
)
