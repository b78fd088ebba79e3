"""The hook for pre-commit as a file; `tests/e2e/test_pre_commit.py` runs it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from eks_gpu.offline.questions import ANSWERS_FILE
from tests.programs import ROOT

(HOOK,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))


def test_pre_commit_takes_the_file():
    command = [Path(sys.executable).parent / "pre-commit", "validate-manifest", ROOT / ".pre-commit-hooks.yaml"]
    ran = subprocess.run(command, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize(
    ("file", "runs"),
    [
        ("Pulumi.yaml", True),
        ("infra/Pulumi.prod.yaml", True),
        ("Pulumi.yml", True),
        ("infra/pools/gpu.py", True),
        (ANSWERS_FILE, True),
        ("README.md", False),
        ("NotPulumi.yaml", False),
        ("docs/Pulumi.dev.yaml.md", False),
    ],
)
def test_it_runs_where_a_plan_may_change(file, runs):
    assert bool(re.search(HOOK["files"], file)) == runs
