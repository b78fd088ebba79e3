"""What it takes in AWS to create, update and delete each type of resource: the permissions of who runs `pulumi up`.

Source: the Service Authorization Reference, and the operations that Terraform's AWS provider 6 calls for each type.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from eks_gpu_components.catalog import EKS_PRINCIPAL

ANY = "*"
"""In place of an ARN: the action is about no single resource."""


@dataclass(frozen=True)
class Rights:
    """Actions of one type of resource, and ARNs that they act on, with `{blanks}` for inputs and the place."""

    arn: str
    """ARN of the resource. `{name}` is its name in AWS; `{region}`, `{account}` and `{partition}` are its place."""
    create: tuple[str, ...]
    read: tuple[str, ...]
    """What the provider asks right after it has created one, and at each refresh."""
    delete: tuple[str, ...]
    update: tuple[str, ...] = ()
    made_on: str = ""
    """ARN that `create` acts on; empty if it is the resource's own."""
    passes: Mapping[str, str] | None = None
    """Inputs with a role that AWS is handed, and the service that gets it; an empty service is not known."""

    @property
    def to_create(self) -> tuple[str, ...]:
        """Without one of these `pulumi up` stops."""
        return (*self.create, *self.read)

    @property
    def to_change(self) -> tuple[str, ...]:
        """Without one of these a later `pulumi up` or `pulumi destroy` stops."""
        return (*self.update, *self.delete)


_EC2 = "arn:{partition}:ec2:{region}:{account}:"
_IAM = "arn:{partition}:iam::{account}:"
_EKS = "arn:{partition}:eks:{region}:{account}:"
_CLUSTER = _EKS + "cluster/{clusterName}"
_NO_ID = "00000000000000000"
_NO_UUID = "00000000-0000-0000-0000-000000000000"
_TAGS = ("ec2:CreateTags", "ec2:DeleteTags")
_EKS_TAGS = ("eks:TagResource", "eks:UntagResource")
_GROUP_RULES = (
    *("ec2:AuthorizeSecurityGroupEgress", "ec2:AuthorizeSecurityGroupIngress"),
    *("ec2:RevokeSecurityGroupEgress", "ec2:RevokeSecurityGroupIngress"),
)


def _rule(way: str) -> Rights:
    return Rights(
        f"{_EC2}security-group/sg-{_NO_ID}",
        create=(f"ec2:AuthorizeSecurityGroup{way}",),
        read=("ec2:DescribeSecurityGroupRules",),
        update=("ec2:ModifySecurityGroupRules", *_TAGS),
        delete=(f"ec2:RevokeSecurityGroup{way}",),
    )


_EC2_TYPES = {
    "aws:ec2/vpc:Vpc": Rights(
        f"{_EC2}vpc/vpc-{_NO_ID}",
        create=("ec2:CreateVpc", "ec2:ModifyVpcAttribute", "ec2:CreateTags"),
        read=(
            *("ec2:DescribeVpcs", "ec2:DescribeVpcAttribute", "ec2:DescribeNetworkAcls"),
            *("ec2:DescribeRouteTables", "ec2:DescribeSecurityGroups"),
        ),
        update=("ec2:DeleteTags",),
        delete=("ec2:DeleteVpc",),
    ),
    "aws:ec2/subnet:Subnet": Rights(
        f"{_EC2}subnet/subnet-{_NO_ID}",
        create=("ec2:CreateSubnet", "ec2:ModifySubnetAttribute", "ec2:CreateTags"),
        read=("ec2:DescribeSubnets",),
        update=("ec2:DeleteTags",),
        delete=("ec2:DeleteSubnet", "ec2:DescribeNetworkInterfaces"),
    ),
    "aws:ec2/internetGateway:InternetGateway": Rights(
        f"{_EC2}internet-gateway/igw-{_NO_ID}",
        create=("ec2:CreateInternetGateway", "ec2:AttachInternetGateway"),
        read=("ec2:DescribeInternetGateways",),
        update=_TAGS,
        delete=("ec2:DetachInternetGateway", "ec2:DeleteInternetGateway"),
    ),
    "aws:ec2/eip:Eip": Rights(
        f"{_EC2}elastic-ip/eipalloc-{_NO_ID}",
        create=("ec2:AllocateAddress",),
        read=("ec2:DescribeAddresses", "ec2:DescribeAddressesAttribute"),
        update=_TAGS,
        delete=("ec2:ReleaseAddress", "ec2:DisassociateAddress"),
    ),
    "aws:ec2/natGateway:NatGateway": Rights(
        f"{_EC2}natgateway/nat-{_NO_ID}",
        create=("ec2:CreateNatGateway",),
        read=("ec2:DescribeNatGateways",),
        update=_TAGS,
        delete=("ec2:DeleteNatGateway",),
    ),
    "aws:ec2/routeTable:RouteTable": Rights(
        f"{_EC2}route-table/rtb-{_NO_ID}",
        create=("ec2:CreateRouteTable",),
        read=("ec2:DescribeRouteTables",),
        update=_TAGS,
        delete=("ec2:DeleteRouteTable",),
    ),
    "aws:ec2/route:Route": Rights(
        f"{_EC2}route-table/rtb-{_NO_ID}",
        create=("ec2:CreateRoute",),
        read=("ec2:DescribeRouteTables",),
        update=("ec2:ReplaceRoute",),
        delete=("ec2:DeleteRoute",),
    ),
    "aws:ec2/routeTableAssociation:RouteTableAssociation": Rights(
        f"{_EC2}route-table/rtb-{_NO_ID}",
        create=("ec2:AssociateRouteTable",),
        read=("ec2:DescribeRouteTables",),
        update=("ec2:ReplaceRouteTableAssociation",),
        delete=("ec2:DisassociateRouteTable",),
    ),
    "aws:ec2/tag:Tag": Rights(
        f"{_EC2}security-group/sg-{_NO_ID}",
        create=("ec2:CreateTags",),
        read=("ec2:DescribeTags",),
        delete=("ec2:DeleteTags",),
    ),
    "aws:ec2/vpcEndpoint:VpcEndpoint": Rights(
        f"{_EC2}vpc-endpoint/vpce-{_NO_ID}",
        create=("ec2:CreateVpcEndpoint",),
        read=("ec2:DescribeVpcEndpoints", "ec2:DescribePrefixLists"),
        update=("ec2:ModifyVpcEndpoint", *_TAGS),
        delete=("ec2:DeleteVpcEndpoints",),
    ),
    "aws:ec2/flowLog:FlowLog": Rights(
        f"{_EC2}vpc-flow-log/fl-{_NO_ID}",
        create=("ec2:CreateFlowLogs",),
        read=("ec2:DescribeFlowLogs",),
        update=_TAGS,
        delete=("ec2:DeleteFlowLogs",),
        passes={"iamRoleArn": "vpc-flow-logs.amazonaws.com"},
    ),
    "aws:ec2/securityGroup:SecurityGroup": Rights(
        f"{_EC2}security-group/sg-{_NO_ID}",
        create=("ec2:CreateSecurityGroup", *_GROUP_RULES),
        read=("ec2:DescribeSecurityGroups",),
        update=_TAGS,
        delete=("ec2:DeleteSecurityGroup", "ec2:DescribeNetworkInterfaces"),
    ),
    "aws:ec2/securityGroupRule:SecurityGroupRule": Rights(
        f"{_EC2}security-group/sg-{_NO_ID}",
        create=("ec2:AuthorizeSecurityGroupEgress", "ec2:AuthorizeSecurityGroupIngress"),
        read=("ec2:DescribeSecurityGroups", "ec2:DescribeSecurityGroupRules"),
        delete=("ec2:RevokeSecurityGroupEgress", "ec2:RevokeSecurityGroupIngress"),
    ),
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": Rights(
        f"{_EC2}security-group/sg-{_NO_ID}",
        create=_GROUP_RULES,
        read=("ec2:DescribeSecurityGroups",),
        update=_TAGS,
        delete=(),
    ),
    "aws:ec2/launchTemplate:LaunchTemplate": Rights(
        f"{_EC2}launch-template/lt-{_NO_ID}",
        create=("ec2:CreateLaunchTemplate",),
        read=("ec2:DescribeLaunchTemplates", "ec2:DescribeLaunchTemplateVersions"),
        update=("ec2:CreateLaunchTemplateVersion", "ec2:ModifyLaunchTemplate", *_TAGS),
        delete=("ec2:DeleteLaunchTemplate",),
    ),
    "aws:ec2/placementGroup:PlacementGroup": Rights(
        f"{_EC2}placement-group/{{name}}",
        create=("ec2:CreatePlacementGroup",),
        read=("ec2:DescribePlacementGroups",),
        update=_TAGS,
        delete=("ec2:DeletePlacementGroup",),
    ),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": _rule("Ingress"),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": _rule("Egress"),
}

_IAM_TYPES = {
    "aws:iam/role:Role": Rights(
        f"{_IAM}role/{{name}}",
        create=("iam:CreateRole",),
        read=("iam:GetRole", "iam:ListRolePolicies", "iam:ListAttachedRolePolicies"),
        update=("iam:UpdateAssumeRolePolicy", "iam:UpdateRole", "iam:TagRole", "iam:UntagRole"),
        delete=("iam:DeleteRole", "iam:ListInstanceProfilesForRole"),
    ),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": Rights(
        f"{_IAM}role/{{role}}",
        create=("iam:AttachRolePolicy",),
        read=("iam:ListAttachedRolePolicies",),
        delete=("iam:DetachRolePolicy",),
    ),
    "aws:iam/rolePolicy:RolePolicy": Rights(
        f"{_IAM}role/{{role}}",
        create=("iam:PutRolePolicy",),
        read=("iam:GetRolePolicy",),
        delete=("iam:DeleteRolePolicy",),
    ),
    "aws:iam/policy:Policy": Rights(
        f"{_IAM}policy/{{name}}",
        create=("iam:CreatePolicy",),
        read=("iam:GetPolicy", "iam:GetPolicyVersion", "iam:ListPolicyVersions"),
        update=("iam:CreatePolicyVersion", "iam:DeletePolicyVersion", "iam:TagPolicy", "iam:UntagPolicy"),
        delete=("iam:DeletePolicy",),
    ),
    "aws:iam/instanceProfile:InstanceProfile": Rights(
        f"{_IAM}instance-profile/{{name}}",
        create=("iam:CreateInstanceProfile", "iam:AddRoleToInstanceProfile"),
        read=("iam:GetInstanceProfile",),
        update=("iam:TagInstanceProfile", "iam:UntagInstanceProfile"),
        delete=("iam:RemoveRoleFromInstanceProfile", "iam:DeleteInstanceProfile"),
        passes={"role": "ec2.amazonaws.com"},
    ),
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": Rights(
        f"{_IAM}oidc-provider/oidc.eks.{{region}}.amazonaws.com/id/00000000000000000000000000000000",
        create=("iam:CreateOpenIDConnectProvider", "iam:TagOpenIDConnectProvider"),
        read=("iam:GetOpenIDConnectProvider",),
        update=("iam:UpdateOpenIDConnectProviderThumbprint", "iam:UntagOpenIDConnectProvider"),
        delete=("iam:DeleteOpenIDConnectProvider",),
    ),
    "aws:iam/serviceLinkedRole:ServiceLinkedRole": Rights(
        f"{_IAM}role/aws-service-role/{{awsServiceName}}/{{name}}",
        create=("iam:CreateServiceLinkedRole",),
        read=("iam:GetRole",),
        delete=("iam:DeleteServiceLinkedRole", "iam:GetServiceLinkedRoleDeletionStatus"),
    ),
}

_EKS_TYPES = {
    "aws:eks/cluster:Cluster": Rights(
        f"{_EKS}cluster/{{name}}",
        create=("eks:CreateCluster", "eks:TagResource"),
        read=("eks:DescribeCluster",),
        update=("eks:UpdateClusterVersion", "eks:UpdateClusterConfig", "eks:DescribeUpdate", "eks:UntagResource"),
        delete=("eks:DeleteCluster",),
        passes={"roleArn": EKS_PRINCIPAL},
    ),
    "aws:eks/nodeGroup:NodeGroup": Rights(
        f"{_EKS}nodegroup/{{clusterName}}/{{name}}/{_NO_UUID}",
        create=("eks:CreateNodegroup",),
        read=("eks:DescribeNodegroup",),
        update=("eks:UpdateNodegroupConfig", "eks:UpdateNodegroupVersion", *_EKS_TAGS),
        delete=("eks:DeleteNodegroup",),
        made_on=_CLUSTER,
        passes={"nodeRoleArn": EKS_PRINCIPAL},
    ),
    "aws:eks/fargateProfile:FargateProfile": Rights(
        f"{_EKS}fargateprofile/{{clusterName}}/{{name}}/{_NO_UUID}",
        create=("eks:CreateFargateProfile",),
        read=("eks:DescribeFargateProfile",),
        update=_EKS_TAGS,
        delete=("eks:DeleteFargateProfile",),
        made_on=_CLUSTER,
        passes={"podExecutionRoleArn": EKS_PRINCIPAL},
    ),
    "aws:eks/addon:Addon": Rights(
        f"{_EKS}addon/{{clusterName}}/{{addonName}}/{_NO_UUID}",
        create=("eks:CreateAddon",),
        read=("eks:DescribeAddon",),
        update=("eks:UpdateAddon", *_EKS_TAGS),
        delete=("eks:DeleteAddon",),
        made_on=_CLUSTER,
        passes={"serviceAccountRoleArn": "", "podIdentityAssociations": ""},
    ),
    "aws:eks/accessEntry:AccessEntry": Rights(
        f"{_EKS}access-entry/{{clusterName}}/role/{{account}}/unknown/{_NO_UUID}",
        create=("eks:CreateAccessEntry",),
        read=("eks:DescribeAccessEntry",),
        update=("eks:UpdateAccessEntry", *_EKS_TAGS),
        delete=("eks:DeleteAccessEntry",),
        made_on=_CLUSTER,
    ),
    "aws:eks/accessPolicyAssociation:AccessPolicyAssociation": Rights(
        f"{_EKS}access-entry/{{clusterName}}/role/{{account}}/unknown/{_NO_UUID}",
        create=("eks:AssociateAccessPolicy",),
        read=("eks:ListAssociatedAccessPolicies",),
        delete=("eks:DisassociateAccessPolicy",),
    ),
    "aws:eks/podIdentityAssociation:PodIdentityAssociation": Rights(
        f"{_EKS}podidentityassociation/{{clusterName}}/a-{_NO_ID}",
        create=("eks:CreatePodIdentityAssociation",),
        read=("eks:DescribePodIdentityAssociation",),
        update=("eks:UpdatePodIdentityAssociation", *_EKS_TAGS),
        delete=("eks:DeletePodIdentityAssociation",),
        made_on=_CLUSTER,
        passes={"roleArn": ""},
    ),
}

_GROUP = "arn:{partition}:autoscaling:{region}:{account}:autoScalingGroup:" + _NO_UUID + ":autoScalingGroupName/"
_QUEUE = "arn:{partition}:sqs:{region}:{account}:"
_EVENT_RULE = "arn:{partition}:events:{region}:{account}:rule/"
_LOG_GROUP = "arn:{partition}:logs:{region}:{account}:log-group:{name}"
_KEY = "arn:{partition}:kms:{region}:{account}:key/" + _NO_UUID

_OTHER_TYPES = {
    "aws:autoscaling/group:Group": Rights(
        _GROUP + "{name}",
        create=("autoscaling:CreateAutoScalingGroup", "autoscaling:CreateOrUpdateTags", "autoscaling:SuspendProcesses"),
        read=("autoscaling:DescribeAutoScalingGroups", "autoscaling:DescribeScalingActivities"),
        update=("autoscaling:UpdateAutoScalingGroup", "autoscaling:DeleteTags", "autoscaling:ResumeProcesses"),
        delete=("autoscaling:DeleteAutoScalingGroup",),
    ),
    "aws:autoscaling/tag:Tag": Rights(
        _GROUP + "unknown",
        create=("autoscaling:CreateOrUpdateTags",),
        read=("autoscaling:DescribeTags",),
        delete=("autoscaling:DeleteTags",),
    ),
    "aws:autoscaling/lifecycleHook:LifecycleHook": Rights(
        _GROUP + "unknown",
        create=("autoscaling:PutLifecycleHook",),
        read=("autoscaling:DescribeLifecycleHooks",),
        delete=("autoscaling:DeleteLifecycleHook",),
    ),
    "aws:s3/bucket:Bucket": Rights(
        "arn:{partition}:s3:::{bucket}",
        create=("s3:CreateBucket",),
        read=(
            *("s3:GetAccelerateConfiguration", "s3:GetBucketAcl", "s3:GetBucketCORS", "s3:GetBucketLogging"),
            *("s3:GetBucketObjectLockConfiguration", "s3:GetBucketPolicy", "s3:GetBucketRequestPayment"),
            *("s3:GetBucketTagging", "s3:GetBucketVersioning", "s3:GetBucketWebsite", "s3:GetEncryptionConfiguration"),
            *("s3:GetLifecycleConfiguration", "s3:GetReplicationConfiguration", "s3:ListBucket"),
        ),
        update=("s3:PutBucketTagging",),
        delete=("s3:DeleteBucket",),
    ),
    "aws:amp/workspace:Workspace": Rights(
        "arn:{partition}:aps:{region}:{account}:workspace/ws-" + _NO_UUID,
        create=("aps:CreateWorkspace",),
        read=("aps:DescribeLoggingConfiguration", "aps:DescribeWorkspace", "aps:ListTagsForResource"),
        update=("aps:TagResource", "aps:UntagResource", "aps:UpdateWorkspaceAlias"),
        delete=("aps:DeleteWorkspace",),
    ),
    "aws:sqs/queue:Queue": Rights(
        _QUEUE + "{name}",
        create=("sqs:CreateQueue", "sqs:SetQueueAttributes"),
        read=("sqs:GetQueueAttributes", "sqs:ListQueueTags"),
        update=("sqs:TagQueue", "sqs:UntagQueue"),
        delete=("sqs:DeleteQueue",),
    ),
    "aws:sqs/queuePolicy:QueuePolicy": Rights(
        _QUEUE + "{queueName}",
        create=("sqs:SetQueueAttributes",),
        read=("sqs:GetQueueAttributes",),
        delete=("sqs:SetQueueAttributes",),
    ),
    "aws:cloudwatch/eventRule:EventRule": Rights(
        _EVENT_RULE + "{name}",
        create=("events:PutRule",),
        read=("events:DescribeRule", "events:ListTagsForResource"),
        update=("events:TagResource", "events:UntagResource"),
        delete=("events:DeleteRule",),
    ),
    "aws:cloudwatch/eventTarget:EventTarget": Rights(
        _EVENT_RULE + "{rule}",
        create=("events:PutTargets",),
        read=("events:ListTargetsByRule",),
        delete=("events:RemoveTargets",),
    ),
    "aws:cloudwatch/logGroup:LogGroup": Rights(
        _LOG_GROUP,
        create=("logs:CreateLogGroup", "logs:PutRetentionPolicy"),
        read=("logs:DescribeLogGroups", "logs:ListTagsForResource"),
        update=("logs:TagResource", "logs:UntagResource"),
        delete=("logs:DeleteLogGroup",),
    ),
    "aws:kms/key:Key": Rights(
        _KEY,
        create=("kms:CreateKey", "kms:EnableKeyRotation", "kms:TagResource"),
        read=(
            *("kms:DescribeKey", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus"),
            "kms:ListResourceTags",
        ),
        update=("kms:UpdateKeyDescription", "kms:PutKeyPolicy", "kms:UntagResource"),
        delete=("kms:ScheduleKeyDeletion",),
    ),
    "aws:kms/alias:Alias": Rights(
        _KEY,
        create=("kms:CreateAlias",),
        read=("kms:ListAliases",),
        update=("kms:UpdateAlias",),
        delete=("kms:DeleteAlias",),
    ),
}

CREATES: Mapping[str, Rights] = {**_EC2_TYPES, **_IAM_TYPES, **_EKS_TYPES, **_OTHER_TYPES}
"""By type token; of another type it is not known what it takes."""

PASS_ROLE = "iam:PassRole"
LINK_ROLE = "iam:CreateServiceLinkedRole"


def is_about_all(action: str) -> bool:
    """Whether an action is about no single resource, so that a policy allows it for `*` alone."""
    service, _, operation = action.partition(":")
    asks = operation.startswith("Describe")
    return action in ("kms:CreateKey", "kms:ListAliases") or (asks and service in ("ec2", "autoscaling"))
