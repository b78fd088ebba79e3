"""One program for every environment: Pulumi.<stack>.yaml has the values, settings.py their types, this file the wiring.

Resources are deleted in the reverse order of creation: workloads, then pools, then controllers, cluster and network.
"""

import pulumi

import components as eks_gpu
from first_workloads import first_workloads
from settings import Settings, check_claims, check_names, check_queues, check_reach, check_slices

problems = eks_gpu.SettingsProblems()
settings = problems.settings(Settings, check_names, check_reach, check_claims, check_queues, check_slices)
region = problems.required("aws:region")
node_groups = settings.get("gpu_node_groups", {})
karpenter_pools, auto_mode_pools = settings.get("karpenter_gpu_pools", {}), settings.get("auto_mode_gpu_pools", {})

pools = eks_gpu.StackPools(node_groups, karpenter_pools, auto_mode_pools)
zones = eks_gpu.available_zones(region)
if "mirror" in settings:
    with problems.at(go_on=True):
        eks_gpu.use_mirror(settings["mirror"])
if "zones" in settings:
    with problems.at(go_on=True):
        zones = eks_gpu.available_zones(region, settings["zones"])
with problems.at("network", as_argument="settings"):
    network_settings, cluster_name = settings.get("network", {}), settings["cluster"]["name"]
    network = eks_gpu.Network(
        "network", {"region": region, "zones": zones, "cluster_name": cluster_name, "settings": network_settings}
    )
subnets = network.private_subnets
with problems.at("cluster", as_argument="settings"):
    cluster = eks_gpu.Cluster(
        "cluster",
        {"region": region, "vpc_id": network.vpc_id, "subnets": subnets, "settings": settings["cluster"]},
    )
eks, in_cluster = cluster.reference, pulumi.ResourceOptions(providers=[cluster.provider])
# For what leaves nothing in AWS: it goes with the cluster. The engine hands `deleted_with` on to every child.
with_cluster = pulumi.ResourceOptions(providers=[cluster.provider], deleted_with=cluster)

handlers: list[pulumi.Resource] = []
if "node_termination_handler" in settings:
    with problems.at("node_termination_handler", go_on=True, as_argument="settings"):
        drains = settings["node_termination_handler"]
        handlers = [
            eks_gpu.NodeTerminationHandler("node-termination-handler", {"cluster": eks, "settings": drains}, in_cluster)
        ]
# Before the handler on the way down: a node that has to go waits for it.
drained = pulumi.ResourceOptions(depends_on=handlers)
drained_in_cluster = pulumi.ResourceOptions(depends_on=handlers, providers=[cluster.provider])
for name, group in settings.get("spot_node_groups", {}).items():
    with problems.at(f"spot_node_groups.{name}", go_on=True):
        eks_gpu.SpotNodeGroup(name, {**group, "cluster": eks, "subnets": subnets}, drained)
for name, group in node_groups.items():
    with problems.at(f"gpu_node_groups.{name}", go_on=True):
        pools.made[name] = eks_gpu.GpuNodeGroup(name, {**group, "cluster": eks, "subnets": subnets}, drained_in_cluster)
general_pools = settings.get("karpenter_pools", {})
if karpenter_pools or general_pools:
    how = settings.get("karpenter", {})
    with problems.at("karpenter", as_argument="settings"):
        controller_args: eks_gpu.KarpenterArgs = {"cluster": eks, "settings": how}
        if gated := pools.gated(karpenter_pools):
            controller_args["pools"] = gated
        karpenter = eks_gpu.Karpenter("karpenter", controller_args, in_cluster)
    isolated = how.get("isolated_vpc", False)
    role = karpenter.node_role_name
    for name, pool in karpenter_pools.items():
        with problems.at(f"karpenter_gpu_pools.{name}", go_on=True):
            args: eks_gpu.KarpenterGpuPoolArgs = {**pool, "cluster": eks, "subnets": subnets, "node_role_name": role}
            if isolated:
                args["instance_profile"] = karpenter.node_instance_profile
            pools.made[name] = eks_gpu.KarpenterGpuPool(name, args, in_cluster)
    for name, general in general_pools.items():
        with problems.at(f"karpenter_pools.{name}", go_on=True):
            given: eks_gpu.KarpenterPoolArgs = {**general, "cluster": eks, "subnets": subnets, "node_role_name": role}
            if isolated:
                given["instance_profile"] = karpenter.node_instance_profile
            eks_gpu.KarpenterPool(name, given, in_cluster)
for name, pool in auto_mode_pools.items():
    with problems.at(f"auto_mode_gpu_pools.{name}", go_on=True):
        pools.made[name] = eks_gpu.AutoModeGpuPool(name, {**pool, "cluster": eks, "subnets": subnets}, in_cluster)

if "cluster_autoscaler" in settings:
    with problems.at("cluster_autoscaler", go_on=True, as_argument="settings"):
        eks_gpu.ClusterAutoscaler(
            "cluster-autoscaler",
            {
                "cluster": eks,
                "pools": {name: pools.args[name] for name in node_groups},
                "settings": settings["cluster_autoscaler"],
            },
            in_cluster,
        )
own_nodes = (*node_groups, *karpenter_pools)  # Auto Mode brings drivers and plugins
nvidia = pools.with_accelerator("nvidia", own_nodes)
if nvidia and "gpu_operator" in settings:
    with problems.at("gpu_operator", go_on=True, as_argument="settings"):
        eks_gpu.GpuOperator("gpu-operator", {"pools": nvidia, "settings": settings["gpu_operator"]}, with_cluster)
elif pools.needing_plugin("nvidia", own_nodes):
    whole = [pool for pool in nvidia if "mig" not in pool]  # of the others check_slices tells
    if whole:
        with problems.at(go_on=True):
            eks_gpu.NvidiaDevicePlugin("nvidia-device-plugin", {"pools": whole}, with_cluster)
if claiming := pools.claiming(own_nodes):
    with problems.at("nvidia_dra_driver", go_on=True, as_argument="settings"):
        driver: eks_gpu.NvidiaDraDriverArgs = {"cluster": eks, "pools": claiming}
        eks_gpu.NvidiaDraDriver(
            "nvidia-dra-driver", {**driver, "settings": settings.get("nvidia_dra_driver", {})}, with_cluster
        )
if neuron := pools.needing_plugin("neuron", own_nodes):
    eks_gpu.NeuronDevicePlugin("neuron-device-plugin", {"pools": neuron}, with_cluster)
if fabric := pools.with_efa(own_nodes):
    eks_gpu.EfaDevicePlugin("efa-device-plugin", {"pools": fabric}, with_cluster)
operator_exporter = bool(nvidia) and settings.get("gpu_operator", {"dcgm_exporter": False}).get("dcgm_exporter", True)
if "gpu_observability" in settings and (pools.args or not problems.found):
    with problems.at("gpu_observability", go_on=True, as_argument="settings"):
        eks_gpu.GpuObservability(
            "gpu-observability",
            {
                "cluster": eks,
                "pools": pools.args,
                "operator_exporter": operator_exporter,
                "settings": settings["gpu_observability"],
            },
            in_cluster,
        )
balancers: list[pulumi.Resource] = []
if "aws_load_balancer_controller" in settings:
    controller = settings["aws_load_balancer_controller"]
    balancers = [
        eks_gpu.AwsLoadBalancerController(
            "aws-load-balancer-controller", {"cluster": eks, "settings": controller}, in_cluster
        )
    ]
scalers: list[pulumi.Resource] = []
if "keda_operator" in settings:
    with problems.at("keda_operator", go_on=True):
        keda: eks_gpu.KedaOperatorArgs = {**settings["keda_operator"], "cluster": eks}
        if "gpu_observability" in settings:
            keda = {"metrics": True, **keda}
        scalers = [eks_gpu.KedaOperator("keda", keda, in_cluster)]
gangs: list[pulumi.Resource] = []
if "job_set_controller" in settings:
    with problems.at("job_set_controller", go_on=True):
        gangs = [eks_gpu.JobSetController("jobset", settings["job_set_controller"], with_cluster)]
if "kueue" in settings:
    with problems.at("kueue", as_argument="settings"):
        # After the controllers of gangs: it looks for their kinds when it starts.
        after_gangs = pulumi.ResourceOptions.merge(with_cluster, pulumi.ResourceOptions(depends_on=gangs))
        kueue = eks_gpu.Kueue("kueue", {"settings": settings["kueue"]}, after_gangs)
    after_kueue = pulumi.ResourceOptions.merge(with_cluster, pulumi.ResourceOptions(depends_on=[kueue]))
    for name, queue in settings.get("training_queues", {}).items():
        with problems.at(f"training_queues.{name}", go_on=True):
            eks_gpu.TrainingQueue(name, pools.of_several(queue), after_kueue)

first_workloads(settings, problems, pools, cluster, [*balancers, *scalers])
problems.stop()

pulumi.export("cluster_name", cluster.reference["name"])
pulumi.export("kubeconfig", pulumi.Output.secret(cluster.kubeconfig))
