"""What KEDA refuses of its own objects: numbers that exclude each other, and triggers that it cannot read."""

from collections.abc import Iterator, Mapping
from typing import Any
from zoneinfo import available_timezones

from eks_gpu.checks.registry import Problem
from eks_gpu.karpenter.objects import part
from eks_gpu_components.catalog.keda import KEDA_MAX_REPLICAS, KEDA_MIN_REPLICAS, PROMETHEUS_TRIGGER, SQS_TRIGGER

_CRON = "cron"
_NEEDED = {
    _CRON: ("timezone", "start", "end", "desiredReplicas"),
    PROMETHEUS_TRIGGER: ("serverAddress", "query", "threshold"),
    SQS_TRIGGER: ("queueURL", "awsRegion"),
}
"""Keys of a trigger's metadata without a default. Source: KEDA 2.21.0, pkg/scalers."""
_FIELDS_OF_CRON = 5


def refused(manifest: Mapping[str, Any], triggers: list[Mapping[str, Any]]) -> Iterator[Problem]:
    """Why KEDA does not act on one of its objects. Source: KEDA 2.21.0, CheckReplicaCountBoundsAreValid, scalers."""
    if manifest["kind"] == "ScaledObject":
        yield from _numbers(part(manifest, "spec"))
    for index, trigger in enumerate(triggers):
        values = part(trigger, "metadata")
        kind = str(trigger.get("type"))
        lacks = [key for key in _NEEDED.get(kind, ()) if not _has(trigger, values, key)]
        at = f"triggers[{index}].metadata"
        if lacks:
            yield Problem(f"KEDA refuses it: {kind} needs {' and '.join(lacks)}", f"write {at}.{lacks[0]}")
        elif kind == _CRON:
            yield from _schedule(values, at)


def _has(trigger: Mapping[str, Any], values: Mapping[str, Any], key: str) -> bool:
    """Whether the metadata say it, the container's environment, or, where there is one, what authenticates."""
    return bool(str(values.get(key) or values.get(f"{key}FromEnv") or "")) or bool(trigger.get("authenticationRef"))


def _numbers(spec: Mapping[str, Any]) -> Iterator[Problem]:
    least, most = (
        _number(spec, "minReplicaCount", KEDA_MIN_REPLICAS),
        _number(spec, "maxReplicaCount", KEDA_MAX_REPLICAS),
    )
    idle = _number(spec, "idleReplicaCount", -1)
    if least > most:
        said = f"KEDA refuses it: minReplicaCount {least} is more than maxReplicaCount {most}"
        yield Problem(said, "lower minReplicaCount, or raise maxReplicaCount")
    elif idle >= 0 and idle >= least:
        said = f"KEDA refuses it: idleReplicaCount {idle} is not less than minReplicaCount {least}"
        yield Problem(said, "leave idleReplicaCount out, or raise minReplicaCount")


def _number(spec: Mapping[str, Any], key: str, default: int) -> int:
    found = spec.get(key)
    return int(found) if isinstance(found, int | float | str) and str(found).isdigit() else default


def _schedule(values: Mapping[str, Any], at: str) -> Iterator[Problem]:
    zone, start, end = (str(values[key]) for key in ("timezone", "start", "end"))
    zones = available_timezones()
    if zones and zone not in zones:
        yield Problem(f"KEDA refuses it: it knows no time zone {zone}", f"write {at}.timezone as Europe/Berlin")
    for key, text in (("start", start), ("end", end)):
        if not text.startswith("@") and len(text.split()) != _FIELDS_OF_CRON:
            yield Problem(f"KEDA refuses it: {key} {text} is no cron expression", f"write {at}.{key} in five fields")
    if start == end:
        yield Problem(f"KEDA refuses it: start and end are both {start}", f"write another {at}.end")
    if str(values["desiredReplicas"]) == "0":
        yield Problem("KEDA refuses it: desiredReplicas is 0", f"write {at}.desiredReplicas of 1 or more")
