"""Access: nodes have the permissions to join the cluster, pull images and give pods addresses."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from eks_gpu.checks import sources
from eks_gpu.checks.auto_mode import ENTRY
from eks_gpu.checks.registry import Context, Problem, Said, check, verdict
from eks_gpu.checks.roles import inline_policies, last, managed_policies, policies, role_named, trusts
from eks_gpu.checks.sources import EKS_ACCESS_ENTRIES
from eks_gpu.graph.graph import Graph, Resource
from eks_gpu.graph.iam import Call
from eks_gpu.karpenter.objects import NODE_CLASSES, object_name, part
from eks_gpu.pools import launch_template
from eks_gpu.pools.clusters import COMPONENT
from eks_gpu.pools.node_class import role as role_of_class
from eks_gpu.pools.pool import AUTO_SCALING_GROUP, Pool
from eks_gpu.pools.software import ADDON
from eks_gpu.pools.user_data import joined_node
from eks_gpu_components.catalog import (
    CNI_POLICIES,
    CNI_POLICY,
    KARPENTER_GROUP,
    POD_IDENTITY_PRINCIPAL,
    REGISTRY_POLICIES,
    REGISTRY_PULL_POLICY,
    SSM_POLICY,
    VPC_CNI,
    WORKER_POLICIES,
    WORKER_POLICY,
)

PROFILE = "aws:iam/instanceProfile:InstanceProfile"
LINUX, _CONFIG_MAP = "EC2_LINUX", "CONFIG_MAP"
EC2 = "ec2.amazonaws.com"
# What AWS's own policies of these names allow, as far as nothing works without it.
_JOINING, _PULLING = ("ec2:DescribeInstances",), ("ecr:GetAuthorizationToken", "ecr:BatchGetImage")
_MAY_NOT_JOIN, _MAY_NOT_PULL = "it may not describe the cluster it joins", "it may not pull images from Amazon ECR"
_EC2_NODE_CLASS = NODE_CLASSES[KARPENTER_GROUP, "EC2NodeClass"]


@check(
    "nodes-may-join-the-cluster",
    subject="self-managed group, EC2NodeClass",
    fix="give the role of the nodes an access entry of type EC2_LINUX",
    relies_on=("values",),
    sources=(
        sources.eks_guide("access-entries"),
        sources.LAB,
    ),
)
def may_join(context: Context) -> Iterator[Said]:
    """Nodes start and cost money but never join: the cluster does not know their role, or blocks their traffic.

    Access entries are required only if the cluster accepts nothing else.
    """
    graph = context.graph
    entries_matter = _api_only(graph)
    for pool in context.pools:
        if pool.backend == AUTO_SCALING_GROUP:
            template = template_of(pool, graph)
            if template is None:
                continue
            role = _profile_role(template, graph)
            named = part(template.inputs, "iamInstanceProfile")
            told = last(named.get("arn") or named.get("name"))
            problems = list(_shut_out(template))
            if entries_matter:
                problems += _no_entry(role, f"instance profile {told}" if told else "", template, context)
            yield verdict(pool.name, problems, "its role may join", "" if role or not told else "warning")
    for found in graph.of(_EC2_NODE_CLASS) if entries_matter else ():
        profile = str(part(found.inputs, "spec").get("instanceProfile") or "")
        role = _role_of_profile(profile, graph) if profile else role_named(last(role_of_class(found)), graph)
        told = f"instance profile {profile}" if profile else f"role {last(role_of_class(found))}"
        problems = list(_no_entry(role, told, found, context))
        if role or problems:
            name = str(role["name"] or role.name) if role else ""
            subject = f"EC2NodeClass {object_name(found)}"
            yield verdict(subject, problems, f"role {name} may join", "" if role else "warning")


def _entries(graph: Graph) -> dict[str, str]:
    """Name of a role -> type of its access entry for nodes."""
    given = (found.inputs for found in graph.of(ENTRY) if _of_nodes(found.inputs))
    return {last(entry.get("principalArn")): str(entry.get("type")) for entry in given}


def _no_entry(role: Resource | None, told: str, start: Resource, context: Context) -> Iterator[Problem]:
    """Why a node with this role does not join; `told` is what says the role, which may be of another stack."""
    entries = _entries(context.graph)
    if role is None:
        own = sorted(name for name in entries if role_named(name, context.graph))
        if told and own:
            said = f"the stack has no {told} with a role, and gives access to role {', '.join(own)}"
            yield Problem(said, "let the nodes run as a role with an access entry")
        return
    name = str(role["name"] or role.name)
    if last(name) not in entries:
        yield Problem(f"role {name} has no access entry")
    elif entries[last(name)] not in (LINUX, "EC2") and _is_linux(start):
        yield Problem(f"the access entry of role {name} is of type {entries[last(name)]}", f"give it type {LINUX}")


def _is_linux(start: Resource) -> bool:
    """Whether a launch template or node class is surely one of Linux nodes."""
    terms = part(start.inputs, "spec").get("amiSelectorTerms") or ()
    by_alias = any(str(term.get("alias", "")).startswith(("al2", "bottlerocket")) for term in terms)
    return by_alias or joined_node(start.inputs.get("userData")) is not None


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
    return _role_of_profile(last(given.get("arn") or given.get("name")), graph)


def _role_of_profile(name: str, graph: Graph) -> Resource | None:
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
    "access-entries-are-read",
    subject="cluster with access entries",
    fix="set the cluster's authenticationMode to API",
    sources=(EKS_ACCESS_ENTRIES,),
)
def are_read(context: Context) -> Iterator[Said]:
    """EKS refuses access entries, so nodes and people have no way into the cluster."""
    entries = context.graph.of(ENTRY)
    for cluster in context.clusters if entries else ():
        found = context.graph.get(cluster.urn)
        if found is None:
            continue
        around = [each for each in (found, context.graph.get(found.parent)) if each]
        modes = {
            str(each.inputs.get("authenticationMode") or part(each.inputs, "accessConfig").get("authenticationMode"))
            for each in around
        }
        said = f"its authenticationMode is {_CONFIG_MAP}, and the stack has {len(entries)} access entries"
        yield verdict(cluster.name, Problem(said) if _CONFIG_MAP in modes else None, "it reads access entries")


@check(
    "node-roles-have-their-policies",
    subject="role of nodes",
    fix=f"attach {WORKER_POLICY} and {REGISTRY_PULL_POLICY}, and let the CNI have {CNI_POLICY}",
    relies_on=("values",),
    sources=(sources.eks_guide("create-node-role"),),
)
def may_work(context: Context) -> Iterator[Said]:
    """Nodes start and cost money but never become ready, or cannot pull images.

    The check evaluates your own policies as IAM does, with Deny statements and the permissions boundary. It also needs
    the role to trust EC2.
    """
    graph = context.graph
    auto_mode = any(cluster.auto_mode for cluster in context.clusters)
    for role in node_roles(context):
        policies_, said = managed_policies(role, graph), policies(role, graph)
        own = bool(inline_policies(role, graph) or role.inputs.get("inlinePolicies"))
        problems = []
        if not trusts(role, EC2) and not trusts(role, f"{EC2}.cn"):
            problems.append(Problem(f"it does not trust {EC2}, so no instance gets it", f"trust {EC2}"))
        for names, others, actions, lacks, fix in (
            (WORKER_POLICIES, REGISTRY_POLICIES, _JOINING, _MAY_NOT_JOIN, WORKER_POLICIES[auto_mode]),
            (REGISTRY_POLICIES, WORKER_POLICIES, _PULLING, _MAY_NOT_PULL, REGISTRY_POLICIES[0]),
        ):
            # The other policies of AWS for nodes do not allow it.
            all_read = said.all_read or policies_ <= {*others, SSM_POLICY}
            told = [replace(said, all_read=all_read).decide(Call(action, None, complete=False)) for action in actions]
            everywhere = (said.decide(Call(action, "*", complete=False)) for action in actions)
            if by := next((each.denied_by for each in everywhere if each.denied_by), ""):
                problems.append(Problem(f"{lacks}: {by} denies it", "take the Deny away"))
            elif not policies_.intersection(names) and (not own or any(each.allowed is False for each in told)):
                problems.append(Problem(lacks, f"attach {fix}"))
        if not auto_mode and not own and not _addresses(policies_, graph):
            problems.append(Problem("no role may give pods addresses of the VPC", f"give {VPC_CNI} {CNI_POLICIES[0]}"))
        yield verdict(
            str(role["name"] or role.name), problems, f"it has {', '.join(sorted(policies_)) or 'policies of its own'}"
        )


def node_roles(context: Context) -> list[Resource]:
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
        if role is None:
            return True
        taken = trusts(role, POD_IDENTITY_PRINCIPAL) or given.get("serviceAccountRoleArn")
        return bool(taken and managed_policies(role, graph).intersection(CNI_POLICIES))
    return False
