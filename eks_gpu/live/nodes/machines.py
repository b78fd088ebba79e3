"""The machines of a cluster as its account has them: auto scaling groups, and instances that carry its tag."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from eks_gpu.graph.unread import Unread
from eks_gpu.live.account import AccountReader, Denied, unread
from eks_gpu_components.catalog import (
    AUTOSCALER_ENABLED_TAG,
    AUTOSCALER_OPTION_TAG,
    CLUSTER_TAG,
    CapacityType,
    autoscaler_cluster_tag,
)
from eks_gpu_components.catalog.tags import AUTO_MODE_CLUSTER_TAG, NODE_GROUP_TAG

_ALIVE = ("pending", "running")


@dataclass(frozen=True)
class Group:
    """One auto scaling group."""

    name: str
    node_group: str
    """The managed node group that it is of; empty for one that stands for itself."""
    min_size: int
    desired: int
    tags: Mapping[str, str] = field(default_factory=dict)
    instances: tuple[str, ...] = ()

    @property
    def pool(self) -> str:
        """Its name in a plan."""
        return self.node_group or self.name

    def option(self, name: str) -> str | None:
        """What a tag sets in place of a flag of the autoscaler, as `scaledownunneededtime`."""
        return self.tags.get(f"{AUTOSCALER_OPTION_TAG}{name}")

    def is_offered_to_autoscalers(self, cluster: str) -> bool:
        """Whether it carries both tags by which an autoscaler of the cluster finds its groups."""
        return {AUTOSCALER_ENABLED_TAG, autoscaler_cluster_tag(cluster)} <= self.tags.keys()


@dataclass(frozen=True)
class Instance:
    """One instance that is alive."""

    id: str
    instance_type: str
    capacity_type: str
    zone: str
    started: datetime
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Machines:
    """What an account has for one cluster."""

    groups: tuple[Group, ...] | None = ()
    """None where the account does not let the caller see them."""
    instances: Mapping[str, Instance] | None = field(default_factory=dict)
    """By id; None where the account does not let the caller see them."""
    unread: tuple[Unread, ...] = ()

    def group_of(self, instance: str) -> Group | None:
        """The group that an instance is in."""
        return next((each for each in self.groups or () if instance in each.instances), None)


def machines(account: AccountReader, cluster: str) -> Machines:
    """Asks for groups and instances of the cluster; what the account refuses is unread. Raises InputError where nobody
    can be asked.
    """
    left: list[Unread] = []
    groups: tuple[Group, ...] | None = None
    instances: dict[str, Instance] | None = None
    try:
        rows = account.rows("autoscaling", "describe_auto_scaling_groups", "AutoScalingGroups")
        groups = tuple(_group(row) for row in rows)
    except Denied as denied:
        left.append(unread(denied, "auto scaling groups", "nodes"))
    try:
        instances = {each.id: each for each in _instances(account, cluster)}
    except Denied as denied:
        left.append(unread(denied, f"instances of cluster {cluster}", "nodes"))
    return Machines(groups, instances, tuple(left))


def _group(row: Mapping[str, Any]) -> Group:
    tags = {each["Key"]: each.get("Value", "") for each in row.get("Tags") or ()}
    return Group(
        name=row["AutoScalingGroupName"],
        node_group=tags.get(NODE_GROUP_TAG, ""),
        min_size=row["MinSize"],
        desired=row["DesiredCapacity"],
        tags=tags,
        instances=tuple(each["InstanceId"] for each in row.get("Instances") or ()),
    )


def _instances(account: AccountReader, cluster: str) -> Iterator[Instance]:
    of_cluster = (
        {"Name": "tag-key", "Values": [f"{CLUSTER_TAG}{cluster}"]},
        {"Name": f"tag:{AUTO_MODE_CLUSTER_TAG}", "Values": [cluster]},
    )
    for tagged in of_cluster:
        filters = [tagged, {"Name": "instance-state-name", "Values": list(_ALIVE)}]
        for reservation in account.rows("ec2", "describe_instances", "Reservations", Filters=filters):
            yield from map(_instance, reservation["Instances"])


def _instance(row: Mapping[str, Any]) -> Instance:
    spot = row.get("InstanceLifecycle") == "spot"
    return Instance(
        id=row["InstanceId"],
        instance_type=row["InstanceType"],
        capacity_type=CapacityType.SPOT if spot else CapacityType.ON_DEMAND,
        zone=(row.get("Placement") or {}).get("AvailabilityZone", ""),
        started=row["LaunchTime"],
        tags={each["Key"]: each.get("Value", "") for each in row.get("Tags") or ()},
    )
