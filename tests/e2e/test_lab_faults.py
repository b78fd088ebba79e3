"""The real engine under fault: every example comes, changes and goes, and is killed on the way."""

import gc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from eks_gpu.lab import leftovers
from eks_gpu.lab.apply import lab_stack
from eks_gpu.lab.engine import backend
from eks_gpu.lab.interrupted import locks
from eks_gpu.lab.nodes import aws_client
from eks_gpu.lab.state import Lab
from tests.e2e.faulty_aws import Fault, faulty_aws
from tests.e2e.lives import (
    Deletions,
    Example,
    Life,
    live,
    own_engine_killed,
    quiet,
    start,
    told,
    touched,
)
from tests.waiting import PATIENCE_S, until

# What an engine that was killed leaves of its SDK.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Error in event stream:UserWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

RELEASE, JOB = "kubernetes:helm.sh/v3:Release", "kubernetes:batch/v1:Job"
POOL, NODE_CLASS = "kubernetes:karpenter.sh/v1:NodePool", "kubernetes:karpenter.k8s.aws/v1:EC2NodeClass"
AUTO_NODE_CLASS = "kubernetes:eks.amazonaws.com/v1:NodeClass"
TAINT = '"taint": {"key": "dedicated", "value": "training", "effect": "NoSchedule"}'

EXAMPLES = [
    Example(
        "spot-autoscaling-groups",
        ('"max_gpus": 30', f'"max_gpus": 30, {TAINT}'),
        {
            *(f"aws:autoscaling/group:Group gpu-spot-us-west-2{zone}-spot" for zone in "abc"),
            *(f"aws:ec2/launchTemplate:LaunchTemplate gpu-spot-us-west-2{zone}-spot-template" for zone in "abc"),
            "kubernetes:apps/v1:Deployment cuda-vector-add",
            f"{RELEASE} nvidia-device-plugin",
        },
        [
            ("aws:autoscaling:Group gpu-spot-us-west-2a-spot", "aws:iam:Role cluster-autoscaler"),
            ("aws:autoscaling:Group gpu-spot-us-west-2a-spot", f"{RELEASE} node-termination-handler"),
            (f"{RELEASE} node-termination-handler", "aws:iam:Role node-termination-handler"),
            (f"{RELEASE} cluster-autoscaler", "aws:iam:Role cluster-autoscaler"),
        ],
        moved={f"aws:autoscaling/group:Group gpu-spot-us-west-2{zone}-spot" for zone in "abc"},
        killed_at="aws:autoscaling:Group gpu-spot-us-west-2a-spot deleted",
    ),
    Example(
        "karpenter-inference",
        ('"max_gpus": 100', '"max_gpus": 50'),
        {f"{POOL} gpu"},
        [
            ("kubernetes:core/v1:Service resnet", f"{RELEASE} aws-load-balancer-controller"),
            (f"{RELEASE} aws-load-balancer-controller", "aws:iam:Role aws-load-balancer-controller"),
            ("kubernetes:apps/v1:Deployment resnet", f"{POOL} gpu"),
            (f"{POOL} gpu", f"{NODE_CLASS} gpu-node-class"),
            (f"{NODE_CLASS} gpu-node-class", f"{RELEASE} karpenter"),
            (f"{RELEASE} karpenter", "aws:eks:PodIdentityAssociation karpenter"),
            (f"{RELEASE} karpenter", "aws:iam:RolePolicy karpenter-node-lifecycle"),
            (f"{RELEASE} karpenter", "aws:iam:Role karpenter"),
            (f"{RELEASE} karpenter", "aws:sqs:Queue karpenter-interruption"),
        ],
        killed_at=f"{POOL} gpu deleting",
    ),
    Example(
        "gpu-operator",
        ('"max_gpus": 6', f'"max_gpus": 6, {TAINT}'),
        {*(f"aws:eks/nodeGroup:NodeGroup gpu-us-west-2{zone}-on-demand" for zone in "abc"), f"{RELEASE} gpu-operator"},
        [
            (f"{JOB} cuda-vector-add", f"{RELEASE} gpu-operator"),
            (f"{RELEASE} cluster-autoscaler", "aws:iam:Role cluster-autoscaler"),
        ],
        moved={f"aws:eks/nodeGroup:NodeGroup gpu-us-west-2{zone}-on-demand" for zone in "abc"},
        replaced={
            *(f"aws:autoscaling/tag:Tag gpu-us-west-2{zone}-on-demand-taint" for zone in "abc"),
            f"{JOB} cuda-vector-add",
        },
        killed_at=f"{RELEASE} gpu-operator deleting",
        minutes=9,  # for 6 of which the autoscaler keeps what EKS said of a group's taints
    ),
    Example(
        "auto-mode",
        ('"max_gpus": 8', '"max_gpus": 16'),
        {f"{POOL} gpu"},
        [(f"{JOB} nvidia-smi", f"{POOL} gpu"), (f"{POOL} gpu", f"{AUTO_NODE_CLASS} gpu-node-class")],
        killed_at=f"{POOL} gpu deleting",
        refused=("/access-entries ", "create_access_entry"),
    ),
]


def lived_once(example: Example) -> Any:
    """All that is asked about one example is asked where it has been lived."""
    marks = pytest.mark.xdist_group(f"life of {example.project}"), pytest.mark.minutes(example.minutes)
    return pytest.param(example, id=example.project, marks=marks)


each_example = pytest.mark.parametrize("example", [lived_once(each) for each in EXAMPLES], scope="module")
in_one_lab = pytest.mark.xdist_group("small lives")


@pytest.fixture(autouse=True)
def nothing_is_left_for_other_tests() -> Iterator[None]:
    """What warns when it is collected warns here, where it is expected."""
    yield
    gc.collect()


@pytest.fixture(scope="module")
def life(lab: Lab, example: Example, tmp_path_factory: pytest.TempPathFactory) -> Life:
    with faulty_aws(lab.aws_endpoint) as aws:
        return live(lab, example, tmp_path_factory.mktemp(example.project), aws)


@each_example
def test_a_preview_makes_nothing_and_names_all_that_up_makes(life):
    assert life.made_by_preview == ()
    assert {step.operation for step in life.ahead} == {"create"}
    made = {step.urn for step in life.again.steps}
    assert {step.urn for step in life.ahead} == made
    assert {(step.operation, step.urn) for step in life.ahead_again} == {("same", urn) for urn in made}


@each_example
def test_up_again_changes_nothing(life):
    assert life.again.changes == {"same": sum(life.finished.changes.values())}


@each_example
def test_a_refresh_finds_what_the_autoscaler_moves_and_no_drift(life, example):
    drifted = touched(life.drift)
    assert set(drifted.values()) <= {"update"}
    assert drifted.keys() <= example.moved


@each_example
def test_a_setting_touches_what_it_is_about(life, example):
    assert touched(life.changed.steps) == {
        **dict.fromkeys(example.updated, "update"),
        **dict.fromkeys(example.replaced, "create-replacement"),
    }


@each_example
def test_nothing_with_effects_in_aws_is_left(life):
    assert life.gone.left == ()
    assert life.orphans == 0


@each_example
def test_all_that_is_in_the_cluster_goes_before_it(life):
    order = Deletions(life.log)
    (cluster,) = [each for each in order.starts if each.startswith("aws:eks:Cluster ")]
    inside = [each for each in order.starts if each.startswith("kubernetes:")]
    assert len(inside) >= 3
    assert [each for each in inside if not order.before(each, cluster)] == []


@each_example
def test_what_needs_a_controller_goes_before_it_and_it_before_its_permissions(life, example):
    order = Deletions(life.log)
    assert [pair for pair in example.order if not order.before(*pair)] == []


@each_example
def test_a_second_up_is_told_of_the_lock(life, example):
    assert f"stack dev of {example.project} is being changed by another engine (pid " in life.killed_up.beside_another
    assert "): wait, then try again" in life.killed_up.beside_another


@each_example
def test_after_a_kill_a_person_is_told_what_to_type(life, example):
    for said in (life.killed_up.afterwards, life.killed_destroy.afterwards):
        assert f"stack dev of {example.project} is locked by an engine that was killed (pid " in said
        assert "`eks-gpu lab cancel " in said
        assert f"examples/{example.project} --stack dev`" in said


@each_example
def test_cancel_finds_the_cluster_that_aws_has_made_and_nobody_heard_of(life):
    assert len(life.killed_up.cancelled.engines) == 1
    assert [each.partition(" ")[0] for each in life.killed_up.cancelled.found] == ["aws:eks/cluster:Cluster"]
    assert life.killed_up.cancelled.unknown == ()


@each_example
def test_what_aws_refuses_is_told_and_the_next_up_makes_the_rest(life, example):
    assert f"eks {example.refused[1]}: InvalidRequestException: not today" in life.killed_up.refused
    assert life.finished.changes.keys() == {"create", "same"}
    assert life.finished.changes["same"] >= life.killed_up.cancelled.changes["same"]


@each_example
def test_after_a_kill_in_destroy_the_next_one_takes_the_rest(life):
    assert len(life.killed_destroy.cancelled.engines) == 1
    assert life.killed_destroy.cancelled.unknown == ()
    assert 0 < life.gone.deleted < life.again.changes["same"]


SMALL = """
import os, time
import pulumi_aws as aws
while os.path.exists("{gate}"):
    time.sleep(0.05)
aws.sqs.Queue("jobs")
aws.ec2.Vpc("net", cidr_block="10.0.0.0/16")
"""


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A project of a network and a queue, which waits as long as its folder has a file `gate`."""
    root = tmp_path / "small"
    root.mkdir()
    (root / "Pulumi.yaml").write_text("name: small\nruntime: python\n")
    (root / "Pulumi.dev.yaml").write_text("config: {aws:region: us-west-2}\n")
    (root / "__main__.py").write_text(SMALL.format(gate=root / "gate"))
    return root


@in_one_lab
def test_of_two_ups_the_second_is_told_and_the_first_finishes(lab, small):
    gate = small / "gate"
    gate.touch()
    first = start("apply", small)
    until(lambda: bool(locks(backend(lab), "small", "dev")))
    second, cancelled = told("apply", small), told("cancel", small)
    gate.unlink()
    said, _ = first.communicate(timeout=PATIENCE_S)
    assert (first.returncode, "resources: 3 create" in said) == (0, True)
    assert second == cancelled
    assert "stack dev of small is being changed by another engine (pid " in second
    assert lab_stack(lab, small, "dev").destroy().left == ()


@in_one_lab
def test_what_gets_its_id_from_aws_and_was_not_heard_of_is_told_and_left(lab, small, monkeypatch):
    monkeypatch.setattr(leftovers, "PATIENCE_S", 1)  # what is left stays left
    with faulty_aws(lab.aws_endpoint) as aws, aws.meets("Action=CreateVpc&", Fault.LOST) as vpc_is_made:
        troubled = lab_stack(replace(lab, aws_endpoint=aws.endpoint), small, "dev")
        with own_engine_killed(lambda: vpc_is_made.is_set() and quiet(lab, "small")) as problem:
            troubled.up()
    stack = lab_stack(lab, small, "dev")
    (unknown,) = aws_client(lab, "ec2").describe_vpcs(Filters=[{"Name": "is-default", "Values": ["false"]}])["Vpcs"]

    assert "stack dev of small is locked by an engine that was killed (pid " in str(problem.value)
    assert stack.cancel().unknown == ("aws:ec2/vpc:Vpc net",)
    assert stack.up().changes == {"create": 1, "same": 2}
    assert stack.destroy().left == (f"vpc {unknown['VpcId']}",)
    aws_client(lab, "ec2").delete_vpc(VpcId=unknown["VpcId"])


@in_one_lab
def test_a_state_is_read_that_a_killed_engine_left_half_a_file_beside(lab, small):
    stack = lab_stack(lab, small, "dev")
    stack.up()
    beside = backend(lab) / ".pulumi" / "stacks" / "small" / "dev.json.attrs"
    assert beside.read_text()
    beside.write_text("")
    assert stack.up().changes == {"same": 3}
    assert stack.destroy().left == ()
