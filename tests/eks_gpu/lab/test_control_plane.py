"""The lab comes up once, says what stops it, and leaves nothing behind; its programs are played by `sleep`."""

import json
import os
import shutil
import signal
import stat
import threading
from collections.abc import Callable
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
import yaml

from eks_gpu.io.problems import InputError
from eks_gpu.lab import control_plane, programs, state
from eks_gpu.lab.control_plane import down, stages, up, wait_for
from eks_gpu.lab.kubeconfig import write_kubeconfig
from eks_gpu.lab.problem import LabProblem
from eks_gpu.lab.programs import Program
from eks_gpu.lab.state import Lab, find_lab, recorded_lab
from tests.waiting import PATIENCE_S

NAMES = ["etcd", "aws", "kube-apiserver", "kube-scheduler", "kube-controller-manager", "kwok", "nodes"]


def plays(name: str, script: str = "exec sleep 60") -> Program:
    return Program(name, ("/bin/sh", "-c", script))


@pytest.fixture
def play(tmp_path, monkeypatch):
    """Sets what a program does instead; at first each sleeps, and is ready at once."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    module = tmp_path / "module"
    for folder in ("node/fast", "node/heartbeat-with-lease", "pod/fast"):
        (module / "kustomize" / "stage" / folder).mkdir(parents=True)
        (module / "kustomize" / "stage" / folder / "stage.yaml").write_text(f"name: {folder}")
        (module / "kustomize" / "stage" / folder / "kustomization.yaml").write_text("resources: []")
    monkeypatch.setattr(control_plane, "toolchain", lambda names: dict.fromkeys(names, Path("/bin/sleep")))
    monkeypatch.setattr(control_plane, "module_folder", lambda group, name: module)
    monkeypatch.setattr(control_plane, "write_kubeconfig", lambda lab: lab.kubeconfig.write_text("{}"))
    monkeypatch.setattr(
        control_plane, "ClusterApi", lambda lab: SimpleNamespace(list=lambda path: [], ensure=lambda *_: None)
    )

    def set_script(name: str, script: str = "exec sleep 60") -> None:
        monkeypatch.setattr(programs, name.replace("-", "_"), lambda *_: plays(name, script))

    for name in NAMES:
        set_script(name)
    yield set_script
    down()


def alive() -> list[str]:
    lab = recorded_lab()
    return [process.name for process in lab.processes if psutil.pid_exists(process.pid)] if lab else []


def test_up_starts_everything_and_down_ends_it_and_removes_its_data(play):
    lab = up()
    assert alive() == NAMES
    pids = [process.pid for process in lab.processes]
    assert down() == NAMES
    assert not any(psutil.pid_exists(pid) for pid in pids)
    assert not lab.folder.exists()
    assert list(lab.folder.parent.iterdir()) == []


def test_the_state_file_has_what_a_later_command_needs_and_is_for_its_owner_alone(play):
    lab = up("eu-west-1")
    assert find_lab() == lab
    assert (lab.region, lab.ready) == ("eu-west-1", True)
    assert lab.folder == Path(os.environ["XDG_STATE_HOME"]) / "eks-gpu" / "lab"
    for file in ("state.json", "tokens.csv", "service-account.key"):
        assert stat.S_IMODE((lab.folder / file).stat().st_mode) == 0o600
    assert stat.S_IMODE(lab.folder.stat().st_mode) == 0o700
    assert (lab.folder / "tokens.csv").read_text() == f"{lab.token},admin,admin,system:masters\n"


def test_each_lab_has_a_token_of_its_own(play):
    first = up().token
    down()
    assert len(first) == 32
    assert up().token != first


def test_kwok_is_given_its_own_stages_and_that_of_shared_gpus(play):
    *own, shared = yaml.safe_load_all((up().folder / "stages.yaml").read_text())
    assert own == [{"name": "node/fast"}, {"name": "node/heartbeat-with-lease"}, {"name": "pod/fast"}]
    assert shared["metadata"]["name"] == "node-shares-gpus"
    assert [patch["root"] for patch in shared["spec"]["next"]["patches"]] == ["metadata", "status"]


def test_a_pod_may_say_how_long_it_runs_and_until_when_it_is_not_ready(tmp_path):
    folder = tmp_path / "kustomize" / "stage" / "pod" / "fast"
    folder.mkdir(parents=True)
    for name in ("pod-complete", "pod-delete"):
        (folder / f"{name}.yaml").write_text(f"{{metadata: {{name: {name}}}, spec: {{next: {{}}}}}}")
    ends, goes, _ = yaml.safe_load_all(stages(tmp_path))
    said = '.metadata.annotations["pod-complete.stage.kwok.x-k8s.io/delay"]'
    assert ends["spec"]["delay"] == {"durationMilliseconds": 0, "durationFrom": {"expressionFrom": said}}
    assert "delay" not in goes["spec"]


def test_a_second_up_is_refused_and_says_where_the_first_is(play):
    lab = up()
    with pytest.raises(InputError) as refused:
        up()
    assert str(refused.value) == (
        f"the lab is up already, kubeconfig {lab.kubeconfig}, AWS at {lab.aws_endpoint}: "
        "`eks-gpu lab status` shows it, `eks-gpu lab down` ends it"
    )
    assert alive() == NAMES


def test_an_up_beside_an_up_is_told_to_wait(play):
    folder = state.lab_folder()
    folder.parent.mkdir(parents=True)
    with state.alone(folder.parent), pytest.raises(LabProblem, match="another `eks-gpu lab up` or `down` is at work"):
        up()


def test_a_killed_process_is_named_with_the_end_of_its_log(play):
    play("kube-scheduler", "echo a last word; exec sleep 60")
    lab = up()
    (scheduler,) = (process for process in lab.processes if process.name == "kube-scheduler")
    os.kill(scheduler.pid, signal.SIGKILL)
    psutil.Process(scheduler.pid).wait(PATIENCE_S)
    said = f"kube-scheduler (pid {scheduler.pid}) has ended; its log {scheduler.log} ends with:\n  a last word\n"
    with pytest.raises(LabProblem) as told:
        find_lab()
    assert str(told.value) == f"{said}`eks-gpu lab down`, then `eks-gpu lab up`, gives a new one"
    with pytest.raises(InputError, match="but not whole: `eks-gpu lab down` first\nkube-scheduler"):
        up()
    assert set(down()) == set(NAMES) - {"kube-scheduler"}


@pytest.mark.parametrize(
    ("log", "hint"),
    [
        ("listen tcp 127.0.0.1:1: bind: address already in use", "another program took its port"),
        ("mvcc: no space left on device", "the disk is full"),
    ],
)
def test_a_program_that_ends_while_the_lab_comes_up_ends_the_others_and_keeps_its_log(play, log, hint):
    play("etcd", f"echo '{log}'; exit 1")
    original = control_plane.wait_for

    def after_it_ended(lab: Lab, *asked: Program, **options: float) -> None:
        psutil.Process(lab.processes[0].pid).wait(PATIENCE_S)
        original(lab, *asked, **options)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(control_plane, "wait_for", after_it_ended)
        with pytest.raises(LabProblem) as told:
            up()
    folder = state.lab_folder()
    first, second, third = str(told.value).splitlines()
    assert first == f"etcd has ended; its log {folder}/logs/etcd.log ends with:"
    assert second == f"  {log}"
    assert third.startswith(hint)
    assert (folder / "logs" / "etcd.log").exists()
    assert recorded_lab() is None
    assert alive() == []


def test_an_interrupted_up_leaves_no_process(play, monkeypatch):
    started: list[int] = []

    def interrupt(lab: Lab) -> None:
        started.extend(process.pid for process in lab.processes)
        raise KeyboardInterrupt

    monkeypatch.setattr(control_plane, "write_kubeconfig", interrupt)
    with pytest.raises(KeyboardInterrupt):
        up()
    assert len(started) == 3
    assert not any(psutil.pid_exists(pid) for pid in started)


def test_a_disk_that_fills_up_is_named_with_the_file(play, monkeypatch):
    def full(lab: Lab) -> None:
        raise OSError(28, "No space left on device", str(lab.kubeconfig))

    monkeypatch.setattr(control_plane, "write_kubeconfig", full)
    with pytest.raises(LabProblem, match=r"kubeconfig: No space left on device$"):
        up()
    assert alive() == []


def test_a_disk_without_room_stops_up_before_it_starts(play, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=200 * 2**20))
    with pytest.raises(LabProblem, match=r"the lab takes up to 1 GiB and .*/eks-gpu has 0.2 GiB free: make room"):
        up()
    assert not state.lab_folder().exists()


def test_after_a_restart_of_the_machine_up_starts_anew(play):
    lab = up()
    control_plane.processes.end(lab.processes)
    assert up().token != lab.token
    assert alive() == NAMES


def test_an_up_that_was_killed_is_told_apart_from_one_that_worked(play):
    lab = up()
    record = lab.folder / "state.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), "ready": False}))
    with pytest.raises(InputError, match=r"was killed half-way and left .*: `eks-gpu lab down` first"):
        up()
    with pytest.raises(LabProblem, match="no lab is up: eks-gpu lab up"):
        find_lab()
    assert down() == NAMES


def test_a_process_added_later_belongs_to_the_lab(play):
    control_plane.run(up(), plays("karpenter"))
    assert down() == [*NAMES, "karpenter"]


def test_two_commands_that_add_a_process_lose_none(play):
    lab = up()
    for name in ("karpenter", "cluster-autoscaler"):
        control_plane.run(lab, plays(name))  # both know the lab as it was
    assert alive() == [*NAMES, "karpenter", "cluster-autoscaler"]


def test_down_without_a_lab_does_nothing(play):
    assert down() == []


@pytest.fixture
def server():
    """Answers 503 until it is told to answer 200."""
    answer = {"status": 503}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(answer["status"])
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Handler) as served:
        thread = threading.Thread(target=served.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{served.server_port}/", lambda: answer.update(status=200)
        served.shutdown()
        thread.join()


def test_a_program_is_ready_when_it_says_so_and_not_before(play, server: tuple[str, Callable[[], None]]):
    url, become_ready = server
    lab = control_plane.run(up(), plays("karpenter"))
    karpenter = Program("karpenter", (), url)
    with pytest.raises(LabProblem, match=r"^karpenter is not ready after 0.3 s; its log .*karpenter.log is empty$"):
        wait_for(lab, karpenter, seconds=0.3)
    become_ready()
    wait_for(lab, karpenter, seconds=5)


LAB = Lab(
    Path("/lab"),
    "us-west-2",
    "secret",
    "https://127.0.0.1:3",
    "http://127.0.0.1:7",
    {name: number for number, name in enumerate(programs.PORTS, start=1)},
)


def test_the_kubeconfig_trusts_the_labs_own_authority_and_is_for_its_owner_alone(tmp_path):
    lab = replace(LAB, folder=tmp_path)
    lab.certificate.parent.mkdir()
    lab.certificate.write_text("authority")
    write_kubeconfig(lab)
    assert stat.S_IMODE(lab.kubeconfig.stat().st_mode) == 0o600
    config = json.loads(lab.kubeconfig.read_text())
    assert config["clusters"][0]["cluster"] == {
        "server": "https://127.0.0.1:3",
        "certificate-authority-data": "YXV0aG9yaXR5",
    }
    assert config["users"] == [{"name": "lab", "user": {"token": "secret"}}]


def test_every_server_listens_on_loopback_alone():
    assert {"--listen-client-urls=http://127.0.0.1:1", "--listen-peer-urls=http://127.0.0.1:2"} <= set(
        programs.etcd(LAB, Path("etcd")).command
    )
    for make in (programs.kube_apiserver, programs.kube_scheduler, programs.kube_controller_manager):
        assert "--bind-address=127.0.0.1" in make(LAB, Path("tool")).command
    assert "--server-address=127.0.0.1:6" in programs.kwok(LAB, Path("kwok")).command


def test_moto_is_told_what_every_eks_cluster_in_it_points_to():
    assert programs.aws(LAB).command[1:] == (
        "-m",
        "eks_gpu.lab.aws",
        "--port=7",
        "--region=us-west-2",
        "--account=used",
        "--outages=/lab/outages.json",
        "--reservations=/lab/reservations.json",
        "--quotas=/lab/quotas.json",
        "--refused=/lab/refused-launches",
        "--closed=/lab/closed-endpoints",
        "--throttled-every=100",
        "--settles-s=2.0",
        "--endpoint=https://127.0.0.1:3",
        "--certificate-authority=/lab/certificates/apiserver.crt",
    )


def test_the_api_server_takes_the_labs_token_and_no_service_account():
    command = programs.kube_apiserver(LAB, Path("kube-apiserver")).command
    assert {
        "--token-auth-file=/lab/tokens.csv",
        "--authorization-mode=RBAC",
        "--disable-admission-plugins=ServiceAccount",
        "--etcd-servers=http://127.0.0.1:1",
        "--secure-port=3",
    } <= set(command)
    assert not any("secret" in word for word in command)  # every user of the machine can read command lines
