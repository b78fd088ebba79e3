"""Tags of an auto scaling group: what the cluster autoscaler learns from them, and which it ignores."""

from collections.abc import Mapping
from math import ceil

from eks_gpu.importers.fields import Fields, Place
from eks_gpu.importers.findings import Findings
from eks_gpu.importers.model import SELF_MANAGED, Described, NodeTaint, Pool
from eks_gpu.pods.durations import seconds
from eks_gpu_components.catalog import (
    AUTOSCALER_ENABLED_TAG,
    AUTOSCALER_LABEL_TAG,
    AUTOSCALER_OPTION_TAG,
    AUTOSCALER_RESOURCE_TAG,
    AUTOSCALER_TAG,
    AUTOSCALER_TAINT_TAG,
    GPU_TAINT,
    Taint,
    autoscaler_cluster_tag,
)

_TAINTS, _LABELS = "scale-from-zero-taints-match-node", "scale-from-zero-labels-match-node"


def read_tags(group: Fields, pool: Pool, described: Described, findings: Findings) -> None:
    """Judges a group's tags; the program writes its own, derived from the nodes."""
    tags, propagated = group.strings("tags"), bool(group.flag("propagateASGTags"))
    for key, value in tags.items():
        place = group.below("tags", key)
        if key.startswith(AUTOSCALER_TAINT_TAG):
            _taint_tag(key, value, pool, place, findings)
        elif key.startswith(AUTOSCALER_LABEL_TAG):
            label = key.removeprefix(AUTOSCALER_LABEL_TAG)
            if pool.labels.get(label) != value:
                message = f"the autoscaler expects label {label}={value}, {_carried(label, pool)}: make them equal"
                findings.tell(_LABELS, place, message)
        elif key.startswith(AUTOSCALER_RESOURCE_TAG):
            findings.lose(place, "the program says itself what its nodes offer; shared GPUs are a pool's `sharing`")
        elif key.startswith(AUTOSCALER_OPTION_TAG):
            _option(key.removeprefix(AUTOSCALER_OPTION_TAG), value, pool, place, findings)
        elif not key.startswith(AUTOSCALER_TAG):
            findings.lose(place, "a pool's settings have no tags")
    _discovery(group, tags, described, findings)
    if pool.backend == SELF_MANAGED and not pool.min_nodes and not propagated:
        _untold(group, tags, pool, findings)


def _taint_tag(key: str, value: str, pool: Pool, place: Place, findings: Findings) -> None:
    taint_key = key.removeprefix(AUTOSCALER_TAINT_TAG)
    own = {taint.key: taint for taint in pool.taints}
    nearest = own.get(taint_key) or next(iter(pool.taints), None)
    told = Taint.from_autoscaler_tag(key, value)
    if told is None:
        message = (
            f"must be value:Effect, got {value!r}: the autoscaler ignores the tag without a message; "
            f"nearest: {_written(nearest)}"
        )
        findings.tell("taint-tags-have-value-and-effect", place, message)
    if taint_key not in own:
        wanted = f"; nearest: {AUTOSCALER_TAINT_TAG}{nearest.key}: {_written(nearest)}" if nearest else ""
        message = f"its key is wrong: the nodes have no taint {taint_key}, they have {_keys(pool)}{wanted}"
        findings.tell(_TAINTS, place, message)
    elif told and (told.value, told.effect) != (own[taint_key].value or "", own[taint_key].effect):
        message = f"the nodes' taint is {_written(own[taint_key])}, the tag says {value}: make them equal"
        findings.tell(_TAINTS, place, message)


def _written(taint: NodeTaint | None) -> str:
    return f"{taint.value or ''}:{taint.effect}" if taint else f"{GPU_TAINT.value}:{GPU_TAINT.effect}"


def _keys(pool: Pool) -> str:
    return ", ".join(taint.key for taint in pool.taints) or "none"


def _carried(label: str, pool: Pool) -> str:
    return f"the nodes have {label}={pool.labels[label]}" if label in pool.labels else "which no node gets"


def _option(option: str, value: str, pool: Pool, place: Place, findings: Findings) -> None:
    if option != "scaledownunneededtime":
        findings.lose(place, f"a pool's settings have idle_s of the autoscaler's options, and no {option}")
        return
    try:
        pool.idle_s = ceil(seconds(value))
    except ValueError as error:
        findings.lose(place, str(error))


def _discovery(group: Fields, tags: Mapping[str, str], described: Described, findings: Findings) -> None:
    clusters = [key for key in tags if key.startswith(AUTOSCALER_TAG) and key.count("/") == 2]
    if AUTOSCALER_ENABLED_TAG not in clusters:
        return
    if described.autoscaler is None:
        described.autoscaler = {}
    if len(clusters) == 1:
        own = autoscaler_cluster_tag(described.cluster.name or "<cluster>")
        message = (
            "this tag is on every cluster's groups, and an autoscaler that discovers by it alone sizes those of all "
            f"clusters: tag with {own} too, as the program does"
        )
        findings.tell("autoscaler-watches-this-cluster-only", group.below("tags", AUTOSCALER_ENABLED_TAG), message)


def _untold(group: Fields, tags: Mapping[str, str], pool: Pool, findings: Findings) -> None:
    """What nodes carry and no tag tells: then nobody knows it while the group has no node."""
    taint_tags = [key for key in tags if key.startswith(AUTOSCALER_TAINT_TAG)]
    for taint in pool.taints:
        if not taint_tags:
            message = (
                f"no tag tells the autoscaler of taint {taint.key}, so at zero nodes it starts some for pods that the "
                f"taint keeps off: the program tags {AUTOSCALER_TAINT_TAG}{taint.key}"
            )
            findings.tell(_TAINTS, taint.place, message)
    if missing := [label for label in pool.labels if f"{AUTOSCALER_LABEL_TAG}{label}" not in tags]:
        message = (
            f"no tag tells the autoscaler of {', '.join(missing)}, so pods that select by it never start the first "
            f"node: the program tags {AUTOSCALER_LABEL_TAG}..."
        )
        findings.tell(_LABELS, group.place("labels"), message)
