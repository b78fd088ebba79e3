"""import: a rule speaks of the pools in its scope, and of no others."""

from typing import Any

import pytest

from eks_gpu.importers.fields import Place
from eks_gpu.importers.findings import LOST, RULES, Findings, PoolFindings
from eks_gpu.pools.scope import NO_ACCELERATOR, Scope
from tests.imports import cluster_config, gpu_group, imported, managed, node_class, node_pool, rules, write

BASE = {"name": "base", "instanceType": "m6i.large", "minSize": 2, "desiredCapacity": 2, "maxSize": 2}
SIX = ["m8i.xlarge", "m8a.xlarge", "m7i.xlarge", "m7a.xlarge", "m6i.xlarge", "m5.xlarge"]
PLACE = Place("NodePool cpu", "spec", 1)


def cpu_pool(*, nodes: Any = None, **spec: Any) -> dict[str, Any]:
    categories = {"key": "karpenter.k8s.aws/instance-category", "operator": "In", "values": ["c", "m", "r"]}
    return node_pool([categories], spec={"limits": {"cpu": 100}, **spec}, nodes={"taints": [], **(nodes or {})})


@pytest.mark.parametrize(
    "pool",
    [
        cpu_pool(disruption={"consolidationPolicy": "WhenEmptyOrUnderutilized", "consolidateAfter": "1m"}),
        cpu_pool(disruption={"consolidationPolicy": "WhenEmptyOrUnderutilized", "consolidateAfter": "0s"}),
        cpu_pool(disruption={"consolidateAfter": "Never"}),
        cpu_pool(limits={}),
        cpu_pool(limits={"cpu": 1000, "memory": "1000Gi", "ephemeral-storage": "1Ti"}),
        cpu_pool(replicas=3, limits={"nodes": 4}),
        cpu_pool(weight=50, disruption={"budgets": [{"nodes": "10%"}, {"nodes": "0", "schedule": "@daily"}]}),
        cpu_pool(nodes={"taints": [{"key": "dedicated", "effect": "NoSchedule"}]}),
        cpu_pool(nodes={"startupTaints": [{"key": "starting", "effect": "NoSchedule"}]}),
        cpu_pool(nodes={"expireAfter": "Never", "terminationGracePeriod": "30s"}),
        {**cpu_pool(), "apiVersion": "karpenter.sh/v1"},
    ],
    ids=lambda pool: "-".join(pool["spec"].get("disruption") or pool["spec"]["limits"]) or "-",
)
def test_a_pool_of_cpu_nodes_is_left_out_and_told_of_nothing_else(pool, tmp_path):
    answer, found = imported(write(tmp_path, node_class(), pool))
    assert rules(found) == [("lost", "metadata.name")]
    assert answer.settings == {}


def test_an_old_version_of_a_pool_that_is_left_out_is_told(tmp_path):
    reference = {"nodeClassRef": {"name": "gpu"}}
    old = {**cpu_pool(nodes=reference), "apiVersion": "karpenter.sh/v1beta1"}
    _, found = imported(write(tmp_path, old))
    assert [rule for rule, _ in rules(found)] == ["api-versions-are-served", "lost"]


@pytest.mark.parametrize("groups", ["managedNodeGroups", "nodeGroups"])
def test_a_group_that_is_on_demand_alone_is_told_of_no_rule_about_spot(groups, tmp_path):
    steady = {"name": "steady", "instanceType": "m6i.xlarge", "minSize": 3, "maxSize": 3}
    answer, found = imported(write(tmp_path, cluster_config(**{groups: [BASE, steady]})))
    ((rule, path),) = rules(found)
    assert (rule, path) == ("lost", f"{groups}[1].instanceType")
    assert "100 % on demand" in found[0].message
    assert answer.settings["spot_node_groups"]["steady"]["pool"]["on_demand_percentage"] == 100
    assert "node_termination_handler" not in answer.settings


@pytest.mark.parametrize(
    ("distribution", "told"),
    [
        ({"spotInstancePools": 2}, False),
        ({"spotInstancePools": 2, "onDemandPercentageAboveBaseCapacity": 100}, False),
        ({"spotInstancePools": 2, "onDemandPercentageAboveBaseCapacity": 50}, True),
        ({"spotAllocationStrategy": "lowest-price", "onDemandPercentageAboveBaseCapacity": 0}, True),
    ],
    ids=["default", "on demand", "half", "spot"],
)
def test_how_spot_is_allocated_matters_where_there_is_spot(distribution, told, tmp_path):
    group = {"name": "own", "instancesDistribution": {"instanceTypes": SIX, **distribution}, "minSize": 2, "maxSize": 5}
    _, found = imported(write(tmp_path, cluster_config(nodeGroups=[BASE, group])))
    assert ("spot-allocation-is-current" in [rule for rule, _ in rules(found)]) == told


def test_a_taint_without_an_effect_is_no_word_about_gpus(tmp_path):
    spot = {"name": "spot", "spot": True, "instanceTypes": SIX, "maxSize": 3, "minSize": 0}
    tainted = cluster_config(managedNodeGroups=[{**spot, "taints": {"dedicated": "batch"}}])
    assert rules(imported(write(tmp_path, tainted))[1]) == [
        ("taints-have-an-effect", "managedNodeGroups[0].taints.dedicated")
    ]


@pytest.mark.parametrize("rule", [id_ for id_, rule in RULES.items() if NO_ACCELERATOR not in rule.scope.accelerators])
def test_a_rule_about_accelerators_cannot_be_told_of_cpu_nodes(rule):
    told, all_told = PoolFindings(), Findings()
    told.tell(rule, PLACE, "said")
    told.lose(PLACE, "lost")
    all_told.take_of_pool(told, Scope(accelerators=("none",)))
    assert [found.rule for found in all_told] == [LOST]


def test_a_rule_about_some_pools_cannot_be_told_without_a_pool():
    with pytest.raises(ValueError, match="spot-groups-have-six-types speaks of auto scaling group, managed group"):
        Findings().tell("spot-groups-have-six-types", PLACE, "said")


@pytest.mark.parametrize(
    ("group", "path", "nodes"),
    [
        ({"minSize": 0, "desiredCapacity": 2, "maxSize": 10}, "desiredCapacity", 2),
        ({"minSize": 2, "maxSize": 10}, "minSize", 2),
        ({"minSize": 1, "desiredCapacity": 3, "maxSize": 3}, "desiredCapacity", 3),
        ({"minSize": None, "desiredCapacity": 1, "maxSize": None}, "desiredCapacity", 1),
        ({"minSize": None, "maxSize": 4}, "minSize", 2),  # eksctl starts two where nothing says how many
    ],
    ids=str,
)
def test_nodes_that_run_without_work_are_told_at_the_field_that_starts_them(group, path, nodes, tmp_path):
    _, found = imported(write(tmp_path, *managed(**group)))
    assert rules(found) == [("gpu-pools-start-at-zero", f"managedNodeGroups[0].{path}")]
    assert found[0].message.startswith(f"{nodes} GPU nodes run")


def test_a_group_beside_a_gpu_group_keeps_its_own_rules(tmp_path):
    spot = {"name": "spot", "spot": True, "instanceTypes": SIX[:4], "minSize": 0, "maxSize": 3}
    _, found = imported(write(tmp_path, cluster_config(managedNodeGroups=[spot, gpu_group(taints=None)])))
    assert rules(found) == [
        ("spot-groups-have-six-types", "managedNodeGroups[0].instanceTypes"),
        ("gpu-nodes-are-tainted", "managedNodeGroups[1].taints"),
    ]
