"""Steps of a replay: what is done in a lab, and for how long it is watched."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from eks_gpu.cost.quotas import QuotaNeed
from eks_gpu.lab.cluster_api import ApiRefusal
from eks_gpu.lab.problem import LabProblem
from eks_gpu.lab.replays import events, steps, timeline
from eks_gpu.lab.replays.alteration import Alteration
from eks_gpu.lab.replays.result import Result
from eks_gpu.lab.replays.steps import Step, Steps, shorten_idle
from eks_gpu.lab.replays.workload import Workload
from eks_gpu.lab.status import NodeRow, Status
from eks_gpu_components.catalog.quotas import Quota
from tests.labs import a_lab, node


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

    def create_or_update_tags(self, Tags: list[dict[str, str]]) -> None:  # noqa: N803 - as boto3 has it
        self.written += Tags

    def put_events(self, Entries: list[dict[str, Any]]) -> None:  # noqa: N803 - as boto3 has it
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


class Ec2AndGroups:
    """EC2 and Auto Scaling that remember which instance they were to end."""

    def __init__(self):
        self.ended: list[Any] = []

    def terminate_instances(self, InstanceIds: list[str]) -> None:  # noqa: N803 - as boto3 has it
        self.ended.append(InstanceIds)

    def terminate_instance_in_auto_scaling_group(self, **given: Any) -> None:
        self.ended.append(given)


def test_ec2_takes_the_first_spot_node_and_a_group_gives_back_the_first_that_takes_pods(monkeypatch):
    aws = Ec2AndGroups()
    monkeypatch.setattr(events, "aws_client", lambda lab, service: aws)
    told = replace(node("a", 1, "spot", "i-1"), cordoned=True)
    there = Status((told, node("b", 1, "spot", "i-2")), 0, 0)
    events.spot_end(a_lab(Path()), there)
    events.scale_in(a_lab(Path()), there)
    assert aws.ended == [["i-1"], {"InstanceId": "i-2", "ShouldDecrementDesiredCapacity": True}]
    with pytest.raises(LabProblem, match="no node with accelerators is there to be given back"):
        events.scale_in(a_lab(Path()), Status((told,), 0, 0))


def test_a_pod_is_homeless_when_its_node_is_gone():
    def pod(name: str, at: str) -> dict[str, Any]:
        return {"metadata": {"name": name}, "spec": {"nodeName": at} if at else {}}

    pods = [pod("b-1", "gone"), pod("b-2", "there"), pod("b-3", ""), pod("other-1", "gone")]
    api: Any = Lists({"/api/v1/namespaces/a/pods": pods, "/api/v1/nodes": [{"metadata": {"name": "there"}}]})
    assert Workload(namespace="a", deployment="b").homeless(api) == {"b-1"}


class Lists:
    """An API server with lists."""

    def __init__(self, answers: dict[str, Any]):
        self.answers = answers

    def list(self, path: str) -> Any:
        return self.answers[path]


class Clock:
    """Time that passes when somebody sleeps."""

    def __init__(self):
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class RememberingStack:
    """A project's stack that remembers what it is told."""

    def __init__(self):
        self.did: list[Any] = []

    def up(self, note: Any, transforms: Any) -> None:
        self.did.append(("up", len(transforms)))

    def destroy(self, note: Any) -> Any:
        self.did.append(("destroy",))
        return SimpleNamespace(left=())


@pytest.fixture
def stack() -> RememberingStack:
    return RememberingStack()


@pytest.fixture
def replay(monkeypatch, stack):
    """Replays steps in a lab where `nodes(seconds)` says what is there."""

    clock = Clock()

    def run(nodes: Any, *given: dict[str, Any], workloads: dict[str, Workload] | None = None) -> Result:
        clock.now = 0.0
        monkeypatch.setattr(steps, "time", clock)
        monkeypatch.setattr(steps, "refuse_a_lab_in_use", lambda lab: None)
        monkeypatch.setattr(steps, "lab_stack", lambda *of: stack)
        monkeypatch.setattr(timeline, "status", lambda lab: Status(tuple(nodes(clock.now)), 0, 0))
        monkeypatch.setattr(timeline, "EVERY_S", 100)
        alterations = {"less": (Alteration(type="t"),)}
        scenario = Steps(
            about="A.",
            minutes=1,
            project=".",
            workloads=workloads or {},
            alterations=alterations,
            steps=tuple(Step.model_validate(step) for step in given),
        )
        return scenario.replay(a_lab(Path()), "s")

    run.clock = clock  # pyright: ignore[reportFunctionMemberAccess]
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


def test_a_step_counts_the_nodes_that_take_no_pods(replay):
    found = replay(
        lambda now: [replace(node("a", 1), cordoned=True), node("b", 1), replace(node("c", 0), cordoned=True)],
        {"name": "one", "for_s": 1, "expect": {"cordoned_gpu_nodes": 1}},
    )
    assert found.passed


def test_a_pod_that_went_with_its_node_is_lost_for_the_step_and_runs_no_more(replay, monkeypatch):
    """Its node is gone from 5 s on, and from 20 s on the API server has taken the pod away and runs another."""
    pods = {"/apis/apps/v1/namespaces/default/deployments/work": {"status": {"readyReplicas": 1}}}
    monkeypatch.setattr(steps, "ClusterApi", lambda lab: Cluster(pods))
    clock = replay.clock
    gone = lambda self, api: {"work-1"} if 5 <= clock.now < 20 else set()  # noqa: E731
    monkeypatch.setattr(Workload, "homeless", gone)
    work = {"work": Workload(namespace="default", deployment="work")}
    found = replay(
        lambda now: [],
        {"name": "goes", "for_s": 10, "expect": {"running": {"work": 1}, "lost_pods": 0}},
        {"name": "is back", "within_s": 60, "expect": {"running": {"work": 1}, "lost_pods": 1}},
        {"name": "was lost before", "for_s": 5, "expect": {"running": {"work": 1}, "lost_pods": 0}},
        workloads=work,
    )
    assert (found.measured["goes"]["running work"], found.measured["goes"]["lost_pods"]) == (0, 1)
    assert found.measured["is back"]["after_s"] == 15
    assert found.measured["was lost before"]["lost_pods"] == 0


def test_a_step_tells_the_quotas_that_refused_a_launch_and_those_that_the_plan_names(replay, monkeypatch):
    told, refused = list[Any](), ["L-3819A6DF"]
    spot, on_demand = (Quota("", code) for code in ("L-3819A6DF", "L-DB2E81BA"))
    needs = [
        QuotaNeed(spot, "spot", 8, ""),
        QuotaNeed(on_demand, "on-demand", None, ""),
        QuotaNeed(Quota("", "L-1"), None, 9, ""),
    ]
    monkeypatch.setattr(Steps, "_quota_needs", lambda self: needs)
    monkeypatch.setattr(steps, "set_quotas", lambda lab, wanted: told.append(wanted))
    monkeypatch.setattr(steps, "refusals", lambda lab: refused + ["L-DB2E81BA"] * (told[-1:] == [{"L-3819A6DF": 8}]))
    found = replay(
        lambda now: [],
        {"name": "before", "for_s": 1, "expect": {"refused_by": [], "plan_names": []}},
        {"name": "more", "quotas": {"L-3819A6DF": 8}, "for_s": 1, "expect": {"refused_by": ["L-DB2E81BA"]}},
        {"name": "less", "quotas": {"L-3819A6DF": 7, "L-DB2E81BA": 100}, "for_s": 1, "expect": {}},
    )
    assert found.measured["before"]["plan_names"] == found.measured["more"]["plan_names"] == ()
    assert found.measured["less"]["plan_names"] == ("L-3819A6DF", "L-DB2E81BA")
    assert found.passed
    assert told[-1] == {}  # the account is as it was


def test_the_project_is_taken_away_when_a_step_breaks(replay, stack):
    def broken(now: float) -> list[NodeRow]:
        raise LabProblem("gone")

    with pytest.raises(LabProblem, match="gone"):
        replay(broken, {"name": "a", "for_s": 1, "expect": {}})
    assert stack.did[-1] == ("destroy",)
