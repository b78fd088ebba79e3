"""KarpenterPool: its NodePool and node class, literally, what is refused, and what the plan makes of it."""

from typing import Any

import pytest

from components.karpenter_pool import KarpenterPool, cpu_node_pool
from components.values.cpu_pool import CpuPool
from components.values.value import BadInput, check
from tests.documentation import run_example
from tests.engine import Run, run
from tests.given import CLUSTER, subnets
from tests.karpenter_gpu_pools import NODE_CLASS, NODE_POOL

ARGS: Any = {"cluster": CLUSTER, "subnets": subnets("ab"), "node_role_name": "gaia-nodes"}


def made(*, args: Any = ARGS, name: str = "work", more: Any = None, **wish: Any) -> Run:
    whole: Any = {**args, "pool": {"max_vcpus": 64, **wish}, **(more or {})}
    return run(lambda: KarpenterPool(name, whole))


def refused(**given: Any) -> list[str]:
    with pytest.raises(BadInput) as found:
        made(**given)
    return found.value.problems


def requirements(spec: Any) -> list[tuple[str, str, list[str]]]:
    return [
        (each["key"].rpartition("/")[2], each["operator"], each["values"])
        for each in spec["template"]["spec"]["requirements"]
    ]


def test_by_default_any_recent_general_type_may_come_on_demand_and_empty_or_unneeded_nodes_go():
    spec = made().one(NODE_POOL, "work").inputs["spec"]
    assert requirements(spec) == [
        ("arch", "In", ["amd64"]),
        ("os", "In", ["linux"]),
        ("capacity-type", "In", ["on-demand"]),
        ("zone", "In", ["us-west-2a", "us-west-2b"]),
        ("instance-category", "In", ["c", "m", "r"]),
        ("instance-generation", "Gt", ["5"]),
        ("instance-cpu", "Gt", ["1"]),
        ("instance-cpu", "Lt", ["33"]),
        ("instance-hypervisor", "In", ["nitro"]),
    ]
    assert spec["disruption"] == {
        "consolidationPolicy": "WhenEmptyOrUnderutilized",
        "consolidateAfter": "1m",
        "budgets": [{"nodes": "10%"}],
    }
    assert spec["limits"] == {"cpu": "64", "memory": "512Gi"}
    template = spec["template"]["spec"]
    assert (template["taints"], template["expireAfter"], template["terminationGracePeriod"]) == ([], "720h", "24h")
    assert template["nodeClassRef"] == {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": "work"}
    assert "weight" not in spec


def test_every_wish_reaches_the_node_pool():
    spec = (
        made(
            max_memory_gib=100,
            categories=["m"],
            min_generation=7,
            min_node_vcpus=4,
            max_node_vcpus=16,
            architectures=["arm64", "amd64"],
            capacity_types=["spot", "on-demand"],
            zones=["us-west-2b"],
            labels={"team": "web"},
            taints=[{"key": "batch", "value": "true", "effect": "NoSchedule"}],
            idle_s=300,
            max_age_h=100,
            disruption_budget="2",
            termination_grace_s=600,
            weight=7,
        )
        .one(NODE_POOL, "work")
        .inputs["spec"]
    )
    assert requirements(spec) == [
        ("arch", "In", ["arm64", "amd64"]),
        ("os", "In", ["linux"]),
        ("capacity-type", "In", ["spot", "on-demand"]),
        ("zone", "In", ["us-west-2b"]),
        ("instance-category", "In", ["m"]),
        ("instance-generation", "Gt", ["6"]),
        ("instance-cpu", "Gt", ["3"]),
        ("instance-cpu", "Lt", ["17"]),
        ("instance-hypervisor", "In", ["nitro"]),
    ]
    assert spec["limits"] == {"cpu": "64", "memory": "100Gi"}
    assert spec["disruption"]["consolidateAfter"] == "5m"
    assert spec["disruption"]["budgets"] == [{"nodes": "2"}]
    assert spec["template"]["metadata"]["labels"] == {"team": "web"}
    template = spec["template"]["spec"]
    assert template["taints"] == [{"key": "batch", "value": "true", "effect": "NoSchedule"}]
    assert (template["expireAfter"], template["terminationGracePeriod"], spec["weight"]) == ("100h", "10m", 7)


def test_named_types_stand_in_place_of_categories():
    spec = made(instance_types=["m7g.large", "m7g.xlarge"], architectures=["arm64"]).one(NODE_POOL).inputs["spec"]
    assert requirements(spec)[4:] == [("instance-type", "In", ["m7g.large", "m7g.xlarge"])]


def test_its_node_class_has_an_encrypted_disk_and_a_pinned_image_where_the_program_says():
    spec = made(disk_gib=80, zones=["us-west-2a"]).one(NODE_CLASS).inputs["spec"]
    (disk,) = spec["blockDeviceMappings"]
    assert (disk["ebs"]["volumeSize"], disk["ebs"]["encrypted"]) == ("80Gi", True)
    assert spec["amiSelectorTerms"] == [{"alias": "al2023@v20260714"}]
    assert len(spec["subnetSelectorTerms"]) == 1
    assert (spec["role"], spec["metadataOptions"]["httpTokens"]) == ("gaia-nodes", "required")
    assert spec["tags"] == {"Name": "gaia-work"}


def test_what_it_publishes_is_what_pods_need():
    taint = {"key": "batch", "value": "true", "effect": "NoSchedule"}
    told = made(labels={"team": "web"}, taints=[taint]).one("eks-gpu-components:index:KarpenterPool").outputs
    assert (told["node_pool_name"], told["labels"], told["taints"]) == ("work", {"team": "web"}, [taint])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"max_vcpus": 1}, "pool: max_vcpus must be at least 2, what the smallest node has, got 1"),
        (
            {"instance_types": ["g6.xlarge"]},
            "pool.instance_types: g6.xlarge has an accelerator: that is a KarpenterGpuPool's",
        ),
        ({"categories": ["g"]}, "pool.categories[0] must be one of c, m, r, got 'g'"),
        (
            {"capacity_types": ["on-demand", "spot"]},
            "pool.capacity_types must be spot, on-demand or both in this order, got ['on-demand', 'spot']",
        ),
        ({"min_node_vcpus": 64, "max_node_vcpus": 8}, "pool.max_node_vcpus must be at least min_node_vcpus 64, got 8"),
        ({"min_generation": 99}, "pool: no instance type has these categories, generation, size and architectures"),
        ({"instance_types": ["m7i.large"], "categories": ["m"]}, "pool: give instance_types or categories, not both"),
        (
            {"instance_types": ["m7g.large"]},
            "pool.architectures must be those of instance_types, and m7g.large is arm64, got ['amd64']; nearest: "
            "[arm64]",
        ),
        (
            {"instance_types": ["m7i.large", "m7g.large"], "architectures": ["arm64"]},
            "pool.architectures must be those of instance_types, and m7i.large is amd64, got ['arm64']; nearest: "
            "[amd64, arm64]",
        ),
        (
            {"zones": ["us-west-2d"]},
            "pool.zones: us-west-2d has no subnet; zones that have one: us-west-2a, us-west-2b",
        ),
        ({"disruption_budget": "0"}, "pool.disruption_budget must be nodes, as 20% or 2, got '0'"),
        (
            {"name": "Work"},
            "the component's name must be 63 lower-case letters, digits and '-' at most, because nodes carry it as a "
            "label, got 'Work'",
        ),
        (
            {"node_image": "bottlerocket"},
            "image_version: name a release of Bottlerocket, as v1.46.0, or its nodes change without notice",
        ),
        (
            {"more": {"image_version": "latest"}},
            "image_version: must be a release, as v20260714 or v1.46.0, or nodes change with each new one, got "
            "'latest'",
        ),
    ],
)
def test_a_pool_that_cannot_work_is_refused_with_the_rule(given, message):
    assert refused(**given) == [message]


def test_its_types_are_those_that_its_requirements_leave():
    pool = check(CpuPool, {"max_vcpus": 64, "categories": ["c"], "min_generation": 8, "architectures": ["arm64"]})
    names = {row.name for row in pool.types}
    assert {"c8g.medium", "c8g.metal-24xl", "c7g.large", "m8g.large", "c8i.large"} & names == set()
    assert {"c8g.large", "c8g.8xlarge"} <= names
    assert cpu_node_pool(pool, "work", ["us-west-2a"])["limits"] == {"cpu": "64", "memory": "512Gi"}


def test_the_example_of_the_page_runs():
    made = run_example("karpenter_pool")
    assert made.one(NODE_POOL, "work").inputs["spec"]["limits"]["cpu"] == "200"
