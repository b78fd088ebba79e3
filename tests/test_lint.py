"""The linters: style, format, types, and who may import whom (the floors in pyproject.toml).

A module of somebody's own, which git does not track, is nobody else's to judge.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.committed import CHECKOUT, committed

BIN = Path(sys.executable).parent
LINTERS = {
    "style": ["ruff", "check"],
    "format": ["ruff", "format", "--check"],
    "types": ["pyright"],
    "imports": ["lint-imports", "--no-logo", "--no-cache"],
}


@pytest.mark.parametrize("linter", LINTERS)
def test_a_linter_finds_nothing(linter, tmp_path):
    program, *arguments = LINTERS[linter]
    (tmp_path / "eks_gpu_components").symlink_to(committed() / "components")  # the name it is installed under
    environment = {**os.environ, "PYTHONPATH": f"{committed()}:{tmp_path}"}
    ran = subprocess.run([BIN / program, *arguments], cwd=committed(), capture_output=True, text=True, env=environment)
    assert ran.returncode == 0, (ran.stdout + ran.stderr).replace(str(committed()), str(CHECKOUT))
