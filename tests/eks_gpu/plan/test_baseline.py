"""A baseline: what was there fails nothing, what is new or worse does, and what has gone is told."""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from eks_gpu.checks import Finding
from eks_gpu.commands import main as cli
from eks_gpu.io.problems import InputError
from eks_gpu.plan.baseline import since
from eks_gpu_components.catalog import READ_ON
from tests.programs import ROOT

DAY, LATER = date(2026, 7, 1), date(2026, 12, 1)
ERROR = Finding("nodes-require-imdsv2", "gpu", False, "3 nodes do not", "error", "require it")
WARNING = Finding("gpu-pools-start-at-zero", "gpu", False, "1 node stays", "warning", "set 0")
HOLDS = Finding("gpu-pools-are-capped", "gpu", True, "4 at most")
STATE = str(ROOT / "tests/recorded/spot-autoscaling-groups.state.json")


def later(tmp_path: Path, before: list[Finding], now: list[Finding]):
    file = tmp_path / "baseline.json"
    since(file, DAY, {"shop/dev": before})
    return since(file, LATER, {"shop/dev": now})["shop/dev"]


def test_what_was_there_fails_nothing_and_says_since_when(tmp_path):
    found = later(tmp_path, [ERROR, WARNING, HOLDS], [ERROR, WARNING, HOLDS])
    assert [finding.waived for finding in found.findings] == ["in the baseline of 2026-07-01"] * 2 + [""]
    assert not any(finding.fails_plan for finding in found.findings)
    assert (found.known, found.new, found.worse, found.gone) == (2, [], [], [])


def test_the_first_run_records_and_fails_nothing(tmp_path):
    found = since(tmp_path / "new.json", DAY, {"shop/dev": [ERROR]})["shop/dev"]
    assert (found.known, found.recorded) == (1, DAY)
    assert json.loads((tmp_path / "new.json").read_text()) == {
        "recorded": "2026-07-01",
        "stacks": {
            "shop/dev": [
                {"id": ERROR.id, "subject": "gpu", "severity": "error", "message": "3 nodes do not"},
            ]
        },
    }


@pytest.mark.parametrize(
    "now",
    [replace(ERROR, subject="cpu"), replace(ERROR, id="gpu-pools-are-capped"), replace(HOLDS, passed=False, fix="x")],
)
def test_what_is_new_fails(tmp_path, now):
    found = later(tmp_path, [ERROR, WARNING], [ERROR, now])
    assert found.new == [now]
    assert [finding.fails_plan for finding in found.findings] == [False, True]


@pytest.mark.parametrize(
    ("was", "now"),
    [
        (WARNING, replace(WARNING, severity="error")),
        (ERROR, replace(ERROR, message="3 nodes do not; a pod may hop")),
        (ERROR, replace(ERROR, message="it has a public address")),
    ],
)
def test_what_is_worse_fails(tmp_path, was, now):
    found = later(tmp_path, [was], [now])
    assert found.worse == [now]
    assert found.findings[0].waived == ""


@pytest.mark.parametrize(
    ("was", "now"),
    [
        (ERROR, replace(ERROR, severity="warning")),
        (ERROR, replace(ERROR, message="4.5 nodes do not")),
        (replace(ERROR, message="a; b"), replace(ERROR, message="b")),
    ],
)
def test_what_is_no_worse_fails_nothing(tmp_path, was, now):
    assert later(tmp_path, [was], [now]).worse == []


@pytest.mark.parametrize("now", [[], [replace(ERROR, passed=True)]])
def test_what_has_gone_is_told(tmp_path, now):
    assert [known.id for known in later(tmp_path, [ERROR], now).gone] == [ERROR.id]


def test_a_waived_failure_is_not_recorded_so_the_end_of_its_waiver_is_seen(tmp_path):
    found = later(tmp_path, [replace(ERROR, waived="an old agent")], [ERROR])
    assert found.new == [ERROR]


def test_another_stack_has_no_baseline(tmp_path):
    file = tmp_path / "baseline.json"
    since(file, DAY, {"shop/dev": [ERROR]})
    assert since(file, LATER, {"shop/prod": [ERROR]})["shop/prod"].new == [ERROR]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[]", "must be a map, got []"),
        ('{"stacks": {}}', "recorded is required"),
        ('{"recorded": "2026-07-01", "stacks": {"a/b": [{"id": 1}]}}', "stacks.a/b[0].id must be a string, got 1"),
        ("{", "Expecting property name"),
    ],
)
def test_a_broken_baseline_is_wrong_input_and_stays(tmp_path, text, problem):
    file = tmp_path / "b.json"
    file.write_text(text)
    with pytest.raises(InputError, match=r"b\.json") as refused:
        since(file, DAY, {"a/b": []})
    assert problem in refused.value.problems[0]
    assert file.read_text() == text


def check(*args: str):
    return CliRunner().invoke(cli.app, ["check", "--state", STATE, *args])


def test_check_fails_then_records_then_passes(tmp_path):
    file, answer = tmp_path / "b.json", tmp_path / "a.json"
    told = json.loads(Path(STATE).read_text())
    for resource in told["deployment"]["resources"]:
        if resource["type"] == "aws:ec2/launchTemplate:LaunchTemplate":
            resource["inputs"].pop("metadataOptions", None)
            resource["outputs"].pop("metadataOptions", None)
    broken = tmp_path / "broken.json"
    broken.write_text(json.dumps(told))
    on_broken = ["check", "--state", str(broken)]
    assert CliRunner().invoke(cli.app, on_broken).exit_code == 1
    assert check("--baseline", str(file)).exit_code == 0
    ran = CliRunner().invoke(cli.app, [*on_broken, "--baseline", str(file), "--json", str(answer)])
    assert ran.exit_code == 1
    assert "new: nodes-require-imdsv2: spot" in ran.output
    new = json.loads(answer.read_text())["baseline"]["new"]
    assert {row["id"] for row in new} == {"nodes-require-imdsv2"}
    file.unlink()
    assert CliRunner().invoke(cli.app, [*on_broken, "--baseline", str(file)]).exit_code == 0
    assert CliRunner().invoke(cli.app, [*on_broken, "--baseline", str(file)]).exit_code == 0


def test_plan_takes_a_baseline_too(tmp_path):
    file = tmp_path / "b.json"
    ran = CliRunner().invoke(cli.app, ["plan", str(ROOT / "examples/auto-mode"), "--baseline", str(file)])
    assert ran.exit_code == 0
    assert f"{READ_ON:baseline of %Y-%m-%d}" in " ".join(ran.output.split())
    assert list(json.loads(file.read_text())["stacks"]) == ["auto-mode/dev"]
