"""A project in the lab: what the engine is given, what leads out of the lab, and what is told."""

import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from pulumi import automation

from eks_gpu.io.problems import InputError
from eks_gpu.lab import charts, engine, report
from eks_gpu.lab.apply import Applied, Destroyed, LabStack, lab_stack
from eks_gpu.lab.isolation import NO_FILES, alone_with
from eks_gpu.lab.outcomes import Step
from eks_gpu.lab.problem import LabProblem
from tests.console import shown
from tests.labs import a_lab

PROGRAM = "import pulumi\npulumi.export('a', 1)\n"


RELEASES = (
    charts.Release("karpenter", "kube-system", 1, "karpenter", "1.15.0"),
    charts.Release("nvidia-device-plugin", "nvidia", 1, "nvidia-device-plugin", "0.20.0"),
)


def test_what_the_engine_writes_is_in_the_lab_and_goes_with_it(tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "toolchain", lambda names: {name: Path("/tools") / name for name in names})
    given = engine.variables(a_lab(tmp_path))
    for folder in (given["TMPDIR"], given["PULUMI_HOME"], given["PULUMI_BACKEND_URL"].removeprefix("file://")):
        assert Path(folder).is_relative_to(tmp_path)
    assert Path(given["TMPDIR"]).stat().st_mode & 0o777 == 0o700


def test_apply_tells_which_charts_run_in_the_lab_and_which_are_skipped():
    done = Applied({"same": 3, "create": 98}, 58.6, RELEASES, {"url": "http://a:8501", "kubeconfig": "[secret]"})
    assert shown(report.applied(done, Path("/l"))).splitlines() == [
        "up after 59 s; resources: 98 create, 3 same",
        "charts whose controllers the lab runs itself: karpenter 1.15.0",
        "charts skipped, nothing of them runs here: nvidia-device-plugin 0.20.0",
        "outputs:",
        "  url: http://a:8501",
        "  kubeconfig: [secret]",
        "the engine's words are in /l",
    ]


def test_preview_tells_each_resource_that_would_change_and_a_replaced_one_once():
    def step(operation: str, resource: str) -> Step:
        return Step(operation, f"urn:pulumi:dev::small::net:index:Net${resource}")

    steps = [
        step("same", "aws:ec2/vpc:Vpc::net"),
        Step("create", "urn:pulumi:dev::small::pulumi:providers:aws::default_7_51_1"),
        Step("create", "urn:pulumi:dev::small::pulumi:providers:kubernetes::cluster"),
        step("update", "aws:sqs/queue:Queue::jobs"),
        step("create-replacement", "aws:eks/nodeGroup:NodeGroup::gpu"),
        step("replace", "aws:eks/nodeGroup:NodeGroup::gpu"),
        step("delete-replaced", "aws:eks/nodeGroup:NodeGroup::gpu"),
        step("delete", "aws:iam/role:Role::node"),
    ]
    assert shown(report.previewed(steps)).splitlines() == [
        "apply would do this; resources: 1 create, 1 delete, 1 replace, 1 same, 1 update",
        "  create  pulumi:providers:kubernetes cluster",
        "  update  aws:sqs/queue:Queue jobs",
        "  replace aws:eks/nodeGroup:NodeGroup gpu",
        "  delete  aws:iam/role:Role node",
    ]
    assert shown(report.previewed(steps[:1])) == "apply would change nothing; resources: 1 same\n"


def test_destroy_tells_what_is_left():
    assert shown(report.destroyed(Destroyed(98, 22.5, ()))).splitlines() == [
        "98 resources deleted after 22 s; nothing is left in AWS or the cluster"
    ]
    assert shown(report.destroyed(Destroyed(97, 22.5, ("role node",)))).splitlines() == [
        "97 resources deleted after 22 s; left:",
        "  role node",
    ]
    ended = Destroyed(97, 22.5, (), ended=("Deployment default/cuda", "StorageClass gp3"))
    assert shown(report.destroyed(ended)).splitlines()[1:] == [
        "went with the cluster: Deployment default/cuda, StorageClass gp3"
    ]


def test_nothing_of_a_persons_accounts_reaches_the_engine(monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("PULUMI_ACCESS_TOKEN", "pul-1")
    monkeypatch.setenv("KUBECONFIG", "/home/me/.kube/config")
    with alone_with({"AWS_REGION": "us-west-2"}):
        outward = {name for name in os.environ if name.startswith(("AWS_", "PULUMI_", "KUBE"))}
        assert outward == {"AWS_REGION", *NO_FILES}
    assert os.environ["AWS_PROFILE"] == "production"
    assert os.environ["KUBECONFIG"] == "/home/me/.kube/config"


def test_the_engine_is_told_from_where_the_update_comes(tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "toolchain", lambda names: {name: Path("/tools") / name for name in names})
    assert engine.variables(a_lab(tmp_path))["EKS_GPU_LAB_FROM"] == "inside"
    assert engine.variables(a_lab(tmp_path), "outside")["EKS_GPU_LAB_FROM"] == "outside"


@pytest.fixture
def project(tmp_path) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    (root / "__main__.py").write_text(PROGRAM)
    (root / "Pulumi.yaml").write_text("name: small\nmain: .\nruntime: {name: python, options: {virtualenv: venv}}\n")
    (root / "Pulumi.dev.yaml").write_text(
        "encryptionsalt: v1:abc\nconfig:\n  aws:region: us-west-2\n  small:key: {secure: v1:xyz}\n  small:n: [1]\n"
    )
    return root


def test_the_engine_gets_the_stacks_values_in_the_lab_and_no_secret(tmp_path, project):
    stack: LabStack = lab_stack(a_lab(tmp_path / "lab"), project, "dev")
    stack._write_settings()
    written = tmp_path / "lab" / "projects" / "small"
    assert yaml.safe_load((written / "Pulumi.yaml").read_text()) == {"name": "small", "runtime": "python"}
    assert yaml.safe_load((written / "Pulumi.dev.yaml").read_text()) == {
        "config": {
            "aws:region": "us-west-2",
            "eks-gpu-components:api_cidrs": ["192.88.99.1/32"],
            "small:key": "[secret]",
            "small:n": [1],
        }
    }


@pytest.mark.parametrize(
    ("detailed", "keys", "changed"),
    [
        ({"spec.limits": None, "metadata.annotations": None}, ["spec"], ("metadata.annotations", "spec.limits")),
        (None, ["tags"], ("tags",)),
        (None, None, ()),
    ],
)
def test_a_step_says_which_inputs_differed(tmp_path, project, detailed, keys, changed):
    of = SimpleNamespace(op=SimpleNamespace(value="update"), urn="urn", detailed_diff=detailed, diffs=keys)
    done = SimpleNamespace(metadata=of)

    def update(on_event: Callable[[Any], None], **_: Any) -> None:
        on_event(SimpleNamespace(diagnostic_event=None, res_outputs_event=done))

    stack: LabStack = lab_stack(a_lab(tmp_path / "lab"), project, "dev")
    stack.log.parent.mkdir(parents=True)
    _, (step,) = stack._run(update, lambda _: None)
    assert (step.operation, step.urn, step.changed) == ("update", "urn", changed)


def test_the_engine_runs_a_program_of_the_lab_s_own_for_one_in_another_language(tmp_path, project):
    (project / "Pulumi.yaml").write_text(
        "name: small\nruntime: yaml\nconfig: {n: {type: integer}}\nresources: {a: {type: aws:sqs:Queue}}\n"
    )
    stack: LabStack = lab_stack(a_lab(tmp_path / "lab"), project, "dev")
    stack._write_settings()
    assert yaml.safe_load((tmp_path / "lab" / "projects" / "small" / "Pulumi.yaml").read_text()) == {
        "name": "small",
        "runtime": "python",
        "config": {"n": {"type": "integer"}},
    }


def test_what_follows_from_an_error_is_not_told_beside_it(tmp_path, project):
    after = ["karpenter: grpc: the client connection is closing", "Detected that x exited prematurely."]

    def said(*messages: str) -> list[str]:
        def update(on_event: Callable[[Any], None], **_: Any) -> None:
            for message in messages:
                said = SimpleNamespace(severity="error", urn=None, message=message)
                on_event(SimpleNamespace(diagnostic_event=said, res_outputs_event=None))
            raise automation.CommandError(automation.CommandResult("", "", 255))

        stack: LabStack = lab_stack(a_lab(tmp_path / "lab"), project, "dev")
        stack.log.parent.mkdir(parents=True, exist_ok=True)
        with pytest.raises(LabProblem) as problem:
            stack._run(update, lambda _: None)
        return str(problem.value).splitlines()[:-1]

    assert said("index.ts:2: no", "an unhandled error occurred: index.ts:2: no", *after) == ["index.ts:2: no"]
    assert said(*after) == after


def test_a_stack_of_another_region_is_wrong_input(tmp_path, project):
    (project / "Pulumi.eu.yaml").write_text("config:\n  aws:region: eu-west-1\n")
    with pytest.raises(InputError) as problem:
        lab_stack(a_lab(tmp_path), project, "eu")
    assert str(problem.value) == (
        "Pulumi.eu.yaml:2: aws:region must be the lab's, us-west-2, got eu-west-1; "
        "or `eks-gpu lab up --region eu-west-1`"
    )
