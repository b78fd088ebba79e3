"""The command line: what it prints, writes and returns."""

import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from typer.testing import CliRunner

from eks_gpu.commands import main as cli
from eks_gpu.io.problems import InputError
from eks_gpu.offline.project import Project
from tests.programs import ROOT, plan_of

EXAMPLE = str(ROOT / "examples/spot-autoscaling-groups")
EKS_GPU = str(Path(sys.executable).parent / "eks-gpu")


def eks_gpu(*args: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [EKS_GPU, *args], cwd=cwd, capture_output=True, text=True, env={"COLUMNS": "80", "PATH": "/usr/bin"}
    )


@pytest.fixture(scope="module")
def on_stdout() -> subprocess.CompletedProcess[str]:
    return eks_gpu("plan", EXAMPLE, "--json", "-")


def test_the_plan_fits_80_columns_and_needs_no_colour(on_stdout):
    assert on_stdout.returncode == 0, on_stdout.stderr
    assert max(map(len, on_stdout.stderr.splitlines())) <= 80
    assert "\x1b" not in on_stdout.stderr
    for part in ("Pools", "Workloads", "Cost", "Checks", "cuda-vector-add", "a month of 730", "0 fail"):
        assert part in on_stdout.stderr


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that another process has written the same plan to, and its manifests."""
    folder = tmp_path_factory.mktemp("files")
    ran = eks_gpu("plan", EXAMPLE, "--json", str(folder / "plan.json"), "--manifests", str(folder / "manifests"))
    assert ran.returncode == 0, ran.stderr
    return folder


def test_json_on_stdout_is_json_alone(on_stdout):
    ran, plan = on_stdout, json.loads(on_stdout.stdout)
    assert list(plan)[:8] == ["project", "stack", "region", "resources", "pools", "workloads", "cost", "checks"]
    assert "Pools" in ran.stderr
    assert set(plan["resources"][0]) == {"urn", "type", "name", "parent", "inputs"}
    assert {
        *("name", "backend", "accelerator", "instance_types", "gpus_per_node", "capacity_types", "zones"),
        *("min_nodes", "desired_nodes", "max_nodes", "max_gpus", "labels", "taints", "scales_to_zero", "upgrade"),
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


def test_two_runs_write_the_same_json(on_stdout, files):
    assert (files / "plan.json").read_text() == on_stdout.stdout


def test_all_stacks_are_a_list_in_one_process():
    plans = json.loads(CliRunner().invoke(cli.app, ["plan", str(ROOT), "--all", "--json", "-"]).stdout)
    assert [plan["stack"] for plan in plans] == ["dev", "lab", "prod", "staging"]


def test_a_fault_of_the_tool_is_one_line_and_3(monkeypatch, capsys):
    def fail():
        raise KeyError("pools\x1b[31m\nand more")

    monkeypatch.setattr(cli, "app", fail)
    monkeypatch.setattr(sys, "argv", ["eks-gpu", "plan"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 3
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("error: eks-gpu itself failed, KeyError at test_main.py:")
    assert told.err.count("\n") == 1
    assert "\x1b" not in told.err


@pytest.mark.parametrize(
    "way", ["print('hello')", "os.write(1, b'hello')", "os.system('echo hello')", "atexit.register(print, 'hello')"]
)
def test_what_a_program_prints_is_no_part_of_the_answer(tmp_path, way):
    (tmp_path / "Pulumi.yaml").write_text("name: talks\nruntime: python\n")
    (tmp_path / "Pulumi.dev.yaml").write_text("config: {aws:region: us-west-2}\n")
    (tmp_path / "__main__.py").write_text(f"import atexit, os\n{way}\n")
    ran = eks_gpu("plan", str(tmp_path), "--json", "-")
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["project"] == "talks"
    assert "hello" in ran.stderr


STARTED = """
import sys
from eks_gpu.commands import main
sys.argv = ["eks-gpu", "--version"]
try:
    main.main()
except SystemExit:
    pass
"""
LOADED = "import sys; print(*sys.modules, file=sys.stderr)"


def test_the_start_loads_no_sdk_and_no_other_room_and_not_much_more_than_python():
    """Modules, not seconds, which `python -m benchmarks` has: they are the same on every machine."""

    def loaded(first: str) -> set[str]:
        command = [sys.executable, "-c", f"{first}\n{LOADED}"]
        return set(subprocess.run(command, capture_output=True, text=True, check=True).stderr.split())

    bare, started = loaded("import dataclasses, json, pathlib, re"), loaded(STARTED)
    assert started >= {"typer", "eks_gpu.commands.main"}
    assert started.isdisjoint({"pulumi", "pydantic", "yaml", "boto3", "eks_gpu.lab", "eks_gpu.offline", "eks_gpu.init"})
    assert len(started) < 4 * len(bare)


def test_a_full_disk_under_stdout_is_wrong_input():
    ran = subprocess.run(f"{EKS_GPU} types > /dev/full", shell=True, capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (2, "error: stdout: cannot be written: No space left on device\n")


def test_manifests_are_one_file_an_object(files):
    folder = files / "manifests"
    found = sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*.yaml"))
    assert found == ["dev/deployment-default-cuda-vector-add.yaml", "dev/storageclass-gp3.yaml"]
    text = (folder / found[0]).read_text()
    assert text.startswith("apiVersion: apps/v1\nkind: Deployment\nmetadata:\n")
    assert "nvidia.com/gpu: '1'" in text


def test_a_failing_check_ends_with_1(tmp_path):
    budget = "spot-autoscaling-groups:plan: {monthly_budget_usd: 35000}"
    project = tmp_path / "project"
    project.mkdir()
    for file in ("Pulumi.yaml", "Pulumi.dev.yaml", "__main__.py"):
        text = (Path(EXAMPLE) / file).read_text()
        (project / file).write_text(text.replace(budget, budget.replace("35000", "100")))
    ran = CliRunner().invoke(cli.app, ["plan", str(project)])
    assert ran.exit_code == 1
    assert "FAIL maximum-within-budget" in ran.stdout


def test_wrong_input_ends_with_2_and_writes_nothing(tmp_path):
    target = tmp_path / "plan.json"
    ran = eks_gpu("plan", "--stack", "prd", "--json", str(target))
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == "error: Pulumi.prd.yaml: no such file, so stack prd is unknown; nearest: prod\n"
    assert not target.exists()


def test_a_file_that_cannot_be_written_is_wrong_input(monkeypatch):
    monkeypatch.setattr(
        "eks_gpu.plan.plan.make_plan", lambda *_, **__: plan_of("examples/spot-autoscaling-groups", "dev")
    )
    ran = CliRunner().invoke(cli.app, ["plan", EXAMPLE, "--json", "/nowhere/plan.json"])
    assert isinstance(ran.exception, InputError)
    assert ran.exception.problems == ["/nowhere/plan.json: cannot be written: No such file or directory"]


@pytest.mark.parametrize("args", [["--nope"], ["plan", "--json"], ["plam"]])
def test_an_unknown_option_or_command_ends_with_2(args):
    assert CliRunner().invoke(cli.app, args).exit_code == 2


def test_help_shows_examples():
    result = CliRunner().invoke(cli.app, ["plan", "--help"])
    assert "eks-gpu plan --stack prod" in result.output


def test_it_says_its_version():
    ran = CliRunner().invoke(cli.app, ["--version"])
    assert (ran.exit_code, ran.output) == (0, f"eks-gpu {metadata.version('eks-gpu-components')}\n")


@pytest.mark.parametrize("command", [[], ["plan"], ["explain"], ["check"], ["types"], ["audit"], ["drift"]])
def test_a_short_h_is_help(command):
    asked, whole = (CliRunner().invoke(cli.app, [*command, word]) for word in ("-h", "--help"))
    assert asked.exit_code == 0
    assert asked.output == whole.output


def test_the_project_of_a_folder_within_it_is_found(monkeypatch):
    monkeypatch.chdir(ROOT / "docs")
    assert Project.load(Path()).root == ROOT.resolve()
    with pytest.raises(InputError, match=r"no such file; PROJECT must be a folder"):
        Project.load(Path("images"))  # a folder that is named is taken at its word


def test_a_folder_outside_of_every_project_has_none(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"^Pulumi.yaml: no such file; PROJECT must be a folder"):
        Project.load(Path())


@pytest.mark.parametrize(
    ("words", "names"),
    [("plan", ["dev", "lab", "prod", "staging"]), ("plan examples/gpu-operator", ["dev", "ubuntu"])],
)
def test_a_stack_is_completed_from_the_project_that_is_named(words, names):
    typed = f"eks-gpu {words} --stack "
    asked = {"_EKS_GPU_COMPLETE": "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": str(len(typed.split()))}
    ran = subprocess.run([EKS_GPU], cwd=ROOT, capture_output=True, text=True, env={**os.environ, **asked})
    assert ran.stdout.split() == names
