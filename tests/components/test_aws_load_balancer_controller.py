"""AwsLoadBalancerController: what the chart is told, and what IAM lets it do, statement by statement."""

import json
from typing import Any

import pytest

from components.aws_load_balancer_controller import (
    AwsLoadBalancerController,
    AwsLoadBalancerControllerSettings,
    AwsLoadBalancerControllerSettingsArgs,
    chart_values,
)
from components.iam.load_balancer_policy import load_balancer_policy
from components.values.value import BadInput
from eks_gpu.offline.sdk_schema import problems
from tests.documentation import run_example
from tests.engine import run
from tests.given import CLUSTER

RELEASE = "kubernetes:helm.sh/v3:Release"
OTHER: dict[str, Any] = {"replicas": 1, "service_mutator_webhook": True, "node_labels": {"role": "infra"}}

SECURITY_GROUPS = "arn:aws:ec2:*:*:security-group/*"
TARGET_GROUPS = "arn:aws:elasticloadbalancing:*:*:targetgroup/*/*"
TAGGABLE = [
    TARGET_GROUPS,
    "arn:aws:elasticloadbalancing:*:*:loadbalancer/net/*/*",
    "arn:aws:elasticloadbalancing:*:*:loadbalancer/app/*/*",
]
LISTENERS = [
    "arn:aws:elasticloadbalancing:*:*:listener/net/*/*/*",
    "arn:aws:elasticloadbalancing:*:*:listener/app/*/*/*",
    "arn:aws:elasticloadbalancing:*:*:listener-rule/net/*/*/*",
    "arn:aws:elasticloadbalancing:*:*:listener-rule/app/*/*/*",
]
STAYS_ITS_OWN = {
    "Null": {"aws:RequestTag/elbv2.k8s.aws/cluster": "true", "aws:ResourceTag/elbv2.k8s.aws/cluster": "false"}
}
ITS_OWN = {"Null": {"aws:ResourceTag/elbv2.k8s.aws/cluster": "false"}}
BECOMES_ITS_OWN = {"Null": {"aws:RequestTag/elbv2.k8s.aws/cluster": "false"}}

STATEMENTS: list[tuple[str, str | list[str], dict[str, Any] | None]] = [
    (
        "iam:CreateServiceLinkedRole",
        "*",
        {"StringEquals": {"iam:AWSServiceName": "elasticloadbalancing.amazonaws.com"}},
    ),
    (
        """ec2:DescribeAccountAttributes ec2:DescribeAddresses ec2:DescribeAvailabilityZones
        ec2:DescribeInternetGateways ec2:DescribeVpcs ec2:DescribeVpcPeeringConnections ec2:DescribeSubnets
        ec2:DescribeSecurityGroups ec2:DescribeInstances ec2:DescribeNetworkInterfaces ec2:DescribeTags
        ec2:GetCoipPoolUsage ec2:DescribeCoipPools ec2:GetSecurityGroupsForVpc ec2:DescribeIpamPools
        ec2:DescribeRouteTables
        elasticloadbalancing:DescribeLoadBalancers elasticloadbalancing:DescribeLoadBalancerAttributes
        elasticloadbalancing:DescribeListeners elasticloadbalancing:DescribeListenerCertificates
        elasticloadbalancing:DescribeSSLPolicies elasticloadbalancing:DescribeRules
        elasticloadbalancing:DescribeTargetGroups elasticloadbalancing:DescribeTargetGroupAttributes
        elasticloadbalancing:DescribeTargetHealth elasticloadbalancing:DescribeTags
        elasticloadbalancing:DescribeTrustStores elasticloadbalancing:DescribeListenerAttributes
        elasticloadbalancing:DescribeCapacityReservation""",
        "*",
        None,
    ),
    (
        """cognito-idp:DescribeUserPoolClient acm:ListCertificates acm:DescribeCertificate
        iam:ListServerCertificates iam:GetServerCertificate
        waf-regional:GetWebACL waf-regional:GetWebACLForResource waf-regional:AssociateWebACL
        waf-regional:DisassociateWebACL
        wafv2:GetWebACL wafv2:GetWebACLForResource wafv2:AssociateWebACL wafv2:DisassociateWebACL
        shield:GetSubscriptionState shield:DescribeProtection shield:CreateProtection shield:DeleteProtection""",
        "*",
        None,
    ),
    ("ec2:AuthorizeSecurityGroupIngress ec2:RevokeSecurityGroupIngress", "*", None),
    ("ec2:CreateSecurityGroup", "*", None),
    (
        "ec2:CreateTags",
        SECURITY_GROUPS,
        {"StringEquals": {"ec2:CreateAction": "CreateSecurityGroup"}, **BECOMES_ITS_OWN},
    ),
    ("ec2:CreateTags ec2:DeleteTags", SECURITY_GROUPS, STAYS_ITS_OWN),
    (
        "ec2:AuthorizeSecurityGroupIngress ec2:RevokeSecurityGroupIngress ec2:DeleteSecurityGroup",
        "*",
        ITS_OWN,
    ),
    ("elasticloadbalancing:CreateLoadBalancer elasticloadbalancing:CreateTargetGroup", "*", BECOMES_ITS_OWN),
    (
        """elasticloadbalancing:CreateListener elasticloadbalancing:DeleteListener elasticloadbalancing:CreateRule
        elasticloadbalancing:DeleteRule""",
        "*",
        None,
    ),
    ("elasticloadbalancing:AddTags elasticloadbalancing:RemoveTags", TAGGABLE, STAYS_ITS_OWN),
    ("elasticloadbalancing:AddTags elasticloadbalancing:RemoveTags", LISTENERS, None),
    (
        """elasticloadbalancing:ModifyLoadBalancerAttributes elasticloadbalancing:SetIpAddressType
        elasticloadbalancing:SetSecurityGroups elasticloadbalancing:SetSubnets
        elasticloadbalancing:DeleteLoadBalancer elasticloadbalancing:ModifyTargetGroup
        elasticloadbalancing:ModifyTargetGroupAttributes elasticloadbalancing:DeleteTargetGroup
        elasticloadbalancing:ModifyListenerAttributes elasticloadbalancing:ModifyCapacityReservation
        elasticloadbalancing:ModifyIpPools""",
        "*",
        ITS_OWN,
    ),
    (
        "elasticloadbalancing:AddTags",
        TAGGABLE,
        {
            "StringEquals": {"elasticloadbalancing:CreateAction": ["CreateTargetGroup", "CreateLoadBalancer"]},
            **BECOMES_ITS_OWN,
        },
    ),
    ("elasticloadbalancing:RegisterTargets elasticloadbalancing:DeregisterTargets", TARGET_GROUPS, None),
    (
        """elasticloadbalancing:SetWebAcl elasticloadbalancing:ModifyListener
        elasticloadbalancing:AddListenerCertificates elasticloadbalancing:RemoveListenerCertificates
        elasticloadbalancing:ModifyRule elasticloadbalancing:SetRulePriorities""",
        "*",
        None,
    ),
]


def controller(preview: bool = False, **settings: Any):
    given: Any = {"cluster": CLUSTER, "settings": settings}
    return run(lambda: AwsLoadBalancerController("balancers", given), preview=preview)


def values(**settings: Any) -> dict[str, Any]:
    return controller(**settings).one(RELEASE).inputs["values"]


def test_the_chart_is_pinned_and_its_names_are_fixed():
    release = controller().one(RELEASE).inputs
    assert release["chart"] == "aws-load-balancer-controller"
    assert release["version"] == "3.5.0"
    assert release["repositoryOpts"] == {"repo": "https://aws.github.io/eks-charts"}
    assert (release["name"], release["namespace"]) == ("aws-load-balancer-controller", "kube-system")


def test_the_values_of_the_chart():
    assert chart_values(AwsLoadBalancerControllerSettings(), "gaia", "us-west-2", "vpc-1") == {
        "fullnameOverride": "aws-load-balancer-controller",
        "clusterName": "gaia",
        "region": "us-west-2",
        "vpcId": "vpc-1",
        "serviceAccount": {"create": True, "name": "aws-load-balancer-controller"},
        "replicaCount": 2,
        "podDisruptionBudget": {"maxUnavailable": 1},
        "enableServiceMutatorWebhook": False,
        "keepTLSSecret": True,
        "nodeSelector": {"eks-gpu-components/role": "system"},
        "tolerations": [{"key": "CriticalAddonsOnly", "operator": "Exists", "effect": "NoSchedule"}],
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "512Mi"}},
    }


def test_the_cluster_it_is_told_is_the_one_given():
    told = values()
    assert (told["clusterName"], told["region"], told["vpcId"]) == ("gaia", "us-west-2", "vpc-1")


def test_a_single_pod_may_always_be_moved():
    assert values(replicas=1)["replicaCount"] == 1
    assert "podDisruptionBudget" not in values(replicas=1)


@pytest.mark.parametrize("field", AwsLoadBalancerControllerSettingsArgs.__annotations__)
def test_every_setting_reaches_the_chart(field):
    assert values(**{field: OTHER[field]}) != values()


def test_the_policy_has_16_statements():
    assert len(load_balancer_policy("us-west-2")["Statement"]) == 16
    assert load_balancer_policy("us-west-2")["Version"] == "2012-10-17"


@pytest.mark.parametrize("number", range(16))
def test_a_statement_allows_what_the_controllers_own_policy_allows(number):
    actions, resource, condition = STATEMENTS[number]
    expected: dict[str, Any] = {"Effect": "Allow", "Action": actions.split(), "Resource": resource}
    if condition:
        expected["Condition"] = condition
    assert load_balancer_policy("us-west-2")["Statement"][number] == expected


@pytest.mark.parametrize(
    ("region", "partition"), [("eu-central-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")]
)
def test_every_arn_is_of_the_regions_partition(region, partition):
    resources = [statement["Resource"] for statement in load_balancer_policy(region)["Statement"]]
    arns = {arn for found in resources for arn in ([found] if isinstance(found, str) else found)} - {"*"}
    assert {arn.split(":")[1] for arn in arns} == {partition}
    assert len(arns) == 8


def test_the_policy_fits_an_inline_policy_of_a_role():
    policy = controller().one("aws:iam/rolePolicy:RolePolicy").inputs["policy"]
    assert json.loads(policy) == load_balancer_policy("us-west-2")
    assert len(policy) <= 10_240


def test_its_pods_start_when_their_permissions_are_there():
    found = controller()
    release = found.one(RELEASE)
    role = found.one("aws:iam/role:Role")
    policy = found.one("aws:iam/rolePolicy:RolePolicy")
    identity = found.one("aws:eks/podIdentityAssociation:PodIdentityAssociation")
    assert policy.inputs["role"] == role.outputs["name"]
    assert identity.inputs == {
        "clusterName": "gaia",
        "namespace": "kube-system",
        "serviceAccount": "aws-load-balancer-controller",
        "roleArn": role.outputs["arn"],
    }
    assert {policy.urn, identity.urn} <= release.dependencies


def test_a_preview_plans_what_an_update_makes_and_all_of_it_is_valid():
    found = controller()
    assert controller(preview=True).urns() == found.urns()
    assert [problem for resource in found.graph for problem in problems(resource.type, resource.inputs)] == []


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"replicas": 0}, "settings.replicas must be at least 1, got 0"),
        ({"replica": 1}, "settings.replica is not a known key; nearest: replicas"),
    ],
)
def test_bad_settings_are_refused_with_the_reason(settings, problem):
    with pytest.raises(BadInput) as refused:
        controller(**settings)
    assert refused.value.problems == [problem]


def test_the_page_has_an_example_that_runs():
    assert run_example("aws_load_balancer_controller").one("eks-gpu-components:index:AwsLoadBalancerController")


def test_a_second_one_beside_auto_mode_is_refused():
    given: Any = {"cluster": {**CLUSTER, "auto_mode": True}}
    with pytest.raises(BadInput) as bad:
        run(lambda: AwsLoadBalancerController("controller", given))
    assert bad.value.problems == [
        "cluster has Auto Mode, whose own controller makes load balancers: leave this one out"
    ]
