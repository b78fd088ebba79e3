"""Flags of the autoscaler, in its chart and in tags of groups: nodes come at once, and go soon."""

import pytest

from tests import node_graphs
from tests.graphs import findings, gpu_group, managed_group, overrides
from tests.node_graphs import failure, flagged, holds, optional, released

BACK, SOON, START = "autoscaler-gives-nodes-back", "autoscaler-ends-idle-nodes-soon", "autoscaler-may-start-nodes"
DELAY, PRIORITIES = "nodes-start-without-delay", "priorities-name-every-group"
CA = "cluster-autoscaler"


@pytest.mark.parametrize("check", [BACK, SOON, START, DELAY, PRIORITIES])
def test_a_healthy_autoscaler(check):
    assert holds(check)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"scale_down_enabled": "false"}, "scale-down-enabled is false, so no node is ever removed"),
        (
            {"scale_down_gpu_utilization_threshold": "0.0"},
            "scale-down-gpu-utilization-threshold is 0.0, so no GPU node is idle enough to go: "
            "remove scale-down-gpu-utilization-threshold",
        ),
        (
            {"max_empty_bulk_delete": 0},
            "max-empty-bulk-delete is 0, so no empty node is ended: remove max-empty-bulk-delete",
        ),
    ],
)
def test_flags_that_keep_every_node(flags, said):
    assert failure(BACK, autoscaler=flagged(**flags)) == (CA, said)


@pytest.mark.parametrize(
    ("flag", "value", "fails"),
    [
        ("scale-down-unneeded-time", "1h", False),
        ("scale-down-unneeded-time", "1h0m1s", True),
        ("scale-down-delay-after-add", "10h", True),
        ("scale-down-unready-time", "48h", True),
        ("max-node-provision-time", "2h", True),
        ("scale-down-unneeded-time", "soon", False),
        ("skip-nodes-with-local-storage", "true", True),
        ("skip-nodes-with-local-storage", "false", False),
        ("scale-down-unready-enabled", "false", True),
    ],
)
def test_long_times(flag, value, fails):
    assert holds(SOON, autoscaler=flagged(**{flag: value})) is not fails


def test_a_long_time_is_told_and_what_is_short():
    assert failure(SOON, autoscaler=flagged(scale_down_unneeded_time="48h")) == (
        CA,
        "scale-down-unneeded-time is 48h: an idle node is kept for 48h: set scale-down-unneeded-time to 1h",
    )


def test_options_in_the_tags_of_a_group():
    assert failure(SOON, gpu=optional(scaledownunneededtime="3h0m0s")) == (
        "gpu",
        "scale-down-unneeded-time is 3h0m0s: an idle node is kept for 3h: set scale-down-unneeded-time to 1h",
    )
    assert failure(BACK, gpu=optional(scaledowngpuutilizationthreshold="0"))[0] == "gpu"
    assert holds(BACK, gpu=optional(scaledownutilizationthreshold="0"))  # GPU nodes are judged by their GPUs


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"expander": "cheapest"}, "it knows no expander cheapest"),
        ({"expander": "priority,price"}, "expander price needs prices that it does not know on AWS"),
        ({"max_nodes_total": 2}, "max-nodes-total is 2, and 2 nodes stand already"),
        ({"cores_total": "0:4"}, "cores-total is 0:4, and the standing nodes have 4 already"),
        ({"cloud_provider": "gce"}, "its cloud provider is gce, and the groups are of AWS"),
        (
            {"expendable_pods_priority_cutoff": 10},
            "expendable-pods-priority-cutoff is 10, so no node starts for pods of priority 0, which is the default",
        ),
    ],
)
def test_flags_that_let_no_node_come(flags, said):
    subject, message = failure(START, autoscaler=flagged(**flags))
    assert (subject, message.rpartition(": ")[0]) == (CA, said)


def test_more_than_what_stands_is_room():
    assert holds(START, autoscaler=flagged(max_nodes_total=3, cores_total="0:5", memory_total="0:100"))


def test_flags_that_let_pods_wait():
    for flags in ({"new_pod_scale_up_delay": "1h"}, {"scan_interval": "10m"}, {"max_node_provision_time": "1m"}):
        assert failure(DELAY, autoscaler=flagged(**flags))[0] == CA
    assert holds(DELAY, autoscaler=flagged(scan_interval="10s", max_node_provision_time="15m"))


def test_priorities_that_leave_a_group_out():
    assert failure(PRIORITIES, autoscaler=released(expanderPriorities={"10": ["^fast"], "20": ["-spot-"]})) == (
        CA,
        "no pattern of expanderPriorities fits gpu",
    )
    assert holds(PRIORITIES, autoscaler=released(expanderPriorities={"10": ["^gpu$", "fast"]}))
    assert failure(PRIORITIES, autoscaler=released(expanderPriorities=None))[0] == CA


def test_the_name_of_a_managed_group_s_own_group_begins_with_eks():
    more = managed_group(
        "more", ("scalingConfig.desiredSize",), scalingConfig={"minSize": 1, "desiredSize": 1, "maxSize": 3}
    )
    named = released(expanderPriorities={"1": ["^gpu", "^fast", "^eks-more"]})
    assert holds(PRIORITIES, extra=more, autoscaler=named)


def test_groups_lack_a_tag_that_the_autoscaler_looks_for():
    wants = released(autoDiscovery={"clusterName": "shop", "tags": ["k8s.io/cluster-autoscaler/enabled", "team/ml"]})
    stack = node_graphs.healthy(autoscaler=wants, fast=None, fast_template=None)
    assert findings("groups-are-discovered-by-this-cluster", *stack) == {
        "gpu": (False, "cluster-autoscaler looks for groups tagged team/ml: tag it so")
    }
    yes = released(autoDiscovery={"clusterName": "shop", "tags": ["k8s.io/cluster-autoscaler/enabled=yes"]})
    stack = node_graphs.healthy(autoscaler=yes, gpu=gpu_group(mixedInstancesPolicy=overrides("g5.xlarge")))
    assert not findings("groups-are-discovered-by-this-cluster", *stack)["gpu"][0]
