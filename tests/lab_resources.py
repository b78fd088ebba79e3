"""A resource of every type that the lab can make, each with what it needs, and a change that updates it in place."""

import json
from collections.abc import Mapping
from typing import Any

from eks_gpu.lab.aws.core import Cloud

Made = dict[str, dict[str, Any]]
"""Outputs by type."""


def document(**statement: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})


TRUST = document(Principal={"Service": "ec2.amazonaws.com"}, Action="sts:AssumeRole")
OTHER_TRUST = document(Principal={"Service": "eks.amazonaws.com"}, Action="sts:AssumeRole")
RUN, STOP = (document(Action=f"ec2:{action}Instances", Resource="*") for action in ("Run", "Stop"))
VPC, SUBNET = "aws:ec2/vpc:Vpc", "aws:ec2/subnet:Subnet"
ROLE, CLUSTER, NODE_GROUP = "aws:iam/role:Role", "aws:eks/cluster:Cluster", "aws:eks/nodeGroup:NodeGroup"
QUEUE, RULE = "aws:sqs/queue:Queue", "aws:cloudwatch/eventRule:EventRule"
TABLE, GATEWAY, NAT = (
    "aws:ec2/routeTable:RouteTable",
    "aws:ec2/internetGateway:InternetGateway",
    "aws:ec2/natGateway:NatGateway",
)
GROUP, TEMPLATE = "aws:ec2/securityGroup:SecurityGroup", "aws:ec2/launchTemplate:LaunchTemplate"
DEFAULT_GROUP = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"
NAME = {"tags": {"Name": "a"}}
RENAMED = {"tags": {"Name": "b"}}


def inputs(made: Made) -> dict[str, tuple[Any, dict[str, Any]]]:
    """(inputs, from what was made before; a change of them) by type, in an order in which all can be made."""
    id_ = {token: outputs["id"] for token, outputs in made.items()}
    arn = {token: outputs.get("arn") for token, outputs in made.items()}

    def role_policy(policy: str) -> dict[str, Any]:
        return {"role": id_[ROLE], "name": "p", "policy": policy}

    return {
        VPC: (lambda: {"cidrBlock": "10.0.0.0/16", "enableDnsHostnames": False, **NAME}, {"enableDnsHostnames": True}),
        SUBNET: (
            lambda: {"vpcId": id_[VPC], "cidrBlock": "10.0.0.0/24", "availabilityZone": "us-west-2a", **NAME},
            {"mapPublicIpOnLaunch": True},
        ),
        DEFAULT_GROUP: (lambda: {"vpcId": id_[VPC], **NAME}, RENAMED),
        GATEWAY: (lambda: {"vpcId": id_[VPC], **NAME}, RENAMED),
        "aws:ec2/eip:Eip": (lambda: {"domain": "vpc", **NAME}, RENAMED),
        NAT: (lambda: {"allocationId": id_["aws:ec2/eip:Eip"], "subnetId": id_[SUBNET], **NAME}, RENAMED),
        TABLE: (lambda: {"vpcId": id_[VPC], **NAME}, RENAMED),
        "aws:ec2/route:Route": (
            lambda: {"routeTableId": id_[TABLE], "destinationCidrBlock": "0.0.0.0/0", "natGatewayId": id_[NAT]},
            {"natGatewayId": None, "gatewayId": GATEWAY},
        ),
        "aws:ec2/routeTableAssociation:RouteTableAssociation": (
            lambda: {"routeTableId": id_[TABLE], "subnetId": id_[SUBNET]},
            {},
        ),
        "aws:ec2/vpcEndpoint:VpcEndpoint": (
            lambda: {
                "vpcId": id_[VPC],
                "serviceName": "com.amazonaws.us-west-2.s3",
                "vpcEndpointType": "Gateway",
                "routeTableIds": [id_[TABLE]],
                **NAME,
            },
            RENAMED,
        ),
        "aws:cloudwatch/logGroup:LogGroup": (lambda: {"name": "logs", "retentionInDays": 90}, {"retentionInDays": 30}),
        "aws:ec2/placementGroup:PlacementGroup": (lambda: {"name": "close", "strategy": "cluster"}, {}),
        "aws:s3/bucket:Bucket": (lambda: {"bucket": "checkpoints", "forceDestroy": True}, {}),
        "aws:amp/workspace:Workspace": (lambda: {"alias": "gaia"}, {"alias": "metrics"}),
        "aws:kms/key:Key": (
            lambda: {"description": "secrets", "enableKeyRotation": True, "deletionWindowInDays": 30},
            {"description": "more secrets"},
        ),
        ROLE: (lambda: {"name": "role", "assumeRolePolicy": TRUST, **NAME}, {"assumeRolePolicy": OTHER_TRUST}),
        "aws:ec2/flowLog:FlowLog": (
            lambda: {
                "vpcId": id_[VPC],
                "trafficType": "ALL",
                "iamRoleArn": arn[ROLE],
                "logDestination": arn["aws:cloudwatch/logGroup:LogGroup"],
            },
            NAME,
        ),
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment": (
            lambda: {"role": id_[ROLE], "policyArn": "arn:aws:iam::aws:policy/AmazonEKSClusterPolicy"},
            {},
        ),
        "aws:iam/rolePolicy:RolePolicy": (lambda: role_policy(RUN), {"policy": STOP}),
        "aws:iam/policy:Policy": (lambda: {"name": "policy", "policy": RUN}, {}),
        "aws:iam/instanceProfile:InstanceProfile": (lambda: {"name": "profile", "role": id_[ROLE]}, NAME),
        "aws:iam/openIdConnectProvider:OpenIdConnectProvider": (
            lambda: {"url": "https://oidc.example/1", "clientIdLists": ["sts.amazonaws.com"]},
            {},
        ),
        "aws:iam/serviceLinkedRole:ServiceLinkedRole": (lambda: {"awsServiceName": "spot.amazonaws.com"}, {}),
        GROUP: (
            lambda: {
                "name": "group",
                "vpcId": id_[VPC],
                "ingress": [{"protocol": "tcp", "fromPort": 443, "toPort": 443, "cidrBlocks": ["10.0.0.0/16"]}],
            },
            {"ingress": [{"protocol": "tcp", "fromPort": 80, "toPort": 80, "cidrBlocks": ["10.0.0.0/16"]}]},
        ),
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": (
            lambda: {
                "securityGroupId": id_[GROUP],
                "ipProtocol": "tcp",
                "fromPort": 22,
                "toPort": 22,
                "referencedSecurityGroupId": id_[GROUP],
            },
            {},
        ),
        "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": (
            lambda: {"securityGroupId": id_[GROUP], "ipProtocol": "-1", "cidrIpv4": "0.0.0.0/0"},
            {},
        ),
        TEMPLATE: (
            lambda: {
                "name": "template",
                "updateDefaultVersion": True,
                "metadataOptions": {"httpTokens": "required", "httpPutResponseHopLimit": 1},
                "blockDeviceMappings": [
                    {"deviceName": "/dev/xvda", "ebs": {"encrypted": "true", "volumeSize": 50, "volumeType": "gp3"}}
                ],
                "tagSpecifications": [{"resourceType": "instance", "tags": {"Name": "node"}}],
            },
            {"metadataOptions": {"httpTokens": "required", "httpPutResponseHopLimit": 2}},
        ),
        CLUSTER: (
            lambda: {
                "name": "lab",
                "version": "1.34",
                "roleArn": arn[ROLE],
                "vpcConfig": {"subnetIds": [id_[SUBNET]]},
                "accessConfig": {"authenticationMode": "API"},
                "encryptionConfig": {"provider": {"keyArn": arn["aws:kms/key:Key"]}, "resources": ["secrets"]},
                "enabledClusterLogTypes": ["api"],
                **NAME,
            },
            {"version": "1.35", "upgradePolicy": {"supportType": "STANDARD"}},
        ),
        "aws:ec2/tag:Tag": (
            lambda: {"resourceId": made[CLUSTER]["vpcConfig"]["clusterSecurityGroupId"], "key": "k", "value": "v"},
            {"value": "w"},
        ),
        NODE_GROUP: (
            lambda: {
                "clusterName": "lab",
                "nodeGroupName": "gpu",
                "nodeRoleArn": arn[ROLE],
                "subnetIds": [id_[SUBNET]],
                "amiType": "AL2023_x86_64_NVIDIA",
                "capacityType": "SPOT",
                "instanceTypes": ["g6.xlarge", "g5.xlarge"],
                "launchTemplate": {"id": id_[TEMPLATE], "version": "1"},
                "scalingConfig": {"minSize": 0, "desiredSize": 1, "maxSize": 2},
                "labels": {"a": "1", "b": "2"},
                "taints": [{"key": "nvidia.com/gpu", "value": "true", "effect": "NO_SCHEDULE"}],
                **NAME,
            },
            {
                "labels": {"b": "3"},
                "taints": [],
                "scalingConfig": {"minSize": 0, "desiredSize": 1, "maxSize": 5},
                "version": "1.35",
                "releaseVersion": "1.35.0-20260714",
            },
        ),
        "aws:eks/addon:Addon": (
            lambda: {
                "clusterName": "lab",
                "addonName": "vpc-cni",
                "configurationValues": "{}",
                "podIdentityAssociations": [{"roleArn": arn[ROLE], "serviceAccount": "aws-node"}],
                "resolveConflictsOnCreate": "OVERWRITE",
            },
            {"configurationValues": '{"a": 1}'},
        ),
        "aws:eks/accessEntry:AccessEntry": (
            lambda: {"clusterName": "lab", "principalArn": arn[ROLE], "type": "STANDARD"},
            {"kubernetesGroups": ["viewers"]},
        ),
        "aws:eks/accessPolicyAssociation:AccessPolicyAssociation": (
            lambda: {
                "clusterName": "lab",
                "principalArn": arn[ROLE],
                "policyArn": "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy",
                "accessScope": {"type": "cluster"},
            },
            {"accessScope": {"type": "namespace", "namespaces": ["default"]}},
        ),
        "aws:eks/podIdentityAssociation:PodIdentityAssociation": (
            lambda: {"clusterName": "lab", "namespace": "kube-system", "serviceAccount": "k", "roleArn": arn[ROLE]},
            {"roleArn": "arn:aws:iam::123456789012:role/other"},
        ),
        "aws:autoscaling/group:Group": (
            lambda: {
                "name": "general",
                "minSize": 0,
                "maxSize": 20,
                "desiredCapacity": 0,
                "suspendedProcesses": ["AZRebalance"],
                "vpcZoneIdentifiers": [id_[SUBNET]],
                "mixedInstancesPolicy": {
                    "launchTemplate": {
                        "launchTemplateSpecification": {"launchTemplateId": id_[TEMPLATE], "version": "1"},
                        "overrides": [{"instanceType": "m7i.2xlarge"}, {"instanceType": "m7a.2xlarge"}],
                    }
                },
                "tags": [{"key": "a", "value": "1", "propagateAtLaunch": False}],
            },
            {"maxSize": 7, "tags": [{"key": "b", "value": "2", "propagateAtLaunch": True}]},
        ),
        "aws:autoscaling/lifecycleHook:LifecycleHook": (
            lambda: {
                "name": "drain",
                "autoscalingGroupName": "general",
                "lifecycleTransition": "autoscaling:EC2_INSTANCE_TERMINATING",
                "heartbeatTimeout": 180,
                "defaultResult": "CONTINUE",
            },
            {"heartbeatTimeout": 360},
        ),
        "aws:autoscaling/tag:Tag": (
            lambda: {
                "autoscalingGroupName": "general",
                "tag": {"key": "c", "value": "600s", "propagateAtLaunch": False},
            },
            {"tag": {"key": "c", "value": "60s", "propagateAtLaunch": False}},
        ),
        QUEUE: (lambda: {"name": "queue", "messageRetentionSeconds": 300, **NAME}, {"messageRetentionSeconds": 600}),
        "aws:sqs/queuePolicy:QueuePolicy": (
            lambda: {
                "queueUrl": id_[QUEUE],
                "policy": document(Principal="*", Action="sqs:SendMessage", Resource=arn[QUEUE]),
            },
            {"policy": document(Principal="*", Action="sqs:ReceiveMessage", Resource="*")},
        ),
        RULE: (
            lambda: {"name": "rule", "eventPattern": '{"source": ["aws.health"]}'},
            {"eventPattern": '{"source": ["aws.ec2"]}'},
        ),
        "aws:cloudwatch/eventTarget:EventTarget": (
            lambda: {"rule": "rule", "targetId": "target", "arn": arn[QUEUE]},
            {"arn": "arn:aws:sqs:us-west-2:123456789012:other"},
        ),
    }


def make_all(cloud: Cloud) -> Made:
    """Outputs of a resource of each type."""
    made: Made = {}
    for token in inputs(made):
        made[token] = cloud.create(token, wanted(token, made))[1]
    return made


def wanted(token: str, made: Made) -> dict[str, Any]:
    return inputs(made)[token][0]()


def change(token: str, made: Made) -> Mapping[str, Any]:
    """Keys with another value, and with None those that are taken away; a type stands for what was made of it."""
    return {
        key: made[value]["id"] if isinstance(value, str) and value in made else value
        for key, value in inputs(made)[token][1].items()
    }
