"""`eks-gpu init`: whatever the answers, what it writes plans green; and it writes over nothing unasked."""

import json
import os
import pty
import subprocess
import sys
import tomllib
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from eks_gpu.commands.main import app
from eks_gpu.init import draft, program
from eks_gpu.init.answers import BACKENDS, CAPACITY_TYPES, READERS, Answers, pool_types, system_types
from eks_gpu.io.problems import InputError
from eks_gpu.offline.project import Project
from eks_gpu.plan.plan import make_plan
from eks_gpu_components.catalog import regions
from tests.console import console_blocks, printed
from tests.programs import ROOT

EKS_GPU = str(Path(sys.executable).parent / "eks-gpu")
ABLE = [region for region in regions() if pool_types(region)]
COMBINATIONS = [
    Answers(ABLE[5 * at % len(ABLE)], (1, 2, 3, 5, 8, 40, 1000)[at % 7], tuple(capacity.split(",")), backend, ())
    for at, (backend, capacity) in enumerate(product(BACKENDS, CAPACITY_TYPES))
]


def init(*words: str) -> Result:
    return CliRunner().invoke(app, ["init", *words], env={"COLUMNS": "80"})


def problems(ran: Result) -> list[str]:
    assert isinstance(ran.exception, InputError), ran.exception
    return ran.exception.problems


@pytest.mark.parametrize("answers", COMBINATIONS, ids=lambda each: f"{each.region} {each.backend} {each.gpus}")
def test_every_combination_of_answers_plans_green(answers, tmp_path):
    new = draft.Target(tmp_path / "my-gpus", "dev", None)
    root = draft.find(ROOT, "qa")
    target = root if COMBINATIONS.index(answers) % 2 else new

    found, plan = draft.fitted(target, answers)

    assert [check for check in plan.analysis.findings if check.fails_plan] == []
    assert plan.said == [] or {severity for severity, _ in plan.said} == {"info"}  # no key that nobody reads
    assert {pool.backend for pool in plan.analysis.pools if pool.accelerator} == {answers.backend}
    assert all(plan.analysis.admitted_by(row) for row in plan.analysis.workloads)
    assert plan.analysis.cost.max.monthly <= (found.budget or 0)


def test_a_region_without_a_gpu_of_its_own_is_refused_and_every_other_has_system_nodes():
    assert set(regions()) - set(ABLE) == {"ap-southeast-4", "ca-west-1"}
    with pytest.raises(ValueError, match=r"ca-west-1 has none; near it: ca-central-1$"):
        READERS["--region"]("ca-west-1")
    assert min(len(system_types(region)) for region in regions()) == 2


def test_an_empty_folder_gets_a_whole_project(tmp_path):
    folder = tmp_path / "gpus_of 9 teams"
    ran = init(str(folder), "--yes")

    assert ran.exit_code == 0, ran.output
    assert sorted(file.name for file in folder.iterdir()) == [
        *("Pulumi.dev.yaml", "Pulumi.yaml", "__main__.py", "requirements.txt")
    ]
    assert ran.output.endswith(f"eks-gpu plan {folder} --stack dev    # all of it, with every check\n")
    project = Project.load(folder)
    assert project.name == "gpus-of-9-teams"
    plan = make_plan(project, project.stack("dev"))
    assert not plan.failed
    assert f"at most {plan.analysis.cost.max.monthly:,.0f}*" in ran.output


def test_a_second_stack_of_such_a_project_keeps_its_program(tmp_path):
    assert init(str(tmp_path), "--yes", "--backend", "auto-mode").exit_code == 0
    before = (tmp_path / "__main__.py").read_text()

    assert init(str(tmp_path), "--yes", "--stack", "prod", "--region", "eu-west-1").exit_code == 0

    assert (tmp_path / "__main__.py").read_text() == before
    text = (tmp_path / "Pulumi.prod.yaml").read_text()
    assert "aws:region: eu-west-1\n" in text and "auto_mode:" in text
    told = problems(init(str(tmp_path), "--yes", "--stack", "qa", "--backend", "karpenter"))
    assert told == ["--backend must be auto-mode, for which __main__.py here is written"]


def test_a_program_has_about_fifteen_lines():
    assert {backend: program.program(backend).count("\n") for backend in BACKENDS} == {
        "karpenter": 20,
        "auto-mode": 17,
        "managed-node-group": 19,
        "auto-scaling-group": 21,
    }


def test_a_program_is_known_again():
    assert [program.backend_of(program.program(backend)) for backend in BACKENDS] == list(BACKENDS)
    assert program.backend_of('config.require_object("cluster")') is None


def test_nothing_is_written_over_unless_its_name_is_given(tmp_path):
    assert init(str(tmp_path), "--yes").exit_code == 0
    stack = tmp_path / "Pulumi.dev.yaml"
    stack.write_text("mine")

    assert problems(init(str(tmp_path), "--yes")) == [
        f"{stack}: is there already; take another --stack, or --overwrite Pulumi.dev.yaml"
    ]
    assert problems(init(str(tmp_path), "--yes", "--overwrite", "Pulumi.prod.yaml")) == [
        "--overwrite must name the file of the stack, Pulumi.dev.yaml, got 'Pulumi.prod.yaml'"
    ]
    assert stack.read_text() == "mine"
    assert init(str(tmp_path), "--yes", "--overwrite", "Pulumi.dev.yaml").exit_code == 0
    assert "aws:region" in stack.read_text()


def test_a_program_without_a_project_is_left_alone(tmp_path):
    (tmp_path / "__main__.py").write_text("")
    assert problems(init(str(tmp_path), "--yes")) == [
        f"{tmp_path / '__main__.py'}: is there already, without Pulumi.yaml; init writes a whole project"
    ]
    assert [file.name for file in tmp_path.iterdir()] == ["__main__.py"]


def test_a_program_that_reads_other_keys_is_named():
    assert problems(init(str(ROOT / "examples" / "auto-mode"), "--yes", "--stack", "qa")) == [
        "__main__.py: the program of auto-mode reads neither the settings nor the pool that init writes; "
        "take an empty folder, or write a stack"
    ]


def test_without_a_terminal_the_options_are_named(tmp_path):
    assert problems(init(str(tmp_path), "--region", "us-east-1", "--gpus", "2")) == [
        "there is no terminal to ask: give --capacity-type, --backend, --budget, or --yes for the defaults"
    ]


def test_all_wrong_answers_are_told_at_once(tmp_path):
    wrong = ("--region", "us-wst-2", "--gpus", "0", "--budget", "nan", "--capacity-type", "sport", "--backend", "auto")
    assert problems(init(str(tmp_path), *wrong)) == [
        "--region must be a region of the catalog, got 'us-wst-2'; nearest: us-west-2",
        "--gpus must be a whole number from 1 to 1000, got '0'",
        "--capacity-type must be one of spot,on-demand; spot; on-demand, got 'sport'; nearest: spot",
        "--backend must be one of karpenter; auto-mode; managed-node-group; auto-scaling-group, got 'auto'",
        "--budget must be USD a month, a number above 0, got 'nan'",
    ]


@pytest.mark.parametrize(
    "budget, told",
    [
        ("1500", "4 GPUs of g4dn.xlarge cost up to 1,855* USD a month, 265* while idle; the budget is enough for 3"),
        ("300", "4 GPUs of g4dn.xlarge cost up to 1,855* USD a month, 265* while idle; one GPU costs up to 679*"),
    ],
)
def test_a_budget_that_is_too_small_says_what_it_is_enough_for(tmp_path, budget, told):
    (problem,) = problems(init(str(tmp_path), "--yes", "--budget", budget))
    assert problem.replace("for --gpus ", "for ") == f"--budget {budget}: {told}"


def test_a_budget_between_takes_the_cheaper_types_alone(tmp_path):
    assert init(str(tmp_path), "--yes", "--budget", "2500").exit_code == 0
    text = (tmp_path / "Pulumi.dev.yaml").read_text()
    assert "monthly_budget_usd: 2500\n" in text and "instance_types: [g4dn.xlarge]\n" in text


def test_a_person_is_asked_with_the_prices_and_asked_again(tmp_path):
    told = talk([tmp_path, "--backend", "auto-mode"], "us-wst-2", "us-west-2", "2", "spot", "5", "")
    assert "nearest: us-west-2" in told
    assert "us-west-2       g4dn.xlarge    0.526   ~0.200" in told
    assert "it must be at least 1000, or the GPUs fewer, got 5" in told
    text = (tmp_path / "Pulumi.dev.yaml").read_text()
    assert "max_gpus: 2\n" in text and "capacity_types: [spot]\n" in text and "built_in_pools" in text


def talk(words: list[Any], *answers: str) -> str:
    """What a terminal shows of a run that gets an answer for each question."""
    ours, theirs = pty.openpty()
    ran = subprocess.Popen([EKS_GPU, "init", *words], stdin=theirs, stdout=theirs, stderr=subprocess.DEVNULL)
    os.close(theirs)
    left, told = list(answers), ""  # after a prompt a terminal may get codes, so prompts are counted
    while True:
        try:
            told += os.read(ours, 4096).decode(errors="replace")
        except OSError:  # Linux says so where the other end has gone
            break
        if told.count("]:") > len(answers) - len(left) and left:
            os.write(ours, f"{left.pop(0)}\n".encode())
    os.close(ours)
    assert ran.wait() == 0, told
    return told


@pytest.mark.parametrize(
    "origin, wanted",
    [
        (None, "eks-gpu-components==1.2.3"),
        ({"url": "file:///clone", "dir_info": {}}, "eks-gpu-components @ file:///clone"),
        (
            {"url": "https://git.example/o/r", "vcs_info": {"vcs": "git", "commit_id": "abc"}},
            "eks-gpu-components @ git+https://git.example/o/r@abc",
        ),
        ({"url": "file:///r", "vcs_info": {"vcs": "git", "commit_id": "abc"}}, "git+file:///r@abc"),
    ],
)
def test_requirements_name_what_this_tool_was_installed_from(monkeypatch, origin, wanted):
    text = json.dumps(origin) if origin else None
    installed = SimpleNamespace(version="1.2.3", read_text=lambda name: text)
    monkeypatch.setattr(program.Distribution, "from_name", lambda name: installed)
    assert program.requirement() == wanted


def test_the_page_shows_what_is_printed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ((command, lines),) = console_blocks("init")
    assert printed(init(*command.split()[2:]).output) == lines


def test_the_library_has_the_name_that_requirements_name():
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["name"] == program.LIBRARY
