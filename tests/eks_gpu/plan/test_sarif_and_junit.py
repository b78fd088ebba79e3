"""SARIF and JUnit: what other tools read of the checks."""

import json
from typing import cast

import pytest
from junitparser import JUnitXml

from eks_gpu.checks import Finding
from eks_gpu.plan.junit import junit
from eks_gpu.plan.sarif import Told, sarif
from tests.foreign_stacks import SINCE, check, mix_gpu_counts, preview

FINDINGS = [
    Finding("gpu-pools-are-capped", "gpu", False, "nothing limits it", "error", "limit the pool's GPUs"),
    Finding("gpu-pools-are-capped", "other", True, "at most 4"),
    Finding("spot-is-diverse-with-a-fallback", "gpu", False, "one type", "warning", "name more"),
    Finding("gpu-nodes-are-tainted", "gpu", False, "no taint", "error", "add it", waived="a test cluster"),
    Finding("gpu-nodes-are-tainted", "other", None, "it needs taints of other", "error"),
]


def test_sarif_has_a_rule_for_each_failed_check_and_a_result_at_the_line_of_the_program():
    places = {"gpu-pools-are-capped": "components/pool.py:94"}
    (found,) = sarif(Told(FINDINGS, lambda finding: places.get(finding.id, "")))["runs"]
    assert [rule["id"] for rule in found["tool"]["driver"]["rules"]] == [
        "gpu-nodes-are-tainted",
        "gpu-pools-are-capped",
        "spot-is-diverse-with-a-fallback",
    ]
    first, second, third, fourth = found["results"]
    assert (first["ruleId"], first["ruleIndex"], first["level"]) == ("gpu-pools-are-capped", 1, "error")
    assert first["message"] == {"text": "gpu: nothing limits it. Fix: limit the pool's GPUs."}
    assert first["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "components/pool.py", "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": 94},
    }
    assert second["level"] == "warning"
    assert third["suppressions"] == [{"kind": "external", "justification": "a test cluster"}]
    assert [each["kind"] for each in found["results"]] == ["fail", "fail", "fail", "open"]
    assert (fourth["level"], fourth["message"]) == ("none", {"text": "other: it needs taints of other."})


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages with an address."""
    monkeypatch.setattr("eks_gpu.io.documentation.address", lambda: "https://gpus.example/docs")


@pytest.mark.usefixtures("published")
def test_a_rule_of_sarif_carries_the_reason_the_fix_and_a_link():
    (found,) = sarif(Told(FINDINGS, lambda finding: ""))["runs"]
    assert found["tool"]["driver"]["rules"][2] == {
        "id": "spot-is-diverse-with-a-fallback",
        "shortDescription": {"text": "Spot capacity runs out by type and zone: with few of them, pods stay Pending."},
        "fullDescription": {"text": SPOT},
        "help": {
            "text": f"{SPOT} Fix: name 3 types and 2 zones or more, and allow on-demand too. "
            "See https://gpus.example/docs/checks.md#spot-is-diverse-with-a-fallback",
            "markdown": f"{SPOT}\n\n**Fix**: name 3 types and 2 zones or more, and allow on-demand too.\n\n"
            "[spot-is-diverse-with-a-fallback](https://gpus.example/docs/checks.md#spot-is-diverse-with-a-fallback)",
        },
        "helpUri": "https://gpus.example/docs/checks.md#spot-is-diverse-with-a-fallback",
        "defaultConfiguration": {"level": "warning"},
        "properties": {
            "sources": [
                {"title": "Amazon EC2 User Guide", "read": "2026-11-21", "sure": True},
                {"title": "Karpenter documentation", "read": "2026-11-28", "sure": True},
            ]
        },
    }


SPOT = (
    "Spot capacity runs out by type and zone: with few of them, pods stay Pending. The check fails with fewer than "
    "three types or two zones, or if no on-demand pool takes a workload that it takes."
)


def test_without_an_address_of_the_pages_there_is_no_link(monkeypatch):
    monkeypatch.setattr("eks_gpu.io.documentation.address", lambda: "")
    (found,) = sarif(Told(FINDINGS, lambda finding: ""))["runs"]
    assert found["tool"]["driver"]["rules"]
    assert not any("helpUri" in rule for rule in found["tool"]["driver"]["rules"])


def test_the_line_of_the_program_comes_from_the_engine(tmp_path):
    data = preview()
    mix_gpu_counts(data)
    source, out = tmp_path / "p.json", tmp_path / "s.sarif"
    source.write_text(json.dumps(data))
    check("--preview", str(source), "--sarif", str(out))
    found = json.loads(out.read_text())["runs"][0]["results"]
    (result,) = [each for each in found if each["ruleId"] not in SINCE]
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "components/auto_scaling_group.py"
    assert place["region"]["startLine"] > 1


@pytest.mark.usefixtures("published")
def test_junit_has_a_case_for_each_check_and_subject():
    report = cast(JUnitXml, JUnitXml.fromstring(junit({"gaia/dev": FINDINGS}).encode()))
    (suite,) = report
    assert (suite.name, suite.tests, suite.failures, suite.skipped) == ("gaia/dev", 5, 1, 2)
    failed, passed, warned, waived, unjudged = suite
    assert failed.classname == "gpu-pools-are-capped"
    assert failed.result[0].message == "nothing limits it. Fix: limit the pool's GPUs"
    assert failed.result[0].text == (
        "Without a limit one wrong replica count starts GPU nodes until the quota is used up.\n"
        "https://gpus.example/docs/checks.md#gpu-pools-are-capped"
    )
    assert (passed.result, passed.system_out) == ([], None)
    assert warned.system_out == (
        "warning: one type. Fix: name more\n"
        "Spot capacity runs out by type and zone: with few of them, pods stay Pending.\n"
        "https://gpus.example/docs/checks.md#spot-is-diverse-with-a-fallback"
    )
    assert waived.result[0].message == "waived: a test cluster"
    assert unjudged.result[0].message == "not judged: it needs taints of other"
