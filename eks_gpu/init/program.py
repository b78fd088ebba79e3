"""The texts of a small project: its program for each back end, Pulumi.yaml and requirements.txt."""

import json
import re
from importlib.metadata import Distribution, PackageNotFoundError

from eks_gpu.pools.pool import AUTO_MODE, AUTO_SCALING_GROUP, KARPENTER, MANAGED_NODE_GROUP

LIBRARY = "eks-gpu-components"
"""The name by which it is installed."""
NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,29}")
"""Names of projects that are the start of every name in AWS too."""

_START = '''"""GPU nodes on Amazon EKS that exist only while a pod needs them; Pulumi.<stack>.yaml has the values."""

import pulumi

import eks_gpu_components as eks_gpu

config, region = pulumi.Config(), pulumi.Config("aws").require("region")
settings, pool = config.require_object("cluster"), config.require_object("pool")
zones = eks_gpu.available_zones(region)
network = eks_gpu.Network("network", {"region": region, "zones": zones, "cluster_name": settings["name"]})
vpc, subnets = network.vpc_id, network.private_subnets
cluster = eks_gpu.Cluster("cluster", {"region": region, "vpc_id": vpc, "subnets": subnets, "settings": settings})
eks, in_cluster = cluster.reference, pulumi.ResourceOptions(providers=[cluster.provider])
'''
_PLUGIN = 'eks_gpu.NvidiaDevicePlugin("device-plugin", {"pools": [pool]}, in_cluster)\n'
_AUTOSCALER = 'eks_gpu.ClusterAutoscaler("cluster-autoscaler", {"cluster": eks, "pools": {"gpu": pool}}, in_cluster)\n'
_END = """after = pulumi.ResourceOptions(providers=[cluster.provider], depends_on=[nodes])
eks_gpu.CudaVectorAdd("gpu-test", {"pool": pool, "replicas": 1}, after)  # one pod with one GPU
pulumi.export("kubeconfig", pulumi.Output.secret(cluster.kubeconfig))
"""
_NODES = {
    KARPENTER: """role = eks_gpu.Karpenter("karpenter", {"cluster": eks}, in_cluster).node_role_name
gpu: eks_gpu.KarpenterGpuPoolArgs = {"cluster": eks, "subnets": subnets, "node_role_name": role, "pool": pool}
nodes = eks_gpu.KarpenterGpuPool("gpu", gpu, in_cluster)
"""
    + _PLUGIN,
    AUTO_MODE: """nodes = eks_gpu.AutoModeGpuPool("gpu", {"cluster": eks, "subnets": subnets, "pool": pool}, in_cluster)
""",
    MANAGED_NODE_GROUP: """nodes = eks_gpu.GpuNodeGroup("gpu", {"cluster": eks, "subnets": subnets, "pool": pool})
"""
    + _AUTOSCALER
    + _PLUGIN,
    AUTO_SCALING_GROUP: """eks_gpu.NodeTerminationHandler("node-termination-handler", {"cluster": eks}, in_cluster)
groups: eks_gpu.GpuNodeGroupArgs = {"cluster": eks, "subnets": subnets, "pool": pool, "backend": "auto-scaling-group"}
nodes = eks_gpu.GpuNodeGroup("gpu", {**groups, "drain_s": 120})  # seconds that a Spot notice leaves
"""
    + _AUTOSCALER
    + _PLUGIN,
}
_PULUMI = """name: {name}
description: GPU nodes on Amazon EKS that exist only while a pod needs them
runtime:
  name: python
  options:
    toolchain: pip
    virtualenv: .venv
"""


def program(backend: str) -> str:
    """`__main__.py` of a project with one pool."""
    return _START + _NODES[backend] + _END


def backend_of(text: str) -> str | None:
    """The back end of a program that `program` wrote, whatever was added to it; None for another program."""
    if '"pool"' not in text or 'config.require_object("cluster")' not in text:
        return None
    if "eks_gpu.KarpenterGpuPool(" in text:
        return KARPENTER
    if "eks_gpu.AutoModeGpuPool(" in text:
        return AUTO_MODE
    if "eks_gpu.GpuNodeGroup(" in text:
        return AUTO_SCALING_GROUP if f'"{AUTO_SCALING_GROUP}"' in text else MANAGED_NODE_GROUP
    return None


def files(name: str, backend: str) -> dict[str, str]:
    """File -> text of a whole small project but for its stacks."""
    return {
        "Pulumi.yaml": _PULUMI.format(name=name),
        "__main__.py": program(backend),
        "requirements.txt": f"{requirement()}\n",
    }


def project_name(folder: str) -> str:
    """A name for a project in a folder: what of the folder's own name AWS takes."""
    kept = re.sub(r"[^A-Za-z0-9]+", "-", folder).strip("-")
    kept = kept if kept[:1].isalpha() else f"gpu-{kept}".rstrip("-")
    return kept[:30].rstrip("-")


def requirement() -> str:
    """This library as pip gets it from where this installation came from: a folder, a repository or a registry."""
    try:
        installed = Distribution.from_name(LIBRARY)
    except PackageNotFoundError:  # a checkout on PYTHONPATH
        return LIBRARY
    return _requirement(installed.version, installed.read_text("direct_url.json"))


def _requirement(version: str, origin: str | None) -> str:
    """`origin` is what pip keeps of an installation that came from no registry. Source: PEP 610."""
    if not origin:
        return f"{LIBRARY}=={version}"
    told = json.loads(origin)
    if vcs := told.get("vcs_info"):
        place = f"{vcs['vcs']}+{told['url']}@{vcs['commit_id']}"
        return place if told["url"].startswith("file:") else f"{LIBRARY} @ {place}"  # pip names none without a host
    return f"{LIBRARY} @ {told['url']}"
