"""Probes of containers: when they end a container that does not answer yet.

Source: Kubernetes 1.35, core API, Probe: periodSeconds 10 and failureThreshold 3 where nothing is said.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

_ASKS_THE_SERVER = ("httpGet", "tcpSocket", "grpc")
"""Kinds of probes that fail until the container's server listens; a command may say anything."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a container may take to answer before a probe ends it."""

    container: str
    """Its name."""
    path: tuple[str | int, ...]
    """Of the probe in the pod's `spec`."""
    seconds: int

    @property
    def probe(self) -> str:
        """livenessProbe or startupProbe."""
        return str(self.path[-1])


def patience(spec: Mapping[str, Any], resources: Sequence[str]) -> Iterator[Patience]:
    """Of each container of a pod that asks for one of the resources; a startup probe counts before a liveness probe."""
    for index, container in enumerate(spec.get("containers") or ()):
        stated = container.get("resources") or {}
        asked = {**(stated.get("requests") or {}), **(stated.get("limits") or {})}
        if not any(str(asked.get(resource, 0)) != "0" for resource in resources):
            continue
        kind = next((kind for kind in ("startupProbe", "livenessProbe") if container.get(kind)), None)
        seconds = _seconds(container[kind]) if kind else None
        if kind and seconds is not None:
            yield Patience(str(container.get("name", "")), ("containers", index, kind), seconds)


def remedy(found: Patience, seconds: int) -> str:
    """What to change for a container that answers after so many seconds: a startup probe allows it twice the time."""
    if found.probe == "startupProbe":
        return "raise its failureThreshold"
    return f"add a startupProbe of {max(60, ceil(seconds / 5))} x 10 s"


def _seconds(probe: Any) -> int | None:
    """From the container's start to the last failure that is too much; None where no answer can be told."""
    if not isinstance(probe, Mapping) or not any(probe.get(kind) for kind in _ASKS_THE_SERVER):
        return None
    try:
        delay, period = int(probe.get("initialDelaySeconds") or 0), int(probe.get("periodSeconds") or 10)
        return delay + period * (int(probe.get("failureThreshold") or 3) - 1)
    except (TypeError, ValueError):
        return None
