"""`eks-gpu lab up`, `down`, `status`, `preview`: what they print and return."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from eks_gpu.commands import lab as cli
from eks_gpu.io.problems import InputError
from eks_gpu.lab import apply
from eks_gpu.lab import status as statuses
from eks_gpu.lab.outcomes import Step
from eks_gpu.lab.problem import LabProblem
from eks_gpu.lab.processes import Process
from eks_gpu.lab.state import Lab
from eks_gpu.lab.status import Status

LAB = Lab(
    Path("/state/eks-gpu/lab"),
    "us-west-2",
    "secret-token",
    "https://127.0.0.1:3",
    "http://127.0.0.1:7",
    {},
    ready=True,
    processes=(Process("etcd", 41, 0, ""), Process("kwok", 42, 0, "")),
)


def lab(*args: str):
    return CliRunner().invoke(cli.app, args)


@pytest.fixture(autouse=True)
def _comes_up_at_once(monkeypatch):
    monkeypatch.setattr(cli.control_plane, "up", lambda region, note, account: LAB)


def test_up_says_what_to_type_next():
    ran = lab("up")
    assert ran.exit_code == 0
    for line in (
        "export KUBECONFIG=/state/eks-gpu/lab/kubeconfig",
        "kubectl get nodes,pods -A",
        "export AWS_ENDPOINT_URL=http://127.0.0.1:7 AWS_REGION=us-west-2",
        "eks-gpu lab down",
        "Logs are in /state/eks-gpu/lab/logs.",
    ):
        assert line in ran.stdout
    assert "secret-token" not in ran.stdout


def test_up_tells_a_script_where_everything_is_on_stdout_alone():
    ran = lab("up", "--json", "-")
    assert json.loads(ran.stdout) == {
        "kubeconfig": "/state/eks-gpu/lab/kubeconfig",
        "aws_endpoint": "http://127.0.0.1:7",
        "region": "us-west-2",
        "pids": {"etcd": 41, "kwok": 42},
    }
    assert "the lab is up" in ran.stderr


def test_up_writes_its_answer_into_a_file(tmp_path):
    assert lab("up", "--json", str(tmp_path / "lab.json")).exit_code == 0
    assert json.loads((tmp_path / "lab.json").read_text())["region"] == "us-west-2"
    unwritable = lab("up", "--json", str(tmp_path))
    assert isinstance(unwritable.exception, InputError)
    assert str(unwritable.exception) == f"{tmp_path}: cannot be written: Is a directory"


def test_a_region_that_aws_does_not_have_is_wrong_input():
    ran = lab("up", "--region", "us-west-3")
    assert isinstance(ran.exception, InputError)
    assert str(ran.exception).startswith("--region: region us-west-3 is not in the catalog; nearest: us-west-")


def test_an_account_is_new_or_used(monkeypatch):
    asked = []
    monkeypatch.setattr(cli.control_plane, "up", lambda region, note, account: asked.append(account) or LAB)
    assert lab("up").exit_code == lab("up", "--account", "new").exit_code == 0
    assert asked == ["used", "new"]
    ran = lab("up", "--account", "neu")
    assert isinstance(ran.exception, InputError)
    assert str(ran.exception) == "--account: neu is no account of the lab; nearest: new"


@pytest.mark.parametrize("command", ["preview", "apply", "destroy"])
def test_an_update_comes_from_outside_unless_it_is_said_to_come_from_inside(command, monkeypatch):
    asked = []

    def stack(lab, project, stack, update_from):
        asked.append(update_from)
        raise LabProblem("enough")

    monkeypatch.setattr(cli, "find_lab", lambda: LAB)
    monkeypatch.setattr(apply, "lab_stack", stack)
    assert lab(command).exit_code == lab(command, "--from", "inside").exit_code == 1
    assert asked == ["outside", "inside"]
    assert str(lab(command, "--from", "home").exception) == "--from must be outside or inside, got home"


def test_what_the_lab_cannot_do_is_one_message_and_exit_code_1(monkeypatch):
    def fail(region, note, account):
        raise LabProblem("etcd has ended; its log /log ends with:\n  bind: address already in use")

    monkeypatch.setattr(cli.control_plane, "up", fail)
    ran = lab("up")
    assert ran.exit_code == 1
    assert ran.stderr == "error: etcd has ended; its log /log ends with:\n  bind: address already in use\n"


def test_down_counts_what_it_ended(monkeypatch):
    monkeypatch.setattr(cli.control_plane, "down", lambda note: ["etcd", "kwok"])
    assert lab("down").stdout == "the lab is down: 2 processes ended, data removed\n"
    monkeypatch.setattr(cli.control_plane, "down", lambda note: [])
    ran = lab("down")
    assert (ran.exit_code, ran.stdout) == (0, "no lab is up\n")


def test_status_needs_a_lab(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    ran = lab("status")
    assert (ran.exit_code, ran.stderr) == (1, "error: no lab is up: eks-gpu lab up\n")


def test_status_is_json_too(monkeypatch):
    monkeypatch.setattr(cli, "find_lab", lambda: LAB)
    monkeypatch.setattr(statuses, "status", lambda lab: Status((), pending_pods=1, running_pods=0))
    ran = lab("status", "--json", "-")
    assert json.loads(ran.stdout) == {"nodes": [], "pods": {"pending": 1, "running": 0}, "hourly": 0}
    assert "pods: 1 pending, 0 running" in ran.stderr


def test_preview_prints_what_apply_would_do_a_line_each_however_long(monkeypatch):
    name = "kubernetes:core/v1:ServiceAccount aws-load-balancer-controller-of-a-cluster-with-a-long-name"

    class Previewed:
        def preview(self, note):
            return (Step("create", f"urn:pulumi:dev::p::{name.replace(' ', '::')}"),)

    monkeypatch.setattr(cli, "find_lab", lambda: LAB)
    monkeypatch.setattr(apply, "lab_stack", lambda lab, project, stack, update_from: Previewed())
    ran = lab("preview")
    assert (ran.exit_code, ran.stdout) == (0, f"apply would do this; resources: 1 create\n  create  {name}\n")
