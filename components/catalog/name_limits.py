"""Maximum lengths of names in AWS, by kind of resource. Pulumi makes a name from a resource's name and a suffix."""

from dataclasses import dataclass

PULUMI_SUFFIX = 8
"""Characters that Pulumi adds: a hyphen and seven more."""


@dataclass(frozen=True, slots=True)
class NameLimit:
    """The longest name of one kind of thing."""

    type: str
    """Pulumi's token of the resource."""
    things: str
    """Plural name of the kind of resource, for messages."""
    service: str
    """The service that limits the name, for messages."""
    most: int
    """Characters."""


# Sources: IAM User Guide, "IAM and AWS STS quotas"; API references of EKS (CreateNodegroup), EC2
# (CreateLaunchTemplate), EC2 Auto Scaling (CreateAutoScalingGroup), EventBridge (PutRule), SQS (CreateQueue) and
# CloudWatch Logs (CreateLogGroup).
ROLES = NameLimit("aws:iam/role:Role", "roles", "IAM", 64)
EVENT_RULES = NameLimit("aws:cloudwatch/eventRule:EventRule", "event rules", "EventBridge", 64)
QUEUES = NameLimit("aws:sqs/queue:Queue", "queues", "SQS", 80)
NODE_GROUPS = NameLimit("aws:eks/nodeGroup:NodeGroup", "groups", "EKS", 63)
NAME_LIMITS = (
    ROLES,
    EVENT_RULES,
    NODE_GROUPS,
    NameLimit("aws:iam/rolePolicy:RolePolicy", "policies", "IAM", 128),
    NameLimit("aws:iam/policy:Policy", "policies", "IAM", 128),
    NameLimit("aws:iam/instanceProfile:InstanceProfile", "instance profiles", "IAM", 128),
    NameLimit("aws:ec2/launchTemplate:LaunchTemplate", "launch templates", "EC2", 128),
    NameLimit("aws:autoscaling/group:Group", "groups", "EC2 Auto Scaling", 255),
    QUEUES,
    NameLimit("aws:cloudwatch/logGroup:LogGroup", "log groups", "CloudWatch Logs", 512),
    NameLimit("eks:index:Cluster", "clusters", "EKS", 100),
)
"""Every kind of resource whose name contains the component's name."""
