"""Rules of roles and of who has them."""

from collections.abc import Iterator, Mapping
from typing import Any

from eks_gpu.api import names
from eks_gpu.api.rules.common import refused
from eks_gpu.api.rules.registry import judges, rule
from eks_gpu.api.said import Finding, Refused, joined, maps

_GROUP = "rbac.authorization.k8s.io"

judges("rbac.v1.Role", "metadata rules")
judges("rbac.v1.ClusterRole", "aggregationRule metadata rules")
judges("rbac.v1.PolicyRule", "apiGroups nonResourceURLs resourceNames resources verbs", "verbs")
judges("rbac.v1.AggregationRule", "clusterRoleSelectors", "clusterRoleSelectors")
judges("rbac.v1.RoleBinding", "metadata roleRef subjects", "roleRef")
judges("rbac.v1.ClusterRoleBinding", "metadata roleRef subjects", "roleRef")
judges("rbac.v1.RoleRef", f"apiGroup:|{_GROUP} kind:Role|ClusterRole name~path_segment", "kind name")
judges("rbac.v1.Subject", "apiGroup kind:ServiceAccount|User|Group name namespace", "kind name")


@rule("rbac.v1.PolicyRule")
def _policy_rule(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    objects = ("apiGroups", "resources")
    if given.get("nonResourceURLs"):
        for key in (*objects, "resourceNames"):
            if given.get(key):
                yield Refused(f"{path}.{key}", "must be left out beside nonResourceURLs")
        return
    for key in objects:
        if not given.get(key):
            yield Refused(f"{path}.{key}", "is required")


@rule("rbac.v1.Role")
def _role(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    for index, each in enumerate(maps(given.get("rules"))):
        if each.get("nonResourceURLs"):
            yield Refused(joined(joined(path, "rules"), index) + ".nonResourceURLs", "is for ClusterRoles alone")


@rule("rbac.v1.ClusterRoleBinding")
def _cluster_binding(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    if (given.get("roleRef") or {}).get("kind") == "Role":
        yield Refused(f"{joined(path, 'roleRef')}.kind", "must be ClusterRole, got 'Role'")
    for index, subject in enumerate(maps(given.get("subjects"))):
        if subject.get("kind") == "ServiceAccount" and not subject.get("namespace"):
            yield Refused(f"{joined(joined(path, 'subjects'), index)}.namespace", "is required")


@rule("rbac.v1.Subject")
def _subject(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    group = given.get("apiGroup") or ""
    if given.get("kind") == "ServiceAccount":
        if given.get("name"):
            yield from refused(f"{path}.name", names.subdomain(given["name"]))
        if group:
            yield Refused(f"{path}.apiGroup", f"must be left out of a ServiceAccount, got {group!r}")
    elif given.get("kind") in ("User", "Group") and group not in ("", _GROUP):
        yield Refused(f"{path}.apiGroup", f"must be {_GROUP}, got {group!r}")
