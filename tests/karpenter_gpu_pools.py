"""A KarpenterGpuPool as tests make it, and how its requirements are read."""

from typing import Any

from components.karpenter_gpu_pool import KarpenterGpuPool
from components.values.gpu_pool import GpuPool
from components.values.value import check
from tests.engine import run
from tests.given import CLUSTER, subnets

NODE_POOL = "kubernetes:karpenter.sh/v1:NodePool"
NODE_OVERLAY = "kubernetes:karpenter.sh/v1alpha1:NodeOverlay"
NODE_CLASS = "kubernetes:karpenter.k8s.aws/v1:EC2NodeClass"
POOL = {"instance_types": ["g4dn.xlarge", "g4dn.2xlarge"], "max_gpus": 100}
ARGS: Any = {"cluster": CLUSTER, "subnets": subnets("ab"), "node_role_name": "gaia-nodes"}


def pool(**wish: Any) -> GpuPool:
    return check(GpuPool, {**POOL, **wish}, "pool")


def made(*, args: Any = ARGS, name: str = "gpu", preview: bool = False, **wish: Any):
    whole: Any = {**args, "pool": {**POOL, **wish}}
    return run(lambda: KarpenterGpuPool(name, whole), preview=preview)


def requirements(spec: dict[str, Any]) -> dict[str, list[str]]:
    found = spec["template"]["spec"]["requirements"]
    assert {each["operator"] for each in found} == {"In"}
    return {each["key"]: each["values"] for each in found}
