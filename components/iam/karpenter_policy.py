"""What Karpenter's controller may do in AWS: 19 statements, each limited to one cluster where IAM can.

Source: Karpenter 1.15, getting started, cloudformation.yaml; the Spot role's statement is AmazonEKSComputePolicy's.
Six documents, because together they are longer than the 6,144 characters of one managed policy; as inline policies of
one role they may have 10,240.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .. import catalog

_LAUNCHES = ("RunInstances", "CreateFleet")
_LAUNCHES_WITH_TEMPLATE = (*_LAUNCHES, "CreateLaunchTemplate")
_READS = (
    "DescribeCapacityReservations",
    "DescribeImages",
    "DescribeInstances",
    "DescribeInstanceStatus",
    "DescribeInstanceTypeOfferings",
    "DescribeInstanceTypes",
    "DescribeLaunchTemplates",
    "DescribePlacementGroups",
    "DescribeSecurityGroups",
    "DescribeSpotPriceHistory",
    "DescribeSubnets",
)
_MADE = ("fleet", "instance", "volume", "network-interface", "launch-template", "spot-instances-request")


@dataclass(frozen=True, slots=True)
class ControllerScope:
    """The cluster, role and queue that one controller is limited to."""

    cluster_name: str
    region: str
    account_id: str
    node_role_arn: str
    """ARN of the only role that the controller may give to instances."""
    queue_arn: str
    """ARN of the interruption queue."""

    @property
    def cluster_arn(self) -> str:
        """ARN of the EKS cluster."""
        return f"arn:{self.partition}:eks:{self.region}:{self.account_id}:cluster/{self.cluster_name}"

    @property
    def partition(self) -> str:
        """aws, aws-cn or aws-us-gov."""
        return catalog.partition(self.region)

    def ec2(self, *kinds: str, account: str = "*") -> list[str]:
        """ARNs of all resources of these kinds in the region."""
        return [f"arn:{self.partition}:ec2:{self.region}:{account}:{kind}/*" for kind in kinds]

    def owned(self, *sides: str) -> dict[str, str]:
        """Tagged as the cluster's; a side is ResourceTag or RequestTag."""
        return {f"aws:{side}/{catalog.CLUSTER_TAG}{self.cluster_name}": "owned" for side in sides}

    def named(self) -> dict[str, str]:
        """About to be tagged with the cluster's name."""
        return {"aws:RequestTag/eks:eks-cluster-name": self.cluster_name}

    def here(self, *sides: str) -> dict[str, str]:
        """Tagged with the region: IAM's resources have none."""
        return {f"aws:{side}/{catalog.REGION_LABEL}": self.region for side in sides}


def _allow(
    sid: str,
    service: str,
    actions: Iterable[str],
    resource: str | list[str],
    equals: Mapping[str, Any] | None = None,
    there: Sequence[str] = (),
    further: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """`equals` and `further` are conditions; `there` are keys that must have any value."""
    conditions: dict[str, Any] = {
        **({"StringEquals": dict(equals)} if equals else {}),
        **({"StringLike": dict.fromkeys(there, "*")} if there else {}),
        **(further or {}),
    }
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Action": [f"{service}:{action}" for action in actions],
        "Resource": resource,
        **({"Condition": conditions} if conditions else {}),
    }


def _node_lifecycle(scope: ControllerScope) -> list[dict[str, Any]]:
    made = scope.ec2(*_MADE)
    owned = scope.owned("ResourceTag")
    asked = {**scope.owned("RequestTag"), **scope.named()}
    own_pool, asked_pool = (
        (f"aws:ResourceTag/{catalog.NODE_POOL_LABEL}",),
        (f"aws:RequestTag/{catalog.NODE_POOL_LABEL}",),
    )
    return [
        _allow(
            "AllowScopedEC2InstanceAccessActions",
            "ec2",
            _LAUNCHES,
            [
                *scope.ec2("image", "snapshot", account=""),
                *scope.ec2("security-group", "subnet", "capacity-reservation", "placement-group"),
            ],
        ),
        _allow(
            "AllowScopedEC2LaunchTemplateAccessActions",
            "ec2",
            _LAUNCHES,
            scope.ec2("launch-template"),
            owned,
            own_pool,
        ),
        _allow("AllowScopedEC2InstanceActionsWithTags", "ec2", _LAUNCHES_WITH_TEMPLATE, made, asked, asked_pool),
        _allow(
            "AllowScopedResourceCreationTagging",
            "ec2",
            ["CreateTags"],
            made,
            {**asked, "ec2:CreateAction": [*_LAUNCHES_WITH_TEMPLATE]},
            asked_pool,
        ),
        _allow(
            "AllowScopedResourceTagging",
            "ec2",
            ["CreateTags"],
            scope.ec2("instance"),
            owned,
            own_pool,
            further={
                "StringEqualsIfExists": scope.named(),
                "ForAllValues:StringEquals": {
                    "aws:TagKeys": ["eks:eks-cluster-name", f"{catalog.KARPENTER_CORE_GROUP}/nodeclaim", "Name"]
                },
            },
        ),
        _allow(
            "AllowScopedDeletion",
            "ec2",
            ["TerminateInstances", "RebootInstances", "DeleteLaunchTemplate"],
            scope.ec2("instance", "launch-template"),
            owned,
            own_pool,
        ),
    ]


def _instance_profiles(scope: ControllerScope) -> list[dict[str, Any]]:
    profiles = _profiles(scope)
    own, asked = (f"aws:ResourceTag/{catalog.NODE_CLASS_LABEL}",), (f"aws:RequestTag/{catalog.NODE_CLASS_LABEL}",)
    return [
        _allow(
            "AllowPassingInstanceRole",
            "iam",
            ["PassRole"],
            scope.node_role_arn,
            {"iam:PassedToService": ["ec2.amazonaws.com", "ec2.amazonaws.com.cn"]},
        ),
        _allow(
            "AllowScopedInstanceProfileCreationActions",
            "iam",
            ["CreateInstanceProfile"],
            profiles,
            {**scope.owned("RequestTag"), **scope.named(), **scope.here("RequestTag")},
            asked,
        ),
        _allow(
            "AllowScopedInstanceProfileTagActions",
            "iam",
            ["TagInstanceProfile"],
            profiles,
            {
                **scope.owned("ResourceTag", "RequestTag"),
                **scope.here("ResourceTag", "RequestTag"),
                **scope.named(),
            },
            [*own, *asked],
        ),
        _allow(
            "AllowScopedInstanceProfileActions",
            "iam",
            ["AddRoleToInstanceProfile", "RemoveRoleFromInstanceProfile", "DeleteInstanceProfile"],
            profiles,
            {**scope.owned("ResourceTag"), **scope.here("ResourceTag")},
            own,
        ),
        _spot_role(scope),
    ]


def _discovery(scope: ControllerScope) -> list[dict[str, Any]]:
    parameters = f"arn:{scope.partition}:ssm:{scope.region}::parameter/aws/service/*"
    return [
        _allow("AllowRegionalReadActions", "ec2", _READS, "*", {"aws:RequestedRegion": scope.region}),
        _allow("AllowSSMReadActions", "ssm", ["GetParameter"], parameters),
        _allow("AllowPricingReadActions", "pricing", ["GetProducts"], "*"),
        _allow("AllowUnscopedInstanceProfileListAction", "iam", ["ListInstanceProfiles"], "*"),
        _allow("AllowInstanceProfileReadActions", "iam", ["GetInstanceProfile"], _profiles(scope)),
    ]


def _spot_role(scope: ControllerScope) -> dict[str, Any]:
    """Spot needs one service-linked role per account. The first caller of EC2 creates it, and it cannot be created
    twice.
    """
    spot = "spot.amazonaws.com"
    return _allow(
        "AllowSpotServiceLinkedRoleCreation",
        "iam",
        ["CreateServiceLinkedRole"],
        f"arn:{scope.partition}:iam::{scope.account_id}:role/aws-service-role/{spot}/AWSServiceRoleForEC2Spot",
        {"iam:AWSServiceName": spot},
    )


def _profiles(scope: ControllerScope) -> str:
    return f"arn:{scope.partition}:iam::{scope.account_id}:instance-profile/*"


def _cluster(scope: ControllerScope) -> list[dict[str, Any]]:
    return [_allow("AllowAPIServerEndpointDiscovery", "eks", ["DescribeCluster"], scope.cluster_arn)]


def _interruption(scope: ControllerScope) -> list[dict[str, Any]]:
    actions = ["DeleteMessage", "GetQueueUrl", "ReceiveMessage"]
    return [_allow("AllowInterruptionQueueActions", "sqs", actions, scope.queue_arn)]


def _zonal_shift(scope: ControllerScope) -> list[dict[str, Any]]:
    of_cluster = {"arc-zonal-shift:ResourceIdentifier": scope.cluster_arn}
    return [_allow("AllowZonalShiftStatusReadOnly", "arc-zonal-shift", ["GetManagedResource"], "*", of_cluster)]


POLICIES: dict[str, Callable[[ControllerScope], list[dict[str, Any]]]] = {
    "node-lifecycle": _node_lifecycle,
    "instance-profiles": _instance_profiles,
    "cluster": _cluster,
    "interruption": _interruption,
    "zonal-shift": _zonal_shift,
    "discovery": _discovery,
}
"""The statements of each policy by its name."""


def controller_policy(policy: str, scope: ControllerScope) -> dict[str, Any]:
    """One of POLICIES as a document."""
    return {"Version": "2012-10-17", "Statement": POLICIES[policy](scope)}
