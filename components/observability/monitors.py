"""What Prometheus scrapes: pods and Services of controllers by the labels and ports of their charts.

A monitor for a controller that is not there selects nothing, and costs nothing.
"""

from collections.abc import Mapping
from typing import Any

from ..catalog import DCGM_EXPORTER_CHART, KARPENTER_CHART
from ..catalog.metrics import DCGM_METRICS, KARPENTER_METRICS, KEDA_METRICS, KUEUE_METRICS, VLLM_METRICS, Exporter
from .settings import GpuObservabilitySettings

EXPORTER_NAMESPACE = "dcgm-exporter"
_NAME = "app.kubernetes.io/name"
_TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount/token"


def pod_monitors(settings: GpuObservabilitySettings) -> list[dict[str, Any]]:
    """PodMonitors, as the chart takes them in `prometheus.additionalPodMonitors`."""
    return [
        # Source: Karpenter's chart 1.15.0, templates/deployment.yaml.
        _pods(KARPENTER_METRICS, {_NAME: KARPENTER_CHART.short_name}, "http-metrics"),
        # Source: KEDA's chart 2.20.2, templates/manager; the port is there with `prometheus.operator.enabled`.
        _pods(KEDA_METRICS, {"app": "keda-operator"}, "metrics"),
        _pods(VLLM_METRICS, settings.model_server_labels, "http"),
        *_of_gpus(settings.dcgm_exporter),
    ]


def service_monitors() -> list[dict[str, Any]]:
    """ServiceMonitors, as the chart takes them in `prometheus.additionalServiceMonitors`.

    Kueue answers over TLS with a certificate of its own, and only whom the API server lets read /metrics. Source:
    Kueue's chart 0.17.0, templates/prometheus/monitor.yaml and templates/manager/auth_proxy_service.yaml.
    """
    return [
        {
            "name": KUEUE_METRICS.job,
            "namespaceSelector": {"any": True},
            "selector": {"matchLabels": {_NAME: "kueue", "app.kubernetes.io/component": "metrics-service"}},
            "endpoints": [
                {
                    "port": "https",
                    "scheme": "https",
                    "bearerTokenFile": _TOKEN,
                    "tlsConfig": {"insecureSkipVerify": True},
                    "relabelings": [_job(KUEUE_METRICS)],
                }
            ],
        }
    ]


def _of_gpus(exporter: str | None) -> list[dict[str, Any]]:
    """The exporter of the chart or of the operator. The label `pod` of its series is the exporter's own; the pod that
    has the GPU is in `exported_pod`.
    """
    labels = {
        # Source: dcgm-exporter's chart 4.8.2, templates/_helpers.tpl and daemonset.yaml.
        "chart": {_NAME: DCGM_EXPORTER_CHART.short_name},
        # Source: GPU operator v26.7.0, assets/state-dcgm-exporter, its DaemonSet, whose port has the same name.
        "operator": {"app": "nvidia-dcgm-exporter"},
    }
    if exporter not in labels:
        return []
    node = {"sourceLabels": ["__meta_kubernetes_pod_node_name"], "targetLabel": "node"}
    return [_pods(DCGM_METRICS, labels[exporter], "metrics", node)]


def _pods(exporter: Exporter, labels: Mapping[str, str], port: str, *relabelings: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": exporter.job,
        "namespaceSelector": {"any": True},
        "selector": {"matchLabels": dict(labels)},
        "podMetricsEndpoints": [{"port": port, "relabelings": [_job(exporter), *relabelings]}],
    }


def _job(exporter: Exporter) -> dict[str, Any]:
    return {"targetLabel": "job", "replacement": exporter.job}
