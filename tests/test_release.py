"""A release: what stands in its way is told before anything is published."""

import shutil
import subprocess
from email.message import Message
from pathlib import Path

import pytest
import yaml

from tests.committed import CHECKOUT
from tests.programs import ROOT
from tools import licences, release

WORKFLOW = yaml.safe_load((CHECKOUT / ".github/workflows/release.yml").read_text())


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository in which everything is ready for a release."""
    for name in ("pyproject.toml", release.SCHEMA, "templates/eks-gpu-python/requirements.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    text = (tmp_path / "pyproject.toml").read_text()
    (tmp_path / "pyproject.toml").write_text(text.replace("eks-gpu-components.example", "git.test/o/r"))
    (tmp_path / "CHANGELOG.md").write_text("# Changelog\n\n## Unreleased\n\n## 0.1.0 (2026-12-01)\n\n- all of it\n")
    git(tmp_path, "init", "-q")
    commit(tmp_path)
    git(tmp_path, "tag", "v0.1.0")
    return tmp_path


def git(folder: Path, *words: str) -> None:
    subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True)


def commit(folder: Path) -> None:
    git(folder, "add", "-A")
    author = ["-c", "user.name=a", "-c", "user.email=a@b.example", "-c", "commit.gpgsign=false"]
    git(folder, *author, "commit", "-qm", "a")


def in_the_way(folder: Path) -> list[str]:
    return [line for check in (*release.ALWAYS, *release.AT_RELEASE) for line in check(folder)]


def replace(file: Path, old: str, new: str) -> None:
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))


def test_a_dry_run_of_this_commit_finds_nothing_in_the_way(capsys):
    assert release.main(["--dry", "--root", str(ROOT)]) == 0
    told = capsys.readouterr()
    assert "before the release: pyproject.toml: project.urls.Homepage is a placeholder" in told.out
    assert told.out.endswith("0.1.0: nothing is in the way so far\n") and told.err == ""


def test_a_tagged_commit_with_its_section_is_ready(project):
    assert in_the_way(project) == []


@pytest.mark.parametrize(
    "name, old, new, told",
    [
        ("CHANGELOG.md", "0.1.0 (2026-12-01)", "0.0.9 (2026-12-01)", "has no section `## 0.1.0 (YYYY-MM-DD)`"),
        ("CHANGELOG.md", "0.1.0 (2026-12-01)", "0.1.0", "`## 0.1.0` must be `## 0.1.0 (YYYY-MM-DD)`"),
        ("CHANGELOG.md", "- all of it\n", "", "`## 0.1.0 (2026-12-01)` is empty"),
        ("CHANGELOG.md", "## Unreleased\n", "## Unreleased\n\n- more\n", "`## Unreleased` must be empty"),
        ("pyproject.toml", 'version = "0.1.0"', 'version = "0.2.0rc1"', "version must be three numbers, got 0.2.0rc1"),
        ("pyproject.toml", "git.test/o/r/docs", "a.example/docs", "project.urls.Documentation is a placeholder"),
        (release.SCHEMA, '"version": "0.1.0"', '"version": "0.0.1"', "version must be 0.1.0, got 0.0.1"),
        ("templates/eks-gpu-python/requirements.txt", "0.1.0", "0.0.1", "must be eks-gpu-components==0.1.0, got"),
    ],
)
def test_each_thing_in_the_way_is_named(project, name, old, new, told):
    replace(project / name, old, new)
    assert any(line.startswith(f"{name}: ") and told in line for line in in_the_way(project))
    assert any(line.startswith("the tree must be clean: 1 files are changed") for line in in_the_way(project))


def test_a_commit_after_the_tag_is_not_the_release(project):
    (project / "more").touch()
    commit(project)
    assert in_the_way(project) == ["the commit must have the tag v0.1.0, and has none"]


def test_packages_of_another_version_are_not_published(project, tmp_path):
    folder = tmp_path / "dist"
    folder.mkdir()
    (folder / "eks_gpu_components-0.0.9-py3-none-any.whl").touch()
    assert [*release.of_packages(folder, project)] == [f"{folder}: must have the wheel and the sources of 0.1.0 alone"]


def test_only_the_job_that_publishes_has_an_identity_and_it_runs_no_code_of_ours():
    assert WORKFLOW["permissions"] == {}
    build, publish = WORKFLOW["jobs"]["build"], WORKFLOW["jobs"]["publish"]
    assert build["permissions"] == {"contents": "read"}
    assert publish["permissions"] == {"id-token": "write"} and publish["needs"] == "build"
    assert [step for step in publish["steps"] if "run" in step] == []
    assert [step["run"] for step in build["steps"] if "run" in step] == [
        "make test",
        ".venv/bin/python -m tools.release",
    ]
    assert WORKFLOW[True] == {"push": {"tags": ["v[0-9]+.[0-9]+.[0-9]+"]}}  # YAML 1.1 reads `on` as true


def test_every_package_that_comes_along_has_a_licence_that_is_known():
    assert licences.unknown() == []
    assert {"pulumi", "typer", "boto3", "kubernetes"} <= {name for name, _, _ in licences.rows()}


@pytest.mark.parametrize(
    "fields, told",
    [
        ({"License-Expression": "AGPL-3.0-only"}, "AGPL-3.0-only"),
        ({"License": "MIT License\nlong text"}, "MIT"),
        ({"Classifier": "License :: OSI Approved :: GNU Affero General Public License v3"}, "GNU Affero"),
        ({}, ""),
    ],
)
def test_a_licence_is_read_from_where_a_package_says_it(fields, told, monkeypatch):
    metadata = Message()
    for name, text in fields.items():
        metadata[name] = text
    found = licences.licence(metadata)
    assert found.startswith(told) and bool(found) == bool(told)
    monkeypatch.setattr(licences, "rows", lambda: [("one", found, "all")])
    assert bool(licences.unknown()) == (found != "MIT")
