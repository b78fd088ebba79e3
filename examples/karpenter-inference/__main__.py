"""ResNet inference on EKS: Karpenter starts g4dn nodes for replicas, and removes each 30 s after its last pod."""

import pulumi

import eks_gpu_components as eks_gpu

REGION = "us-west-2"

GPU: eks_gpu.GpuPoolArgs = {
    "instance_types": ["g4dn.xlarge", "g4dn.2xlarge"],
    "capacity_types": ["on-demand"],
    "max_gpus": 100,
    "idle_s": 30,
}

config = pulumi.Config()
api_cidrs = eks_gpu.stack_addresses()

network = eks_gpu.Network(
    "inference",
    {"region": REGION, "zones": eks_gpu.available_zones(REGION), "cluster_name": "inference"},
)
cluster = eks_gpu.Cluster(
    "inference",
    {
        "region": REGION,
        "vpc_id": network.vpc_id,
        "subnets": network.private_subnets,
        "settings": {
            "name": "inference",
            "system_nodes": {"nodes": 3, "instance_types": ["m5.large", "m6i.large", "m7i.large"]},
            "endpoint": {"public": True, "public_cidrs": api_cidrs},
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
balancers = eks_gpu.AwsLoadBalancerController(
    "aws-load-balancer-controller", {"cluster": cluster.reference}, in_cluster
)
resnet = eks_gpu.ResnetInference(
    "resnet",
    {
        "pool": GPU,
        "settings": {
            "image": config.require("image"),
            "model": {"from_image": True},
            "hpa": {"max_replicas": 6},
        },
    },
    # On the way down the service goes first: its load balancer needs its controller, its nodes need Karpenter.
    pulumi.ResourceOptions(providers=[cluster.provider], depends_on=[gpu, balancers]),
)

pulumi.export("url", resnet.url)
pulumi.export("kubeconfig", pulumi.Output.secret(cluster.kubeconfig))
