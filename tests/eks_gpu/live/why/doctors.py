"""Clusters of plain objects, judged as a running one is, and asked why their pods wait."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from eks_gpu.foreign.judged import judge
from eks_gpu.foreign.stack import Foreign
from eks_gpu.graph.graph import Graph, Resource
from eks_gpu.live.cluster import Kind, Manifest
from eks_gpu.live.kinds import READ
from eks_gpu.live.observed import Observed
from eks_gpu.live.resources import object_resources
from eks_gpu.live.why.account_says import GroupSays
from eks_gpu.live.why.autoscaler_status import AutoscalerStatus
from eks_gpu.live.why.diagnosis import Diagnosis, diagnose
from eks_gpu.live.why.doctor import Doctor
from eks_gpu.live.why.gangs import Gangs
from eks_gpu.live.why.pool_states import PoolStates
from eks_gpu.live.why.said import Said, events
from eks_gpu.live.why.volumes import Volumes
from eks_gpu.live.why.waiting_pods import waiting_pods

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
TYPE, ZONE = "node.kubernetes.io/instance-type", "topology.kubernetes.io/zone"


def ago(seconds: float) -> str:
    """As Kubernetes writes a time."""
    return (NOW - timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


def meta(name: str, namespace: str = "", seconds: float = 600, **more: Any) -> dict[str, Any]:
    where = {"namespace": namespace} if namespace else {}
    return {"name": name, **where, "uid": f"uid-of-{name}", "creationTimestamp": ago(seconds), **more}


def pod(name: str = "web", *, seconds: float = 600, spec: Any = None, status: Any = None, **metadata: Any) -> Manifest:
    """One GPU, and tolerant."""
    container = {"name": "server", "image": "x:1", "resources": {"limits": {"nvidia.com/gpu": "1"}}}
    base = {"containers": [container], "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": meta(name, "shop", seconds, **metadata),
        "spec": {**base, **(spec or {})},
        "status": {"phase": "Pending", **(status or {})},
    }


def node_pool(name: str = "gpu", types: Iterable[str] = ("g5.xlarge",), ready: str = "True", **status: Any) -> Manifest:
    return {
        "apiVersion": "karpenter.sh/v1",
        "kind": "NodePool",
        "metadata": meta(name),
        "spec": {
            "limits": {"nvidia.com/gpu": "4"},
            "template": {
                "metadata": {"labels": {}},
                "spec": {
                    "nodeClassRef": {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": "gpu"},
                    "requirements": [
                        {"key": TYPE, "operator": "In", "values": list(types)},
                        {"key": ZONE, "operator": "In", "values": ["us-west-2a"]},
                        {"key": "karpenter.sh/capacity-type", "operator": "In", "values": ["on-demand"]},
                    ],
                    "taints": [{"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"}],
                },
            },
        },
        "status": {"conditions": [{"type": "Ready", "status": ready}], **status},
    }


def node_class() -> Manifest:
    spec = {
        "amiSelectorTerms": [{"alias": "al2023@latest"}],
        "role": "node",
        "subnetSelectorTerms": [{"tags": {"a": "b"}}],
        "securityGroupSelectorTerms": [{"tags": {"a": "b"}}],
    }
    return {"apiVersion": "karpenter.k8s.aws/v1", "kind": "EC2NodeClass", "metadata": meta("gpu"), "spec": spec}


def claim(name: str = "gpu-abcde", seconds: float = 60, **conditions: tuple[str, float, str]) -> Manifest:
    """Conditions: status, how long ago, reason."""
    rows = [
        {"type": type_, "status": status, "lastTransitionTime": ago(since), "reason": reason, "message": ""}
        for type_, (status, since, reason) in conditions.items()
    ]
    labels = {"karpenter.sh/nodepool": "gpu", TYPE: "g5.xlarge"}
    status = {"conditions": rows, "nodeName": "machine"}
    head = {"apiVersion": "karpenter.sh/v1", "kind": "NodeClaim"}
    return {**head, "metadata": meta(name, seconds=seconds, labels=labels), "spec": {}, "status": status}


def node(name: str = "machine", seconds: float = 900, **allocatable: str) -> Manifest:
    labels = {"karpenter.sh/nodepool": "gpu", TYPE: "g5.xlarge"}
    status = {"conditions": [{"type": "Ready", "status": "True"}], "allocatable": allocatable}
    head = {"apiVersion": "v1", "kind": "Node", "metadata": meta(name, seconds=seconds, labels=labels)}
    return {**head, "spec": {"providerID": "aws:///us-west-2a/i-1"}, "status": status}


def word(reason: str, message: str, by: str = "karpenter", of: str = "Pod shop/web", seconds: float = 30) -> Said:
    return Said(by, of, reason, message, NOW - timedelta(seconds=seconds))


def diagnosed(
    *objects: Manifest,
    said: Iterable[Said] = (),
    groups: Mapping[str, GroupSays] | None = None,
    status: AutoscalerStatus | None = None,
    pod_groups: Iterable[Manifest] = (),
    resources: Iterable[Resource] = (),
    unread: Iterable[str] = (),
    hidden_pools: Iterable[str] = (),
) -> list[Diagnosis]:
    """Every pod of the cluster that waits."""
    by_kind: dict[Kind, list[Manifest]] = {kind: [] for kind in READ}
    for each in objects:
        by_kind[Kind(each["apiVersion"].rpartition("/")[0], each["kind"])].append(each)
    observed = Observed(NOW, "https://server", by_kind)
    graph = Graph([*resources, *object_resources(observed)], options_known=False)
    told = Foreign("cluster", "running", "us-west-2", graph, [], {}, {})
    analysis = judge(told, date(2026, 11, 30)).analysis
    heard = events(said)
    doctor = Doctor(
        analysis.graph,
        analysis.rooms,
        PoolStates(observed, heard, groups or {}, status or AutoscalerStatus()),
        Volumes(observed, heard),
        Gangs(observed, list(pod_groups)),
        analysis.software,
        tuple(unread),
        tuple(hidden_pools),
    )
    return [diagnose(doctor, each) for each in waiting_pods(observed, heard)]


def cause(*objects: Manifest, **more: Any) -> tuple[str, str, str]:
    """Id, message and fix of the one pod that waits."""
    (found,) = diagnosed(*objects, **more)
    return found.cause.id.value, found.cause.message, found.cause.fix
