"""Why a node stays, from plain objects: one true cause, and what keeps it beside that."""

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from eks_gpu.karpenter.budgets import allowed, opens_at
from eks_gpu.live.kinds import DISRUPTION_BUDGET, POD
from eks_gpu.live.nodes.causes import CAUSES, FINE
from eks_gpu.live.nodes.evictions import matches
from eks_gpu.live.nodes.machines import Instance, Machines
from eks_gpu.live.nodes.render import render
from eks_gpu.live.nodes.running_autoscaler import RunningAutoscaler
from eks_gpu.live.nodes.seen_nodes import SeenNode
from eks_gpu.live.nodes.why_node import WhyNodes, answers_of
from tests.console import DOCS, console_blocks, printed, shown
from tests.running_nodes import (
    GROUP,
    NOW,
    OF_KARPENTER,
    RUNS,
    TAGS,
    TOLERATES,
    ago,
    answer,
    budget,
    claim,
    claim_of,
    facts,
    node,
    node_pool,
    of_a_group,
    of_karpenter,
    pod,
    told,
)

MARKED = {"key": "DeletionCandidateOfClusterAutoscaler", "value": str(int(NOW.timestamp()) - 240), "effect": "x"}
UNTIL_LATER = {"karpenter.sh/nodeclaim-termination-timestamp": (NOW + timedelta(hours=2)).isoformat()}
HELD = {"karpenter.sh/do-not-disrupt": "true"}
KEPT_FOR = {"karpenter.sh/do-not-disrupt": "1h"}
STARTED: dict[str, Any] = {"status": {"startTime": ago(minutes=20)}}
LOCAL: dict[str, Any] = {"spec": {"volumes": [{"name": "scratch", "emptyDir": {}}]}}
MEMORY: dict[str, Any] = {"spec": {"volumes": [{"name": "shm", "emptyDir": {"medium": "Memory"}}]}}
NO_EVICTION: dict[str, Any] = {"annotations": {"cluster-autoscaler.kubernetes.io/safe-to-evict": "false"}}
MAY_GO: dict[str, Any] = {"annotations": {"cluster-autoscaler.kubernetes.io/safe-to-evict": "true"}}
DAEMON = pod("plugin", owner="DaemonSet")
MIRROR = pod("proxy", owner="Node")
DONE = pod("job", gpus=1, owner="Job", status={"phase": "Succeeded"})

CASES = {
    "a GPU pod": (lambda: of_karpenter([pod(gpus=1)]), "in-use", False),
    "nothing but pods that do not count": (lambda: of_karpenter([DAEMON, MIRROR, DONE]), "going", False),
    "a CPU pod, WhenEmpty": (lambda: of_karpenter([pod(spec=TOLERATES)]), "cpu-pod", True),
    "a CPU pod that came just now": (lambda: of_karpenter([pod()], claim(ago(minutes=1))), "cpu-pod", True),
    "a CPU pod, underutilized, timer": (
        lambda: of_karpenter([pod()], claim(ago(minutes=1)), pool=node_pool("WhenEmptyOrUnderutilized")),
        "idle-timer",
        False,
    ),
    "a CPU pod, underutilized": (
        lambda: of_karpenter([pod()], pool=node_pool("WhenEmptyOrUnderutilized")),
        "cpu-pod",
        True,
    ),
    "a budget on a CPU pod": (lambda: of_karpenter([pod()], budgets=[budget()]), "pdb", True),
    "a budget that allows one": (lambda: of_karpenter([pod()], budgets=[budget(allows=1)]), "cpu-pod", True),
    "a budget of other pods": (
        lambda: of_karpenter([pod("db")], budgets=[budget()]),
        "cpu-pod",
        True,
    ),
    "two budgets": (lambda: of_karpenter([pod()], budgets=[budget(allows=1), budget("b", 1)]), "pdb", True),
    "a budget that lets sick pods go": (
        lambda: of_karpenter(
            [pod(status={"conditions": []})], budgets=[budget(unhealthyPodEvictionPolicy="AlwaysAllow")]
        ),
        "cpu-pod",
        True,
    ),
    "a budget on a DaemonSet": (
        lambda: of_karpenter([pod("web", owner="DaemonSet")], budgets=[budget()]),
        "pdb",
        True,
    ),
    "an annotated pod": (lambda: of_karpenter([pod(annotations=HELD)]), "do-not-disrupt", True),
    "an annotated DaemonSet": (
        lambda: of_karpenter([pod(owner="DaemonSet", annotations=HELD)]),
        "do-not-disrupt",
        True,
    ),
    "a pod protected for an hour": (
        lambda: of_karpenter([pod(annotations=KEPT_FOR, **STARTED)]),
        "do-not-disrupt",
        True,
    ),
    "a pod whose protection is over": (
        lambda: of_karpenter([pod(annotations={"karpenter.sh/do-not-disrupt": "10m"}, **STARTED)]),
        "cpu-pod",
        True,
    ),
    "an annotated pod that has ended": (
        lambda: of_karpenter([pod(annotations=HELD, status={"phase": "Failed"})]),
        "going",
        False,
    ),
    "an annotated node": (
        lambda: of_karpenter(the_node=node(labels=OF_KARPENTER, annotations=HELD)),
        "node-do-not-disrupt",
        True,
    ),
    "the timer": (lambda: of_karpenter(made=claim(ago(minutes=1))), "idle-timer", False),
    "Never": (lambda: of_karpenter(pool=node_pool(after="Never")), "never-consolidated", True),
    "fixed replicas": (lambda: of_karpenter(pool=node_pool(replicas=2)), "static-capacity", True),
    "a budget of 0": (lambda: of_karpenter(pool=node_pool(budgets=[{"nodes": "0"}])), "budget", True),
    "a budget of 0 while the timer runs": (
        lambda: of_karpenter(made=claim(ago(minutes=1)), pool=node_pool(budgets=[{"nodes": "0%"}])),
        "budget",
        True,
    ),
    "a budget of 0 for drift alone": (
        lambda: of_karpenter(pool=node_pool(budgets=[{"nodes": "0", "reasons": ["Drifted"]}])),
        "going",
        False,
    ),
    "a budget of 0 until tonight": (
        lambda: of_karpenter(pool=node_pool(budgets=[{"nodes": "0", "schedule": "0 9 * * *", "duration": "8h"}])),
        "budget",
        False,
    ),
    "a budget whose window is over": (
        lambda: of_karpenter(pool=node_pool(budgets=[{"nodes": "0", "schedule": "0 9 * * *", "duration": "2h"}])),
        "going",
        False,
    ),
    "marked long ago": (
        lambda: of_karpenter(made=claim(conditions={"Consolidatable": "True"}) | {}),
        "going",
        False,
    ),
    "not whole after hours": (
        lambda: of_karpenter(made=claim(conditions={"Initialized": "Unknown"})),
        "not-initialized",
        True,
    ),
    "drained under a budget": (
        lambda: of_karpenter([pod()], claim(deletionTimestamp=ago(minutes=9)), budgets=[budget()]),
        "drain-held",
        True,
    ),
    "drained under a budget, with an end": (
        lambda: of_karpenter(
            [pod()], claim(deletionTimestamp=ago(minutes=9), annotations=UNTIL_LATER), budgets=[budget()]
        ),
        "draining",
        False,
    ),
    "drained while a pod ends": (
        lambda: of_karpenter(
            [pod(deletionTimestamp=(NOW + timedelta(seconds=30)).isoformat())],
            claim(deletionTimestamp=ago(minutes=9)),
        ),
        "draining",
        False,
    ),
    "drained, a pod with a finalizer": (
        lambda: of_karpenter(
            [pod(deletionTimestamp=ago(minutes=5), finalizers=["example.com/x"])],
            claim(deletionTimestamp=ago(minutes=9)),
        ),
        "drain-held",
        True,
    ),
    "deleted with a finalizer that stays": (
        lambda: of_karpenter(made=claim(deletionTimestamp=ago(minutes=40), finalizers=["karpenter.sh/termination"])),
        "finalizer",
        True,
    ),
    "no NodeClaim": (
        lambda: answer(facts(nodes=[node(labels=OF_KARPENTER)], pools=[node_pool()])),
        "no-owner",
        True,
    ),
    "no NodePool": (lambda: answer(facts(nodes=[node(labels=OF_KARPENTER)], claims=[claim()])), "no-owner", True),
    "launching": (
        lambda: answer(
            facts(claims=[claim() | {"metadata": {**claim()["metadata"], "creationTimestamp": ago(minutes=2)}}])
        ),
        "launching",
        False,
    ),
    "never registered": (lambda: answer(facts(claims=[claim()])), "never-registered", True),
    "an instance without a node": (
        lambda: answer(
            facts(
                machines=Machines(
                    (GROUP,), {"i-1": Instance("i-1", "g5.xlarge", "spot", "a", NOW - timedelta(hours=1))}
                )
            )
        ),
        "never-registered",
        True,
    ),
    "pods may not be read": (
        lambda: answer(facts(nodes=[node(labels=OF_KARPENTER)], claims=[claim()], pools=[node_pool()], unread=[POD])),
        "unknown",
        True,
    ),
    "budgets may not be read": (
        lambda: answer(
            facts(
                nodes=[node(labels=OF_KARPENTER)],
                claims=[claim(ago(minutes=1))],
                pools=[node_pool()],
                pods=[DAEMON],
                unread=[DISRUPTION_BUDGET],
            )
        ),
        "unknown",
        True,
    ),
    "a group's GPU pod": (lambda: of_a_group([pod(gpus=1)]), "in-use", False),
    "a group at its minimum": (lambda: of_a_group(group=replace(GROUP, min_size=1)), "minimum-size", True),
    "no autoscaler": (lambda: of_a_group(runs=None), "nothing-scales", True),
    "no discovery tags": (lambda: of_a_group(group=replace(GROUP, tags={})), "nothing-scales", True),
    "a group that the autoscaler has not found": (
        lambda: of_a_group(runs=RunningAutoscaler({}, frozenset({"other"}), NOW)),
        "nothing-scales",
        True,
    ),
    "an autoscaler that is silent": (
        lambda: of_a_group(runs=RunningAutoscaler({}, None, NOW - timedelta(hours=1))),
        "nothing-scales",
        True,
    ),
    "scale-down is off": (
        lambda: of_a_group(runs=RunningAutoscaler({"scale-down-enabled": "false"})),
        "scale-down-off",
        True,
    ),
    "scale-down is off for the node": (
        lambda: of_a_group(the_node=node(annotations={"cluster-autoscaler.kubernetes.io/scale-down-disabled": "true"})),
        "scale-down-disabled",
        True,
    ),
    "a pod alone": (lambda: of_a_group([pod(owner="")]), "no-controller", True),
    "a pod alone that may go": (lambda: of_a_group([pod(owner="", **MAY_GO)]), "cpu-pod", True),
    "a pod of a controller of one's own": (lambda: of_a_group([pod(owner="RayCluster")]), "no-controller", True),
    "the same, with the flag": (
        lambda: of_a_group(
            [pod(owner="RayCluster")], runs=RunningAutoscaler({"skip-nodes-with-custom-controller-pods": "false"})
        ),
        "cpu-pod",
        True,
    ),
    "a pod that is not safe to evict": (lambda: of_a_group([pod(**NO_EVICTION)]), "not-safe-to-evict", True),
    "local storage": (lambda: of_a_group([pod(**LOCAL)]), "local-storage", True),
    "local storage in memory": (lambda: of_a_group([pod(**MEMORY)]), "cpu-pod", True),
    "local storage, with the flag": (
        lambda: of_a_group([pod(**LOCAL)], runs=RunningAutoscaler({"skip-nodes-with-local-storage": "false"})),
        "cpu-pod",
        True,
    ),
    "a young pod of kube-system": (lambda: of_a_group([pod(namespace="kube-system")]), "system-pod", True),
    "an old pod of kube-system": (
        lambda: of_a_group([pod(namespace="kube-system", creationTimestamp=ago(hours=2))]),
        "cpu-pod",
        True,
    ),
    "a group's pod with a budget": (lambda: of_a_group([pod()], budgets=[budget()]), "pdb", True),
    "marked four minutes ago": (lambda: of_a_group(the_node=node(taints=[MARKED])), "idle-timer", False),
    "marked, and the group's time is short": (
        lambda: of_a_group(
            the_node=node(taints=[MARKED]),
            group=replace(
                GROUP,
                tags={
                    **TAGS,
                    "k8s.io/cluster-autoscaler/node-template/autoscaling-options/scaledownunneededtime": "3m",
                },
            ),
        ),
        "going",
        False,
    ),
    "of a group with candidates": (
        lambda: of_a_group(runs=RunningAutoscaler({}, None, NOW, {"spot-a": NOW - timedelta(minutes=4)})),
        "idle-timer",
        False,
    ),
    "not marked": (lambda: of_a_group(), "unknown", True),
    "being ended": (
        lambda: of_a_group(the_node=node(taints=[{"key": "ToBeDeletedByClusterAutoscaler", "value": "1"}])),
        "draining",
        False,
    ),
    "groups may not be read": (
        lambda: answer(facts(nodes=[node()], machines=Machines(None, None), autoscaler=RUNS)),
        "unknown",
        True,
    ),
    "no pool at all": (lambda: answer(facts(nodes=[node()])), "nothing-scales", True),
    "its instance is gone": (
        lambda: answer(facts(nodes=[node(status={"conditions": []})], machines=Machines((GROUP,), {}))),
        "no-owner",
        True,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_true_cause(case):
    found, cause, fails = CASES[case]

    assert told(found()) == (cause, fails)
    assert cause in CAUSES


def test_a_budget_that_another_node_uses_up_keeps_a_node_for_a_while():
    other = claim_of("m", "gpu-2", ago(hours=1))
    going = node("m", labels=OF_KARPENTER, taints=[{"key": "karpenter.sh/disrupted", "effect": "NoSchedule"}])
    pools = [node_pool(budgets=[{"nodes": "1"}])]
    read = facts(nodes=[node(labels=OF_KARPENTER), going], claims=[claim(), other], pools=pools)

    found = {each.node.name: each for each in answers_of(read, read.nodes, read.nodes)}

    assert told(found["m"]) == ("draining", False)
    assert told(found["n"]) == ("budget", False)
    assert found["n"].cause.message == "NodePool gpu lets 1 go at once, and 1 of its nodes are going or not ready"


def test_every_cause_that_fails_has_a_fix():
    without = [case for case, (found, _, fails) in CASES.items() if fails and not found().cause.fix]

    assert without == []


def test_every_cause_but_two_is_in_a_case():
    assert set(CAUSES) - {cause for _, cause, _ in CASES.values()} == {"starting", "buffer"}
    assert set(CAUSES) > FINE


def test_a_row_says_what_the_node_costs_and_what_keeps_it():
    found = of_karpenter([pod(), DAEMON], claim(ago(minutes=1)), budgets=[budget()])

    assert found.as_json(NOW) == {
        "name": "n",
        "pool": "gpu",
        "backend": "karpenter",
        "instance_type": "g5.xlarge",
        "capacity_type": "on-demand",
        "zone": "us-west-2a",
        "age_s": 18000,
        "gpus": 1,
        "gpus_used": 0,
        "hourly": 1.006,
        "monthly": 734.38,
        "estimate": False,
        "idle": True,
        "idle_since": "2026-11-30T11:59:00+00:00",
        "cause": {
            "id": "pdb",
            "message": "PodDisruptionBudget default/web allows no disruption of pod default/web: minAvailable is 1, "
            "1 of 1 pods are healthy",
            "fix": "let the budget allow one disruption: maxUnavailable 1, or one replica more than minAvailable; then "
            "move pod default/web: it came before the node had its taints nvidia.com/gpu",
        },
        "kept_by": [
            {
                "kind": "PodDisruptionBudget",
                "object": "default/web",
                "rule": "allows no disruption of pod default/web: minAvailable is 1, 1 of 1 pods are healthy",
            },
            {
                "kind": "Pod",
                "object": "default/web",
                "rule": "asks for no accelerator, and WhenEmpty of NodePool gpu removes empty nodes alone",
            },
            {
                "kind": "NodePool",
                "object": "gpu",
                "rule": "keeps an idle node for 5m, consolidateAfter: 4m left",
            },
            {"kind": "NodeClaim", "object": "gpu-1", "rule": "ends it by age in 29d: expireAfter 720h"},
        ],
        "not_counted": [{"kind": "Pod", "object": "default/plugin", "rule": "does not count: of a DaemonSet"}],
        "goes_in_s": None,
    }


def seen(**status: Any) -> SeenNode:
    pods = status.pop("pods", [])
    (found,) = facts(nodes=[node(status=status)], pods=pods, resource_claims=status.pop("claims", [])).nodes
    return found


def test_devices_are_counted_whole():
    halves = [pod(str(number)) for number in range(3)]
    for each in halves:
        each["spec"]["containers"][0]["resources"] = {"limits": {"aws.amazon.com/neuroncore": "1"}}
    neuron = seen(allocatable={"aws.amazon.com/neuron": "2", "aws.amazon.com/neuroncore": "4"}, pods=halves)

    assert (neuron.gpus, neuron.gpus_used) == (2, 2)
    assert (seen(allocatable={}).gpus, seen(allocatable={}).gpus_used) == (1, 0)  # no plugin: those of the type


def test_devices_that_claims_hold_are_in_use():
    held = {
        "metadata": {"name": "c", "namespace": "default"},
        "status": {
            "reservedFor": [{"name": "web"}],
            "allocation": {"devices": {"results": [{"driver": "gpu.nvidia.com", "pool": "n", "device": "gpu-0"}]}},
        },
    }
    by_claim = pod(spec={"resourceClaims": [{"name": "gpu", "resourceClaimName": "c"}]})

    found = answer(
        facts(
            nodes=[node(labels=OF_KARPENTER)],
            claims=[claim()],
            pools=[node_pool()],
            pods=[by_claim],
            resource_claims=[held],
        )
    )

    assert found.cause.message == "in use by 1 pod with 1 of 1 GPUs"


def test_a_selector_takes_what_the_api_server_says():
    labels = {"app": "web", "tier": "front"}

    assert matches({}, labels)
    assert not matches(None, labels)
    assert matches({"matchExpressions": [{"key": "tier", "operator": "In", "values": ["front"]}]}, labels)
    assert not matches({"matchLabels": {"app": "web", "x": "y"}}, labels)


@pytest.mark.parametrize(
    "budgets, number, opens",
    [
        ([{"nodes": "10%"}], 1, NOW),
        ([{"nodes": "50%"}, {"nodes": "3"}], 3, NOW),
        ([{"nodes": "0"}], 0, None),
        ([{"nodes": "0", "schedule": "0 9 * * mon-fri", "duration": "8h"}], 0, NOW.replace(hour=17)),
        ([{"nodes": "0", "schedule": "@daily", "duration": "24h"}], 0, None),
        ([{"nodes": "0", "schedule": "0 18 * * *", "duration": "1h"}, {"nodes": "2"}], 2, NOW),
        ([{"nodes": "0", "schedule": "no cron", "duration": "1h"}], 0, None),
    ],
)
def test_budgets_as_karpenter_counts_them(budgets, number, opens):
    assert allowed(budgets, "Empty", 10, NOW) == number
    assert opens_at(budgets, "Empty", NOW) == opens


def test_the_page_shows_what_the_command_prints():
    notebook = pod("notebook", spec={**TOLERATES, "nodeName": "ip-10-0-3-17"})
    train = pod("train", gpus=1, owner="Job", spec={"nodeName": "ip-10-0-5-80"})
    read = facts(
        nodes=[node(name, labels=OF_KARPENTER) for name in ("ip-10-0-3-17", "ip-10-0-5-80", "ip-10-0-9-4")],
        claims=[
            claim_of("ip-10-0-3-17", "gpu-x7k2p", ago(hours=3, minutes=20)),
            claim_of("ip-10-0-5-80", "gpu-9fjq2", ago(minutes=50)),
            claim_of("ip-10-0-9-4", "gpu-m4zt8", ago(minutes=2)),
        ],
        pools=[node_pool()],
        pods=[notebook, train],
    )
    found = WhyNodes("north", NOW, tuple(answers_of(read, read.nodes, read.nodes)))

    assert console_blocks("gpu-node-does-not-go") == [("eks-gpu why node", printed(shown(render(found))))]


def test_the_page_has_every_cause_with_what_it_means():
    page = (DOCS / "gpu-node-does-not-go.md").read_text(encoding="utf-8")

    assert re.findall(r"^\| `([a-z][a-z-]+)` \| (.+) \|$", page, re.MULTILINE) == [*CAUSES.items()]
    assert {*list(CAUSES)[:6]} == FINE
