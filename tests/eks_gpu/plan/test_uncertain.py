"""What rests on a value that nobody knows yet is not judged, and the plan says how to tell it."""

from pathlib import Path

import pytest

from eks_gpu.io.problems import InputError
from eks_gpu.offline.project import Project
from eks_gpu.plan.plan import make_plan

PROGRAM = """
import pulumi
import pulumi_aws as aws

net = aws.ec2.Vpc("net", cidr_block="10.0.0.0/16")
aws.eks.NodeGroup(
    "gpu",
    cluster_name="c",
    node_role_arn="r",
    subnet_ids=["s"],
    instance_types=["g5.xlarge"],
    scaling_config={"min_size": 0, "max_size": 1, "desired_size": 0},
    TAINTS
    opts=pulumi.ResourceOptions(ignore_changes=["scalingConfig.desiredSize"]),
)
"""
TAINTED = "gpu-nodes-are-tainted"


@pytest.fixture
def plan(tmp_path: Path):
    def of(taints: str):
        (tmp_path / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
        (tmp_path / "Pulumi.dev.yaml").write_text("config:\n  aws:region: us-west-2\n")
        (tmp_path / "__main__.py").write_text(PROGRAM.replace("TAINTS", taints))
        project = Project.load(tmp_path)
        plan = make_plan(project, project.stack("dev"))
        (found,) = (each for each in plan.analysis.findings if each.id == TAINTED)
        return plan, found

    return of


def test_a_group_without_taints_fails(plan):
    _, found = plan("")
    assert (found.passed, found.severity) == (False, "error")


def test_a_group_whose_taints_nobody_knows_is_not_judged(plan):
    made, found = plan("taints=net.owner_id.apply(lambda owner: [{'key': owner, 'effect': 'NO_SCHEDULE'}]),")
    assert (found.passed, found.message) == (None, "it needs taints of gpu, which only pulumi up will tell")
    (row,) = (row for row in made.analysis.unread if row.subject == "NodeGroup gpu")
    assert (row.what, row.why) == ("values", "taints is known after pulumi up only")
    assert row.how == (
        "give the outputs of aws:ec2/vpc:Vpc net in plan-answers.yaml, which plan --record-answers FILE begins"
    )


def test_a_group_whose_taints_are_answered_is_judged(plan, tmp_path):
    (tmp_path / "plan-answers.yaml").write_text("resources: {'aws:ec2/vpc:Vpc': {net: {ownerId: nvidia.com/gpu}}}\n")
    _, found = plan("taints=net.owner_id.apply(lambda owner: [{'key': owner, 'effect': 'NO_SCHEDULE'}]),")
    assert found.passed is True


def test_another_unknown_property_makes_no_failure_uncertain(plan):
    assert plan("release_version=net.owner_id,")[1].passed is False


def test_what_no_custom_resource_can_be_is_wrong_input_and_no_crash(tmp_path):
    kind = {"api_version": "karpenter.sh/v1", "kind": "NodePool"}
    spec = {"disruption": {"budgets": ["10%"]}, "limits": {"nvidia.com/gpu": 1}, "template": {"spec": {}}}
    (tmp_path / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    (tmp_path / "Pulumi.dev.yaml").write_text("config:\n  aws:region: us-west-2\n")
    (tmp_path / "__main__.py").write_text(
        f"import pulumi_kubernetes as k8s\nk8s.apiextensions.CustomResource('gpu', spec={spec}, **{kind})\n"
    )
    project = Project.load(tmp_path)
    with pytest.raises(InputError, match="the inputs of a resource are not as its type has them"):
        make_plan(project, project.stack("dev"))
