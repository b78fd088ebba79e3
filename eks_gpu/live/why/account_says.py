"""What AWS says of groups: launches of auto scaling groups that failed, and health issues of managed node groups."""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from eks_gpu.graph.unread import Unread
from eks_gpu.live.account import AccountReader, Denied, unread
from eks_gpu.live.why.said import Said
from eks_gpu.pools.pool import AUTO_SCALING_GROUP, MANAGED_NODE_GROUP, Pool

_AT_ONCE = 4
_ACTIVITIES = 20
"""The newest that a group is asked for."""
_GONE = ("ResourceNotFoundException", "ValidationError")


@dataclass(frozen=True)
class GroupSays:
    """One group, as AWS tells of it."""

    refused: Said | None = None
    """The last launch, if it failed."""
    issues: tuple[Said, ...] = ()
    """EKS's health issues of a managed group."""
    instances: frozenset[str] = frozenset()
    """Ids of its instances."""
    group: str = ""
    """Name of the auto scaling group."""


def ask_groups(
    account: AccountReader, cluster: str, pools: Iterable[Pool]
) -> tuple[dict[str, GroupSays], list[Unread]]:
    """What AWS says of each pool that is a group, by its name, and what may not be asked."""
    groups = [pool for pool in pools if pool.backend in (AUTO_SCALING_GROUP, MANAGED_NODE_GROUP)]
    found: dict[str, GroupSays] = {}
    refused: dict[str, Unread] = {}
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        answers = threads.map(lambda pool: _ask(account, cluster, pool), groups)
        for pool, answer in zip(groups, answers, strict=True):
            if isinstance(answer, Denied):
                refused.setdefault(answer.action, unread(answer, f"what AWS says of group {pool.name}", "nodes"))
            elif answer:
                found[pool.name] = answer
    return found, list(refused.values())


def _ask(account: AccountReader, cluster: str, pool: Pool) -> GroupSays | Denied | None:
    try:
        group, issues = pool.name, list[Said]()
        if pool.backend == MANAGED_NODE_GROUP:
            told = account.ask("eks", "describe_nodegroup", clusterName=cluster, nodegroupName=pool.name)["nodegroup"]
            named = (told.get("resources") or {}).get("autoScalingGroups") or []
            group, issues = str(named[0]["name"]) if named else "", health(told)
        activities: list[Mapping[str, Any]] = []
        instances: list[str] = []
        if group:
            asked = {"AutoScalingGroupName": group, "MaxRecords": _ACTIVITIES}
            activities = account.ask("autoscaling", "describe_scaling_activities", **asked)["Activities"]
            told = account.ask("autoscaling", "describe_auto_scaling_groups", AutoScalingGroupNames=[group])
            instances = [each["InstanceId"] for row in told["AutoScalingGroups"] for each in row["Instances"]]
        return GroupSays(refused_launch(group, activities), tuple(issues), frozenset(instances), group)
    except Denied as denied:
        return denied
    except ClientError as problem:
        if problem.response.get("Error", {}).get("Code") in _GONE:
            return None
        raise


def refused_launch(group: str, activities: Iterable[Mapping[str, Any]]) -> Said | None:
    """The newest launch, if it failed."""
    launches = [each for each in activities if str(each.get("Description", "")).startswith("Launching")]
    last = max(launches, key=_begun, default=None)
    if last is None or last.get("StatusCode") not in ("Failed", "Cancelled"):
        return None
    message = str(last.get("StatusMessage") or last.get("Cause") or "")
    return Said("EC2 Auto Scaling", f"AutoScalingGroup {group}", "Failed", " ".join(message.split()), _begun(last))


def _begun(activity: Mapping[str, Any]) -> datetime:
    found = activity.get("StartTime")
    return found if isinstance(found, datetime) else datetime.min.replace(tzinfo=UTC)


def health(nodegroup: Mapping[str, Any]) -> list[Said]:
    """EKS's issues of a node group."""
    name = f"NodeGroup {nodegroup.get('nodegroupName')}"
    issues = (nodegroup.get("health") or {}).get("issues") or ()
    return [Said("EKS", name, str(each.get("code")), str(each.get("message") or "")) for each in issues]
