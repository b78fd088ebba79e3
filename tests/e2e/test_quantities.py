"""Quantities and durations against Kubernetes' and Go's own readers of them, in the lab's version of both."""

import json
import re
import shutil
import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

import eks_gpu.lab
from eks_gpu.lab.go import environment
from eks_gpu.pods.durations import seconds
from eks_gpu.pods.quantities import quantity
from tests.quantities import broken, durations, quantities

MODULE = Path(eks_gpu.lab.__file__).parent / "tools" / "kubernetes"
PROGRAM = Path(__file__).parent / "kubernetes_grammar" / "main.go"
EDGES = [
    "",
    "0",
    "-0",
    "1E",
    "1e",
    "1E3",
    "1e3Ki",
    "1Ei",
    "8Ei",
    "9Ei",
    "-9Ei",
    "0.1n",
    "-0.1n",
    ".1n",
    "5.",
    " 1 ",
    "1 Gi",
]
EDGES += ["1ki", "1K", "1_000", "1e1.5", "0.5Ki", "1.0000000001", "9223372036854775808", "-0.3Ki", "1536Gi", "1.5Ti"]
EDGES += ["-", "+0", "1d", "1h 30m", "2562047h", "2562048h", "-2562047h47m16s854ms775us808ns", "1h1h", "5.s", ".s"]
EDGES += ["9223372036854775807ns", "9223372036854775808ns", "-9223372036854775808ns", "Never", "1H", "0.1ns"]
NUMBER = re.compile(r" *[+-]?\.?[0-9]")
MOST_NANOS = 10**49


@pytest.fixture(scope="module")
def texts() -> list[str]:
    """Of each kind thousands, the same in every run."""
    found = dict.fromkeys(EDGES)

    @settings(max_examples=3000, derandomize=True, database=None, deadline=None)
    @given(quantities() | durations() | broken())
    def draw(text: str) -> None:
        found[text] = None

    draw()
    return list(found)


@pytest.fixture(scope="module")
def told(texts) -> list[dict[str, Any]]:
    """What Go says of each."""
    if not shutil.which("go"):
        pytest.skip("Go is not there to read quantities and durations with")
    done = subprocess.run(
        ["go", "run", str(PROGRAM)],
        cwd=MODULE,
        env=environment(MODULE),
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def test_a_quantity_is_what_kubernetes_reads(texts, told):
    judged = {text: in_the_grammar(text, answer["nanos"]) for text, answer in zip(texts, told, strict=True)}
    assert {text: nanos(text) for text in judged} == judged
    assert sum(found is not None for found in judged.values()) > 500
    assert sum(found is None for found in judged.values()) > 500


def test_the_canonical_form_is_the_same_quantity(told):
    answers = [answer for answer in told if answer["canonical"] is not None]
    canonical = {answer["canonical"]: in_the_grammar("0", answer["nanos"]) for answer in answers}
    assert len(canonical) > 500
    assert {text: nanos(text) for text in canonical} == canonical


def test_a_duration_is_what_go_reads(texts, told):
    """Go cuts a part's fraction in floating point, which may take one nanosecond more or less of it."""
    judged = {text: answer["duration"] for text, answer in zip(texts, told, strict=True)}
    far = {text for text, theirs in judged.items() if not near(nanoseconds(text), theirs)}
    assert far == set()
    assert sum(found is not None for found in judged.values()) > 500


def in_the_grammar(text: str, theirs: int | None) -> int | None:
    """Go's answer, but none for a sign, a point or a suffix alone, which Go reads as 0, and nothing beyond 1e40."""
    if theirs is None or not NUMBER.match(text):
        return None
    return max(min(theirs, MOST_NANOS), -MOST_NANOS)


def nanos(text: str) -> int | None:
    try:
        found = quantity(text) * 10**9
    except ValueError:
        return None
    assert found.denominator == 1
    return found.numerator


def nanoseconds(text: str) -> Fraction | None:
    try:
        return seconds(text) * 10**9
    except ValueError:
        return None


def near(ours: Fraction | None, theirs: int | None) -> bool:
    return ours == theirs if ours is None or theirs is None else abs(ours - theirs) <= 4
