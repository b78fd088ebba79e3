"""README.md: what it shows is what there is, and each of its commands works in the state that the page has led to."""

import re
import shlex
import subprocess
import tomllib
from functools import cache
from pathlib import Path

import pytest
from typer.testing import CliRunner

from eks_gpu.init import draft
from eks_gpu.offline.project import Project, StackConfig
from eks_gpu.plan.plan import Plan, make_plan
from eks_gpu.plan.render import render
from tests import documentation
from tests.console import printed, shown
from tests.programs import ROOT, plan_of

README = (ROOT / "README.md").read_text(encoding="utf-8")
LEFT_OUT = "…"


def blocks(language: str) -> list[str]:
    found = re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
    assert found, language
    return found


def commands() -> list[str]:
    """Every line that the page has for a shell, in its order, without comments."""
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    lines += [line.removeprefix("$ ") for block in blocks("console") for line in block.splitlines() if line[:2] == "$ "]
    return [re.sub(r"\s+# .*", "", line) for line in lines]


def parts(command: str) -> list[list[str]]:
    """The words of each program of a line."""
    return [shlex.split(part) for part in re.split(r" \| | && ", command)]


OURS = [words for command in commands() for words in parts(command) if Path(words[0]).name == "eks-gpu"]


# --- the plan that it shows, and what it costs -----------------------------------------------------------------------


def test_the_first_plan_is_what_make_plan_prints_but_for_what_is_left_out():
    said = "\n".join(printed(shown(render(plan_of(".", "dev")))))
    at = 0
    for piece in blocks("text")[0].strip().split(f"\n{LEFT_OUT}\n"):
        found = said.find(piece, at)
        assert found >= 0, piece
        at = found + len(piece)
    assert said.startswith(blocks("text")[0].splitlines()[0])
    assert "a month of 730 hours" in blocks("text")[0] and "0 fail" in blocks("text")[0]


@pytest.mark.parametrize(
    "row, plan",
    [
        ("stack `dev`", lambda _: plan_of(".", "dev")),
        ("example [karpenter-inference]", lambda _: plan_of("examples/karpenter-inference", "dev")),
        ("[your own program]", lambda folder: own_plan(folder)),
    ],
    ids=["dev", "example", "own"],
)
def test_it_costs_what_the_plan_says(row, plan, own):
    cells = next(line for line in README.splitlines() if line.startswith(f"| {row}")).strip("|").split("|")
    cost = plan(own).analysis.cost
    assert [cell.strip() for cell in cells[1:]] == [
        f"{bill.monthly:,.0f}" for bill in (cost.idle, cost.steady, cost.max)
    ]


# --- the library's example -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The reader's project beside the clone: each file that the page names before its text."""
    folder = tmp_path_factory.mktemp("beside") / "my-gpus"
    folder.mkdir()
    section = README.partition("## In your own project")[2].partition("\n## ")[0]
    files = re.findall(r"`([\w.]+)`[^`\n]*:\n\n```(?:yaml|python)\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    for name, text in files:
        (folder / name).write_text(text, encoding="utf-8")
    assert sorted(name for name, _ in files) == ["Pulumi.dev.yaml", "Pulumi.yaml", "__main__.py"]
    return folder


@cache
def own_plan(folder: Path) -> Plan:
    project = Project.load(folder)
    return make_plan(project, project.stack("dev"))


def test_every_check_of_the_library_s_example_holds(own):
    plan = own_plan(own)
    assert [(finding.id, finding.message) for finding in plan.analysis.findings if not finding.passed] == []
    assert {pool.name: pool.max_gpus for pool in plan.analysis.pools} == {"gpu": 8}


# --- its commands ----------------------------------------------------------------------------------------------------


@pytest.fixture
def clone(own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder like the clone, with the reader's project beside it."""
    (tmp_path / "my-gpus").symlink_to(own)

    def planned(project: Project, _: StackConfig) -> Plan | None:
        return own_plan(own) if project.root.resolve() == own.resolve() else None

    assert draft.make_plan is make_plan  # loaded by now, so that it keeps the function itself
    return documentation.clone(tmp_path / "clone", monkeypatch, planned)


def test_each_eks_gpu_command_works_where_the_page_has_it(clone, monkeypatch):
    command_line = documentation.command_line(monkeypatch)
    state = (ROOT / "tests/recorded/spot-autoscaling-groups.state.json").read_text(encoding="utf-8")
    ended = []
    for words in OURS:
        # A lab starts controllers, so `make e2e` runs these; here their names and options are looked at.
        words = [*words, "--help"] if words[1] == "lab" else words
        ran = CliRunner().invoke(command_line, words[1:], input=state, env={"COLUMNS": "80"})
        assert ran.exit_code in (0, 1), (words, ran.output, ran.exception)
        assert isinstance(ran.exception, SystemExit | None), words
        ended.append((words[1], ran.exit_code))
    assert sorted(set(ended)) == [
        ("check", 0),
        ("explain", 0),
        ("import", 1),
        ("init", 0),
        ("lab", 0),
        ("plan", 0),
        ("types", 0),
    ]
    program = (clone.parent / "first-gpus" / "__main__.py").read_text(encoding="utf-8")
    assert program == blocks("python")[0]
    assert (clone / "plan.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_each_eks_gpu_command_has_a_path_until_the_page_has_put_it_on_the_path():
    given = commands()
    activated = given.index(". .venv/bin/activate")
    for at, command in enumerate(given):
        for words in parts(command):
            if Path(words[0]).name == "eks-gpu":
                assert words[0] == ("eks-gpu" if at > activated else ".venv/bin/eks-gpu")


def test_every_other_command_is_a_target_of_make_or_a_program_that_the_page_asks_for():
    found = {words[0] for command in commands() for words in parts(command)} - {"eks-gpu", ".venv/bin/eks-gpu"}
    assert found == {"make", "pulumi", "python3", "../my-gpus/.venv/bin/pip", ".", "export", "kubectl"}
    for command in commands():
        if command.startswith("make "):
            subprocess.run(["make", "-n", *command.split()[1:]], cwd=ROOT, check=True, capture_output=True)


def test_what_the_commands_after_make_plan_import_is_in_its_lock():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    wanted = {re.split(r"[<>=\[]", need)[0].replace(".", "-") for need in (*extras["plan"], *extras["report"])}
    locked = re.findall(r"^([\w.-]+)==", (ROOT / "requirements" / "plan.txt").read_text(), re.MULTILINE)
    assert wanted and wanted <= set(locked)
