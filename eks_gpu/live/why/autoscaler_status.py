"""The cluster autoscaler's own account of its groups: the ConfigMap that it writes at each look."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import yaml

from eks_gpu.graph.unread import Unread
from eks_gpu.live.cluster import ClusterReader, Refused
from eks_gpu.live.kinds import AUTOSCALER_STATUS
from eks_gpu.live.moments import moment
from eks_gpu.live.observed import config_map_path, config_map_unread

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
    try:
        return status(cluster.get(config_map_path(*AUTOSCALER_STATUS))), []
    except Refused as refused:
        row = config_map_unread(refused, *AUTOSCALER_STATUS, "nodes")
        return AutoscalerStatus(), [row] if row else []


def status(config_map: Mapping[str, Any]) -> AutoscalerStatus:
    """From the ConfigMap, as of Cluster Autoscaler 1.30 and later, or as text before."""
    text = str((config_map.get("data") or {}).get("status") or "")
    metadata = config_map.get("metadata") or {}
    noted = (metadata.get("annotations") or {}).get("cluster-autoscaler.kubernetes.io/last-updated")
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError:
        found = None
    if not isinstance(found, dict) or "autoscalerStatus" not in found:
        return AutoscalerStatus(moment(noted), dict(_BEFORE_1_30.findall(text)))
    groups = {str(each.get("name")): _scale_up(each.get("scaleUp") or {}) for each in found.get("nodeGroups") or ()}
    return AutoscalerStatus(moment(found.get("time") or noted), groups)


def _scale_up(told: Mapping[str, Any]) -> str:
    why = told.get("backoffInfo") or {}
    said = " ".join(filter(None, (str(why.get("errorCode") or ""), str(why.get("errorMessage") or ""))))
    return f"{told.get('status')}: {said}" if said else str(told.get("status") or "")
