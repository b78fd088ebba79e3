"""The cluster autoscaler's own account of its groups: the ConfigMap that it writes at each look."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from eks_gpu.graph.unread import Unread
from eks_gpu.live.autoscaler_status import read_config_map
from eks_gpu.live.autoscaler_status import status as written_status
from eks_gpu.live.cluster import ClusterReader, Manifest

_STALE = timedelta(minutes=5)
_BEFORE_1_30 = re.compile(r"Name:\s+(\S+).*?ScaleUp:\s+(\w+)", re.DOTALL)


@dataclass(frozen=True)
class AutoscalerStatus:
    """What the autoscaler wrote last."""

    written: datetime | None = None
    scale_up: Mapping[str, str] = field(default_factory=dict)
    """`Backoff`, `InProgress`, `NoActivity` by group, and why, if it is told."""

    def is_alive(self, now: datetime) -> bool:
        """Whether it was written a short time ago."""
        return self.written is not None and now - self.written < _STALE

    def backs_off(self, group: str) -> str:
        """Why a group is left out for now; empty if it is not."""
        said = self.scale_up.get(group, "")
        return said if said.startswith("Backoff") else ""


def read_status(cluster: ClusterReader) -> tuple[AutoscalerStatus, list[Unread]]:
    """Empty where there is none."""
    found, left = read_config_map(cluster)
    return status(found) if found else AutoscalerStatus(), left


def status(config_map: Manifest) -> AutoscalerStatus:
    """From the ConfigMap, as of Cluster Autoscaler 1.30 and later, or as text before."""
    found = written_status(config_map)
    if found.groups is None:
        return AutoscalerStatus(found.written, dict(_BEFORE_1_30.findall(found.text)))
    return AutoscalerStatus(
        found.written, {str(each.get("name")): _scale_up(each.get("scaleUp") or {}) for each in found.groups}
    )


def _scale_up(told: Mapping[str, Any]) -> str:
    why = told.get("backoffInfo") or {}
    said = " ".join(filter(None, (str(why.get("errorCode") or ""), str(why.get("errorMessage") or ""))))
    return f"{told.get('status')}: {said}" if said else str(told.get("status") or "")
