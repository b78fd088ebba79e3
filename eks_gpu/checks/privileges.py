"""Privileges: no node, no pod and no stranger may do what only an administrator should."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from eks_gpu.checks import sources
from eks_gpu.checks.access import node_roles
from eks_gpu.checks.auto_mode import access_entries, access_policies
from eks_gpu.checks.interruption import QUEUE, policies_of
from eks_gpu.checks.registry import Context, Problem, Said, check, verdict
from eks_gpu.checks.roles import ROLE, Policies, issuers, last, managed_policies, policies, trusts
from eks_gpu.graph.graph import Graph, Resource
from eks_gpu.graph.iam import Call, listed, statements
from eks_gpu.graph.kubernetes_objects import kubernetes_objects
from eks_gpu.karpenter.objects import part
from eks_gpu_components.catalog.api_groups import POD_IDENTITY_PRINCIPAL
from eks_gpu_components.catalog.managed_policies import ADMINISTRATOR_POLICIES, REGISTRY_WRITE_POLICIES

_ADMINISTRATORS = frozenset({"AdministratorAccess", "IAMFullAccess", "PowerUserAccess", "AWSCloudFormationFullAccess"})
_WRITES_IMAGES = frozenset(REGISTRY_WRITE_POLICIES)
_CLUSTER_ADMINISTRATORS = frozenset(ADMINISTRATOR_POLICIES)
# Calls by which a role makes itself an administrator. Source: AWS IAM User Guide, privilege escalation.
_ESCALATES = ("iam:AttachRolePolicy", "iam:PutRolePolicy", "iam:CreatePolicyVersion", "iam:UpdateAssumeRolePolicy")
_PODS, _NODES = POD_IDENTITY_PRINCIPAL, ("ec2.amazonaws.com", "ec2.amazonaws.com.cn")
_EVERY_ACTION = "*:*"
_EVERYBODY = frozenset({"system:anonymous", "system:unauthenticated", "system:authenticated", "system:nodes"})
_ALL_ACCOUNTS = re.compile(r"system:serviceaccounts(:.*)?$")
_LIMITS_NOBODY = frozenset({"aws:securetransport"})
"""Condition keys that are about how somebody calls, not who."""


@check(
    "node-and-pod-roles-are-limited",
    subject="role of nodes or pods",
    severity="warning",
    fix="let the role do what its nodes or pods call, and no more",
    sources=(sources.IAM_GUIDE,),
)
def are_limited(context: Context) -> Iterator[Said]:
    """Whoever gets into one pod or node is an administrator of the AWS account.

    The check reads managed policies by name, and the statements of policies of the stack. A role of nodes that may push
    images fails too.
    """
    nodes = {role.urn for role in node_roles(context)}
    for role in context.graph.of(ROLE):
        known = bool(statements(role.inputs.get("assumeRolePolicy")))
        of_node = role.urn in nodes or (known and any(trusts(role, service) for service in _NODES))
        if of_node or issuers(role) or (known and trusts(role, _PODS)):
            yield verdict(str(role["name"] or role.name), _too_much(role, of_node, context.graph), "it is limited")


def _too_much(role: Resource, of_node: bool, graph: Graph) -> Iterator[Problem]:
    managed = managed_policies(role, graph)
    said = policies(role, graph)
    if administrator := sorted(managed & _ADMINISTRATORS):
        yield Problem(f"it has {', '.join(administrator)}")
    elif _surely(said, _EVERY_ACTION):
        yield Problem("a statement allows every action on everything")
    elif escalating := [call for call in _ESCALATES if _surely(said, call)]:
        yield Problem(f"it may make itself an administrator, by {escalating[0]} on everything")
    if of_node and not administrator and (managed & _WRITES_IMAGES or _surely(said, "ecr:PutImage", None)):
        yield Problem("its nodes may overwrite the images that they pull", "attach AmazonEC2ContainerRegistryPullOnly")
    if any(_is_everybody(one) for one in statements(role.inputs.get("assumeRolePolicy"))):
        yield Problem("everybody may take it", "name the principals of its trust policy")


def _surely(said: Policies, action: str, resource: str | None = "*") -> bool:
    """Whether it may do so whatever the request's conditions are; on everything, or on anything for None."""
    return said.decide(Call(action, resource, complete=False)).allowed is True


def _is_everybody(statement: Mapping[str, Any]) -> bool:
    """Whether a statement allows something to everybody in the world."""
    principal = statement.get("Principal")
    named = listed(principal.get("AWS")) if isinstance(principal, Mapping) else [principal]
    keys = {str(key).lower() for test in part(statement, "Condition").values() for key in test}
    return statement.get("Effect") == "Allow" and "*" in named and keys <= _LIMITS_NOBODY


@check(
    "nodes-and-pods-are-no-cluster-admins",
    subject="cluster",
    severity="warning",
    fix="give nodes an access entry of their type alone, and pods a Role with what they call",
    sources=(sources.eks_guide("access-policies"),),
)
def no_admins(context: Context) -> Iterator[Said]:
    """Whoever gets into one node or pod is an administrator of the cluster.

    The check reads access entries, the ConfigMap aws-auth and ClusterRoleBindings to cluster-admin.
    """
    graph = context.graph
    nodes = {str(role["name"] or role.name) for role in node_roles(context)}
    problems = [
        Problem(f"role {last(found.get('principalArn'))} of nodes has {last(found.get('policyArn'))}")
        for found in access_policies(graph)
        if last(found.get("principalArn")) in nodes and last(found.get("policyArn")) in _CLUSTER_ADMINISTRATORS
    ]
    problems += [
        Problem(f"role {last(found.get('principalArn'))} of nodes is in {', '.join(map(str, groups))}")
        for found in access_entries(graph)
        if (groups := found.get("kubernetesGroups")) and last(found.get("principalArn")) in nodes
    ]
    for _, manifest in kubernetes_objects(graph):
        problems += _bound(manifest)
    for cluster in context.clusters:
        yield verdict(cluster.name, problems, "no node and no pod is its administrator")


def _bound(manifest: Mapping[str, Any]) -> Iterator[Problem]:
    name = manifest["metadata"]["name"]
    if manifest["kind"] == "ConfigMap" and name == "aws-auth":
        for entry in re.split(r"^\s*-\s", str(part(manifest, "data").get("mapRoles") or ""), flags=re.MULTILINE):
            if "system:masters" in entry and "system:node:" in entry:
                yield Problem("aws-auth puts the role of nodes into system:masters")
    if manifest["kind"] == "ClusterRoleBinding" and part(manifest, "roleRef").get("name") == "cluster-admin":
        for one in manifest.get("subjects") or ():
            who = str(one.get("name"))
            everybody = one.get("kind") in ("Group", "User") and (who in _EVERYBODY or _ALL_ACCOUNTS.match(who))
            if everybody or (one.get("kind") == "ServiceAccount" and who == "default"):
                yield Problem(f"ClusterRoleBinding {name} makes {who} an administrator")


@check(
    "queues-take-messages-of-aws-alone",
    subject="queue",
    fix="name the service as principal, such as events.amazonaws.com, or a condition on the source",
    sources=(sources.SQS_GUIDE,),
)
def of_aws_alone(context: Context) -> Iterator[Said]:
    """Everybody in the world may send or read messages: a forged notice ends nodes."""
    graph = context.graph
    for queue in graph.of(QUEUE):
        given = [one for policy in policies_of(queue, graph) for one in statements(policy)]
        problem = Problem("everybody may call its actions") if any(map(_is_everybody, given)) else None
        yield verdict(queue.name, problem, "its policy names who may send")
