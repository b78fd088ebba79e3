"""action.yml and the workflow to copy as files, and the comment that the action writes.

`tests/e2e/test_action.py` runs its steps.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.github import BOT, GitHub, github
from tests.programs import ROOT

ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
DOCS = ROOT / "docs" / "pull_request.md"


def schema_finds_nothing(schema: str, file: Path) -> None:
    command = [Path(sys.executable).parent / "check-jsonschema", "--builtin-schema", f"vendor.{schema}", file]
    ran = subprocess.run(command, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_action_is_as_the_public_schema_has_it():
    schema_finds_nothing("github-actions", ROOT / "action.yml")


def workflows() -> list[str]:
    found = re.findall(r"^```yaml\n(.*?)^```$", DOCS.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return [block for block in found if block.startswith("name: ")]


def test_the_workflow_to_copy_is_as_the_public_schema_has_it_and_asks_for_little(tmp_path):
    (text,) = workflows()
    (tmp_path / "plan.yml").write_text(text)
    schema_finds_nothing("github-workflows", tmp_path / "plan.yml")
    told: dict[Any, Any] = yaml.safe_load(text)
    assert told["permissions"] == {}
    (job,) = told["jobs"].values()
    assert job["permissions"] == {"contents": "read", "pull-requests": "write", "security-events": "write"}
    assert told[True] == "pull_request"  # YAML's `on`; pull_request_target would give a stranger's program a token
    (ours,) = [step for step in job["steps"] if "eks-gpu" in step["uses"]]
    assert ours["with"].keys() <= ACTION["inputs"].keys()
    used = re.findall(r"steps\.plan\.outputs\.([\w-]+)", text)
    assert used and set(used) <= ACTION["outputs"].keys()
    (checked_out,) = [step for step in job["steps"] if step["uses"].startswith("actions/checkout@")]
    assert checked_out["with"] == {"fetch-depth": 0, "persist-credentials": False}


def test_no_expression_is_part_of_a_script_and_only_one_step_has_the_token():
    steps = ACTION["runs"]["steps"]
    scripts = [step for step in steps if "run" in step]
    assert len(scripts) == 6
    assert not [step["name"] for step in scripts if "${{" in step["run"]]
    assert [step["name"] for step in steps if "token" in json.dumps(step.get("env", {}))] == [
        "Write the comment, or write it anew"
    ]


def test_every_input_and_output_is_described_and_has_its_row_on_the_page():
    page = DOCS.read_text(encoding="utf-8")
    assert all(each["description"].endswith(".") for each in (*ACTION["inputs"].values(), *ACTION["outputs"].values()))
    assert all("default" in each and "required" not in each for each in ACTION["inputs"].values())
    rows = re.findall(r"^\| `([\w-]+)` \| .+ \| (.*) \|$", page, re.MULTILINE)
    assert [name for name, _ in rows if name in ACTION["inputs"]] == [*ACTION["inputs"]]
    assert {"base": "`github.event.pull_request.base.sha`", "fail": "`true`", "stack": ""}.items() <= dict(rows).items()


def test_the_mark_is_looked_for_among_the_comments_of_the_tokens_owner():
    assert ACTION["inputs"]["comment-author"]["default"] == BOT


# --- the comment -----------------------------------------------------------------------------------------------------


@pytest.fixture
def api() -> Iterator[GitHub]:
    with github() as made:
        yield made


def comment(api: GitHub, folder: Path, text: str, **more: str) -> subprocess.CompletedProcess[str]:
    (folder / "comment.md").write_text(text, encoding="utf-8")
    told = {"GITHUB_API_URL": api.url, "GITHUB_REPOSITORY": "org/shop", "TOKEN": api.token, "AUTHOR": BOT}
    command = [sys.executable, "-I", ROOT / "tools/pull_request_comment.py", folder / "comment.md"]
    environment = {**told, "NAME": "plan", "PULL_REQUEST": "7", **more}
    return subprocess.run(command, capture_output=True, text=True, env=environment)


def test_a_comment_is_written_once_and_then_written_anew_among_many(api, tmp_path):
    for number in range(120):
        api.write(f"comment {number}", author="somebody")
    api.write("mine now\n\n<!-- eks-gpu: plan -->", author="somebody")
    api.write("about <!-- eks-gpu: plan --> itself")
    first = comment(api, tmp_path, "### FAIL: a → b\n")
    assert (first.returncode, first.stdout, first.stderr) == (0, "https://gh.example/c/123\n", "")
    assert api.comments[-1]["body"] == "### FAIL: a → b\n\n<!-- eks-gpu: plan -->\n"
    second = comment(api, tmp_path, "### OK: a\n")
    assert second.stdout == "https://gh.example/c/123\n"
    assert api.comments[-1]["body"] == "### OK: a\n\n<!-- eks-gpu: plan -->\n"
    assert len(api.comments) == 123
    assert [method for method, _ in api.asked] == ["GET", "GET", "POST", "GET", "GET", "PATCH"]
    assert comment(api, tmp_path, "other", NAME="other").stdout == "https://gh.example/c/124\n"


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (
            403,
            0,
            "::warning::the comment was not written: the token may not write it (GitHub answered 403); ",
        ),
        (500, 1, "::error::the comment was not written: GitHub answered 500\n"),
    ],
)
def test_a_token_that_may_not_comment_is_a_warning_and_a_fault_of_github_an_error(api, tmp_path, status, code, said):
    api.refuses = status
    ran = comment(api, tmp_path, "text")
    assert (ran.returncode, ran.stdout) == (code, "")
    assert ran.stderr.startswith(said)


def test_a_github_that_is_not_there_is_an_error(api, tmp_path):
    ran = comment(api, tmp_path, "text", GITHUB_API_URL="http://127.0.0.1:1")
    assert ran.returncode == 1
    assert ran.stderr == "::error::the comment was not written: <urlopen error [Errno 111] Connection refused>\n"


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({"NAME": "a -->"}, "comment-name: must be letters, digits, dots, _ and -"),
        ({"NAME": ""}, "comment-name: must be letters, digits, dots, _ and -"),
        ({"PULL_REQUEST": "7/../8"}, "pull-request: must be a number"),
    ],
)
def test_a_comment_has_a_plain_name_and_a_number(api, tmp_path, more, problem):
    ran = comment(api, tmp_path, "text", **more)
    assert (ran.returncode, ran.stderr) == (2, f"::error::{problem}\n")
    assert api.asked == []
