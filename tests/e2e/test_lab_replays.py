"""Whole systems on the real engine, with the real controllers: what each scenario promises."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from eks_gpu_lab import control_plane
from eks_gpu_lab.replays.kinds import load, scenarios
from eks_gpu_lab.state import Lab


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    """A lab that nobody else uses."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    try:
        yield control_plane.up()
    finally:
        control_plane.down()


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.minutes(load(name).minutes)) for name in scenarios()]
)
def test_a_replay_ends_as_expected(lab, name):
    result = load(name).replay(lab, name)
    assert result.differences == []
