"""Malformed documents, 20,000, at import, explain and check: an answer or wrong input, soon, in little memory."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

DOCUMENTS = {"import": 9000, "explain": 9000, "check": 2000}
MAX_MIB, MAX_S = 300, 5


@pytest.mark.minutes(1)
@pytest.mark.parametrize(("command", "number"), DOCUMENTS.items())
def test_a_malformed_document_ends_with_an_answer_or_wrong_input(command, number):
    """In a process of its own, whose memory is only this command's."""
    root = Path(__file__).parent.parent.parent
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzzed", command, str(number)],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=1200,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout)
    assert told["documents"] == number
    assert told["answers"] > number / 100
    assert told["refused"] > number / 100
    assert told["crashes"] == []
    assert told["slowest_cpu_s"] < MAX_S
    assert told["peak_mib"] < MAX_MIB
