"""Controllers of nodes and load balancers: they run, for this cluster, and may do their work."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from eks_gpu.checks import sources
from eks_gpu.checks.needs import needs, place_of
from eks_gpu.checks.pod_specs import pod_of_values
from eks_gpu.checks.registry import Context, Problem, Said, check, no_verdict, verdict
from eks_gpu.checks.roles import (
    ASSOCIATION,
    ROLE,
    TAG_SESSION,
    Policies,
    allowed,
    allows,
    associations,
    last,
    policies,
    role_of,
    service_account,
    trusts,
    trusts_account,
)
from eks_gpu.cost.admission import untolerated
from eks_gpu.graph.graph import Resource
from eks_gpu.graph.iam import Decision, listed, statements
from eks_gpu.karpenter.objects import part
from eks_gpu.pods.pod import Pod
from eks_gpu.pods.selection import unselected
from eks_gpu.pools.fargate_profile import rejection as fargate_rejection
from eks_gpu.pools.pool import AUTO_MODE, FARGATE, Pool
from eks_gpu.pools.software import (
    ADDON,
    CLUSTER_AUTOSCALER,
    KARPENTER,
    LOAD_BALANCER_CONTROLLER,
    TERMINATION_HANDLER,
    Software,
    configuration,
    reads_a_queue,
)
from eks_gpu_components.catalog import KARPENTER_TOLERATIONS, POD_IDENTITY_PRINCIPAL, SERVICE_ACCOUNT_ROLE_ANNOTATION

_CLUSTER_TAG = re.compile(
    r"Tag/(?:kubernetes\.io/cluster|k8s\.io/cluster-autoscaler|node-termination-handler)/([^/]+)$"
)
_REGION_OF_ARN = 4
CHARTS = (KARPENTER, CLUSTER_AUTOSCALER, LOAD_BALANCER_CONTROLLER)

_TELLING = {
    KARPENTER: "ec2:CreateFleet",
    CLUSTER_AUTOSCALER: "autoscaling:SetDesiredCapacity",
    LOAD_BALANCER_CONTROLLER: "elasticloadbalancing:CreateLoadBalancer",
    TERMINATION_HANDLER: "autoscaling:CompleteLifecycleAction",
}
"""An action that only the controller's own role allows."""
# Where a chart's values have the name of the cluster, and of the region.
_CLUSTER_NAME = {
    KARPENTER: ("settings", "clusterName"),
    LOAD_BALANCER_CONTROLLER: ("clusterName",),
}
_REGION = {
    CLUSTER_AUTOSCALER: ("awsRegion",),
    LOAD_BALANCER_CONTROLLER: ("region",),
    TERMINATION_HANDLER: ("awsRegion",),
}
_DEFAULT_REGION = {CLUSTER_AUTOSCALER: "us-east-1"}
_OF_A_CLUSTER = (
    *("aws:eks/nodeGroup:NodeGroup", "aws:eks/accessEntry:AccessEntry", "aws:eks/fargateProfile:FargateProfile"),
    *("aws:eks/accessPolicyAssociation:AccessPolicyAssociation", ASSOCIATION, ADDON),
)


@check(
    "resources-belong-to-the-cluster",
    subject="EKS resource of a cluster",
    severity="warning",
    fix="name the stack's cluster in clusterName",
    each_cluster=False,
    sources=(sources.EKS_API,),
    of_a_program=True,
)
def of_this_cluster(context: Context) -> Iterator[Said]:
    """EKS refuses the resource, or creates it in the wrong cluster."""
    names = {cluster.name for cluster in context.clusters}
    for resource in context.graph.of(*_OF_A_CLUSTER) if names else ():
        given = resource.inputs.get("clusterName")
        problem = (
            None if given in names else Problem(f"it is of cluster {given}, and the stack's is {', '.join(names)}")
        )
        yield verdict(f"{resource.type.rpartition(':')[2]} {resource.name}", problem, f"it is of {given}")


@check(
    "controllers-work-for-this-cluster",
    subject="Karpenter, autoscaler, load balancer controller, termination handler with a queue",
    fix="give the chart the name and the region of the stack's cluster",
    relies_on=("values",),
    sources=(
        sources.KARPENTER_CHART,
        sources.AUTOSCALER,
        sources.LOAD_BALANCER_CONTROLLER,
    ),
)
def for_this_cluster(context: Context) -> Iterator[Said]:
    """The controller works for another cluster or for none: no node and no load balancer is created."""
    names = [cluster.name for cluster in context.clusters]
    for release in _controllers(context):
        name, path = _at(release, _CLUSTER_NAME)
        region, region_path = _at(release, _REGION)
        region = region or _DEFAULT_REGION.get(release.chart)
        problems = []
        if names and path and name not in names:
            said = f"{path} is {name}" if name else f"{path} is not set"
            problems.append(Problem(f"{said}, but the stack's cluster is {', '.join(names)}", f"set it to {names[0]}"))
        if region and region != context.region:
            said = f"{region_path} is {region}, but the stack is in {context.region}"
            problems.append(Problem(said, f"set {region_path} to {context.region}"))
        yield verdict(release.name, problems, "it works for the stack's cluster")


def _controllers(context: Context) -> list[Software]:
    """Those that run on standing nodes; a termination handler on each node needs none, and no role."""
    return [*context.charts(*CHARTS), *filter(reads_a_queue, context.charts(TERMINATION_HANDLER))]


def _at(release: Software, paths: Mapping[str, tuple[str, ...]]) -> tuple[Any, str]:
    path = paths.get(release.chart, ())
    return (release.value(*path) if path else None), ".".join(path)


@check(
    "controllers-have-their-permissions",
    subject="Karpenter, autoscaler, load balancer controller, termination handler with a queue",
    fix="give the controller's role the policy that its documentation lists, and the role to its service account",
    relies_on=("values",),
    sources=(
        sources.IAM_GUIDE,
        sources.KARPENTER,
        sources.AUTOSCALER,
        sources.LOAD_BALANCER_CONTROLLER,
    ),
)
def permitted(context: Context) -> Iterator[Said]:
    """AWS refuses the controller's calls: nodes are not started or not removed, or no load balancer is created.

    The check follows Pod Identity and the annotation of the service account to the role and its policies. A managed
    policy of another stack is assumed to be sufficient.
    """
    for release in _controllers(context):
        own = role_of(release, context.graph)
        if own is None:
            unused = _unused_role(release, context)
            if unused:
                account = f"{release.namespace}/{service_account(release)[0]}"
                said = f"role {unused.name} has its permissions, but nothing gives it to service account {account}"
                yield verdict(release.name, Problem(said, "add a Pod Identity association"), "")
            continue
        found = policies(own, context.graph)
        told = _decisions(release, own, found, context)
        problems = [
            *(list(_misdirected(found, context)) or _refused(own, told)),
            *_untrusted(release, own, context),
        ]
        if not problems and not found.all_read:
            continue
        unsure = [action for action, decision in told.items() if decision.allowed is None]
        if unsure and not problems:
            why = f"conditions of role {own.name} that only AWS can judge decide on {', '.join(unsure)}"
            yield no_verdict(release.name, why)
            continue
        yield verdict(release.name, problems, f"role {own.name} allows what it does")


def _decisions(release: Software, role: Resource, found: Policies, context: Context) -> dict[str, Decision]:
    """By action: the first refusal, else the first doubt, else that all of it is allowed."""
    here = place_of(_arn(release, role, context), context, release)
    order = (False, None, True)
    return {
        need.action: min((found.decide(call) for call in need.calls), key=lambda each: order.index(each.allowed))
        for need in needs(release, context, here)
    }


def _arn(release: Software, role: Resource, context: Context) -> str:
    """ARN of the role, by whatever names it."""
    given = next((found.inputs.get("roleArn") for found in associations(release, context.graph)), "")
    return str(role["arn"] or given or service_account(release)[1].get(SERVICE_ACCOUNT_ROLE_ANNOTATION) or "")


def _refused(role: Resource, told: Mapping[str, Decision]) -> Iterator[Problem]:
    lacking = [action for action, decision in told.items() if decision.allowed is False and not decision.denied_by]
    if lacking:
        yield Problem(f"role {role.name} lacks {', '.join(lacking)}")
    denied = {action: decision.denied_by for action, decision in told.items() if decision.denied_by}
    for by in dict.fromkeys(denied.values()):
        actions = ", ".join(action for action, other in denied.items() if other == by)
        yield Problem(f"{by} denies role {role.name} {actions}", "take the Deny away, or leave these actions out of it")


def _untrusted(release: Software, role: Resource, context: Context) -> Iterator[Problem]:
    """Why the controller's pods do not get the role."""
    namespace, account = release.namespace, service_account(release)[0]
    if not list(associations(release, context.graph)):
        if not trusts_account(role, namespace, account):
            said = f"role {role.name} does not trust service account {namespace}/{account} of an OIDC provider"
            yield Problem(said, f"let system:serviceaccount:{namespace}:{account} take it")
        return
    here = place_of(_arn(release, role, context), context, release)
    keys = {
        "aws:SourceAccount": here.account,
        "aws:SourceArn": here.arn("eks", f"cluster/{here.cluster}"),
        "aws:RequestTag/kubernetes-namespace": namespace,
        "aws:RequestTag/kubernetes-service-account": account,
        "aws:RequestTag/eks-cluster-name": here.cluster,
    }
    if not trusts(role, POD_IDENTITY_PRINCIPAL, context=keys):
        said = f"role {role.name} does not trust {POD_IDENTITY_PRINCIPAL}"
        yield Problem(said, f"trust {POD_IDENTITY_PRINCIPAL}")
    elif not trusts(role, POD_IDENTITY_PRINCIPAL, (TAG_SESSION,), keys):
        said = f"role {role.name} does not let {POD_IDENTITY_PRINCIPAL} tag its session"
        yield Problem(said, f"allow it {TAG_SESSION} too")


def _misdirected(found: Policies, context: Context) -> Iterator[Problem]:
    """What is allowed for another cluster, or in another region."""
    names = {cluster.name for cluster in context.clusters}
    allowing = [one for document in found.documents for one in statements(document) if one.get("Effect") == "Allow"]
    tags = {key for one in allowing for conditions in part(one, "Condition").values() for key in conditions}
    of = {tag[1] for key in sorted(tags) if (tag := _CLUSTER_TAG.search(key))}
    if names and of - names:
        said = f"its policies are limited to cluster {', '.join(sorted(of - names))}"
        yield Problem(said, f"limit them to {', '.join(sorted(names))}")
    arns = (str(arn).split(":") for one in allowing for arn in listed(one.get("Resource")))
    regions = {arn[3] for arn in arns if len(arn) > _REGION_OF_ARN and arn[3] not in ("", "*", context.region)}
    if regions:
        yield Problem(f"its policies name resources of {', '.join(sorted(regions))}", f"name those of {context.region}")


def _unused_role(release: Software, context: Context) -> Resource | None:
    """A role that was made for the controller's pods and that they do not have; none where others may give it."""
    if service_account(release)[1]:
        return None
    accounts = {(each.namespace, service_account(each)[0]) for each in context.charts(*_TELLING)}
    used = {
        last(found.inputs.get("roleArn"))
        for found in context.graph.of(ASSOCIATION)
        if (found.inputs.get("namespace"), found.inputs.get("serviceAccount")) in accounts
    }
    for found in context.graph.of(ROLE):
        telling = (allows(one, _TELLING[release.chart]) for one in allowed(found, context.graph) or ())
        free = last(found["arn"] or found["name"] or found.name) not in used
        if free and trusts(found, POD_IDENTITY_PRINCIPAL) and any(telling):
            return found
    return None


@check(
    "controllers-have-standing-nodes",
    subject="Karpenter, autoscaler, load balancer controller, termination handler with a queue, add-on with a selector",
    fix="give the controllers a fixed node group, and tolerate its taints",
    relies_on=("nodes",),
    sources=(
        sources.KARPENTER_GUIDE,
        sources.LAB,
    ),
)
def have_nodes(context: Context) -> Iterator[Said]:
    """The controller or add-on waits forever for a node, which only it, or another one like it, could start."""
    if not context.clusters or not (context.pools or context.rooms):
        return
    standing = [pool for pool in context.pools if pool.min_nodes or pool.backend == AUTO_MODE]
    for name, pod, pools in (
        *((f"release {release.name}", _pod(release), standing) for release in _controllers(context)),
        *((f"add-on {name}", pod, list(context.pools)) for name, pod in _addons(context)),
    ):
        rejections = {pool.name: rejection(pod, pool) for pool in pools}
        rejections |= {pool.name: fargate_rejection(pool, pod) for pool in _profiles(context)}
        takers = [name for name, reason in rejections.items() if not reason]
        reasons = "; ".join(f"{name}: {reason}" for name, reason in rejections.items())
        problem = None if takers else Problem(f"no standing node takes its pods. {reasons or 'there is none'}")
        yield verdict(name, problem or _crowded(name, takers, context), f"it runs on {', '.join(takers)}")


def _crowded(name: str, takers: Sequence[str], context: Context) -> Problem | None:
    """No two pods of Karpenter run on one node. Source: Karpenter 1.15, Helm chart, values.yaml."""
    release = next((one for one in context.charts(KARPENTER) if f"release {one.name}" == name), None)
    if any(pool.name in takers for pool in _profiles(context)):
        return None
    nodes = sum(pool.min_nodes for pool in context.pools if pool.name in takers)
    replicas = int(release.value("replicas", default=2)) if release else 0
    if replicas <= nodes or any(pool.backend == AUTO_MODE for pool in context.pools if pool.name in takers):
        return None
    return Problem(f"its {replicas} pods want a node each, and {nodes} stand ready", f"set replicas to {nodes}")


def _pod(release: Software) -> Pod:
    default = KARPENTER_TOLERATIONS if release.chart == KARPENTER else []
    pod = pod_of_values({"tolerations": default, **{key: value for key, value in release.values.items() if value}})
    labels = {"app.kubernetes.io/name": release.chart, "app.kubernetes.io/instance": release.name}
    return replace(pod, namespace=release.namespace, labels=labels)


def _profiles(context: Context) -> list[Pool]:
    """Fargate profiles, on which a controller may run before there is any node."""
    return [room.pool for room in context.rooms if room.pool.backend == FARGATE]


def _addons(context: Context) -> Iterator[tuple[str, Pod]]:
    """Add-ons whose configuration says where they run."""
    for addon in context.graph.of(ADDON):
        values = configuration(addon) or {}
        for place in (values, part(values, "controller")):
            if place.get("nodeSelector"):
                yield str(addon.inputs.get("addonName")), replace(pod_of_values(place), namespace="kube-system")


def rejection(pod: Pod, pool: Pool) -> str:
    """Why none of the pool's nodes takes the pod; empty where one does."""
    if reason := untolerated(pod, pool.hard_taints):
        return reason
    reason = ""
    for node in pool.candidates:
        if not (reason := unselected(pod, node.labels)):
            break
    return reason
