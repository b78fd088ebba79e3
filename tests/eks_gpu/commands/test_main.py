"""The command line: what it prints, writes and returns."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from eks_gpu.commands import main as cli
from tests.programs import ROOT

EXAMPLE = str(ROOT / "examples/spot-autoscaling-groups")
EKS_GPU = str(Path(sys.executable).parent / "eks-gpu")


def eks_gpu(*args: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [EKS_GPU, *args], cwd=cwd, capture_output=True, text=True, env={"COLUMNS": "80", "PATH": "/usr/bin"}
    )


def test_the_plan_fits_80_columns_and_needs_no_colour():
    ran = eks_gpu("plan")
    assert ran.returncode == 0, ran.stderr
    assert max(map(len, ran.stdout.splitlines())) <= 80
    assert "\x1b" not in ran.stdout
    for part in ("Pools", "Workloads", "Cost", "Checks", "cuda-vector-add", "a month of 730 hours", "0 fail"):
        assert part in ran.stdout


def test_json_on_stdout_is_json_alone():
    ran = eks_gpu("plan", EXAMPLE, "--json", "-")
    plan = json.loads(ran.stdout)
    assert list(plan)[:8] == ["project", "stack", "region", "resources", "pools", "workloads", "cost", "checks"]
    assert "Pools" in ran.stderr
    assert set(plan["resources"][0]) == {"urn", "type", "name", "parent", "inputs"}
    assert {
        *("name", "backend", "accelerator", "instance_types", "gpus_per_node", "capacity_types", "zones"),
        *("min_nodes", "desired_nodes", "max_nodes", "max_gpus", "labels", "taints", "scales_to_zero"),
    } <= set(plan["pools"][0])
    assert {"name", "namespace", "kind", "min_replicas", "max_replicas", "requests", "admitted_by"} <= set(
        plan["workloads"][0]
    )
    assert plan["cost"]["currency"] == "USD"
    for level in ("idle", "steady", "max"):
        cost = plan["cost"][level]
        assert cost["hourly"] == pytest.approx(sum(item["hourly"] for item in cost["items"]), abs=1e-3)
        assert cost["monthly"] == pytest.approx(cost["hourly"] * 730, abs=0.1)
    assert {"id", "subject", "passed", "message"} <= set(plan["checks"][0])


def test_two_runs_write_the_same_json(tmp_path):
    files = [tmp_path / "a.json", tmp_path / "b.json"]
    for file in files:
        assert eks_gpu("plan", EXAMPLE, "--json", str(file)).returncode == 0
    assert files[0].read_bytes() == files[1].read_bytes()


def test_all_stacks_are_a_list_in_one_process():
    plans = json.loads(eks_gpu("plan", "--all", "--json", "-").stdout)
    assert [plan["stack"] for plan in plans] == ["dev", "lab", "prod", "staging"]


def test_manifests_are_one_file_an_object(tmp_path):
    assert eks_gpu("plan", EXAMPLE, "--manifests", str(tmp_path)).returncode == 0
    files = sorted(file.relative_to(tmp_path).as_posix() for file in tmp_path.rglob("*.yaml"))
    assert files == ["dev/deployment-default-cuda-vector-add.yaml", "dev/storageclass-gp3.yaml"]
    text = (tmp_path / files[0]).read_text()
    assert text.startswith("apiVersion: apps/v1\nkind: Deployment\nmetadata:\n")
    assert "nvidia.com/gpu: '1'" in text


def test_a_failing_check_ends_with_1(tmp_path):
    budget = "spot-autoscaling-groups:plan: {monthly_budget_usd: 35000}"
    project = tmp_path / "project"
    project.mkdir()
    for file in ("Pulumi.yaml", "Pulumi.dev.yaml", "__main__.py"):
        text = (Path(EXAMPLE) / file).read_text()
        (project / file).write_text(text.replace(budget, budget.replace("35000", "100")))
    ran = eks_gpu("plan", str(project))
    assert ran.returncode == 1
    assert "FAIL maximum-within-budget" in ran.stdout


def test_wrong_input_ends_with_2_and_writes_nothing(tmp_path):
    target = tmp_path / "plan.json"
    ran = eks_gpu("plan", "--stack", "prd", "--json", str(target))
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == "error: Pulumi.prd.yaml: no such file, so stack prd is unknown; nearest: prod\n"
    assert not target.exists()


def test_a_file_that_cannot_be_written_is_wrong_input():
    ran = eks_gpu("plan", "--json", "/nowhere/plan.json")
    assert ran.returncode == 2
    assert ran.stderr.endswith("error: /nowhere/plan.json: cannot be written: No such file or directory\n")


@pytest.mark.parametrize("args", [["--nope"], ["plan", "--json"], ["plam"]])
def test_an_unknown_option_or_command_ends_with_2(args):
    assert CliRunner().invoke(cli.app, args).exit_code == 2


def test_help_shows_examples():
    result = CliRunner().invoke(cli.app, ["plan", "--help"])
    assert "eks-gpu plan --stack prod" in result.output
