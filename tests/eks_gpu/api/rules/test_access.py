"""Roles and who has them, and what the API server refuses of them."""

import pytest

from tests.eks_gpu.api.asked import of, said

PODS = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}
GROUP = "rbac.authorization.k8s.io"


@pytest.mark.parametrize(
    ("kind", "field", "value", "refused"),
    [
        ("Role", "rules", [PODS], []),
        ("Role", "rules", [{**PODS, "verbs": []}], ["rules[0].verbs is required"]),
        ("Role", "rules", [{"verbs": ["get"]}], ["rules[0].apiGroups is required", "rules[0].resources is required"]),
        (
            "Role",
            "rules",
            [{"nonResourceURLs": ["/a"], "verbs": ["get"]}],
            ["rules[0].nonResourceURLs is for ClusterRoles alone"],
        ),
        ("ClusterRole", "rules", [{"nonResourceURLs": ["/a"], "verbs": ["get"]}], []),
        (
            "ClusterRole",
            "rules",
            [{**PODS, "nonResourceURLs": ["/a"]}],
            [f"rules[0].{key} must be left out beside nonResourceURLs" for key in ("apiGroups", "resources")],
        ),
        (
            "ClusterRole",
            "aggregationRule",
            {"clusterRoleSelectors": []},
            ["aggregationRule.clusterRoleSelectors is required"],
        ),
        ("RoleBinding", "roleRef", {"kind": "ClusterRole", "name": "edit"}, []),
        ("RoleBinding", "roleRef", {"name": "edit"}, ["roleRef.kind is required"]),
        (
            "RoleBinding",
            "roleRef",
            {"kind": "User", "name": "edit"},
            ["roleRef.kind must be one of Role, ClusterRole, got 'User'"],
        ),
        (
            "RoleBinding",
            "roleRef",
            {"kind": "Role", "name": "a/b"},
            ["roleRef.name must be without '/' and '%', got 'a/b'"],
        ),
        (
            "RoleBinding",
            "roleRef",
            {"apiGroup": "rbac", "kind": "Role", "name": "a"},
            [f"roleRef.apiGroup must be one of {GROUP}, got 'rbac'"],
        ),
        (
            "ClusterRoleBinding",
            "roleRef",
            {"kind": "Role", "name": "a"},
            ["roleRef.kind must be ClusterRole, got 'Role'"],
        ),
        ("RoleBinding", "subjects", [{"kind": "ServiceAccount", "name": "a"}], []),
        (
            "ClusterRoleBinding",
            "subjects",
            [{"kind": "ServiceAccount", "name": "a"}],
            ["subjects[0].namespace is required"],
        ),
        (
            "RoleBinding",
            "subjects",
            [{"kind": "ServiceAccount", "name": "a", "apiGroup": GROUP}],
            [f"subjects[0].apiGroup must be left out of a ServiceAccount, got '{GROUP}'"],
        ),
        (
            "RoleBinding",
            "subjects",
            [{"kind": "Group", "name": "a b", "apiGroup": "v1"}],
            [f"subjects[0].apiGroup must be {GROUP}, got 'v1'"],
        ),
        ("RoleBinding", "subjects", [{"kind": "User", "name": "Jane Doe"}], []),
    ],
)
def test_a_role_or_a_binding(kind, field, value, refused):
    made = of(kind)
    made[field] = value
    assert said(made) == refused
