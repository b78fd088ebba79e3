"""GPU pools as the stack file has them, and a NodePool for pods that need no GPU."""

import pulumi
import pulumi_kubernetes as kubernetes

import eks_gpu_components as eks_gpu

NAME = "packing"

config = pulumi.Config()
region = pulumi.Config("aws").require("region")
gpu_pools: dict[str, eks_gpu.GpuPoolArgs] = config.require_object("gpu_pools")
general_types: list[str] = config.require_object("general_types")

network = eks_gpu.Network(NAME, {"region": region, "zones": eks_gpu.available_zones(region), "cluster_name": NAME})
cluster = eks_gpu.Cluster(
    NAME,
    {
        "region": region,
        "vpc_id": network.vpc_id,
        "subnets": network.private_subnets,
        # Controllers alone are on the system nodes: every pod waits for a node of its own kind.
        "settings": {"name": NAME, "deletion_protection": False, "system_nodes": {"taint": True}},
    },
)
in_cluster = pulumi.ResourceOptions(providers=[cluster.provider])

karpenter = eks_gpu.Karpenter("karpenter", {"cluster": cluster.reference}, in_cluster)
pools = [
    eks_gpu.KarpenterGpuPool(
        name,
        {
            "cluster": cluster.reference,
            "subnets": network.private_subnets,
            "node_role_name": karpenter.node_role_name,
            "pool": pool,
        },
        in_cluster,
    )
    for name, pool in gpu_pools.items()
]
eks_gpu.NvidiaDevicePlugin("nvidia-device-plugin", {"pools": list(gpu_pools.values())}, in_cluster)

kubernetes.apiextensions.CustomResource(
    "general",
    api_version="karpenter.sh/v1",
    kind="NodePool",
    metadata={"name": "general"},
    spec={
        "template": {
            "spec": {
                # One node class does for all: of its image's alias Karpenter takes the variant without a driver here.
                "nodeClassRef": {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": next(iter(gpu_pools))},
                "requirements": [
                    {"key": "kubernetes.io/arch", "operator": "In", "values": ["amd64"]},
                    {"key": "karpenter.sh/capacity-type", "operator": "In", "values": ["on-demand"]},
                    {"key": "node.kubernetes.io/instance-type", "operator": "In", "values": general_types},
                ],
            }
        },
        "disruption": {"consolidationPolicy": "WhenEmpty", "consolidateAfter": "10m"},
        "limits": {"cpu": "1000"},
    },
    opts=pulumi.ResourceOptions(provider=cluster.provider, depends_on=pools),
)
