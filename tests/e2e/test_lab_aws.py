"""The real engine makes, leaves alone and takes away what our components ask of AWS, in moto."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pulumi
import pulumi_aws as aws
import pytest
from pulumi import automation

import components
from components.catalog import KARPENTER_EVENTS
from components.nodes.interruption_queue import create_interruption_queue
from eks_gpu.lab.aws.commands import write_commands
from eks_gpu.lab.aws.moto_server import moto
from eks_gpu.lab.toolchain import toolchain
from tests.waiting import PATIENCE_S

pytestmark = pytest.mark.minutes(1)

REGION = "us-west-2"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "eks.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
GENERAL = ["m5a.2xlarge", "m6a.2xlarge", "m7a.2xlarge", "m7i.2xlarge", "m8a.2xlarge", "m8i.2xlarge"]


def program(retention_s: int = 300, max_gpus: int = 4) -> None:
    """A network, a cluster, an interruption queue with its rules, and both kinds of node group."""
    network = components.Network(
        "network",
        {
            "region": REGION,
            "zones": components.available_zones(REGION),
            "cluster_name": "lab",
            "settings": {"nat": "single", "flow_logs": {"retention_days": 90}},
        },
    )
    role = aws.iam.Role("cluster", assume_role_policy=json.dumps(TRUST))
    aws.iam.RolePolicyAttachment("cluster", role=role.name, policy_arn="arn:aws:iam::aws:policy/AmazonEKSClusterPolicy")
    eks = aws.eks.Cluster(
        "lab",
        name="lab",
        role_arn=role.arn,
        version="1.35",
        vpc_config={"subnet_ids": network.private_subnet_ids},
        access_config={"authentication_mode": "API"},
    )
    cluster = components.from_aws(eks, REGION)
    create_interruption_queue("karpenter", KARPENTER_EVENTS, network, "lab")
    aws.sqs.Queue("jobs", name="jobs", message_retention_seconds=retention_s)
    gpu: components.GpuPoolArgs = {"instance_types": ["g6.xlarge", "g5.xlarge"], "max_gpus": max_gpus}
    components.GpuNodeGroup("gpu", {"cluster": cluster, "subnets": network.private_subnets, "pool": gpu})
    components.SpotNodeGroup(
        "general",
        {
            "cluster": cluster,
            "subnets": network.private_subnets,
            "backend": "auto-scaling-group",
            "pool": {"instance_types": GENERAL, "min_nodes": 2, "max_nodes": 20},
        },
    )
    pulumi.export("endpoint", eks.endpoint)
    pulumi.export("everything", eks)


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., automation.Stack]]:
    """Gives stacks of a program on an engine, a backend and an AWS that nobody else uses."""
    engine = toolchain(["pulumi"])["pulumi"].parent
    commands = write_commands(tmp_path / "bin", token="t")
    (tmp_path / "state").mkdir()
    with moto() as url:
        environment = {
            "AWS_ENDPOINT_URL": url,
            "PULUMI_BACKEND_URL": f"file://{tmp_path / 'state'}",
            "PULUMI_CONFIG_PASSPHRASE": "",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_HOME": str(tmp_path / "home"),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        }
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("PATH", f"{commands}:{engine}", prepend=":")

        def stack(of: Callable[[], None]) -> automation.Stack:
            options = automation.LocalWorkspaceOptions(work_dir=str(tmp_path))
            made = automation.create_or_select_stack("dev", project_name="lab", program=of, opts=options)
            made.set_config("aws:region", automation.ConfigValue(REGION))
            return made

        yield stack


def client(service: str) -> Any:
    return boto3.client(service, region_name=REGION, aws_access_key_id="lab", aws_secret_access_key="lab")


def _of_a_stack(role: dict[str, Any]) -> bool:
    """Whether a stack made a role; the account has those of its services."""
    return not role["Path"].startswith("/aws-service-role/")


def remains() -> dict[str, list[str]]:
    """What a stack made. Not asked for: the default VPC, and network ACLs, interfaces and tags, which moto forgets."""
    ec2 = client("ec2")
    return {
        "vpcs": [vpc["VpcId"] for vpc in ec2.describe_vpcs()["Vpcs"] if not vpc["IsDefault"]],
        "addresses": [item["AllocationId"] for item in ec2.describe_addresses()["Addresses"]],
        "nat gateways": [
            n["NatGatewayId"] for n in ec2.describe_nat_gateways()["NatGateways"] if n["State"] != "deleted"
        ],
        "templates": [item["LaunchTemplateName"] for item in ec2.describe_launch_templates()["LaunchTemplates"]],
        "instances": [
            instance["InstanceId"]
            for reservation in ec2.describe_instances()["Reservations"]
            for instance in reservation["Instances"]
            if instance["State"]["Name"] != "terminated"
        ],
        "flow logs": [item["FlowLogId"] for item in ec2.describe_flow_logs()["FlowLogs"]],
        "groups": [
            item["AutoScalingGroupName"]
            for item in client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
        ],
        "clusters": client("eks").list_clusters()["clusters"],
        "roles": [role["RoleName"] for role in client("iam").list_roles()["Roles"] if _of_a_stack(role)],
        "profiles": [
            item["InstanceProfileName"] for item in client("iam").list_instance_profiles()["InstanceProfiles"]
        ],
        "queues": client("sqs").list_queues().get("QueueUrls", []),
        "rules": [rule["Name"] for rule in client("events").list_rules()["Rules"]],
        "log groups": [group["logGroupName"] for group in client("logs").describe_log_groups()["logGroups"]],
    }


def test_a_stack_comes_up_stays_as_it_is_and_goes_without_a_trace(lab):
    stack = lab(program)
    stack.preview()
    before = remains()
    up = stack.up()

    group = client("eks").describe_nodegroup(clusterName="lab", nodegroupName=_names("gpu-us-west-2a")[0])["nodegroup"]
    assert group["taints"] == [{"key": "nvidia.com/gpu", "value": "true", "effect": "NO_SCHEDULE"}]
    assert {item.split("-")[0] for item in remains()["groups"]} == {"eks", "general"}
    assert len(remains()["rules"]) == 5
    assert up.outputs["everything"].value["vpc_config"]["clusterSecurityGroupId"].startswith("sg-")

    stack.up(expect_no_changes=True)
    stack.refresh(expect_no_changes=True)
    stack.destroy()
    assert remains() == before == {kind: [] for kind in before}


def _names(prefix: str) -> list[str]:
    return sorted(
        name for name in client("eks").list_nodegroups(clusterName="lab")["nodegroups"] if name.startswith(prefix)
    )


def test_a_changed_setting_updates_in_place_and_what_drifted_is_repaired(lab):
    def changes(summary: Any) -> dict[str, int]:
        return {kind: count for kind, count in (summary.resource_changes or {}).items() if kind != "same"}

    lab(program).up()
    changed = lab(lambda: program(retention_s=600))
    assert changes(changed.up().summary) == {"update": 1}
    attributes = client("sqs").get_queue_attributes(
        QueueUrl=client("sqs").get_queue_url(QueueName="jobs")["QueueUrl"], AttributeNames=["MessageRetentionPeriod"]
    )
    assert attributes["Attributes"] == {"MessageRetentionPeriod": "600"}

    rule = next(name for name in remains()["rules"] if name.startswith("karpenter-health"))
    target = client("events").list_targets_by_rule(Rule=rule)["Targets"][0]["Id"]
    client("events").remove_targets(Rule=rule, Ids=[target])
    general = next(name for name in remains()["groups"] if name.startswith("general"))
    client("autoscaling").update_auto_scaling_group(AutoScalingGroupName=general, MaxSize=7)

    assert changes(changed.refresh().summary) == {"update": 1, "delete": 1}
    assert changes(changed.up().summary) == {"update": 1, "create": 1}
    found = client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[general])
    assert found["AutoScalingGroups"][0]["MaxSize"] == 20
    changed.destroy()


def test_a_tag_that_was_named_by_its_taint_once_stays_as_it_is(lab, monkeypatch):
    with monkeypatch.context() as earlier:
        earlier.setattr(
            "components.nodes.managed_node_group._taint_name", lambda name, _: f"{name}-taint/nvidia.com/gpu"
        )
        lab(program).up()
    assert set(lab(program).up().summary.resource_changes or {}) == {"same"}


def test_a_wrong_input_stops_the_preview_with_its_place(lab):
    def misspelt() -> None:
        aws.eks.NodeGroup(
            "gpu",
            cluster_name="lab",
            node_role_arn="arn:aws:iam::123456789012:role/node",
            subnet_ids=["subnet-1"],
            scaling_config={"min_size": 0, "desired_size": 0, "max_size": 1},
            taints=[{"key": "nvidia.com/gpu", "effct": "NO_SCHEDULE"}],  # pyright: ignore[reportArgumentType] - the mistake
        )

    with pytest.raises(
        automation.CommandError, match=r"NodeGroup.taints\[0\].effct: no such property; nearest: effect"
    ):
        lab(misspelt).preview()


def test_the_moto_process_serves_on_loopback_until_it_is_ended(monkeypatch):
    command = [sys.executable, "-m", "eks_gpu.lab.aws", "--region", REGION, "--endpoint", "https://127.0.0.1:6443"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout
        url = process.stdout.readline().strip()
        assert url.startswith("http://127.0.0.1:")
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        assert client("eks").list_clusters()["clusters"] == []
        process.terminate()
        assert process.wait(PATIENCE_S) == 0
