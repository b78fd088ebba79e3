"""The real engine looks ahead: a preview tells what `up` then does, and makes nothing."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from eks_gpu_lab import control_plane
from eks_gpu_lab.apply import lab_stack
from eks_gpu_lab.engine import backend
from eks_gpu_lab.interrupted import has_stack
from eks_gpu_lab.leftovers import leftovers
from eks_gpu_lab.outcomes import Step
from eks_gpu_lab.state import Lab

EXAMPLE = Path(__file__).parents[2] / "examples" / "karpenter-inference"


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    """A lab that nobody else uses."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    try:
        yield control_plane.up()
    finally:
        control_plane.down()


def urns(steps: Iterable[Step], operation: str) -> set[str]:
    return {step.urn for step in steps if step.operation == operation}


@pytest.mark.minutes(2)
def test_a_preview_makes_nothing_and_names_every_resource_that_up_makes(lab):
    stack = lab_stack(lab, EXAMPLE, "dev")
    ahead = stack.preview()
    assert leftovers(lab) == []
    assert not has_stack(backend(lab), "karpenter-inference", "dev")

    made = stack.up().steps
    assert urns(ahead, "create") == urns(made, "create")
    assert len(urns(made, "create")) > 90
    assert {step.operation for step in ahead} == {"create"}

    again = stack.preview()
    assert urns(again, "same") == urns(made, "create")
    assert {step.operation for step in again} == {"same"}
