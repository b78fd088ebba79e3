"""Rules for labels and taints, for the settings and for import alike."""

import pytest

from components.catalog import key_problem, label_problem, value_problem


@pytest.mark.parametrize("key", ["team", "example.com/team", "a-b.c1/x_y.z-1", "node.kubernetes.io/team"])
def test_a_key_of_kubernetes_has_no_problem(key):
    assert key_problem(key) is None


@pytest.mark.parametrize("key", ["", "a b", "-a", "a/", "/a", "a..b/x", "a-.b/x", "Example.com/x", "a/b/c", "a\n"])
def test_a_key_that_the_api_server_refuses_is_named(key):
    assert (key_problem(key) or "").startswith(f"key {key!r} must be letters")


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("", None),
        ("a.b_c-1", None),
        ("x" * 63, None),
        ("x" * 64, f"value {'x' * 64!r} must be at most 63 letters, digits, '-', '_' and '.'"),
        ("-a", "value '-a' must be at most 63 letters, digits, '-', '_' and '.'"),
    ],
)
def test_a_value_has_at_most_63_characters_and_no_sign_at_its_ends(value, problem):
    assert value_problem(value) == problem


@pytest.mark.parametrize(
    ("key", "problem"),
    [
        ("k8s.io/x", "k8s.io/x is in a domain that kubelet may not set; nearest: node.kubernetes.io/x"),
        ("a.kubelet.kubernetes.io/x", None),
        ("eks.amazonaws.com/x", "eks.amazonaws.com/x is for EKS to set"),
        ("a.eks.amazonaws.com/x", None),
        ("a.karpenter.k8s.aws/x", "a.karpenter.k8s.aws/x is for Karpenter to set"),
        ("nvidia.com/gpu.present", "nvidia.com/gpu.present follows from the pool itself"),
        ("nvidia.com/gpu", None),
    ],
)
def test_a_label_of_somebody_else_is_not_given(key, problem):
    assert label_problem(key, "1") == problem
