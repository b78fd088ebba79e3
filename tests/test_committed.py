"""What tests judge of a checkout that is also somebody's place of work."""

import subprocess
from pathlib import Path

import pytest

from tests import committed

TRACKED = {
    ".gitignore": ".venv*/\n__pycache__/\n",
    "Pulumi.yaml": "name: shop\n",
    "Pulumi.dev.yaml": "config: {aws:region: us-west-2}\n",
    "policy/PulumiPolicy.yaml": "runtime: python\n",
    "__main__.py": "before = 1\n",
    "examples/small/Pulumi.dev.yaml": "config: {}\n",
    "gone.py": "",
}
OWN = {
    "Pulumi.yaml": "name: mine\n",
    "Pulumi.dev.yaml": "{ broken",
    "Pulumi.mine.yaml": "config: {aws:region: nowhere}\n",
    "__main__.py": "after = 2\n",
    "mine.py": "import nothing_that_there_is\n",
    "examples/mine/Pulumi.yaml": "name: mine\n",
    ".venv/module.py": "",
}


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files of `TRACKED`, which is what the module takes for its checkout."""
    folder = tmp_path / "checkout"
    monkeypatch.setattr(committed, "CHECKOUT", folder)
    for remembered in (committed._tracked, committed._not_ignored):
        monkeypatch.setattr(committed, remembered.__name__, remembered.__wrapped__)
    write(folder, TRACKED)
    return folder


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def commit(folder: Path) -> None:
    who = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
    for arguments in (["init", "-q"], ["add", "-A"], [*who, "commit", "-q", "--no-verify", "-m", "all"]):
        subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)


def exported(folder: Path) -> dict[str, str]:
    committed.export(folder)
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_settings_are_as_committed_and_code_is_as_it_stands_and_files_of_the_users_own_are_not_there(
    checkout, tmp_path
):
    commit(checkout)
    write(checkout, OWN)
    (checkout / "gone.py").unlink()
    assert exported(tmp_path / "judged") == {
        **{name: text for name, text in TRACKED.items() if name != "gone.py"},
        "__main__.py": "after = 2\n",
    }


def test_a_stack_that_its_user_has_deleted_or_staged_is_judged_as_committed(checkout, tmp_path):
    commit(checkout)
    (checkout / "Pulumi.dev.yaml").unlink()
    (checkout / "Pulumi.new.yaml").write_text("{ broken")
    subprocess.run(["git", "add", "-A"], cwd=checkout, check=True)
    assert exported(tmp_path / "judged") == TRACKED


def test_an_archive_of_the_sources_is_judged_as_it_is_but_for_what_is_made(checkout, tmp_path):
    write(checkout, OWN)
    assert exported(tmp_path / "judged") == {
        name: text for name, text in (TRACKED | OWN).items() if name != ".venv/module.py"
    }


def test_a_checkout_inside_of_another_repository_is_judged_by_what_that_tracks(checkout, tmp_path):
    commit(tmp_path)
    (checkout / "Pulumi.dev.yaml").write_text("{ broken")
    assert exported(tmp_path / "judged") == TRACKED


def test_files_are_found_or_the_test_that_looks_for_them_fails(checkout):
    assert committed.files(".py") == ["__main__.py", "gone.py"]
    with pytest.raises(AssertionError, match=r"has no file \.rs"):
        committed.files(".rs")
