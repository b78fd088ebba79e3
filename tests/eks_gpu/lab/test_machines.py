"""Nodes that pools would register: labels, taints and disks from the program, resources from the type."""

from typing import Any

import pytest

from components.catalog import Taint
from components.nodes.node_group import Node
from components.nodes.user_data import user_data
from eks_gpu.graph.graph import Graph, Resource
from eks_gpu.lab.replays.machines import Machine, machines
from tests.found import every
from tests.given import CLUSTER
from tests.graphs import cluster, gpu_group, launch_template, managed_group, managed_template, resource
from tests.graphs import subnet as plain_subnet
from tests.karpenter_graphs import AUTO_MODE, node_class, node_pool, subnet, types
from tests.karpenter_graphs import kubernetes as kubernetes_object

GPU = {"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"}


def made(*resources: Resource, each: int = 1) -> list[Machine]:
    return machines(Graph(resources), "us-west-2", each)


def labels(machine: Machine) -> dict[str, str]:
    """Without those that every node has."""
    generic = ("kubernetes.io/", "node.kubernetes.io/", "topology.")
    return {key: value for key, value in machine.labels.items() if not key.startswith(generic)}


def auto_scaled(**inputs: Any) -> Machine:
    node = Node(
        image="al2023",
        architecture="amd64",
        disk_gib=100,
        labels={"team": "vision"},
        taints=(Taint("nvidia.com/gpu", "true", "NoSchedule"),),
        resources={},
    )
    template = launch_template(userData=user_data(node, CLUSTER))
    (found,) = made(cluster(), plain_subnet("a"), template, gpu_group(**inputs))
    return found


def test_a_node_of_an_auto_scaling_group_has_what_its_user_data_says_and_not_what_the_tags_promise():
    found = auto_scaled()
    assert labels(found) == {"team": "vision"}
    assert found.taints == [GPU]
    assert found.labels["node.kubernetes.io/instance-type"] == "g4dn.xlarge"
    assert found.free == {
        "cpu": 3920,
        "memory": 14481,
        "ephemeral-storage": 89 * 1024,  # of 100 GiB
        "pods": 29,
        "nvidia.com/gpu": 1,
    }


def test_the_lab_takes_no_node_away_for_want_of_an_instance():
    assert "providerID" not in auto_scaled().node["spec"]


def test_a_node_of_a_managed_group_has_what_eks_is_told():
    taint = {"key": "CriticalAddonsOnly", "value": "true", "effect": "NO_SCHEDULE"}
    template = managed_template()
    (found,) = made(cluster(), plain_subnet("a"), plain_subnet("b"), template, managed_group(taints=[taint]))
    assert labels(found) == {
        "role": "system",
        "eks.amazonaws.com/nodegroup": "system",
        "eks.amazonaws.com/capacityType": "ON_DEMAND",
    }
    assert found.taints == [{"key": "CriticalAddonsOnly", "value": "true", "effect": "NoSchedule"}]


def karpenter_node(**spec: Any) -> Machine:
    (found,) = made(subnet("a"), node_class(**spec), node_pool(types("g6.xlarge"), labels={"team": "vision"}))
    return found


def test_a_node_of_karpenters_says_what_its_type_is():
    found = karpenter_node()
    assert labels(found) == {
        "team": "vision",
        "karpenter.k8s.aws/ec2nodeclass": "gpu",
        "karpenter.k8s.aws/instance-capability-flex": "false",
        "karpenter.k8s.aws/instance-category": "g",
        "karpenter.k8s.aws/instance-cpu": "4",
        "karpenter.k8s.aws/instance-cpu-manufacturer": "amd",
        "karpenter.k8s.aws/instance-family": "g6",
        "karpenter.k8s.aws/instance-generation": "6",
        "karpenter.k8s.aws/instance-gpu-count": "1",
        "karpenter.k8s.aws/instance-gpu-manufacturer": "nvidia",
        "karpenter.k8s.aws/instance-gpu-memory": "22888",
        "karpenter.k8s.aws/instance-gpu-name": "l4",
        "karpenter.k8s.aws/instance-hypervisor": "nitro",
        "karpenter.k8s.aws/instance-local-nvme": "250",
        "karpenter.k8s.aws/instance-memory": "16384",
        "karpenter.k8s.aws/instance-size": "xlarge",
        "karpenter.sh/capacity-type": found.candidate.capacity_type,
        "karpenter.sh/initialized": "true",
        "karpenter.sh/nodepool": "gpu",
        "karpenter.sh/registered": "true",
    }
    assert found.taints == [GPU]


@pytest.mark.parametrize(
    ("spec", "gib"),
    [
        ({}, 89),
        ({"instanceStorePolicy": "RAID0"}, 207),  # g6.xlarge brings 250 GB, 232 GiB
        ({"blockDeviceMappings": []}, 17),  # Karpenter's own 20 GiB
        (
            {
                "blockDeviceMappings": [
                    {"deviceName": "/dev/xvda", "ebs": {"volumeSize": "4Gi"}},
                    {"deviceName": "/dev/xvdb", "ebs": {"volumeSize": "200Gi"}},
                ]
            },
            179,
        ),
    ],
)
def test_a_node_of_karpenters_has_the_disk_of_its_class(spec, gib):
    assert karpenter_node(**spec).free["ephemeral-storage"] == gib * 1024


def test_a_node_of_auto_mode_says_the_same_under_eks_own_name():
    own = kubernetes_object("NodeClass", "gpu", {"ephemeralStorage": {"size": "200Gi"}}, group="eks.amazonaws.com/v1")
    pool = node_pool(types("g6.xlarge"), template={"nodeClassRef": AUTO_MODE})
    (found,) = made(plain_subnet("a"), own, pool)
    assert {key for key in found.labels if "karpenter.k8s.aws" in key} == set()
    assert found.labels["eks.amazonaws.com/compute-type"] == "auto"
    assert found.labels["eks.amazonaws.com/instance-gpu-name"] == "l4"
    assert found.free["ephemeral-storage"] == 179 * 1024


def test_auto_modes_own_pools_have_nodes_too():
    with_auto_mode = resource(
        "aws:eks/cluster:Cluster",
        "shop",
        {
            "name": "shop",
            "version": "1.35",
            "computeConfig": {"enabled": True, "nodePools": ["system"]},
            "vpcConfig": {"subnetIds": ["subnet-a"]},
        },
    )
    (found,) = made(plain_subnet("a"), with_auto_mode)
    assert found.pool == "system"
    assert found.taints == [{"key": "CriticalAddonsOnly", "effect": "NoSchedule"}]
    assert found.labels["karpenter.sh/nodepool"] == "system"
    assert found.free["ephemeral-storage"] == 71 * 1024  # of 80 GiB


def test_add_ons_take_their_part_of_a_node():
    addon = resource("aws:eks/addon:Addon", "vpc-cni", {"addonName": "vpc-cni"})
    (found,) = made(subnet("a"), node_class(), node_pool(types("g6.xlarge")), addon)
    assert (found.free["cpu"], found.free["pods"]) == (3870, 57)
    assert found.node["status"]["allocatable"]["cpu"] == "3920m"


def test_several_machines_of_a_pool_are_unlike_and_no_more_than_it_has():
    stack = (subnet("a"), subnet("b"), node_class(), node_pool())
    kinds = [(found.candidate.instance_type.name, found.candidate.zone) for found in made(*stack, each=3)]
    assert len(set(kinds)) == 3
    assert len(made(*stack, each=1000)) == 12  # three types, two zones, Spot and on demand


def test_a_machine_alone_is_a_pool_of_its_kind():
    stack = (subnet("a"), subnet("b"), node_class(), node_pool())
    for found in every(made(*stack, each=1000)):
        (candidate,) = found.alone.pool.candidates
        assert candidate == found.candidate
