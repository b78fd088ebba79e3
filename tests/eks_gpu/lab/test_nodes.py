"""Nodes of auto scaling groups in the lab: they carry what user data and EKS say, whatever the group's tags promise."""

from base64 import b64decode
from typing import Any

import boto3
import pytest
from moto import mock_aws

from eks_gpu.lab.aws.lifecycle import holding
from eks_gpu.lab.node_kind import NodeKind, managed_kind, node, registration, self_managed_kind
from eks_gpu.lab.nodes import Groups, reconcile
from eks_gpu_components.catalog import Taint
from eks_gpu_components.nodes.node_group import Node
from eks_gpu_components.nodes.user_data import user_data
from tests.found import every
from tests.given import CLUSTER

LABELS = {"nvidia.com/gpu.present": "true", "team": "vision"}
TAINTS = (Taint("nvidia.com/gpu", "true", "NoSchedule"), Taint("team", "vision", "NoExecute"))


def written(image: str, labels: dict[str, str] = LABELS, taints: tuple[Taint, ...] = TAINTS) -> str:
    asked = Node(image=image, architecture="amd64", disk_gib=50, labels=labels, taints=taints, resources={})
    return user_data(asked, CLUSTER)


@pytest.mark.parametrize("image", ["al2023", "bottlerocket"])
def test_what_the_library_writes_into_user_data_is_what_the_node_carries(image):
    assert registration(b64decode(written(image))) == (LABELS, TAINTS)
    assert registration(b64decode(written(image, {}, ()))) == ({}, ())


@pytest.mark.parametrize("text", [b"", b"#!/bin/bash\n/etc/eks/bootstrap.sh gaia", b"\xff\xfe"])
def test_user_data_of_another_kind_gives_a_node_without_labels_and_taints(text):
    assert registration(text) == ({}, ())


def test_a_managed_nodes_labels_and_taints_are_those_of_its_node_group():
    kind = managed_kind(
        {
            "nodegroupName": "gpu",
            "capacityType": "SPOT",
            "amiType": "AL2023_x86_64_NVIDIA",
            "instanceTypes": ["g5.xlarge", "g5.2xlarge"],
            "labels": {"team": "vision"},
            "taints": [{"key": "nvidia.com/gpu", "value": "true", "effect": "NO_SCHEDULE"}],
        },
        {"BlockDeviceMappings": [{"Ebs": {"VolumeSize": 4}}, {"Ebs": {"VolumeSize": 100}}]},
    )
    assert kind == NodeKind(
        instance_type="g5.xlarge",
        labels={
            "team": "vision",
            "eks.amazonaws.com/nodegroup": "gpu",
            "eks.amazonaws.com/capacityType": "SPOT",
        },
        taints=(Taint("nvidia.com/gpu", "true", "NoSchedule"),),
        disk_gib=100,
        on_demand_percentage=0,
        driver=True,
    )


def test_a_self_managed_nodes_type_is_the_first_of_the_overrides():
    policy = {"LaunchTemplate": {"Overrides": [{"InstanceType": "g4dn.xlarge"}, {"InstanceType": "g5.xlarge"}]}}
    template = {"InstanceType": "m5.large", "UserData": written("al2023")}
    kind = self_managed_kind(policy, template)
    assert (kind.instance_type, kind.labels, kind.taints, kind.disk_gib) == ("g4dn.xlarge", LABELS, TAINTS, 20)
    assert self_managed_kind({}, template).instance_type == "m5.large"


@pytest.mark.parametrize(
    ("base", "percentage", "bought"),
    [
        (0, 0, ["spot", "spot", "spot", "spot", "spot"]),
        (0, 100, ["on-demand"] * 5),
        (2, 0, ["on-demand", "on-demand", "spot", "spot", "spot"]),
        (1, 50, ["on-demand", "spot", "on-demand", "spot", "on-demand"]),
    ],
)
def test_spot_and_on_demand_mix_as_the_distribution_says(base, percentage, bought):
    kind = NodeKind("g5.xlarge", on_demand_base=base, on_demand_percentage=percentage)
    assert [kind.capacity_type(position) for position in range(5)] == bought


def test_a_node_is_what_kubelet_would_register():
    kind = NodeKind("g4dn.xlarge", LABELS, TAINTS, disk_gib=100, on_demand_percentage=0)
    made = node(kind, "i-1", "us-west-2a", 0)
    assert made["metadata"] == {
        "name": "i-1.us-west-2.compute.internal",
        "annotations": {"lab.eks-gpu/capacity-type": "spot"},
        "labels": {
            "nvidia.com/gpu.present": "true",
            "team": "vision",
            "kubernetes.io/arch": "amd64",
            "kubernetes.io/hostname": "i-1.us-west-2.compute.internal",
            "node.kubernetes.io/instance-type": "g4dn.xlarge",
            "kubernetes.io/os": "linux",
            "topology.kubernetes.io/region": "us-west-2",
            "topology.kubernetes.io/zone": "us-west-2a",
            "topology.k8s.aws/zone-id": "usw2-az2",
        },
    }
    assert made["spec"] == {
        "providerID": "aws:///us-west-2a/i-1",
        "taints": [
            {"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"},
            {"key": "team", "value": "vision", "effect": "NoExecute"},
        ],
    }
    assert made["status"]["capacity"] == {
        "cpu": "4",
        "memory": "16384Mi",
        "ephemeral-storage": "100Gi",
        "pods": "29",
        "nvidia.com/gpu": "1",
    }
    assert made["status"]["allocatable"] == {
        "cpu": "3920m",
        "memory": "14481Mi",
        "ephemeral-storage": "89Gi",
        "pods": "29",
        "nvidia.com/gpu": "1",
    }


def test_an_image_without_a_driver_offers_no_gpu():
    kind = managed_kind(
        {"nodegroupName": "gpu", "amiType": "AL2023_x86_64_STANDARD", "instanceTypes": ["g4dn.xlarge"]}, {}
    )
    assert "nvidia.com/gpu" not in node(kind, "i-1", "us-west-2a", 0)["status"]["allocatable"]


class Cluster:
    """The API server's nodes."""

    def __init__(self, *names: str):
        self.nodes = {name: {"metadata": {"name": name}, "spec": {"providerID": "aws:///z/i"}} for name in names}

    def list(self, path: str) -> list[dict[str, Any]]:
        assert path == "/api/v1/nodes"
        return list(self.nodes.values())

    def ensure(self, path: str, manifest: dict[str, Any]) -> None:
        assert path == "/api/v1/nodes"
        self.nodes[manifest["metadata"]["name"]] = manifest

    def delete(self, path: str) -> None:
        del self.nodes[path.removeprefix("/api/v1/nodes/")]


def image(ec2: Any) -> str:
    return ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]


@pytest.fixture
def groups(monkeypatch):
    """AWS with a group of two nodes, its template's user data unlike the group's tags."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "lab")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "lab")
    with mock_aws():

        def client(service: str) -> Any:
            return boto3.client(service, region_name="us-west-2")

        ec2, autoscaling = client("ec2"), client("autoscaling")
        template = ec2.create_launch_template(
            LaunchTemplateName="gpu",
            LaunchTemplateData={
                "ImageId": image(ec2),
                "InstanceType": "g4dn.xlarge",
                "UserData": written("al2023"),
            },
        )["LaunchTemplate"]["LaunchTemplateId"]
        autoscaling.create_auto_scaling_group(
            AutoScalingGroupName="gpu",
            MinSize=0,
            MaxSize=4,
            DesiredCapacity=2,
            VPCZoneIdentifier=ec2.describe_subnets()["Subnets"][0]["SubnetId"],
            LaunchTemplate={"LaunchTemplateId": template, "Version": "1"},
            Tags=[
                {"Key": "k8s.io/cluster-autoscaler/node-template/label/promised", "Value": "true"},
            ],
        )
        yield Groups(client)


def resize(nodes: int) -> None:
    client: Any = boto3.client("autoscaling", region_name="us-west-2")
    client.set_desired_capacity(AutoScalingGroupName="gpu", DesiredCapacity=nodes)


def test_a_node_stays_while_a_lifecycle_hook_holds_its_instance(groups):
    cluster: Any = Cluster()
    client: Any = boto3.client("autoscaling", region_name="us-west-2")
    hook = {"AutoScalingGroupName": "gpu", "LifecycleHookName": "drain"}
    client.put_lifecycle_hook(**hook, LifecycleTransition="autoscaling:EC2_INSTANCE_TERMINATING")
    with holding():
        reconcile(groups, cluster)
        resize(1)
        assert reconcile(groups, cluster) == []
        (held,) = [name for name, each in groups.instances().items() if each.position == 0]
        id_ = held.partition(".")[0]
        client.complete_lifecycle_action(**hook, InstanceId=id_, LifecycleActionResult="CONTINUE")
        assert reconcile(groups, cluster) == [f"deleted {held}"]


def test_instances_become_nodes_and_nodes_go_with_their_instances(groups):
    cluster: Any = Cluster("i-old.us-west-2.compute.internal")
    cluster.nodes["karpenters"] = {"metadata": {"name": "karpenters"}, "spec": {"providerID": "kwok-aws:///z/i"}}

    done = reconcile(groups, cluster)
    assert [line.split()[0] for line in done] == ["made", "made", "deleted"]
    assert done[2] == "deleted i-old.us-west-2.compute.internal"
    assert reconcile(groups, cluster) == []
    resize(0)
    assert [line.split()[0] for line in reconcile(groups, cluster)] == ["deleted", "deleted"]
    assert list(cluster.nodes) == ["karpenters"]


def test_a_label_that_only_the_groups_tags_promise_is_on_no_node(groups):
    cluster: Any = Cluster()
    reconcile(groups, cluster)
    for made in every(cluster.nodes.values()):
        assert made["metadata"]["labels"]["team"] == "vision"
        assert "promised" not in made["metadata"]["labels"]
        assert made["spec"]["taints"][0]["key"] == "nvidia.com/gpu"


def test_a_new_version_of_the_template_changes_the_nodes_that_come_after_it(groups):
    cluster: Any = Cluster()
    reconcile(groups, cluster)
    ec2: Any = boto3.client("ec2", region_name="us-west-2")
    autoscaling: Any = boto3.client("autoscaling", region_name="us-west-2")
    ec2.create_launch_template_version(
        LaunchTemplateName="gpu",
        LaunchTemplateData={"ImageId": image(ec2), "InstanceType": "g5.xlarge"},
    )
    autoscaling.update_auto_scaling_group(
        AutoScalingGroupName="gpu", LaunchTemplate={"LaunchTemplateName": "gpu", "Version": "2"}, DesiredCapacity=3
    )
    (made,) = reconcile(groups, cluster)
    labels = cluster.nodes[made.split()[1]]["metadata"]["labels"]
    assert (labels["node.kubernetes.io/instance-type"], labels.get("team")) == ("g5.xlarge", None)
