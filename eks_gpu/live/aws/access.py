"""Who may do what: access entries, pod identity associations, roles with their policies, and instance profiles."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from eks_gpu.checks.access import PROFILE
from eks_gpu.checks.auto_mode import ASSOCIATION as ENTRY_POLICY
from eks_gpu.checks.auto_mode import ENTRY
from eks_gpu.checks.roles import ASSOCIATION, ATTACHMENT, INLINE, POLICY, ROLE
from eks_gpu.checks.spot import ROLE as LINKED_ROLE
from eks_gpu.checks.spot import SPOT
from eks_gpu.graph.graph import Resource
from eks_gpu.live.aws.reading import Reading
from eks_gpu.live.aws.wire import Row, distinct, document, last, resource, told
from eks_gpu_components.catalog import BOUNDARIES, MANAGED_DOCUMENTS

OIDC_PROVIDER = "aws:iam/openIdConnectProvider:OpenIdConnectProvider"
_SPOT_ROLE = "AWSServiceRoleForEC2Spot"
_CONFIG_MAP = "CONFIG_MAP"


@dataclass(frozen=True)
class Entries:
    """Who may enter a cluster."""

    resources: list[Resource]
    """None where some are not known: nobody could tell what is missing."""
    roles: list[str]
    """ARNs of roles of nodes."""
    complete: bool
    """Whether all of them are known."""


def entries(reading: Reading, described: Row) -> Entries:
    """Access entries with their policies; none where the cluster reads its ConfigMap alone."""
    cluster, mode = str(described["name"]), (described.get("accessConfig") or {}).get("authenticationMode")
    if mode == _CONFIG_MAP:
        return Entries([], [], True)
    principals = reading.rows("eks", "list_access_entries", "accessEntries", clusterName=cluster)

    def entry(arn: str) -> Row:
        return reading.get("eks", "describe_access_entry", "accessEntry", clusterName=cluster, principalArn=arn)

    def policies(arn: str) -> list[Resource]:
        asked = {"clusterName": cluster, "principalArn": arn}
        rows = reading.rows("eks", "list_associated_access_policies", "associatedAccessPolicies", **asked)
        return [_entry_policy(row, asked) for row in rows]

    rows, given = reading.each(entry, principals), reading.each(policies, principals)
    known = not reading.refused(
        "eks", "list_access_entries", "describe_access_entry", "list_associated_access_policies"
    )
    return Entries(
        [*map(_entry, rows), *(each for some in given for each in some)] if known else [],
        [str(row["principalArn"]) for row in rows if str(row.get("type")).startswith("EC2")],
        known,
    )


def _entry(row: Row) -> Resource:
    same = ("clusterName", "principalArn", "kubernetesGroups", "type", "tags")
    inputs = {**{key: row.get(key) for key in same}, "userName": row.get("username")}
    arn = str(row["principalArn"])
    return resource(ENTRY, last(arn), inputs, id_=f"{row.get('clusterName')}:{arn}", key=arn)


def _entry_policy(row: Row, asked: dict[str, str]) -> Resource:
    inputs = {**asked, "policyArn": row.get("policyArn"), "accessScope": told(row.get("accessScope") or {})}
    key = f"{asked['principalArn']}#{row.get('policyArn')}"
    return resource(ENTRY_POLICY, f"{last(asked['principalArn'])}-{last(row.get('policyArn'))}", inputs, key=key)


def associations(reading: Reading, cluster: str) -> list[Row]:
    """Pod identity associations of a cluster, as EKS describes them; those that an add-on owns too."""
    rows = reading.rows("eks", "list_pod_identity_associations", "associations", clusterName=cluster)
    return reading.each(
        lambda row: reading.get(
            "eks",
            "describe_pod_identity_association",
            "association",
            clusterName=cluster,
            associationId=row["associationId"],
        ),
        rows,
    )


def association(row: Row) -> Resource:
    """One that stands for itself."""
    same = ("clusterName", "namespace", "serviceAccount", "roleArn", "targetRoleArn", "tags")
    name = f"{row.get('namespace')}/{row.get('serviceAccount')}"
    inputs = {key: row.get(key) for key in same}
    return resource(
        ASSOCIATION, name, inputs, id_=str(row["associationId"]), outputs={"arn": row.get("associationArn")}
    )


# --- IAM -------------------------------------------------------------------------------------------------------------


def instance_profiles(reading: Reading, named: Iterable[str]) -> list[Resource]:
    """Instance profiles by name or ARN."""
    rows = reading.each(
        lambda name: reading.get("iam", "get_instance_profile", "InstanceProfile", InstanceProfileName=name),
        distinct(map(last, named)),
    )
    return [_profile(row) for row in rows]


def _profile(row: Row) -> Resource:
    name = str(row["InstanceProfileName"])
    roles = [each.get("RoleName") for each in row.get("Roles") or ()]
    inputs = {"name": name, "path": row.get("Path"), "role": next(iter(roles), None)}
    return resource(PROFILE, name, inputs, outputs={"arn": row.get("Arn")})


def roles(reading: Reading, named: Iterable[str]) -> list[Resource]:
    """Roles by name or ARN with all that says what they may do, and the role that Spot needs if the account has it. A
    role of which a part may not be read is left out: nobody could judge it.
    """
    own = f":{reading.account.caller['Account']}:"
    wanted = distinct(last(name) for name in named if not str(name).startswith("arn:") or own in str(name))
    parts = reading.each(lambda name: _role(reading, name), [*wanted, _SPOT_ROLE])
    made = [each for part in parts for each in part]
    attached = (each.inputs.get("policyArn") for each in made if each.type == ATTACHMENT)
    boundaries = (each.inputs.get("permissionsBoundary") for each in made if each.type == ROLE)
    unknown = [arn for arn in distinct((*attached, *boundaries)) if last(arn) not in {*MANAGED_DOCUMENTS, *BOUNDARIES}]
    return [*made, *reading.each(lambda arn: _policy(reading, arn), unknown)]


def _role(reading: Reading, name: str) -> list[Resource]:
    row = reading.get("iam", "get_role", "Role", RoleName=name)
    if not row or name == _SPOT_ROLE:
        return [resource(LINKED_ROLE, name, {"awsServiceName": SPOT}, outputs={"arn": row.get("Arn")})] if row else []
    role = _described(row)
    inline = [
        reading.get("iam", "get_role_policy", RoleName=name, PolicyName=policy)
        for policy in reading.rows("iam", "list_role_policies", "PolicyNames", RoleName=name)
    ]
    managed = reading.rows("iam", "list_attached_role_policies", "AttachedPolicies", RoleName=name)
    if reading.refused("iam", "list_role_policies", "get_role_policy", "list_attached_role_policies"):
        return []
    return [role, *map(_inline, filter(None, inline)), *(_attachment(name, each) for each in managed)]


def _described(row: Row) -> Resource:
    name, boundary = str(row["RoleName"]), row.get("PermissionsBoundary") or {}
    inputs = {
        "name": name,
        "path": row.get("Path"),
        "assumeRolePolicy": document(row.get("AssumeRolePolicyDocument")),
        "permissionsBoundary": boundary.get("PermissionsBoundaryArn"),
    }
    return resource(ROLE, name, inputs, outputs={"arn": row.get("Arn")})


def _inline(row: Row) -> Resource:
    role, name = str(row["RoleName"]), str(row["PolicyName"])
    inputs = {"role": role, "name": name, "policy": document(row.get("PolicyDocument"))}
    return resource(INLINE, name, inputs, id_=f"{role}:{name}", key=f"{role}:{name}")


def _attachment(role: str, row: Row) -> Resource:
    arn = row.get("PolicyArn")
    return resource(ATTACHMENT, f"{role}-{last(arn)}", {"role": role, "policyArn": arn}, key=f"{role}/{arn}")


def _policy(reading: Reading, arn: str) -> Resource | None:
    row = reading.get("iam", "get_policy", "Policy", PolicyArn=arn)
    if not row:
        return None
    asked = {"PolicyArn": arn, "VersionId": row.get("DefaultVersionId")}
    version = reading.get("iam", "get_policy_version", "PolicyVersion", **asked)
    if not version:
        return None
    inputs = {"name": row.get("PolicyName"), "path": row.get("Path"), "policy": document(version.get("Document"))}
    return resource(POLICY, last(arn), inputs, id_=arn, key=arn, outputs={"arn": arn})


def oidc_provider(reading: Reading, issuer: str, arn: str) -> list[Resource]:
    """IAM's provider of the cluster's identities, if somebody made it; `arn` is the cluster's."""
    host = issuer.removeprefix("https://")
    partition, account = arn.split(":")[1], arn.split(":")[4]
    own = f"arn:{partition}:iam::{account}:oidc-provider/{host}"
    row: dict[str, Any] = (
        reading.get("iam", "get_open_id_connect_provider", OpenIDConnectProviderArn=own) if issuer else {}
    )
    if not row:
        return []
    inputs = {
        "url": f"https://{str(row.get('Url') or host).removeprefix('https://')}",
        "clientIdLists": row.get("ClientIDList"),
        "thumbprintLists": row.get("ThumbprintList"),
    }
    return [resource(OIDC_PROVIDER, host, inputs, id_=own, outputs={"arn": own})]


def documents(resources: Iterable[Resource]) -> Iterator[str]:
    """Policy documents of roles, as JSON."""
    yield from (str(each.inputs.get("policy")) for each in resources if each.type in (INLINE, POLICY))
