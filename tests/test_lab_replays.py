"""Replays: what a scenario says, what is done with it, and how it is told."""

import asyncio
import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pulumi
import pytest
import yaml
from rich.console import Console
from typer.testing import CliRunner

from eks_gpu_components.catalog import CapacityType
from eks_gpu_lab import cli
from eks_gpu_lab.cluster_api import ApiRefusal
from eks_gpu_lab.problem import LabProblem
from eks_gpu_lab.replays import events, kinds, report, steps, timeline
from eks_gpu_lab.replays.alteration import Alteration
from eks_gpu_lab.replays.kinds import SCENARIOS, load, scenarios
from eks_gpu_lab.replays.picture import chart, picture
from eks_gpu_lab.replays.result import Result, told
from eks_gpu_lab.replays.steps import Step, Steps, shorten_idle
from eks_gpu_lab.replays.timeline import Moment, Timeline
from eks_gpu_lab.replays.workload import Workload
from eks_gpu_lab.state import Lab
from eks_gpu_lab.status import NodeRow, Status
from eks_gpu_planner.problems import InputError

STEP = {"running resnet": 6, "gpu_nodes": {"g4dn.xlarge": 6}, "new_gpu_nodes": {"g4dn.xlarge": 5}}
EXPECTED = {"1 to 6 replicas": {**STEP, "within_s": 120}, "left": []}
MEASURED = {"1 to 6 replicas": {**STEP, "zones": 2, "after_s": 34.5}, "left": []}


def result(**step: Any) -> Result:
    moments = tuple(Moment(t, 3 + n, n, pods, 0.25 + 0.5 * n) for t, n, pods in ((1, 0, 1), (2, 1, 0), (3, 6, 0)))
    measured = {**MEASURED, "1 to 6 replicas": {**MEASURED["1 to 6 replicas"], **step}}
    return Result("karpenter-inference", EXPECTED, measured, moments)


def text(shown: Any) -> str:
    console = Console(width=80, file=io.StringIO())
    console.print(shown)
    return console.file.getvalue()  # pyright: ignore[reportAttributeAccessIssue]


def node(name: str, gpus: int, capacity_type: str = "on-demand", instance: str = "") -> NodeRow:
    return NodeRow(name, "g4dn.xlarge", CapacityType(capacity_type), "us-west-2a", 1, True, gpus, 0.526, instance)


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
    shown = text(report.replayed(result(), scenario))
    assert shown.startswith("Karpenter buys one g4dn.xlarge for each ResNet replica")
    assert ["new", "GPU", "nodes", "5", "g4dn.xlarge", "5", "g4dn.xlarge"] in [
        line.split() for line in shown.splitlines()
    ]
    assert shown.rstrip().endswith("as expected")
    differs = text(report.replayed(result(**{"running resnet": 5}), scenario))
    assert differs.rstrip().endswith("differs from expected\n1 to 6 replicas: running resnet expected 6, got 5")


def test_the_bars_are_as_high_as_the_peak_and_empty_at_zero():
    assert report.bars([0, 1, 2, 4, 8]) == " ▂▃▅█"
    assert report.bars([0, 0]) == "  "
    assert report.bars([0, 8, 0, 0, 4, 0], width=3) == "█ ▅"


def test_quantities_are_told_in_words():
    told_ = [told(value) for value in (6, 34.5, {"g4dn.xlarge": 5}, {}, [], ["a", "b"], "no")]
    assert told_ == ["6", "34.5", "5 g4dn.xlarge", "none", "nothing", "a, b", "no"]


def test_what_a_scenario_shortens_is_told():
    shown = text(report.replayed(result(), load("spot-autoscaling-groups")))
    assert "Shortened for the replay: scale-down-delay-after-add 10s, idle_s 10." in shown


@pytest.mark.parametrize("name", scenarios())
def test_every_scenario_can_be_read(name):
    assert load(name).about.endswith(".")


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
            {"steps": [{"name": "a", "for_s": 1, "event": "spot-interuption", "expect": {}}]},
            "event must be one of spot-interruption, got spot-interuption",
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


# What a replay changes of a program


def test_an_alteration_sets_and_takes_away_and_leaves_the_rest():
    props = {"values": {"settings": {"interruptionQueue": "q", "clusterName": "c"}}, "chart": "karpenter"}
    altered = Alteration(type="t", set={"values.settings.interruptionQueue": None, "values.logLevel": "debug"})
    assert altered.applied(props) == {
        "values": {"settings": {"clusterName": "c"}, "logLevel": "debug"},
        "chart": "karpenter",
    }
    assert props["values"]["settings"]["interruptionQueue"] == "q"


POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {"Sid": "See", "Effect": "Allow", "Action": ["ec2:DescribeImages", "ec2:DescribeSubnets"], "Resource": "*"},
        {"Sid": "Read", "Effect": "Allow", "Action": "ssm:GetParameter", "Resource": "*"},
    ],
}


def test_actions_are_taken_out_of_a_policy_and_a_statement_without_any_allows_nothing_new():
    altered = Alteration(type="t", without_actions=("ssm:GetParameter", "ec2:DescribeImages"))
    assert json.loads(altered.applied({"policy": json.dumps(POLICY)})["policy"])["Statement"] == [
        {"Sid": "See", "Effect": "Allow", "Action": ["ec2:DescribeSubnets"], "Resource": "*"},
        {"Sid": "Read", "Effect": "Allow", "Action": ["sts:GetCallerIdentity"], "Resource": "*"},
    ]


def test_a_policy_that_is_known_later_is_altered_then():
    altered = Alteration(type="t", without_actions=("ssm:GetParameter",))

    async def statements() -> list[dict[str, Any]]:
        policy = altered.applied({"policy": pulumi.Output.from_input(json.dumps(POLICY))})["policy"]
        return json.loads(await policy.future())["Statement"]

    assert [each["Action"] for each in asyncio.run(statements())][1:] == [["sts:GetCallerIdentity"]]


@pytest.mark.parametrize(
    ("type_", "name", "changed"),
    [
        ("aws:autoscaling/group:Group", "gpu-spot-us-west-2a-spot", True),
        ("aws:autoscaling/group:Group", "spot-us-west-2a", False),
        ("aws:ec2/launchTemplate:LaunchTemplate", "gpu-spot-us-west-2a-spot", False),
    ],
)
def test_an_alteration_changes_the_resources_that_are_meant_and_no_others(type_, name, changed):
    transform = Alteration(type="aws:autoscaling/group:Group", name="gpu-spot-*", set={"tags": []}).transform()
    made = transform(SimpleNamespace(type_=type_, name=name, props={"tags": [1]}, opts=None))  # pyright: ignore[reportArgumentType]
    assert (made is not None) == changed


# What is done in a lab


class Cluster:
    """An API server that remembers what it is told."""

    def __init__(self, answers: dict[str, Any] | None = None):
        self.answers, self.did = answers or {}, list[tuple[str, str, Any]]()

    def get(self, path: str) -> Any:
        return self.answers[path]

    def ensure(self, path: str, manifest: Any) -> None:
        self.did.append(("ensure", path, manifest))

    def replace(self, path: str, manifest: Any) -> None:
        self.did.append(("replace", path, manifest))

    def delete(self, path: str) -> None:
        self.did.append(("delete", path, None))


DEPLOYMENTS, JOBS = "/apis/apps/v1/namespaces/a/deployments", "/apis/batch/v1/namespaces/a/jobs"


def test_a_workload_is_scaled_as_kubectl_does_it():
    api: Any = Cluster({f"{DEPLOYMENTS}/b/scale": {"metadata": {"resourceVersion": "7"}, "spec": {"replicas": 1}}})
    Workload(namespace="a", deployment="b").scale(api, 6)
    assert api.did == [
        ("replace", f"{DEPLOYMENTS}/b/scale", {"metadata": {"resourceVersion": "7"}, "spec": {"replicas": 6}})
    ]


def test_a_workload_that_somebody_else_changed_meanwhile_is_scaled_all_the_same():
    api: Any = Cluster({f"{DEPLOYMENTS}/b/scale": {"spec": {"replicas": 1}}})
    refusals = [ApiRefusal(409, "the object has been modified")]
    put = api.replace

    def replace(path: str, manifest: Any) -> None:
        if refusals:
            raise refusals.pop()
        put(path, manifest)

    api.replace = replace
    Workload(namespace="a", deployment="b").scale(api, 6)
    assert api.did == [("replace", f"{DEPLOYMENTS}/b/scale", {"spec": {"replicas": 6}})]
    refusals.append(ApiRefusal(403, "no"))
    with pytest.raises(ApiRefusal):
        Workload(namespace="a", deployment="b").scale(api, 6)


def test_the_pods_of_a_job_count_when_they_are_done_too():
    api: Any = Cluster({f"{JOBS}/b": {"status": {"succeeded": 2, "ready": 1}}, f"{DEPLOYMENTS}/b": {"status": {}}})
    assert Workload(namespace="a", job="b").running(api) == 3
    assert Workload(namespace="a", deployment="b").running(api) == 0


def test_a_scenario_brings_its_own_pods_and_takes_them_away_and_leaves_the_programs_alone():
    api: Any = Cluster()
    for workload in (
        Workload(namespace="a", deployment="b", pod={"containers": []}),
        Workload(namespace="a", deployment="c"),
    ):
        workload.bring(api)
        workload.take_away(api)
    (_, made, manifest), (_, deleted, _) = api.did
    assert (made, deleted) == (DEPLOYMENTS, f"{DEPLOYMENTS}/b?propagationPolicy=Background")
    assert manifest["spec"]["replicas"] == 0
    assert manifest["spec"]["template"]["spec"] == {"containers": []}


class Aws:
    """A service that remembers what it is told."""

    def __init__(self, **tags: str):
        self.tags = [{"ResourceId": "gpu", "Key": key, "Value": value} for key, value in tags.items()]
        self.written: list[Any] = []

    def describe_auto_scaling_groups(self) -> dict[str, Any]:
        return {"AutoScalingGroups": [{"Tags": self.tags}]}

    def create_or_update_tags(self, Tags: list[dict[str, str]]) -> None:  # noqa: N803
        self.written += Tags

    def put_events(self, Entries: list[dict[str, Any]]) -> None:  # noqa: N803
        self.written += Entries


def test_a_replay_shortens_how_long_a_group_keeps_empty_nodes_and_nothing_else():
    key = "k8s.io/cluster-autoscaler/node-template/autoscaling-options/scaledownunneededtime"
    groups = Aws(**{"k8s.io/cluster-autoscaler/enabled": "true", key: "600s"})
    shorten_idle(groups, 10)
    assert groups.written == [{"ResourceId": "gpu", "Key": key, "Value": "10s"}]


def test_the_notice_of_an_interruption_names_the_instance_of_a_spot_node(monkeypatch):
    bus = Aws()
    monkeypatch.setattr(events, "aws_client", lambda lab, service: bus if service == "events" else None)
    there = (node("a", 1, "on-demand", "i-1"), node("b", 0, "spot", "i-2"), node("c", 1, "spot", "i-3"))
    events.spot_interruption(a_lab(Path()), Status(there, 0, 0))
    (notice,) = bus.written
    assert (notice["Source"], notice["DetailType"]) == ("aws.ec2", "EC2 Spot Instance Interruption Warning")
    assert json.loads(notice["Detail"]) == {"instance-id": "i-3", "instance-action": "terminate"}
    with pytest.raises(LabProblem, match="no Spot node"):
        events.spot_interruption(a_lab(Path()), Status((node("a", 1),), 0, 0))


def a_lab(folder: Path) -> Lab:
    return Lab(folder, "us-west-2", "secret", "https://127.0.0.1:3", "http://127.0.0.1:7", {})


class Clock:
    """Time that passes when somebody sleeps."""

    def __init__(self):
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Stack:
    """A project's stack that remembers what it is told."""

    def __init__(self):
        self.did: list[Any] = []

    def up(self, note: Any, transforms: Any) -> None:
        self.did.append(("up", len(transforms)))

    def destroy(self, note: Any) -> Any:
        self.did.append(("destroy",))
        return SimpleNamespace(left=())


@pytest.fixture
def stack() -> Stack:
    return Stack()


@pytest.fixture
def replay(monkeypatch, stack):
    """Replays steps in a lab where `nodes(seconds)` says what is there."""

    def run(nodes: Any, *given: dict[str, Any]) -> Result:
        clock = Clock()
        monkeypatch.setattr(steps, "time", clock)
        monkeypatch.setattr(steps, "refuse_a_lab_in_use", lambda lab: None)
        monkeypatch.setattr(steps, "lab_stack", lambda *of: stack)
        monkeypatch.setattr(timeline, "status", lambda lab: Status(tuple(nodes(clock.now)), 0, 0))
        monkeypatch.setattr(timeline, "EVERY_S", 100)
        alterations = {"less": (Alteration(type="t"),)}
        scenario = Steps(
            about="A.",
            project=".",
            workloads={},
            alterations=alterations,
            steps=tuple(Step.model_validate(step) for step in given),
        )
        return scenario.replay(a_lab(Path()), "s")

    return run


def test_an_outcome_must_last_and_counts_from_when_it_came(replay, stack):
    found = replay(
        lambda now: [node("a", 1)] if now >= 10 else [],
        {"name": "one", "within_s": 30, "expect": {"gpu_nodes": {"g4dn.xlarge": 1}}},
    )
    assert found.measured["one"]["after_s"] == 10
    assert found.passed
    assert stack.did == [("up", 0), ("destroy",)]


def test_a_node_that_comes_too_late_counts_too(replay):
    found = replay(
        lambda now: [node("a", 1), node("b", 1)] if now >= 4 else [node("a", 1)],
        {"name": "one", "within_s": 10, "expect": {"gpu_nodes": {"g4dn.xlarge": 1}}},
    )
    assert "one: gpu_nodes expected 1 g4dn.xlarge, got 2 g4dn.xlarge" in found.differences


def test_what_must_not_happen_is_watched_to_the_end(replay):
    quiet = {"name": "quiet", "for_s": 30, "expect": {"new_gpu_nodes": {}}}
    assert replay(lambda now: [], quiet).passed
    assert replay(lambda now: [node("a", 1)] if now >= 29 else [], quiet).differences == [
        "quiet: new_gpu_nodes expected none, got 1 g4dn.xlarge",
        "quiet: seconds expected at least 30, got 29",
    ]


def test_the_program_is_brought_up_again_when_its_alterations_change_and_only_then(replay, stack):
    def step(name: str, *program: str) -> dict[str, Any]:
        return {"name": name, "program": program, "for_s": 1, "expect": {}}

    replay(lambda now: [], step("a"), step("b"), step("c", "less"), step("d", "less"), step("e"))
    assert stack.did == [("up", 0), ("up", 1), ("up", 0), ("destroy",)]


def test_a_pause_is_over_before_a_step_is_timed(replay):
    found = replay(
        lambda now: [node("a", 1)] if now >= 25 else [],
        {"name": "later", "pause_s": 25, "within_s": 1, "expect": {"gpu_nodes": {"g4dn.xlarge": 1}}},
    )
    assert found.measured["later"]["after_s"] == 0


def test_a_step_counts_the_nodes_that_it_brought_and_its_own_peak(replay):
    def nodes(now: float) -> list[NodeRow]:
        return [node("a", 4)] if now < 5 else [node("b", 1)]

    found = replay(nodes, {"name": "first", "for_s": 4, "expect": {}}, {"name": "second", "for_s": 4, "expect": {}})
    assert found.measured["first"]["peak_gpus"] == 4
    assert found.measured["second"]["new_gpu_nodes"] == {"g4dn.xlarge": 1}


def test_the_project_is_taken_away_when_a_step_breaks(replay, stack):
    def broken(now: float) -> list[NodeRow]:
        raise LabProblem("gone")

    with pytest.raises(LabProblem, match="gone"):
        replay(broken, {"name": "a", "for_s": 1, "expect": {}})
    assert stack.did[-1] == ("destroy",)
