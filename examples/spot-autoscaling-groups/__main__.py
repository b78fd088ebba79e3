"""EKS with Spot auto scaling groups: general work on 2 to 20 nodes, GPUs from 0 to 10 nodes in each of three zones."""

import pulumi

import eks_gpu_components as eks_gpu

REGION = "us-west-2"
ZONES = ["us-west-2a", "us-west-2b", "us-west-2c"]

GENERAL: eks_gpu.SpotPoolArgs = {
    # One size: the autoscaler plans every node of a group with its first type.
    "instance_types": [
        *("m5.2xlarge", "m5a.2xlarge", "m5d.2xlarge", "m5n.2xlarge", "m6i.2xlarge"),
        *("m6a.2xlarge", "m6id.2xlarge", "m7i.2xlarge", "m7a.2xlarge", "m7i-flex.2xlarge"),
    ],
    "min_nodes": 2,
    "max_nodes": 20,
    "disk_gib": 100,
}
GPU: eks_gpu.GpuPoolArgs = {
    "instance_types": ["g4dn.xlarge", "g5.xlarge", "g6.xlarge"],
    "capacity_types": ["spot"],
    "max_gpus": 30,
    "disk_gib": 100,
}
DRAIN_S = 120  # what a Spot notice leaves

config = pulumi.Config()
api_cidrs = eks_gpu.stack_addresses()

network = eks_gpu.Network(
    "gaia",
    {"region": REGION, "zones": eks_gpu.available_zones(REGION, ZONES), "cluster_name": "gaia-kube"},
)
cluster = eks_gpu.Cluster(
    "gaia",
    {
        "region": REGION,
        "vpc_id": network.vpc_id,
        "subnets": network.private_subnets,
        "settings": {
            "name": "gaia-kube",
            "endpoint": {"public": True, "public_cidrs": api_cidrs},
            "deletion_protection": False,
        },
    },
)
in_cluster = pulumi.ResourceOptions(providers=[cluster.provider])
handler = eks_gpu.NodeTerminationHandler("node-termination-handler", {"cluster": cluster.reference}, in_cluster)
drained = pulumi.ResourceOptions(depends_on=[handler])  # so that the groups go before it

eks_gpu.SpotNodeGroup(
    "spot",
    {
        "cluster": cluster.reference,
        "subnets": network.private_subnets,
        "pool": GENERAL,
        "drain_s": DRAIN_S,
    },
    drained,
)
eks_gpu.GpuNodeGroup(
    "gpu-spot",
    {
        "cluster": cluster.reference,
        "subnets": network.private_subnets,
        "pool": GPU,
        "backend": "auto-scaling-group",
        "drain_s": DRAIN_S,
    },
    drained,
)
eks_gpu.ClusterAutoscaler(
    "cluster-autoscaler",
    {
        "cluster": cluster.reference,
        "pools": {"gpu-spot": GPU},
        "settings": {"spread_over_zones": True},  # Spot is taken back zone by zone
    },
    in_cluster,
)
eks_gpu.NvidiaDevicePlugin("nvidia-device-plugin", {"pools": [GPU]}, in_cluster)
eks_gpu.CudaVectorAdd("cuda-vector-add", {"pool": GPU, "replicas": config.require_int("replicas")}, in_cluster)

pulumi.export("kubeconfig", pulumi.Output.secret(cluster.kubeconfig))
