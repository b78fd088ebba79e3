"""GPU and Spot capacity on Amazon EKS that costs nothing while idle: the components, the pool, the facts.

Names load on first use, so that `eks_gpu_components.catalog` can be read without importing Pulumi.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .cluster import Cluster as Cluster
    from .cluster import ClusterArgs as ClusterArgs
    from .cluster import ClusterSettingsArgs as ClusterSettingsArgs
    from .cluster_autoscaler import ClusterAutoscaler as ClusterAutoscaler
    from .cluster_autoscaler import ClusterAutoscalerArgs as ClusterAutoscalerArgs
    from .cuda_vector_add import CudaVectorAdd as CudaVectorAdd
    from .cuda_vector_add import CudaVectorAddArgs as CudaVectorAddArgs
    from .eks_cluster import EksCluster as EksCluster
    from .eks_cluster import eks_cluster_by_name as eks_cluster_by_name
    from .eks_cluster import from_aws as from_aws
    from .eks_cluster import from_pulumi_eks as from_pulumi_eks
    from .gpu_node_group import GpuNodeGroup as GpuNodeGroup
    from .gpu_node_group import GpuNodeGroupArgs as GpuNodeGroupArgs
    from .gpu_pool import GpuPool as GpuPool
    from .gpu_pool import GpuPoolArgs as GpuPoolArgs
    from .network import Network as Network
    from .network import NetworkArgs as NetworkArgs
    from .network import NodeSubnet as NodeSubnet
    from .nvidia_device_plugin import NvidiaDevicePlugin as NvidiaDevicePlugin
    from .nvidia_device_plugin import NvidiaDevicePluginArgs as NvidiaDevicePluginArgs
    from .spot_node_group import SpotNodeGroup as SpotNodeGroup
    from .spot_node_group import SpotNodeGroupArgs as SpotNodeGroupArgs
    from .value import BadInput as BadInput
