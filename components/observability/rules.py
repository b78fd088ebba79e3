"""Rules of Prometheus: what is computed of the metrics, and when an alert fires.

Every series of ours begins with `eks_gpu:`. Nodes are those of the pools that the stack describes: with Karpenter and
Auto Mode by the name of the NodePool, in managed groups by the name of the group.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..catalog import (
    CAPACITY_TYPE_LABEL,
    COMPUTE_TYPE_LABEL,
    EKS_CAPACITY_TYPE_LABEL,
    INSTANCE_TYPE_LABEL,
    NODE_GROUP_LABEL,
    NODE_POOL_LABEL,
    CapacityType,
)
from ..nodes.warm import warm_name
from ..values.gpu_pool import GpuPool
from .node_prices import AUTO_MODE, OWN, ceilings, node_prices
from .settings import GpuObservabilitySettings

NODE_LABELS = (
    INSTANCE_TYPE_LABEL,
    CAPACITY_TYPE_LABEL,
    EKS_CAPACITY_TYPE_LABEL,
    NODE_POOL_LABEL,
    NODE_GROUP_LABEL,
    COMPUTE_TYPE_LABEL,
)
"""Labels of nodes that kube-state-metrics has to tell, because it tells none by itself."""
RESOURCES = {
    "nvidia": "nvidia_com_gpu|nvidia_com_gpu_shared|nvidia_com_mig_.+",
    "neuron": "aws_amazon_com_neuron|aws_amazon_com_neuroncore",
}
"""Kind of accelerator -> its resources, as kube-state-metrics writes them."""
KEPT_LONGER_S = 600
"""How long after a pool's own time to keep idle nodes an idle node is worth an alert."""
GROUP_PREFIX = "eks-gpu"


@dataclass(frozen=True, slots=True)
class Recorded:
    """A series that Prometheus computes."""

    name: str
    query: str
    labels: Mapping[str, str] = field(default_factory=dict)

    def rule(self) -> dict[str, Any]:
        """The rule as a PrometheusRule has it."""
        labels = {"labels": dict(self.labels)} if self.labels else {}
        return {"record": self.name, "expr": self.query, **labels}


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that a person has to see."""

    name: str
    query: str
    for_s: int
    severity: str
    """critical, warning or info."""
    summary: str
    description: str

    def rule(self) -> dict[str, Any]:
        """The rule as a PrometheusRule has it."""
        return {
            "alert": self.name,
            "expr": self.query,
            "for": f"{self.for_s}s",
            "labels": {"severity": self.severity},
            "annotations": {"summary": self.summary, "description": self.description},
        }


def as_label(key: str) -> str:
    """A node's label as kube-state-metrics names it: `eks.amazonaws.com/capacityType` is
    `label_eks_amazonaws_com_capacity_type`. Source: kube-state-metrics 2.18, internal/store/utils.go.
    """
    words = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", re.sub(r"[^a-zA-Z0-9_]", "_", key))
    return f"label_{words.lower()}"


def rule_groups(
    pools: Mapping[str, GpuPool], settings: GpuObservabilitySettings, region: str, auto_mode: bool
) -> list[dict[str, Any]]:
    """The groups of a PrometheusRule, in the order in which one needs the other."""
    groups: dict[str, Iterable[Recorded | Alert]] = {
        "plan": planned(pools, settings, region, auto_mode),
        "nodes": of_nodes(pools, region),
        "pods": of_pods(pools),
        "alerts": alerts(settings, pools),
    }
    return [
        {"name": f"{GROUP_PREFIX}-{name}", "rules": [each.rule() for each in rules]} for name, rules in groups.items()
    ]


# --- what the stack says ------------------------------------------------------------------------------------------


def planned(
    pools: Mapping[str, GpuPool], settings: GpuObservabilitySettings, region: str, auto_mode: bool
) -> list[Recorded]:
    """Numbers of the stack and of the catalog, as constant series."""
    rows = {row.name: row.accelerators for pool in pools.values() for row in pool.instance_types}
    made = [_constant("eks_gpu:instance_type:gpus", count, instance_type=name) for name, count in rows.items()]
    for each in node_prices(pools.values(), region, auto_mode):
        if each.price:
            made.append(
                _constant(
                    "eks_gpu:price:hourly_usd",
                    each.price.hourly,
                    instance_type=each.instance_type,
                    capacity_type=str(each.capacity_type),
                    managed_by=each.managed_by,
                    price_region=each.price.region,
                    as_of=each.price.as_of,
                    estimate=str(each.price.estimate).lower(),
                )
            )
    highest = ceilings(pools, region, auto_mode)
    for name, pool in pools.items():
        made += [
            _constant("eks_gpu:pool:max_gpus", pool.max_gpus, pool=name),
            _constant("eks_gpu:pool:gpus_per_node", pool.accelerators_per_node, pool=name),
        ]
        if not pool.nodes:  # a fixed number of nodes is there whether or not it has work
            made.append(_constant("eks_gpu:pool:idle_alert_seconds", _idle_alert_s(pool, settings), pool=name))
        if pool.warm_gpus:
            made.append(_constant("eks_gpu:pool:warm_gpus", pool.warm_gpus, pool=name))
        if (hourly := highest[name]) is not None:
            made.append(_constant("eks_gpu:pool:max_hourly_usd", hourly, pool=name))
    if settings.planned_hourly_usd is not None:
        made.append(_constant("eks_gpu:plan:hourly_usd", settings.planned_hourly_usd))
    return made


def _constant(name: str, value: float, **labels: str) -> Recorded:
    return Recorded(name, f"vector({value:.6g})", labels)


def _idle_alert_s(pool: GpuPool, settings: GpuObservabilitySettings) -> int:
    return max(settings.idle_alert_s, pool.idle_s + KEPT_LONGER_S)


# --- nodes --------------------------------------------------------------------------------------------------------


def of_nodes(pools: Mapping[str, GpuPool], region: str) -> list[Recorded]:
    """A pool's nodes, what they cost, and how much of their GPUs pods have asked for, since when none."""
    found = _resources(pools)
    allocatable = f'sum by (node, resource) (kube_node_status_allocatable{{resource=~"{found}"}})'
    asked = (
        "sum by (node, resource) (kube_pod_container_resource_requests"
        f'{{resource=~"{found}", node!=""{_working(pools)}}}'
        " * on (namespace, pod) group_left () "
        '(max by (namespace, pod) (kube_pod_status_phase{phase=~"Pending|Running"}) == 1))'
    )
    info, share = "eks_gpu:node:info", "eks_gpu:node:requested_share"
    busy = "eks_gpu:node:last_busy_timestamp_seconds"
    return [
        Recorded("eks_gpu:node:labels", _node_labels()),
        *(
            Recorded("eks_gpu:node:info", _of_pool(name, region, _own_types(name, pools)), {"pool": name})
            for name in pools
        ),
        Recorded(
            "eks_gpu:node:gpus", "eks_gpu:node:info * on (instance_type) group_left () eks_gpu:instance_type:gpus"
        ),
        Recorded(
            "eks_gpu:node:hourly_usd",
            f"{info} * on (instance_type, capacity_type, managed_by) group_left () eks_gpu:price:hourly_usd",
        ),
        # Of several resources, as slices of one GPU, the one that is used most.
        Recorded(
            share,
            f"clamp_max(max by (node) ({asked} / ({allocatable} > 0) or 0 * ({allocatable} > 0)), 1)",
        ),
        Recorded("eks_gpu:node:gpus_idle", f"eks_gpu:node:gpus * on (node) group_left () (1 - {share})"),
        Recorded(
            busy,
            f"(0 * ({share} > 0) + time() or last_over_time({busy}[1h]) or max by (node) (kube_node_created))"
            f" and on (node) {info}",
        ),
        Recorded(
            "eks_gpu:node:idle_since_timestamp_seconds",
            f"{info} * on (node) group_left () ({busy} and on (node) ({share} == 0))",
        ),
        Recorded("eks_gpu:pool:gpus", "sum by (pool) (eks_gpu:node:gpus)"),
        Recorded("eks_gpu:pool:hourly_usd", "sum by (pool) (eks_gpu:node:hourly_usd)"),
    ]


def _node_labels() -> str:
    """Type, capacity type and manager of each node, whichever controller wrote the labels."""
    query = "kube_node_labels"
    for target, value, source, pattern in (
        ("instance_type", "$1", INSTANCE_TYPE_LABEL, "(.+)"),
        ("capacity_type", "$1", CAPACITY_TYPE_LABEL, "(.+)"),
        *(
            ("capacity_type", str(each), EKS_CAPACITY_TYPE_LABEL, each.for_eks())
            for each in (CapacityType.ON_DEMAND, CapacityType.SPOT, CapacityType.RESERVED)
        ),
        ("managed_by", OWN, INSTANCE_TYPE_LABEL, ".*"),
        ("managed_by", AUTO_MODE, COMPUTE_TYPE_LABEL, "auto"),
    ):
        query = f'label_replace({query}, "{target}", "{value}", "{as_label(source)}", "{pattern}")'
    kept = ", ".join(
        ("node", "instance_type", "capacity_type", "managed_by", as_label(NODE_POOL_LABEL), as_label(NODE_GROUP_LABEL))
    )
    return f"max by ({kept}) ({query})"


def _of_pool(name: str, region: str, types: Sequence[str]) -> str:
    """A pool's nodes: by the name of the NodePool or the group, and without one by a type that no other pool has."""
    # A group's name holds the pool's, a zone of the region and the capacity type; EKS puts an id behind.
    group = f"(eks-)?{_literally(name)}-{region}(-[a-z]+-[0-9]+)?[a-z]-.+"
    node_pool, node_group = as_label(NODE_POOL_LABEL), as_label(NODE_GROUP_LABEL)
    matchers = [f'{node_pool}="{name}"', f'{node_group}=~"{group}"']
    if types:
        own = "|".join(map(_literally, types))
        matchers.append(f'{node_pool}="", {node_group}="", instance_type=~"{own}"')
    found = " or ".join(f"eks_gpu:node:labels{{{each}}}" for each in matchers)
    return f"max by (node, instance_type, capacity_type, managed_by) ({found})"


def _literally(name: str) -> str:
    """A name within a pattern; a backslash would need another one in PromQL."""
    return name.replace(".", "[.]")


def _own_types(name: str, pools: Mapping[str, GpuPool]) -> list[str]:
    """Types that no other pool has."""
    others = {row.name for other, pool in pools.items() if other != name for row in pool.instance_types}
    return [row.name for row in pools[name].instance_types if row.name not in others]


def _resources(pools: Mapping[str, GpuPool]) -> str:
    kinds = dict.fromkeys(pool.accelerator for pool in pools.values())
    return "|".join(RESOURCES[kind] for kind in kinds)


def _working(pools: Mapping[str, GpuPool], label: str = "namespace") -> str:
    """A matcher, after others, that leaves out the placeholder pods that keep GPUs ready: they do no work."""
    found = "|".join(_literally(warm_name(name)) for name, pool in pools.items() if pool.warm_gpus)
    return f', {label}!~"{found}"' if found else ""


# --- pods ---------------------------------------------------------------------------------------------------------


def of_pods(pools: Mapping[str, GpuPool]) -> list[Recorded]:
    """How long pods with GPUs wait, and how long they took to be Ready."""
    requests = f'kube_pod_container_resource_requests{{resource=~"{_resources(pools)}"{_working(pools)}}}'
    created = "max by (namespace, pod) (kube_pod_created)"
    return [
        Recorded("eks_gpu:pod:gpus_requested", f"sum by (namespace, pod) ({requests}) > 0"),
        Recorded(
            "eks_gpu:pod:pending_seconds",
            f'(time() - {created}) and (max by (namespace, pod) (kube_pod_status_phase{{phase="Pending"}}) == 1)'
            " and eks_gpu:pod:gpus_requested",
        ),
        Recorded(
            "eks_gpu:pod:time_to_ready_seconds",
            f"(max by (namespace, pod) (kube_pod_status_ready_time) - {created}) and eks_gpu:pod:gpus_requested",
        ),
    ]


# --- alerts -------------------------------------------------------------------------------------------------------


def alerts(settings: GpuObservabilitySettings, pools: Mapping[str, GpuPool]) -> list[Alert]:
    """What a person has to see: money for nothing, pods that do not get a GPU, and prices that nobody knows."""
    fixed = "|".join(_literally(name) for name, pool in pools.items() if pool.nodes)
    growing = f'{{pool!~"{fixed}"}}' if fixed else ""
    found = [
        Alert(
            "GpuNodeWithoutWork",
            # In a pool that keeps GPUs ready only if without one more idle node there were still as many.
            "(time() - eks_gpu:node:idle_since_timestamp_seconds > on (pool) group_left () "
            "eks_gpu:pool:idle_alert_seconds) unless on (pool) (sum by (pool) (eks_gpu:node:gpus_idle) "
            "- on (pool) eks_gpu:pool:gpus_per_node < on (pool) eks_gpu:pool:warm_gpus)",
            for_s=120,
            severity="warning",
            summary="Node {{ $labels.node }} of pool {{ $labels.pool }} has no GPU work",
            description=(
                "No pod has asked for a GPU of this {{ $labels.instance_type }} for {{ $value | humanizeDuration }}, "
                "and it costs what a busy one does. `eks-gpu why node {{ $labels.node }}` says what keeps it."
            ),
        ),
        Alert(
            "GpuPoolAtCeiling",
            # A fixed number of nodes is there at all times, and no pod makes it grow.
            f"eks_gpu:pool:gpus{growing} + on (pool) eks_gpu:pool:gpus_per_node > on (pool) eks_gpu:pool:max_gpus",
            for_s=600,
            severity="warning",
            summary="Pool {{ $labels.pool }} is at its ceiling",
            description=(
                "No further node fits under max_gpus: pods beyond it stay Pending. Raise max_gpus if they should run."
            ),
        ),
        Alert(
            "GpuPodPendingTooLong",
            f"eks_gpu:pod:pending_seconds > {settings.pending_budget_s}",
            for_s=60,
            severity="warning",
            summary="Pod {{ $labels.namespace }}/{{ $labels.pod }} waits for a GPU",
            description=(
                "It is Pending for {{ $value | humanizeDuration }}, longer than its budget. "
                "`eks-gpu why pod {{ $labels.namespace }}/{{ $labels.pod }}` says why."
            ),
        ),
        Alert(
            "GpuNodeWithoutPrice",
            "eks_gpu:node:info unless on (instance_type, capacity_type, managed_by) eks_gpu:price:hourly_usd",
            for_s=600,
            severity="info",
            summary="The price of node {{ $labels.node }} is unknown",
            description=(
                "The catalog has no price for {{ $labels.instance_type }} ({{ $labels.capacity_type }}), so the cost "
                "of pool {{ $labels.pool }} is higher than what is shown."
            ),
        ),
    ]
    if settings.dcgm_exporter != "none":
        found.append(
            Alert(
                "GpuHeldWithoutWork",
                "max by (node, gpu, exported_namespace, exported_pod) (DCGM_FI_DEV_GPU_UTIL"
                f'{{exported_pod!=""{_working(pools, "exported_namespace")}}}) == 0',
                for_s=settings.idle_alert_s,
                severity="info",
                summary="Pod {{ $labels.exported_namespace }}/{{ $labels.exported_pod }} has a GPU and does not use it",
                description="GPU {{ $labels.gpu }} of node {{ $labels.node }} does nothing for as long as a node may.",
            )
        )
    return found
