"""The hook as its user runs it: by pre-commit, from a repository with its file, in a repository of their own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.assistants import project
from tests.programs import ROOT

pytestmark = pytest.mark.minutes(0.2)
BIN = Path(sys.executable).parent
SPOT = """\
import pulumi_kubernetes as kubernetes

pod = {"containers": [{"name": "train", "image": "train"}]}
template = {"metadata": {"labels": {"app": "train"}}, "spec": pod}
spec = {"selector": {"matchLabels": {"app": "LABEL"}}, "template": template}
kubernetes.apps.v1.Deployment("train", metadata={"name": "train"}, spec=spec)
"""


def git(folder: Path, *words: str) -> str:
    name = ["-c", "user.name=a", "-c", "user.email=a@b.example", "-c", "commit.gpgsign=false"]
    return subprocess.run(["git", *name, *words], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with a project in `infra`, which has the hook in its configuration."""
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    (hooks / ".pre-commit-hooks.yaml").write_text((ROOT / ".pre-commit-hooks.yaml").read_text())
    git(hooks, "init", "-q")
    git(hooks, "add", "-A")
    git(hooks, "commit", "-q", "-m", "hooks")
    mine = tmp_path / "mine"
    mine.mkdir()
    project(mine / "infra", SPOT.replace("LABEL", "train"))
    told = f"{{repo: {hooks}, rev: {git(hooks, 'rev-parse', 'HEAD')}, hooks: [{{id: eks-gpu-plan, args: [infra]}}]}}"
    (mine / ".pre-commit-config.yaml").write_text(f"repos: [{told}]\n")
    git(mine, "init", "-q")
    git(mine, "add", "-A")
    return mine


def run(repository: Path) -> subprocess.CompletedProcess[str]:
    known = {key: value for key, value in os.environ.items() if key.startswith(("HOME", "EKS_GPU_", "LANG"))}
    environment = {**known, "PATH": f"{BIN}:{os.environ['PATH']}", "PRE_COMMIT_HOME": str(repository.parent / "cache")}
    return subprocess.run(
        [BIN / "pre-commit", "run", "--all-files"], cwd=repository, capture_output=True, text=True, env=environment
    )


def test_a_healthy_project_passes_and_one_with_a_failing_check_does_not(repository):
    healthy = run(repository)
    assert healthy.returncode == 0, healthy.stdout + healthy.stderr
    assert "Passed" in healthy.stdout
    (repository / "infra/__main__.py").write_text(SPOT.replace("LABEL", "other"))
    broken = run(repository)
    assert broken.returncode == 1
    assert "FAIL objects-are-accepted" in broken.stdout
    (repository / "infra/Pulumi.dev.yaml").write_text("config: {aws:region: us-west-9}\n")
    assert "error: Pulumi.dev.yaml:1: aws:region must be a region of AWS" in run(repository).stdout
