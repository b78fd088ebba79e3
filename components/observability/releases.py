"""Values of the charts: what differs from their own, which install much that no GPU needs.

Source: kube-prometheus-stack 88.5.3 with Grafana's chart 12.11 and kube-state-metrics' 8.4, dcgm-exporter 4.8.2, each
chart's values.yaml.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pulumi import Input

from .. import catalog
from ..catalog.metrics import KUBE_STATE_METRICS
from ..nodes.gpu_nodes import gpu_nodes
from ..nodes.plugin_tolerations import plugin_tolerations
from ..values.gpu_pool import GpuPool
from .dashboards import DASHBOARD_LABEL
from .monitors import pod_monitors, service_monitors
from .rules import NODE_LABELS
from .settings import GpuObservabilitySettings

RELEASE = "prometheus"
SERVICE_ACCOUNT = "prometheus"
SERVER = "prometheus-operated"
"""Service that the operator makes for every Prometheus."""
PORT = 9090
_FILLED = 0.8
"""Share of the volume after which Prometheus deletes its oldest samples: its log and a compaction need the rest."""


def retention_gib(disk_gib: int) -> int:
    """GiB of samples that a volume of the size may hold."""
    return int(disk_gib * _FILLED)


def prometheus_values(
    settings: GpuObservabilitySettings,
    namespace: Input[str],
    node_labels: Mapping[str, str],
    storage_class: Input[str],
    rules: Sequence[Mapping[str, Any]],
    remote_write: Sequence[Input[Mapping[str, Any]]] = (),
) -> dict[str, Any]:
    """The values of kube-prometheus-stack: Prometheus, its operator, kube-state-metrics of nodes and pods, Grafana."""
    placed = {"nodeSelector": dict(node_labels), "tolerations": catalog.SYSTEM_TOLERATIONS}
    return {
        "fullnameOverride": RELEASE,
        "cleanPrometheusOperatorObjectNames": True,
        # Of the control plane EKS shows nothing but the API server, and none of this is about GPUs.
        "defaultRules": {"create": False},
        **{
            part: {"enabled": False}
            for part in (
                *("coreDns", "kubeApiServer", "kubeControllerManager", "kubeEtcd", "kubeProxy", "kubeScheduler"),
                *("kubelet", "nodeExporter"),
            )
        },
        "alertmanager": _alertmanager(settings, placed),
        "grafana": _grafana(settings, namespace, placed),
        KUBE_STATE_METRICS.job: {
            **placed,
            "collectors": ["nodes", "pods"],
            "metricLabelsAllowlist": [f"nodes=[{','.join(NODE_LABELS)}]"],
            "resources": _resources("20m", "96Mi", "256Mi"),
        },
        "prometheusOperator": {
            **placed,
            # Its webhook only says earlier what the operator says anyway, and while it is away nothing can be changed.
            "admissionWebhooks": {"enabled": False},
            "tls": {"enabled": False},
            "resources": _resources("50m", "128Mi", "256Mi"),
        },
        "prometheus": {
            "serviceAccount": {"create": True, "name": SERVICE_ACCOUNT},
            "additionalPodMonitors": pod_monitors(settings),
            "additionalServiceMonitors": service_monitors(),
            "prometheusSpec": {
                **placed,
                "retention": f"{settings.retention_days}d",
                "retentionSize": f"{retention_gib(settings.disk_gib)}GiB",
                "scrapeInterval": "30s",
                "resources": _resources("100m", "512Mi", "1Gi"),
                # Monitors and rules of others too, as those of a chart: without this only those of this release.
                "podMonitorSelectorNilUsesHelmValues": False,
                "ruleSelectorNilUsesHelmValues": False,
                "serviceMonitorSelectorNilUsesHelmValues": False,
                # The volume goes with the release, or it costs money for ever.
                "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete", "whenScaled": "Retain"},
                "storageSpec": {
                    "volumeClaimTemplate": {
                        "spec": {
                            "accessModes": ["ReadWriteOnce"],
                            "storageClassName": storage_class,
                            "resources": {"requests": {"storage": f"{settings.disk_gib}Gi"}},
                        }
                    }
                },
                **({"remoteWrite": list(remote_write)} if remote_write else {}),
            },
        },
        "additionalPrometheusRulesMap": {"eks-gpu": {"groups": [dict(group) for group in rules]}},
    }


def _alertmanager(settings: GpuObservabilitySettings, placed: Mapping[str, Any]) -> dict[str, Any]:
    if settings.alertmanager_secret is None:
        return {"enabled": False}
    return {
        "enabled": True,
        "alertmanagerSpec": {
            **placed,
            "useExistingSecret": True,
            "configSecret": settings.alertmanager_secret,
            "resources": _resources("10m", "64Mi", "128Mi"),
        },
    }


def _grafana(settings: GpuObservabilitySettings, namespace: Input[str], placed: Mapping[str, Any]) -> dict[str, Any]:
    """Grafana that nobody may use without a password, and that reads the ConfigMaps of its own namespace alone."""
    if not settings.grafana:
        return {"enabled": False}
    admin = {"admin": {"existingSecret": settings.grafana_secret}} if settings.grafana_secret else {}
    own_config_maps = {"resource": "configmap", "searchNamespace": namespace}
    (label, value), *_ = DASHBOARD_LABEL.items()
    return {
        **placed,
        **admin,
        "fullnameOverride": "grafana",
        "defaultDashboardsEnabled": False,
        "rbac": {"namespaced": True, "pspEnabled": False},
        "grafana.ini": {
            "auth.anonymous": {"enabled": False},
            "users": {"allow_sign_up": False},
            # A pod has no use for what Grafana would ask of its makers.
            "analytics": {"reporting_enabled": False, "check_for_updates": False, "check_for_plugin_updates": False},
        },
        "sidecar": {
            "dashboards": {"label": label, "labelValue": value, **own_config_maps},
            "datasources": {**own_config_maps, "alertmanager": {"enabled": settings.alertmanager_secret is not None}},
            "resources": _resources("10m", "96Mi", "128Mi"),
        },
        "resources": _resources("50m", "192Mi", "384Mi"),
    }


def exporter_values(pools: Sequence[GpuPool]) -> dict[str, Any]:
    """The values of dcgm-exporter: its pods run on every GPU node whose image lets them see the GPUs, and nowhere
    else.
    """
    return {
        "fullnameOverride": catalog.DCGM_EXPORTER_CHART.short_name,
        "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": gpu_nodes()}},
        "tolerations": plugin_tolerations((), pools),
        "serviceMonitor": {"enabled": False},  # the PodMonitor says the same, without waiting for the operator's kinds
    }


def _resources(cpu: str, memory: str, memory_limit: str) -> dict[str, Any]:
    return {"requests": {"cpu": cpu, "memory": memory}, "limits": {"memory": memory_limit}}
