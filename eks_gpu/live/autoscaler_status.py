"""The ConfigMap that the cluster autoscaler writes with each look at the cluster: when, and what of its groups."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import yaml

from eks_gpu.graph.unread import Unread
from eks_gpu.live.cluster import ClusterReader, Manifest, Refused
from eks_gpu.live.kinds import AUTOSCALER_STATUS
from eks_gpu.live.moments import moment
from eks_gpu.live.observed import config_map_path, config_map_unread

_UPDATED = "cluster-autoscaler.kubernetes.io/last-updated"


@dataclass(frozen=True)
class Status:
    """What it wrote last."""

    written: datetime | None
    groups: tuple[Mapping[str, Any], ...] | None
    """Its groups, as of Cluster Autoscaler 1.30 and later; None of one before, and where it does not tell."""
    text: str
    """The whole, which before 1.30 was for people."""


def status(config_map: Manifest) -> Status:
    """From the ConfigMap."""
    text = str((config_map.get("data") or {}).get("status") or "")
    metadata = config_map.get("metadata") or {}
    noted = (metadata.get("annotations") or {}).get(_UPDATED)
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError:
        found = None
    if not isinstance(found, Mapping):
        return Status(moment(noted), None, text)
    rows = found.get("nodeGroups")
    groups = tuple(row for row in rows if isinstance(row, Mapping)) if isinstance(rows, list) else None
    return Status(moment(found.get("time")) or moment(noted), groups, text)


def read_config_map(cluster: ClusterReader) -> tuple[Manifest | None, list[Unread]]:
    """The ConfigMap; None where there is none, or nobody may see it."""
    try:
        return cluster.get(config_map_path(*AUTOSCALER_STATUS)), []
    except Refused as refused:
        row = config_map_unread(refused, *AUTOSCALER_STATUS, "nodes")
        return None, [row] if row else []
