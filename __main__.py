"""One program for every environment: Pulumi.<stack>.yaml holds the values, settings.py their shape, this the wiring.

What is made after something is taken away before it: workloads, then pools, then controllers, cluster and network.
"""

import pulumi

import components as eks_gpu
from settings import Settings

settings = eks_gpu.stack_settings(Settings)
problems = eks_gpu.SettingsProblems()
region = pulumi.Config("aws").require("region")

with problems.at():
    zones = eks_gpu.available_zones(region, settings.get("zones"))
with problems.at("network"):
    network = eks_gpu.Network(
        "network",
        {
            "region": region,
            "zones": zones,
            "cluster_name": settings["cluster"]["name"],
            "settings": settings.get("network", {}),
        },
    )
with problems.at("cluster"):
    cluster = eks_gpu.Cluster(
        "cluster",
        {
            "region": region,
            "vpc_id": network.vpc_id,
            "subnets": network.private_subnets,
            "settings": settings["cluster"],
        },
    )


def in_cluster(*after: pulumi.Resource) -> pulumi.ResourceOptions:
    return pulumi.ResourceOptions(providers=[cluster.provider], depends_on=after)


def with_cluster(*after: pulumi.Resource) -> pulumi.ResourceOptions:
    """For what leaves nothing in AWS: it goes with the cluster. The engine hands `deleted_with` on to every child."""
    return pulumi.ResourceOptions.merge(in_cluster(*after), pulumi.ResourceOptions(deleted_with=cluster))


node_groups = settings.get("gpu_node_groups", {})
karpenter_pools = settings.get("karpenter_gpu_pools", {})
auto_mode_pools = settings.get("auto_mode_gpu_pools", {})
sections = {**node_groups, **karpenter_pools, **auto_mode_pools}
pools = {name: section["pool"] for name, section in sections.items()}
makers: dict[str, pulumi.Resource] = {}
with problems.at():
    if twice := sorted({*node_groups} & {*karpenter_pools} | {*auto_mode_pools} & {*node_groups, *karpenter_pools}):
        raise eks_gpu.BadInput([f"pools must have names of their own, got {', '.join(twice)} in two sections"])

for name, group in settings.get("spot_node_groups", {}).items():
    with problems.at(f"spot_node_groups.{name}", go_on=True):
        eks_gpu.SpotNodeGroup(name, {"cluster": cluster.reference, "subnets": network.private_subnets, **group})
for name, group in node_groups.items():
    with problems.at(f"gpu_node_groups.{name}", go_on=True):
        makers[name] = eks_gpu.GpuNodeGroup(
            name, {"cluster": cluster.reference, "subnets": network.private_subnets, **group}
        )
if karpenter_pools:
    karpenter = eks_gpu.Karpenter(
        "karpenter",
        {"cluster": cluster.reference, "settings": settings.get("karpenter", {})},
        in_cluster(),
    )
    for name, pool in karpenter_pools.items():
        with problems.at(f"karpenter_gpu_pools.{name}", go_on=True):
            makers[name] = eks_gpu.KarpenterGpuPool(
                name,
                {
                    "cluster": cluster.reference,
                    "subnets": network.private_subnets,
                    "node_role_name": karpenter.node_role_name,
                    **pool,
                },
                in_cluster(),
            )
for name, pool in auto_mode_pools.items():
    with problems.at(f"auto_mode_gpu_pools.{name}", go_on=True):
        makers[name] = eks_gpu.AutoModeGpuPool(
            name, {"cluster": cluster.reference, "subnets": network.private_subnets, **pool}, in_cluster()
        )
problems.stop()

if "cluster_autoscaler" in settings:
    eks_gpu.ClusterAutoscaler(
        "cluster-autoscaler",
        {
            "cluster": cluster.reference,
            "pools": {name: pools[name] for name in node_groups},
            "settings": settings["cluster_autoscaler"],
        },
        in_cluster(),
    )
own_nodes = [pools[name] for name in (*node_groups, *karpenter_pools)]  # Auto Mode brings drivers and plugin
if own_nodes and "gpu_operator" in settings:
    eks_gpu.GpuOperator("gpu-operator", {"pools": own_nodes, "settings": settings["gpu_operator"]}, with_cluster())
elif own_nodes:
    eks_gpu.NvidiaDevicePlugin("nvidia-device-plugin", {"pools": own_nodes}, with_cluster())
balancers: list[pulumi.Resource] = []
if "aws_load_balancer_controller" in settings:
    balancers = [
        eks_gpu.AwsLoadBalancerController(
            "aws-load-balancer-controller",
            {"cluster": cluster.reference, "settings": settings["aws_load_balancer_controller"]},
            in_cluster(),
        )
    ]

if "cuda_vector_add" in settings:
    vector_add = settings["cuda_vector_add"]
    with problems.at("cuda_vector_add"):
        pool = eks_gpu.pool_named(vector_add["pool"], pools)
        eks_gpu.CudaVectorAdd("cuda-vector-add", {**vector_add, "pool": pool}, with_cluster(makers[vector_add["pool"]]))
if "gpu_smoke_test" in settings:
    smoke = settings["gpu_smoke_test"]
    with problems.at("gpu_smoke_test"):
        pool = eks_gpu.pool_named(smoke["pool"], pools)
        backend = "auto-mode" if smoke["pool"] in auto_mode_pools else "karpenter"
        eks_gpu.GpuSmokeTest(
            "nvidia-smi", {**smoke, "pool": pool, "backend": backend}, with_cluster(makers[smoke["pool"]])
        )
if "resnet" in settings:
    inference = settings["resnet"]
    with problems.at("resnet"):
        pool = eks_gpu.pool_named(inference["pool"], pools)
        resnet = eks_gpu.ResnetInference(
            "resnet",
            {"cluster": cluster.reference, "pool": pool, "settings": inference["settings"]},
            in_cluster(makers[inference["pool"]], *balancers),
        )
    pulumi.export("resnet_url", resnet.url)

pulumi.export("cluster_name", cluster.reference["name"])
pulumi.export("kubeconfig", pulumi.Output.secret(cluster.kubeconfig))
