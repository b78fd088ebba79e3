"""What a controller asks AWS for: each action with the resources and the keys of its request.

Sources: Karpenter 1.15, cloudformation.yaml; cluster autoscaler 1.35, AWS README; AWS Load Balancer Controller 3.5,
iam_policy.json; AWS Node Termination Handler 1.25, what it calls; Service Authorization Reference.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eks_gpu.checks.registry import Context
from eks_gpu.checks.roles import last, role_named
from eks_gpu.checks.services import balances_load
from eks_gpu.graph.iam import Call
from eks_gpu.graph.kubernetes_objects import kubernetes_objects
from eks_gpu.karpenter.objects import NODE_CLASSES, object_name, part
from eks_gpu.pools.node_class import role as role_of_class
from eks_gpu.pools.pool import AUTO_SCALING_GROUP, MANAGED_NODE_GROUP, Pool
from eks_gpu.pools.pool import KARPENTER as BACK_END
from eks_gpu.pools.software import (
    CLUSTER_AUTOSCALER,
    KARPENTER,
    LOAD_BALANCER_CONTROLLER,
    TERMINATION_HANDLER,
    Software,
)
from eks_gpu_components.catalog import (
    AUTOSCALER_ENABLED_TAG,
    CLUSTER_TAG,
    KARPENTER_GROUP,
    NODE_CLASS_LABEL,
    NODE_POOL_LABEL,
    REGION_LABEL,
    autoscaler_cluster_tag,
    partition,
)
from eks_gpu_components.catalog.scheduling import AUTOSCALER_TAG
from eks_gpu_components.catalog.tags import AUTO_MODE_CLUSTER_TAG, BALANCERS_CLUSTER_TAG, NODE_GROUP_TAG

HOOK = "aws:autoscaling/lifecycleHook:LifecycleHook"
_EC2_NODE_CLASS = NODE_CLASSES[KARPENTER_GROUP, "EC2NodeClass"]
_EC2_READS = (
    *("DescribeImages", "DescribeInstances", "DescribeInstanceTypeOfferings", "DescribeInstanceTypes"),
    *("DescribeLaunchTemplates", "DescribeSecurityGroups", "DescribeSpotPriceHistory", "DescribeSubnets"),
)
# Actions that came with a version of Karpenter. Source: its upgrade guide.
_SINCE: Mapping[str, tuple[int, int]] = {"ec2:DescribeInstanceStatus": (1, 12)}
_OWN_PROFILES = ("AddRoleToInstanceProfile", "RemoveRoleFromInstanceProfile", "DeleteInstanceProfile")
_OTHER_SIDE = {"RequestTag": "ResourceTag", "ResourceTag": "RequestTag"}
_SCALED_TAGS = (AUTOSCALER_TAG, CLUSTER_TAG, "node-termination-handler/")


_CLUSTER_NAMES = (("settings", "clusterName"), ("autoDiscovery", "clusterName"), ("clusterName",))


@dataclass(frozen=True)
class Need:
    """An action that a controller cannot do without."""

    action: str
    calls: tuple[Call, ...]
    """One for each kind of resource that it is about; all must be allowed."""


@dataclass(frozen=True)
class Place:
    """Where a controller works, as far as the stack says; `*` for what it does not."""

    region: str
    account: str
    cluster: str

    def arn(self, service: str, resource: str, *, account: str | None = None, region: str | None = None) -> str:
        """ARN of a resource in the controller's account and region."""
        where = self.region if region is None else region
        return (
            f"arn:{partition(self.region)}:{service}:{where}:{self.account if account is None else account}:{resource}"
        )

    def call(self, action: str, resource: str, keys: Mapping[str, str] | None = None, **more: Any) -> Call:
        """A request in this region."""
        context = {"aws:SecureTransport": "true", **(keys or {})}
        if not action.startswith("iam:"):  # IAM is in no region
            context["aws:RequestedRegion"] = self.region
        return Call(action, resource, None, context, complete=False, **more)


def place_of(role_arn: str, context: Context, release: Software) -> Place:
    """Where the controller with this role works: in the stack's only cluster, else in the one that its chart names."""
    names = [cluster.name for cluster in context.clusters]
    told = (release.value(*path) for path in _CLUSTER_NAMES)
    name = names[0] if len(names) == 1 else context.cluster or next((str(name) for name in told if name), "*")
    fields = role_arn.split(":")
    account = fields[4] if len(fields) > 5 and fields[4].isdigit() else "*"
    return Place(context.region or "*", account, name)


def needs(release: Software, context: Context, here: Place) -> Iterator[Need]:
    """What a controller of this chart asks for in this stack."""
    yield from _OF[release.chart](release, context, here)


def _reads(here: Place, service: str, actions: Sequence[str], **keys: str) -> Iterator[Need]:
    for name in actions:
        yield Need(f"{service}:{name}", (here.call(f"{service}:{name}", "*", keys),))


# --- Karpenter -------------------------------------------------------------------------------------------------------


def _karpenter(release: Software, context: Context, here: Place) -> Iterator[Need]:
    pools = [pool.name for pool in context.pools if pool.backend == BACK_END] or ["*"]
    made = ("instance", "volume", "network-interface")
    for action, about in (
        ("RunInstances", (*made, "launch-template")),
        ("CreateFleet", ("fleet",)),
        ("CreateLaunchTemplate", ("launch-template",)),
    ):
        yield Need(f"ec2:{action}", tuple(_launches(action, about, pools, here, context)))
    yield Need(
        "ec2:CreateTags",
        tuple(
            _tagged("ec2:CreateTags", kind, "RequestTag", pool, here, {"ec2:CreateAction": action})
            for pool in pools
            for kind, action in (("instance", "RunInstances"), ("launch-template", "CreateLaunchTemplate"))
        ),
    )
    for action, kind in (("TerminateInstances", "instance"), ("DeleteLaunchTemplate", "launch-template")):
        calls = (_tagged(f"ec2:{action}", kind, "ResourceTag", pool, here) for pool in pools)
        yield Need(f"ec2:{action}", tuple(calls))
    yield from _reads(here, "ec2", _EC2_READS)
    yield from _roles(context, here)
    yield Need("pricing:GetProducts", (Call("pricing:GetProducts", "*", complete=False),))
    parameter = here.arn("ssm", "parameter/aws/service/*", account="")
    yield Need("ssm:GetParameter", (here.call("ssm:GetParameter", parameter),))
    yield Need("eks:DescribeCluster", (here.call("eks:DescribeCluster", here.arn("eks", f"cluster/{here.cluster}")),))
    for action in (name for name, since in _SINCE.items() if release.is_at_least(since)):
        yield Need(action, (here.call(action, "*"),))


def _launches(action: str, about: Sequence[str], pools: Sequence[str], here: Place, context: Context) -> Iterator[Call]:
    for pool in pools:
        for kind in about:
            side = "ResourceTag" if (action, kind) == ("RunInstances", "launch-template") else "RequestTag"
            yield _tagged(f"ec2:{action}", kind, side, pool, here)
    if action == "RunInstances":
        yield here.call("ec2:RunInstances", here.arn("ec2", "image/*", account=""))
        for kind, field in (("security-group", "securityGroupSelectorTerms"), ("subnet", "subnetSelectorTerms")):
            for id_ in _selected(field, context) or ["*"]:
                yield here.call("ec2:RunInstances", here.arn("ec2", f"{kind}/{id_}"))


def _selected(field: str, context: Context) -> list[str]:
    """Ids that node classes name; none where a class selects otherwise."""
    classes = context.graph.of(_EC2_NODE_CLASS)
    terms = [term for found in classes for term in part(found.inputs, "spec").get(field) or ()]
    ids = [str(term["id"]) for term in terms if term.get("id")]
    return sorted(set(ids)) if len(ids) == len(terms) else []


def _tagged(action: str, kind: str, side: str, pool: str, here: Place, more: Mapping[str, str] | None = None) -> Call:
    """A request about something of Karpenter's own, which carries its tags."""
    tags = {f"{CLUSTER_TAG}{here.cluster}": "owned", AUTO_MODE_CLUSTER_TAG: here.cluster, NODE_POOL_LABEL: pool}
    return here.call(
        action,
        here.arn("ec2", f"{kind}/*"),
        {**_keys(side, tags, "aws", "ec2"), **(more or {})},
        # Something new has no tags yet, and nothing is tagged that is there.
        without=(f"aws:{_OTHER_SIDE[side]}/", *(_absent(CLUSTER_TAG) if here.cluster != "*" else ())),
    )


def _keys(side: str, tags: Mapping[str, str], *prefixes: str) -> dict[str, str]:
    return {f"{prefix}:{side}/{key}": value for prefix in prefixes for key, value in tags.items()}


def _absent(*starts: str) -> tuple[str, ...]:
    """Tags of another cluster, which nothing of this one has."""
    return tuple(f"aws:{side}/{start}" for side in ("ResourceTag", "RequestTag") for start in starts)


def _roles(context: Context, here: Place) -> Iterator[Need]:
    """Roles that Karpenter passes to instances, and the instance profiles that it makes of them."""
    classes = context.graph.of(_EC2_NODE_CLASS)
    named = [(object_name(found), role_of_class(found)) for found in classes if role_of_class(found)]
    arns = {_role_arn(last(name), context, here) for _, name in named}
    keys = {"iam:PassedToService": "ec2.amazonaws.com"}
    passed = tuple(here.call("iam:PassRole", arn, keys) for arn in sorted(arns)) if arns else ()
    yield Need("iam:PassRole", passed or (Call("iam:PassRole", None, complete=False),))
    if not named:
        return
    profile = here.arn("iam", "instance-profile/*", region="")
    for name in ("CreateInstanceProfile", "TagInstanceProfile", *_OWN_PROFILES):
        calls = tuple(here.call(f"iam:{name}", profile, _of_profile(name, class_, here)) for class_, _ in named)
        yield Need(f"iam:{name}", calls)
    yield Need("iam:GetInstanceProfile", (here.call("iam:GetInstanceProfile", profile),))


def _of_profile(action: str, class_: str, here: Place) -> dict[str, str]:
    tags = {
        f"{CLUSTER_TAG}{here.cluster}": "owned",
        AUTO_MODE_CLUSTER_TAG: here.cluster,
        REGION_LABEL: here.region,
        NODE_CLASS_LABEL: class_,
    }
    sides = {"CreateInstanceProfile": ("RequestTag",), "TagInstanceProfile": ("RequestTag", "ResourceTag")}
    found: dict[str, str] = {}
    for side in sides.get(action, ("ResourceTag",)):
        found |= _keys(side, tags, "aws", "iam")
    return found


def _role_arn(name: str, context: Context, here: Place) -> str:
    known = role_named(name, context.graph)
    if known is None:
        return here.arn("iam", f"role/*{name}", region="")
    own = f"role{known.inputs.get('path') or '/'}{known['name'] or known.name}"
    return str(known["arn"] or here.arn("iam", own, region=""))


# --- the others ------------------------------------------------------------------------------------------------------


def _autoscaler(release: Software, context: Context, here: Place) -> Iterator[Need]:
    groups = [pool for pool in context.scaled_groups if pool.autoscaled]
    reads = ("DescribeAutoScalingGroups", "DescribeAutoScalingInstances", "DescribeScalingActivities")
    yield from _reads(here, "autoscaling", reads)
    for action in ("SetDesiredCapacity", "TerminateInstanceInAutoScalingGroup"):
        calls = tuple(_about_group(f"autoscaling:{action}", pool, here) for pool in groups)
        yield Need(f"autoscaling:{action}", calls or (Call(f"autoscaling:{action}", None, complete=False),))
    yield from _reads(here, "ec2", ("DescribeInstanceTypes", "DescribeLaunchTemplateVersions"))
    managed = [pool for pool in context.pools if pool.backend == MANAGED_NODE_GROUP and pool.autoscaled]
    if managed:
        # EKS ends the ARN of a group with an id of its own.
        arns = (here.arn("eks", f"nodegroup/{here.cluster}/{pool.name}/*") for pool in managed)
        yield Need("eks:DescribeNodegroup", tuple(here.call("eks:DescribeNodegroup", arn) for arn in arns))


def _about_group(action: str, pool: Pool, here: Place) -> Call:
    own = pool.backend == AUTO_SCALING_GROUP
    tags = dict(pool.tags) if own else {}
    if not own:  # EKS tags the auto scaling groups of managed node groups
        tags = {
            AUTOSCALER_ENABLED_TAG: "true",
            autoscaler_cluster_tag(here.cluster): "owned",
            f"{CLUSTER_TAG}{here.cluster}": "owned",
            "eks:cluster-name": here.cluster,
            NODE_GROUP_TAG: pool.name,
        }
    name = pool.name if own else f"eks-{pool.name}-*"
    arn = here.arn("autoscaling", f"autoScalingGroup:*:autoScalingGroupName/{name}")
    return here.call(action, arn, _keys("ResourceTag", tags, "aws", "autoscaling"), without=_absent(*_SCALED_TAGS))


def _balancer(release: Software, context: Context, here: Place) -> Iterator[Need]:
    kinds = sorted({"net" if manifest["kind"] == "Service" else "app" for manifest in _balanced(context)}) or ["*"]
    requested = _keys("RequestTag", {BALANCERS_CLUSTER_TAG: here.cluster}, "aws")
    own = _keys("ResourceTag", {BALANCERS_CLUSTER_TAG: here.cluster}, "aws")
    for action, kind, keys in (
        ("CreateLoadBalancer", "loadbalancer", requested),
        ("CreateTargetGroup", "targetgroup", requested),
        ("CreateListener", "loadbalancer", own),
        ("RegisterTargets", "targetgroup", own),
        ("DeregisterTargets", "targetgroup", own),
        ("DeleteLoadBalancer", "loadbalancer", own),
        ("DeleteTargetGroup", "targetgroup", own),
    ):
        named = f"elasticloadbalancing:{action}"
        paths = [f"{kind}/{one}/*/*" for one in kinds] if kind == "loadbalancer" else [f"{kind}/*/*"]
        arns = (here.arn("elasticloadbalancing", path) for path in paths)
        yield Need(named, tuple(here.call(named, arn, keys) for arn in arns))
    yield from _reads(here, "ec2", ("DescribeSubnets", "DescribeSecurityGroups"))


def _balanced(context: Context) -> Iterator[Mapping[str, Any]]:
    """Objects for which load balancers are made."""
    for _, manifest in kubernetes_objects(context.graph):
        if balances_load(manifest):
            yield manifest


def _handler(release: Software, context: Context, here: Place) -> Iterator[Need]:
    url = str(release.value("queueURL", default=""))
    queue = here.arn("sqs", last(url) or "*")
    for name in ("ReceiveMessage", "DeleteMessage"):
        yield Need(f"sqs:{name}", (here.call(f"sqs:{name}", queue),))
    yield from _reads(here, "ec2", ("DescribeInstances",))
    if hooks := context.graph.of(HOOK):
        action = "autoscaling:CompleteLifecycleAction"
        held = {str(hook.inputs.get("autoscalingGroupName")) for hook in hooks}
        groups = [pool for pool in context.pools if pool.backend == AUTO_SCALING_GROUP and pool.name in held]
        calls = tuple(_about_group(action, pool, here) for pool in groups)
        yield Need(action, calls or (Call(action, None, complete=False),))


_OF = {
    KARPENTER: _karpenter,
    CLUSTER_AUTOSCALER: _autoscaler,
    LOAD_BALANCER_CONTROLLER: _balancer,
    TERMINATION_HANDLER: _handler,
}
