# The public names and their homes. Type checkers read this file, and so does __init__.py, which loads a name on use.
from .control_plane.auto_mode import AutoMode as AutoMode
from .control_plane.auto_mode import AutoModeArgs as AutoModeArgs
from .auto_mode_gpu_pool import AutoModeGpuPool as AutoModeGpuPool
from .auto_mode_gpu_pool import AutoModeGpuPoolArgs as AutoModeGpuPoolArgs
from .values.node_storage import NodeStorage as NodeStorage
from .values.node_storage import NodeStorageArgs as NodeStorageArgs
from .aws_load_balancer_controller import AwsLoadBalancerController as AwsLoadBalancerController
from .aws_load_balancer_controller import AwsLoadBalancerControllerArgs as AwsLoadBalancerControllerArgs
from .aws_load_balancer_controller import AwsLoadBalancerControllerSettings as AwsLoadBalancerControllerSettings
from .aws_load_balancer_controller import AwsLoadBalancerControllerSettingsArgs as AwsLoadBalancerControllerSettingsArgs
from .cluster import Cluster as Cluster
from .cluster import ClusterArgs as ClusterArgs
from .cluster import ClusterSettingsArgs as ClusterSettingsArgs
from .cluster_autoscaler import ClusterAutoscaler as ClusterAutoscaler
from .cluster_autoscaler import ClusterAutoscalerArgs as ClusterAutoscalerArgs
from .cluster_autoscaler import ClusterAutoscalerSettings as ClusterAutoscalerSettings
from .cluster_autoscaler import ClusterAutoscalerSettingsArgs as ClusterAutoscalerSettingsArgs
from .control_plane.cluster_settings import ClusterSettings as ClusterSettings
from .cuda_vector_add import CudaVectorAdd as CudaVectorAdd
from .cuda_vector_add import CudaVectorAddArgs as CudaVectorAddArgs
from .values.eks_cluster import EksCluster as EksCluster
from .values.eks_cluster import eks_cluster_by_name as eks_cluster_by_name
from .values.eks_cluster import from_aws as from_aws
from .values.eks_cluster import from_pulumi_eks as from_pulumi_eks
from .values.eks_cluster import kubeconfig as kubeconfig
from .gpu_node_group import GpuNodeGroup as GpuNodeGroup
from .gpu_node_group import GpuNodeGroupArgs as GpuNodeGroupArgs
from .gpu_operator import GpuOperator as GpuOperator
from .gpu_operator import GpuOperatorArgs as GpuOperatorArgs
from .gpu_operator import GpuOperatorSettings as GpuOperatorSettings
from .gpu_operator import GpuOperatorSettingsArgs as GpuOperatorSettingsArgs
from .values.gpu_pool import GpuPool as GpuPool
from .values.gpu_pool import GpuPoolArgs as GpuPoolArgs
from .gpu_smoke_test import GpuSmokeTest as GpuSmokeTest
from .gpu_smoke_test import GpuSmokeTestArgs as GpuSmokeTestArgs
from .inference.settings import ResnetInferenceSettings as ResnetInferenceSettings
from .inference.settings import ResnetInferenceSettingsArgs as ResnetInferenceSettingsArgs
from .karpenter import Karpenter as Karpenter
from .karpenter import KarpenterArgs as KarpenterArgs
from .karpenter import KarpenterDraArgs as KarpenterDraArgs
from .karpenter import KarpenterFeatureGatesArgs as KarpenterFeatureGatesArgs
from .karpenter import KarpenterSettings as KarpenterSettings
from .karpenter import KarpenterSettingsArgs as KarpenterSettingsArgs
from .karpenter_gpu_pool import KarpenterGpuPool as KarpenterGpuPool
from .karpenter_gpu_pool import KarpenterGpuPoolArgs as KarpenterGpuPoolArgs
from .karpenter_pool import KarpenterPool as KarpenterPool, KarpenterPoolArgs as KarpenterPoolArgs
from .values.cpu_pool import CpuPool as CpuPool, CpuPoolArgs as CpuPoolArgs
from .keda_operator import (
    KedaOperator as KedaOperator,
    KedaOperatorArgs as KedaOperatorArgs,
    KedaOperatorSettings as KedaOperatorSettings,
    KedaOperatorSettingsArgs as KedaOperatorSettingsArgs,
)
from .scaled_object import ScaledObject as ScaledObject, ScaledObjectArgs as ScaledObjectArgs
from .values.pool_pods import NodesOfPool as NodesOfPool
from .nodes.device_claims import pool_claim as pool_claim
from .values.pool_pods import pool_selector as pool_selector
from .values.pool_pods import pool_tolerations as pool_tolerations
from .llm_inference import LlmInference as LlmInference
from .llm_inference import LlmInferenceArgs as LlmInferenceArgs
from .inference.llm_settings import LlmInferenceSettingsArgs as LlmInferenceSettingsArgs
from .inference.service_settings import ModelServiceArgs as ModelServiceArgs
from .model_server import ModelServer as ModelServer
from .model_server import ModelServerArgs as ModelServerArgs
from .inference.model_server_settings import ModelServerSettingsArgs as ModelServerSettingsArgs
from .network import Network as Network
from .network import NetworkArgs as NetworkArgs
from .network import NetworkSettingsArgs as NetworkSettingsArgs
from .values.places import NodeSubnet as NodeSubnet
from .values.places import ZoneArgs as ZoneArgs
from .vpc.network_layout import NetworkSettings as NetworkSettings
from .neuron_device_plugin import NeuronDevicePlugin as NeuronDevicePlugin
from .neuron_device_plugin import NeuronDevicePluginArgs as NeuronDevicePluginArgs
from .nodes.node_group import Backend as Backend
from .node_termination_handler import NodeTerminationHandler as NodeTerminationHandler
from .node_termination_handler import NodeTerminationHandlerArgs as NodeTerminationHandlerArgs
from .node_termination_handler import NodeTerminationHandlerSettings as NodeTerminationHandlerSettings
from .node_termination_handler import NodeTerminationHandlerSettingsArgs as NodeTerminationHandlerSettingsArgs
from .nvidia_device_plugin import NvidiaDevicePlugin as NvidiaDevicePlugin
from .nvidia_device_plugin import NvidiaDevicePluginArgs as NvidiaDevicePluginArgs
from .nvidia_dra_driver import NvidiaDraDriver as NvidiaDraDriver
from .nvidia_dra_driver import NvidiaDraDriverArgs as NvidiaDraDriverArgs
from .nvidia_dra_driver import NvidiaDraDriverSettings as NvidiaDraDriverSettings
from .nvidia_dra_driver import NvidiaDraDriverSettingsArgs as NvidiaDraDriverSettingsArgs
from .resnet_inference import ResnetInference as ResnetInference
from .resnet_inference import ResnetInferenceArgs as ResnetInferenceArgs
from .values.api_addresses import stack_addresses as stack_addresses
from .values.mirror import use_mirror as use_mirror
from .values.settings import Section as Section
from .values.settings import SettingsProblems as SettingsProblems
from .values.settings import StackPools as StackPools
from .values.settings import pool_named as pool_named
from .values.settings import stack_settings as stack_settings
from .spot_node_group import SpotNodeGroup as SpotNodeGroup
from .spot_node_group import SpotNodeGroupArgs as SpotNodeGroupArgs
from .spot_node_group import SpotPool as SpotPool
from .spot_node_group import SpotPoolArgs as SpotPoolArgs
from .values.value import BadInput as BadInput
from .values.value import CheckedAs as CheckedAs
from .vpc.zones import available_zones as available_zones
from .vpc.subnets import subnets_by_ids as subnets_by_ids
