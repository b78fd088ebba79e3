"""Nodes of a running cluster, and what is told of them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from eks_gpu.graph.unread import Unread
from eks_gpu.live.kinds import DISRUPTION_BUDGET, NODE, NODE_CLAIM, NODE_POOL, POD, RESOURCE_CLAIM
from eks_gpu.live.nodes.machines import Group, Instance, Machines
from eks_gpu.live.nodes.running_autoscaler import RunningAutoscaler
from eks_gpu.live.nodes.why_node import Answer, Facts, answers_of
from eks_gpu.live.observed import Observed

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


def claim_of(the_node: str, name: str, last_event: str) -> dict[str, Any]:
    made = claim(last_event)
    made["metadata"] = {**made["metadata"], "name": name}
    made["status"]["nodeName"] = the_node
    return made
