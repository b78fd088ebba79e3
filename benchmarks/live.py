"""`python -m benchmarks.live`: `eks-gpu check --cluster` on 1,000 nodes and 10,000 pods, against 100 and 1,000.

They are objects in a lab of its own whose controllers have ended, so that nothing changes them. Exit code 1 when its
time on a CPU does not grow as they do, or its memory is over the limit; the seconds are printed.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eks_gpu.lab import control_plane, processes
from eks_gpu.lab.cluster_api import ClusterApi
from eks_gpu.lab.state import Lab

PODS_A_NODE = 10
PODS_A_DEPLOYMENT = 50
SIZES = (100, 1000)
LINEAR = 0.6
"""Most CPU of the larger cluster by ten times that of the smaller: far below 1, for the command's start is in both."""
MOST_MB = 500
WRITERS = 8
CONTROLLERS = ("kube-scheduler", "kube-controller-manager", "kwok", "nodes")
COMMAND = [str(Path(sys.executable).parent / "eks-gpu"), "check", "--cluster", "--no-account", "--region", "us-west-2"]


@dataclass(frozen=True)
class Taken:
    """By one run of the command."""

    seconds: float
    cpu_seconds: float
    megabytes: float


def node(number: int) -> dict[str, Any]:
    """As Karpenter makes one."""
    labels = {
        "karpenter.sh/nodepool": "gpu",
        "karpenter.sh/capacity-type": "spot",
        "node.kubernetes.io/instance-type": "g5.xlarge",
        "topology.kubernetes.io/zone": f"us-west-2{'abc'[number % 3]}",
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/os": "linux",
        "nvidia.com/gpu.present": "true",
    }
    taint = {"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"}
    provider = f"aws:///us-west-2a/i-{number:017x}"
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": f"node-{number}", "labels": labels},
        "spec": {"providerID": provider, "taints": [taint]},
    }


def template(app: str) -> dict[str, Any]:
    """A pod as large as they are in life: variables, probes, volumes."""
    probe = {"httpGet": {"path": "/ready", "port": 8080}, "periodSeconds": 10, "failureThreshold": 6}
    resources = {"requests": {"cpu": "250m", "memory": "512Mi"}, "limits": {"memory": "512Mi"}}
    container = {
        "name": "server",
        "image": f"registry.example.com/{app}:1.4.2",
        "env": [{"name": f"SETTING_{number}", "value": f"value-{number}-of-{app}"} for number in range(25)],
        "ports": [{"containerPort": 8080, "name": "http"}],
        "readinessProbe": probe,
        "livenessProbe": probe,
        "resources": resources,
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        "volumeMounts": [{"name": "cache", "mountPath": "/cache"}],
    }
    sidecar = {**container, "name": "sidecar", "image": "registry.example.com/mesh:2.0.1", "ports": []}
    toleration = {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
    spec = {
        "containers": [container, sidecar],
        "tolerations": [toleration],
        "volumes": [{"name": "cache", "emptyDir": {}}],
    }
    return {"metadata": {"labels": {"app": app}}, "spec": spec}


def owned(kind: str, owner: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"apiVersion": "apps/v1", "kind": kind, "name": owner["name"], "uid": owner["uid"], "controller": True}]


def grow(api: ClusterApi, first: int, last: int) -> None:
    """Nodes of these numbers, and the pods on them with their Deployments and ReplicaSets."""
    with ThreadPoolExecutor(WRITERS) as threads:
        list(threads.map(lambda number: api.create("/api/v1/nodes", node(number)), range(first, last)))
        deployments = range(first * PODS_A_NODE // PODS_A_DEPLOYMENT, last * PODS_A_NODE // PODS_A_DEPLOYMENT)
        list(threads.map(lambda number: deploy(api, number), deployments))


def deploy(api: ClusterApi, number: int) -> None:
    """One Deployment, its ReplicaSet, and its pods, as their controllers would have made them."""
    app, apps, pods = f"app-{number}", "/apis/apps/v1/namespaces/default", "/api/v1/namespaces/default/pods"
    made = template(app)
    spec = {"replicas": PODS_A_DEPLOYMENT, "selector": {"matchLabels": {"app": app}}, "template": made}
    api.create(f"{apps}/deployments", {"kind": "Deployment", "metadata": {"name": app}, "spec": spec})
    above = owned("Deployment", api.get(f"{apps}/deployments/{app}")["metadata"])
    metadata = {"name": app, "ownerReferences": above}
    api.create(f"{apps}/replicasets", {"kind": "ReplicaSet", "metadata": metadata, "spec": spec})
    above = owned("ReplicaSet", api.get(f"{apps}/replicasets/{app}")["metadata"])
    for index in range(PODS_A_DEPLOYMENT):
        on = (number * PODS_A_DEPLOYMENT + index) // PODS_A_NODE
        metadata = {"name": f"{app}-{index}", "labels": {"app": app}, "ownerReferences": above}
        api.create(pods, {"kind": "Pod", "metadata": metadata, "spec": {**made["spec"], "nodeName": f"node-{on}"}})


def taken(lab: Lab) -> Taken:
    """By the command as a whole process."""
    environment = {**os.environ, "KUBECONFIG": str(lab.kubeconfig)}
    started = os.times().elapsed
    process = subprocess.Popen(COMMAND, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1):
        raise SystemExit(f"eks-gpu check ended with {process.returncode}")
    return Taken(os.times().elapsed - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def measured(lab: Lab) -> Iterator[Taken]:
    """At each of the sizes."""
    processes.end([each for each in lab.processes if each.name in CONTROLLERS])
    api, there = ClusterApi(lab), 0
    api.ensure("/api/v1/namespaces/default/serviceaccounts", {"metadata": {"name": "default"}})
    for size in SIZES:
        grow(api, there, size)
        there = size
        found = min((taken(lab) for _ in range(3)), key=lambda each: each.cpu_seconds)
        shown = f"{found.seconds:5.1f} s, {found.cpu_seconds:5.1f} s of CPU, {found.megabytes:4.0f} MB"
        print(f"{shown}  {size:,} nodes, {size * PODS_A_NODE:,} pods", flush=True)
        yield found


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_STATE_HOME"] = folder
        try:
            few, many = measured(control_plane.up())
        finally:
            control_plane.down()
    ratio = many.cpu_seconds / (SIZES[1] // SIZES[0] * few.cpu_seconds)
    print(f"{ratio:5.2f}  limit {LINEAR:.1f}  check of 1,000 nodes / ten times the CPU of 100")
    print(f"{many.megabytes:5.0f}  limit {MOST_MB}  MB of 1,000 nodes and 10,000 pods")
    return int(ratio > LINEAR or many.megabytes > MOST_MB)


if __name__ == "__main__":
    sys.exit(main())
