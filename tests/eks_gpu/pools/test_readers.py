"""Pools as they are read from auto scaling groups and managed node groups."""

import base64
from typing import Any

import pytest

from eks_gpu.pools.pool import BACK_ENDS, Pool
from eks_gpu.pools.user_data import joined_node
from eks_gpu_components.catalog import Taint
from tests.graphs import (
    GPU_TAGS,
    TEMPLATE,
    analysed,
    cluster,
    gpu_group,
    launch_template,
    managed_group,
    overrides,
    resource,
    subnet,
    tags,
    user_data,
)

GPU_TAINT = Taint("nvidia.com/gpu", "true", "NoSchedule")


def pool(*resources) -> Pool:
    (found,) = analysed(subnet("a"), subnet("b"), *resources).pools
    return found


def test_a_back_end_has_a_title_a_scaler_and_a_way_to_choose_nodes():
    assert {name: (one.title, one.scaled_by, one.looks_at_pods) for name, one in BACK_ENDS.items()} == {
        "auto-scaling-group": ("auto scaling group", "cluster-autoscaler", False),
        "managed-node-group": ("managed group", "cluster-autoscaler", False),
        "karpenter": ("Karpenter", "karpenter", True),
        "auto-mode": ("Auto Mode", "", True),
        "fargate": ("Fargate profile", "", True),
    }


def test_a_self_managed_gpu_group():
    assert pool(launch_template(), gpu_group()).as_json() == {
        "name": "gpu",
        "backend": "auto-scaling-group",
        "cluster": "shop",
        "accelerator": "nvidia",
        "instance_types": ["g4dn.xlarge", "g5.xlarge"],
        "gpus_per_node": 1,
        "devices_per_node": {"nvidia.com/gpu": 1},
        "capacity_types": ["spot"],
        "zones": ["us-west-2a"],
        "min_nodes": 0,
        "desired_nodes": 0,
        "max_nodes": 4,
        "max_gpus": 4,
        "labels": {"k8s.amazonaws.com/accelerator": "nvidia", "nvidia.com/gpu.present": "true"},
        "taints": [{"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"}],
        "scales_to_zero": True,
        "upgrade": {
            "how": "stays",
            "why": "running nodes keep their image, because the group has no instance refresh",
        },
    }


def test_a_managed_system_group():
    assert pool(managed_group()).as_json() == {
        "name": "system",
        "backend": "managed-node-group",
        "cluster": "shop",
        "accelerator": None,
        "instance_types": ["m7i.large"],
        "gpus_per_node": 0,
        "devices_per_node": {},
        "capacity_types": ["on-demand"],
        "zones": ["us-west-2a", "us-west-2b"],
        "min_nodes": 2,
        "desired_nodes": 2,
        "max_nodes": 2,
        "max_gpus": 0,
        "labels": {"role": "system"},
        "taints": [],
        "scales_to_zero": False,
        "upgrade": {
            "how": "stays",
            "why": "it has no version; its nodes fail once they are more than 3 minors behind",
        },
    }


def test_a_plain_launch_template_group_has_its_one_type_on_demand():
    group = gpu_group(mixedInstancesPolicy=None, launchTemplate={"id": "lt-gpu"})
    found = pool(launch_template(instanceType="g6.xlarge"), group)
    assert (found.instance_types, found.capacity_types) == (("g6.xlarge",), ("on-demand",))


def test_a_template_may_ask_for_spot_itself():
    market = {"instanceMarketOptions": {"marketType": "spot"}, "instanceType": "g6.xlarge"}
    group = gpu_group(mixedInstancesPolicy=None, launchTemplate={"name": "lt-gpu"})
    assert pool(launch_template(**market, name="lt-gpu"), group).capacity_types == ("spot",)


def test_without_a_percentage_a_mixed_group_is_on_demand():
    policy = overrides("g4dn.xlarge", onDemandPercentageAboveBaseCapacity=None)
    assert pool(gpu_group(mixedInstancesPolicy=policy)).capacity_types == ("on-demand",)


def test_a_base_and_a_percentage_of_on_demand_nodes():
    shares: Any = {"onDemandBaseCapacity": 2, "onDemandPercentageAboveBaseCapacity": 25}
    found = pool(gpu_group(mixedInstancesPolicy=overrides("g4dn.xlarge", **shares)))
    assert found.capacity_types == ("spot", "on-demand")
    assert [found.on_demand_nodes(nodes) for nodes in (0, 1, 2, 3, 10)] == [0, 1, 2, 3, 4]


def test_types_with_different_counts_have_no_count_and_the_largest_ceiling():
    found = pool(gpu_group(mixedInstancesPolicy=overrides("g4dn.xlarge", "g4dn.12xlarge")))
    assert (found.gpus_per_node, found.max_gpus) == (None, 16)


def test_neuron_devices_count_too():
    found = pool(gpu_group(mixedInstancesPolicy=overrides("inf2.24xlarge")))
    assert (found.accelerator, found.gpus_per_node, found.max_gpus) == ("neuron", 6, 24)


@pytest.mark.parametrize(
    ("ami_type", "driver"),
    [("AL2023_x86_64_NEURON", True), ("BOTTLEROCKET_x86_64", True), ("AL2023_x86_64_STANDARD", False)],
)
def test_no_image_brings_the_neuron_device_plugin_and_bottlerockets_standard_one_the_driver(ami_type, driver):
    found = pool(managed_group(amiType=ami_type, instanceTypes=["inf2.xlarge"]))
    assert (found.driver, found.device_plugin) == (driver, False)


def test_a_subnet_outside_the_stack_leaves_the_zones_unknown():
    found = pool(gpu_group(vpcZoneIdentifiers=["subnet-a", "subnet-elsewhere"]))
    assert (found.zones, found.subnets) == ((), 2)


def test_a_group_may_name_its_zones_instead_of_subnets():
    found = pool(gpu_group(vpcZoneIdentifiers=None, availabilityZones=["us-west-2c"]))
    assert found.zones == ("us-west-2c",)


def test_tags_from_outside_are_the_groups_too():
    tag = {"key": f"{TEMPLATE}/label/team", "value": "ml", "propagateAtLaunch": False}
    outside = resource("aws:autoscaling/tag:Tag", "t", {"autoscalingGroupName": "gpu", "tag": tag})
    template = pool(launch_template(), gpu_group(), outside).template
    assert template and template.labels == {
        "k8s.amazonaws.com/accelerator": "nvidia",
        "nvidia.com/gpu.present": "true",
        "team": "ml",
    }


def test_disks_and_metadata_come_from_the_launch_template():
    found = pool(launch_template(), gpu_group())
    assert found.disks and [(disk.gib, disk.volume_type, disk.encrypted) for disk in found.disks] == [
        (100, "gp3", True)
    ]
    assert found.imds_v2 is True


def test_bottlerocket_has_a_small_root_beside_the_disk_for_images():
    mappings = [
        {"deviceName": "/dev/xvda", "ebs": {"encrypted": "true"}},
        {"deviceName": "/dev/xvdb", "ebs": {"volumeSize": 80, "encrypted": "true"}},
    ]
    found = pool(launch_template(blockDeviceMappings=mappings), gpu_group())
    assert found.disks and [disk.gib for disk in found.disks] == [2, 80]


def test_a_group_without_launch_template_has_what_eks_gives():
    found = pool(managed_group(launchTemplate=None))
    assert found.disks and [(disk.gib, disk.encrypted) for disk in found.disks] == [(20, False)]
    assert found.imds_v2 is True  # AL2023's own


def test_the_autoscaler_knows_the_tags_and_nothing_else_of_a_self_managed_group():
    broken = {**GPU_TAGS, f"{TEMPLATE}/taint/dedicated": "nvidia.com/gpu=true"}
    template = pool(launch_template(), gpu_group(tags=tags(broken))).template
    assert template
    assert template.labels == {"k8s.amazonaws.com/accelerator": "nvidia", "nvidia.com/gpu.present": "true"}
    assert template.taints == (GPU_TAINT,)
    assert template.resources == {"nvidia.com/gpu": "1"}


def test_the_autoscaler_asks_eks_for_a_managed_group_and_skips_a_taint_without_value():
    taints = [
        {"key": "nvidia.com/gpu", "value": "true", "effect": "NO_SCHEDULE"},
        {"key": "team", "effect": "NO_EXECUTE"},
    ]
    tag = {"key": f"{TEMPLATE}/resources/nvidia.com/gpu", "value": "8", "propagateAtLaunch": False}
    outside = {"autoscalingGroupName": "eks-system", "tag": tag}
    found = pool(managed_group(taints=taints), resource("aws:autoscaling/tag:Tag", "t", outside))
    assert found.template
    assert found.template.labels == {"role": "system"}
    assert found.template.taints == (GPU_TAINT,)
    assert found.template.resources == {"nvidia.com/gpu": "8"}
    assert found.taints == (GPU_TAINT, Taint("team", "", "NoExecute"))


def test_managed_nodes_carry_the_labels_that_eks_adds():
    (candidate, _) = pool(managed_group()).candidates
    assert candidate.labels == {
        "role": "system",
        "eks.amazonaws.com/nodegroup": "system",
        "eks.amazonaws.com/capacityType": "ON_DEMAND",
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/os": "linux",
        "node.kubernetes.io/instance-type": "m7i.large",
        "topology.kubernetes.io/region": "us-west-2",
        "topology.kubernetes.io/zone": "us-west-2a",
    }


def test_from_1_35_on_an_nvidia_node_says_itself_that_it_has_a_gpu():
    plain = launch_template(userData=user_data(labels="a=b"))
    new, old = pool(cluster(), plain, gpu_group()), pool(cluster(version="1.34"), plain, gpu_group())
    assert new.well_known == {"nvidia.com/gpu.present": "true"}
    assert old.well_known == {}


def test_bottlerocket_and_its_managed_images_bring_the_device_plugin():
    toml = '[settings.kubernetes]\ncluster-name = "shop"\n'
    assert pool(launch_template(userData=toml), gpu_group()).device_plugin
    assert pool(managed_group(amiType="BOTTLEROCKET_x86_64_NVIDIA", instanceTypes=["g5.xlarge"])).device_plugin
    assert not pool(managed_group(amiType="AL2023_x86_64_NVIDIA", instanceTypes=["g5.xlarge"])).device_plugin


# --- user data -------------------------------------------------------------------------------------------------------


def read(text: str):
    found = joined_node(base64.b64encode(text.encode()).decode())
    assert found == joined_node(text)  # encoded or not
    return found and (found.image, found.cluster, dict(found.labels), found.taints)


def test_nodeadm_configuration_inside_a_mime_document():
    text = """MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="//"

--//
Content-Type: text/x-shellscript; charset="us-ascii"

#!/bin/bash
echo hello
--//
Content-Type: application/node.eks.aws

apiVersion: node.eks.aws/v1alpha1
kind: NodeConfig
spec:
  cluster: {name: shop}
  kubelet:
    config:
      registerWithTaints: [{key: team, value: ml, effect: NoExecute}]
    flags: ["--node-labels=a=b,c=d", "--register-with-taints=nvidia.com/gpu=true:NoSchedule"]
--//--
"""
    assert read(text) == ("al2023", "shop", {"a": "b", "c": "d"}, (GPU_TAINT, Taint("team", "ml", "NoExecute")))


def test_the_old_bootstrap_script():
    text = """#!/bin/bash
set -ex
# /etc/eks/bootstrap.sh other
/etc/eks/bootstrap.sh shop --b64-cluster-ca $CA \\
  --kubelet-extra-args '--node-labels=a=b --register-with-taints nvidia.com/gpu=true:NoSchedule,old:NoExecute'
"""
    assert read(text) == ("al2", "shop", {"a": "b"}, (GPU_TAINT, Taint("old", "", "NoExecute")))


def test_bottlerocket_settings():
    text = """[settings.kubernetes]
cluster-name = "shop"
[settings.kubernetes.node-labels]
"nvidia.com/gpu.present" = "true"
[settings.kubernetes.node-taints]
"nvidia.com/gpu" = ["true:NoSchedule"]
"team" = "ml:NoExecute"
"""
    labels = {"nvidia.com/gpu.present": "true"}
    assert read(text) == ("bottlerocket", "shop", labels, (GPU_TAINT, Taint("team", "ml", "NoExecute")))


def test_user_data_that_says_nothing_of_the_node_leaves_what_the_tags_say():
    assert joined_node("#!/bin/bash\necho hello") is None
    assert joined_node("[secret]") is None
    found = pool(launch_template(userData="[secret]"), gpu_group())
    assert (found.labels, found.taints) == (
        {"k8s.amazonaws.com/accelerator": "nvidia", "nvidia.com/gpu.present": "true"},
        (GPU_TAINT,),
    )
