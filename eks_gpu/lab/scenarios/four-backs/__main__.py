"""One description of a pool, given to every component that makes one."""

import pulumi

import eks_gpu_components as eks_gpu

REGION = "us-west-2"

pool: eks_gpu.GpuPoolArgs = pulumi.Config().require_object("pool")

network = eks_gpu.Network(
    "network", {"region": REGION, "zones": eks_gpu.available_zones(REGION), "cluster_name": "four-backs"}
)
subnets = network.private_subnets
cluster = eks_gpu.Cluster(
    "cluster",
    {"region": REGION, "vpc_id": network.vpc_id, "subnets": subnets, "settings": {"name": "four-backs"}},
)
in_cluster = pulumi.ResourceOptions(providers=[cluster.provider])

for backend in ("managed-node-group", "auto-scaling-group"):
    eks_gpu.GpuNodeGroup(backend, {"cluster": cluster.reference, "subnets": subnets, "pool": pool, "backend": backend})
eks_gpu.KarpenterGpuPool(
    "karpenter",
    {"cluster": cluster.reference, "subnets": subnets, "pool": pool, "node_role_name": "four-backs-nodes"},
    in_cluster,
)
eks_gpu.AutoModeGpuPool("auto-mode", {"cluster": cluster.reference, "subnets": subnets, "pool": pool}, in_cluster)
