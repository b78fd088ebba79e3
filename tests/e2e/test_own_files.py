"""The suite in somebody's place of work: whatever files of their own are there, each test says what it says without."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.committed import CHECKOUT, export

pytestmark = [pytest.mark.xdist_group("own files"), pytest.mark.minutes(2)]  # they are compared with the same run

# Of each kind of test that reads stacks, lists files, or starts a program that does.
TESTS = (
    "tests/test_lint.py",
    "tests/test_programs.py::test_every_check_holds_but_that_the_address_is_yours_to_give",
    "tests/test_contract.py::test_no_urn_is_gone_and_what_is_new_is_recorded",
    "tests/test_package.py::test_the_wheel_holds_the_library_and_the_planner_under_their_installed_names",
    "tests/test_package.py::test_every_package_of_the_checkout_is_in_the_distribution",
    "tests/eks_gpu/commands/test_main.py::test_all_stacks_are_a_list_in_one_process",
    "tests/eks_gpu/explain/test_explain_command.py::test_the_program_is_run_where_no_plan_is_given",
    "tests/eks_gpu/importers/test_import_wrong_input.py::test_a_file_with_some_of_it_broken_is_read_or_refused",
    "tests/eks_gpu/lab/test_admission.py::test_the_scenario_of_admission_tries_300_pods_on_every_stack",
    "tests/eks_gpu/lab/test_replays.py::test_a_replay_of_steps_names_a_project_with_the_stack",
)
NOT_THE_SLOWEST = "not types"  # the type checker works in the folder that the other linters work in


def another_region_and_type(checkout: Path) -> None:
    file = checkout / "Pulumi.dev.yaml"
    text = file.read_text()
    changed = text.replace("us-west-2", "eu-west-3").replace("g4dn.xlarge", "p5.48xlarge").replace("g5.xlarge", "p4d")
    assert changed != text
    file.write_text(changed)


def broken_stacks(checkout: Path) -> None:
    (checkout / "Pulumi.dev.yaml").write_text("config: {aws:region: [us-west-2\n")
    (checkout / "examples" / "auto-mode" / "Pulumi.dev.yaml").unlink()


def files_of_their_own(checkout: Path) -> None:
    another_region_and_type(checkout)
    stacks_and_examples_of_their_own(checkout)
    modules_and_documents_of_their_own(checkout)


def stacks_and_examples_of_their_own(checkout: Path) -> None:
    (checkout / "Pulumi.mine.yaml").write_text("config: {aws:region: nowhere}\n")
    (checkout / "examples" / "gpu-operator" / "Pulumi.mine.yaml").write_text("- broken\n")
    (checkout / "plan-answers.yaml").write_text("broken: [\n")
    mine = checkout / "examples" / "mine"
    mine.mkdir()
    (mine / "Pulumi.yaml").write_text("name: mine\nruntime: python\n")
    (mine / "Pulumi.dev.yaml").write_text("config: {aws:region: us-west-2}\n")
    (mine / "__main__.py").write_text("raise RuntimeError('not yet')\n")


def modules_and_documents_of_their_own(checkout: Path) -> None:
    for folder in ("components", "eks_gpu/checks", "eks_gpu/mine", "tools"):
        (checkout / folder).mkdir(exist_ok=True)
        (checkout / folder / "mine.py").write_text("import eks_gpu.commands.main as unused, nothing_that_there_is\n")
    (checkout / "eks_gpu" / "mine" / "__init__.py").touch()
    (checkout / "tests" / "imported" / "mine.yaml").write_text("kind: [\n")


def git(checkout: Path, *arguments: str) -> None:
    who = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *who, *arguments], cwd=checkout, check=True, capture_output=True)


def outcomes(folder: Path, edit: Callable[[Path], None]) -> dict[str, str]:
    """Test -> what came of it, in a repository of the checkout's files that its user has edited since."""
    checkout = folder / "checkout"
    export(checkout)
    git(checkout, "init", "-q")
    git(checkout, "add", "-A")
    git(checkout, "commit", "-q", "--no-verify", "-m", "all")
    (checkout / ".venv").symlink_to(CHECKOUT / ".venv")
    edit(checkout)

    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment["PYTHONPATH"] = str(checkout)
    options = ["-rA", "--tb=short", "-p", "no:cacheprovider", "-k", NOT_THE_SLOWEST]
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *TESTS],
        cwd=checkout,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.findall(r"^(PASSED|FAILED|ERROR|SKIPPED) (\S+)", ran.stdout, re.MULTILINE)
    assert found, ran.stdout + ran.stderr
    return {test: outcome for outcome, test in found}


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return outcomes(tmp_path_factory.mktemp("untouched"), lambda _: None)


def test_without_files_of_their_own_every_test_passes(untouched):
    assert len(untouched) > 25
    assert {test: outcome for test, outcome in untouched.items() if outcome != "PASSED"} == {}


@pytest.mark.parametrize("edit", [files_of_their_own, broken_stacks])
def test_with_files_of_their_own_every_test_says_the_same(edit, untouched, tmp_path):
    assert outcomes(tmp_path, edit) == untouched
