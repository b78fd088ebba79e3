"""What an account has becomes resources: names of AWS's services and of the provider are those of their own models."""

import pytest

from eks_gpu.graph.graph import Resource
from eks_gpu.live.account_resources import account_resources
from eks_gpu.live.mentioned import Mentioned
from eks_gpu.live.permissions import READ
from eks_gpu.offline.sdk_schema import problems
from tests.eks_gpu.live.modelled import CLUSTER, ModelledAccount

NEWER = {
    *("LaunchTemplate.blockDeviceMappings[0].ebs.ebsCardIndex", "LaunchTemplate.metadataOptions.state"),
    *("LaunchTemplate.instanceRequirements.baselinePerformanceFactors", "LaunchTemplate.placement.availabilityZoneId"),
    "LaunchTemplate.instanceRequirements.requireEncryptionInTransit",
    "Cluster.kubernetesNetworkConfig.elasticLoadBalancing.gatewayApi",
    "Group.mixedInstancesPolicy.instancesDistribution.distributionSegments",
    "Group.mixedInstancesPolicy.launchTemplate.overrides[0].imageId",
    "Group.mixedInstancesPolicy.launchTemplate.overrides[0].instanceRequirements.baselinePerformanceFactors",
}
"""What AWS tells and the provider does not have."""
READ_TYPES = {
    "aws:autoscaling/group:Group",
    "aws:autoscaling/lifecycleHook:LifecycleHook",
    "aws:autoscaling/policy:Policy",
    "aws:autoscaling/schedule:Schedule",
    "aws:cloudwatch/eventRule:EventRule",
    "aws:cloudwatch/eventTarget:EventTarget",
    "aws:ec2/defaultNetworkAcl:DefaultNetworkAcl",
    "aws:ec2/eip:Eip",
    "aws:ec2/internetGateway:InternetGateway",
    "aws:ec2/launchTemplate:LaunchTemplate",
    "aws:ec2/natGateway:NatGateway",
    "aws:ec2/routeTable:RouteTable",
    "aws:ec2/routeTableAssociation:RouteTableAssociation",
    "aws:ec2/securityGroup:SecurityGroup",
    "aws:ec2/subnet:Subnet",
    "aws:ec2/vpc:Vpc",
    "aws:ec2/vpcEndpoint:VpcEndpoint",
    "aws:eks/accessEntry:AccessEntry",
    "aws:eks/accessPolicyAssociation:AccessPolicyAssociation",
    "aws:eks/addon:Addon",
    "aws:eks/cluster:Cluster",
    "aws:eks/fargateProfile:FargateProfile",
    "aws:eks/nodeGroup:NodeGroup",
    "aws:iam/instanceProfile:InstanceProfile",
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider",
    "aws:iam/policy:Policy",
    "aws:iam/role:Role",
    "aws:iam/rolePolicy:RolePolicy",
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
    "aws:iam/serviceLinkedRole:ServiceLinkedRole",
    "aws:kms/key:Key",
    "aws:lb/loadBalancer:LoadBalancer",
    "aws:sqs/queue:Queue",
}


@pytest.fixture(scope="module")
def account() -> ModelledAccount:
    return ModelledAccount()


@pytest.fixture(scope="module")
def read(account) -> list[Resource]:
    described = account.ask("eks", "describe_cluster", name=CLUSTER)["cluster"]
    rows, unread = account_resources(account, described, Mentioned(queues=frozenset({"notices"})))
    assert [str(row.subject) for row in unread] == ["Group AutoScalingGroupName"]  # whose launch configuration is not
    return rows


def test_one_of_everything_becomes_a_resource_of_each_type(read):
    assert {each.type for each in read} == READ_TYPES


def test_the_provider_takes_what_is_read(read):
    found = {problem for each in read for problem in problems(each.type, dict(each.inputs))}
    assert {problem for problem in found if problem.partition(": ")[0] not in NEWER} == set()


def test_every_question_has_its_permission_and_every_permission_its_question(read, account):
    assert account.asked - {"sts:GetCallerIdentity", "eks:DescribeCluster"} == {each.action for each in READ}
