"""NVIDIA's GPU operator: system nodes for controllers, a group for general workloads, and GPU nodes from zero."""

import pulumi
from ubuntu import ubuntu_gpu_nodes

import eks_gpu_components as eks_gpu

REGION = "us-west-2"

GENERAL: eks_gpu.SpotPoolArgs = {
    "instance_types": ["m7i.xlarge", "m7a.xlarge", "m6i.xlarge", "m6a.xlarge", "m5.xlarge", "m5a.xlarge"],
    "max_nodes": 4,
}
GPU: eks_gpu.GpuPoolArgs = {"instance_types": ["g6.xlarge", "g5.xlarge"], "max_gpus": 6}

image = pulumi.Config().require("node_image")
if image not in ("eks-nvidia", "ubuntu"):
    raise pulumi.RunError(f"gpu-operator:node_image must be eks-nvidia or ubuntu, got {image}")
api_cidrs = eks_gpu.stack_addresses()

network = eks_gpu.Network(
    "operator",
    {"region": REGION, "zones": eks_gpu.available_zones(REGION), "cluster_name": "operator"},
)
cluster = eks_gpu.Cluster(
    "operator",
    {
        "region": REGION,
        "vpc_id": network.vpc_id,
        "subnets": network.private_subnets,
        "settings": {
            "name": "operator",
            # As a control plane's nodes: controllers run here, and nothing else does.
            "system_nodes": {"nodes": 3, "taint": True},
            "endpoint": {"public": True, "public_cidrs": api_cidrs},
            "deletion_protection": False,
        },
    },
)
in_cluster = pulumi.ResourceOptions(providers=[cluster.provider])

handler = eks_gpu.NodeTerminationHandler("node-termination-handler", {"cluster": cluster.reference}, in_cluster)
eks_gpu.SpotNodeGroup(
    "general",
    {"cluster": cluster.reference, "subnets": network.private_subnets, "pool": GENERAL, "drain_s": 120},
    pulumi.ResourceOptions(depends_on=[handler]),  # so that the group goes before it
)
if image == "ubuntu":
    ubuntu_gpu_nodes("gpu", cluster.reference, network.private_subnets[0])
else:
    eks_gpu.GpuNodeGroup("gpu", {"cluster": cluster.reference, "subnets": network.private_subnets, "pool": GPU})
eks_gpu.ClusterAutoscaler("cluster-autoscaler", {"cluster": cluster.reference}, in_cluster)
operator = eks_gpu.GpuOperator("gpu-operator", {"pools": [GPU], "settings": {"node_image": image}}, in_cluster)
eks_gpu.CudaVectorAdd(
    "cuda-vector-add",
    {"pool": GPU},
    pulumi.ResourceOptions(providers=[cluster.provider], depends_on=[operator]),
)

pulumi.export("kubeconfig", pulumi.Output.secret(cluster.kubeconfig))
