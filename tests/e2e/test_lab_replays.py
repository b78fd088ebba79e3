"""The examples' own programs on the real engine, with the real controllers: what each scenario promises."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from eks_gpu_lab import control_plane
from eks_gpu_lab.apply import lab_stack
from eks_gpu_lab.charts import PLAYED
from eks_gpu_lab.cluster_api import ClusterApi
from eks_gpu_lab.replay import Replay
from eks_gpu_lab.scenario import CHECKOUT, Scenario, scenarios
from eks_gpu_lab.state import Lab, find_lab


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    """A lab that nobody else uses."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    try:
        yield control_plane.up()
    finally:
        control_plane.down()


@pytest.mark.parametrize("name", scenarios())
def test_a_replay_ends_as_expected(lab, name):
    result = Replay(lab, name, Scenario.load(name)).run()
    assert result.differences == []
    assert result.timeline[0].gpu_nodes == 0
    assert max(moment.gpu_nodes for moment in result.timeline) in (6, 10)
    assert result.timeline[-1].hourly == 0


def test_a_program_comes_up_once_and_its_controllers_go_with_their_charts(lab):
    stack = lab_stack(lab, CHECKOUT / "examples" / "karpenter-inference", "dev")
    first = stack.up()
    assert set(first.changes) == {"create"}
    assert [release.chart for release in first.charts] == [
        "aws-load-balancer-controller",
        "karpenter",
        "karpenter-crd",
        "nvidia-device-plugin",
    ]
    assert first.outputs["url"].endswith(".elb.us-west-2.amazonaws.com:8501")
    assert controllers() == {"karpenter", "karpenter-pricing", "load-balancers"}

    assert stack.up().changes == {"same": first.changes["create"]}

    assert stack.destroy().left == ()
    assert controllers() == set()
    assert ClusterApi(lab).list("/api/v1/nodes") == []


def controllers() -> set[str]:
    played = {name for each in PLAYED.values() for name in each.processes}
    return {process.name for process in find_lab().processes} & played
