"""The NodePool of a pool, literally, and what Karpenter's own definitions say of it and of its class."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.karpenter_gpu_pool import ec2_node_class
from components.nodes.node_pool import AUTO_MODE, KARPENTER, duration, node_pool
from tests import crds
from tests.given import subnets
from tests.karpenter_gpu_pools import ARGS, NODE_CLASS, NODE_POOL, made, pool, requirements
from tests.pools import pools


def rendered(**wish: Any) -> dict[str, Any]:
    return node_pool(pool(**wish), KARPENTER, "gpu", ["us-west-2a", "us-west-2b"])


# The NodePool


def test_a_pool_is_a_node_pool_that_takes_gpu_pods_alone_and_gives_empty_nodes_back():
    assert made(idle_s=30, capacity_types=["spot", "on-demand"], weight=10).one(NODE_POOL).inputs == {
        "apiVersion": "karpenter.sh/v1",
        "kind": "NodePool",
        "metadata": {"name": "gpu", "annotations": {"pulumi.com/waitFor": "condition=Ready"}},
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
    nodes = int(spec["limits"][pool.resource]) // pool.resources_per_node

    assert int(spec["limits"]["cpu"]) >= nodes * max(row.vcpus for row in pool.instance_types)
    assert int(spec["limits"]["memory"].removesuffix("Mi")) >= nodes * max(r.memory_mib for r in pool.instance_types)


def test_zones_are_those_with_a_subnet_that_sell_the_types():
    ran = made(args={**ARGS, "subnets": subnets("ad")}, instance_types=["g5.xlarge"])

    assert requirements(ran.one(NODE_POOL).inputs["spec"])["topology.kubernetes.io/zone"] == ["us-west-2a"]
    assert ran.one(NODE_CLASS).inputs["spec"]["subnetSelectorTerms"] == [{"id": "subnet-a"}]
    assert ("info", "gpu: no group in us-west-2d: it offers none of g5.xlarge") in ran.log


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
