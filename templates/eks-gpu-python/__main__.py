"""GPU nodes on Amazon EKS that exist only while a pod needs them."""

import pulumi

import eks_gpu_components as eks_gpu

REGION, NAME = pulumi.Config("aws").require("region"), f"{pulumi.get_project()}-{pulumi.get_stack()}"
POOL: eks_gpu.GpuPoolArgs = {
    "instance_types": ["g4dn.xlarge", "g6.xlarge", "g5.xlarge"],
    "capacity_types": ["spot", "on-demand"],
    "max_gpus": pulumi.Config().require_int("max_gpus"),
    "idle_s": 120,
}
SETTINGS: eks_gpu.ClusterSettingsArgs = {
    "name": NAME,
    "endpoint": {"public": True, "public_cidrs": eks_gpu.stack_addresses()},  # set api_cidrs to your own address
    "deletion_protection": False,
    "system_nodes": {"nodes": 2, "instance_types": ["m7i.large", "m6i.large", "m5.large"]},
}

zones = eks_gpu.available_zones(REGION)
network = eks_gpu.Network("network", {"region": REGION, "zones": zones, "cluster_name": NAME})
vpc, subnets = network.vpc_id, network.private_subnets
cluster = eks_gpu.Cluster("cluster", {"region": REGION, "vpc_id": vpc, "subnets": subnets, "settings": SETTINGS})
eks, in_cluster = cluster.reference, pulumi.ResourceOptions(providers=[cluster.provider])
role = eks_gpu.Karpenter("karpenter", {"cluster": eks}, in_cluster).node_role_name
gpu: eks_gpu.KarpenterGpuPoolArgs = {"cluster": eks, "subnets": subnets, "node_role_name": role, "pool": POOL}
nodes = eks_gpu.KarpenterGpuPool("gpu", gpu, in_cluster)
eks_gpu.NvidiaDevicePlugin("device-plugin", {"pools": [POOL]}, in_cluster)
after = pulumi.ResourceOptions(providers=[cluster.provider], depends_on=[nodes])
eks_gpu.CudaVectorAdd("gpu-test", {"pool": POOL, "replicas": 1}, after)  # one pod with one GPU

pulumi.export("kubeconfig", pulumi.Output.secret(cluster.kubeconfig))
