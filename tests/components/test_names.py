"""Names: what AWS would refuse for its length is refused before anything is registered, and what fits, fits."""

from collections.abc import Callable
from typing import Any

import pytest

from components.auto_mode_gpu_pool import AutoModeGpuPool
from components.aws_load_balancer_controller import AwsLoadBalancerController
from components.catalog.name_limits import NAME_LIMITS
from components.cluster import Cluster
from components.cluster_autoscaler import ClusterAutoscaler
from components.gpu_node_group import GpuNodeGroup
from components.karpenter import Karpenter
from components.keda_operator import KedaOperator
from components.node_termination_handler import NodeTerminationHandler
from components.spot_node_group import SpotNodeGroup
from components.values.value import BadInput
from tests.engine import run
from tests.given import CLUSTER, subnets

# Any: pyright takes a constant for a plain dict.
GPU_POOL: Any = {"instance_types": ["g6.xlarge"], "max_gpus": 3}
SPOT_POOL: Any = {
    "instance_types": ["m7i.large", "m7a.large", "m6i.large", "m6a.large", "m5.large", "m5a.large"],
    "max_nodes": 2,
}
SETTINGS: Any = {"region": "us-west-2", "vpc_id": "vpc-1", "subnets": subnets("abc"), "settings": {"name": "gaia"}}
PLACE: Any = {"cluster": CLUSTER, "subnets": subnets("abc")}


def on(pool: Any) -> Any:
    """The arguments of a component that makes the pool's nodes."""
    return {**PLACE, "pool": pool}


MADE: dict[str, tuple[int, Callable[[str], Any]]] = {
    "cluster": (37, lambda name: Cluster(name, SETTINGS)),
    "karpenter": (31, lambda name: Karpenter(name, {"cluster": CLUSTER})),
    "cluster autoscaler": (56, lambda name: ClusterAutoscaler(name, {"cluster": CLUSTER, "pools": {}})),
    "load balancer controller": (56, lambda name: AwsLoadBalancerController(name, {"cluster": CLUSTER})),
    "keda operator": (56, lambda name: KedaOperator(name, {"cluster": CLUSTER})),
    "node termination handler": (38, lambda name: NodeTerminationHandler(name, {"cluster": CLUSTER})),
    "gpu node group": (34, lambda name: GpuNodeGroup(name, on(GPU_POOL))),
    "spot node group": (
        51,
        lambda name: SpotNodeGroup(name, on(SPOT_POOL)),
    ),
    "auto mode pool": (51, lambda name: AutoModeGpuPool(name, on(GPU_POOL))),
}


@pytest.mark.parametrize("component", MADE)
def test_the_longest_name_fits_everywhere_and_one_character_more_is_refused(component):
    most, make = MADE[component]
    found = run(lambda: make("n" * most))
    limits = {limit.type: limit.most for limit in NAME_LIMITS}
    lengths = [
        (resource.type, len(resource.name) + 8 if "name" not in resource.inputs else len(resource.inputs["name"]))
        for resource in found.graph
        if resource.type in limits
    ]
    assert lengths
    assert [(type_, length) for type_, length in lengths if length > limits[type_]] == []
    with pytest.raises(BadInput) as refused:
        run(lambda: make("n" * (most + 1)))
    assert refused.value.problems[0].startswith(f"name must be {most} characters or fewer, got {most + 1}: its ")


def test_the_reason_names_the_rule_and_what_breaks_it():
    with pytest.raises(BadInput) as refused:
        run(lambda: Karpenter("a-karpenter-with-a-name-that-is-long", {"cluster": CLUSTER}))
    assert refused.value.problems == [
        "name must be 31 characters or fewer, got 36: its event rules are named "
        "a-karpenter-with-a-name-that-is-long-reservation-interruption and the like, "
        "and EventBridge takes 64 with Pulumi's suffix"
    ]


def test_a_pool_with_the_clusters_role_has_a_name_as_long_as_a_label():
    cluster = {**CLUSTER, "node_role_arn": "arn:aws:iam::123456789012:role/nodes"}
    args: Any = {**PLACE, "cluster": cluster, "pool": GPU_POOL}
    run(lambda: AutoModeGpuPool("n" * 63, args))
