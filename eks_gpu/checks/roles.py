"""IAM roles of a stack: who has them, and what they may do."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from eks_gpu.graph.graph import Graph, Resource
from eks_gpu.graph.iam import Call, Decision, Document, decide, json_of, listed, statements
from eks_gpu.pools.software import CLUSTER_AUTOSCALER, Software
from eks_gpu_components.catalog import BOUNDARIES, MANAGED_DOCUMENTS, SERVICE_ACCOUNT_ROLE_ANNOTATION

ROLE, INLINE = "aws:iam/role:Role", "aws:iam/rolePolicy:RolePolicy"
POLICY, ATTACHMENT = "aws:iam/policy:Policy", "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
ASSOCIATION = "aws:eks/podIdentityAssociation:PodIdentityAssociation"
ASSUME, TAG_SESSION = "sts:AssumeRole", "sts:TagSession"


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


@dataclass(frozen=True)
class Policies:
    """What says what a role may do."""

    documents: tuple[Document, ...]
    all_read: bool
    """Whether the stack has all of them."""
    boundary: tuple[Document, ...] | None = None
    """The permissions boundary; None without one, empty where it is not of the stack."""

    def decide(self, call: Call) -> Decision:
        """Whether the role may make the call: its policies allow it, and so does its boundary."""
        own = decide(self.documents, call, all_read=self.all_read)
        if self.boundary is None or own.allowed is False:
            return own
        limit = decide(self.boundary, call, all_read=bool(self.boundary))
        if limit.allowed is False:
            return Decision(False, limit.denied_by or "its permissions boundary")
        return own if limit.allowed else Decision(None)


def policies(role: Resource, graph: Graph) -> Policies:
    """All policies of a role, and its boundary."""
    own = {last(policy["arn"]): policy.inputs.get("policy") for policy in graph.of(POLICY)}
    managed = managed_policies(role, graph)
    documents = [found.inputs.get("policy") for found in inline_policies(role, graph)]
    documents += [found.get("policy") for found in role.inputs.get("inlinePolicies") or ()]
    documents += [own[name] if name in own else MANAGED_DOCUMENTS.get(name) for name in sorted(managed)]
    known = own.keys() | MANAGED_DOCUMENTS.keys()
    boundary = last(role.inputs.get("permissionsBoundary"))
    limit = [json_of(own[boundary] if boundary in own else BOUNDARIES.get(boundary))] if boundary else []
    return Policies(
        tuple(map(json_of, documents)),
        managed <= known,
        tuple(filter(None, limit)) if boundary else None,
    )


def allowed(role: Resource, graph: Graph) -> list[Mapping[str, Any]] | None:
    """Statements of all its policies; None where one is not of this stack."""
    found = policies(role, graph)
    return [each for document in found.documents for each in statements(document)] if found.all_read else None


def allows(statement: Mapping[str, Any], action: str) -> bool:
    """Whether it allows the action on anything at all."""
    given = listed(statement.get("Action"))
    return statement.get("Effect") == "Allow" and any(fnmatchcase(action.lower(), str(one).lower()) for one in given)


def trusts(
    role: Resource, service: str, actions: Sequence[str] = (ASSUME,), context: Mapping[str, str | None] | None = None
) -> bool:
    """Whether the service may take the role by all of these actions; True where nobody knows."""
    document = json_of(role.inputs.get("assumeRolePolicy"))
    if not statements(document):
        return True
    calls = (Call(action, None, service, context or {}, complete=False) for action in actions)
    return all(decide([document], call).allowed is not False for call in calls)


def issuers(role: Resource) -> set[str]:
    """OIDC providers whose identities may take the role, without `https://`."""
    found = statements(role.inputs.get("assumeRolePolicy"))
    federated = [arn for each in found for arn in listed(json_of(each.get("Principal")).get("Federated"))]
    return {str(arn).partition("oidc-provider/")[2] for arn in federated} - {""}


def trusts_account(role: Resource, namespace: str, account: str) -> bool:
    """Whether pods of a service account may take the role by the cluster's OIDC provider; True where nobody knows."""
    found = statements(role.inputs.get("assumeRolePolicy"))
    trusted = issuers(role)
    if not trusted:
        return not found
    subject = f"system:serviceaccount:{namespace}:{account}"
    keys = {f"{one}:{key}": value for one in trusted for key, value in (("sub", subject), ("aud", "sts.amazonaws.com"))}
    call = Call("sts:AssumeRoleWithWebIdentity", None, None, keys, complete=False)
    return decide([{"Statement": found}], call).allowed is not False


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
