"""SpotNodeGroup: one group over all zones, what each back end is asked for, and what is refused."""

import json
from base64 import b64decode
from typing import Any

import pytest

from components.nodes.auto_scaling_group import auto_scaling_group
from components.nodes.managed_node_group import managed_node_group
from components.spot_node_group import SpotNodeGroup, SpotNodeGroupArgs, SpotPool, SpotPoolArgs, spot_node_group
from components.values.value import BadInput, check
from eks_gpu.offline import sdk_schema
from tests.engine import Run, run
from tests.found import every
from tests.given import CLUSTER, example, subnets

TYPES = ["m5a.2xlarge", "m6a.2xlarge", "m7a.2xlarge", "m7i.2xlarge", "m8a.2xlarge", "m8i.2xlarge"]
POOL = {"instance_types": TYPES, "min_nodes": 2, "max_nodes": 20}
ARGS: Any = {"cluster": CLUSTER, "subnets": subnets("abc")}
BACKENDS = ["managed-node-group", "auto-scaling-group"]
ASG = "aws:autoscaling/group:Group"
HOOK = "aws:autoscaling/lifecycleHook:LifecycleHook"
MANAGED = "aws:eks/nodeGroup:NodeGroup"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"


def running(*, preview: bool = False, args: Any = ARGS, backend: str = "", **pool: Any) -> Run:
    given: Any = {**args, "pool": {**POOL, **pool}, **({"backend": backend} if backend else {})}
    return run(lambda: SpotNodeGroup("general", given), preview=preview)


def group(letters: str = "abc", **wish: Any):
    return spot_node_group(check(SpotPool, {**POOL, **wish}), subnets(letters), "us-west-2")


def problem(**given: Any) -> list[str]:
    with pytest.raises(BadInput) as refused:
        running(**given)
    return str(refused.value).splitlines()


def test_one_group_spans_the_zones_and_nothing_rebalances_it():
    assert auto_scaling_group(group(), {"launch_template_id": "lt-1", "version": "1"}) == {
        "min_size": 2,
        "desired_capacity": 2,
        "max_size": 20,
        "vpc_zone_identifiers": ["subnet-a", "subnet-b", "subnet-c"],
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
                "launch_template_specification": {"launch_template_id": "lt-1", "version": "1"},
                "overrides": [
                    {"instance_type": "m5a.2xlarge"},
                    {"instance_type": "m6a.2xlarge"},
                    {"instance_type": "m7a.2xlarge"},
                    {"instance_type": "m7i.2xlarge"},
                    {"instance_type": "m8a.2xlarge"},
                    {"instance_type": "m8i.2xlarge"},
                ],
            },
        },
        "tags": [
            {
                "key": "k8s.io/cluster-autoscaler/node-template/label/karpenter.sh/capacity-type",
                "value": "spot",
                "propagate_at_launch": False,
            },
            {
                "key": "k8s.io/cluster-autoscaler/node-template/resources/ephemeral-storage",
                "value": "44Gi",
                "propagate_at_launch": False,
            },
        ],
    }


def test_a_managed_group_is_spot_alone():
    assert managed_node_group(group("ab", desired_nodes=3)) == {
        "ami_type": "AL2023_x86_64_STANDARD",
        "capacity_type": "SPOT",
        "instance_types": TYPES,
        "subnet_ids": ["subnet-a", "subnet-b"],
        "scaling_config": {"min_size": 2, "desired_size": 3, "max_size": 20},
        "labels": {"karpenter.sh/capacity-type": "spot"},
        "taints": [],
        "update_config": {"max_unavailable": 1},
        "node_repair_config": {"enabled": True},
    }


@pytest.mark.parametrize("wish", [{"on_demand_base": 1}, {"on_demand_percentage": 20}])
def test_a_mixed_group_has_no_label_that_would_lie(wish):
    made = group(**wish)
    distribution = auto_scaling_group(made, {})["mixed_instances_policy"]["instances_distribution"]

    assert made.node.labels == {}
    assert distribution["on_demand_base_capacity"] == wish.get("on_demand_base", 0)
    assert distribution["on_demand_percentage_above_base_capacity"] == wish.get("on_demand_percentage", 0)


def test_a_managed_group_cannot_mix():
    with pytest.raises(ValueError, match="a managed node group is Spot or on demand, never both"):
        managed_node_group(group(on_demand_base=1))


def test_arm_types_get_an_arm_image():
    types = [f"{family}.2xlarge" for family in ("m6g", "m6gd", "m7g", "m7gd", "m8g", "m8gd")]

    assert managed_node_group(group(instance_types=types))["ami_type"] == "AL2023_ARM_64_STANDARD"


def test_a_zone_may_lack_some_of_the_types():
    assert group("d").subnet_ids == ("subnet-d",)


def test_self_managed_is_the_default_and_its_group_has_the_component_s_name():
    assert running().of(MANAGED) == []
    assert running().one(ASG).name == "general"
    assert running(backend="managed-node-group").one(MANAGED).name == "general"


def test_the_node_count_belongs_to_the_autoscaler():
    assert running().one(ASG).options["ignoreChanges"] == ["desiredCapacity"]
    managed = running(backend="managed-node-group").one(MANAGED)
    assert managed.options["ignoreChanges"] == ["scalingConfig.desiredSize"]


def test_the_disk_is_encrypted_and_as_large_as_asked():
    (disk,) = running(disk_gib=100).one(TEMPLATE).inputs["blockDeviceMappings"]

    assert disk == {
        "deviceName": "/dev/xvda",
        "ebs": {"volumeType": "gp3", "encrypted": "true", "deleteOnTermination": "true", "volumeSize": 100},
    }


def test_the_node_carries_the_labels_and_taints_given():
    taint = {"key": "batch", "value": "true", "effect": "NoSchedule"}
    made = running(labels={"team": "web"}, taints=[taint])
    text = b64decode(made.one(TEMPLATE).inputs["userData"]).decode()
    component = made.one("eks-gpu-components:index:SpotNodeGroup")

    assert "--node-labels=karpenter.sh/capacity-type=spot,team=web" in text
    assert "--register-with-taints=batch=true:NoSchedule" in text
    assert component.outputs["labels"] == {"karpenter.sh/capacity-type": "spot", "team": "web"}
    assert component.outputs["taints"] == [taint]
    assert component.outputs["node_group_names"] == ["general"]
    assert component.outputs["role_arn"] == "arn:aws:iam::123456789012:role/general-role"


def test_a_drained_group_holds_a_node_that_has_to_go_and_marks_it_for_the_handler():
    made = running(args={**ARGS, "drain_s": 300})
    created = made.one(ASG)
    assert made.one(HOOK, "general-drain").inputs == {
        "autoscalingGroupName": created["name"],
        "lifecycleTransition": "autoscaling:EC2_INSTANCE_TERMINATING",
        "heartbeatTimeout": 360,
        "defaultResult": "CONTINUE",
    }
    tag = {"key": "node-termination-handler/gaia", "value": "true", "propagateAtLaunch": True}
    assert tag in created.inputs["tags"]


def test_nothing_holds_the_nodes_of_a_group_that_nothing_drains():
    made = running()
    assert made.of(HOOK) == []
    assert [tag for tag in made.one(ASG).inputs["tags"] if "node-termination-handler" in tag["key"]] == []


def test_eks_drains_managed_groups_itself():
    assert problem(args={**ARGS, "drain_s": 120}, backend="managed-node-group") == [
        "drain_s: EKS itself drains groups of backend managed-node-group, got 120: leave it out"
    ]


@pytest.mark.parametrize(("drain_s", "rule"), [(29, "at least 30, got 29"), (7141, "at most 7140, got 7141")])
def test_a_hook_that_aws_would_refuse_is_refused(drain_s, rule):
    assert problem(args={**ARGS, "drain_s": drain_s}) == [f"drain_s must be {rule}"]


@pytest.mark.parametrize("backend", BACKENDS)
def test_everything_is_a_child_of_the_component(backend):
    made = running(backend=backend)

    assert len(made.under("general")) == len(list(made.graph)) - 1


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_preview_registers_what_an_update_does(backend):
    assert running(backend=backend, preview=True).urns() == running(backend=backend).urns()


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_sdk_knows_every_property(backend):
    made = running(backend=backend)
    custom = [child for child in made.graph if child.custom]

    assert [text for child in every(custom) for text in sdk_schema.problems(child.type, child.inputs)] == []


OTHER = {
    "cluster": {**CLUSTER, "name": "other"},
    "subnets": subnets("ab"),
    "backend": "managed-node-group",
    "node_policies": {"more": "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"},
    "release_version": "1.35.2-20260714",
    "session_manager": True,
    "drain_s": 120,
}
OTHER_WISHES = {
    "instance_types": TYPES[::-1],
    "max_nodes": 9,
    "min_nodes": 1,
    "desired_nodes": 5,
    "on_demand_base": 1,
    "on_demand_percentage": 10,
    "disk_gib": 80,
    "labels": {"team": "web"},
    "taints": [{"key": "batch", "value": "true", "effect": "NoSchedule"}],
    "node_image": "bottlerocket",
}


def asked(made: Run) -> list[tuple[str, str]]:
    return sorted((child.urn, json.dumps(child.inputs, sort_keys=True)) for child in made.graph if child.custom)


@pytest.mark.parametrize("field", sorted(SpotNodeGroupArgs.__annotations__.keys() - {"pool"}))
def test_every_argument_reaches_aws(field):
    backend = "managed-node-group" if field == "release_version" else ""
    assert asked(running(args={**ARGS, field: OTHER[field]}, backend=backend)) != asked(running(backend=backend))


@pytest.mark.parametrize("field", SpotPoolArgs.__annotations__)
def test_every_wish_for_the_pool_reaches_aws(field):
    assert asked(running(**{field: OTHER_WISHES[field]})) != asked(running())


def test_the_args_name_every_field_of_the_pool():
    assert SpotPoolArgs.__annotations__.keys() == SpotPool.model_fields.keys()


ALONE = "with backend managed-node-group, whose groups are Spot or on demand"
NEWEST = "m8a.2xlarge, m8i-flex.2xlarge, m8i.2xlarge, m8ib.2xlarge, m8id.2xlarge, m8idb.2xlarge"


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        (
            {"instance_types": TYPES[:1]},
            f"pool.instance_types: give 6 to 20 different types, got 1; types that fit m5a.2xlarge: {NEWEST}",
        ),
        (
            {"instance_types": [*TYPES[:5], TYPES[0]]},
            "pool.instance_types: give 6 to 20 different types, got 5; ",
        ),
        (
            {"instance_types": [*TYPES[:5], "r7i.2xlarge", "m8g.2xlarge"]},
            "pool.instance_types: the autoscaler plans every node with the first type: m5a.2xlarge has 8 vCPUs, "
            "32 GiB and amd64, but r7i.2xlarge has 8 vCPUs, 64 GiB and amd64, "
            "m8g.2xlarge has 8 vCPUs, 32 GiB and arm64; ",
        ),
        (
            {"instance_types": [*TYPES, "g5.2xlarge"]},
            "pool.instance_types: g5.2xlarge has an accelerator: that is a GpuNodeGroup's; ",
        ),
        ({"min_nodes": 21}, "pool.min_nodes must be at most max_nodes 20, got 21"),
        ({"desired_nodes": 1}, "pool.desired_nodes must be from 2 to 20, got 1"),
        ({"on_demand_percentage": 101}, "pool.on_demand_percentage must be at most 100, got 101"),
        ({"disk_gib": 10}, "pool.disk_gib must be at least 20, got 10"),
        (
            {"taints": [{"key": "a", "value": "b", "effect": effect} for effect in ("NoSchedule", "NoExecute")]},
            "pool.taints: a is there twice, and the autoscaler can be told of one taint a key",
        ),
        (
            {"backend": "managed-node-group", "on_demand_base": 2, "on_demand_percentage": 5},
            f"pool.on_demand_base must be 0 {ALONE}, got 2\npool.on_demand_percentage must be 0 {ALONE}, got 5",
        ),
    ],
)
def test_a_pool_that_cannot_work_is_refused_with_the_rule_and_the_value(wish, message):
    assert "\n".join(problem(**wish)).startswith(message)


WIDE = ["r5b.12xlarge", "r5n.12xlarge", "r6idn.12xlarge", "r6in.12xlarge", "z1d.12xlarge", "z1d.metal"]


def test_a_zone_that_offers_none_of_the_types_is_refused():
    assert problem(instance_types=WIDE, args={**ARGS, "subnets": subnets("cd")}) == [
        "subnets: us-west-2d offers none of r5b.12xlarge, r5n.12xlarge, r6idn.12xlarge, r6in.12xlarge, z1d.12xlarge, "
        "z1d.metal"
    ]


def test_a_type_that_no_zone_offers_is_refused_with_where_it_is():
    types = ["m5a.2xlarge", "m6a.2xlarge", "m7a.2xlarge", "m7i.2xlarge", "m8a.2xlarge", "m5n.2xlarge"]

    assert problem(instance_types=types, args={**ARGS, "subnets": subnets("d")}) == [
        "pool.instance_types: m5n.2xlarge is offered in none of us-west-2d; "
        "in us-west-2 it is in us-west-2a, us-west-2b, us-west-2c"
    ]


def test_a_subnet_of_another_region_is_refused():
    wrong = {"zone": "us-west-2b", "zone_id": "use1-az1", "subnet_id": "subnet-x"}

    assert problem(args={**ARGS, "subnets": [wrong]}) == [
        "subnets: us-west-2 has no zone id use1-az1, given for us-west-2b; "
        "it has usw2-az2, usw2-az1, usw2-az3, usw2-az4"
    ]


def test_the_example_of_the_page_runs():
    made = run(lambda: exec(example("spot_node_group")))

    assert made.one(ASG, "general").inputs["maxSize"] == 20
