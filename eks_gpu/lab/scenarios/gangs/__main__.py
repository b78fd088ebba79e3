"""A pool of four GPUs and a queue over it."""

import pulumi

import eks_gpu_components as eks_gpu

NAME, REGION = "gangs", "us-west-2"
GPU: eks_gpu.GpuPoolArgs = {
    "instance_types": ["g4dn.xlarge"],
    "capacity_types": ["spot", "on-demand"],
    "max_gpus": 4,
    "idle_s": 600,
}

network = eks_gpu.Network(NAME, {"region": REGION, "zones": eks_gpu.available_zones(REGION), "cluster_name": NAME})
cluster = eks_gpu.Cluster(
    NAME,
    {
        "region": REGION,
        "vpc_id": network.vpc_id,
        "subnets": network.private_subnets,
        "settings": {"name": NAME, "deletion_protection": False},
    },
)
in_cluster = pulumi.ResourceOptions(providers=[cluster.provider])

karpenter = eks_gpu.Karpenter("karpenter", {"cluster": cluster.reference}, in_cluster)
eks_gpu.KarpenterGpuPool(
    "gpu",
    {
        "cluster": cluster.reference,
        "subnets": network.private_subnets,
        "node_role_name": karpenter.node_role_name,
        "pool": GPU,
    },
    in_cluster,
)
eks_gpu.NvidiaDevicePlugin("nvidia-device-plugin", {"pools": [GPU]}, in_cluster)

gangs = [
    eks_gpu.JobSetController("jobset", {}, in_cluster),
    eks_gpu.LeaderWorkerSetController("lws", {}, in_cluster),
]
kueue = eks_gpu.Kueue(
    "kueue",
    {
        "settings": {
            "integrations": ["job", "jobset", "leaderworkerset"],
            # So soon after a pod was lost that nobody waits for its new node.
            "all_or_nothing": {"recovery_s": 5, "backoff_s": 1},
        }
    },
    pulumi.ResourceOptions(providers=[cluster.provider], depends_on=gangs),
)
eks_gpu.TrainingQueue(
    "training", {"pools": {"gpu": GPU}}, pulumi.ResourceOptions(providers=[cluster.provider], depends_on=[kueue])
)
