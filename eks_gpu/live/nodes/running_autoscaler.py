"""The cluster autoscaler that runs: its flags, and the groups that it has found."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from eks_gpu.graph.unread import Unread
from eks_gpu.karpenter.objects import part
from eks_gpu.live.autoscaler_status import read_config_map, status
from eks_gpu.live.cluster import ClusterReader, Manifest
from eks_gpu.live.kinds import POD
from eks_gpu.live.moments import moment
from eks_gpu.live.nodes.machines import Group
from eks_gpu.live.observed import Observed
from eks_gpu.pods import durations

_PROGRAM = "cluster-autoscaler"
SILENT_AFTER = timedelta(minutes=10)
"""It writes its status with every look at the cluster, 10 s apart."""

DEFAULTS: Mapping[str, str] = {
    "scale-down-enabled": "true",
    "scale-down-delay-after-add": "10m",
    "scale-down-unneeded-time": "10m",
    "scale-down-utilization-threshold": "0.5",
    "scale-down-gpu-utilization-threshold": "0.5",
    "skip-nodes-with-local-storage": "true",
    "skip-nodes-with-system-pods": "true",
    "skip-nodes-with-custom-controller-pods": "true",
    "blocking-system-pod-distruption-timeout": "1h",
}
"""Flags of the autoscaler 1.33 that decide on idle nodes, as they are where nobody gives them."""


@dataclass(frozen=True)
class RunningAutoscaler:
    """An autoscaler that is there."""

    flags: Mapping[str, str] | None
    """Given flags, without dashes; None where its pod is not seen, so that its defaults are taken."""
    groups: frozenset[str] | None = None
    """Names of the auto scaling groups that it has found; None where its status does not tell."""
    updated: datetime | None = None
    """When it wrote its status last."""
    candidates: Mapping[str, datetime] = field(default_factory=dict)
    """Since when a group has nodes that it may remove, by the group's name."""

    def flag(self, name: str) -> str:
        """Its value, given or by default."""
        return (self.flags or {}).get(name, DEFAULTS[name])

    def is_on(self, name: str) -> bool:
        """Whether a switch is on."""
        return self.flag(name).lower() == "true"

    def time(self, name: str, group: Group | None = None) -> timedelta:
        """A duration, for the group if its tags give another one."""
        option = group.option(name.replace("-", "")) if group else None
        return _duration(option) or _duration(self.flag(name)) or _duration(DEFAULTS[name]) or timedelta()

    def is_silent(self, now: datetime) -> bool:
        """Whether it has stopped to look at the cluster."""
        return self.updated is not None and now - self.updated > SILENT_AFTER

    def scales(self, group: Group, cluster: str) -> bool:
        """Whether the group is one of its own."""
        return group.name in self.groups if self.groups is not None else group.is_offered_to_autoscalers(cluster)


def running_autoscaler(cluster: ClusterReader, observed: Observed) -> tuple[RunningAutoscaler | None, list[Unread]]:
    """The autoscaler by its pod and its status; None where there is neither, or nobody may see them."""
    flags = next(filter(None, map(_flags, observed.of(POD))), None)
    config_map, left = read_config_map(cluster)
    if config_map is None:
        return (RunningAutoscaler(flags) if flags is not None else None), left
    told = status(config_map)
    names = None if told.groups is None else frozenset(str(each.get("name")) for each in told.groups)
    return RunningAutoscaler(flags, names, told.written, dict(_candidates(told.groups or ()))), []


def _flags(pod: Manifest) -> dict[str, str] | None:
    for container in part(pod, "spec").get("containers") or ():
        words = [*(container.get("command") or ()), *(container.get("args") or ())]
        if any(str(word).rpartition("/")[2] == _PROGRAM for word in words[:1]) or (
            f"/{_PROGRAM}:" in str(container.get("image")) and any(str(word).startswith("--") for word in words)
        ):
            return dict(_given(words))
    return None


def _given(words: Sequence[Any]) -> Iterator[tuple[str, str]]:
    for word in map(str, words):
        if word.startswith("-"):
            name, _, value = word.lstrip("-").partition("=")
            yield name, value or "true"


def _candidates(rows: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, datetime]]:
    for row in rows:
        told = part(row, "scaleDown")
        since = moment(told.get("lastTransitionTime"))
        if told.get("status") == "CandidatesPresent" and since:
            yield str(row.get("name")), since


def _duration(text: Any) -> timedelta | None:
    try:
        return timedelta(seconds=float(durations.seconds(text)))
    except ValueError:
        return None
