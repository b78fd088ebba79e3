"""Versions of Kubernetes: what EKS no longer serves fails, and what costs extra holds."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from eks_gpu_components.catalog import READ_ON
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


@pytest.mark.parametrize(
    ("version", "on", "passed", "says"),
    [
        (
            "1.34",
            date(2026, 10, 3),
            False,
            "standard support of Kubernetes 1.34 ends on 2026-12-02, in 60 days; then the cluster costs 365 USD "
            "a month more",
        ),
        ("1.34", date(2026, 10, 2), True, "standard support lasts until 2026-12-02"),
        ("1.34", date(2026, 12, 3), True, "extended support lasts until 2027-12-02"),
        (
            "1.34",
            date(2027, 12, 2),
            False,
            "extended support of Kubernetes 1.34 ends on 2027-12-02, in 0 days; then EKS updates it to the next minor "
            "by itself",
        ),
    ],
)
def test_a_version_whose_support_ends_within_60_days_is_told(version, on, passed, says):
    assert findings("kubernetes-support-lasts", cluster(version=version), on=on) == {"shop": (passed, says)}


@pytest.mark.parametrize("version", ["1.9", "1.24", "1.99"])
def test_a_version_without_a_day_or_support_is_not_told(version):
    assert findings("kubernetes-support-lasts", cluster(version=version)) == {}


@pytest.mark.parametrize(
    ("days", "passed", "says"),
    [
        (60, True, "its facts were read on 2026-11-28"),
        (61, False, "its facts were read on 2026-11-28, 61 days ago"),
        (-1, True, "its facts were read on 2026-11-28"),
    ],
)
def test_a_catalog_of_more_than_60_days_is_told(days, passed, says):
    on = READ_ON + timedelta(days=days)
    assert findings("catalog-is-recent", cluster(), on=on) == {"catalog": (passed, says)}
