"""Versions of Kubernetes: what EKS no longer serves fails, and what costs extra holds."""

from dataclasses import replace

import pytest

from tests.graphs import analysed, cluster, findings


@pytest.mark.parametrize(
    ("version", "passed", "says"),
    [
        ("1.24", False, "extended support of Kubernetes 1.24 ended on 2025-01-31"),
        ("1.9", False, "extended support of Kubernetes 1.9 ended years ago"),
        ("1.30", False, "extended support of Kubernetes 1.30 ended on 2026-07-23"),
        ("1.31", True, "1.31 has extended support until 2026-11-26"),
        ("1.32", True, "1.32 has extended support until 2027-03-23"),
        ("1.35", True, "1.35 has standard support until 2027-03-27"),
        ("1.99", True, "1.99 has standard support"),
    ],
)
def test_a_version_is_served_until_extended_support_ends(version, passed, says):
    assert findings("kubernetes-version-is-served", cluster(version=version)) == {"shop": (passed, says)}


def test_a_version_that_is_left_to_eks_is_not_judged():
    made = cluster()
    unsaid = replace(made, inputs={**made.inputs, "version": None})

    assert findings("kubernetes-version-is-served", unsaid) == {}


@pytest.mark.parametrize(("version", "pays"), [("1.24", False), ("1.32", True), ("1.35", False)])
def test_only_extended_support_has_a_surcharge(version, pays):
    names = [item.name for item in analysed(cluster(version=version)).cost.idle.items]

    assert (f"extended support of Kubernetes {version}" in names) is pays
