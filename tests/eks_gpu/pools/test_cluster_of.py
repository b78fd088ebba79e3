"""Several clusters in one stack: each object belongs to the one that its provider reaches."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pulumi
import pulumi_aws as aws
import pulumi_eks as eks
import pulumi_kubernetes as k8s
import pytest

from eks_gpu.checks import Waiver
from eks_gpu.explain.stack_rooms import stack_rooms
from eks_gpu.graph.graph import Graph, Resource
from eks_gpu.plan.analysis import Analysis, analyse
from eks_gpu.pods.reasons import Rule
from eks_gpu.pools.cluster_of import Owners
from eks_gpu.pools.readers import pools
from tests.engine import run
from tests.graphs import (
    TODAY,
    autoscaler,
    cluster,
    cpu_work,
    device_plugin,
    gpu_work,
    kubernetes,
    launch_template,
    managed_group,
    release,
    resource,
    tags,
)
from tests.karpenter_graphs import karpenter, node_class, node_pool

ROLE = "arn:aws:iam::123456789012:role/c"


def kubeconfig(name: str, args: list[str] | None = None, server: str = "https://0.eks.amazonaws.com") -> dict[str, Any]:
    user = {"exec": {"command": "aws", "args": args or []}}
    return {
        "clusters": [{"name": name, "cluster": {"server": server}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": "aws"}}],
        "current-context": name,
        "users": [{"name": "aws", "user": user}],
    }


GET_TOKEN = ["eks", "get-token", "--region", "us-west-2", "--cluster-name", "far"]
ARN = "arn:aws:eks:us-west-2:123456789012:cluster/far"


@pytest.mark.parametrize(
    ("inputs", "owner"),
    [
        ({"kubeconfig": json.dumps(kubeconfig("any", GET_TOKEN))}, "far"),
        ({"kubeconfig": kubeconfig("any", ["token", "-i", "far"])}, "far"),
        ({"kubeconfig": json.dumps(kubeconfig(ARN))}, "far"),
        ({"context": ARN}, "far"),
        ({"kubeconfig": json.dumps(kubeconfig("any", server="https://south"))}, "south"),
        ({"kubeconfig": json.dumps(kubeconfig("south"))}, "south"),
        ({"kubeconfig": "https://south"}, "south"),
        ({"kubeconfig": json.dumps(kubeconfig("any"))}, ""),
        ({"kubeconfig": "[secret]"}, ""),
        ({"kubeconfig": "{broken"}, ""),
        ({}, ""),
    ],
)
def test_a_kubeconfig_tells_the_cluster(inputs, owner):
    provider = resource("pulumi:providers:kubernetes", "access", inputs)
    work = replace(cpu_work(), provider=f"{provider.urn}::1")
    two = [replace(cluster(name), outputs={"endpoint": f"https://{name}"}) for name in ("north", "south")]

    assert Owners(Graph([*two, provider, work])).of(work) == owner


def test_a_provider_of_which_nothing_is_known_reaches_the_only_cluster():
    assert Owners(Graph([cluster("north"), cpu_work()])).of(cpu_work()) == "north"


def test_a_secret_kubeconfig_is_of_the_cluster_that_it_waits_for():
    north, south = cluster("north"), cluster("south")
    token = replace(resource("aws:eks/token:Token", "t", {}), dependencies=frozenset({south.urn}))
    provider = replace(
        resource("pulumi:providers:kubernetes", "access", {"kubeconfig": "[secret]"}),
        dependencies=frozenset({north.urn, token.urn}),
        property_dependencies={"kubeconfig": frozenset({token.urn})},
    )

    assert Owners(Graph([north, south, token, provider])).of_provider(f"{provider.urn}::1") == "south"


def test_the_provider_of_a_component_reaches_its_cluster():
    def program():
        for name in ("north", "north-east"):
            made = eks.Cluster(name, name=f"{name}-cluster")
            access = k8s.Provider(name, kubeconfig=made.kubeconfig_json.apply(lambda _: "[secret]"))
            k8s.core.v1.Namespace(name, opts=pulumi.ResourceOptions(provider=access))

    ran = run(program)

    owners = Owners(ran.graph)
    assert {found.name: owners.of(found) for found in ran.of("kubernetes:core/v1:Namespace")} == {
        "north": "north-cluster",
        "north-east": "north-east-cluster",
    }


def test_a_provider_inside_a_component_is_in_no_graph_and_reaches_its_cluster():
    north, east = (resource("eks:index:Cluster", name, {"name": f"{name}-cluster"}) for name in ("north", "north-east"))
    inner = "urn:pulumi:dev::shop::eks:index:Cluster$pulumi:providers:kubernetes::north-east-provider::1"

    assert Owners(Graph([north, east])).of_provider(inner) == "north-east-cluster"


def test_the_endpoint_of_a_cluster_reaches_it():
    def program():
        for name in ("north", "south"):
            made = aws.eks.Cluster(name, name=name, role_arn=ROLE, vpc_config={"subnet_ids": ["subnet-1"]})
            access = k8s.Provider(name, kubeconfig=made.endpoint)
            k8s.core.v1.Namespace(name, opts=pulumi.ResourceOptions(provider=access))

    ran = run(program)

    owners = Owners(ran.graph)
    assert [owners.of(found) for found in ran.of("kubernetes:core/v1:Namespace")] == ["north", "south"]


# --- a stack of two clusters -----------------------------------------------------------------------------------------


def access(name: str) -> Resource:
    return resource("pulumi:providers:kubernetes", name, {"kubeconfig": json.dumps(kubeconfig(name, ["-i", name]))})


def inside(name: str, *resources: Resource) -> list[Resource]:
    """The resources of one cluster, each with a URN of its own."""
    provider = access(name)
    urn = {each.urn: f"{each.urn}-{name}" for each in resources}
    made = [
        replace(
            each,
            urn=urn[each.urn],
            provider=f"{provider.urn}::1" if each.type.startswith("kubernetes:") else "",
            dependencies=frozenset(urn.get(wanted, wanted) for wanted in each.dependencies),
        )
        for each in resources
    ]
    return [provider, *made]


def with_karpenter(name: str) -> list[Resource]:
    charts = [karpenter(settings) for settings in ("karpenter", "karpenter-crd")]
    return [cluster(name), *inside(name, *charts, device_plugin(), node_class(), node_pool())]


def analysed(*resources: Resource) -> Analysis:
    return analyse(Graph(resources), "us-west-2", TODAY)


def said(found: Analysis, check: str) -> Mapping[str, bool | None]:
    return {each.subject: each.passed for each in found.findings if each.id == check}


TWO = [*with_karpenter("north"), *with_karpenter("south")]


@pytest.mark.parametrize(
    "check",
    [
        "one-owner-of-the-gpu-stack",
        "custom-resources-follow-their-definitions",
        "node-pools-go-before-karpenter",
        "device-plugin-reaches-gpu-pools",
        "crd-chart-matches-controller",
        "node-pools-name-a-node-class",
    ],
)
def test_each_cluster_is_judged_by_itself(check):
    found = said(analysed(*TWO), check)

    assert all(found.values())
    assert {subject.rpartition(" ")[2] for subject in found} == {"(north)", "(south)"}


def test_what_one_cluster_lacks_is_said_of_that_one():
    without = [each for each in TWO if not each.urn.endswith("nvidia-device-plugin-south")]

    assert said(analysed(*without), "device-plugin-reaches-gpu-pools") == {"gpu (north)": True, "gpu (south)": False}


def test_pools_of_one_name_are_told_apart():
    found = analysed(*TWO)

    assert [(pool.name, pool.as_json()["cluster"]) for pool in found.pools] == [("gpu", "north"), ("gpu", "south")]
    assert {item.name.partition(":")[0] for item in found.cost.max.items if item.name.startswith("pool")} == {
        "pool gpu (north)",
        "pool gpu (south)",
    }


def test_explain_tells_pools_of_one_name_apart():
    assert [room.pool.name for room in stack_rooms(Graph(TWO), "us-west-2").rooms] == ["gpu (north)", "gpu (south)"]


def test_a_pod_is_admitted_by_pools_of_its_own_cluster():
    found = analysed(*TWO, *inside("south", gpu_work())[1:])

    (work,) = found.workloads
    north, south = found.verdicts[work.urn]
    assert (work.as_json(())["cluster"], north.admits, south.admits) == ("south", False, True)
    assert (north.reason, north.reason.rule) == (
        "its nodes join cluster north, and the pod is of south",
        Rule.CLUSTER,
    )


def test_daemonsets_take_room_of_their_own_clusters_nodes():
    container = {"name": "agent", "image": "agent", "resources": {"requests": {"cpu": "1"}}}
    spec = {"containers": [container], "tolerations": [{"operator": "Exists"}]}
    daemon = kubernetes("DaemonSet", "agent", {"template": {"spec": spec}})
    north, south = analysed(*TWO, *inside("north", daemon)[1:]).rooms

    assert [north.left(each)["cpu"] + 1000 for each in north.pool.candidates] == [
        south.left(each)["cpu"] for each in south.pool.candidates
    ]


def test_an_autoscaler_scales_the_groups_of_its_cluster():
    sizes = {"minSize": 1, "desiredSize": 3, "maxSize": 9}
    groups = [
        replace(managed_group(name, clusterName=name, scalingConfig=sizes), urn=f"urn:{name}")
        for name in ("north", "south")
    ]
    found = analysed(cluster("north"), cluster("south"), *groups, *inside("north", autoscaler()))

    nodes = {item.name.partition(":")[0]: item.quantity for item in found.cost.idle.items if "m7i.large" in item.name}
    assert nodes == {"pool north": 1, "pool south": 3}


def test_an_autoscaler_of_pods_is_of_its_own_cluster():
    scaler = kubernetes(
        "HorizontalPodAutoscaler",
        "web",
        {"scaleTargetRef": {"kind": "Deployment", "name": "web"}, "minReplicas": 2, "maxReplicas": 5},
        group="autoscaling/v2",
    )
    found = analysed(*TWO, *inside("north", cpu_work(), scaler)[1:], *inside("south", cpu_work())[1:])

    assert {work.cluster: work.max_replicas for work in found.workloads} == {"north": 5, "south": 1}


@pytest.mark.parametrize(
    ("subject", "waived"),
    [("gpu", {"gpu (north)", "gpu (south)"}), ("gpu (north)", {"gpu (north)"}), ("g*", {"gpu (north)", "gpu (south)"})],
)
def test_a_waiver_is_of_one_cluster_or_of_both(subject, waived):
    stack = [each for each in TWO if "nvidia-device-plugin" not in each.urn]
    waiver = Waiver(check="device-plugin-reaches-gpu-pools", subject=subject, reason="it comes later")
    found = analyse(Graph(stack), "us-west-2", TODAY, waivers=[waiver]).findings

    assert {each.subject for each in found if each.waived} == waived
    assert all(each.passed for each in found if each.id == "waivers-are-needed")


def test_what_is_of_no_cluster_is_said_once():
    found = analyse(Graph(TWO), "us-west-2", TODAY, budget=1)

    assert len([each for each in found.findings if each.id == "maximum-within-budget"]) == 1


def test_a_node_pool_has_the_node_class_of_its_own_cluster():
    large = [{"deviceName": "/dev/xvda", "ebs": {"volumeSize": "500Gi"}}]
    north = inside("north", node_pool(), node_class())
    south = inside("south", node_pool(), node_class(blockDeviceMappings=large))

    disks = {pool.cluster: [disk.gib for disk in pool.disks or ()] for pool in analysed(*north, *south).pools}
    assert disks == {"north": [100], "south": [500]}


@pytest.mark.parametrize(
    "check", ["device-plugin-reaches-gpu-pools", "workloads-are-admitted", "crd-chart-matches-controller"]
)
def test_what_another_stack_may_have_is_not_missing(check):
    pool_alone = inside("far", node_pool(), node_class(), cpu_work())

    assert said(analysed(*pool_alone), check) == {}


@pytest.mark.parametrize(
    ("name", "found"), [("access", {}), ("default", {"gpu": False}), ("default_4_25_0", {"gpu": False})]
)
def test_a_kubeconfig_of_another_stack_is_of_a_cluster_without_a_name(name, found):
    provider = resource("pulumi:providers:kubernetes", name, {"kubeconfig": "[secret]"})
    objects = [replace(each, provider=f"{provider.urn}::1") for each in (node_pool(), node_class())]

    assert said(analysed(provider, *objects), "device-plugin-reaches-gpu-pools") == found


def test_what_a_stack_lacks_for_its_own_cluster_is_missing_beside_another():
    stack = [cluster("north"), *inside("north", node_pool()), *inside("far", node_pool())]

    assert said(analysed(*stack), "device-plugin-reaches-gpu-pools") == {"gpu (north)": False}


# --- groups of no cluster --------------------------------------------------------------------------------------------


def group(**inputs: Any) -> Resource:
    given = {"minSize": 1, "maxSize": 1, "launchTemplate": {"id": "lt-web"}} | inputs
    return resource("aws:autoscaling/group:Group", "web", given)


CLUSTER_TAG = tags({"kubernetes.io/cluster/north": "owned"})
SCRIPT = "#!/bin/sh\nyum install -y nginx\n"


@pytest.mark.parametrize(
    ("template", "more", "names"),
    [
        ({"userData": SCRIPT}, {}, []),
        ({"userData": ""}, {}, []),
        ({"userData": "ECS_CLUSTER=web"}, {}, []),
        ({"userData": SCRIPT}, {"tags": CLUSTER_TAG}, ["north"]),
        ({"userData": "#!/bin/sh\n/etc/eks/bootstrap.sh north\n"}, {}, ["north"]),
        ({"userData": "[secret]"}, {}, [""]),
        ({"userData": "#!/bin/sh\nnodeadm init\n"}, {}, [""]),
        ({"userData": ""}, {"launchTemplate": {"id": "lt-of-another-stack"}}, [""]),
    ],
)
def test_a_group_that_joins_no_cluster_is_no_pool(template, more, names):
    made = Graph([launch_template("lt-web", **template), group(**more)])

    assert [pool.cluster for pool in pools(made, "us-west-2")] == names


def test_a_group_whose_user_data_is_not_known_yet_may_join():
    template = launch_template("lt-web", userData="")
    unknown = replace(template, property_dependencies={"userData": frozenset({cluster().urn})})

    assert len(pools(Graph([unknown, group()]), "us-west-2")) == 1


@pytest.mark.parametrize(("more", "count"), [([], 0), ([cluster("north")], 1)])
def test_an_image_of_ones_own_may_join_a_cluster_by_itself_where_there_is_one(more, count):
    template = resource(
        "aws:ec2/launchTemplate:LaunchTemplate", "web", {"imageId": "ami-1", "instanceType": "m5.large"}, id_="lt-web"
    )

    assert len(pools(Graph([template, group(), *more]), "us-west-2")) == count


def test_a_group_of_no_cluster_is_named_beside_the_bill():
    found = analysed(launch_template("lt-web", userData=SCRIPT), group(), release("keda"))

    assert "instances of auto scaling group web, which joins no cluster" in found.cost.not_priced
