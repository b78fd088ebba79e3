"""A GpuNodeGroup as tests make it."""

from typing import Any

import pytest

from components.gpu_node_group import GpuNodeGroup
from components.nodes.placement import placement
from components.values.gpu_pool import GpuPool
from components.values.value import BadInput, check
from tests.engine import Run, run
from tests.given import CLUSTER, subnets

POOL = {"instance_types": ["g6.xlarge"], "max_gpus": 3}
ARGS: Any = {"cluster": CLUSTER, "subnets": subnets("abc")}
BACKENDS = ["managed-node-group", "auto-scaling-group"]
ASG = "aws:autoscaling/group:Group"
HOOK = "aws:autoscaling/lifecycleHook:LifecycleHook"
TAG = "aws:autoscaling/tag:Tag"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"


def running(*, preview: bool = False, args: Any = ARGS, backend: str = "", **pool: Any) -> Run:
    given: Any = {**args, "pool": {**POOL, **pool}, **({"backend": backend} if backend else {})}
    return run(lambda: GpuNodeGroup("gpu", given), preview=preview)


def self_managed(**given: Any) -> Run:
    return running(backend="auto-scaling-group", **given)


def place(letters: str, **wish: Any):
    return placement(check(GpuPool, {**POOL, **wish}), subnets(letters), "us-west-2")


def problem(**given: Any) -> list[str]:
    with pytest.raises(BadInput) as refused:
        running(**given)
    return str(refused.value).splitlines()
