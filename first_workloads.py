"""Workloads that show that the pools of a stack work; each waits for the nodes of the pool that its section names."""

from collections.abc import Sequence

import pulumi

import components as eks_gpu
from settings import Settings


def first_workloads(
    settings: Settings,
    problems: eks_gpu.SettingsProblems,
    pools: eks_gpu.StackPools,
    cluster: eks_gpu.Cluster,
    controllers: Sequence[pulumi.Resource],
) -> None:
    """Creates the workloads of the settings. `controllers` are those that a service waits for: of its load balancer,
    and of its scaling.
    """

    def after(*made: pulumi.Resource, leaves_nothing: bool = True) -> pulumi.ResourceOptions:
        """Options for a component that leaves nothing in AWS and is deleted with the cluster."""
        gone_with = cluster if leaves_nothing else None
        return pulumi.ResourceOptions(providers=[cluster.provider], deleted_with=gone_with, depends_on=made)

    if "cuda_vector_add" in settings:
        with problems.at("cuda_vector_add", go_on=True):
            test, nodes = pools.of(settings["cuda_vector_add"])
            eks_gpu.CudaVectorAdd("cuda-vector-add", test, after(nodes))
    if "gpu_smoke_test" in settings:
        with problems.at("gpu_smoke_test", go_on=True):
            smoke, nodes = pools.of(settings["gpu_smoke_test"])
            backend = "auto-mode" if isinstance(nodes, eks_gpu.AutoModeGpuPool) else "karpenter"
            eks_gpu.GpuSmokeTest("nvidia-smi", {**smoke, "backend": backend}, after(nodes))
    if "resnet" in settings:
        with problems.at("resnet", go_on=True):
            model, nodes = pools.of(settings["resnet"])
            opts = after(nodes, *controllers, leaves_nothing=False)
            resnet = eks_gpu.ResnetInference("resnet", {**model, "cluster": cluster.reference}, opts)
            pulumi.export("resnet_url", resnet.url)
