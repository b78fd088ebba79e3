"""EKS Auto Mode: AWS runs the nodes; the program makes GPU and Neuron pools, and a pod that needs an L40S."""

import pulumi

import eks_gpu_components as eks_gpu

REGION = "us-west-2"

GPU: eks_gpu.GpuPoolArgs = {
    # Types, not the families g6e and g6: packed on a g6e.48xlarge, four pods cost more than on four small nodes.
    "instance_types": ["g6.xlarge", "g6.2xlarge", "g6e.xlarge", "g6e.2xlarge"],
    "capacity_types": ["on-demand"],
    "max_gpus": 8,
    "disk_gib": 80,
    "idle_s": 3600,
    "disruption_budget": "10%",
    "termination_grace_s": 24 * 3600,
}
NEURON: eks_gpu.GpuPoolArgs = {
    # Inferentia and Trainium in one pool: Auto Mode looks at the pod, and takes the cheapest that has room for it.
    "instance_types": ["inf2.xlarge", "inf2.8xlarge", "trn1.2xlarge"],
    "capacity_types": ["on-demand"],
    "max_gpus": 4,
    "idle_s": 3600,
}

api_cidrs = eks_gpu.stack_addresses()

network = eks_gpu.Network(
    "auto-mode",
    {"region": REGION, "zones": eks_gpu.available_zones(REGION), "cluster_name": "auto-mode"},
)
cluster = eks_gpu.Cluster(
    "auto-mode",
    {
        "region": REGION,
        "vpc_id": network.vpc_id,
        "subnets": network.private_subnets,
        "settings": {
            "name": "auto-mode",
            "auto_mode": {"built_in_pools": ["general-purpose", "system"]},
            "endpoint": {"public": True, "public_cidrs": api_cidrs},
            "deletion_protection": False,
        },
    },
)
in_cluster = pulumi.ResourceOptions(providers=[cluster.provider])

gpu = eks_gpu.AutoModeGpuPool(
    "gpu",
    {
        "cluster": cluster.reference,
        "subnets": network.private_subnets,
        "pool": GPU,
        "storage": {"iops": 3000, "throughput_mib_s": 125},
    },
    in_cluster,
)
eks_gpu.AutoModeGpuPool(
    "neuron",
    {"cluster": cluster.reference, "subnets": network.private_subnets, "pool": NEURON},
    in_cluster,
)
eks_gpu.GpuSmokeTest(
    "nvidia-smi",
    {"pool": GPU, "gpu": "l40s", "backend": "auto-mode", "memory_mib": 30 * 1024, "cpu_millicores": 3500},
    pulumi.ResourceOptions(providers=[cluster.provider], depends_on=[gpu]),
)

pulumi.export("kubeconfig", pulumi.Output.secret(cluster.kubeconfig))
