"""Flags of the cluster autoscaler: nodes come for pods, and go when nothing needs them.

Sources: cluster autoscaler 1.35, config/flags; its chart 9.59, templates/deployment.yaml.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from eks_gpu.checks import sources
from eks_gpu.checks.registry import Context, Problem, Said, check, verdict
from eks_gpu.checks.sources import AUTOSCALER_FLAGS, AUTOSCALER_PRIORITIES
from eks_gpu.karpenter.objects import part
from eks_gpu.pods import durations
from eks_gpu.pools.pool import Pool
from eks_gpu.pools.software import CLUSTER_AUTOSCALER, Software
from eks_gpu_components.catalog import AUTOSCALER_OPTION_TAG

IDLE_S = 3600
"""Seconds beyond which an idle node is kept for long."""
_SOON_S = 300
_LONG: Mapping[str, tuple[int, str]] = {
    "scale-down-unneeded-time": (IDLE_S, "an idle node is kept for {}"),
    "scale-down-delay-after-add": (IDLE_S, "no node goes for {} after another one came"),
    "scale-down-delay-after-delete": (IDLE_S, "no node goes for {} after another one went"),
    "scale-down-delay-after-failure": (IDLE_S, "no node goes for {} after one could not"),
    "scale-down-unready-time": (IDLE_S, "a node that is not ready is kept for {}"),
    "unremovable-node-recheck-timeout": (IDLE_S, "a node that could not go is looked at again after {}"),
    "max-node-provision-time": (IDLE_S, "an instance that never joins is waited for {}"),
}
"""Flag -> most seconds, and what it does."""
_LATE: Mapping[str, tuple[int, str]] = {
    "scan-interval": (_SOON_S, "it looks at pods and nodes every {}"),
    "new-pod-scale-up-delay": (_SOON_S, "a pod waits for {} before a node starts for it"),
    "initial-node-group-backoff-duration": (IDLE_S, "a group is left alone for {} after a failure"),
    "max-node-group-backoff-duration": (24 * IDLE_S, "a group is left alone for {} after failures"),
}
_NONE_AT_ALL: Mapping[str, str] = {
    "scale-down-utilization-threshold": "no node without GPUs is idle enough to go",
    "scale-down-gpu-utilization-threshold": "no GPU node is idle enough to go",
    "max-empty-bulk-delete": "no empty node is ended",
    "max-scale-down-parallelism": "no node is ended",
    "max-drain-parallelism": "no node with a pod is ended",
}
"""Flag -> what 0 does."""
_OPTIONS = {
    "scaledownunneededtime": "scale-down-unneeded-time",
    "scaledownunreadytime": "scale-down-unready-time",
    "scaledownutilizationthreshold": "scale-down-utilization-threshold",
    "scaledowngpuutilizationthreshold": "scale-down-gpu-utilization-threshold",
}
"""Option in a group's tag -> flag that it replaces for the group."""
_EXPANDERS = ("random", "most-pods", "least-waste", "least-nodes", "priority", "grpc")
_PRICE = "price"


def flags(release: Software) -> dict[str, Any]:
    """Flag -> value; the chart drops what follows an underscore in a key, so that a flag can be given twice."""
    given = release.value("extraArgs", default={})
    return {str(key).partition("_")[0]: value for key, value in given.items()} if isinstance(given, Mapping) else {}


def _options(pool: Pool) -> dict[str, Any]:
    """The same by the tags of a group."""
    given = {key: pool.tags[f"{AUTOSCALER_OPTION_TAG}{key}"] for key in _OPTIONS if _tagged(pool, key)}
    return {_OPTIONS[key]: value for key, value in given.items()}


def _tagged(pool: Pool, option: str) -> bool:
    return f"{AUTOSCALER_OPTION_TAG}{option}" in pool.tags


def _is(value: Any, text: str) -> bool:
    return str(value).lower() == text


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def too_long(value: Any, most: int) -> str:
    """A duration as people write it, if it is longer than that many seconds; empty if not, or if it is none."""
    try:
        seconds = int(durations.seconds(value))
    except ValueError:
        return ""
    return durations.written(seconds) if seconds > most else ""


def _never(given: Mapping[str, Any]) -> Iterator[Problem]:
    for flag, does in _NONE_AT_ALL.items():
        if flag in given and (number := _number(given[flag])) is not None and number <= 0:
            yield Problem(f"{flag} is {given[flag]}, so {does}", f"remove {flag}")


@check(
    "autoscaler-gives-nodes-back",
    subject="cluster autoscaler release, group",
    fix="remove scale-down-enabled",
    sources=(sources.AUTOSCALER,),
)
def gives_back(context: Context) -> Iterator[Said]:
    """Nodes that no pod uses are kept, and cost money.

    The check reads the flags in the chart's values and the options in the tags of groups.
    """
    for release in context.charts(CLUSTER_AUTOSCALER):
        given = flags(release)
        off = _is(given.get("scale-down-enabled", "true"), "false")
        problems = [Problem("scale-down-enabled is false, so no node is ever removed")] if off else []
        yield verdict(release.name, [*problems, *_never(given)], "it ends nodes that nobody uses")
    for pool in context.scaled_groups:
        if pool.autoscaled and (given := _options(pool)):
            kind = "scale-down-gpu-utilization-threshold" if pool.accelerator else "scale-down-utilization-threshold"
            counts = {flag: value for flag, value in given.items() if flag == kind}
            yield verdict(pool.name, _never(counts), "its tags let idle nodes go")


@check(
    "autoscaler-ends-idle-nodes-soon",
    subject="cluster autoscaler release, group",
    severity="warning",
    fix="set a shorter time",
    sources=(AUTOSCALER_FLAGS,),
)
def ends_soon(context: Context) -> Iterator[Said]:
    """Idle nodes cost money for hours or days before the autoscaler ends them.

    Up to an hour is short, whatever the node costs. The check reads the flags in the chart's values and the options in
    the tags of groups.
    """
    for release in context.charts(CLUSTER_AUTOSCALER):
        given = flags(release)
        problems = [*_times(given, _LONG)]
        if _is(given.get("scale-down-unready-enabled"), "false"):
            problems.append(Problem("scale-down-unready-enabled is false, so broken nodes stay", "remove it"))
        for flag, keeps in (
            ("skip-nodes-with-local-storage", "an emptyDir"),
            ("skip-nodes-with-custom-controller-pods", "an owner that it does not know"),
        ):
            if _is(given.get(flag), "true"):
                problems.append(Problem(f"{flag} is true, so one pod with {keeps} keeps its node", "set it to false"))
        yield verdict(release.name, problems, "an idle node goes within an hour")
    for pool in context.scaled_groups:
        if pool.autoscaled and (given := _options(pool)):
            yield verdict(pool.name, _times(given, _LONG), "its tags let an idle node go within an hour")


def _times(given: Mapping[str, Any], known: Mapping[str, tuple[int, str]]) -> Iterator[Problem]:
    for flag, (most, does) in known.items():
        if flag in given and (long := too_long(given[flag], most)):
            yield Problem(f"{flag} is {given[flag]}: {does.format(long)}", f"set {flag} to {durations.written(most)}")


@check(
    "autoscaler-may-start-nodes",
    subject="cluster autoscaler release",
    fix="remove the flag that keeps nodes from coming",
    sources=(AUTOSCALER_FLAGS,),
)
def may_start(context: Context) -> Iterator[Said]:
    """The autoscaler stops at its start, or a flag forbids every node that pods wait for.

    The check applies if the stack has groups between two sizes.
    """
    groups = [pool for pool in context.scaled_groups if pool.autoscaled]
    for release in context.charts(CLUSTER_AUTOSCALER) if groups else ():
        problems = [*_no_cloud(release), *_no_expander(flags(release)), *_shut(flags(release), context)]
        yield verdict(release.name, problems, "its flags let nodes come")


def _no_cloud(release: Software) -> Iterator[Problem]:
    cloud = flags(release).get("cloud-provider") or release.value("cloudProvider", default="aws")
    if cloud != "aws":
        yield Problem(f"its cloud provider is {cloud}, and the groups are of AWS", "set cloudProvider to aws")


def _no_expander(given: Mapping[str, Any]) -> Iterator[Problem]:
    for name in str(given.get("expander") or "").split(","):
        if name == _PRICE:
            yield Problem("expander price needs prices that it does not know on AWS", "use priority or least-waste")
        elif name and name not in _EXPANDERS:
            yield Problem(f"it knows no expander {name}", f"use one of {', '.join(_EXPANDERS)}")


def _shut(given: Mapping[str, Any], context: Context) -> Iterator[Problem]:
    standing = sum(pool.min_nodes for pool in context.pools)
    most = _number(given.get("max-nodes-total"))
    if most and most <= standing:
        said = f"max-nodes-total is {given['max-nodes-total']}, and {standing} nodes stand already"
        yield Problem(said, "raise or remove it")
    if _is(given.get("scale-up-from-zero"), "false") and not standing:
        yield Problem("scale-up-from-zero is false, and no node stands", "remove it")
    running = [pool for pool in context.pools if pool.min_nodes]
    for flag, least in (
        ("cores-total", sum(pool.min_nodes * min((row.vcpus for row in pool.types), default=0) for pool in running)),
        (
            "memory-total",
            sum(pool.min_nodes * min((r.memory_mib for r in pool.types), default=0) for pool in running) >> 10,
        ),
    ):
        upper = _number(str(given.get(flag) or "").rpartition(":")[2])
        if upper is not None and upper <= least:
            yield Problem(f"{flag} is {given[flag]}, and the standing nodes have {least} already", "raise or remove it")
    cutoff = _number(given.get("expendable-pods-priority-cutoff"))
    if cutoff is not None and cutoff > 0:
        said = f"expendable-pods-priority-cutoff is {given['expendable-pods-priority-cutoff']}"
        yield Problem(f"{said}, so no node starts for pods of priority 0, which is the default", "remove it")


@check(
    "nodes-start-without-delay",
    subject="cluster autoscaler release",
    severity="warning",
    fix="remove the flag",
    sources=(AUTOSCALER_FLAGS,),
)
def without_delay(context: Context) -> Iterator[Said]:
    """Pods wait for minutes or hours before a node is even asked for, or the node is given up before it can join."""
    for release in context.charts(CLUSTER_AUTOSCALER):
        given = flags(release)
        problems = [*_times(given, _LATE)]
        provision = given.get("max-node-provision-time")
        try:
            short = provision is not None and durations.seconds(provision) < _JOINS_S
        except ValueError:
            short = False
        if short:
            said = f"max-node-provision-time is {provision}, and a node may take {_JOINS_S} s to join"
            problems.append(Problem(said, "remove it"))
        yield verdict(release.name, problems, "it acts at once")


_JOINS_S = 300
"""Seconds within which a node joins its cluster, with some to spare."""


@check(
    "priorities-name-every-group",
    subject="cluster autoscaler release with the expander priority",
    fix="let a pattern in expanderPriorities fit each group, such as .* with the lowest priority",
    sources=(AUTOSCALER_PRIORITIES,),
)
def every_group(context: Context) -> Iterator[Said]:
    """A group that no pattern fits never gets a node while another group can take the pod."""
    groups = [pool for pool in context.scaled_groups if pool.autoscaled]
    for release in context.charts(CLUSTER_AUTOSCALER):
        if "priority" not in str(flags(release).get("expander") or "").split(",") or not groups:
            continue
        given = part(release.values, "expanderPriorities")
        if not given:
            if release.value("expanderPriorities") is None and not _has_priorities(context):
                says = "the expander is priority, and expanderPriorities gives none, so it takes any group"
                yield verdict(release.name, Problem(says, "set expanderPriorities"), "", "warning")
            continue
        patterns = [
            str(each) for listed in given.values() for each in (listed if isinstance(listed, list) else [listed])
        ]
        left = [pool.name for pool in groups if not any(_fits(each, pool) for each in patterns)]
        problem = Problem(f"no pattern of expanderPriorities fits {', '.join(left)}") if left else None
        yield verdict(release.name, problem, "a pattern fits every group")


def _has_priorities(context: Context) -> bool:
    return any(found.name.endswith("priority-expander") for found in context.graph.of("kubernetes:core/v1:ConfigMap"))


def _fits(pattern: str, pool: Pool) -> bool:
    """Names of auto scaling groups of managed groups begin with eks-; True for a pattern that only Go reads."""
    try:
        return any(re.search(pattern, name) for name in (pool.name, f"eks-{pool.name}-"))
    except re.error:
        return True
