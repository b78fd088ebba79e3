"""Access to the cluster: access entries, which also replace the older ConfigMap aws-auth."""

import re
from typing import Any

from eks_gpu.importers.fields import Fields
from eks_gpu.importers.findings import Findings
from eks_gpu.importers.units_and_names import fitting_name, has_placeholder
from eks_gpu.io.documents import Map, Seq, parse_first
from eks_gpu.io.problems import InputError
from eks_gpu_components.catalog import ACCESS_POLICIES, ADMIN_ACCESS_POLICY

_RULE = "access-entries-instead-of-aws-auth"
_PRINCIPAL = re.compile(r"arn:[\w-]+:iam::\d{12}:(user|role)/\S+", re.ASCII)
_NODES = ("system:bootstrappers", "system:nodes")


def read_access(config: Fields, settings: dict[str, Any], findings: Findings, before_access_entries: bool) -> None:
    """`accessConfig`, and what the cluster's age says of it."""
    access = config.part("accessConfig")
    mode = access.text("authenticationMode", of=("API", "API_AND_CONFIG_MAP", "CONFIG_MAP"))
    if access.flag("bootstrapClusterCreatorAdminPermissions") is False:
        message = "who creates the program's cluster is its administrator, by whom Pulumi makes objects in it"
        findings.lose(access.place("bootstrapClusterCreatorAdminPermissions"), message)
    if mode == "CONFIG_MAP":
        message = "the ConfigMap aws-auth locks everyone out with one typing error: the program uses access entries"
        findings.tell(_RULE, access.place("authenticationMode"), message)
    elif before_access_entries:
        place = config.part("metadata").place("version")
        message = (
            "a cluster of that age lets nodes and people in by the ConfigMap aws-auth, by hand: "
            "the program uses access entries, for Karpenter's nodes too"
        )
        findings.tell(_RULE, place, message)
    for entry in access.parts("accessEntries"):
        _read_entry(entry, settings, findings)


def _read_entry(entry: Fields, settings: dict[str, Any], findings: Findings) -> None:
    arn = entry.text("principalARN", required=True)
    type_ = entry.text("type")
    policies = entry.parts("accessPolicies")
    if type_ not in (None, "STANDARD"):
        return  # nodes: the program lets its own in
    if len(policies) != 1:
        message = f"an access entry of the settings has one of EKS's policies, this one has {len(policies)}"
        findings.lose(entry.place("accessPolicies"), message)
        return
    scope = policies[0].part("accessScope")
    name = (policies[0].text("policyARN", required=True) or "").rpartition("/")[2]
    kind, namespaces = scope.text("type", of=("cluster", "namespace")), scope.texts("namespaces")
    if arn and name:
        given = {"namespaces": namespaces} if kind == "namespace" else {}
        _add(settings, entry, "principalARN", arn, name, given, findings)


def map_identities(mappings: list[Fields], settings: dict[str, Any], findings: Findings) -> None:
    """Rows of aws-auth: nodes' go, masters become entries, and every other group is lost."""
    for mapping in mappings:
        arn, groups = mapping.text("arn"), mapping.texts("groups")
        if not arn:
            mapping.replaced(*mapping)
            who = next((mapping.text(key) for key in ("account", "serviceName") if key in mapping), None) or "nobody"
            findings.lose(mapping.place(), f"the settings let in users and roles by their ARN, and not {who[:100]}")
            continue
        mapping.replaced("noDuplicateARNs")
        if (user := mapping.text("username")) and not set(_NODES) & {*groups}:
            message = f"an access entry's name in Kubernetes is its ARN, so bindings of user {user} hold no more"
            findings.lose(mapping.place("username"), message)
        _map(mapping, "arn", arn, groups, settings, findings)


def read_aws_auth(config_map: Fields, settings: dict[str, Any], findings: Findings) -> None:
    """The ConfigMap kube-system/aws-auth itself."""
    data = config_map.part("data")
    for key, arn_key in (("mapRoles", "rolearn"), ("mapUsers", "userarn")):
        text = data.text(key) or ""
        for arn, groups in _rows(text, arn_key):
            _map(data, key, arn, groups, settings, findings)
    if accounts := data.text("mapAccounts"):
        findings.lose(
            data.place("mapAccounts"), f"the settings let in users and roles, and no account: {accounts[:100]}"
        )
    findings.tell(_RULE, config_map.place("data"), "the program uses access entries: remove the ConfigMap aws-auth")


def _rows(text: str, arn_key: str) -> list[tuple[str, list[str]]]:
    """ARN and groups of each row of the YAML inside a value; what is none has no rows."""
    try:
        rows = parse_first(text)
    except InputError:
        return []
    maps = [row for row in rows if isinstance(row, Map)] if isinstance(rows, Seq) else []
    return [(str(row.get(arn_key)), [str(group) for group in row.get("groups") or ()]) for row in maps]


def _map(
    fields: Fields, key: str, arn: str | None, groups: list[str], settings: dict[str, Any], findings: Findings
) -> None:
    place = fields.place(key)
    if set(_NODES) & {*groups}:
        message = f"the mapping of nodes ({arn}) goes: the program makes an access entry for each role of its nodes"
        findings.tell(_RULE, place, message)
    elif groups == ["system:masters"] and arn:
        findings.tell(_RULE, place, f"{arn} becomes an access entry with {ADMIN_ACCESS_POLICY}")
        _add(settings, fields, key, arn, ADMIN_ACCESS_POLICY, {}, findings)
    else:
        shown = ", ".join(groups) or "none"
        findings.lose(place, f"an access entry of the settings has a policy and no groups, {arn} has {shown}")


def _add(
    settings: dict[str, Any],
    fields: Fields,
    key: str,
    arn: str,
    policy: str,
    more: dict[str, Any],
    findings: Findings,
) -> None:
    if has_placeholder(arn):
        findings.tell("placeholders-are-filled-in", fields.place(key), f"{arn} must be filled in, and is left out")
        return
    if not _PRINCIPAL.fullmatch(arn) or policy not in ACCESS_POLICIES:
        findings.lose(
            fields.place(key), f"must be an IAM user or role with one of {', '.join(ACCESS_POLICIES)}, got {arn}"
        )
        return
    entries = settings.setdefault("access_entries", {})
    name = fitting_name(arn.rpartition("/")[2], most=40, taken=entries)
    entries[name] = {"principal_arn": arn, "policy": policy, **more}
