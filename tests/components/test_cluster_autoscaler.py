"""ClusterAutoscaler: what the chart is told, what IAM lets it do, and what is refused."""

import json
import re
from typing import Any

import pytest

from components.cluster_autoscaler import (
    ClusterAutoscaler,
    ClusterAutoscalerSettings,
    ClusterAutoscalerSettingsArgs,
    autoscaler_policy,
    chart_values,
    image_tag,
    priorities,
)
from components.values.gpu_pool import GpuPool
from components.values.value import BadInput, check
from eks_gpu.offline.sdk_schema import problems
from tests.documentation import run_example
from tests.engine import run
from tests.given import CLUSTER

RELEASE = "kubernetes:helm.sh/v3:Release"
OTHER: dict[str, Any] = {
    "expander": "most-pods",
    "scale_down_unneeded_s": 60,
    "scale_down_delay_after_add_s": 0,
    "gpu_utilization_threshold": 0.25,
    "spread_over_zones": True,
    "replicas": 2,
    "node_labels": {"role": "infra"},
}


def autoscaler(preview: bool = False, minor: str = "1.35", **settings: Any):
    given: Any = {"cluster": {**CLUSTER, "kubernetes_version": minor}, "settings": settings}
    return run(lambda: ClusterAutoscaler("autoscaler", given), preview=preview)


def values(**settings: Any) -> dict[str, Any]:
    return autoscaler(**settings).one(RELEASE).inputs["values"]


POOL = {"instance_types": ["g6.xlarge"], "max_gpus": 4}


def test_the_capacity_type_that_a_pool_prefers_grows_first():
    pools = {
        "gpu": check(GpuPool, {**POOL, "capacity_types": ["spot", "on-demand"]}),
        "batch": check(GpuPool, {**POOL, "capacity_types": ["on-demand", "spot"]}),
    }
    patterns = priorities(pools)
    assert patterns == {
        "1": [".*"],
        "10": ["^(eks-)?gpu-[a-z0-9-]*-on-demand-", "^(eks-)?batch-[a-z0-9-]*-spot-"],
        "20": ["^(eks-)?gpu-[a-z0-9-]*-spot-", "^(eks-)?batch-[a-z0-9-]*-on-demand-"],
    }

    def first(*groups: str) -> str:
        return max(
            groups,
            key=lambda group: max(int(p) for p, own in patterns.items() if any(re.search(r, group) for r in own)),
        )

    assert first("eks-gpu-us-west-2a-on-demand-1a2b-3c", "eks-gpu-us-west-2b-spot-4d5e-6f").startswith(
        "eks-gpu-us-west-2b-spot"
    )
    assert (
        first("batch-us-west-2a-on-demand-7a8b9c0", "batch-us-west-2a-spot-7a8b9c0")
        == "batch-us-west-2a-on-demand-7a8b9c0"
    )


def test_without_a_preference_the_expander_alone_decides():
    assert priorities({"gpu": check(GpuPool, POOL)}) == {}
    assert "expanderPriorities" not in values()


def test_the_preference_reaches_the_chart():
    pool = {**POOL, "capacity_types": ["spot", "on-demand"]}
    given: Any = {"cluster": CLUSTER, "pools": {"gpu": pool}}
    chart = run(lambda: ClusterAutoscaler("autoscaler", given)).one(RELEASE).inputs["values"]
    assert chart["extraArgs"]["expander"] == "priority,least-waste"
    assert sorted(chart["expanderPriorities"]) == ["1", "10", "20"]


def test_the_chart_is_pinned_and_told_what_pods_cannot_ask():
    release = autoscaler().one(RELEASE).inputs
    assert release["chart"] == "cluster-autoscaler"
    assert release["version"] == "9.59.0"
    assert release["repositoryOpts"] == {"repo": "https://kubernetes.github.io/autoscaler"}
    assert (release["name"], release["namespace"]) == ("cluster-autoscaler", "kube-system")


def test_the_values_of_the_chart():
    assert chart_values(ClusterAutoscalerSettings(), "gaia", "us-west-2", "v1.35.2", {}) == {
        "fullnameOverride": "cluster-autoscaler",
        "awsRegion": "us-west-2",
        "autoDiscovery": {
            "clusterName": "gaia",
            "tags": [
                "k8s.io/cluster-autoscaler/enabled",
                "k8s.io/cluster-autoscaler/{{ .Values.autoDiscovery.clusterName }}",
            ],
        },
        "image": {"tag": "v1.35.2"},
        "replicaCount": 1,
        "rbac": {"serviceAccount": {"create": True, "name": "cluster-autoscaler"}},
        "priorityClassName": "system-cluster-critical",
        "nodeSelector": {"eks-gpu-components/role": "system"},
        "tolerations": [{"key": "CriticalAddonsOnly", "operator": "Exists", "effect": "NoSchedule"}],
        "resources": {"requests": {"cpu": "100m", "memory": "300Mi"}, "limits": {"memory": "1Gi"}},
        "extraArgs": {
            "expander": "least-waste",
            "scale-down-unneeded-time": "600s",
            "scale-down-delay-after-add": "600s",
            "scale-down-gpu-utilization-threshold": "0.5",
            "balance-similar-node-groups": "false",
            "skip-nodes-with-local-storage": "false",
        },
    }


@pytest.mark.parametrize(
    ("minor", "tag"), [("1.33", "v1.33.6"), ("1.34", "v1.34.5"), ("1.35", "v1.35.2"), ("1.36", "v1.36.1")]
)
def test_the_image_is_that_of_the_clusters_minor_not_the_charts(minor, tag):
    assert image_tag(minor) == tag
    assert values(minor=minor)["image"] == {"tag": tag}


def test_nodes_are_shared_among_zones_when_asked():
    assert values(spread_over_zones=True)["extraArgs"]["balance-similar-node-groups"] == "true"


@pytest.mark.parametrize("field", ClusterAutoscalerSettingsArgs.__annotations__)
def test_every_setting_reaches_the_chart(field):
    assert values(**{field: OTHER[field]}) != values()


def test_it_sees_all_and_changes_this_clusters_groups_alone():
    assert autoscaler_policy("gaia", "us-west-2") == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "See",
                "Effect": "Allow",
                "Action": [
                    "autoscaling:DescribeAutoScalingGroups",
                    "autoscaling:DescribeAutoScalingInstances",
                    "autoscaling:DescribeLaunchConfigurations",
                    "autoscaling:DescribeScalingActivities",
                    "autoscaling:DescribeTags",
                    "ec2:DescribeImages",
                    "ec2:DescribeInstanceTypes",
                    "ec2:DescribeLaunchTemplateVersions",
                    "ec2:GetInstanceTypesFromInstanceRequirements",
                ],
                "Resource": "*",
            },
            {
                "Sid": "SeeNodeGroups",
                "Effect": "Allow",
                "Action": "eks:DescribeNodegroup",
                "Resource": "arn:aws:eks:us-west-2:*:nodegroup/gaia/*/*",
            },
            {
                "Sid": "Scale",
                "Effect": "Allow",
                "Action": ["autoscaling:SetDesiredCapacity", "autoscaling:TerminateInstanceInAutoScalingGroup"],
                "Resource": "arn:aws:autoscaling:us-west-2:*:autoScalingGroup:*",
                "Condition": {"StringEquals": {"aws:ResourceTag/k8s.io/cluster-autoscaler/gaia": "owned"}},
            },
        ],
    }


def test_its_pods_start_when_their_permissions_are_there():
    found = autoscaler()
    release = found.one(RELEASE)
    role = found.one("aws:iam/role:Role")
    policy = found.one("aws:iam/rolePolicy:RolePolicy")
    identity = found.one("aws:eks/podIdentityAssociation:PodIdentityAssociation")
    assert json.loads(policy.inputs["policy"]) == autoscaler_policy("gaia", "us-west-2")
    assert policy.inputs["role"] == role.outputs["name"]
    assert identity.inputs == {
        "clusterName": "gaia",
        "namespace": "kube-system",
        "serviceAccount": "cluster-autoscaler",
        "roleArn": role.outputs["arn"],
    }
    assert {policy.urn, identity.urn} <= release.dependencies


def test_only_pods_of_eks_may_take_the_role_and_their_sessions_are_tagged():
    role = autoscaler().one("aws:iam/role:Role").inputs
    assert json.loads(role["assumeRolePolicy"]) == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "pods.eks.amazonaws.com"},
                "Action": ["sts:AssumeRole", "sts:TagSession"],
            }
        ],
    }


def test_a_preview_plans_what_an_update_makes_and_all_of_it_is_valid():
    found = autoscaler()
    assert autoscaler(preview=True).urns() == found.urns()
    assert [problem for resource in found.graph for problem in problems(resource.type, resource.inputs)] == []


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"expander": "price"}, "settings.expander must be one of least-waste, most-pods, random, got 'price'"),
        ({"scale_down_unneeded_s": 10}, "settings.scale_down_unneeded_s must be at least 30, got 10"),
        ({"gpu_utilization_threshold": 0}, "settings.gpu_utilization_threshold must be more than 0, got 0"),
        ({"gpu_utilization_threshold": 50}, "settings.gpu_utilization_threshold must be at most 1, got 50"),
        ({"replicas": 0}, "settings.replicas must be at least 1, got 0"),
    ],
)
def test_bad_settings_are_refused_with_the_reason(settings, problem):
    with pytest.raises(BadInput) as refused:
        autoscaler(**settings)
    assert refused.value.problems[0].startswith(problem)


def test_a_minor_without_an_autoscaler_is_refused():
    with pytest.raises(ValueError, match=r"must be one of 1\.33, 1\.34, 1\.35, 1\.36, got 1\.31"):
        autoscaler(minor="1.31")


def test_the_page_has_an_example_that_runs():
    assert run_example("cluster_autoscaler").one("eks-gpu-components:index:ClusterAutoscaler")
