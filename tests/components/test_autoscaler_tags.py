"""What the autoscaler is told of a node that does not exist yet, read back by the autoscaler's own rules."""

from collections.abc import Mapping

import pytest
from hypothesis import given, settings

from components.catalog import GPU_TAINT, Taint
from components.nodes.auto_scaling_group import auto_scaling_group
from components.nodes.autoscaler_tags import autoscaler_tags
from components.nodes.managed_node_group import managed_node_group
from components.nodes.node_group import Node
from tests.found import every
from tests.pools import placed, pools

PREFIX = "k8s.io/cluster-autoscaler/node-template/"
TEMPLATE = {"launch_template_id": "lt-1", "version": "1"}


def node(**given) -> Node:
    shape = {
        "image": "al2023",
        "architecture": "amd64",
        "disk_gib": 100,
        "labels": {"team": "vision"},
        "taints": (GPU_TAINT,),
        "resources": {"nvidia.com/gpu": 4},
    }
    return Node(**{**shape, **given})


def read(tags: Mapping[str, str], kind: str) -> dict[str, str]:
    """The rest of the key is the name, verbatim."""
    prefix = f"{PREFIX}{kind}/"
    return {key.removeprefix(prefix): value for key, value in tags.items() if key.startswith(prefix)}


def read_taints(tags: Mapping[str, str]) -> set[tuple[str, str, str]]:
    """A value without `:Effect` is ignored, as the autoscaler does."""
    found = set()
    for key, text in read(tags, "taint").items():
        value, colon, effect = text.partition(":")
        if colon and effect in ("NoSchedule", "NoExecute", "PreferNoSchedule"):
            found.add((key, value, effect))
    return found


def test_labels_taints_and_resources_of_the_node_are_told():
    assert autoscaler_tags(node(idle_s=60)) == {
        "k8s.io/cluster-autoscaler/node-template/label/team": "vision",
        "k8s.io/cluster-autoscaler/node-template/taint/nvidia.com/gpu": "true:NoSchedule",
        "k8s.io/cluster-autoscaler/node-template/resources/nvidia.com/gpu": "4",
        "k8s.io/cluster-autoscaler/node-template/resources/ephemeral-storage": "89Gi",
        "k8s.io/cluster-autoscaler/node-template/autoscaling-options/scaledownunneededtime": "60s",
    }


def test_the_idle_time_is_left_to_the_autoscaler_unless_the_node_has_one():
    assert not any("autoscaling-options" in key for key in autoscaler_tags(node()))


def test_a_tag_that_aws_would_not_take_is_refused():
    taint = Taint("dedicated", "v" * 250, "NoSchedule")

    with pytest.raises(
        ValueError, match=r"node-template/label/x+ must have at most 128 characters, got 146; the value"
    ):
        autoscaler_tags(node(labels={"x" * 100: "1"}, taints=(taint,)))
    with pytest.raises(ValueError, match="taint/dedicated must have at most 256 characters, got 261"):
        autoscaler_tags(node(taints=(taint,)))


@settings(max_examples=200, deadline=None)
@given(pools())
def test_tags_parse_back_to_what_the_nodes_of_either_back_end_carry(pool):
    for group in every(placed(pool).groups.values()):
        told = autoscaler_tags(group.node)
        managed = managed_node_group(group)
        self_managed = auto_scaling_group(group, TEMPLATE)

        assert {tag["key"]: tag["value"] for tag in self_managed["tags"]} == told
        assert read(told, "label") == managed["labels"]
        effects = {"NoSchedule": "NO_SCHEDULE", "NoExecute": "NO_EXECUTE", "PreferNoSchedule": "PREFER_NO_SCHEDULE"}
        assert {(key, value, effects[effect]) for key, value, effect in read_taints(told)} == {
            (taint["key"], taint["value"], taint["effect"]) for taint in managed["taints"]
        }
        replicas = pool.sharing.replicas if pool.sharing else 1
        assert read(told, "resources")[pool.resource] == str(pool.instance_types[0].accelerators * replicas)


@settings(max_examples=200, deadline=None)
@given(pools())
def test_aws_takes_every_tag_of_every_pool(pool):
    for group in every(placed(pool).groups.values()):
        tags = autoscaler_tags(group.node)
        assert max(map(len, tags)) <= 128
        assert max(map(len, tags.values())) <= 256
        assert len(tags) <= 47  # AWS takes 50, and three name the cluster
