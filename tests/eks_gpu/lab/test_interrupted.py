"""What a killed engine leaves: whose lock it is, which providers are without an engine, what was being made."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest
from pulumi import automation
from pulumi.automation import CommandResult
from typer.testing import CliRunner

from eks_gpu.commands import lab as cli
from eks_gpu.lab.apply import LabStack, lab_stack
from eks_gpu.lab.engine import ctrl_c_for_the_engine
from eks_gpu.lab.interrupted import Lock, has_stack, known_id, locks, mend, names, orphans, settled
from eks_gpu.lab.outcomes import Cancelled
from eks_gpu.lab.problem import LabProblem
from eks_gpu.lab.state import Lab
from tests.waiting import until

URN = "urn:pulumi:dev::small::pulumi:pulumi:Stack$"
Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def start(tmp_path) -> Iterator[Start]:
    """Starts a shell under the engine's name; whatever it starts is ended after the test."""
    engine, started = tmp_path / "pulumi", list[subprocess.Popen[bytes]]()
    engine.symlink_to(shutil.which("sh") or "/bin/sh")

    def run(script: str, **variables: str) -> subprocess.Popen[bytes]:
        environment = {**os.environ, **variables}
        started.append(subprocess.Popen([engine, "-c", script], env=environment, start_new_session=True))
        return started[-1]

    yield run
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
        process.wait()


def children(process: subprocess.Popen[bytes], count: int) -> list[psutil.Process]:
    def started() -> list[psutil.Process]:
        found = psutil.Process(process.pid).children()
        return found if len(found) >= count else []

    return until(started)


def lock(backend: Path, pid: int, since: datetime, project: str = "small") -> None:
    folder = backend / ".pulumi" / "locks" / "organization" / project / "dev"
    folder.mkdir(parents=True, exist_ok=True)
    told = {"pid": pid, "username": "ada", "hostname": "vm", "timestamp": since.isoformat().replace("+00:00", "123Z")}
    (folder / f"{pid}.json").write_text(json.dumps(told))
    (folder / f"{pid}.json.attrs").write_text("{}")


def test_a_lock_says_who_has_the_stack(tmp_path):
    since = datetime(2026, 11, 24, 21, 47, 22, 222954, UTC)
    assert locks(tmp_path, "small", "dev") == []
    lock(tmp_path, 4103, since)
    lock(tmp_path, 4104, since, project="other")
    assert locks(tmp_path, "small", "dev") == [Lock(4103, since)]


def test_what_a_killed_engine_has_half_written_beside_a_state_goes(tmp_path):
    lock(tmp_path, 4103, datetime.now(UTC))
    stacks = tmp_path / ".pulumi" / "stacks" / "small"
    stacks.mkdir(parents=True)
    files = {"dev.json": "", "dev.json.attrs": "", "dev.json.bak.attrs": '{"md5": "x"}', "test.json.attrs": '{"md5'}
    for name, text in files.items():
        (stacks / name).write_text(text)
    mend(tmp_path, "small", "dev")

    assert {file.name for file in stacks.iterdir()} == {"dev.json", "dev.json.bak.attrs"}
    assert [held.pid for held in locks(tmp_path, "small", "dev")] == [4103]


def test_a_stack_that_there_is_not_needs_no_mending(tmp_path):
    mend(tmp_path, "small", "dev")
    assert list(tmp_path.iterdir()) == []


def test_a_lock_is_held_as_long_as_its_engine_lives(start):
    engine = start("sleep 60; true")
    children(engine, 1)
    now = datetime.now(UTC)
    assert Lock(engine.pid, now).held
    assert not Lock(engine.pid, now - timedelta(minutes=5)).held  # its pid was another's then
    assert not Lock(os.getpid(), now).held  # no engine
    engine.kill()
    os.waitid(os.P_PID, engine.pid, os.WEXITED | os.WNOWAIT)
    assert not Lock(engine.pid, now).held  # dead, and its parent does not know
    engine.wait()
    assert not Lock(engine.pid, now).held


def test_a_provider_is_an_orphan_when_its_engine_was_killed(start, tmp_path):
    home = str(tmp_path / "pulumi-home")
    engine = start("sleep 60 & wait", PULUMI_HOME=home, PULUMI_PROJECT="small")
    (provider,) = children(engine, 1)
    assert orphans(tmp_path, "small") == []
    engine.kill()
    engine.wait()
    assert [each.pid for each in orphans(tmp_path, "small")] == [provider.pid]
    assert [each.pid for each in orphans(tmp_path)] == [provider.pid]
    assert orphans(tmp_path, "other") == []
    assert orphans(tmp_path / "another-lab", "small") == []


def test_a_controller_of_the_lab_is_no_orphan(start, tmp_path):
    parent = start("sleep 60 & wait", PULUMI_HOME=str(tmp_path / "pulumi-home"))
    children(parent, 1)
    parent.kill()
    parent.wait()
    assert orphans(tmp_path) == []


def pending(operation: str, token: str, resource: str, **inputs: object) -> dict[str, object]:
    return {"type": operation, "resource": {"urn": f"{URN}{token}::{resource}", "type": token, "inputs": inputs}}


def test_what_was_being_made_is_counted_as_made_where_its_id_is_known():
    role, vpc = "aws:iam/role:Role", "aws:ec2/vpc:Vpc"
    there = {"urn": f"{URN}{role}::there", "type": role, "id": "there-1"}
    state = {
        "manifest": {"version": "v3"},
        "resources": [there],
        "pending_operations": [
            pending("creating", role, "node", name="node-7a1"),
            pending("creating", vpc, "net", cidrBlock="10.0.0.0/16"),
            pending("creating", role, "there", name="there-2"),
            pending("deleting", role, "there"),
            pending("updating", role, "there"),
        ],
    }
    found = settled(state)
    made = {"urn": f"{URN}{role}::node", "type": role, "inputs": {"name": "node-7a1"}, "id": "node-7a1"}
    assert found.deployment == {"manifest": {"version": "v3"}, "resources": [there, made]}
    assert found.asked == (f"{URN}{role}::node",)
    assert list(names(found.unknown)) == ["aws:ec2/vpc:Vpc net", "aws:iam/role:Role there"]
    assert len(state["pending_operations"]) == 5


def test_a_state_without_pending_operations_stays_as_it_is():
    assert settled({}).deployment == {"resources": []}
    assert settled({"resources": None, "secrets_providers": {}}).deployment == {
        "resources": [],
        "secrets_providers": {},
    }


@pytest.mark.parametrize(
    ("token", "inputs", "id_"),
    [
        ("aws:iam/role:Role", {"name": "node-7a1"}, "node-7a1"),
        ("aws:eks/nodeGroup:NodeGroup", {"clusterName": "gaia", "nodeGroupName": "gpu"}, "gaia:gpu"),
        (
            "aws:ec2/route:Route",
            {"routeTableId": "rtb-1", "destinationCidrBlock": "0.0.0.0/0"},
            "r-rtb-1-0.0.0.0/0",
        ),
        ("aws:ec2/natGateway:NatGateway", {"subnetId": "subnet-1"}, None),
        ("kubernetes:karpenter.sh/v1:NodePool", {"metadata": {"name": "gpu"}}, "gpu"),
        ("kubernetes:apps/v1:Deployment", {"metadata": {"name": "resnet", "namespace": "web"}}, "web/resnet"),
        ("kubernetes:helm.sh/v3:Release", {"name": "karpenter", "namespace": "kube-system"}, "kube-system/karpenter"),
        ("pulumi:providers:kubernetes", {"kubeconfig": "{}"}, None),
        ("random:index/randomId:RandomId", {"byteLength": 4}, None),
    ],
)
def test_the_id_is_what_aws_and_the_cluster_would_call_it(token, inputs, id_):
    assert known_id(token, inputs) == id_


@pytest.fixture
def stack(tmp_path, monkeypatch) -> LabStack:
    root = tmp_path / "small"
    root.mkdir()
    (root / "__main__.py").touch()
    (root / "Pulumi.yaml").write_text("name: small\nruntime: python\n")
    (root / "Pulumi.dev.yaml").write_text("config: {aws:region: us-west-2}\n")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lab").mkdir()
    lab = Lab(tmp_path / "lab", "us-west-2", "secret", "https://127.0.0.1:3", "http://127.0.0.1:7", {})
    return lab_stack(lab, Path("small"), "dev")


def test_a_stack_that_the_lab_does_not_have_cannot_be_cancelled_or_refreshed(stack, tmp_path):
    assert not has_stack(tmp_path / "lab" / "pulumi" / "state", "small", "dev")
    for operation in (stack.cancel, stack.refresh):
        with pytest.raises(LabProblem) as problem:
            operation()
        assert str(problem.value) == "stack dev of small is not in the lab: `eks-gpu lab apply` brings it up"


def test_a_stack_that_an_engine_is_at_work_on_is_not_taken_from_it(stack, start, tmp_path):
    engine = start("sleep 60; true")
    children(engine, 1)
    lock(tmp_path / "lab" / "pulumi" / "state", engine.pid, datetime.now(UTC))
    with pytest.raises(LabProblem) as problem:
        stack.cancel()
    assert str(problem.value) == (
        f"stack dev of small is being changed by another engine (pid {engine.pid}): wait, then try again"
    )


def test_a_lock_that_is_left_is_told_with_what_to_type(stack, tmp_path):
    lock(tmp_path / "lab" / "pulumi" / "state", 4194304, datetime.now(UTC))  # above any pid
    assert stack._locked() == (
        "stack dev of small is locked by an engine that was killed (pid 4194304): "
        "`eks-gpu lab cancel small --stack dev` unlocks it and finds out what there is; "
        "then apply or destroy it again"
    )


def test_cancel_tells_what_it_found(monkeypatch):
    found = Cancelled((4103,), {"same": 40, "update": 1}, ("aws:iam/role:Role node",), ("aws:ec2/vpc:Vpc net",))
    monkeypatch.setattr(cli, "find_lab", lambda: None)
    monkeypatch.setattr("eks_gpu.lab.apply.lab_stack", lambda lab, project, stack: Told(found))
    ran = CliRunner().invoke(cli.app, ["cancel", "examples/auto-mode"])
    assert ran.stdout.splitlines() == [
        "unlocked, left by engine 4103; resources after a refresh: 40 same, 1 update",
        "made before the engine could hear of it, and in the stack now:",
        "  aws:iam/role:Role node",
        "being made, and perhaps in AWS without the stack's knowing:",
        "  aws:ec2/vpc:Vpc net",
        "`eks-gpu lab destroy` names what it leaves of them, `eks-gpu lab down` ends all",
    ]
    assert str(Cancelled((), {}, (), ())) == "no lock was left; resources after a refresh: none"


class Told:
    """A stack that was cancelled with this outcome."""

    def __init__(self, found: Cancelled):
        self._found = found

    def cancel(self, note: Callable[[str], None]) -> Cancelled:
        return self._found


def failing(*said: str) -> Callable[..., None]:
    """An operation of the engine that says these errors and fails."""

    def operation(on_output: object, on_event: Callable[[automation.EngineEvent], None], color: str) -> None:
        for number, message in enumerate(said):
            told = automation.DiagnosticEvent(message, color, "error")
            on_event(automation.EngineEvent(number, 0, diagnostic_event=told))
        raise automation.CommandError(CommandResult("", "stdout", 255))

    return operation


def errors(stack: LabStack, *said: str) -> list[str]:
    with pytest.raises(LabProblem) as problem:
        stack._run(failing(*said), lambda _: None)
    *told, log = str(problem.value).splitlines()
    assert log == f"The engine's words are in {stack.log}"
    return told


def test_of_an_error_in_the_program_a_person_hears_what_it_says(stack):
    raised = (
        "python inline source runtime error: pool.taint.effect is required\nTraceback (most recent call last):\n  x"
    )
    assert errors(stack, raised, f"an unhandled error occurred: {raised}") == ["pool.taint.effect is required"]


def test_a_protected_cluster_is_told_with_the_way_out(stack):
    refused = "eks delete_cluster: InvalidRequestException: Deletion protection is enabled for this cluster"
    assert errors(stack, refused) == [
        refused,
        "Turn it off first: `deletion_protection: false` among the cluster's settings, then apply, then destroy. "
        "What was in the cluster is gone already; apply brings it back",
    ]
    told = "resource cluster cannot be deleted because it is protected"
    assert errors(stack, told) == [
        told,
        "Nothing is gone. Turn protection off first: `deletion_protection: false` among the cluster's settings, "
        "then apply, then destroy",
    ]
    assert errors(stack, "eks create_nodegroup: no") == ["eks create_nodegroup: no"]


def test_an_engine_that_was_killed_is_told_with_the_way_back(stack, tmp_path):
    lock(tmp_path / "lab" / "pulumi" / "state", 4194304, datetime.now(UTC))
    (told,) = errors(stack)
    assert "`eks-gpu lab cancel small --stack dev`" in told


def test_ctrl_c_is_for_the_engine_as_long_as_it_is_at_work():
    heard = list[str]()
    # A handler of the test's own: a shell may have started pytest with SIGINT ignored.
    before = signal.signal(signal.SIGINT, lambda *_: heard.append("python"))
    try:
        with ctrl_c_for_the_engine():
            signal.raise_signal(signal.SIGINT)
        assert heard == []
        signal.raise_signal(signal.SIGINT)
        assert heard == ["python"]
    finally:
        signal.signal(signal.SIGINT, before)


def test_in_a_thread_of_its_own_an_engine_runs_without_it():
    ran = list[int]()

    def run() -> None:
        with ctrl_c_for_the_engine():
            ran.append(1)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert ran == [1]
