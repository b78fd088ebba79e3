"""How `make e2e` shares its tests out: those that need the same lab go to one worker, and the longest come first."""

import re
import subprocess
import sys
from pathlib import Path

E2E = Path(__file__).parent / "e2e"

GROUPS = """
import pytest

def of(n):
    return pytest.param(n, marks=[pytest.mark.xdist_group(f"life of {n}"), pytest.mark.minutes(n)])

@pytest.mark.parametrize("n", [of(1), of(2), of(3)])
@pytest.mark.parametrize("test", range(4))
def test_life(n, test, worker_id):
    with open("told", "a") as told:
        told.write(f"{worker_id} {n}\\n")
"""


def options() -> list[str]:
    """Those of the Makefile, with two workers."""
    (found,) = re.findall(r"^E2E := \$\(BIN\)/pytest (.+)$", (E2E.parents[1] / "Makefile").read_text(), re.MULTILINE)
    return found.replace("$(WORKERS)", "2").split()


def test_tests_of_a_group_go_to_one_worker_and_the_longest_group_first(tmp_path):
    (tmp_path / "test_lives.py").write_text(GROUPS)
    (tmp_path / "conftest.py").write_text((E2E / "conftest.py").read_text())
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options()]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)

    told = [line.split() for line in (tmp_path / "told").read_text().splitlines()]
    assert len(told) == 12
    assert len({(worker, group) for worker, group in told}) == 3
    assert {group for _, group in told[:2]} <= {"3", "2"}
