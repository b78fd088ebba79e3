"""`eks-gpu:settings`, what a stack's file may say: a section a component, each checked as the component checks it."""

from typing import Annotated, NotRequired

from typing_extensions import TypedDict

import components as eks_gpu
from components import CheckedAs

Pool = Annotated[eks_gpu.GpuPoolArgs, CheckedAs(eks_gpu.GpuPool)]


class GpuNodeGroup(TypedDict):
    pool: Pool
    backend: NotRequired[eks_gpu.Backend]


class KarpenterGpuPool(TypedDict):
    pool: Pool
    image_version: NotRequired[str]
    capacity_reservation_ids: NotRequired[list[str]]


class AutoModeGpuPool(TypedDict):
    pool: Pool
    storage: NotRequired[Annotated[eks_gpu.NodeStorageArgs, CheckedAs(eks_gpu.NodeStorage)]]


class SpotNodeGroup(TypedDict):
    pool: Annotated[eks_gpu.SpotPoolArgs, CheckedAs(eks_gpu.SpotPool)]
    backend: NotRequired[eks_gpu.Backend]


class CudaVectorAdd(TypedDict):
    pool: str
    """Name of a pool below; so in the other workloads."""
    replicas: NotRequired[int]


class GpuSmokeTest(TypedDict):
    pool: str
    gpu: NotRequired[str]
    cpu_millicores: NotRequired[int]
    memory_mib: NotRequired[int]


class Resnet(TypedDict):
    pool: str
    settings: Annotated[eks_gpu.ResnetInferenceSettingsArgs, CheckedAs(eks_gpu.ResnetInferenceSettings)]


class Settings(TypedDict):
    """Pools get their names here. What an environment does without is not in its file."""

    zones: NotRequired[list[str]]
    """By name; default the first three that take a cluster."""
    network: NotRequired[Annotated[eks_gpu.NetworkSettingsArgs, CheckedAs(eks_gpu.NetworkSettings)]]
    cluster: Annotated[eks_gpu.ClusterSettingsArgs, CheckedAs(eks_gpu.ClusterSettings)]

    spot_node_groups: NotRequired[dict[str, SpotNodeGroup]]
    gpu_node_groups: NotRequired[dict[str, GpuNodeGroup]]
    karpenter_gpu_pools: NotRequired[dict[str, KarpenterGpuPool]]
    auto_mode_gpu_pools: NotRequired[dict[str, AutoModeGpuPool]]

    cluster_autoscaler: NotRequired[
        Annotated[eks_gpu.ClusterAutoscalerSettingsArgs, CheckedAs(eks_gpu.ClusterAutoscalerSettings)]
    ]
    karpenter: NotRequired[Annotated[eks_gpu.KarpenterSettingsArgs, CheckedAs(eks_gpu.KarpenterSettings)]]
    gpu_operator: NotRequired[Annotated[eks_gpu.GpuOperatorSettingsArgs, CheckedAs(eks_gpu.GpuOperatorSettings)]]
    """In place of the device plugin."""
    aws_load_balancer_controller: NotRequired[
        Annotated[eks_gpu.AwsLoadBalancerControllerSettingsArgs, CheckedAs(eks_gpu.AwsLoadBalancerControllerSettings)]
    ]

    cuda_vector_add: NotRequired[CudaVectorAdd]
    gpu_smoke_test: NotRequired[GpuSmokeTest]
    resnet: NotRequired[Resnet]
