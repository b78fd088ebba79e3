"""What controllers said: events, and conditions that do not hold, each with who said it, of what and when."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from eks_gpu.graph.unread import Unread
from eks_gpu.live.cluster import ClusterReader, Manifest, Refused
from eks_gpu.live.kinds import EVENT
from eks_gpu.live.moments import moment

KARPENTER, AUTOSCALER, SCHEDULER = "karpenter", "cluster-autoscaler", "default-scheduler"
NOMINATED, FAILED_CREATE, INSUFFICIENT = "Nominated", "FailedCreate", "InsufficientCapacityError"
NOT_TRIGGERED, TRIGGERED = "NotTriggerScaleUp", "TriggeredScaleUp"
OF_THE_CLUSTER = "default"
"""Namespace of the events of what has no namespace."""

_TOLD_IF_NORMAL = frozenset({NOMINATED, NOT_TRIGGERED, TRIGGERED, "Pulling", "Preempted", "WaitForPodScheduled"})
_HEAD = ("reason", "message", "type", "eventTime", "firstTimestamp", "lastTimestamp", "reportingComponent")


@dataclass(frozen=True)
class Said:
    """One thing that a controller said."""

    by: str
    object: str
    """`Pod shop/web-0`, or `NodeClaim gpu-x7x2q` of what has no namespace."""
    reason: str
    message: str
    at: datetime | None = None
    uid: str = field(default="", compare=False)
    """Uid of the object: another one of the same name is not meant."""

    @property
    def name(self) -> str:
        """The object's name, without its kind and namespace."""
        return self.object.rpartition(" ")[2].rpartition("/")[2]

    def as_json(self) -> dict[str, Any]:
        """A row of `said`."""
        at = self.at.isoformat(timespec="seconds") if self.at else None
        return {"by": self.by, "object": self.object, "reason": self.reason, "message": self.message, "at": at}


def called(kind: str, name: str, namespace: str = "") -> str:
    """An object as `Said` names it."""
    return f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}"


@dataclass(frozen=True)
class Events:
    """Everything that was said, by object, the newest last."""

    rows: Mapping[str, list[Said]]
    unread: tuple[Unread, ...] = ()

    def of(self, object_: str, uid: str = "", since: datetime | None = None) -> list[Said]:
        """What was said of an object, of no older one of its name, and not before it was there."""
        return [
            each
            for each in self.rows.get(object_, ())
            if (not uid or not each.uid or each.uid == uid) and (since is None or each.at is None or each.at >= since)
        ]

    def heard_from(self, by: str, since: datetime) -> bool:
        """Whether a controller said anything since then."""
        return by in self._last and self._last[by] >= since

    @cached_property
    def _last(self) -> dict[str, datetime]:
        """When each controller said something for the last time."""
        found: dict[str, datetime] = {}
        for each in (row for rows in self.rows.values() for row in rows):
            if each.at:
                found[each.by] = max(found.get(each.by, each.at), each.at)
        return found

    def about(self, kind: str) -> Iterator[Said]:
        """What was said of objects of one kind."""
        for object_, rows in self.rows.items():
            if object_.startswith(f"{kind} "):
                yield from rows


def events(rows: Iterable[Said], unread: Iterable[Unread] = ()) -> Events:
    """By object and in order of time."""
    found: dict[str, list[Said]] = {}
    for each in sorted(rows, key=lambda row: row.at or datetime.min.replace(tzinfo=UTC)):
        found.setdefault(each.object, []).append(each)
    return Events(found, tuple(unread))


def read_events(cluster: ClusterReader, namespace: str = "") -> Events:
    """Events of all namespaces, or of one and of what has none."""
    rows: list[Said] = []
    refused: list[Unread] = []
    for each in dict.fromkeys((namespace, OF_THE_CLUSTER)) if namespace else ("",):
        try:
            rows += map(said, cluster.objects(EVENT, _kept, each))
        except Refused as problem:
            refused.append(_unread(problem, each))
    return events(rows, refused)


def _unread(refused: Refused, namespace: str) -> Unread:
    where = f" in namespace {namespace}" if namespace else ""
    if not refused.forbids:
        return Unread(f"events{where}", "pods", f"the API server refuses it: {refused}", "ask again")
    return Unread(
        f"events{where}", "pods", "RBAC does not allow to list events", f"allow `list` of events in API group ''{where}"
    )


def _kept(event: Manifest) -> Manifest | None:
    """What is used of an event; None for one that says that all goes well."""
    if event.get("type") == "Normal" and event.get("reason") not in _TOLD_IF_NORMAL:
        return None
    found = {key: event.get(key) for key in _HEAD}
    series, source = event.get("series") or {}, event.get("source") or {}
    return {
        **found,
        "metadata": {"creationTimestamp": event["metadata"].get("creationTimestamp")},
        "last": series.get("lastObservedTime"),
        "by": found["reportingComponent"] or source.get("component"),
        "involvedObject": event.get("involvedObject") or {},
    }


def said(event: Mapping[str, Any]) -> Said:
    """An event, of either API."""
    of = event.get("involvedObject") or {}
    times = (event.get("last"), event.get("lastTimestamp"), event.get("eventTime"), event.get("firstTimestamp"))
    when = next(filter(None, (*times, (event.get("metadata") or {}).get("creationTimestamp"))), None)
    by = event.get("by") or event.get("reportingComponent") or (event.get("source") or {}).get("component")
    return Said(
        by=str(by or "a controller"),
        object=called(str(of.get("kind")), str(of.get("name") or ""), str(of.get("namespace") or "")),
        reason=str(event.get("reason") or ""),
        message=" ".join(str(event.get("message") or "").split()),
        at=moment(when),
        uid=str(of.get("uid") or ""),
    )


def created(manifest: Manifest) -> datetime | None:
    """When an object was made."""
    return moment(manifest["metadata"].get("creationTimestamp"))


# --- conditions ------------------------------------------------------------------------------------------------------


def condition(manifest: Manifest, type_: str) -> dict[str, Any]:
    """The condition of this type; empty where the object has none."""
    found = (manifest.get("status") or {}).get("conditions") or ()
    return next((each for each in found if each.get("type") == type_), {})


def holds(manifest: Manifest, type_: str) -> bool:
    """Whether a condition is True."""
    return condition(manifest, type_).get("status") == "True"


_SUMS = ("Ready", "ValidationSucceeded")
"""Conditions that do not hold because others do not."""


def failing(manifest: Manifest, by: str = KARPENTER, *, also_unknown: bool = False) -> list[Said]:
    """Conditions that are False, without those that only sum up others; with `also_unknown`, those not yet True."""
    wrong = {"False", "Unknown"} if also_unknown else {"False"}
    found = [each for each in (manifest.get("status") or {}).get("conditions") or () if each.get("status") in wrong]
    own = [each for each in found if each.get("type") not in _SUMS] or found
    return [of_condition(manifest, each, by) for each in own]


def of_condition(manifest: Manifest, condition: Mapping[str, Any], by: str) -> Said:
    """A condition as something that its controller said."""
    metadata = manifest["metadata"]
    message = " ".join(str(condition.get("message") or "").split())
    return Said(
        by=by,
        object=called(manifest["kind"], metadata["name"], metadata.get("namespace") or ""),
        reason=str(condition.get("reason") or condition.get("type")),
        message=message or f"{condition.get('type')} is {condition.get('status')}",
        at=moment(condition.get("lastTransitionTime")),
        uid=metadata.get("uid") or "",
    )
