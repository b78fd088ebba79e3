"""A language model whose pods and GPU nodes are there only while prompts wait in a queue: none of either when idle."""

import pulumi
import pulumi_aws as aws

import eks_gpu_components as eks_gpu

REGION = "us-west-2"

GPU: eks_gpu.GpuPoolArgs = {
    # Each has one GPU of 22 GiB or more: enough for the model and a request of 8192 tokens.
    "instance_types": ["g6.xlarge", "g5.xlarge", "g6.2xlarge"],
    "capacity_types": ["spot", "on-demand"],
    "max_gpus": 4,
    "idle_s": 60,
}

config = pulumi.Config()

network = eks_gpu.Network(
    "llm",
    {"region": REGION, "zones": eks_gpu.available_zones(REGION), "cluster_name": "llm", "settings": {"nat": "single"}},
)
cluster = eks_gpu.Cluster(
    "llm",
    {
        "region": REGION,
        "vpc_id": network.vpc_id,
        "subnets": network.private_subnets,
        "settings": {
            "name": "llm",
            "system_nodes": {"nodes": 2, "instance_types": ["m7i.large", "m7a.large", "m6i.large"]},
            "endpoint": {"public": True, "public_cidrs": eks_gpu.stack_addresses()},
            "deletion_protection": False,
        },
    },
)
in_cluster = pulumi.ResourceOptions(providers=[cluster.provider])

karpenter = eks_gpu.Karpenter("karpenter", {"cluster": cluster.reference}, in_cluster)
gpu = eks_gpu.KarpenterGpuPool(
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

# A prompt that nobody has finished after 15 minutes comes back into the queue.
prompts = aws.sqs.Queue("prompts", visibility_timeout_seconds=900, sqs_managed_sse_enabled=True)
keda = eks_gpu.KedaOperator("keda", {"cluster": cluster.reference, "queue_arns": [prompts.arn]}, in_cluster)

llm = eks_gpu.LlmInference(
    "llm",
    {
        "cluster": cluster.reference,
        "pool": GPU,
        "settings": {"model": {"name": "Qwen/Qwen3-8B", "s3_uri": config.require("model_s3_uri")}},
        "service": {"namespace": "llm", "max_replicas": 4},  # KEDA sets their number
    },
    pulumi.ResourceOptions(providers=[cluster.provider], depends_on=[gpu]),
)
eks_gpu.ScaledObject(
    "llm",
    {
        "target": {"name": "llm", "namespace": "llm"},
        "pool": GPU,
        "settings": {
            "sqs": {"queue_url": prompts.url, "region": REGION, "messages_per_replica": 5},
            "polling_s": 10,
            "cooldown_s": 120,
        },
    },
    # On the way down it goes before KEDA, which has to let go of it.
    pulumi.ResourceOptions(providers=[cluster.provider], depends_on=[keda, llm]),
)

pulumi.export("queue_url", prompts.url)
pulumi.export("url", llm.url)
pulumi.export("kubeconfig", pulumi.Output.secret(cluster.kubeconfig))
