"""Why a node stays, from plain objects: one true cause, and what keeps it beside that."""

import re
import sys
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from eks_gpu.commands.main import main
from eks_gpu.cost.money import Marks
from eks_gpu.graph.unread import Unread
from eks_gpu.karpenter.budgets import allowed, opens_at
from eks_gpu.live.kinds import DISRUPTION_BUDGET, NODE, NODE_CLAIM, NODE_POOL, POD, RESOURCE_CLAIM
from eks_gpu.live.nodes.causes import CAUSES, FINE
from eks_gpu.live.nodes.evictions import matches
from eks_gpu.live.nodes.machines import Group, Instance, Machines
from eks_gpu.live.nodes.render import render
from eks_gpu.live.nodes.running_autoscaler import RunningAutoscaler
from eks_gpu.live.nodes.seen_nodes import SeenNode
from eks_gpu.live.nodes.why_node import Answer, Facts, WhyNodes, answers_of
from eks_gpu.live.observed import Observed
from eks_gpu.live.render_spending import render as render_spending
from eks_gpu.live.spending import Level, Levels, PoolSpending, Spending, by_pool
from eks_gpu.live.watching import Picture, changes
from tests.console import DOCS, broken_words, console_blocks, printed, shown

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
KINDS = (NODE, POD, NODE_CLAIM, NODE_POOL, DISRUPTION_BUDGET, RESOURCE_CLAIM)
TAGS = {"k8s.io/cluster-autoscaler/enabled": "true", "k8s.io/cluster-autoscaler/north": "owned"}
GROUP = Group("spot-a", "", 0, 1, TAGS, ("i-1",))
NO_MACHINES = Machines()
RUNS = RunningAutoscaler({}, None, NOW)
TOLERATES: dict[str, Any] = {"tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}]}


def ago(**time: float) -> str:
    return (NOW - timedelta(**time)).isoformat()


def node(name: str = "n", **changed: Any) -> dict[str, Any]:
    labels = {"node.kubernetes.io/instance-type": "g5.xlarge", "topology.kubernetes.io/zone": "us-west-2a"}
    made = {
        "metadata": {"name": name, "uid": name, "creationTimestamp": ago(hours=5), "labels": labels, "annotations": {}},
        "spec": {"providerID": "aws:///us-west-2a/i-1", "taints": [{"key": "nvidia.com/gpu", "effect": "NoSchedule"}]},
        "status": {"allocatable": {"nvidia.com/gpu": "1"}, "conditions": [{"type": "Ready", "status": "True"}]},
    }
    made["metadata"]["annotations"] |= changed.pop("annotations", {})
    made["metadata"]["labels"] |= changed.pop("labels", {})
    made["spec"]["taints"] += changed.pop("taints", [])
    made["metadata"] |= changed.pop("metadata", {})
    made["status"] |= changed.pop("status", {})
    assert not changed
    return made


OF_KARPENTER = {"karpenter.sh/nodepool": "gpu", "karpenter.sh/capacity-type": "on-demand"}


def claim(last_event: str = ago(hours=1), conditions: dict[str, str] | None = None, **metadata: Any) -> dict[str, Any]:
    told = {"Launched": "True", "Registered": "True", "Initialized": "True", **(conditions or {})}
    rows = [{"type": key, "status": value, "lastTransitionTime": ago(minutes=1)} for key, value in told.items()]
    return {
        "metadata": {"name": "gpu-1", "creationTimestamp": ago(hours=5), "labels": OF_KARPENTER, **metadata},
        "spec": {"expireAfter": "720h", "nodeClassRef": {"group": "karpenter.k8s.aws"}},
        "status": {"nodeName": "n", "lastPodEventTime": last_event, "conditions": rows},
    }


def node_pool(policy: str = "WhenEmpty", after: str = "5m", **spec: Any) -> dict[str, Any]:
    budgets = spec.pop("budgets", [{"nodes": "10%"}])
    disruption = {"consolidationPolicy": policy, "consolidateAfter": after, "budgets": budgets}
    return {"metadata": {"name": "gpu"}, "spec": {"disruption": disruption, **spec}}


def pod(name: str = "web", gpus: int = 0, owner: str = "ReplicaSet", **changed: Any) -> dict[str, Any]:
    owners = [{"kind": owner, "name": "o", "uid": "o", "controller": True}] if owner else []
    metadata = {"name": name, "namespace": "default", "labels": {"app": name}, "ownerReferences": owners}
    resources = {"limits": {"nvidia.com/gpu": str(gpus)}} if gpus else {}
    spec = {"nodeName": "n", "containers": [{"name": "c", "resources": resources}], **changed.pop("spec", {})}
    status = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}], **changed.pop("status", {})}
    return {"metadata": {**metadata, "creationTimestamp": ago(minutes=20), **changed}, "spec": spec, "status": status}


def budget(name: str = "web", allows: int = 0, **spec: Any) -> dict[str, Any]:
    selector = {"matchLabels": {"app": "web"}}
    status = {"disruptionsAllowed": allows, "currentHealthy": 1, "expectedPods": 1}
    return {
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"minAvailable": 1, "selector": selector, **spec},
        "status": status,
    }


def facts(*, unread: Any = (), machines: Machines = NO_MACHINES, autoscaler: Any = None, **objects: Any) -> Facts:
    rows = {
        NODE: objects.get("nodes", []),
        POD: objects.get("pods", []),
        NODE_CLAIM: objects.get("claims", []),
        NODE_POOL: objects.get("pools", []),
        DISRUPTION_BUDGET: objects.get("budgets", []),
        RESOURCE_CLAIM: objects.get("resource_claims", []),
    }
    left = tuple(Unread(f"{kind} objects", "nodes", f"no {kind}", f"allow {kind}") for kind in unread)
    seen = Observed(NOW, "https://x", {kind: found for kind, found in rows.items() if kind not in unread}, left)
    return Facts("north", "us-west-2", seen, machines, autoscaler, left)


def answer(read: Facts) -> Answer:
    (found,) = answers_of(read, read.nodes, read.nodes)
    return found


def of_karpenter(pods: Any = (), made: Any = None, the_node: Any = None, pool: Any = None, **rest: Any) -> Answer:
    labelled = node(labels=OF_KARPENTER) if the_node is None else the_node
    pools = [node_pool() if pool is None else pool]
    return answer(facts(nodes=[labelled], claims=[made or claim()], pools=pools, pods=list(pods), **rest))


def of_a_group(pods: Any = (), group: Group = GROUP, runs: Any = RUNS, the_node: Any = None, **rest: Any) -> Answer:
    instance = Instance("i-1", "g5.xlarge", "spot", "us-west-2a", NOW - timedelta(hours=5))
    found = Machines((group,), {"i-1": instance})
    return answer(facts(nodes=[the_node or node()], pods=list(pods), machines=found, autoscaler=runs, **rest))


def told(found: Answer) -> tuple[str, bool]:
    return found.cause.id, found.fails


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


def test_idle_nodes_cost_since_they_are_idle():
    (pool,) = by_pool(facts(nodes=[node(labels=OF_KARPENTER)], claims=[claim()], pools=[node_pool()]).nodes)

    row = pool.as_json(NOW)

    assert (row["idle_nodes"], row["idle_hourly"], row["idle_since"], row["idle_cost"]) == (
        1,
        1.006,
        ago(hours=1),
        1.006,
    )


def test_a_price_is_unknown_before_anyone_says_what_is_bought():
    coming = claim()
    coming["metadata"] = {**coming["metadata"], "labels": {"karpenter.sh/nodepool": "gpu"}}
    (pool,) = by_pool(facts(claims=[coming]).nodes)

    assert (pool.as_json(NOW)["hourly"], pool.as_json(NOW)["unpriced_nodes"]) == (0, 1)


def picture(read: Facts, *pending: str) -> Picture:
    return Picture("north", NOW, tuple(answers_of(read, read.nodes, read.nodes)), pending)


def test_lines_tell_what_came_changed_and_went():
    young = claim() | {"metadata": {**claim()["metadata"], "creationTimestamp": ago(minutes=2)}}
    young["status"] = {key: value for key, value in young["status"].items() if key != "nodeName"}
    launching = picture(facts(claims=[young]), "default/train")
    there = picture(facts(nodes=[node(labels=OF_KARPENTER)], claims=[claim()], pools=[node_pool()], pods=[pod(gpus=1)]))
    empty = picture(facts())

    assert list(changes(None, empty)) == ["12:00:00 cluster north: 0 nodes, 0 pending pods, 0.000 USD an hour"]
    assert [line.partition(": ")[0] for line in changes(empty, launching)] == [
        "12:00:00 node gpu-1 came",
        "12:00:00 node gpu-1",
        "12:00:00 1 pending pod",
    ]
    assert list(changes(launching, there)) == [
        "12:00:00 node n: in-use: in use by 1 pod with 1 of 1 GPUs",
        "12:00:00 0 pending pods",
    ]
    assert list(changes(there, empty)) == [
        "12:00:00 node n went: pool gpu, g5.xlarge on-demand, 1.006 USD an hour; now 0 nodes, 0 pending pods, "
        "0.000 USD an hour"
    ]
    assert list(changes(there, deepcopy(there))) == []

    claim_alone = picture(facts(claims=[claim()], pools=[node_pool()]))  # its node is gone, and it goes too
    assert [line.partition(": ")[0] for line in changes(claim_alone, empty)] == ["12:00:00 node n went"]


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


def claim_of(the_node: str, name: str, last_event: str) -> dict[str, Any]:
    made = claim(last_event)
    made["metadata"] = {**made["metadata"], "name": name}
    made["status"]["nodeName"] = the_node
    return made


def test_the_page_has_every_cause_with_what_it_means():
    page = (DOCS / "gpu-node-does-not-go.md").read_text(encoding="utf-8")

    assert re.findall(r"^\| `([a-z][a-z-]+)` \| (.+) \|$", page, re.MULTILINE) == [*CAUSES.items()]
    assert {*list(CAUSES)[:6]} == FINE


OVER = Levels("its own pools", None, None, Level(1.0, 730.0, Marks()))


def spent(plan: Levels) -> Spending:
    nodes = facts(nodes=[node(labels=OF_KARPENTER)], claims=[claim()], pools=[node_pool()]).nodes
    return Spending("north", NOW, "us-west-2", (PoolSpending("gpu", "karpenter", tuple(nodes)),), (), plan)


@pytest.mark.parametrize("width", [60, 80, 100])
@pytest.mark.parametrize("name", ["research-and-development-of-language-models-gpu-us-west-2a", "gpu" * 21])
def test_no_name_is_broken_within_a_word(name, width):
    found = spent(OVER)
    named = replace(found, pools=tuple(replace(pool, name=name) for pool in found.pools))
    assert name in shown(render_spending(named), 200)
    assert broken_words(render_spending(named), width) == set()
    read = facts(
        nodes=[node(name, labels=OF_KARPENTER)], claims=[claim_of(name, name, ago(hours=3))], pools=[node_pool()]
    )
    why = WhyNodes(name, NOW, tuple(answers_of(read, read.nodes, read.nodes)))
    assert name in shown(render(why), 200)
    assert broken_words(render(why), width) == set()


@pytest.mark.parametrize(
    "plan, over",
    [
        (OVER, "over the maximum of its own pools"),
        (replace(OVER, max=Level(1.1, 803.0, Marks())), ""),
        (replace(OVER, max=Level(1.0, 730.0, Marks(at_least=True))), ""),
        (replace(OVER, max=Level(1.0, 730.0, Marks(missing=True))), ""),
        (replace(OVER, max=None), ""),
        (replace(OVER, max=None, budget=700.0), "over the budget of its own pools"),
        (replace(OVER, max=None, budget=800.0), ""),
    ],
)
def test_a_rate_over_what_is_certain_of_the_plan_fails(plan, over):
    assert spent(plan).over == over


def test_the_rate_is_shown_within_80_columns_beside_the_plan():
    lines = printed(shown(render_spending(spent(OVER))))

    assert max(map(len, lines)) <= 80
    assert "now: 1.006 USD an hour, 734 a month of 730" in lines
    assert "the plan of its own pools: idle unknown, steady unknown, maximum 1.00 USD an hour" in " ".join(lines)
    assert "1 of 1 nodes of gpu idle, the first for 1h at least: 1.006 USD since" in lines


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["cost"], "--cluster is required: `eks-gpu plan` has the cost of a program"),
        (["cost", "--cluster", "--plan", ".", "--plan-file", "p.json"], "--plan PROJECT and --plan-file FILE exclude"),
        (["cost", "--cluster", "--watch", "--json", "-"], "--json and --html are of one moment"),
        (["why", "node", "--watch", "--json", "-"], "--json is of one moment"),
        (["why", "node", "--kubeconfig", "nowhere"], "--kubeconfig: nowhere: there is no such file"),
    ],
)
def test_wrong_input_is_said_before_anything_is_asked(arguments, said, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["eks-gpu", *arguments])

    with pytest.raises(SystemExit) as ended:
        main()

    assert ended.value.code == 2
    assert said in capsys.readouterr().err
