"""Pods that wait for no node: a GPU is ready on Karpenter, one in auto scaling groups, and one node is always there."""

import pulumi

import eks_gpu_components as eks_gpu

REGION = "us-west-2"

CHAT: eks_gpu.GpuPoolArgs = {
    "instance_types": ["g6.xlarge"],
    "max_gpus": 3,
    "warm_gpus": 1,  # beside those in use
    "idle_s": 30,
    "labels": {"example.com/pool": "chat"},
}
FIXED: eks_gpu.GpuPoolArgs = {
    "instance_types": ["g5.xlarge"],
    "nodes": 1,
    "max_gpus": 2,  # room for the node that replaces it
    "labels": {"example.com/pool": "fixed"},
}
GROUPS: eks_gpu.GpuPoolArgs = {
    "instance_types": ["g4dn.xlarge"],
    "zones": ["us-west-2a"],
    "max_gpus": 3,
    "warm_gpus": 1,
    "labels": {"example.com/pool": "groups"},
}

api_cidrs = eks_gpu.stack_addresses()

network = eks_gpu.Network(
    "warm", {"region": REGION, "zones": eks_gpu.available_zones(REGION), "cluster_name": "warm-gpus"}
)
subnets = network.private_subnets
cluster = eks_gpu.Cluster(
    "warm",
    {
        "region": REGION,
        "vpc_id": network.vpc_id,
        "subnets": subnets,
        "settings": {
            "name": "warm-gpus",
            "endpoint": {"public": True, "public_cidrs": api_cidrs},
            "deletion_protection": False,
        },
    },
)
eks, in_cluster = cluster.reference, pulumi.ResourceOptions(providers=[cluster.provider])

# The pools say which of its features Karpenter needs.
by_karpenter = {"chat": CHAT, "fixed": FIXED}
karpenter = eks_gpu.Karpenter("karpenter", {"cluster": eks, "pools": by_karpenter}, in_cluster)
for name, pool in by_karpenter.items():
    args: eks_gpu.KarpenterGpuPoolArgs = {
        "cluster": eks,
        "subnets": subnets,
        "node_role_name": karpenter.node_role_name,
        "pool": pool,
    }
    eks_gpu.KarpenterGpuPool(name, args, in_cluster)

# Its placeholder pods need the cluster's provider too.
eks_gpu.GpuNodeGroup(
    "groups", {"cluster": eks, "subnets": subnets, "pool": GROUPS, "backend": "auto-scaling-group"}, in_cluster
)
eks_gpu.ClusterAutoscaler("cluster-autoscaler", {"cluster": eks, "pools": {"groups": GROUPS}}, in_cluster)
eks_gpu.NvidiaDevicePlugin("nvidia-device-plugin", {"pools": [CHAT, FIXED, GROUPS]}, in_cluster)

pulumi.export("kubeconfig", pulumi.Output.secret(cluster.kubeconfig))
