"""GpuNodeGroup: what each back end is asked for, and what its nodes and the autoscaler are told."""

from base64 import b64decode
from typing import Any

import pytest

from components.nodes.auto_scaling_group import auto_scaling_group
from components.nodes.managed_node_group import managed_node_group
from eks_gpu.offline.answers import CatalogAnswers
from tests.found import every
from tests.given import CLUSTER, released, subnets
from tests.gpu_node_groups import ARGS, ASG, HOOK, TAG, TEMPLATE, place, problem, running, self_managed

# What each back end is asked for

NODE_LABELS = {
    "nvidia.com/gpu.present": "true",
    "k8s.amazonaws.com/accelerator": "nvidia-l4",
    "karpenter.sh/capacity-type": "spot",
}


def test_a_managed_group_takes_gpu_pods_alone_and_starts_without_nodes():
    groups = place("a", max_gpus=9, instance_types=["g6.12xlarge"], capacity_types=["spot"]).groups

    assert {name: managed_node_group(group) for name, group in groups.items()} == {
        "us-west-2a-spot": {
            "ami_type": "AL2023_x86_64_NVIDIA",
            "capacity_type": "SPOT",
            "instance_types": ["g6.12xlarge"],
            "subnet_ids": ["subnet-a"],
            "scaling_config": {"min_size": 0, "desired_size": 0, "max_size": 2},  # 4 GPUs each
            "labels": NODE_LABELS,
            "taints": [{"key": "nvidia.com/gpu", "value": "true", "effect": "NO_SCHEDULE"}],
            "update_config": {"max_unavailable": 1},
            "node_repair_config": {"enabled": True},
        }
    }


def test_a_self_managed_group_stays_in_its_zone_and_tells_the_autoscaler():
    wish = {"instance_types": ["g6.xlarge", "g6.2xlarge"], "capacity_types": ["spot"]}
    (group,) = place("b", **wish, sharing={"strategy": "mps", "replicas": 4}, idle_s=60).groups.values()
    template = {"launch_template_id": "lt-1", "version": "7"}

    assert auto_scaling_group(group, template) == {
        "min_size": 0,
        "desired_capacity": 0,
        "max_size": 3,
        "vpc_zone_identifiers": ["subnet-b"],
        "capacity_rebalance": False,
        "suspended_processes": ["AZRebalance"],
        "mixed_instances_policy": {
            "instances_distribution": {
                "on_demand_base_capacity": 0,
                "on_demand_percentage_above_base_capacity": 0,
                "on_demand_allocation_strategy": "prioritized",
                "spot_allocation_strategy": "price-capacity-optimized",
            },
            "launch_template": {
                "launch_template_specification": {"launch_template_id": "lt-1", "version": "7"},
                "overrides": [{"instance_type": "g6.xlarge"}, {"instance_type": "g6.2xlarge"}],
            },
        },
        "tags": [
            {"key": f"k8s.io/cluster-autoscaler/node-template/{key}", "value": value, "propagate_at_launch": False}
            for key, value in {
                "label/nvidia.com/gpu.present": "true",
                "label/k8s.amazonaws.com/accelerator": "nvidia-l4",
                "label/nvidia.com/device-plugin.config": "mps-4",
                "label/nvidia.com/mps.capable": "true",
                "label/karpenter.sh/capacity-type": "spot",
                "taint/nvidia.com/gpu": "true:NoSchedule",
                "resources/nvidia.com/gpu": "4",
                "resources/ephemeral-storage": "89Gi",
                "autoscaling-options/scaledownunneededtime": "60s",
            }.items()
        ],
    }


def test_on_demand_is_asked_for_by_a_share_of_all():
    (group,) = place("a").groups.values()
    asked = auto_scaling_group(group, {})

    assert asked["mixed_instances_policy"]["instances_distribution"]["on_demand_percentage_above_base_capacity"] == 100


def image_id(parameter: str) -> str:
    """The offline run's answer for a parameter."""
    return CatalogAnswers("us-west-2").invoke("aws:ssm/getParameter:getParameter", {"name": parameter})["insecureValue"]


@pytest.mark.parametrize(
    ("wish", "ami_type", "parameter"),
    [
        (
            {},
            "AL2023_x86_64_NVIDIA",
            "/aws/service/eks/optimized-ami/1.35/amazon-linux-2023/x86_64/nvidia/recommended/image_id",
        ),
        (
            {"instance_types": ["g5g.xlarge"]},
            "AL2023_ARM_64_NVIDIA",
            "/aws/service/eks/optimized-ami/1.35/amazon-linux-2023/arm64/nvidia/recommended/image_id",
        ),
        (
            {"instance_types": ["inf2.xlarge"]},
            "AL2023_x86_64_NEURON",
            "/aws/service/eks/optimized-ami/1.35/amazon-linux-2023/x86_64/neuron/recommended/image_id",
        ),
        (
            {"node_image": "bottlerocket"},
            "BOTTLEROCKET_x86_64_NVIDIA",
            "/aws/service/bottlerocket/aws-k8s-1.35-nvidia/x86_64/latest/image_id",
        ),
    ],
)
def test_the_image_has_the_driver(wish, ami_type, parameter):
    (managed,) = (managed_node_group(group) for group in place("b", **wish).groups.values())
    template = self_managed(args={**ARGS, "subnets": subnets("b")}, **wish).one(TEMPLATE)

    assert managed["ami_type"] == ami_type
    assert template.inputs["imageId"] == image_id(parameter)


NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"


def test_a_managed_group_follows_the_clusters_version_and_takes_its_newest_image():
    for group in every(running().of(NODE_GROUP)):
        assert group.inputs["version"] == "1.35"
        assert group.inputs["releaseVersion"] == released("1.35", "nvidia")
    later = running(args={**ARGS, "cluster": {**CLUSTER, "kubernetes_version": "1.36"}})
    (first, *_) = later.of(NODE_GROUP)
    assert first.inputs["version"] == "1.36"
    assert first.inputs["releaseVersion"] == released("1.36", "nvidia")


def test_a_pin_holds_the_image_and_a_self_managed_group_has_none():
    pinned: Any = {**ARGS, "release_version": "1.35.2-20260714"}
    assert {group.inputs["releaseVersion"] for group in running(args=pinned).of(NODE_GROUP)} == {"1.35.2-20260714"}
    assert problem(args=pinned, backend="auto-scaling-group") == [
        "release_version: groups of backend auto-scaling-group take the newest image of the cluster's version, "
        "got 1.35.2-20260714: leave it out"
    ]
    assert problem(args={**ARGS, "release_version": "1.34.2-20260714"}) == [
        "release_version must be one of the cluster's version 1.35, got 1.34.2-20260714"
    ]


def test_no_template_of_a_managed_group_has_an_image_that_eks_would_refuse_beside_a_version():
    for template in every(running().of(TEMPLATE)):
        assert "imageId" not in template.inputs


# What its nodes and the autoscaler are told


def test_the_node_count_belongs_to_the_autoscaler():
    managed = running().one("aws:eks/nodeGroup:NodeGroup", "gpu-us-west-2a-on-demand")
    group = self_managed().one(ASG, "gpu-us-west-2a-on-demand")

    assert managed.options["ignoreChanges"] == ["scalingConfig.desiredSize"]
    assert group.options["ignoreChanges"] == ["desiredCapacity"]


def test_the_template_encrypts_the_disk_and_keeps_pods_off_the_metadata():
    template = running(disk_gib=250).one(TEMPLATE, "gpu-us-west-2a-on-demand-template").inputs
    tags = {"Name": "gaia-gpu-us-west-2a-on-demand", "kubernetes.io/cluster/gaia": "owned"}

    assert template == {
        "blockDeviceMappings": [
            {
                "deviceName": "/dev/xvda",
                "ebs": {"volumeType": "gp3", "encrypted": "true", "deleteOnTermination": "true", "volumeSize": 250},
            }
        ],
        "metadataOptions": {"httpEndpoint": "enabled", "httpTokens": "required", "httpPutResponseHopLimit": 1},
        "tagSpecifications": [{"resourceType": kind, "tags": tags} for kind in ("instance", "volume")],
        "updateDefaultVersion": True,
    }


def test_bottlerocket_keeps_images_on_its_second_disk():
    template = running(node_image="bottlerocket").one(TEMPLATE, "gpu-us-west-2a-on-demand-template").inputs

    assert [(disk["deviceName"], disk["ebs"].get("volumeSize")) for disk in template["blockDeviceMappings"]] == [
        ("/dev/xvda", None),
        ("/dev/xvdb", 100),
    ]


def test_a_managed_group_uses_its_template_and_the_cluster_s_version():
    made = running()
    group = made.one("aws:eks/nodeGroup:NodeGroup", "gpu-us-west-2b-on-demand").inputs
    template = made.one(TEMPLATE, "gpu-us-west-2b-on-demand-template")

    assert group["launchTemplate"] == {"id": template.id, "version": "1"}
    assert (group["clusterName"], group["version"]) == ("gaia", "1.35")


def test_the_autoscaler_is_told_of_a_managed_group_on_the_group_that_eks_makes():
    tags = {tag.name: tag.inputs for tag in running(max_gpus=1).of(TAG)}

    assert {tag["autoscalingGroupName"] for tag in tags.values()} == {"eks-gpu-us-west-2a-on-demand"}
    assert tags["gpu-us-west-2a-on-demand-taint"]["tag"] == {
        "key": "k8s.io/cluster-autoscaler/node-template/taint/nvidia.com/gpu",
        "value": "true:NoSchedule",
        "propagateAtLaunch": False,
    }
    assert len(tags) == 7


def test_another_taint_s_tag_takes_the_place_of_the_first_before_the_new_one_is_there():
    taint = {"key": "dedicated", "value": "training", "effect": "NoSchedule"}
    before, after = (made.one(TAG, "gpu-us-west-2a-on-demand-taint") for made in (running(), running(taint=taint)))

    assert before.urn == after.urn
    assert after.options["deleteBeforeReplace"] is True


def test_a_taint_s_tag_is_the_one_that_was_named_by_its_key():
    tag = running().one(TAG, "gpu-us-west-2a-on-demand-taint")

    assert [alias["spec"]["name"] for alias in tag.options["aliases"]] == [
        "gpu-us-west-2a-on-demand-taint/nvidia.com/gpu"
    ]


def test_a_self_managed_group_is_found_by_this_cluster_s_autoscaler():
    tags = {tag["key"]: tag for tag in self_managed().one(ASG, "gpu-us-west-2a-on-demand").inputs["tags"]}

    assert tags["k8s.io/cluster-autoscaler/enabled"]["value"] == "true"
    assert tags["k8s.io/cluster-autoscaler/gaia"]["value"] == "owned"
    assert tags["kubernetes.io/cluster/gaia"] == {
        "key": "kubernetes.io/cluster/gaia",
        "value": "owned",
        "propagateAtLaunch": True,
    }


def test_each_drained_group_has_a_hook_of_its_own():
    made = self_managed(args={**ARGS, "drain_s": 120})
    assert {hook.inputs["autoscalingGroupName"]: hook.inputs["heartbeatTimeout"] for hook in made.of(HOOK)} == {
        group["name"]: 180 for group in made.of(ASG)
    }
    assert len(made.of(HOOK)) == 3


def test_a_self_managed_node_gets_what_eks_would_give_it():
    made = self_managed()
    template = made.one(TEMPLATE, "gpu-us-west-2a-on-demand-template").inputs
    entry = made.one("aws:eks/accessEntry:AccessEntry").inputs

    assert template["imageId"].startswith("ami-")
    assert template["vpcSecurityGroupIds"] == ["sg-1"]
    assert template["iamInstanceProfile"] == {"arn": made.one("aws:iam/instanceProfile:InstanceProfile")["arn"]}
    assert "--register-with-taints=nvidia.com/gpu=true:NoSchedule" in b64decode(template["userData"]).decode()
    assert (entry["type"], entry["principalArn"]) == ("EC2_LINUX", made.one("aws:iam/role:Role")["arn"])


def test_eks_makes_the_access_entry_of_a_managed_group():
    assert running().of("aws:eks/accessEntry:AccessEntry") == []
