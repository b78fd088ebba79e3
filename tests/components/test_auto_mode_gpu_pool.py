"""AutoModeGpuPool: the NodePool and NodeClass of a pool, literally, and what Auto Mode cannot do."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from jsonschema import Draft202012Validator

from components.auto_mode_gpu_pool import AutoModeGpuPool, NodeStorage, auto_mode_problems, node_class
from components.catalog import instance_type
from components.nodes.node_pool import AUTO_MODE, node_pool
from components.values.gpu_pool import GpuPool
from components.values.value import BadInput, check
from tests import crds
from tests.documentation import run_example
from tests.engine import run
from tests.given import CLUSTER, subnets
from tests.pools import pools

NODE_POOL = "kubernetes:karpenter.sh/v1:NodePool"
NODE_CLASS = "kubernetes:eks.amazonaws.com/v1:NodeClass"
ROLE = "aws:iam/role:Role"
ACCESS = "aws:eks/accessPolicyAssociation:AccessPolicyAssociation"
AUTO: Any = {**CLUSTER, "node_role_arn": "arn:aws:iam::123456789012:role/gaia-nodes-1a2b"}
POOL: Any = {"instance_types": ["g6.xlarge", "g6e.2xlarge"], "max_gpus": 4}
ARGS: Any = {"cluster": AUTO, "subnets": subnets("ab")}


def made(*, args: Any = ARGS, name: str = "gpu", preview: bool = False, storage: Any = None, **wish: Any):
    whole: Any = {**args, "pool": {**POOL, **wish}, **({"storage": storage} if storage else {})}
    return run(lambda: AutoModeGpuPool(name, whole), preview=preview)


def refused(**given: Any) -> list[str]:
    with pytest.raises(BadInput) as problem:
        made(**given)
    return problem.value.problems


def test_the_node_pool_takes_gpu_pods_alone_names_its_types_and_gives_empty_nodes_back():
    assert made(idle_s=3600, disruption_budget="10%").one(NODE_POOL).inputs == {
        "apiVersion": "karpenter.sh/v1",
        "kind": "NodePool",
        "metadata": {"name": "gpu", "annotations": {"pulumi.com/waitFor": "condition=Ready"}},
        "spec": {
            "template": {
                "metadata": {
                    "labels": {"nvidia.com/gpu.present": "true", "k8s.amazonaws.com/accelerator": "nvidia"},
                },
                "spec": {
                    "nodeClassRef": {"group": "eks.amazonaws.com", "kind": "NodeClass", "name": "gpu"},
                    "requirements": [
                        {"key": "kubernetes.io/arch", "operator": "In", "values": ["amd64"]},
                        {"key": "karpenter.sh/capacity-type", "operator": "In", "values": ["on-demand"]},
                        {
                            "key": "node.kubernetes.io/instance-type",
                            "operator": "In",
                            "values": ["g6.xlarge", "g6e.2xlarge"],
                        },
                        {
                            "key": "topology.kubernetes.io/zone",
                            "operator": "In",
                            "values": ["us-west-2a", "us-west-2b"],
                        },
                    ],
                    "taints": [{"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"}],
                    "expireAfter": "336h",
                    "terminationGracePeriod": "24h",
                },
            },
            "disruption": {
                "consolidationPolicy": "WhenEmpty",
                "consolidateAfter": "1h",
                "budgets": [{"nodes": "10%"}],
            },
            "limits": {"nvidia.com/gpu": "4", "cpu": "32", "memory": "262144Mi"},
        },
    }


def test_the_node_class_has_role_network_and_disk_and_nothing_that_aws_decides():
    storage = {"iops": 4000, "throughput_mib_s": 500}
    assert made(disk_gib=80, storage=storage).one(NODE_CLASS).inputs == {
        "apiVersion": "eks.amazonaws.com/v1",
        "kind": "NodeClass",
        "metadata": {"name": "gpu", "annotations": {"pulumi.com/waitFor": "condition=Ready"}},
        "spec": {
            "role": "gaia-nodes-1a2b",
            "subnetSelectorTerms": [{"id": "subnet-a"}, {"id": "subnet-b"}],
            "securityGroupSelectorTerms": [{"id": "sg-1"}],
            "ephemeralStorage": {"size": "80Gi", "iops": 4000, "throughput": 500},
        },
    }


def test_a_disk_is_as_fast_as_gp3_is_for_nothing_unless_asked():
    assert made().one(NODE_CLASS).inputs["spec"]["ephemeralStorage"] == {
        "size": "100Gi",
        "iops": 3000,
        "throughput": 125,
    }


def test_neuron_nodes_are_tainted_and_limited_under_their_own_name():
    spec = made(instance_types=["trn1.2xlarge", "inf2.xlarge"], max_gpus=3).one(NODE_POOL).inputs["spec"]
    assert spec["template"]["spec"]["taints"] == [
        {"key": "aws.amazon.com/neuron", "value": "true", "effect": "NoSchedule"}
    ]
    assert spec["limits"] == {"aws.amazon.com/neuron": "3", "cpu": "24", "memory": "98304Mi"}
    assert spec["template"]["metadata"]["labels"] == {}


def test_zones_are_those_with_a_subnet_that_sell_the_types():
    ran = made(args={**ARGS, "subnets": subnets("ad")}, instance_types=["g5.xlarge"])
    assert ran.one(NODE_CLASS).inputs["spec"]["subnetSelectorTerms"] == [{"id": "subnet-a"}]
    assert ran.one(NODE_POOL).inputs["spec"]["template"]["spec"]["requirements"][-1]["values"] == ["us-west-2a"]
    assert ("info", "gpu: no group in us-west-2d: it offers none of g5.xlarge") in ran.log


def test_where_the_cluster_names_no_role_the_pool_makes_one_that_can_join_before_its_node_class():
    ran = made(args={**ARGS, "cluster": CLUSTER})
    role, access, nodes = ran.one(ROLE, "gpu-role"), ran.one(ACCESS, "gpu"), ran.one(NODE_CLASS)
    assert nodes.inputs["spec"]["role"] == role.outputs["name"]
    assert access.inputs["policyArn"] == "arn:aws:eks::aws:cluster-access-policy/AmazonEKSAutoNodePolicy"
    attached = {each.urn for each in ran.of("aws:iam/rolePolicyAttachment:RolePolicyAttachment")}
    assert len(attached) == 2
    assert {access.urn, *attached} <= set(nodes.dependencies)


def test_where_the_cluster_names_one_the_pool_makes_none():
    assert made().of(ROLE) == []


def test_the_node_pool_goes_before_its_node_class_and_has_time_to_drain():
    ran = made(termination_grace_s=3600)
    assert ran.one(NODE_CLASS).urn in ran.one(NODE_POOL).dependencies
    assert ran.one(NODE_POOL).options["customTimeouts"]["delete"] == "5400s"  # 1 h of grace, half an hour for EC2


def test_a_preview_knows_all_but_what_does_not_exist_yet():
    args = {**ARGS, "cluster": CLUSTER}
    assert made(args=args, preview=True).urns() == made(args=args).urns()
    assert json.dumps(made(preview=True).one(NODE_POOL).inputs) == json.dumps(made().one(NODE_POOL).inputs)


def test_the_component_publishes_what_pods_must_match():
    outputs = made(labels={"team": "vision"}).one("eks-gpu-components:index:AutoModeGpuPool").outputs
    assert {key: outputs[key] for key in ("node_pool_name", "labels", "taints")} == {
        "node_pool_name": "gpu",
        "labels": {
            "nvidia.com/gpu.present": "true",
            "k8s.amazonaws.com/accelerator": "nvidia",
            "team": "vision",
        },
        "taints": [{"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"}],
    }


def test_reservations_come_first_where_the_pool_names_them():
    reserving: Any = {**ARGS, "capacity_reservation_ids": ["cr-1"]}
    ran = made(args=reserving, capacity_types=["reserved", "on-demand"])
    assert ran.one(NODE_CLASS).inputs["spec"]["capacityReservationSelectorTerms"] == [{"id": "cr-1"}]
    requirements = ran.one(NODE_POOL).inputs["spec"]["template"]["spec"]["requirements"]
    assert {"key": "karpenter.sh/capacity-type", "operator": "In", "values": ["reserved", "on-demand"]} in requirements
    assert refused(args=reserving) == [
        "pool.capacity_types must have reserved for reservations, got on-demand; nearest: reserved, on-demand"
    ]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"max_age_h": 337},
            "pool.max_age_h must be at most 336: Auto Mode lets no node grow older, got 337",
        ),
        (
            {"sharing": {"strategy": "time-slicing", "replicas": 4}},
            "pool.sharing: Auto Mode counts whole GPUs, so it would buy a node for each pod, got time-slicing-4: "
            "leave it out, or use a node group or Karpenter",
        ),
        (
            {"mig": "1g.10gb", "instance_types": ["p5.4xlarge"]},
            "pool.mig: Auto Mode cuts no GPU into slices, got 1g.10gb: leave it out, or use a node group or Karpenter",
        ),
        (
            {"node_image": "bottlerocket"},
            "pool.node_image: Auto Mode chooses the image itself, got bottlerocket: leave it out",
        ),
        (
            {"capacity_types": ["reserved", "on-demand"]},
            "capacity_reservation_ids: pool.capacity_types has reserved, so name one reservation or more",
        ),
        (
            {"capacity_types": ["on-demand", "spot"]},
            "pool.capacity_types: Auto Mode takes reserved, spot, on-demand in this order, got on-demand, spot; "
            "nearest: spot, on-demand",
        ),
        (
            {"storage": {"iops": 16_000}, "disk_gib": 30},
            "storage.iops must be at most 15000 with pool.disk_gib 30, got 16000",
        ),
        ({"storage": {"iops": 100}}, "storage.iops must be at least 3000, got 100"),
        (
            {"storage": {"throughput_mib_s": 1000}},
            "storage: throughput_mib_s must be at most 750 with iops 3000, got 1000",
        ),
        (
            {"name": "default"},
            "the component's name must not be one of EKS's own objects, general-purpose, system, default, "
            "got 'default'",
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
    ],
)
def test_what_auto_mode_cannot_do_is_refused_with_the_reason(given, message):
    assert refused(**given) == [message]


def test_a_family_that_auto_mode_does_not_start_is_refused_though_an_image_has_its_driver():
    family = instance_type("p3dn.24xlarge")
    old = type(family)(**{**{field: getattr(family, field) for field in family.__slots__}, "name": "p3.16xlarge"})
    pool = check(GpuPool, {"instance_types": [old], "max_gpus": 8})
    (problem,) = auto_mode_problems("gpu", pool)
    assert problem.startswith("pool.instance_types: Auto Mode starts no p3, got p3.16xlarge; of accelerated families")


def test_the_longest_age_is_taken():
    assert made(max_age_h=336).one(NODE_POOL).inputs["spec"]["template"]["spec"]["expireAfter"] == "336h"


# EKS publishes no definition of its NodeClass, so this one is ours. Source: EKS User Guide, "Create a Node Class".
_TERMS = {
    "type": "array",
    "minItems": 1,
    "maxItems": 30,
    "items": {
        "type": "object",
        "properties": {"id": {"type": "string", "pattern": "^(subnet|sg)-"}},
        "required": ["id"],
        "additionalProperties": False,
    },
}
NODE_CLASS_FIELDS = {
    "type": "object",
    "properties": {
        "role": {"type": "string", "pattern": r"^[\w+=,.@-]+$"},
        "subnetSelectorTerms": _TERMS,
        "securityGroupSelectorTerms": _TERMS,
        "ephemeralStorage": {
            "type": "object",
            "properties": {
                "size": {"type": "string", "pattern": "^[1-9][0-9]*Gi$"},
                "iops": {"type": "integer", "minimum": 3000, "maximum": 16000},
                "throughput": {"type": "integer", "minimum": 125, "maximum": 1000},
            },
            "additionalProperties": False,
        },
    },
    "required": ["role", "subnetSelectorTerms", "securityGroupSelectorTerms"],
    "additionalProperties": False,
}


@settings(max_examples=50, deadline=None)
@given(pools())
def test_every_pool_is_a_node_pool_of_karpenters_definition_and_a_node_class_of_the_user_guides(pool):
    manifest = {
        "apiVersion": "karpenter.sh/v1",
        "kind": "NodePool",
        "metadata": {"name": "gpu"},
        "spec": node_pool(pool, AUTO_MODE, "gpu", ["us-west-2a"]),
    }
    assert crds.problems("karpenter.sh_nodepools", manifest) == []
    spec = node_class(pool, NodeStorage(), node_role_name="nodes", subnet_ids=["subnet-1"], security_group_id="sg-1")
    assert list(Draft202012Validator(NODE_CLASS_FIELDS).iter_errors(spec)) == []


@settings(max_examples=50, deadline=None)
@given(pools())
def test_no_label_or_requirement_is_one_that_auto_mode_does_not_know(pool):
    template = node_pool(pool, AUTO_MODE, "gpu", ["us-west-2a"])["template"]
    keys = {*template["metadata"]["labels"], *(each["key"] for each in template["spec"]["requirements"])}
    assert "kubernetes.io/os" not in keys
    assert [key for key in keys if key.startswith("karpenter.k8s.aws")] == []


def test_the_page_has_an_example_that_runs():
    ran = run_example("auto_mode_gpu_pool")
    role = ran.one(ROLE, "cluster-nodes-role")
    assert ran.one(NODE_CLASS).inputs["spec"]["role"] == role.outputs["name"]
