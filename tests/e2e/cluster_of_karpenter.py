"""The cluster gaia in the AWS of a lab, with all that Karpenter wants of it."""

import json

from eks_gpu.lab.nodes import aws_client
from eks_gpu.lab.state import Lab

NAME, NODE_ROLE = "gaia", "gaia-node"
DISCOVERY = {"karpenter.sh/discovery": NAME}
"""Tags of its subnets and of its security group."""


def make_cluster(lab: Lab) -> tuple[list[str], str]:
    """Makes cluster, queue and role of the nodes; gives the ids of the subnets and of the security group."""
    ec2, iam = aws_client(lab, "ec2"), aws_client(lab, "iam")
    subnets = ec2.describe_subnets()["Subnets"][:3]
    ids = [subnet["SubnetId"] for subnet in subnets]
    group = ec2.create_security_group(GroupName="nodes", Description="nodes", VpcId=subnets[0]["VpcId"])["GroupId"]
    ec2.create_tags(Resources=[*ids, group], Tags=[{"Key": key, "Value": value} for key, value in DISCOVERY.items()])
    trust = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    iam.create_role(RoleName=NODE_ROLE, AssumeRolePolicyDocument=policy)
    aws_client(lab, "eks").create_cluster(
        name=NAME, version="1.35", roleArn="arn:aws:iam::123456789012:role/eks", resourcesVpcConfig={"subnetIds": ids}
    )
    aws_client(lab, "sqs").create_queue(QueueName=NAME)
    return ids, group
