"""One program for every environment: Pulumi.<stack>.yaml holds the values, this file the wiring."""

from typing import Annotated, NotRequired

import pulumi
from typing_extensions import TypedDict

import components as eks_gpu
from components import CheckedAs


class GpuNodeGroupSettings(TypedDict):
    pool: Annotated[eks_gpu.GpuPoolArgs, CheckedAs(eks_gpu.GpuPool)]
    backend: NotRequired[eks_gpu.Backend]


class SpotNodeGroupSettings(TypedDict):
    pool: Annotated[eks_gpu.SpotPoolArgs, CheckedAs(eks_gpu.SpotPool)]
    backend: NotRequired[eks_gpu.Backend]


class SmokeTestSettings(TypedDict):
    pool: str
    """One of `gpu_node_groups`."""
    replicas: NotRequired[int]


class Settings(TypedDict):
    """`eks-gpu:settings`: a section a component; pools get their names there."""

    zones: NotRequired[list[str]]
    """By name; default the first three that take a cluster."""
    network: NotRequired[Annotated[eks_gpu.NetworkSettingsArgs, CheckedAs(eks_gpu.NetworkSettings)]]
    cluster: Annotated[eks_gpu.ClusterSettingsArgs, CheckedAs(eks_gpu.ClusterSettings)]
    cluster_autoscaler: NotRequired[
        Annotated[eks_gpu.ClusterAutoscalerSettingsArgs, CheckedAs(eks_gpu.ClusterAutoscalerSettings)]
    ]
    spot_node_groups: NotRequired[dict[str, SpotNodeGroupSettings]]
    gpu_node_groups: NotRequired[dict[str, GpuNodeGroupSettings]]
    cuda_vector_add: NotRequired[SmokeTestSettings]


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
in_cluster = pulumi.ResourceOptions(providers=[cluster.provider])

for name, group in settings.get("spot_node_groups", {}).items():
    with problems.at(f"spot_node_groups.{name}", go_on=True):
        eks_gpu.SpotNodeGroup(name, {"cluster": cluster.reference, "subnets": network.private_subnets, **group})
for name, group in settings.get("gpu_node_groups", {}).items():
    with problems.at(f"gpu_node_groups.{name}", go_on=True):
        eks_gpu.GpuNodeGroup(name, {"cluster": cluster.reference, "subnets": network.private_subnets, **group})
problems.stop()

pools = {name: group["pool"] for name, group in settings.get("gpu_node_groups", {}).items()}
if pools:
    eks_gpu.NvidiaDevicePlugin("nvidia-device-plugin", {"pools": list(pools.values())}, in_cluster)
if "cluster_autoscaler" in settings:
    eks_gpu.ClusterAutoscaler(
        "cluster-autoscaler",
        {"cluster": cluster.reference, "pools": pools, "settings": settings["cluster_autoscaler"]},
        in_cluster,
    )
if "cuda_vector_add" in settings:
    test = settings["cuda_vector_add"]
    with problems.at("cuda_vector_add"):
        pool = eks_gpu.pool_named(test["pool"], pools)
        eks_gpu.CudaVectorAdd("cuda-vector-add", {**test, "pool": pool}, in_cluster)

pulumi.export("cluster_name", cluster.reference["name"])
pulumi.export("kubeconfig", pulumi.Output.secret(cluster.kubeconfig))
