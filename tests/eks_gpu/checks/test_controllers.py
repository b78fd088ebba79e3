"""Controllers: for this cluster, with nodes and permissions, and beside the add-ons they lean on."""

from dataclasses import replace

import pytest

from tests.graphs import autoscaler, findings, managed_group
from tests.whole_graphs import (
    ACCOUNT,
    AUTOSCALER_ACTIONS,
    KARPENTER_ACTIONS,
    cluster,
    entry,
    failure,
    healthy,
    holds,
    inline,
    karpenter_release,
    kubernetes,
    resource,
    role,
)

PERMISSIONS, STANDING = "controllers-have-their-permissions", "controllers-have-standing-nodes"
ACCOUNT_OF_CA = {"rbac": {"serviceAccount": {"name": "ca"}}}


def test_karpenter_of_another_cluster():
    other = karpenter_release(clusterName="other")
    assert failure("controllers-work-for-this-cluster", karpenter=other) == (
        "karpenter",
        "settings.clusterName is other, but the stack's cluster is shop: set it to shop",
    )


def test_an_autoscaler_in_the_chart_s_own_region():
    elsewhere = autoscaler(awsRegion=None, **ACCOUNT_OF_CA)
    assert failure("controllers-work-for-this-cluster", autoscaler=elsewhere) == (
        "cluster-autoscaler",
        "awsRegion is us-east-1, but the stack is in us-west-2: set awsRegion to us-west-2",
    )


def test_an_action_that_the_role_lacks():
    less = inline("ca", *AUTOSCALER_ACTIONS[:-1])
    assert failure(PERMISSIONS, autoscaler_policy=less) == (
        "cluster-autoscaler",
        "role ca lacks ec2:DescribeLaunchTemplateVersions",
    )


@pytest.mark.parametrize(
    ("version", "lacks"), [("1.8.6", False), ("1.11.9", False), ("1.12.0", True), ("", True), ("v1.14.1", True)]
)
def test_what_karpenter_needs_follows_its_version(version, lacks):
    made = karpenter_release()
    reads = ("Images", "Instances", "InstanceTypeOfferings", "InstanceTypes", "LaunchTemplates", "SecurityGroups")
    described = [f"ec2:Describe{what}" for what in (*reads, "SpotPriceHistory", "Subnets")]
    writes = [f"ec2:{what}*" for what in ("Run", "Create", "Delete", "Terminate")]
    allowed = [*(action for action in KARPENTER_ACTIONS if action != "ec2:*"), *writes, *described]
    stack = healthy(
        karpenter=replace(made, inputs={**made.inputs, "version": version}),
        karpenter_policy=inline("karpenter", *allowed, "eks:DescribeCluster", "sqs:*"),
    )

    passed, message = findings(PERMISSIONS, *stack)["karpenter"]
    assert (passed, "ec2:DescribeInstanceStatus" in message) == (not lacks, lacks)


def test_managed_groups_are_described_only_where_there_are_some():
    managed = managed_group(
        "more", ("scalingConfig.desiredSize",), scalingConfig={"minSize": 1, "desiredSize": 1, "maxSize": 3}
    )
    assert failure(PERMISSIONS, storage_class=managed) == ("cluster-autoscaler", "role ca lacks eks:DescribeNodegroup")


def test_a_role_that_nobody_gives_to_the_pods():
    assert failure(PERMISSIONS, autoscaler_association=None) == (
        "cluster-autoscaler",
        "role ca has its permissions, but nothing gives it to service account kube-system/ca: add a Pod Identity "
        "association",
    )


def test_an_annotation_gives_a_role_too():
    annotated = {"name": "ca", "annotations": {"eks.amazonaws.com/role-arn": f"{ACCOUNT}/ca"}}
    by_annotation = autoscaler(rbac={"serviceAccount": annotated})
    assert holds(PERMISSIONS, autoscaler=by_annotation, autoscaler_association=None)
    less = inline("ca", "autoscaling:Describe*")
    assert not holds(PERMISSIONS, autoscaler=by_annotation, autoscaler_association=None, autoscaler_policy=less)


def test_a_role_that_pods_cannot_take():
    assert failure(PERMISSIONS, autoscaler_role=role("ca", "lambda.amazonaws.com")) == (
        "cluster-autoscaler",
        "role ca does not trust pods.eks.amazonaws.com: trust pods.eks.amazonaws.com",
    )


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        (
            {"Condition": {"StringEquals": {"aws:ResourceTag/k8s.io/cluster-autoscaler/old": "owned"}}},
            "its policies are limited to cluster old: limit them to shop",
        ),
        (
            {"Resource": "arn:aws:autoscaling:eu-west-1:*:autoScalingGroup:*"},
            "its policies name resources of eu-west-1: name those of us-west-2",
        ),
    ],
)
def test_a_policy_for_elsewhere(statement, said):
    assert failure(PERMISSIONS, autoscaler_policy=inline("ca", *AUTOSCALER_ACTIONS, **statement)) == (
        "cluster-autoscaler",
        said,
    )


def test_a_role_of_another_stack_is_not_judged():
    assert "cluster-autoscaler" not in findings(PERMISSIONS, *healthy(autoscaler_role=None))


def test_controllers_without_a_node():
    renamed = managed_group(labels={"role": "core"})
    said = findings(STANDING, *healthy(system=renamed))
    assert said["add-on coredns"] == (
        False,
        "no standing node takes its pods. system: pod selects role=system, nodes have role=core; "
        "gpu: pod does not tolerate taint nvidia.com/gpu=true:NoSchedule; "
        "fast: pod does not tolerate taint nvidia.com/gpu=true:NoSchedule; "
        "reserved: pod does not tolerate taint nvidia.com/gpu=true:NoSchedule",
    )
    tainted = managed_group(taints=[{"key": "team", "value": "core", "effect": "NO_SCHEDULE"}])
    assert findings(STANDING, *healthy(system=tainted))["release karpenter"] == (
        False,
        "no standing node takes its pods. system: pod does not tolerate taint team=core:NoSchedule",
    )


def test_more_pods_of_karpenter_than_nodes():
    one = managed_group(scalingConfig={"minSize": 1, "desiredSize": 1, "maxSize": 1})
    assert failure(STANDING, system=one) == (
        "release karpenter",
        "its 2 pods want a node each, and 1 stand ready: set replicas to 1",
    )


def test_nodes_that_nobody_sees_may_take_controllers():
    fleet = resource("aws:ec2/fleet:Fleet", "fleet", {})
    said = findings(STANDING, *healthy(system=managed_group(labels={}), storage_class=fleet))
    assert {passed for passed, _ in said.values() if not passed} == {None}
    assert "what is missing may be in Fleet fleet, which is not read" in said["add-on coredns"][1]


def test_a_resource_of_another_cluster():
    assert failure("resources-belong-to-the-cluster", entry=entry("shop-node", clusterName="old")) == (
        "AccessEntry shop-node-entry",
        "it is of cluster old, and the stack's is shop",
    )


@pytest.mark.parametrize(
    ("role_", "addon_"), [("cni", "vpc-cni"), ("kube_proxy", "kube-proxy"), ("coredns", "coredns")]
)
def test_an_add_on_that_the_cluster_is_made_without(role_, addon_):
    assert failure("cluster-has-its-add-ons", **{role_: None}) == (
        "shop",
        f"nothing installs {addon_}: add {addon_}",
    )
    assert holds("cluster-has-its-add-ons", **{role_: None, "cluster": cluster(bootstrapSelfManagedAddons=True)})


def test_pod_identity_without_its_agent():
    assert failure("cluster-has-its-add-ons", agent=None) == (
        "shop",
        "nothing installs eks-pod-identity-agent: add eks-pod-identity-agent",
    )


def test_a_chart_may_bring_the_network():
    cilium = resource("kubernetes:helm.sh/v3:Release", "cilium", {"chart": "cilium", "namespace": "kube-system"})
    assert holds("cluster-has-its-add-ons", cni=None, kube_proxy=cilium)


def test_disks_without_a_driver():
    assert failure("storage-classes-have-their-driver", disks=None) == (
        "StorageClass gp3",
        "nothing installs its driver ebs.csi.aws.com",
    )


def test_groups_that_nobody_scales():
    assert findings("what-needs-a-controller-has-one", *healthy(autoscaler=None))["gpu"] == (
        False,
        "nothing in the stack scales it, because the stack has no cluster-autoscaler",
    )
    assert not findings("what-needs-a-controller-has-one", *healthy(karpenter=None))["reserved"][0]
    assert not findings("what-needs-a-controller-has-one", *healthy(balancer=None))["Service serving/api"][0]


def test_a_controller_by_another_way_is_seen_by_its_image():
    container = {"name": "ca", "image": "registry.k8s.io/autoscaling/cluster-autoscaler:v1.35.2"}
    plain = kubernetes("Deployment", "ca", {"template": {"spec": {"containers": [container]}}}, namespace="kube-system")
    assert holds("what-needs-a-controller-has-one", autoscaler=plain)


def test_in_somebody_else_s_cluster_nothing_is_missing():
    assert findings("what-needs-a-controller-has-one", *healthy(cluster=None, autoscaler=None)) == {}


def test_a_namespace_that_nobody_makes():
    assert failure("namespaces-exist", namespace=None) == (
        "Namespace serving",
        "the stack uses it and does not create it",
    )


def test_a_release_may_make_its_namespace():
    inputs = {"chart": "x", "namespace": "own", "createNamespace": True}
    maker = resource("kubernetes:helm.sh/v3:Release", "x", inputs)
    assert holds("namespaces-exist", storage_class=maker)
    refused = resource("kubernetes:helm.sh/v3:Release", "x", {**inputs, "createNamespace": False})
    assert failure("namespaces-exist", storage_class=refused)[0] == "Namespace own"
