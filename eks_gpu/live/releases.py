"""Releases of Helm in a running cluster: chart, version, and the user's values of charts that the planner knows.

Helm keeps a release in a Secret. Only the names of these Secrets are listed; those of releases that are deployed are
then read one by one, and of each no more is kept than that.
"""

import base64
import gzip
import json
import zlib
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from eks_gpu.graph.unread import Unread
from eks_gpu.live.cluster import ClusterReader, Manifest, Refused
from eks_gpu.live.kinds import SECRET
from eks_gpu.live.observed import AT_ONCE
from eks_gpu_components.catalog import ADDON_CHARTS, KNOWN_CHARTS

JUDGED_CHARTS = KNOWN_CHARTS.union(*ADDON_CHARTS.values())
"""Charts that the planner judges by their values; of others the objects are read."""
SELECTOR = "owner=helm,status=deployed"
TYPE = "helm.sh/release.v1"
"""Source: Helm 4, the secrets driver."""


@dataclass(frozen=True, order=True)
class Release:
    """A release that is deployed."""

    namespace: str
    name: str
    chart: str
    version: str
    values: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)
    """What its user gave; empty for a chart that the planner does not know."""


def releases(cluster: ClusterReader) -> tuple[list[Release], list[Unread]]:
    """Every release that is deployed, and what may not be read of them."""
    try:
        listed = cluster.metadata(
            SECRET, lambda each: each["metadata"], labelSelector=SELECTOR, fieldSelector=f"type={TYPE}"
        )
    except Refused as refused:
        return [], [_not_listed(refused)]
    with ThreadPoolExecutor(AT_ONCE) as threads:
        answers = list(threads.map(lambda each: _read(cluster, each), newest(listed)))
    found = sorted(each for each in answers if isinstance(each, Release))
    return found, [each for each in answers if isinstance(each, Unread)]


def newest(listed: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Of the metadata of releases' Secrets one a release: Helm may leave two deployed if it was killed."""
    found: dict[tuple[str, str], Mapping[str, Any]] = {}
    for each in sorted(listed, key=_revision):
        found[str(each.get("namespace")), str((each.get("labels") or {}).get("name"))] = each
    return list(found.values())


def _revision(metadata: Mapping[str, Any]) -> int:
    told = str((metadata.get("labels") or {}).get("version") or "")
    return int(told) if told.isdigit() else 0


def _read(cluster: ClusterReader, metadata: Mapping[str, Any]) -> Release | Unread | None:
    namespace, secret = str(metadata["namespace"]), str(metadata["name"])
    release = str((metadata.get("labels") or {}).get("name") or secret)
    try:
        found = cluster.get(f"/api/v1/namespaces/{quote(namespace)}/secrets/{quote(secret)}")
    except Refused as refused:
        if refused.is_of_nothing:  # upgraded meanwhile
            return None
        why = f"RBAC does not allow to read its Secret {namespace}/{secret}"
        if not refused.forbids:
            why = f"the API server refuses its Secret {namespace}/{secret}: {refused}"
        return Unread(f"release {namespace}/{release}", "software", why, "allow `get` of secrets in API group ''")
    try:
        return decoded(found)
    except ValueError:
        why = f"its Secret {namespace}/{secret} is not as Helm writes it"
        return Unread(f"release {namespace}/{release}", "software", why, f"`helm status {release} -n {namespace}`")


def decoded(secret: Manifest) -> Release:
    """The release in a Secret: JSON, gzipped, base64 in Kubernetes' own base64. Raises ValueError."""
    try:
        packed = base64.b64decode(base64.b64decode(secret["data"]["release"]))
        found = json.loads(gzip.decompress(packed) if packed.startswith(b"\x1f\x8b") else packed)
        chart = found["chart"]["metadata"]
        name, version = str(chart["name"]), str(chart["version"])
        values = (found.get("config") or {}) if name in JUDGED_CHARTS else {}
        return Release(str(found["namespace"]), str(found["name"]), name, version, values)
    except (KeyError, TypeError, AttributeError, ValueError, OSError, EOFError, zlib.error):
        raise ValueError("no release of Helm") from None


def _not_listed(refused: Refused) -> Unread:
    why = f"the API server refuses it: {refused}"
    if refused.forbids:
        why = "RBAC does not allow to list secrets, in which Helm keeps its releases"
    return Unread(
        "releases of Helm",
        "software",
        why,
        "allow `list` and `get` of secrets in API group '', as the docs' optional rule",
    )
