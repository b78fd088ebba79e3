"""action.yml: its own steps run here with bash, in a repository of two commits, against GitHub's API on loopback.

What only GitHub's own actions do, the cache and the upload of SARIF, is looked at and not run.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.committed import CHECKOUT
from tests.github import GitHub, Run, Runner, github
from tests.programs import ROOT

pytestmark = pytest.mark.minutes(0.8)
PROGRAM = """\
import pulumi_kubernetes as kubernetes

pod = {"containers": [{"name": "train", "image": "train"}]}
template = {"metadata": {"labels": {"app": "train"}}, "spec": pod}
spec = {"replicas": 1, "selector": {"matchLabels": {"app": "LABEL"}}, "template": template}
kubernetes.apps.v1.Deployment("train", metadata={"name": "train"}, spec=spec)
print("::add-mask::x")
"""
GOOD, BAD = PROGRAM.replace("LABEL", "train"), PROGRAM.replace("LABEL", "other")


def git(folder: Path, *words: str) -> str:
    name = ["-c", "user.name=a", "-c", "user.email=a@b.example", "-c", "commit.gpgsign=false"]
    return subprocess.run(["git", *name, *words], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def api() -> Iterator[GitHub]:
    with github() as made:
        yield made


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with a project in a folder with a space; the API server refuses its second commit."""
    folder = tmp_path / "checkout"
    project = folder / "my gpus"
    project.mkdir(parents=True)
    (project / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    (project / "Pulumi.dev.yaml").write_text("config: {aws:region: us-west-2}\n")
    git(folder, "init", "-q", "-b", "main")
    for program in (GOOD, BAD):
        (project / "__main__.py").write_text(program)
        git(folder, "add", "-A")
        git(folder, "commit", "-q", "-m", "change")
    return folder


@pytest.fixture
def runner(tmp_path: Path, checkout: Path, api: GitHub) -> Runner:
    """A runner whose cache has the environment."""
    temp = tmp_path / "temp"
    temp.mkdir()
    made = Runner(ROOT, checkout, temp, api)
    made.environment = CHECKOUT / ".venv"
    assert made.environment == Path(sys.prefix)
    return made


def run(runner: Runner, **more: str) -> Run:
    return runner.run(**{"project": "my gpus", "python": sys.executable, "base": "HEAD~1", **more})


def test_a_check_that_fails_ends_the_action_and_the_comment_is_written_then_written_anew(runner, api, checkout):
    api.write("mine now\n\n<!-- eks-gpu: plan -->", author="somebody")
    first = run(runner, sarif="true")
    assert [step.name for step in first.steps] == [
        "Name the environment",
        "Plan the base",
        "Plan the branch",
        "Write the comment, or write it anew",
        "Verdict",
    ], first.log
    assert first.code == 1
    assert (first.outputs["verdict"], first.outputs["exit-code"]) == ("fails", "1")
    comment = api.comments[-1]
    assert comment["body"].startswith("### FAIL: shop / dev: 2 checks fail")
    assert re.search(r"\n- new: `objects-are-accepted` `[^`]*train`: ", comment["body"])
    assert comment["body"].endswith("\n\n<!-- eks-gpu: plan -->\n")
    assert first.outputs["comment-url"] == comment["html_url"] == "https://gh.example/c/2"
    assert first.summary == comment["body"].removesuffix("\n<!-- eks-gpu: plan -->\n")
    (result, *_) = json.loads(Path(first.outputs["sarif"]).read_text())["runs"][0]["results"]
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] in ("my%20gpus/__main__.py", "my%20gpus/Pulumi.dev.yaml")
    assert "<testsuite " in Path(first.outputs["junit"]).read_text()
    assert first.used["github/codeql-action/upload-sarif@v4"] == {
        "sarif_file": first.outputs["sarif"],
        "category": "eks-gpu-plan",
    }
    assert git(checkout, "worktree", "list").count("\n") == 0
    assert git(checkout, "status", "--porcelain", "--untracked-files=no") == ""

    (checkout / "my gpus/__main__.py").write_text(GOOD)
    second = run(runner, base_plan=first.outputs["plan"], base="")
    assert second.code == 0, second.log
    assert second.outputs["verdict"] == "holds"
    assert second.outputs["comment-url"] == comment["html_url"]
    assert len(api.comments) == 2
    assert comment["body"].startswith("### OK: shop / dev: no check fails")
    assert "\n- gone: " in comment["body"] or "\n- fixed: " in comment["body"]
    assert api.comments[0]["body"].startswith("mine now")
    assert [method for method, _ in api.asked] == ["GET", "POST", "GET", "PATCH"]


def test_what_a_program_prints_is_no_command_to_the_runner(runner):
    ran = run(runner, comment="false", base="", fail="false")
    assert ran.code == 0, ran.log
    assert ran.outputs["verdict"] == "fails"
    log = ran.steps[1].log if ran.steps[1].log else ran.steps[2].log
    (token,) = re.findall(r"^::stop-commands::([0-9a-f]{32})$", log, re.MULTILINE)
    before, _, after = log.partition("::add-mask::x")
    assert f"::stop-commands::{token}\n" in before
    assert f"\n::{token}::\n" in after


def test_wrong_input_is_told_in_the_comment_and_fails_whatever_is_wished(runner, api, checkout):
    (checkout / "my gpus/Pulumi.dev.yaml").write_text("config: {aws:region: us-west-9}\n")
    ran = run(runner, fail="false", sarif="true")
    assert ran.code == 2
    assert (ran.outputs["verdict"], ran.outputs["exit-code"]) == ("wrong-input", "2")
    assert api.comments[0]["body"].startswith(
        "### FAIL: there is no plan, exit code 2\n\n"
        "[The log](https://gh.example/org/shop/actions/runs/42) says what is wrong.\n"
    )
    assert not any(used.startswith("github/") for used in ran.used)


def test_a_base_that_a_shallow_checkout_lacks_is_fetched(runner, api, checkout, tmp_path):
    """The project is the whole repository here, and the checkout has its last commit alone."""
    whole, shallow = tmp_path / "whole", tmp_path / "shallow"
    (checkout / "my gpus").rename(whole)
    (whole / "__main__.py").write_text(GOOD)
    git(whole, "init", "-q", "-b", "main")
    git(whole, "add", "-A")
    git(whole, "commit", "-q", "-m", "good")
    base = git(whole, "rev-parse", "HEAD")
    (whole / "__main__.py").write_text(BAD)
    git(whole, "commit", "-q", "-a", "-m", "bad")
    git(whole, "config", "uploadpack.allowAnySHA1InWant", "true")
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{whole}", str(shallow))
    runner.checkout = shallow
    ran = run(runner, project=".", base=base, stack="dev")
    assert ran.outputs["verdict"] == "fails", ran.log
    assert api.comments[0]["body"].startswith("### FAIL: shop / dev: 2 checks fail; cost unchanged\n")
    assert "\n- new: " in api.comments[0]["body"]


def test_a_base_without_a_plan_is_a_warning(runner, api, checkout):
    (checkout / "my gpus/Pulumi.qa.yaml").write_text("config: {aws:region: us-west-2}\n")
    ran = run(runner, stack="qa")
    assert "::warning::the base has no plan (exit code 2), so nothing is compared" in ran.log
    assert api.comments[0]["body"].startswith("### FAIL: shop / qa: 2 checks fail")
    assert "new:" not in api.comments[0]["body"]


@pytest.mark.parametrize(
    ("inputs", "problem"),
    [
        ({"requirements": "none.txt"}, "requirements: no such file"),
        ({"base_plan": "none.json"}, "base-plan: no such file"),
        ({"base": "--upload-pack=touch pwned"}, "base: must be a commit, a branch or a tag"),
        ({"base": "no-such-branch"}, "base: the checkout has no such commit, and it cannot be fetched"),
        ({"base": "", "baseline": "none.json"}, "baseline: no such file"),
    ],
)
def test_an_input_that_is_wrong_is_named(runner, inputs, problem):
    ran = run(runner, **inputs)
    assert ran.code == 2
    assert f"::error::{problem}\n" in ran.log


EVIL = 'x\'; touch pwned; "$(touch pwned)" `touch pwned` ${{ github.token }} \\'


@pytest.mark.parametrize("name", ["project", "stack", "base-plan", "requirements", "baseline", "python"])
def test_no_input_is_a_command(runner, checkout, tmp_path, name):
    run(runner, **{"base": "", name.replace("-", "_"): EVIL})
    assert not [*tmp_path.rglob("pwned")]


@pytest.mark.minutes(1)
@pytest.mark.parametrize("requirement", ["pyyaml>=6", "./library"], ids=["of the program alone", "with the library"])
def test_the_environment_is_made_where_the_cache_has_none(runner, checkout, requirement):
    """From the package registries, as on a new runner; the second run finds it. A path is that of the file's folder."""
    runner.environment = None
    (checkout / "my gpus/library").symlink_to(ROOT)
    (checkout / "my gpus/requirements.txt").write_text(f"{requirement}\n")
    first = run(runner, base="", comment="false")
    assert "Make the environment" in [step.name for step in first.steps]
    assert first.outputs["verdict"] == "fails", first.log
    again = run(runner, base="", comment="false")
    assert "Make the environment" not in [step.name for step in again.steps]
    assert again.outputs["verdict"] == "fails", again.log
