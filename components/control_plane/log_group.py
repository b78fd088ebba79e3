"""The control plane's logs in CloudWatch: EKS writes into a log group with a fixed name, and creates it if it is
missing.
"""

from collections.abc import Sequence

import pulumi_aws as aws
from pulumi import InvokeOptions, Output, Resource, ResourceOptions

from ..catalog import control_plane_log_group


def create_log_group(name: str, cluster_name: str, retention_days: int, parent: Resource) -> aws.cloudwatch.LogGroup:
    """`{name}`, the control plane's log group with a retention, which goes with the stack.

    A group that EKS made already, without one, is adopted: the engine imports it, then sets the retention. The id of a
    group that is in the stack's state says nothing new, so asking for it again at every update changes nothing.
    """
    group = control_plane_log_group(cluster_name)
    there = aws.cloudwatch.get_log_groups(log_group_name_prefix=group, opts=InvokeOptions(parent=parent))
    return aws.cloudwatch.LogGroup(
        name,
        name=group,
        retention_in_days=retention_days,
        opts=ResourceOptions(parent=parent, import_=group if group in there.log_group_names else None),
    )


def written_to(log_types: Sequence[str], group: aws.cloudwatch.LogGroup) -> Output[list[str]]:
    """Log types of a cluster that comes after its group, and goes before it: EKS would make another one."""
    return group.urn.apply(lambda _: list(log_types))
