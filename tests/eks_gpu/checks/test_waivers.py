"""Waivers: failures that a stack lives with, each with its reason."""

import subprocess
import sys
from pathlib import Path

import pytest

from eks_gpu.checks import Waiver
from eks_gpu.graph.graph import Graph
from eks_gpu.io.problems import InputError
from eks_gpu.offline.project import Project
from eks_gpu.plan.analysis import analyse
from eks_gpu.plan.plan import Plan, plan_settings
from eks_gpu.plan.render import render
from eks_gpu.plan.waivers_file import KnownWaiver
from tests.console import shown
from tests.graphs import TODAY, gpu_group, healthy

CHECK = "gpu-pools-start-at-zero"
WARM = healthy(gpu=gpu_group(minSize=1))
REASON = "one node stays warm for demonstrations"


def planned(*waivers: Waiver) -> Plan:
    found = analyse(Graph(WARM), "us-west-2", TODAY, None, waivers)
    return Plan("shop", "dev", "us-west-2", Graph(WARM), found, [], [])


def rows(plan: Plan, check: str) -> list[dict[str, object]]:
    return [row for row in plan.as_json()["checks"] if row["id"] == check and not row["passed"]]


def test_without_a_waiver_a_failure_fails_the_plan():
    plan = planned()
    assert plan.failed
    assert [row["waived"] for row in rows(plan, CHECK)] == [None]


def test_a_waived_failure_is_shown_with_its_reason_and_fails_nothing():
    plan = planned(Waiver(check=CHECK, subject="gpu", reason=REASON))
    assert not plan.failed
    (row,) = rows(plan, CHECK)
    assert (row["passed"], row["waived"], row["severity"]) == (False, REASON, "error")
    text = shown(render(plan))
    assert f"waived {CHECK}: gpu" in text
    assert f"waived: {REASON}" in text
    assert "0 fail, 0 warn, 1 waived" in text


def test_a_failure_that_nobody_waived_shows_its_fix():
    assert "fix: set both to 0" in shown(render(planned()))


@pytest.mark.parametrize("subject", ["*", "g*", "gpu"])
def test_a_subject_is_a_name_or_a_pattern(subject):
    assert not planned(Waiver(check=CHECK, subject=subject, reason=REASON)).failed


def test_another_subject_is_not_waived():
    assert planned(Waiver(check=CHECK, subject="cpu", reason=REASON)).failed


def test_a_waiver_that_covers_no_failure_is_a_warning():
    useful, useless = Waiver(check=CHECK, reason=REASON), Waiver(check="gpu-nodes-are-tainted", reason=REASON)
    plan = planned(useful, useless)
    assert not plan.failed
    assert rows(plan, "waivers-are-needed") == [
        {
            "id": "waivers-are-needed",
            "subject": "gpu-nodes-are-tainted",
            "passed": False,
            "message": "nothing that it covers fails",
            "severity": "warning",
            "fix": "remove the waiver, or correct its subject",
            "waived": None,
            "sources": [],
        }
    ]


# --- the stack's settings --------------------------------------------------------------------------------------------


def project(folder: Path, waive: str) -> Project:
    (folder / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    (folder / "__main__.py").write_text("")
    stack = f"config:\n  aws:region: eu-west-1\n  shop:plan:\n    waive:\n{waive}"
    (folder / "Pulumi.dev.yaml").write_text(stack)
    return Project.load(folder)


def test_waivers_are_read_from_the_stacks_settings(tmp_path):
    made = project(tmp_path, f"      - {{check: {CHECK}, subject: gpu, reason: ' {REASON} '}}\n")
    assert plan_settings(made, made.stack("dev")).waive == (KnownWaiver(check=CHECK, subject="gpu", reason=REASON),)


def test_all_that_is_wrong_with_waivers_is_said_at_once(tmp_path):
    made = project(
        tmp_path,
        "      - {check: gpu-pools-are-caped, reason: x}\n"
        "      - {check: waivers-are-needed, reason: x}\n"
        "      - {check: gpu-pools-are-capped}\n"
        "      - {check: gpu-pools-are-capped, reason: '  '}\n"
        "      - {check: gpu-pools-are-capped, reason: x, subjekt: gpu}\n",
    )
    with pytest.raises(InputError) as refused:
        plan_settings(made, made.stack("dev"))
    at, waive = "Pulumi.dev.yaml", "shop:plan.waive"
    assert refused.value.problems == [
        f"{at}:5: {waive}[0].check must be the id of a check, got 'gpu-pools-are-caped'; nearest: gpu-pools-are-capped",
        f"{at}:6: {waive}[1].check must be another check, because waivers-are-needed is about waivers, "
        "got 'waivers-are-needed'",
        f"{at}:7: {waive}[2].reason is required",
        f"{at}:8: {waive}[3].reason must not be empty, got '  '",
        f"{at}:9: {waive}[4].subjekt is not a known key; nearest: subject",
    ]


def test_wrong_waivers_end_the_command_with_2_and_write_nothing(tmp_path):
    project(tmp_path, "      - {check: gpu-pools-are-caped, reason: x}\n")
    command = [str(Path(sys.executable).parent / "eks-gpu"), "plan", str(tmp_path), "--json", str(tmp_path / "out")]
    ran = subprocess.run(command, capture_output=True, text=True, env={"PATH": "/usr/bin"})
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith("error: Pulumi.dev.yaml:5: shop:plan.waive[0].check must be the id of a check")
    assert not (tmp_path / "out").exists()
