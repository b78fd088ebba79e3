"""Replays: what a scenario says and expects, and how its result is told."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from eks_gpu.commands import lab as cli
from eks_gpu.io.problems import InputError
from eks_gpu.lab.replays import kinds, report, steps, timeline
from eks_gpu.lab.replays.kinds import SCENARIOS, load, scenarios
from eks_gpu.lab.replays.picture import chart, picture
from eks_gpu.lab.replays.result import Result, told
from eks_gpu.lab.replays.steps import Steps
from eks_gpu.lab.replays.timeline import Moment, Timeline
from eks_gpu.lab.state import Lab
from eks_gpu.lab.status import Status
from eks_gpu.lab.toolset import TOOLS
from tests.console import shown
from tests.labs import a_lab, node

STEP = {"running resnet": 6, "gpu_nodes": {"g4dn.xlarge": 6}, "new_gpu_nodes": {"g4dn.xlarge": 5}}
EXPECTED = {"1 to 6 replicas": {**STEP, "within_s": 120}, "left": []}
MEASURED = {"1 to 6 replicas": {**STEP, "zones": 2, "after_s": 34.5}, "left": []}


def result(**step: Any) -> Result:
    moments = tuple(Moment(t, 3 + n, n, pods, 0.25 + 0.5 * n) for t, n, pods in ((1, 0, 1), (2, 1, 0), (3, 6, 0)))
    measured = {**MEASURED, "1 to 6 replicas": {**MEASURED["1 to 6 replicas"], **step}}
    return Result("karpenter-inference", EXPECTED, measured, moments)


def test_what_is_as_expected_passes():
    assert (result().passed, result().differences) == (True, [])


@pytest.mark.parametrize(
    ("step", "difference"),
    [
        ({"running resnet": 5}, "1 to 6 replicas: running resnet expected 6, got 5"),
        (
            {"new_gpu_nodes": {"g4dn.12xlarge": 1, "g4dn.xlarge": 1}},
            "1 to 6 replicas: new_gpu_nodes expected 5 g4dn.xlarge, got 1 g4dn.12xlarge, 1 g4dn.xlarge",
        ),
        ({"gpu_nodes": {}}, "1 to 6 replicas: gpu_nodes expected 6 g4dn.xlarge, got none"),
        ({"after_s": 120.5}, "1 to 6 replicas: seconds expected at most 120, got 120.5"),
    ],
)
def test_a_difference_names_step_quantity_expected_and_measured(step, difference):
    assert result(**step).differences == [difference]
    assert not result(**step).passed


def test_a_step_that_was_never_reached_and_what_is_left_are_differences():
    found = Result("s", EXPECTED, {"left": ["role gpu-1", "queue inference"]}, ())
    assert found.differences == [
        "1 to 6 replicas: running resnet expected 6, was not reached",
        "1 to 6 replicas: gpu_nodes expected 6 g4dn.xlarge, was not reached",
        "1 to 6 replicas: new_gpu_nodes expected 5 g4dn.xlarge, was not reached",
        "1 to 6 replicas: seconds expected at most 120, was not reached",
        "left expected nothing, got role gpu-1, queue inference",
    ]


@pytest.mark.parametrize(
    ("expected", "measured", "differences"),
    [
        ({"ratio": {"at_most": 1.15}}, {"ratio": 1.15}, []),
        ({"ratio": {"at_most": 1.15}}, {"ratio": 1.2}, ["ratio expected at most 1.15, got 1.2"]),
        ({"ratio": {"at_least": 1.5}}, {"ratio": 1.2}, ["ratio expected at least 1.5, got 1.2"]),
        ({"quiet": {"for_s": 30}}, {"quiet": {"after_s": 30.1}}, []),
        (
            {"quiet": {"for_s": 30}},
            {"quiet": {"after_s": 12}},
            ["quiet: seconds expected at least 30, got 12"],
        ),
    ],
)
def test_a_quantity_may_have_a_bound(expected, measured, differences):
    assert Result("s", expected, measured, ()).differences == differences


def test_the_json_of_a_replay():
    assert result().as_json() == {
        "scenario": "karpenter-inference",
        "expected": EXPECTED,
        "measured": MEASURED,
        "passed": True,
        "timeline": [
            {"t_s": 1, "nodes": 3, "gpu_nodes": 0, "pending_pods": 1, "hourly": 0.25},
            {"t_s": 2, "nodes": 4, "gpu_nodes": 1, "pending_pods": 0, "hourly": 0.75},
            {"t_s": 3, "nodes": 9, "gpu_nodes": 6, "pending_pods": 0, "hourly": 3.25},
        ],
    }


def test_the_picture_has_a_panel_for_each_quantity_and_every_second():
    drawn = chart(result()).to_dict()
    assert [panel["encoding"]["y"]["field"] for panel in drawn["vconcat"]] == ["gpu_nodes", "pending_pods", "hourly"]
    assert drawn["data"]["values"][2] == {"t_s": 3, "gpu_nodes": 6, "pending_pods": 0, "hourly": 3.25}
    svg = picture(result())
    assert svg.startswith("<svg")
    assert all(title in svg for title in ("karpenter-inference", "GPU nodes", "pending pods", "USD an hour"))


def test_the_timeline_remembers_nodes_that_have_gone_and_the_most_accelerators_at_once(monkeypatch):
    looks = iter([Status((node("system", 0), node("a", 1), node("b", 4)), 2, 3), Status((node("system", 0),), 0, 0)])
    monkeypatch.setattr(timeline, "status", lambda lab: next(looks))
    watched = Timeline(a_lab(Path()))
    watched.look()
    watched.look()
    assert (list(watched.seen), watched.peak_gpus) == (["a", "b"], 5)


def test_the_timeline_has_a_moment_for_each_look_and_goes_on_when_nobody_answers(monkeypatch):
    looks: list[Any] = [Status((node("a", 1),), 2, 3), OSError("busy"), Status((), 0, 0)]

    def status(lab: Lab) -> Status:
        found = looks.pop(0) if looks else Status((), 0, 0)
        if isinstance(found, OSError):
            raise found
        return found

    monkeypatch.setattr(timeline, "status", status)
    monkeypatch.setattr(timeline, "EVERY_S", 0.01)
    with Timeline(a_lab(Path())) as watched:
        while len(watched.moments) < 2:
            pass
    assert [(m.nodes, m.gpu_nodes, m.pending_pods, m.hourly) for m in watched.moments[:2]] == [
        (1, 1, 2, 0.526),
        (0, 0, 0, 0),
    ]


def test_the_report_ends_with_measured_against_expected():
    scenario = load("karpenter-inference")
    lines = shown(report.replayed(result(), scenario))
    assert lines.startswith("Karpenter buys one g4dn.xlarge for each ResNet replica")
    assert ["new", "GPU", "nodes", "5", "g4dn.xlarge", "5", "g4dn.xlarge"] in [
        line.split() for line in lines.splitlines()
    ]
    assert lines.rstrip().endswith("as expected")
    differs = shown(report.replayed(result(**{"running resnet": 5}), scenario))
    assert differs.rstrip().endswith("differs from expected\n1 to 6 replicas: running resnet expected 6, got 5")


def test_the_bars_are_as_high_as_the_peak_and_empty_at_zero():
    assert report.bars([0, 1, 2, 4, 8]) == " ▂▃▅█"
    assert report.bars([0, 0]) == "  "
    assert report.bars([0, 8, 0, 0, 4, 0], width=3) == "█ ▅"


def test_quantities_are_told_in_words():
    told_ = [told(value) for value in (6, 34.5, {"g4dn.xlarge": 5}, {}, [], ["a", "b"], "no")]
    assert told_ == ["6", "34.5", "5 g4dn.xlarge", "none", "nothing", "a, b", "no"]


def test_what_a_scenario_shortens_is_told():
    lines = shown(report.replayed(result(), load("spot-autoscaling-groups")))
    assert "Shortened for the replay: scale-down-delay-after-add 10s, idle_s 10." in lines


@pytest.mark.parametrize("name", scenarios())
def test_every_scenario_can_be_read(name):
    assert load(name).about.endswith(".")


def test_what_a_scenario_needs_beyond_every_lab_is_what_the_lab_can_build():
    needed = {name for scenario in scenarios() for name in load(scenario).further}
    assert {"keda-operator", "keda-adapter"} <= needed
    assert {name for name in needed if TOOLS[name].further} == needed


def test_a_replay_of_steps_names_a_project_with_the_stack():
    for name in scenarios():
        if isinstance(scenario := load(name), Steps):
            folder = steps.project_folder(scenario.project)
            assert (folder / f"Pulumi.{scenario.stack}.yaml").exists(), name
            assert len({step.name for step in scenario.steps}) == len(scenario.steps), name


def test_five_g4dn_xlarge_more_and_no_101st_gpu_is_what_the_inference_scenario_expects():
    scenario = load("karpenter-inference")
    assert isinstance(scenario, Steps)
    assert scenario.expected() == {
        "up": {
            "running resnet": 1,
            "gpu_nodes": {"g4dn.xlarge": 1},
            "new_gpu_nodes": {"g4dn.xlarge": 1},
            "within_s": 60,
        },
        "1 to 6 replicas": {
            "running resnet": 6,
            "gpu_nodes": {"g4dn.xlarge": 6},
            "new_gpu_nodes": {"g4dn.xlarge": 5},
            "within_s": 120,
        },
        "6 to 0 replicas": {"running resnet": 0, "gpu_nodes": {}, "new_gpu_nodes": {}, "within_s": 90},
        "101 pods": {"running more": 100, "pending_pods": 1, "peak_gpus": 100, "within_s": 240},
        "left": [],
    }


def test_an_unknown_scenario_is_wrong_input_with_the_nearest():
    with pytest.raises(InputError, match="no scenario is named karpenter-inferense; nearest: karpenter-inference"):
        load("karpenter-inferense")
    assert CliRunner().invoke(cli.app, ["replay", "nonsense-xyz"]).exception.__class__ is InputError


def test_without_a_name_all_scenarios_are_listed_with_their_minutes():
    listed = CliRunner().invoke(cli.app, ["replay"])
    assert listed.exit_code == 0
    rows = [line.split()[:2] for line in listed.output.splitlines() if line[0] not in " ─"]
    assert rows[0] == ["scenario", "minutes"]
    assert [name for name, _ in rows[1:]] == scenarios()
    assert ["karpenter-inference", "4.5"] in rows


def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> str:
    given = yaml.safe_load((SCENARIOS / "karpenter-inference.yaml").read_text()) | changes
    (tmp_path / "broken.yaml").write_text(yaml.safe_dump(given))
    monkeypatch.setattr(kinds, "SCENARIOS", tmp_path)
    with pytest.raises(InputError) as problem:
        load("broken")
    return str(problem.value)


def test_a_scenario_with_mistakes_is_told_all_of_them(tmp_path, monkeypatch):
    step = {"name": "up", "within_s": 0, "expect": {"runing": 6}}
    problem = broken(tmp_path, monkeypatch, steps=[step])
    assert "within_s" in problem
    assert "runing" in problem


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"kind": "step"}, "broken.yaml: kind must be one of "),
        ({"steps": [{"name": "a", "expect": {}}]}, "a step has either within_s or for_s"),
        (
            {"steps": [{"name": "a", "for_s": 1, "event": "spot-notice", "expect": {}}]},
            "event must be one of scale-in, spot-end, spot-interruption, got spot-notice",
        ),
        (
            {"steps": [{"name": "a", "for_s": 1, "program": ["no queue"], "expect": {}}]},
            "step a: no alteration is named no queue",
        ),
        (
            {"steps": [{"name": "a", "for_s": 1, "expect": {"running": {"renset": 1}}}]},
            "step a: no workload is named renset",
        ),
        (
            {"workloads": {"resnet": {"namespace": "resnet"}}, "steps": [{"name": "a", "for_s": 1, "expect": {}}]},
            "a workload is either a deployment or a job",
        ),
    ],
)
def test_a_scenario_that_means_nothing_is_refused(tmp_path, monkeypatch, changes, problem):
    assert problem in broken(tmp_path, monkeypatch, **changes)
