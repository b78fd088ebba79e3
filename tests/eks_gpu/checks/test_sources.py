"""Where the rules of checks are from, and what that makes of them."""

from datetime import date

import pytest

from eks_gpu.checks.registry import CHECKS, check
from eks_gpu.checks.sources import Source, is_sure

READ = date(2026, 11, 28)
PROGRAM = Source("Karpenter 1.15.0, package instancetype", READ)
ISSUE = Source("an issue of NVIDIA/aicr", READ, sure=False)
SECOND_ISSUE = Source("another issue", READ, sure=False)


@pytest.fixture
def registered():
    before = set(CHECKS)
    yield
    for id_ in {*CHECKS} - before:
        del CHECKS[id_]


@pytest.mark.parametrize(
    ("sources", "severity"),
    [
        ((), "error"),
        ((PROGRAM,), "error"),
        ((ISSUE,), "warning"),
        ((ISSUE, SECOND_ISSUE), "error"),
        ((ISSUE, PROGRAM), "error"),
    ],
)
@pytest.mark.usefixtures("registered")
def test_a_rule_of_one_source_that_is_not_sure_warns(sources: tuple[Source, ...], severity: str):
    assert is_sure(sources) is (severity == "error")
    check("made-here", subject="pool", fix="change it", sources=sources)(lambda context: iter(()))
    assert CHECKS["made-here"].severity == severity


OWN = {
    "maximum-within-budget",
    "cold-start-within-budget",
    "api-address-is-given",
    "nodes-are-all-read",
    "workloads-are-all-read",
    "software-is-all-read",
    "catalog-is-recent",
    "waivers-are-needed",
}
"""Checks of what the user says, and of the tool itself."""


def test_every_other_check_says_where_its_rule_is_from():
    assert {check.id for check in CHECKS.values() if not check.sources} == OWN
    assert all(source.read.year == 2026 and source.title for check in CHECKS.values() for source in check.sources)


def test_a_source_as_people_and_programs_read_it():
    assert str(PROGRAM) == "Karpenter 1.15.0, package instancetype (read 2026-11-28)"
    assert str(ISSUE) == "an issue of NVIDIA/aicr (one source, read 2026-11-28)"
    assert ISSUE.as_json() == {"title": "an issue of NVIDIA/aicr", "read": "2026-11-28", "sure": False}
