"""How `make e2e` shares its tests out: those of a lab go to one worker, the longest come first and alone."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.waiting import PATIENCE_S

E2E = Path(__file__).parent / "e2e"

GROUPS = """
import time
from pathlib import Path

import pytest

TOLD = Path("told")

def of(n):
    return pytest.param(n, marks=[pytest.mark.xdist_group(f"life of {n}"), pytest.mark.minutes(n)])

@pytest.mark.parametrize("n", [of(1), of(2), of(3)])
@pytest.mark.parametrize("test", range(3))
def test_life(n, test, worker_id):
    while (n, test) == (3, 0) and TOLD.read_text().count("\\n") < 6:  # as long as all the others take
        time.sleep(0.01)
    with TOLD.open("a") as told:
        told.write(f"{worker_id} {n}\\n")
"""


def options() -> list[str]:
    """Those of the Makefile, with two workers."""
    (found,) = re.findall(
        r"^E2E := GOGC=\d+ \$\(BIN\)/pytest (.+)$", (E2E.parents[1] / "Makefile").read_text(), re.MULTILINE
    )
    return found.replace("$(WORKERS)", "2").split()


def test_tests_of_a_group_go_to_one_worker_and_nothing_waits_behind_the_longest(tmp_path):
    (tmp_path / "test_lives.py").write_text(GROUPS)
    (tmp_path / "conftest.py").write_text((E2E / "conftest.py").read_text())
    (tmp_path / "told").touch()
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "xdist", *options()]
    alone = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(E2E.parents[1])}
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=PATIENCE_S, env=alone)

    told = [line.split() for line in (tmp_path / "told").read_text().splitlines()]
    assert len(told) == 9
    groups_of = {worker: {group for by, group in told if by == worker} for worker, _ in told}
    assert sorted(groups_of.values(), key=len) == [{"3"}, {"1", "2"}]
