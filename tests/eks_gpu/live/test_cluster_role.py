"""The least that RBAC must allow."""

import yaml

from eks_gpu.live.cluster import Kind
from eks_gpu.live.cluster_role import cluster_role, plural, rules, rules_of_releases, written


def test_it_only_reads():
    verbs = {verb for rule in (*rules(), *rules_of_releases()) for verb in rule["verbs"]}
    assert verbs == {"get", "list", "watch"}


def test_what_is_watched_alone_may_be_watched_and_what_has_a_name_alone_may_be_got():
    watched = {name for rule in rules() if "watch" in rule["verbs"] for name in rule["resources"]}
    assert watched == {"nodes", "pods", "nodepools", "nodeclaims", "poddisruptionbudgets", "resourceclaims"}
    assert {tuple(rule["resourceNames"]) for rule in rules() if "get" in rule["verbs"]} == {
        ("amazon-vpc-cni", "cluster-autoscaler-priority-expander"),
        ("cluster-autoscaler-status",),
    }


def test_every_rule_says_which_commands_it_is_for():
    lines = written().splitlines()
    rules_ = [index for index, line in enumerate(lines) if line.startswith("- apiGroups")]
    assert all(lines[index - 1].startswith("# ") for index in rules_)
    assert lines[rules_[-2] - 1 : rules_[-2] + 3] == [
        "# why pod",
        "- apiGroups: [scheduling.x-k8s.io]",
        "  resources: [podgroups]",
        "  verbs: [list]",
    ]


def test_secrets_are_in_a_role_of_their_own():
    assert not any("secrets" in rule["resources"] for rule in rules())
    assert rules_of_releases() == [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list"]}]


def test_the_text_is_the_objects():
    assert list(yaml.safe_load_all(written())) == [
        cluster_role("eks-gpu-reader", rules()),
        cluster_role("eks-gpu-releases-reader", rules_of_releases()),
    ]


def test_plurals_are_kubernetes_own():
    kinds = ("NetworkPolicy", "PriorityClass", "NodeOverlay", "Service", "PodDisruptionBudget")
    plurals = ["networkpolicies", "priorityclasses", "nodeoverlays", "services", "poddisruptionbudgets"]
    assert [plural(Kind("", name)) for name in kinds] == plurals
