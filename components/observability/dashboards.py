"""The dashboards: capacity and cost, GPUs at work, and what waits for them."""

import json
from typing import Any

from pulumi import Input

from ..catalog import KARPENTER_CORE_GROUP
from ..catalog.metrics import KARPENTER_METRICS, KUBE_STATE_METRICS
from .panels import Dashboard, Panel, Query
from .settings import GpuObservabilitySettings

DASHBOARD_LABEL = {"grafana_dashboard": "1"}
"""Label of the ConfigMaps that Grafana's sidecar reads. Source: kube-prometheus-stack 88.5.3, values.yaml,
grafana.sidecar.dashboards.
"""


_DISRUPTED = f"{KARPENTER_CORE_GROUP}/disrupted"
"""Taint of a node that Karpenter drains. Source: Karpenter 1.15, pkg/apis/v1/taints.go."""
_ACCELERATORS = '{resource=~"nvidia.com/.+|aws.amazon.com/.+"}'
_NONE = f'0 * max(up{{job="{KUBE_STATE_METRICS.job}"}} == 1)'
"""A zero where nobody has a node or a pod, and nothing where nobody knows: kube-state-metrics is not scraped then."""


def dashboards(settings: GpuObservabilitySettings) -> list[Dashboard]:
    """Those that the settings have metrics for."""
    capacity = Dashboard("eks-gpu-capacity", "GPU capacity and cost", _capacity(settings))
    devices = [Dashboard("eks-gpu-devices", "GPUs at work", _DEVICES)] if settings.dcgm_exporter != "none" else []
    return [capacity, *devices, Dashboard("eks-gpu-demand", "What waits for GPUs", _DEMAND)]


def config_map(dashboard: Dashboard, namespace: Input[str]) -> dict[str, Any]:
    """The ConfigMap from which Grafana's sidecar takes the dashboard."""
    return {
        "metadata": {"name": dashboard.uid, "namespace": namespace, "labels": DASHBOARD_LABEL},
        "data": {f"{dashboard.uid}.json": json.dumps(dashboard.as_json(), indent=1, sort_keys=True)},
    }


def _number(title: str, description: str, expr: str, legend: str, unit: str = "short") -> Panel:
    """One number now, which is zero where there is nothing to count."""
    return Panel(title, description, (Query(f"{expr} or {_NONE}", legend),), kind="stat", unit=unit, width=6)


def _of_each_gpu(title: str, description: str, expr: str, unit: str = "short") -> Panel:
    """A line for each GPU, whichever pod has it."""
    return Panel(title, description, (Query(f"max by (node, gpu) ({expr})", "{{node}} GPU {{gpu}}"),), unit=unit)


def _capacity(settings: GpuObservabilitySettings) -> tuple[Panel, ...]:
    planned = (Query("eks_gpu:plan:hourly_usd", "plan, steady"),) if settings.planned_hourly_usd is not None else ()
    return (
        _number(
            "Cost of GPU nodes now",
            "USD per hour of all nodes of the pools, by the prices of the plan and without disks. Nodes whose price is "
            "unknown are not in it; they have a panel of their own.",
            "sum(eks_gpu:pool:hourly_usd)",
            "now",
            unit="currencyUSD",
        ),
        _number("GPUs now", "GPUs of the nodes that are there.", "sum(eks_gpu:pool:gpus)", "GPUs"),
        _number(
            "GPUs without a pod",
            "GPUs that no pod has asked for. Shared GPUs count by the part that is free.",
            "sum(eks_gpu:node:gpus_idle)",
            "idle",
        ),
        _number(
            "Longest wait",
            "Time that the oldest Pending pod with GPUs has waited.",
            "max(eks_gpu:pod:pending_seconds)",
            "Pending",
            unit="s",
        ),
        Panel(
            "Cost now against plan",
            "USD per hour by pool, beside what the pools cost at their ceiling and what the plan says for the steady "
            "state.",
            (
                Query("eks_gpu:pool:hourly_usd", "{{pool}}"),
                Query("sum(eks_gpu:pool:max_hourly_usd)", "all pools at their ceiling"),
                *planned,
            ),
            unit="currencyUSD",
        ),
        Panel(
            "GPUs of each pool",
            "GPUs now, and the ceiling max_gpus.",
            (
                Query("eks_gpu:pool:gpus", "{{pool}}"),
                Query("eks_gpu:pool:max_gpus", "{{pool}}, ceiling"),
            ),
        ),
        Panel(
            "Idle nodes and since when",
            "Nodes on which no pod has asked for a GPU. A node that was never used is idle since it was made.",
            (Query("eks_gpu:node:idle_since_timestamp_seconds * 1000"),),
            kind="table",
            unit="dateTimeFromNow",
        ),
        Panel(
            "Nodes without a price",
            "The catalog has no price for their type and capacity type, so no cost shown here includes them.",
            (Query("eks_gpu:node:info unless on (instance_type, capacity_type, managed_by) eks_gpu:price:hourly_usd"),),
            kind="table",
        ),
        Panel(
            "From created to Ready",
            "Seconds from the creation of a pod with GPUs until it was Ready, for pods that are there. A pod that was "
            "unready for a while counts until it was Ready again.",
            (
                Query("quantile(0.5, eks_gpu:pod:time_to_ready_seconds)", "half of the pods"),
                Query("max(eks_gpu:pod:time_to_ready_seconds)", "slowest"),
            ),
            unit="s",
        ),
        Panel(
            "Spot notices",
            "Messages that Karpenter has had of its queue since it started. Nothing is shown where Karpenter is not "
            "scraped; groups and Auto Mode tell no metric of theirs.",
            (
                Query(
                    'sum by (message_type) (karpenter_interruption_received_messages_total{message_type!="no_op"}) or '
                    f'label_replace(0 * max(up{{job="{KARPENTER_METRICS.job}"}} == 1), '
                    '"message_type", "spot_interrupted", "", "")',
                    "{{message_type}}",
                ),
            ),
        ),
        Panel(
            "Nodes that are to go",
            "Nodes that Karpenter drains, for whatever reason.",
            (Query(f'max by (node) (kube_node_spec_taint{{key="{_DISRUPTED}"}}) and on (node) eks_gpu:node:info'),),
            kind="table",
        ),
        Panel(
            "Nodes that Karpenter made and ended",
            "Since it started, by node pool.",
            (
                Query("sum by (nodepool) (karpenter_nodeclaims_created_total)", "{{nodepool}}, made"),
                Query("sum by (nodepool) (karpenter_nodeclaims_terminated_total)", "{{nodepool}}, ended"),
            ),
        ),
    )


_DEVICES = (
    _of_each_gpu(
        "Use of each GPU",
        "Share of time in which a kernel ran. A GPU at 100 % may still do little: see the tensor cores.",
        "DCGM_FI_DEV_GPU_UTIL",
        unit="percent",
    ),
    _of_each_gpu(
        "Use of the tensor cores",
        "Share of cycles in which the tensor cores work.",
        "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE",
        unit="percentunit",
    ),
    _of_each_gpu(
        "GPU memory",
        "Share of the GPU's memory that is in use.",
        "DCGM_FI_DEV_FB_USED / (DCGM_FI_DEV_FB_USED + DCGM_FI_DEV_FB_FREE)",
        unit="percentunit",
    ),
    Panel(
        "Which pod has which GPU",
        "Use in percent of each GPU that a pod has.",
        (
            Query(
                'max by (node, gpu, exported_namespace, exported_pod) (DCGM_FI_DEV_GPU_UTIL{exported_pod!=""})',
            ),
        ),
        kind="table",
        unit="percent",
    ),
    _of_each_gpu("Power", "Watts of each GPU.", "DCGM_FI_DEV_POWER_USAGE", unit="watt"),
    _of_each_gpu("Temperature", "Degrees Celsius of each GPU.", "DCGM_FI_DEV_GPU_TEMP", unit="celsius"),
    _of_each_gpu(
        "Last XID error",
        "Number of the driver's last error; 0 is none. NVIDIA's list of XID errors says what each means.",
        "DCGM_FI_DEV_XID_ERRORS",
    ),
)

_DEMAND = (
    Panel(
        "Pending pods with GPUs",
        "Seconds that each has waited.",
        (Query("eks_gpu:pod:pending_seconds", "{{namespace}}/{{pod}}"),),
        unit="s",
    ),
    Panel(
        "Pods that Karpenter cannot place",
        "Pods for which Karpenter has no node and can make none.",
        (Query("max(karpenter_scheduler_unschedulable_pods_count)", "pods"),),
    ),
    Panel(
        "KEDA: what triggers measure",
        "The value of each trigger.",
        (
            Query(
                "max by (namespace, scaledObject, metric) (keda_scaler_metrics_value)",
                "{{namespace}}/{{scaledObject}} {{metric}}",
            ),
            Query("max by (namespace, scaledObject) (keda_scaler_active)", "{{namespace}}/{{scaledObject}}, active"),
        ),
    ),
    Panel(
        "KEDA: errors",
        "Errors of each scaled object since KEDA started.",
        (
            Query(
                "sum by (namespace, scaledObject) (keda_scaled_object_errors_total)", "{{namespace}}/{{scaledObject}}"
            ),
        ),
    ),
    Panel(
        "Kueue: workloads",
        "Workloads that wait for quota, and those that have it, by queue.",
        (
            Query("sum by (cluster_queue, status) (kueue_pending_workloads)", "{{cluster_queue}}, waits ({{status}})"),
            Query("sum by (cluster_queue) (kueue_admitted_active_workloads)", "{{cluster_queue}}, admitted"),
        ),
    ),
    Panel(
        "Kueue: quota in use",
        "Share of the quota of each accelerator. Kueue tells it with metrics.enableClusterQueueResources.",
        (
            Query(
                f"sum by (cluster_queue, flavor) (kueue_cluster_queue_resource_usage{_ACCELERATORS})"
                f" / sum by (cluster_queue, flavor) (kueue_cluster_queue_nominal_quota{_ACCELERATORS})",
                "{{cluster_queue}} {{flavor}}",
            ),
        ),
        unit="percentunit",
    ),
    Panel(
        "vLLM: requests",
        "Requests that run, and requests that wait, by model.",
        (
            Query("sum by (model_name) (vllm:num_requests_running)", "{{model_name}}, run"),
            Query("sum by (model_name) (vllm:num_requests_waiting)", "{{model_name}}, wait"),
        ),
    ),
    Panel(
        "vLLM: KV cache",
        "Share of the KV cache in use. A full cache makes requests wait.",
        (Query("max by (model_name, pod) (vllm:kv_cache_usage_perc)", "{{model_name}} {{pod}}"),),
        unit="percentunit",
    ),
)
