"""`python -m benchmarks`: ratios with their limits. Exit code 1 when one is over."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date
from functools import cache
from pathlib import Path
from statistics import median

from eks_gpu.graph.graph import Graph, Resource
from eks_gpu.plan.analysis import analyse
from tests.committed import committed

EKS_GPU = [str(Path(sys.executable).parent / "eks-gpu")]

# What no offline run can avoid: the SDKs, and the first touch of each resource class that the program uses.
IMPORTS = """
import pulumi, pulumi_aws as aws, pulumi_eks as eks, pulumi_kubernetes as k8s
aws.ec2.Vpc, aws.iam.Role, aws.eks.NodeGroup, aws.autoscaling.Group, aws.sqs.Queue, aws.cloudwatch.EventRule
aws.ssm.get_parameter_output, aws.kms.Key, eks.Cluster
k8s.helm.v3.Release, k8s.apps.v1.Deployment, k8s.core.v1.Service, k8s.storage.v1.StorageClass, k8s.batch.v1.Job
"""

# What no import of manifests can avoid: the readers of YAML, and the library that checks what they read.
READERS = "import pydantic, typer, yaml"
FACTS = "import eks_gpu_components.catalog as catalog; catalog.resolve(catalog.Need(), 'us-west-2')"


def seconds(command: list[str], runs: int = 5) -> float:
    """CPU seconds of whole processes, the least: others who use the machine only ever add to it."""
    return min(_of_one(command) for _ in range(runs))


def _of_one(command: list[str]) -> float:
    before = os.times()
    subprocess.run(
        command, cwd=committed(), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=_installed()
    )
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


@cache
def _installed() -> dict[str, str]:
    """An environment in which what is committed is installed, as a clone is in its own `.venv`."""
    packages = committed().parent / "installed"
    packages.mkdir()
    (packages / "eks_gpu_components").symlink_to(committed() / "components")
    return {**os.environ, "PYTHONPATH": f"{packages}:{committed()}", "PYTHONDONTWRITEBYTECODE": ""}


def pools(count: int) -> Graph:
    """A graph of `count` managed GPU node groups."""
    taint = {"key": "nvidia.com/gpu", "value": "true", "effect": "NO_SCHEDULE"}
    inputs = {
        "amiType": "AL2023_x86_64_NVIDIA",
        "capacityType": "SPOT",
        "instanceTypes": ["g4dn.xlarge", "g5.xlarge"],
        "scalingConfig": {"minSize": 0, "maxSize": 4, "desiredSize": 0},
        "taints": [taint],
    }
    groups = [
        Resource(f"urn:{n}", "aws:eks/nodeGroup:NodeGroup", f"gpu-{n}", id=f"c:gpu-{n}", inputs=inputs)
        for n in range(count)
    ]
    return Graph(groups)


def analysis(count: int) -> float:
    graph, times = pools(count), []
    for _ in range(5):
        start = time.perf_counter()
        analyse(graph, "us-west-2", on=date(2026, 11, 24))
        times.append(time.perf_counter() - start)
    return median(times)


def workloads(count: int) -> list[Resource]:
    """Deployments that the pools take, of seven sizes."""
    toleration = {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
    found = []
    for n in range(count):
        resources = {"requests": {"cpu": f"{100 + n % 7}m", "memory": "256Mi"}, "limits": {"nvidia.com/gpu": 1}}
        spec = {"tolerations": [toleration], "containers": [{"name": "a", "image": "b", "resources": resources}]}
        template = {"metadata": {"labels": {"app": f"work-{n}"}}, "spec": spec}
        inputs = {"metadata": {"name": f"work-{n}"}, "spec": {"replicas": 1 + n % 3, "template": template}}
        found.append(Resource(f"urn:work-{n}", "kubernetes:apps/v1:Deployment", f"work-{n}", inputs=inputs))
    return found


def admission(count: int) -> float:
    """CPU seconds of a stack with ten pools and so many workloads."""
    graph = Graph([*pools(10), *workloads(count)])
    start = time.process_time()
    analyse(graph, "us-west-2", on=date(2026, 11, 24))
    return time.process_time() - start


def main() -> int:
    sdk = seconds([sys.executable, "-c", IMPORTS])
    one = seconds([*EKS_GPU, "plan"])
    every = seconds([*EKS_GPU, "plan", "--all"], runs=3)
    python = seconds([sys.executable, "-c", "import dataclasses, json, pathlib, re"])
    version = seconds([*EKS_GPU, "--version"])
    facts = seconds([sys.executable, "-c", FACTS])
    readers = seconds([sys.executable, "-c", READERS])
    imported = seconds([*EKS_GPU, "import", str(committed() / "tests" / "imported" / "nothing-lost.yaml")])
    ratios: list[tuple[str, Callable[[], float], float]] = [
        ("plan of one stack / importing the SDKs it uses", lambda: one / sdk, 1.5),
        ("plan of every stack / plan of one", lambda: every / one, 1.6),
        ("import of a cluster / importing the readers it uses", lambda: imported / readers, 3.5),
        ("eks-gpu --version / starting Python", lambda: version / python, 5.0),
        ("reading the facts / starting Python", lambda: facts / python, 4.0),
        ("5,000 workloads / ten times the CPU of 500", lambda: admission(5000) / (10 * admission(500)), 1.3),
        ("400 pools / twice the time of 200", lambda: analysis(400) / (2 * analysis(200)), 1.3),
    ]
    over = False
    for name, ratio, limit in ratios:
        value = ratio()
        over |= value > limit
        print(f"{value:5.2f}  limit {limit:.1f}  {name}")
    return int(over)


if __name__ == "__main__":
    sys.exit(main())
