"""Private endpoints for AWS services, and flow logs."""

import json
from collections.abc import Sequence
from typing import Any

import pulumi_aws as aws
from pulumi import ComponentResource, ResourceOptions

from .network_layout import NetworkSpec

# What nodes, add-ons and this library's controllers call. Source: Amazon EKS User Guide, "Deploy private clusters".
CLUSTER_SERVICES = (
    "autoscaling",
    "ec2",
    "ecr.api",
    "ecr.dkr",
    "eks",
    "eks-auth",
    "elasticloadbalancing",
    "logs",
    "sqs",
    "ssm",
    "ssmmessages",
    "sts",
)


def endpoint_services(spec: NetworkSpec) -> list[str]:
    """Services that get an interface endpoint, by the part of its name after the region, sorted."""
    asked = set(CLUSTER_SERVICES) if spec.settings.interface_endpoints else set()
    return sorted(asked | set(spec.settings.extra_interface_endpoints))


def gateway_endpoint(
    parent: ComponentResource, name: str, vpc: aws.ec2.Vpc, region: str, tables: Sequence[aws.ec2.RouteTable]
) -> aws.ec2.VpcEndpoint:
    """Access to S3 without the NAT gateways, free of charge: most of a GPU node's downloads are image layers."""
    return aws.ec2.VpcEndpoint(
        name,
        vpc_id=vpc.id,
        service_name=f"com.amazonaws.{region}.s3",
        vpc_endpoint_type="Gateway",
        route_table_ids=[table.id for table in tables],
        tags={"Name": name},
        opts=ResourceOptions(parent=parent),
    )


def interface_endpoints(
    parent: ComponentResource, name: str, vpc: aws.ec2.Vpc, spec: NetworkSpec, private: dict[str, aws.ec2.Subnet]
) -> list[aws.ec2.VpcEndpoint]:
    """An endpoint for each service in every private subnet, open to the VPC."""
    services = endpoint_services(spec)
    if not services:
        return []
    group = aws.ec2.SecurityGroup(
        f"{name}-endpoints",
        vpc_id=vpc.id,
        description="HTTPS from the VPC to AWS endpoints",
        ingress=[{"protocol": "tcp", "from_port": 443, "to_port": 443, "cidr_blocks": [vpc.cidr_block]}],
        tags={"Name": f"{name}-endpoints"},
        opts=ResourceOptions(parent=parent),
    )
    return [
        aws.ec2.VpcEndpoint(
            f"{name}-{service}",
            vpc_id=vpc.id,
            service_name=f"com.amazonaws.{spec.region}.{service}",
            vpc_endpoint_type="Interface",
            subnet_ids=[subnet.id for subnet in private.values()],
            security_group_ids=[group.id],
            private_dns_enabled=True,
            tags={"Name": f"{name}-{service}"},
            opts=ResourceOptions(parent=parent),
        )
        for service in services
    ]


def flow_logs_trust(log_group_arn: str) -> dict[str, Any]:
    """The trust policy: the flow log service may assume the role, for flow logs of the log group's account and region.

    Source: Amazon VPC User Guide, "IAM role for publishing flow logs to CloudWatch Logs".
    """
    _, partition, _, region, account, _ = log_group_arn.split(":", 5)
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "vpc-flow-logs.amazonaws.com"},
                "Action": "sts:AssumeRole",
                "Condition": {
                    "StringEquals": {"aws:SourceAccount": account},
                    "ArnLike": {"aws:SourceArn": f"arn:{partition}:ec2:{region}:{account}:vpc-flow-log/*"},
                },
            }
        ],
    }


def flow_logs_policy(log_group_arn: str) -> dict[str, Any]:
    """What the flow log service may do: write to this log group."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
                "Resource": [log_group_arn, f"{log_group_arn}:*"],
            }
        ],
    }


def flow_logs(parent: ComponentResource, name: str, vpc: aws.ec2.Vpc, retention_days: int) -> None:
    """Every connection of the VPC, accepted or not, into CloudWatch."""
    opts = ResourceOptions(parent=parent)
    group = aws.cloudwatch.LogGroup(name, retention_in_days=retention_days, opts=opts)
    trust = group.arn.apply(lambda arn: json.dumps(flow_logs_trust(arn)))
    role = aws.iam.Role(name, assume_role_policy=trust, opts=opts)
    policy = aws.iam.RolePolicy(
        name, role=role.name, policy=group.arn.apply(lambda arn: json.dumps(flow_logs_policy(arn))), opts=opts
    )
    aws.ec2.FlowLog(
        name,
        vpc_id=vpc.id,
        traffic_type="ALL",
        log_destination=group.arn,
        iam_role_arn=role.arn,
        opts=ResourceOptions(parent=parent, depends_on=[policy]),
    )
