"""The linters: style, format, types, and who may import whom (the floors in pyproject.toml)."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.programs import ROOT

BIN = Path(sys.executable).parent
LINTERS = {
    "style": ["ruff", "check"],
    "format": ["ruff", "format", "--check"],
    "types": ["pyright"],
    "imports": ["lint-imports", "--no-logo", "--no-cache"],
}


@pytest.mark.parametrize("linter", LINTERS)
def test_a_linter_finds_nothing(linter):
    program, *arguments = LINTERS[linter]
    ran = subprocess.run([BIN / program, *arguments], cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
