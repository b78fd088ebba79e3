"""Access: nodes have the permissions to join the cluster, pull images and give pods addresses."""

from collections.abc import Iterator, Mapping
from typing import Any

from eks_gpu.checks.auto_mode import ENTRY
from eks_gpu.checks.registry import Context, Problem, Said, check, verdict
from eks_gpu.checks.roles import inline_policies, last, managed_policies, role_named
from eks_gpu.graph.graph import Graph, Resource
from eks_gpu.karpenter.objects import NODE_CLASSES, object_name, part
from eks_gpu.pools import launch_template
from eks_gpu.pools.clusters import COMPONENT
from eks_gpu.pools.node_class import role as role_of_class
from eks_gpu.pools.pool import AUTO_SCALING_GROUP, Pool
from eks_gpu.pools.software import ADDON
from eks_gpu_components.catalog import (
    CNI_POLICIES,
    CNI_POLICY,
    KARPENTER_GROUP,
    REGISTRY_POLICIES,
    REGISTRY_PULL_POLICY,
    VPC_CNI,
    WORKER_POLICIES,
    WORKER_POLICY,
)

PROFILE = "aws:iam/instanceProfile:InstanceProfile"
_EC2_NODE_CLASS = NODE_CLASSES[KARPENTER_GROUP, "EC2NodeClass"]


@check(
    "nodes-may-join-the-cluster",
    subject="self-managed group, EC2NodeClass",
    fix="give the role of the nodes an access entry of type EC2_LINUX",
)
def may_join(context: Context) -> Iterator[Said]:
    """Nodes start and cost money but never join: the cluster does not know their role, or blocks their traffic.

    Access entries are required only if the cluster accepts nothing else.
    """
    entries = {last(found.inputs.get("principalArn")) for found in context.graph.of(ENTRY) if _of_nodes(found.inputs)}
    entries_matter = _api_only(context.graph)
    for pool in context.pools:
        if pool.backend == AUTO_SCALING_GROUP:
            template = template_of(pool, context.graph)
            role = _profile_role(template, context.graph)
            problems = list(_shut_out(template))
            if entries_matter and role and last(role["name"] or role.name) not in entries:
                problems.append(Problem(f"role {role['name'] or role.name} has no access entry"))
            if template is not None:
                yield verdict(pool.name, problems, "its role may join")
    for found in context.graph.of(_EC2_NODE_CLASS) if entries_matter else ():
        role = role_named(last(role_of_class(found)), context.graph)
        if role:
            name = str(role["name"] or role.name)
            problem = None if name in entries else Problem(f"role {name} has no access entry")
            yield verdict(f"EC2NodeClass {object_name(found)}", problem, f"role {name} may join")


def _of_nodes(entry: Mapping[str, Any]) -> bool:
    return str(entry.get("type", "")).startswith("EC2_")


def _api_only(graph: Graph) -> bool:
    """Whether access entries alone decide who joins; a ConfigMap can be written by anybody."""
    modes = [found.inputs.get("authenticationMode") for found in graph.of(COMPONENT)]
    raw = graph.of("aws:eks/cluster:Cluster")
    modes += [part(found.inputs, "accessConfig").get("authenticationMode") for found in raw]
    return bool(modes) and set(modes) == {"API"}


def template_of(pool: Pool, graph: Graph) -> Resource | None:
    group = graph.get(pool.urn)
    inputs = group.inputs if group else {}
    mixed = part(inputs, "mixedInstancesPolicy", "launchTemplate", "launchTemplateSpecification")
    given = mixed or part(inputs, "launchTemplate")
    return launch_template.template_of(graph, given)


def _profile_role(template: Resource | None, graph: Graph) -> Resource | None:
    """The role of instances that start from the template, where it is of this stack."""
    given = part(template.inputs, "iamInstanceProfile") if template else {}
    name = last(given.get("arn") or given.get("name"))
    profile = next(
        (found for found in graph.of(PROFILE) if name and name in (found["name"], found.name, found.id)), None
    )
    return role_named(last(profile.inputs.get("role")), graph) if profile else None


def _shut_out(template: Resource | None) -> Iterator[Problem]:
    inputs = template.inputs if template else {}
    for key, what in (("imageId", "image"), ("iamInstanceProfile", "instance profile")):
        if template and not inputs.get(key):
            yield Problem(f"its launch template names no {what}", f"set {key}")
    if template and not inputs.get("vpcSecurityGroupIds") and not inputs.get("networkInterfaces"):
        said = "its launch template names no security group, so nodes get the VPC's default, which no cluster trusts"
        yield Problem(said, "add the cluster's security group")


@check(
    "node-roles-have-their-policies",
    subject="role of nodes",
    fix=f"attach {WORKER_POLICY} and {REGISTRY_PULL_POLICY}, and let the CNI have {CNI_POLICY}",
)
def may_work(context: Context) -> Iterator[Said]:
    """Nodes start and cost money but never become ready, or cannot pull images.

    Roles with your own policies are not checked.
    """
    graph = context.graph
    auto_mode = any(cluster.auto_mode for cluster in context.clusters)
    for role in _node_roles(context):
        policies = managed_policies(role, graph)
        if inline_policies(role, graph) or role.inputs.get("inlinePolicies"):
            continue  # what these allow may be the same
        problems = []
        if not policies.intersection(WORKER_POLICIES):
            problems.append(Problem("it may not describe the cluster it joins", f"attach {WORKER_POLICIES[auto_mode]}"))
        if not policies.intersection(REGISTRY_POLICIES):
            problems.append(Problem("it may not pull images from Amazon ECR", f"attach {REGISTRY_POLICIES[0]}"))
        if not auto_mode and not _addresses(policies, graph):
            problems.append(Problem("no role may give pods addresses of the VPC", f"give {VPC_CNI} {CNI_POLICIES[0]}"))
        yield verdict(str(role["name"] or role.name), problems, f"it has {', '.join(sorted(policies))}")


def _node_roles(context: Context) -> list[Resource]:
    """Roles of the stack that nodes run as, each once."""
    graph = context.graph
    groups = (found.inputs.get("nodeRoleArn") for found in graph.of("aws:eks/nodeGroup:NodeGroup"))
    classes = (role_of_class(found) for found in graph.of(*NODE_CLASSES.values()))
    named = [role_named(last(name), graph) for name in (*groups, *classes)]
    named += [_profile_role(template_of(pool, graph), graph) for pool in context.pools]
    return list({role.urn: role for role in named if role}.values())


def _addresses(policies: set[str], graph: Graph) -> bool:
    """Whether the node's role, or that of the CNI add-on, may attach addresses; True where nobody says."""
    if policies.intersection(CNI_POLICIES):
        return True
    given = next((found.inputs for found in graph.of(ADDON) if found.inputs.get("addonName") == VPC_CNI), None)
    if given is None:
        return True
    arns = [found.get("roleArn") for found in given.get("podIdentityAssociations") or ()]
    arns.append(given.get("serviceAccountRoleArn"))
    for arn in filter(None, arns):
        role = role_named(last(arn), graph)
        return role is None or bool(managed_policies(role, graph).intersection(CNI_POLICIES))
    return False
