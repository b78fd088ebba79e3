"""`eks-gpu:settings`, the settings of a stack: one section for each component, with the component's arguments.

The components define their arguments; this file says which of them the program supplies.
"""

from typing import Annotated, NotRequired

from typing_extensions import TypedDict

import components as eks_gpu
from components import Section
from components.catalog import AUTO_MODE_DRA_SINCE, DEFAULT_KUBERNETES, DRA_SINCE
from components.nodes.device_claims import claim_problems

# Sections whose images, or those of what their pools need, are in public registries and have no setting.
PUBLIC_IMAGES = (
    *("gpu_node_groups", "karpenter_gpu_pools", "karpenter_pools", "cluster_autoscaler", "node_termination_handler"),
    *("gpu_operator", "nvidia_dra_driver", "keda_operator", "gpu_observability", "aws_load_balancer_controller"),
    *("job_set_controller", "kueue", "cuda_vector_add", "gpu_smoke_test"),
)
ECR = ".dkr.ecr."
"""In the address of a private registry of AWS, which a VPC endpoint reaches."""
IN_CLUSTER = Section("cluster", "subnets")
FROM_KARPENTER = Section("cluster", "subnets", "node_role_name", "instance_profile")
ON_POOL = Section(names_pool=True)


class Settings(TypedDict):
    """The settings of a stack. Pools get their names here. A stack's file leaves out the components that it does not
    use.
    """

    zones: NotRequired[list[str]]
    """Names of zones. Default the first three in which EKS runs a control plane."""
    mirror: NotRequired[str]
    """Registry that every chart and image comes from, such as registry.example.com/mirror. Default each from its own.
    """
    network: NotRequired[eks_gpu.NetworkSettingsArgs]
    """The VPC, which is made in any case unless `existing` names one."""
    cluster: eks_gpu.ClusterSettingsArgs
    """The control plane, its add-ons, and its system nodes or Auto Mode."""

    spot_node_groups: NotRequired[dict[str, Annotated[eks_gpu.SpotNodeGroupArgs, IN_CLUSTER]]]
    """Spot nodes for general work, by the name of their group."""
    gpu_node_groups: NotRequired[dict[str, Annotated[eks_gpu.GpuNodeGroupArgs, IN_CLUSTER]]]
    """GPU nodes in node groups, by the name of their pool."""
    karpenter_gpu_pools: NotRequired[dict[str, Annotated[eks_gpu.KarpenterGpuPoolArgs, FROM_KARPENTER]]]
    """GPU nodes that Karpenter starts, by the name of their pool."""
    karpenter_pools: NotRequired[dict[str, Annotated[eks_gpu.KarpenterPoolArgs, FROM_KARPENTER]]]
    """Nodes without GPUs that Karpenter starts, by the name of their pool."""
    auto_mode_gpu_pools: NotRequired[dict[str, Annotated[eks_gpu.AutoModeGpuPoolArgs, IN_CLUSTER]]]
    """GPU nodes that EKS Auto Mode starts, by the name of their pool."""

    cluster_autoscaler: NotRequired[eks_gpu.ClusterAutoscalerSettingsArgs]
    """The controller that sizes node groups. Default none."""
    node_termination_handler: NotRequired[eks_gpu.NodeTerminationHandlerSettingsArgs]
    """The controller that drains the nodes of groups with `drain_s`. Default none."""
    karpenter: NotRequired[eks_gpu.KarpenterSettingsArgs]
    """Karpenter, which is installed if there are `karpenter_gpu_pools` or `karpenter_pools`."""
    gpu_operator: NotRequired[eks_gpu.GpuOperatorSettingsArgs]
    """NVIDIA's GPU operator, instead of the device plugin. Default none."""
    nvidia_dra_driver: NotRequired[eks_gpu.NvidiaDraDriverSettingsArgs]
    """NVIDIA's DRA driver, which is installed if a pool of your own nodes has `devices` claims."""
    gpu_observability: NotRequired[eks_gpu.GpuObservabilitySettingsArgs]
    """Prometheus with metrics of GPU nodes, dashboards and alerts. Default none."""
    aws_load_balancer_controller: NotRequired[eks_gpu.AwsLoadBalancerControllerSettingsArgs]
    """The controller that makes network load balancers for Services. Default none."""
    keda_operator: NotRequired[Annotated[eks_gpu.KedaOperatorArgs, Section("cluster")]]
    """KEDA, which starts the first pod of what has `keda` and removes the last. Default none."""

    job_set_controller: NotRequired[Annotated[eks_gpu.JobSetControllerArgs, Section()]]
    """The controller of JobSets, which runs the Jobs of a gang together. Default none."""
    kueue: NotRequired[eks_gpu.KueueSettingsArgs]
    """Kueue, which starts a gang when there is room for all of its pods. Default none."""
    training_queues: NotRequired[dict[str, Annotated[eks_gpu.TrainingQueueArgs, Section(names_pools=True)]]]
    """Queues over GPU pools, which gangs wait in, by name; they need `kueue`."""

    cuda_vector_add: NotRequired[Annotated[eks_gpu.CudaVectorAddArgs, ON_POOL]]
    """A test of a pool with one GPU a pod. Default none."""
    gpu_smoke_test: NotRequired[Annotated[eks_gpu.GpuSmokeTestArgs, Section("backend", names_pool=True)]]
    """A Job that asks for one kind of GPU and ends when it has seen it. Default none."""
    resnet: NotRequired[Annotated[eks_gpu.ResnetInferenceArgs, Section("cluster", names_pool=True)]]
    """A model behind a load balancer. Default none."""


def check_names(settings: Settings) -> None:
    """Raises BadInput for a pool without GPUs that has the name of one with GPUs: both are NodePools."""
    others = {*settings.get("karpenter_gpu_pools", {}), *settings.get("auto_mode_gpu_pools", {})}
    if twice := sorted(others & settings.get("karpenter_pools", {}).keys()):
        rule = "must have a name that no pool with GPUs has"
        raise eks_gpu.BadInput([f"karpenter_pools.{name} {rule}" for name in twice])


def check_queues(settings: Settings) -> None:
    """Raises BadInput for queues without Kueue, which brings their kinds."""
    if settings.get("training_queues") and "kueue" not in settings:
        raise eks_gpu.BadInput(["training_queues: no Kueue serves them: add the section kueue, {} for its defaults"])


def check_claims(settings: Settings) -> None:
    """Raises BadInput for pools with claims on an older Kubernetes, and for Karpenter's if Karpenter ignores claims."""
    version = settings["cluster"].get("kubernetes_version", DEFAULT_KUBERNETES)
    problems = [
        f"{section}.{name}.{problem}"
        for section, since in (("karpenter_gpu_pools", DRA_SINCE), ("auto_mode_gpu_pools", AUTO_MODE_DRA_SINCE))
        for name, made in settings.get(section, {}).items()
        for problem in claim_problems(eks_gpu.GpuPool.model_validate(made["pool"]), version, since)
    ]
    claiming = [name for name, made in settings.get("karpenter_gpu_pools", {}).items() if _claims(made["pool"])]
    if claiming and not settings.get("karpenter", {}).get("dra", {}).get("nvidia"):
        reason = f"Karpenter starts no node for the claims of {', '.join(claiming)} otherwise"
        problems.append(f"karpenter.dra.nvidia must be true: {reason}")
    if problems:
        raise eks_gpu.BadInput(problems)


def _claims(pool: eks_gpu.GpuPoolArgs) -> bool:
    return pool.get("devices") == "claims"


def check_slices(settings: Settings) -> None:
    """Raises BadInput for pools whose GPUs are to be cut (MIG) in a stack without the GPU operator, which cuts them."""
    reason = "only the GPU operator cuts GPUs: add the section gpu_operator, or leave it out"
    problems = [
        f"{section}.{name}.pool.mig: {reason}, got {mig}"
        for section in ("gpu_node_groups", "karpenter_gpu_pools")
        for name, made in settings.get(section, {}).items()
        if (mig := made["pool"].get("mig")) and "gpu_operator" not in settings
    ]
    if problems:
        raise eks_gpu.BadInput(problems)


def check_reach(settings: Settings) -> None:
    """Raises BadInput for sections whose images no VPC endpoint reaches, in a network without internet access."""
    if settings.get("network", {}).get("nat") != "none" or ECR in settings.get("mirror", ""):
        return
    shut_in = [section for section in PUBLIC_IMAGES if section in settings]
    if "resnet" in settings and ECR not in settings["resnet"]["settings"].get("image", ""):
        shut_in.append("resnet")
    pools = settings.get("auto_mode_gpu_pools", {}).values()
    if any(each["pool"].get("warm_gpus") for each in pools):
        shut_in.append("auto_mode_gpu_pools with warm_gpus")
    if shut_in:
        reason = f"no VPC endpoint reaches the public registries that the images of {', '.join(shut_in)} are in"
        fix = "leave these out, take single, or name a mirror in ECR"
        raise eks_gpu.BadInput([f"network.nat: none is not enough, for {reason}: {fix}"])
