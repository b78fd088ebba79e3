"""Whole systems on the real engine, with the real controllers: what each scenario promises."""

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from eks_gpu.lab import control_plane
from eks_gpu.lab.interrupted import orphans
from eks_gpu.lab.replays import report
from eks_gpu.lab.replays.kinds import load, scenarios
from eks_gpu.lab.replays.picture import picture
from eks_gpu.lab.replays.result import Result
from eks_gpu.lab.state import recorded_lab
from eks_gpu.lab.toolchain import is_built
from tests.committed import committed
from tests.console import shown


@dataclass(frozen=True)
class Replayed:
    """A scenario in a lab that nobody else uses, and what runs of it when the lab is down."""

    result: Result
    told: str
    """On a terminal of 80 columns."""
    left: list[str]
    complaints: list[str]
    """What the lab's programs called an error, the last of each."""


ERROR = re.compile(r'"level":"ERROR"|^E\d{4} |Error: ')
"""In lines of Karpenter, of Kubernetes' programs and of the lab's own."""
SHOWN = 10


def complaints(logs: Path) -> list[str]:
    return [
        f"{log.stem}: {line}"
        for log in sorted(logs.glob("*.log"))
        for line in [line for line in log.read_text(errors="replace").splitlines() if ERROR.search(line)][-SHOWN:]
    ]


@pytest.fixture(scope="module")
def replayed(name: str, tmp_path_factory: pytest.TempPathFactory) -> Replayed:
    scenario = load(name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("eks_gpu.lab.replays.scenario.CHECKOUT", committed())
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp(name)))
        try:
            lab = control_plane.up()
            result = scenario.replay(lab, name)
        finally:
            known = recorded_lab()
            said = complaints(known.folder / "logs") if known else []
            control_plane.down()
    assert known
    ended = known.ended()
    left = [process.name for process in (*known.processes, *orphans(known.folder)) if process not in ended]
    return Replayed(result, shown(report.replayed(result, scenario)), left, said)


def replayed_once(name: str) -> Any:
    """All that is asked about one scenario is asked where it has been replayed."""
    scenario = load(name)
    missing = [tool for tool in scenario.further if not is_built(tool)]
    unbuilt = pytest.mark.skipif(bool(missing), reason=f"{missing} are not built: `make replays` builds them")
    left_out = pytest.mark.skipif(
        scenario.long and not os.environ.get("EKS_GPU_LONG"), reason=f"{name} is long: `make replays` runs it"
    )
    marks = [
        pytest.mark.xdist_group(f"replay of {name}"),
        pytest.mark.minutes(scenario.minutes),
        unbuilt,
        left_out,
    ]
    return pytest.param(name, marks=marks)


each_scenario = pytest.mark.parametrize("name", [replayed_once(name) for name in scenarios()], scope="module")


@each_scenario
def test_a_replay_ends_as_expected(replayed):
    assert not replayed.result.differences, "\n".join((*replayed.result.differences, *replayed.complaints))


@each_scenario
def test_a_replay_is_told_written_and_drawn(replayed, name):
    written = json.loads(json.dumps(replayed.result.as_json()))
    lines = replayed.told.splitlines()
    assert (written["scenario"], written["passed"]) == (name, True)
    assert "as expected" in lines
    assert max(map(len, lines)) <= 80
    assert f">{name}</text>" in picture(replayed.result)


@each_scenario
def test_nothing_of_a_replay_runs_on(replayed):
    assert replayed.left == []
