"""IAM roles of a stack: who has them, and what they may do."""

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from eks_gpu.checks.interruption import statements
from eks_gpu.graph.graph import Graph, Resource
from eks_gpu.pools.software import CLUSTER_AUTOSCALER, Software
from eks_gpu_components.catalog import SERVICE_ACCOUNT_ROLE_ANNOTATION

ROLE, INLINE = "aws:iam/role:Role", "aws:iam/rolePolicy:RolePolicy"
POLICY, ATTACHMENT = "aws:iam/policy:Policy", "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
ASSOCIATION = "aws:eks/podIdentityAssociation:PodIdentityAssociation"


def last(arn: Any) -> str:
    """The last part of an ARN or path, or the name itself."""
    return str(arn or "").rpartition("/")[2]


def role_named(name: str, graph: Graph) -> Resource | None:
    """A role of the stack by its name in AWS."""
    return next((role for role in graph.of(ROLE) if name and name in (role["name"] or role.name, role.id)), None)


def _is_of(role: Resource, resource: Resource) -> bool:
    return last(resource.inputs.get("role")) in {role["name"] or role.name, role.id}


def inline_policies(role: Resource, graph: Graph) -> list[Resource]:
    """Its inline policies that are resources."""
    return [found for found in graph.of(INLINE) if _is_of(role, found)]


def attachments(role: Resource, graph: Graph) -> list[Resource]:
    """What attaches managed policies to it."""
    return [found for found in graph.of(ATTACHMENT) if _is_of(role, found)]


def managed_policies(role: Resource, graph: Graph) -> set[str]:
    """Names of the managed policies that it has."""
    arns = [found.inputs.get("policyArn") for found in attachments(role, graph)]
    return {last(arn) for arn in (*arns, *(role.inputs.get("managedPolicyArns") or ()))}


def allowed(role: Resource, graph: Graph) -> list[Mapping[str, Any]] | None:
    """Statements of all its policies; None where one is not of this stack."""
    own = {last(policy["arn"]): policy.inputs.get("policy") for policy in graph.of(POLICY)}
    managed = managed_policies(role, graph)
    if managed - own.keys():
        return None
    documents = [found.inputs.get("policy") for found in inline_policies(role, graph)]
    documents += [found.get("policy") for found in role.inputs.get("inlinePolicies") or ()]
    documents += [own[name] for name in managed]
    return [statement for document in documents for statement in statements(document)]


def allows(statement: Mapping[str, Any], action: str) -> bool:
    """Whether it allows the action on anything at all."""
    given = listed(statement.get("Action"))
    return statement.get("Effect") == "Allow" and any(fnmatchcase(action.lower(), str(one).lower()) for one in given)


def listed(given: Any) -> list[Any]:
    """A value of a policy, which may be one or several."""
    return list(given) if isinstance(given, list | tuple) else [] if given is None else [given]


def trusts(role: Resource, service: str) -> bool:
    """Whether the service may take the role."""
    return any(service in str(found.get("Principal")) for found in statements(role.inputs.get("assumeRolePolicy")))


def service_account(release: Software) -> tuple[str, Mapping[str, Any]]:
    """Name and annotations of a controller's service account. Source: the charts' templates."""
    path = ("rbac", "serviceAccount") if release.chart == CLUSTER_AUTOSCALER else ("serviceAccount",)
    account = release.value(*path, default={})
    default = release.value("fullnameOverride") or release.name
    return str(account.get("name") or default), account.get("annotations") or {}


def associations(release: Software, graph: Graph) -> Iterator[Resource]:
    """What gives a role to a controller's pods by EKS Pod Identity."""
    name, _ = service_account(release)
    for found in graph.of(ASSOCIATION):
        if (found.inputs.get("namespace"), found.inputs.get("serviceAccount")) == (release.namespace, name):
            yield found


def role_of(release: Software, graph: Graph) -> Resource | None:
    """The role of a controller's pods, where it is of this stack."""
    _, annotations = service_account(release)
    arns = [found.inputs.get("roleArn") for found in associations(release, graph)]
    arns.append(annotations.get(SERVICE_ACCOUNT_ROLE_ANNOTATION))
    return next((role for arn in arns if arn and (role := role_named(last(arn), graph))), None)


def given_to(release: Software, graph: Graph) -> list[Resource]:
    """Resources without which a controller may do nothing: its policies and its association."""
    role = role_of(release, graph)
    if role is None:
        return []
    return [*inline_policies(role, graph), *attachments(role, graph), *associations(release, graph)]
