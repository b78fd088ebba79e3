"""KarpenterGpuPool: its EC2NodeClass, literally, the order of both objects, and what is refused."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from components.karpenter_gpu_pool import KarpenterGpuPoolArgs
from components.nodes.node_pool import KARPENTER, node_pool_problems
from components.values.value import BadInput
from tests import crds
from tests.documentation import run_example
from tests.given import CLUSTER, subnets
from tests.karpenter_gpu_pools import ARGS, NODE_CLASS, NODE_OVERLAY, NODE_POOL, made, pool, requirements


def node_class(**given: Any) -> Mapping[str, Any]:
    return made(**given).one(NODE_CLASS).inputs


def refused(**given: Any) -> list[str]:
    with pytest.raises(BadInput) as problem:
        made(**given)
    return problem.value.problems


# The EC2NodeClass


def test_the_node_class_boots_a_pinned_image_from_an_encrypted_disk_where_the_program_says():
    assert node_class(disk_gib=200) == {
        "apiVersion": "karpenter.k8s.aws/v1",
        "kind": "EC2NodeClass",
        "metadata": {"name": "gpu", "annotations": {"pulumi.com/waitFor": "condition=Ready"}},
        "spec": {
            "amiSelectorTerms": [{"alias": "al2023@v20260714"}],
            "role": "gaia-nodes",
            "subnetSelectorTerms": [{"id": "subnet-a"}, {"id": "subnet-b"}],
            "securityGroupSelectorTerms": [{"id": "sg-1"}],
            "blockDeviceMappings": [
                {
                    "deviceName": "/dev/xvda",
                    "ebs": {
                        "volumeSize": "200Gi",
                        "volumeType": "gp3",
                        "encrypted": True,
                        "deleteOnTermination": True,
                    },
                }
            ],
            "metadataOptions": {
                "httpEndpoint": "enabled",
                "httpProtocolIPv6": "disabled",
                "httpTokens": "required",
                "httpPutResponseHopLimit": 1,
            },
            "tags": {"Name": "gaia-gpu"},
        },
    }


def test_bottlerocket_has_its_data_on_a_second_disk():
    disks = node_class(args={**ARGS, "image_version": "v1.46.0"}, node_image="bottlerocket", disk_gib=80)["spec"]

    assert disks["amiSelectorTerms"] == [{"alias": "bottlerocket@v1.46.0"}]
    assert {disk["deviceName"]: disk["ebs"]["volumeSize"] for disk in disks["blockDeviceMappings"]} == {
        "/dev/xvda": "4Gi",
        "/dev/xvdb": "80Gi",
    }


@pytest.mark.parametrize(
    ("types", "disk_gib", "policy"),
    [
        (["g4dn.xlarge"], 100, "RAID0"),  # 125 GB of its own
        (["g4dn.xlarge"], 117, None),  # which are 116 GiB
        (["g5.xlarge", "g4dn.xlarge"], 200, None),
        (["g5g.xlarge"], 30, None),  # has none
    ],
)
def test_the_instance_s_own_disks_serve_where_all_types_have_as_much_as_was_asked_for(types, disk_gib, policy):
    assert node_class(instance_types=types, disk_gib=disk_gib)["spec"].get("instanceStorePolicy") == policy


def test_reservations_reach_the_node_class_and_come_first():
    ran = made(args={**ARGS, "capacity_reservation_ids": ["cr-1"]}, capacity_types=["reserved", "on-demand"])

    assert ran.one(NODE_CLASS).inputs["spec"]["capacityReservationSelectorTerms"] == [{"id": "cr-1"}]
    assert requirements(ran.one(NODE_POOL).inputs["spec"])["karpenter.sh/capacity-type"] == ["reserved", "on-demand"]


OTHER: dict[str, Any] = {
    "instance_profile": "gaia-nodes-profile",
    "cluster": {**CLUSTER, "security_group_id": "sg-2"},
    "subnets": subnets("c"),
    "node_role_name": "others",
    "capacity_reservation_ids": ["cr-1"],
    "image_version": "v20260801",
}


def test_an_instance_profile_stands_in_place_of_the_role():
    spec = node_class(args={**ARGS, "instance_profile": "gaia-nodes-profile"})["spec"]
    assert spec["instanceProfile"] == "gaia-nodes-profile"
    assert "role" not in spec


@pytest.mark.parametrize("field", sorted(KarpenterGpuPoolArgs.__annotations__.keys() - {"pool"}))
def test_every_argument_reaches_the_cluster(field):
    wish = {"capacity_types": ["reserved", "on-demand"]} if field == "capacity_reservation_ids" else {}

    assert node_class(args={**ARGS, field: OTHER[field]}, **wish) != node_class()


# EFA


def test_efa_is_beside_the_interface_with_the_node_s_addresses_and_nodes_are_close():
    ran = made(instance_types=["p4d.24xlarge"], efa=True, zones=["us-west-2c"], args={**ARGS, "subnets": subnets("c")})
    (group,) = ran.graph.of("aws:ec2/placementGroup:PlacementGroup")
    inputs = ran.one(NODE_CLASS).inputs

    assert inputs["spec"]["networkInterfaces"] == [
        {"networkCardIndex": 0, "deviceIndex": 0, "interfaceType": "interface"},
        *({"networkCardIndex": card, "deviceIndex": 1, "interfaceType": "efa-only"} for card in (0, 1, 2, 3)),
    ]
    assert set(inputs["spec"]["placementGroupSelector"]) == {"name"}
    assert group.urn in ran.one(NODE_CLASS).dependencies
    assert crds.problems("karpenter.k8s.aws_ec2nodeclasses", inputs) == []
    assert made().graph.of("aws:ec2/placementGroup:PlacementGroup") == []


# The NodeOverlay

SHARED: dict[str, Any] = {"instance_types": ["g5.12xlarge"], "sharing": {"strategy": "time-slicing", "replicas": 3}}


def test_shares_of_gpus_are_counted_by_an_overlay_of_the_pool_s_own_nodes():
    assert made(**SHARED).one(NODE_OVERLAY).inputs == {
        "apiVersion": "karpenter.sh/v1alpha1",
        "kind": "NodeOverlay",
        "metadata": {"name": "gpu", "annotations": {"pulumi.com/waitFor": "condition=Ready"}},
        "spec": {
            "requirements": [{"key": "karpenter.sh/nodepool", "operator": "In", "values": ["gpu"]}],
            "capacity": {"nvidia.com/gpu": "12"},
        },
    }


def test_the_overlay_is_one_that_karpenter_s_own_definition_takes():
    inputs = made(**SHARED).one(NODE_OVERLAY).inputs
    assert crds.problems("karpenter.sh_nodeoverlays", inputs) == []
    assert crds.problems("karpenter.sh_nodeoverlays", {**inputs, "spec": {**inputs["spec"], "weight": 0}})


def test_slices_of_gpus_are_counted_in_their_place():
    ran = made(instance_types=["p4d.24xlarge"], max_gpus=16, mig="1g.5gb", args={**ARGS, "subnets": subnets("c")})

    assert ran.one(NODE_OVERLAY).inputs["spec"]["capacity"] == {"nvidia.com/gpu": "0", "nvidia.com/mig-1g.5gb": "56"}
    assert ran.one(NODE_POOL).inputs["spec"]["limits"]["nvidia.com/mig-1g.5gb"] == "112"


def test_whole_gpus_need_no_overlay():
    assert made().graph.of(NODE_OVERLAY) == []


def test_the_limit_of_shares_is_that_of_the_gpus_they_are_of():
    limits = made(max_gpus=9, **SHARED).one(NODE_POOL).inputs["spec"]["limits"]

    # 9 GPUs are two nodes of four; a third needs 36 shares.
    assert limits == {"nvidia.com/gpu": "27", "cpu": "96", "memory": "393216Mi"}


def test_nodes_are_shared_before_the_first_one_starts():
    ran = made(**SHARED)

    assert ran.one(NODE_OVERLAY).urn in ran.one(NODE_POOL).dependencies
    assert ran.one(NODE_POOL).inputs["spec"]["template"]["metadata"]["labels"] == {
        "nvidia.com/gpu.present": "true",
        "k8s.amazonaws.com/accelerator": "nvidia-a10g",
        "nvidia.com/device-plugin.config": "time-slicing-3",
    }


# Order


def test_the_node_pool_goes_before_its_node_class_and_has_time_to_drain():
    ran = made(termination_grace_s=3600)
    node_pool_made = ran.one(NODE_POOL)

    assert ran.one(NODE_CLASS).urn in node_pool_made.dependencies
    assert node_pool_made.options["customTimeouts"]["delete"] == "5400s"  # 1 h of grace, half an hour for EC2


def test_a_preview_knows_all_but_what_does_not_exist_yet():
    ran = made(preview=True)

    assert json.dumps(ran.one(NODE_POOL).inputs) == json.dumps(made().one(NODE_POOL).inputs)


def test_the_component_publishes_what_pods_must_match():
    outputs = made(labels={"team": "vision"}).graph.one("eks-gpu-components:index:KarpenterGpuPool").outputs

    assert {key: outputs[key] for key in ("node_pool_name", "labels", "taints")} == {
        "node_pool_name": "gpu",
        "labels": {
            "nvidia.com/gpu.present": "true",
            "k8s.amazonaws.com/accelerator": "nvidia-tesla-t4",
            "team": "vision",
        },
        "taints": [{"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"}],
    }


# What is refused


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"capacity_types": ["on-demand", "spot"]},
            "pool.capacity_types: Karpenter takes reserved, spot, on-demand in this order, got on-demand, spot; "
            "nearest: spot, on-demand",
        ),
        (
            {"capacity_types": ["reserved", "on-demand"]},
            "capacity_reservation_ids: pool.capacity_types has reserved, so name one reservation or more",
        ),
        (
            {"args": {**ARGS, "capacity_reservation_ids": ["cr-1"]}},
            "pool.capacity_types must have reserved for reservations, got on-demand; nearest: reserved, on-demand",
        ),
        (
            {"node_image": "bottlerocket"},
            "image_version: name a release of Bottlerocket, as v1.46.0, or its nodes change without notice",
        ),
        (
            {"name": "Gpu_Pool"},
            "the component's name must be 63 lower-case letters, digits and '-' at most, because nodes carry it as a "
            "label, got 'Gpu_Pool'",
        ),
        (
            {"zones": ["us-west-2c"]},
            "pool.zones: us-west-2c has no subnet; zones that have one: us-west-2a, us-west-2b",
        ),
        (
            {"instance_types": ["g5.xlarge"], "args": {**ARGS, "subnets": subnets("d")}},
            "pool.instance_types: g5.xlarge is offered in none of us-west-2d; in us-west-2 it is in us-west-2a, "
            "us-west-2b, us-west-2c",
        ),
    ],
)
def test_what_karpenter_cannot_do_is_refused_with_the_reason(given, message):
    assert refused(**given) == [message]


def test_all_problems_come_at_once_and_before_anything_is_registered():
    wish = {"capacity_types": ["on-demand", "spot"], "node_image": "bottlerocket"}

    assert [problem.partition(":")[0] for problem in refused(zones=["us-west-2c"], **wish)] == [
        "pool.zones",
        "pool.capacity_types",
        "image_version",
    ]


@pytest.mark.parametrize("order", [["reserved", "spot", "on-demand"], ["spot", "on-demand"], ["on-demand"], ["spot"]])
def test_an_order_that_is_karpenter_s_own_is_taken(order):
    assert node_pool_problems(pool(capacity_types=order), KARPENTER) == []


def test_the_example_of_the_page_runs():
    ran = run_example("karpenter_gpu_pool")

    assert ran.one(NODE_POOL).inputs["spec"]["limits"]["nvidia.com/gpu"] == "4"
    assert ran.one(NODE_CLASS).inputs["spec"]["role"]
