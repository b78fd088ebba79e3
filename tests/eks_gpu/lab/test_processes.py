"""The lab's processes: each is ended exactly, and says why it ended of itself."""

import os
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from eks_gpu.lab import processes
from eks_gpu.lab.ports import free_ports
from eks_gpu.lab.problem import LabProblem
from eks_gpu.lab.processes import Process
from tests.labs import a_lab
from tests.waiting import PATIENCE_S, until

SLEEP = ("/bin/sleep", "60")


@pytest.fixture
def sleeper(tmp_path: Path):
    started = processes.start("sleeper", SLEEP, tmp_path / "sleeper.log")
    yield started
    processes.end([started])


def children(pid: int) -> list[psutil.Process]:
    return until(lambda: psutil.Process(pid).children())


def test_a_process_runs_in_a_session_of_its_own(sleeper):
    assert processes.running(sleeper)
    assert os.getsid(sleeper.pid) == sleeper.pid != os.getsid(0)


def test_an_ended_process_is_named_once_and_gone(sleeper):
    assert processes.end([sleeper]) == ["sleeper"]
    assert not psutil.pid_exists(sleeper.pid)
    assert processes.end([sleeper]) == []


def test_what_a_process_started_ends_with_it(tmp_path):
    shell = processes.start("shell", ("/bin/sh", "-c", "sleep 60; true"), tmp_path / "log")
    (child,) = children(shell.pid)
    processes.end([shell])
    child.wait(PATIENCE_S)  # raises TimeoutExpired when it stays


def test_a_lab_has_one_process_of_a_name_for_a_killed_command_may_not_have_noted_the_first(tmp_path):
    lab = a_lab(tmp_path).start("karpenter", SLEEP).start("kwok", SLEEP)
    first, _ = lab.processes
    lab = lab.start("karpenter", SLEEP)
    try:
        assert processes.running(first) is None
        assert [process.name for process in lab.processes] == ["kwok", "karpenter"]
        assert lab.ended() == []
    finally:
        processes.end(lab.processes)


def test_a_pid_that_now_belongs_to_another_process_is_left_alone(sleeper):
    before = replace(sleeper, started=sleeper.started - 60)
    assert processes.running(before) is None
    assert processes.end([before]) == []
    assert processes.running(sleeper)


def test_a_process_that_ended_but_was_not_waited_for_does_not_run(sleeper):
    os.kill(sleeper.pid, signal.SIGKILL)
    until(lambda: psutil.Process(sleeper.pid).status() == psutil.STATUS_ZOMBIE)
    assert processes.running(sleeper) is None


def test_no_aws_credentials_of_a_person_reach_it_and_no_proxy_comes_between(tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "prod")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "real")
    log = tmp_path / "log"
    shown = processes.start("env", ("/usr/bin/env",), log, {"AWS_REGION": "us-west-2"})
    psutil.Process(shown.pid).wait(PATIENCE_S)
    told = log.read_text().splitlines()
    assert sorted(line for line in told if line.startswith("AWS_")) == [
        "AWS_CONFIG_FILE=/dev/null",
        "AWS_EC2_METADATA_DISABLED=true",
        "AWS_REGION=us-west-2",
        "AWS_SHARED_CREDENTIALS_FILE=/dev/null",
    ]
    assert "NO_PROXY=127.0.0.1" in told


def test_a_program_that_is_not_there_is_named(tmp_path):
    with pytest.raises(LabProblem, match="etcd cannot be started: /nowhere/etcd: No such file or directory"):
        processes.start("etcd", ("/nowhere/etcd",), tmp_path / "log")


def ended(tmp_path: Path, log: str) -> Process:
    (tmp_path / "log").write_text(log)
    return Process("etcd", 1, 0, str(tmp_path / "log"))


def test_a_log_is_shown_by_its_last_ten_lines(tmp_path):
    text = processes.ending(ended(tmp_path, "".join(f"line {number}\n" for number in range(30))))
    assert text.splitlines()[0] == f"its log {tmp_path}/log ends with:"
    assert text.splitlines()[1:] == [f"  line {number}" for number in range(20, 30)]


def test_of_a_panic_the_reason_is_shown_not_the_end_of_its_stack(tmp_path):
    stack = "".join(f"\tframe {number}\n" for number in range(40))
    text = processes.ending(ended(tmp_path, f"starting\npanic: no prices\n\n{stack}"))
    assert text.splitlines()[1] == "  panic: no prices"
    assert len(text.splitlines()) == 11


def test_an_empty_log_is_said_to_be_empty(tmp_path):
    assert processes.ending(ended(tmp_path, "")) == f"its log {tmp_path}/log is empty"


def test_ports_are_free_on_loopback_and_all_different():
    names = [f"server-{number}" for number in range(300)]
    ports = free_ports(names)
    assert list(ports) == names
    assert len(set(ports.values())) == 300
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", ports["server-299"]))


def test_no_connection_can_take_a_port_before_its_server_listens():
    assert max(free_ports(["first", "second"]).values()) < 32768  # from where on Linux gives them to connections


def test_a_port_that_is_taken_is_left_out(monkeypatch):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        taken = listener.getsockname()[1]
        monkeypatch.setattr("eks_gpu.lab.ports.SERVED", range(taken, taken + 1))
        with pytest.raises(OSError, match=f"no port from {taken} to {taken} is free"):
            free_ports(["server"])


def test_a_process_outlives_the_command_that_started_it(tmp_path):
    program = (
        "from pathlib import Path; from eks_gpu.lab import processes;"
        f"print(processes.start('sleeper', {SLEEP!r}, Path({str(tmp_path / 'log')!r})).pid)"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    left = psutil.Process(int(answer.stdout))
    assert left.status() != psutil.STATUS_ZOMBIE
    assert os.getsid(left.pid) == left.pid
    left.kill()
