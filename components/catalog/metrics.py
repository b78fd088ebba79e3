"""Metrics of other projects that dashboards and alerts ask for, each with the labels that they use.

A query that names another metric shows nothing, without a message: Prometheus takes every name.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Exporter:
    """A program that exposes metrics."""

    job: str
    """Value of the label `job` of all its series."""
    metrics: Mapping[str, tuple[str, ...]]
    """Name -> labels, without those that a scrape adds."""
    source: str
    needs: str = ""
    """What has to run before there is a series; empty for a controller that has some from its start."""


KUBE_STATE_METRICS = Exporter(
    job="kube-state-metrics",
    metrics={
        "kube_node_created": ("node",),
        "kube_node_labels": ("node",),
        "kube_node_spec_taint": ("node", "key"),
        "kube_node_status_allocatable": ("node", "resource"),
        "kube_pod_container_resource_requests": ("namespace", "pod", "node", "resource"),
        "kube_pod_created": ("namespace", "pod"),
        "kube_pod_status_phase": ("namespace", "pod", "phase"),
        "kube_pod_status_ready_time": ("namespace", "pod"),
    },
    source="kube-state-metrics 2.18, docs/metrics; and what it answers in the lab",
)
KARPENTER_METRICS = Exporter(
    job="karpenter",
    metrics={
        "karpenter_interruption_received_messages_total": ("message_type",),
        "karpenter_nodeclaims_created_total": ("nodepool", "reason"),
        "karpenter_nodeclaims_terminated_total": ("nodepool",),
        "karpenter_scheduler_unschedulable_pods_count": (),
    },
    source="Karpenter 1.15, pkg/metrics and controllers/interruption/metrics.go; and what it answers in the lab",
)
KEDA_METRICS = Exporter(
    job="keda",
    metrics={
        "keda_scaled_object_errors_total": ("namespace", "scaledObject"),
        "keda_scaler_active": ("namespace", "scaledObject", "scaler"),
        "keda_scaler_metrics_value": ("namespace", "scaledObject", "scaler", "metric"),
    },
    source="KEDA 2.21, pkg/metricscollector/prommetrics.go; and what it answers in the lab",
)
KUEUE_METRICS = Exporter(
    job="kueue",
    metrics={
        "kueue_admitted_active_workloads": ("cluster_queue",),
        "kueue_cluster_queue_nominal_quota": ("cluster_queue", "flavor", "resource"),
        "kueue_cluster_queue_resource_usage": ("cluster_queue", "flavor", "resource"),
        "kueue_pending_workloads": ("cluster_queue", "status"),
    },
    source="Kueue 0.17, pkg/metrics/metrics.go; and what it answers in the lab",
)
DCGM_METRICS = Exporter(
    job="dcgm-exporter",
    metrics={
        "DCGM_FI_DEV_FB_FREE": ("gpu",),
        "DCGM_FI_DEV_FB_USED": ("gpu",),
        "DCGM_FI_DEV_GPU_TEMP": ("gpu",),
        "DCGM_FI_DEV_GPU_UTIL": ("gpu",),
        "DCGM_FI_DEV_POWER_USAGE": ("gpu",),
        "DCGM_FI_DEV_XID_ERRORS": ("gpu",),
        "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE": ("gpu",),
    },
    source="dcgm-exporter 4.8.2, etc/default-counters.csv",
    needs="an NVIDIA GPU",
)
VLLM_METRICS = Exporter(
    job="model-server",
    metrics={
        "vllm:kv_cache_usage_perc": ("model_name",),
        "vllm:num_requests_running": ("model_name",),
        "vllm:num_requests_waiting": ("model_name",),
    },
    source="vLLM documentation, Production Metrics",
    needs="vLLM on a GPU",
)
EXPORTERS = (KUBE_STATE_METRICS, KARPENTER_METRICS, KEDA_METRICS, KUEUE_METRICS, DCGM_METRICS, VLLM_METRICS)
"""All of them, in the order of their dashboards."""
