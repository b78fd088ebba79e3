"""`eks-gpu:settings`, the settings of a stack: one section for each component, with the component's arguments.

The components define their arguments; this file says which of them the program supplies.
"""

from typing import Annotated, NotRequired

from typing_extensions import TypedDict

import components as eks_gpu
from components import Section

# Sections whose images, or those of what their pools need, are in public registries and have no setting.
PUBLIC_IMAGES = (
    *("gpu_node_groups", "karpenter_gpu_pools", "cluster_autoscaler", "node_termination_handler", "gpu_operator"),
    *("aws_load_balancer_controller", "cuda_vector_add", "gpu_smoke_test"),
)
IN_CLUSTER = Section("cluster", "subnets")
FROM_KARPENTER = Section("cluster", "subnets", "node_role_name", "instance_profile")
ON_POOL = Section(names_pool=True)


class Settings(TypedDict):
    """The settings of a stack. Pools get their names here. A stack's file leaves out the components that it does not
    use.
    """

    zones: NotRequired[list[str]]
    """Names of zones; default the first three in which EKS runs a control plane."""
    network: NotRequired[eks_gpu.NetworkSettingsArgs]
    cluster: eks_gpu.ClusterSettingsArgs

    spot_node_groups: NotRequired[dict[str, Annotated[eks_gpu.SpotNodeGroupArgs, IN_CLUSTER]]]
    gpu_node_groups: NotRequired[dict[str, Annotated[eks_gpu.GpuNodeGroupArgs, IN_CLUSTER]]]
    karpenter_gpu_pools: NotRequired[dict[str, Annotated[eks_gpu.KarpenterGpuPoolArgs, FROM_KARPENTER]]]
    auto_mode_gpu_pools: NotRequired[dict[str, Annotated[eks_gpu.AutoModeGpuPoolArgs, IN_CLUSTER]]]

    cluster_autoscaler: NotRequired[eks_gpu.ClusterAutoscalerSettingsArgs]
    node_termination_handler: NotRequired[eks_gpu.NodeTerminationHandlerSettingsArgs]
    """It drains the groups with `drain_s`."""
    karpenter: NotRequired[eks_gpu.KarpenterSettingsArgs]
    gpu_operator: NotRequired[eks_gpu.GpuOperatorSettingsArgs]
    """NVIDIA's GPU operator, instead of the device plugin."""
    aws_load_balancer_controller: NotRequired[eks_gpu.AwsLoadBalancerControllerSettingsArgs]

    cuda_vector_add: NotRequired[Annotated[eks_gpu.CudaVectorAddArgs, ON_POOL]]
    gpu_smoke_test: NotRequired[Annotated[eks_gpu.GpuSmokeTestArgs, Section("backend", names_pool=True)]]
    resnet: NotRequired[Annotated[eks_gpu.ResnetInferenceArgs, Section("cluster", names_pool=True)]]


def check_reach(settings: Settings) -> None:
    """Raises BadInput for sections whose images no VPC endpoint reaches, in a network without internet access."""
    if settings.get("network", {}).get("nat") != "none":
        return
    shut_in = [section for section in PUBLIC_IMAGES if section in settings]
    if "resnet" in settings and ".dkr.ecr." not in settings["resnet"]["settings"].get("image", ""):
        shut_in.append("resnet")
    if shut_in:
        reason = f"no VPC endpoint reaches the public registries that the images of {', '.join(shut_in)} are in"
        raise eks_gpu.BadInput([f"network.nat: none is not enough, for {reason}: leave these out, or take single"])
