"""Node groups and add-ons of pulumi-eks: what each makes, and which pools a plan then reads."""

import json
from base64 import b64decode
from typing import Any

import pulumi
import pulumi_aws as aws
import pulumi_eks as eks
import pulumi_kubernetes as k8s

from eks_gpu.plan.analysis import Analysis, analyse
from tests.engine import REGION, Run, run
from tests.graphs import TODAY

TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"


def analysed(ran: Run) -> Analysis:
    return analyse(ran.graph, REGION, TODAY)


def pools(ran: Run) -> dict[str, tuple[Any, ...]]:
    return {
        pool.name: (pool.backend, pool.instance_types, pool.min_nodes, pool.max_nodes, pool.capacity_types)
        for pool in analysed(ran).pools
    }


def quantities(found: Analysis) -> dict[str, int]:
    """Lines of the bill while no workload runs."""
    return {item.name: item.quantity for item in found.cost.idle.items}


def failed(ran: Run) -> set[tuple[str, str]]:
    return {(found.id, found.subject) for found in analysed(ran).findings if found.passed is False}


def web(replicas: int, cluster: eks.Cluster) -> None:
    """A Deployment with no wishes, in the way of Pulumi's examples."""
    labels = {"app": "web"}
    k8s.apps.v1.Deployment(
        "web",
        metadata={"name": "web"},
        spec={
            "replicas": replicas,
            "selector": {"match_labels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "web", "image": "nginx"}]}},
        },
        opts=pulumi.ResourceOptions(provider=k8s.Provider("to-cluster", kubeconfig=cluster.kubeconfig_json)),
    )


def test_the_default_group_is_a_pool_with_its_own_price_that_takes_pods():
    def program():
        web(3, eks.Cluster("site", instance_type="m5.xlarge", desired_capacity=3, min_size=3, max_size=4))

    found = analysed(run(program))

    assert pools(run(program)) == {"site": ("auto-scaling-group", ("m5.xlarge",), 3, 4, ("on-demand",))}
    assert found.admitted_by(found.workloads[0]) == ["site"]
    assert quantities(found)["pool site: m5.xlarge, on demand"] == 3
    assert found.pools[0].cluster == "site-eksCluster"


def test_a_default_group_with_gpus_is_judged_as_any_gpu_pool():
    """In the way of public programs that set `gpu` and a GPU type on the cluster itself."""

    def program():
        vpc = aws.ec2.Vpc("net", cidr_block="10.1.0.0/16")
        subnets = [
            aws.ec2.Subnet(
                f"net-{zone}", vpc_id=vpc.id, cidr_block=f"10.1.{n}.0/24", availability_zone=f"{REGION}{zone}"
            )
            for n, zone in enumerate("ab")
        ]
        cluster = eks.Cluster(
            "train",
            vpc_id=vpc.id,
            subnet_ids=[subnet.id for subnet in subnets],
            instance_type="g4dn.xlarge",
            gpu=True,
            desired_capacity=2,
            min_size=1,
            max_size=4,
            node_root_volume_size=200,
        )
        web(1, cluster)

    ran = run(program)
    (pool,) = analysed(ran).pools

    assert pools(ran) == {"train": ("auto-scaling-group", ("g4dn.xlarge",), 1, 4, ("on-demand",))}
    assert (pool.accelerator, pool.gpus_per_node, pool.max_gpus) == ("nvidia", 1, 4)
    assert pool.zones == ("us-west-2a", "us-west-2b")
    assert pool.disks is not None
    assert [disk.gib for disk in pool.disks] == [200]
    assert {("gpu-nodes-are-tainted", "train"), ("gpu-pools-start-at-zero", "train")} <= failed(ran)
    workload = analysed(ran).workloads[0]
    assert analysed(ran).admitted_by(workload) == ["train"]
    assert quantities(analysed(ran))["pool train: g4dn.xlarge, on demand"] == 2


def test_a_tainted_managed_group_and_a_spot_group_are_two_pools():
    """In the way of public programs: GPU nodes by EKS, cheap nodes of one's own beside them."""

    def program():
        role = aws.iam.Role("gpu", assume_role_policy="{}")
        cluster = eks.Cluster("lab", skip_default_node_group=True, instance_roles=[role])
        eks.ManagedNodeGroup(
            "gpu",
            cluster=cluster,
            node_role=role,
            instance_types=["g6.2xlarge"],
            ami_type="AL2023_x86_64_NVIDIA",
            disk_size=150,
            scaling_config={"min_size": 0, "desired_size": 0, "max_size": 3},
            labels={"team": "vision"},
            taints=[{"key": "nvidia.com/gpu", "value": "true", "effect": "NO_SCHEDULE"}],
            ignore_scaling_changes=True,
        )
        profile = aws.iam.InstanceProfile("cheap", role=role.name)
        eks.NodeGroupV2(
            "cheap",
            cluster=cluster,
            instance_profile=profile,
            instance_type="m6i.large",
            spot_price="0.08",
            min_size=1,
            desired_capacity=2,
            max_size=5,
            labels={"lifecycle": "spot"},
            taints={"spot": {"value": "true", "effect": "PreferNoSchedule"}},
        )
        web(2, cluster)

    ran = run(program)
    found = analysed(ran)
    by_name = {pool.name: pool for pool in found.pools}

    assert pools(ran) == {
        "gpu": ("managed-node-group", ("g6.2xlarge",), 0, 3, ("on-demand",)),
        "cheap": ("auto-scaling-group", ("m6i.large",), 1, 5, ("spot",)),
    }
    assert by_name["gpu"].labels == {"team": "vision"}
    assert by_name["gpu"].cluster == by_name["cheap"].cluster == "lab-eksCluster"
    assert by_name["gpu"].desired_is_ignored
    assert by_name["cheap"].labels == {"lifecycle": "spot"}
    assert [taint.for_kubernetes()["effect"] for taint in by_name["cheap"].taints] == ["PreferNoSchedule"]
    assert found.admitted_by(found.workloads[0]) == ["cheap"]
    assert quantities(found)["pool cheap: m6i.large, Spot"] == 2
    assert ("gpu-nodes-are-tainted", "gpu") not in failed(ran)
    # Its image is looked up with each update, and pulumi-eks gives the group an instance refresh.
    assert by_name["cheap"].upgrade.how == "refresh"
    # The image of AL2023 requires IMDSv2 where the template says nothing of it.
    assert by_name["cheap"].imds_v2


def test_a_managed_group_says_two_nodes_where_the_program_does_not():
    ran = run(
        lambda: eks.ManagedNodeGroup(
            "plain", cluster=eks.Cluster("c", skip_default_node_group=True, version="1.34"), node_role_arn="arn:1"
        )
    )

    group = ran.one("aws:eks/nodeGroup:NodeGroup").inputs
    assert group["scalingConfig"] == {"desiredSize": 2, "minSize": 1, "maxSize": 2}
    assert group["version"] == "1.34"
    assert ran.of(TEMPLATE) == []


def test_a_managed_group_with_an_image_of_its_own_says_in_user_data_what_eks_would():
    ran = run(
        lambda: eks.ManagedNodeGroup(
            "own",
            cluster=eks.Cluster("c", skip_default_node_group=True, name="prod"),
            node_role_arn="arn:1",
            ami_id="ami-1",
            disk_size=80,
            enable_imd_sv2=True,
            labels={"a": "b"},
            taints=[{"key": "k", "value": "v", "effect": "NO_EXECUTE"}],
        )
    )

    group, template = ran.one("aws:eks/nodeGroup:NodeGroup").inputs, ran.one(TEMPLATE)
    assert group["launchTemplate"] == {"id": template.id, "version": "1"}
    assert "version" not in group
    assert "diskSize" not in group
    assert template.inputs["imageId"] == "ami-1"
    assert template.inputs["metadataOptions"]["httpTokens"] == "required"
    assert template.inputs["blockDeviceMappings"] == [{"deviceName": "/dev/xvda", "ebs": {"volumeSize": 80}}]
    text = b64decode(template.inputs["userData"]).decode()
    assert "name: prod" in text
    assert "--node-labels=a=b" in text
    assert "--register-with-taints=k=v:NoExecute" in text


def test_the_core_of_a_cluster_stands_for_the_cluster():
    def program():
        cluster = eks.Cluster("c", skip_default_node_group=True)
        eks.ManagedNodeGroup("core", cluster=cluster.core, node_role_arn="arn:1")

    assert run(program).one("aws:eks/nodeGroup:NodeGroup").inputs["clusterName"] == "c-eksCluster"


def test_a_bottlerocket_group_has_its_settings_in_toml():
    ran = run(
        lambda: eks.NodeGroupV2(
            "br",
            cluster=eks.Cluster("c", skip_default_node_group=True, name="prod"),
            operating_system=eks.OperatingSystem.BOTTLEROCKET,
            instance_profile_name="nodes",
            instance_type="g5.xlarge",
            gpu=True,
            labels={"team": "a"},
            taints={"nvidia.com/gpu": {"value": "true", "effect": "NoSchedule"}},
        )
    )

    (pool,) = analysed(ran).pools
    assert pool.cluster == "prod"
    assert pool.labels == {"team": "a"}
    assert [taint.for_kubernetes() for taint in pool.taints] == [
        {"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"}
    ]


def test_the_older_node_group_is_a_stack_of_cloudformation():
    def program():
        cluster = eks.Cluster("c", skip_default_node_group=True, subnet_ids=["subnet-1"], vpc_id="vpc-1")
        group = eks.NodeGroup(
            "old",
            cluster=cluster,
            instance_profile_name="nodes",
            instance_type="p3.2xlarge",
            max_size=4,
            spot_price="1",
        )
        pulumi.export("asg", group.auto_scaling_group_name)

    ran = run(program)

    launched = ran.one("aws:ec2/launchConfiguration:LaunchConfiguration")
    stack = ran.one("aws:cloudformation/stack:Stack")
    properties = json.loads(stack.inputs["templateBody"])["Resources"]["NodeGroup"]["Properties"]
    assert launched.name == "old-nodeLaunchConfiguration"
    assert (launched.inputs["instanceType"], launched.inputs["spotPrice"]) == ("p3.2xlarge", "1")
    assert stack.name == "old-nodes"
    assert (properties["MinSize"], properties["DesiredCapacity"], properties["MaxSize"]) == (1, 2, 4)
    assert properties["LaunchConfigurationName"] == launched.id
    assert properties["VPCZoneIdentifier"] == ["subnet-1"]
    assert ran.exports["asg"]


def test_an_addon_lies_in_its_cluster_and_is_read_as_an_addon():
    def program():
        cluster = eks.Cluster("c")
        eks.Addon("metrics", cluster=cluster, addon_name="metrics-server", configuration_values={"replicas": 2})

    addon = run(program).one("aws:eks/addon:Addon", "metrics")

    assert addon.urn.endswith("::eks:index:Cluster$eks:index:Addon$aws:eks/addon:Addon::metrics")
    assert addon.inputs["clusterName"] == "c-eksCluster"
    assert addon.inputs["addonName"] == "metrics-server"
    assert json.loads(addon.inputs["configurationValues"]) == {"replicas": 2}


def test_a_storage_class_finds_the_driver_that_an_addon_brings():
    def program(addon: str):
        cluster = eks.Cluster("c")
        eks.Addon("storage", cluster=cluster, addon_name=addon)
        provider = k8s.Provider("k", kubeconfig=cluster.kubeconfig_json)
        k8s.storage.v1.StorageClass(
            "disks",
            metadata={"name": "disks"},
            provisioner="ebs.csi.aws.com",
            opts=pulumi.ResourceOptions(provider=provider),
        )

    wanted = "storage-classes-have-their-driver"
    assert wanted not in {id_ for id_, _ in failed(run(lambda: program("aws-ebs-csi-driver")))}
    assert wanted in {id_ for id_, _ in failed(run(lambda: program("metrics-server")))}


def test_the_vpc_cni_takes_its_settings():
    ran = run(
        lambda: eks.Cluster("c", vpc_cni_options={"enable_prefix_delegation": True, "enable_network_policy": True})
    )

    values = json.loads(ran.one("aws:eks/addon:Addon", "c-vpc-cni").inputs["configurationValues"])
    assert values["env"]["ENABLE_PREFIX_DELEGATION"] == "true"
    assert values["env"]["WARM_ENI_TARGET"] == "1"
    assert values["enableNetworkPolicy"] == "true"
    assert values["init"] == {"env": {"DISABLE_TCP_EARLY_DEMUX": "false"}}


def test_controllers_need_standing_nodes_or_fargate():
    def program(**args: Any):
        cluster = eks.Cluster("c", name="c", **args)
        eks.ManagedNodeGroup("plain", cluster=cluster, node_role_arn="arn:1")
        k8s.helm.v3.Release(
            "karpenter",
            name="karpenter",
            chart="oci://public.ecr.aws/karpenter/karpenter",
            version="1.14.0",
            values={"settings": {"clusterName": "c"}, "nodeSelector": {"no": "such"}},
            opts=pulumi.ResourceOptions(provider=k8s.Provider("k", kubeconfig=cluster.kubeconfig_json)),
        )

    wanted = ("controllers-have-standing-nodes", "release karpenter")
    assert wanted in failed(run(lambda: program()))
    assert wanted in failed(run(lambda: program(skip_default_node_group=True)))
    assert wanted not in failed(run(lambda: program(fargate=True)))


def test_the_launch_template_that_a_group_names_is_judged():
    def program(**args: Any):
        eks.NodeGroupV2("own", cluster=eks.Cluster("c", skip_default_node_group=True), **args)

    wanted = ("nodes-may-join-the-cluster", "own")
    assert wanted in failed(run(lambda: program()))
    assert wanted not in failed(run(lambda: program(instance_profile_name="nodes")))
