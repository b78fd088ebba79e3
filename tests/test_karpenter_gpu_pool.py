"""KarpenterGpuPool: the NodePool and EC2NodeClass of a pool, literally, and what is refused."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.gpu_pool import GpuPool
from components.karpenter_gpu_pool import KarpenterGpuPool, KarpenterGpuPoolArgs, ec2_node_class
from components.node_pool import AUTO_MODE, KARPENTER, duration, node_pool, node_pool_problems
from components.value import BadInput, check
from tests import crds
from tests.documentation import run_example
from tests.engine import run
from tests.given import CLUSTER, subnets
from tests.pools import pools

NODE_POOL = "kubernetes:karpenter.sh/v1:NodePool"
NODE_CLASS = "kubernetes:karpenter.k8s.aws/v1:EC2NodeClass"
POOL = {"instance_types": ["g4dn.xlarge", "g4dn.2xlarge"], "max_gpus": 100}
ARGS: Any = {"cluster": CLUSTER, "subnets": subnets("ab"), "node_role_name": "gaia-nodes"}


def pool(**wish: Any) -> GpuPool:
    return check(GpuPool, {**POOL, **wish}, "pool")


def made(*, args: Any = ARGS, name: str = "gpu", preview: bool = False, **wish: Any):
    whole: Any = {**args, "pool": {**POOL, **wish}}
    return run(lambda: KarpenterGpuPool(name, whole), preview=preview)


def node_class(**given: Any) -> Mapping[str, Any]:
    return made(**given).one(NODE_CLASS).inputs


def refused(**given: Any) -> list[str]:
    with pytest.raises(BadInput) as problem:
        made(**given)
    return problem.value.problems


def rendered(**wish: Any) -> dict[str, Any]:
    return node_pool(pool(**wish), KARPENTER, "gpu", ["us-west-2a", "us-west-2b"])


def requirements(spec: dict[str, Any]) -> dict[str, list[str]]:
    found = spec["template"]["spec"]["requirements"]
    assert {each["operator"] for each in found} == {"In"}
    return {each["key"]: each["values"] for each in found}


# The NodePool


def test_a_pool_is_a_node_pool_that_takes_gpu_pods_alone_and_gives_empty_nodes_back():
    assert made(idle_s=30, capacity_types=["spot", "on-demand"], weight=10).one(NODE_POOL).inputs == {
        "apiVersion": "karpenter.sh/v1",
        "kind": "NodePool",
        "metadata": {"name": "gpu"},
        "spec": {
            "template": {
                "metadata": {
                    "labels": {
                        "nvidia.com/gpu.present": "true",
                        "k8s.amazonaws.com/accelerator": "nvidia-tesla-t4",
                    }
                },
                "spec": {
                    "nodeClassRef": {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": "gpu"},
                    "requirements": [
                        {"key": "kubernetes.io/arch", "operator": "In", "values": ["amd64"]},
                        {"key": "kubernetes.io/os", "operator": "In", "values": ["linux"]},
                        {"key": "karpenter.sh/capacity-type", "operator": "In", "values": ["spot", "on-demand"]},
                        {
                            "key": "node.kubernetes.io/instance-type",
                            "operator": "In",
                            "values": ["g4dn.xlarge", "g4dn.2xlarge"],
                        },
                        {
                            "key": "topology.kubernetes.io/zone",
                            "operator": "In",
                            "values": ["us-west-2a", "us-west-2b"],
                        },
                    ],
                    "taints": [{"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"}],
                    "expireAfter": "720h",
                    "terminationGracePeriod": "24h",
                },
            },
            "disruption": {
                "consolidationPolicy": "WhenEmpty",
                "consolidateAfter": "30s",
                "budgets": [{"nodes": "100%", "reasons": ["Empty"]}, {"nodes": "10%", "reasons": ["Drifted"]}],
            },
            "limits": {"nvidia.com/gpu": "100", "cpu": "800", "memory": "3276800Mi"},
            "weight": 10,
        },
    }


def test_auto_mode_s_node_pool_differs_in_class_age_and_operating_system_alone():
    karpenter, auto = rendered(), node_pool(pool(), AUTO_MODE, "gpu", ["us-west-2a", "us-west-2b"])

    assert auto["template"]["spec"].pop("nodeClassRef") == {
        "group": "eks.amazonaws.com",
        "kind": "NodeClass",
        "name": "gpu",
    }
    assert auto["template"]["spec"].pop("expireAfter") == "336h"
    assert "kubernetes.io/os" not in requirements(auto)
    template = karpenter["template"]["spec"]
    del template["nodeClassRef"], template["expireAfter"]
    template["requirements"] = [each for each in template["requirements"] if each["key"] != "kubernetes.io/os"]
    assert auto == karpenter


@pytest.mark.parametrize(
    ("wish", "path", "value"),
    [
        ({"max_age_h": 168}, ("template", "spec", "expireAfter"), "168h"),
        ({"termination_grace_s": 90}, ("template", "spec", "terminationGracePeriod"), "90s"),
        ({"idle_s": 600}, ("disruption", "consolidateAfter"), "10m"),
        ({"disruption_budget": "2"}, ("disruption", "budgets"), [{"nodes": "2"}]),
        ({"weight": 100}, ("weight",), 100),
        ({"labels": {"team": "vision"}}, ("template", "metadata", "labels", "team"), "vision"),
        (
            {"taint": {"key": "dedicated", "value": "ml", "effect": "NoExecute"}},
            ("template", "spec", "taints"),
            [{"key": "dedicated", "value": "ml", "effect": "NoExecute"}],
        ),
        ({"max_gpus": 7}, ("limits", "nvidia.com/gpu"), "7"),
    ],
)
def test_what_a_pool_says_reaches_the_node_pool(wish, path, value):
    found: Any = rendered(**wish)
    for key in path:
        found = found[key]

    assert found == value


def test_a_pool_without_weight_leaves_the_choice_to_karpenter():
    assert "weight" not in rendered()


def test_no_startup_taint_waits_for_somebody_to_remove_it():
    assert "startupTaints" not in rendered()["template"]["spec"]


def test_neuron_devices_are_limited_under_their_own_name():
    spec = rendered(instance_types=["inf2.24xlarge"], max_gpus=13)

    assert spec["limits"] == {"aws.amazon.com/neuron": "13", "cpu": "192", "memory": "786432Mi"}
    assert spec["template"]["spec"]["taints"][0]["key"] == "aws.amazon.com/neuron"
    assert spec["template"]["metadata"]["labels"] == {}


@pytest.mark.parametrize(("seconds", "text"), [(30, "30s"), (90, "90s"), (600, "10m"), (86_400, "24h")])
def test_a_duration_has_one_unit_and_no_days(seconds, text):
    assert duration(seconds) == text


@settings(max_examples=150, deadline=None)
@given(pools())
def test_cpu_and_memory_never_run_out_before_the_accelerators(pool):
    spec = node_pool(pool, KARPENTER, "gpu", [])
    nodes = int(spec["limits"][pool.resource]) // pool.accelerators_per_node

    assert int(spec["limits"]["cpu"]) >= nodes * max(row.vcpus for row in pool.instance_types)
    assert int(spec["limits"]["memory"].removesuffix("Mi")) >= nodes * max(r.memory_mib for r in pool.instance_types)


def test_zones_are_those_with_a_subnet_that_sell_the_types():
    ran = made(args={**ARGS, "subnets": subnets("ad")}, instance_types=["g5.xlarge"])

    assert requirements(ran.one(NODE_POOL).inputs["spec"])["topology.kubernetes.io/zone"] == ["us-west-2a"]
    assert ran.one(NODE_CLASS).inputs["spec"]["subnetSelectorTerms"] == [{"id": "subnet-a"}]
    assert ("info", "gpu: no group in us-west-2d: it offers none of g5.xlarge") in ran.log


# The EC2NodeClass


def test_the_node_class_boots_a_pinned_image_from_an_encrypted_disk_where_the_program_says():
    assert node_class(disk_gib=200) == {
        "apiVersion": "karpenter.k8s.aws/v1",
        "kind": "EC2NodeClass",
        "metadata": {"name": "gpu"},
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
    "cluster": {**CLUSTER, "security_group_id": "sg-2"},
    "subnets": subnets("c"),
    "node_role_name": "others",
    "capacity_reservation_ids": ["cr-1"],
    "image_version": "v20260801",
}


@pytest.mark.parametrize("field", sorted(KarpenterGpuPoolArgs.__annotations__.keys() - {"pool"}))
def test_every_argument_reaches_the_cluster(field):
    wish = {"capacity_types": ["reserved", "on-demand"]} if field == "capacity_reservation_ids" else {}

    assert node_class(args={**ARGS, field: OTHER[field]}, **wish) != node_class()


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
            {"sharing": {"strategy": "time-slicing", "replicas": 4}},
            "pool.sharing: Karpenter counts whole GPUs, so it would buy a node for each pod, got time-slicing-4: "
            "leave it out, or use a node group",
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
    wish = {"capacity_types": ["on-demand", "spot"], "sharing": {"strategy": "mps", "replicas": 2}}

    assert [problem.partition(":")[0] for problem in refused(zones=["us-west-2c"], **wish)] == [
        "pool.zones",
        "pool.capacity_types",
        "pool.sharing",
    ]


@pytest.mark.parametrize("order", [["reserved", "spot", "on-demand"], ["spot", "on-demand"], ["on-demand"], ["spot"]])
def test_an_order_that_is_karpenter_s_own_is_taken(order):
    assert node_pool_problems(pool(capacity_types=order), KARPENTER) == []


# Karpenter's own definitions


MANIFESTS = st.builds(
    lambda pool, age, budget, grace, weight: pool.model_copy(
        update={"max_age_h": age, "disruption_budget": budget, "termination_grace_s": grace, "weight": weight}
    ),
    pools(),
    st.none() | st.integers(1, 10_000),
    st.none() | st.integers(1, 100).map("{}%".format) | st.integers(1, 500).map(str),
    st.none() | st.integers(60, 10**6),
    st.none() | st.integers(1, 100),
)


@settings(max_examples=60, deadline=None)
@given(MANIFESTS)
def test_karpenter_s_definitions_take_every_pool(pool):
    meta = {"metadata": {"name": "gpu"}}
    for provisioner in (KARPENTER, AUTO_MODE):
        spec = node_pool(pool, provisioner, "gpu", ["us-west-2a"])
        manifest = {"apiVersion": "karpenter.sh/v1", "kind": "NodePool", **meta, "spec": spec}
        assert crds.problems("karpenter.sh_nodepools", manifest) == []
    spec = ec2_node_class(
        pool,
        image_version="v20260714",
        node_role_name="nodes",
        subnet_ids=["subnet-1"],
        security_group_id="sg-1",
        capacity_reservation_ids=["cr-0123456789abcdef0"],
    )
    manifest = {"apiVersion": "karpenter.k8s.aws/v1", "kind": "EC2NodeClass", **meta, "spec": spec}
    assert crds.problems("karpenter.k8s.aws_ec2nodeclasses", manifest) == []


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda spec: spec["template"]["spec"].update(expireAfter="7d"), "'7d' does not match"),
        (lambda spec: spec.update(expireAfter="7h"), "Additional properties are not allowed ('expireAfter'"),
        (lambda spec: spec["disruption"]["budgets"].append({"nodes": "200%"}), "'200%' does not match"),
        (lambda spec: spec.update(weight=101), "101 is greater than the maximum of 100"),
    ],
)
def test_the_definitions_do_refuse(break_it, message):
    spec = rendered()
    break_it(spec)
    manifest = {"apiVersion": "karpenter.sh/v1", "kind": "NodePool", "metadata": {"name": "gpu"}, "spec": spec}

    (problem,) = crds.problems("karpenter.sh_nodepools", manifest)
    assert message in problem


def test_the_example_of_the_page_runs():
    ran = run_example("karpenter_gpu_pool")

    assert ran.one(NODE_POOL).inputs["spec"]["limits"]["nvidia.com/gpu"] == "4"
    assert ran.one(NODE_CLASS).inputs["spec"]["role"]
