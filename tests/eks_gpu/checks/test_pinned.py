"""Idle nodes of Karpenter go soon, and no annotation or budget pins them."""

from dataclasses import replace

import pytest

from eks_gpu.karpenter.budgets import keeps_empty_nodes
from tests.graphs import analysed
from tests.node_graphs import agent, disrupting_pool, failure, healthy, holds, karpenter, tainted_pool
from tests.whole_graphs import serving

SOON, PINNED, AT_ONCE = "node-pools-end-idle-nodes-soon", "nodes-are-not-pinned", "karpenter-acts-at-once"
DO_NOT, EVICT = "karpenter.sh/do-not-disrupt", "cluster-autoscaler.kubernetes.io/safe-to-evict"
ALL_DAY = {"nodes": "0", "schedule": "0 0 * * *", "duration": "24h"}


def window(schedule, duration, **more):
    return {"nodes": "0", "schedule": schedule, "duration": duration, **more}


@pytest.mark.parametrize(
    ("budgets", "kept"),
    [
        ([{"nodes": "10%"}], False),
        ([{"nodes": "0"}], True),
        ([{"nodes": "0%", "reasons": ["Empty", "Drifted"]}], True),
        ([{"nodes": "0", "reasons": ["Drifted"]}], False),
        ([ALL_DAY], True),
        ([{"nodes": "10%"}, ALL_DAY], True),
        ([window("0 0 * * *", "23h")], False),
        ([window("0 0 * * *", "23h59m")], False),
        ([window("@hourly", "1h")], True),
        ([window("*/30 * * * *", "20m")], False),
        ([window("*/20 * * * *", "20m")], True),
        ([window("0 0 * * *", "12h"), window("0 12 * * *", "12h")], True),
        ([window("0 9 * * mon-fri", "8h")], False),
        ([window("0 0 * * 0", "168h")], True),
        ([window("0 0 * * sun", "167h")], False),
        ([window("0 0 1 * *", "744h")], True),
        ([window("0 0 1,15 jan-jun *", "24h")], False),
        ([window("0 0 * *", "24h")], False),
        ([window("@daily", "24h", reasons=["Underutilized"])], False),
    ],
)
def test_budgets_of_0_at_all_times(budgets, kept):
    assert keeps_empty_nodes(budgets) is kept


def test_a_pool_whose_budgets_leave_no_minute():
    assert failure("gpu-pools-consolidate-when-empty", reserved=disrupting_pool(budgets=[ALL_DAY])) == (
        "reserved",
        "a budget of 0 keeps empty nodes at all times: give it a schedule, or other reasons",
    )


@pytest.mark.parametrize(
    ("pool", "said"),
    [
        (disrupting_pool(consolidateAfter="72h"), "an idle node stays for 72h: set consolidateAfter to 1h or less"),
        (tainted_pool(expireAfter="Never"), "a node ends by its age never: set expireAfter to 720h"),
        (tainted_pool(expireAfter="8760h"), "a node ends by its age after 8760h alone: set expireAfter to 720h"),
        (
            tainted_pool(terminationGracePeriod="168h"),
            "a node that has to go may stay for 168h: lower terminationGracePeriod",
        ),
    ],
)
def test_long_times_of_a_pool(pool, said):
    assert failure(SOON, reserved=pool) == ("reserved", said)


def test_an_hour_a_day_and_a_month_are_short():
    assert holds(SOON)
    assert holds(SOON, reserved=disrupting_pool(consolidateAfter="1h"))
    assert holds(SOON, reserved=tainted_pool(expireAfter="2160h", terminationGracePeriod="24h"))


@pytest.mark.parametrize("key", ["batchIdleDuration", "batchMaxDuration"])
def test_karpenter_collects_pods_for_hours(key):
    assert failure(AT_ONCE, karpenter=karpenter(**{key: "2h"})) == (
        "karpenter",
        f"settings.{key} is 2h: Karpenter collects pods for 2h before it starts a node",
    )
    assert holds(AT_ONCE, karpenter=karpenter(**{key: "10s"}))


def annotated(annotations):
    made = serving()
    spec = made.inputs["spec"]
    metadata = {**spec["template"]["metadata"], "annotations": annotations}
    return replace(
        made, inputs={**made.inputs, "spec": {**spec, "template": {**spec["template"], "metadata": metadata}}}
    )


@pytest.mark.parametrize(("key", "value"), [(DO_NOT, "true"), (EVICT, "false")])
def test_pods_that_pin_their_node(key, value):
    severities = {}
    for made in ({"serving": annotated({key: value})}, {"agent": agent(**{key: value})}):
        (found,) = [each for each in analysed(*healthy(**made)).findings if each.id == PINNED and each.failed]
        severities[found.subject] = found.severity
    assert severities == {"Deployment serving/api": "warning", "DaemonSet default/agent": "error"}


def test_a_pool_whose_nodes_are_annotated():
    made = tainted_pool()
    template = made.inputs["spec"]["template"]
    metadata = {**template.get("metadata", {}), "annotations": {DO_NOT: "true"}}
    spec = {**made.inputs["spec"], "template": {**template, "metadata": metadata}}
    assert failure(PINNED, reserved=replace(made, inputs={**made.inputs, "spec": spec})) == (
        "reserved",
        f"its nodes are annotated {DO_NOT}, so none is ever disrupted",
    )
    assert holds(PINNED)
