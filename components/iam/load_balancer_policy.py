"""What the AWS Load Balancer Controller may do: its own policy, 16 statements, in the partition of the region.

Source: aws-load-balancer-controller 3.5, docs/install/iam_policy.json. It limits changes to what carries the tag
BALANCERS_CLUSTER_TAG, which the controller puts on everything that it makes.
"""

from collections.abc import Iterable
from typing import Any

from .. import catalog
from ..catalog.tags import BALANCERS_CLUSTER_TAG

_TAG_OF_RESOURCE, _TAG_OF_REQUEST = (f"aws:{of}Tag/{BALANCERS_CLUSTER_TAG}" for of in ("Resource", "Request"))
_ITS_OWN = {"Null": {_TAG_OF_RESOURCE: "false"}}
_TAGGED_AS_ITS_OWN = {"Null": {_TAG_OF_REQUEST: "false"}}
_ITS_OWN_AND_STAYS_SO = {"Null": {_TAG_OF_REQUEST: "true", _TAG_OF_RESOURCE: "false"}}


def load_balancer_policy(region: str) -> dict[str, Any]:
    """The policy document for a cluster of this region. As JSON without spaces it has some 5,200 characters."""
    arn = f"arn:{catalog.partition(region)}"
    balancers = f"{arn}:elasticloadbalancing:*:*"
    return {
        "Version": "2012-10-17",
        "Statement": [
            *_SEE,
            *_security_groups(f"{arn}:ec2:*:*:security-group/*"),
            *_load_balancers(
                taggable=[
                    f"{balancers}:targetgroup/*/*",
                    f"{balancers}:loadbalancer/net/*/*",
                    f"{balancers}:loadbalancer/app/*/*",
                ],
                listeners=[
                    f"{balancers}:listener/net/*/*/*",
                    f"{balancers}:listener/app/*/*/*",
                    f"{balancers}:listener-rule/net/*/*/*",
                    f"{balancers}:listener-rule/app/*/*/*",
                ],
                target_groups=f"{balancers}:targetgroup/*/*",
            ),
        ],
    }


def _allow(actions: Iterable[str], resource: str | list[str] = "*", condition: Any = None) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": [*actions], "Resource": resource}
    return {**statement, "Condition": condition} if condition else statement


def _of(service: str, *actions: str) -> list[str]:
    return [f"{service}:{action}" for action in actions]


_WEB_ACL = ("GetWebACL", "GetWebACLForResource", "AssociateWebACL", "DisassociateWebACL")

_SEE = [
    _allow(
        ["iam:CreateServiceLinkedRole"],
        condition={"StringEquals": {"iam:AWSServiceName": "elasticloadbalancing.amazonaws.com"}},
    ),
    _allow(
        [
            *_of(
                "ec2",
                "DescribeAccountAttributes",
                "DescribeAddresses",
                "DescribeAvailabilityZones",
                "DescribeInternetGateways",
                "DescribeVpcs",
                "DescribeVpcPeeringConnections",
                "DescribeSubnets",
                "DescribeSecurityGroups",
                "DescribeInstances",
                "DescribeNetworkInterfaces",
                "DescribeTags",
                "GetCoipPoolUsage",
                "DescribeCoipPools",
                "GetSecurityGroupsForVpc",
                "DescribeIpamPools",
                "DescribeRouteTables",
            ),
            *_of(
                "elasticloadbalancing",
                "DescribeLoadBalancers",
                "DescribeLoadBalancerAttributes",
                "DescribeListeners",
                "DescribeListenerCertificates",
                "DescribeSSLPolicies",
                "DescribeRules",
                "DescribeTargetGroups",
                "DescribeTargetGroupAttributes",
                "DescribeTargetHealth",
                "DescribeTags",
                "DescribeTrustStores",
                "DescribeListenerAttributes",
                "DescribeCapacityReservation",
            ),
        ]
    ),
    _allow(
        [
            "cognito-idp:DescribeUserPoolClient",
            *_of("acm", "ListCertificates", "DescribeCertificate"),
            *_of("iam", "ListServerCertificates", "GetServerCertificate"),
            *_of("waf-regional", *_WEB_ACL),
            *_of("wafv2", *_WEB_ACL),
            *_of("shield", "GetSubscriptionState", "DescribeProtection", "CreateProtection", "DeleteProtection"),
        ]
    ),
]


def _security_groups(arns: str) -> list[dict[str, Any]]:
    rules = _of("ec2", "AuthorizeSecurityGroupIngress", "RevokeSecurityGroupIngress")
    made_with_tag = {"StringEquals": {"ec2:CreateAction": "CreateSecurityGroup"}, **_TAGGED_AS_ITS_OWN}
    return [
        _allow(rules),
        _allow(["ec2:CreateSecurityGroup"]),
        _allow(["ec2:CreateTags"], arns, made_with_tag),
        _allow(_of("ec2", "CreateTags", "DeleteTags"), arns, _ITS_OWN_AND_STAYS_SO),
        _allow([*rules, "ec2:DeleteSecurityGroup"], condition=_ITS_OWN),
    ]


def _load_balancers(taggable: list[str], listeners: list[str], target_groups: str) -> list[dict[str, Any]]:
    tags = _of("elasticloadbalancing", "AddTags", "RemoveTags")
    creations = {"elasticloadbalancing:CreateAction": ["CreateTargetGroup", "CreateLoadBalancer"]}
    return [
        _allow(_of("elasticloadbalancing", "CreateLoadBalancer", "CreateTargetGroup"), condition=_TAGGED_AS_ITS_OWN),
        _allow(_of("elasticloadbalancing", "CreateListener", "DeleteListener", "CreateRule", "DeleteRule")),
        _allow(tags, taggable, _ITS_OWN_AND_STAYS_SO),
        _allow(tags, listeners),
        _allow(
            _of(
                "elasticloadbalancing",
                "ModifyLoadBalancerAttributes",
                "SetIpAddressType",
                "SetSecurityGroups",
                "SetSubnets",
                "DeleteLoadBalancer",
                "ModifyTargetGroup",
                "ModifyTargetGroupAttributes",
                "DeleteTargetGroup",
                "ModifyListenerAttributes",
                "ModifyCapacityReservation",
                "ModifyIpPools",
            ),
            condition=_ITS_OWN,
        ),
        _allow(["elasticloadbalancing:AddTags"], taggable, {"StringEquals": creations, **_TAGGED_AS_ITS_OWN}),
        _allow(_of("elasticloadbalancing", "RegisterTargets", "DeregisterTargets"), target_groups),
        _allow(
            _of(
                "elasticloadbalancing",
                "SetWebAcl",
                "ModifyListener",
                "AddListenerCertificates",
                "RemoveListenerCertificates",
                "ModifyRule",
                "SetRulePriorities",
            )
        ),
    ]
