"""A language model over two nodes of a pool, whose groups of pods somebody else counts."""

import pulumi

import eks_gpu_components as eks_gpu

NAME, REGION = "several-nodes", "us-west-2"
GPU: eks_gpu.GpuPoolArgs = {"instance_types": ["g6.xlarge"], "max_gpus": 4, "idle_s": 30}

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
controller = eks_gpu.LeaderWorkerSetController("lws", {}, in_cluster)
eks_gpu.LlmInference(
    "llm",
    {
        "cluster": cluster.reference,
        "pool": GPU,
        "settings": {
            "model": {"name": "Qwen/Qwen3-8B", "s3_uri": "s3://models/qwen3-8b"},
            "nodes": 2,
            "tensor_parallel": 1,
        },
        "service": {"max_replicas": 2},
    },
    pulumi.ResourceOptions(providers=[cluster.provider], depends_on=[controller, karpenter]),
)
