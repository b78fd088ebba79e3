"""The settings of the metrics of GPU nodes: what is kept, how long, who is told, and when a GPU is idle too long."""

from collections.abc import Mapping
from typing import Annotated, NotRequired, Self

from pydantic import Field, model_validator
from typing_extensions import TypedDict

from .. import catalog
from ..values.arg_words import DcgmExporterArg
from ..values.patterns import like
from ..values.value import Value
from ..values.words import DcgmExporter

NAMESPACE = "monitoring"
MODEL_SERVER_LABELS = {"app.kubernetes.io/name": "llm-inference"}
LONGEST_RETENTION_DAYS = 90
"""Longer than this a volume of one Prometheus is the wrong place: samples go to a managed workspace."""

Object = Annotated[str, like(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?", "the name of an object, as grafana-admin")]


class GpuObservabilitySettingsArgs(TypedDict):
    """Settings of the metrics: how long they are kept, who sees them, and when an alert fires."""

    dcgm_exporter: NotRequired[DcgmExporterArg]
    """Where the metrics of GPUs come from: chart installs the DCGM exporter on GPU nodes, operator scrapes the exporter
    of the GPU operator, none leaves them out. Default chart, with `operator_exporter` operator.
    """
    retention_days: NotRequired[int]
    """Number of days that Prometheus keeps samples, 1 to 90. A full volume ends it earlier. Default 15."""
    disk_gib: NotRequired[int]
    """Size of Prometheus' volume in GiB, 5 to 1000. Default 20."""
    managed_prometheus: NotRequired[bool]
    """Whether all samples are also sent to a workspace of Amazon Managed Service for Prometheus, which the component
    creates. Default no.
    """
    grafana: NotRequired[bool]
    """Whether Grafana shows the dashboards. Without it they are ConfigMaps for a Grafana of your own. Default yes."""
    grafana_secret: NotRequired[str]
    """Name of a Secret in the namespace with the keys admin-user and admin-password of Grafana's administrator. Default
    a random password that the chart makes in the cluster.
    """
    alertmanager_secret: NotRequired[str]
    """Name of a Secret in the namespace with the key alertmanager.yaml, which says who is told of alerts. Default none:
    alerts are only shown.
    """
    pending_budget_s: NotRequired[int]
    """Seconds that a pod with GPUs may be Pending before an alert fires, 60 or more. Default 960, the longest cold
    start that the catalog knows.
    """
    idle_alert_s: NotRequired[int]
    """Seconds that a GPU node may be without GPU work before an alert fires, 600 or more; of a pool that keeps idle
    nodes longer, those and ten minutes more. Default 3600.
    """
    planned_hourly_usd: NotRequired[float]
    """Cost in USD per hour that `eks-gpu plan` says for the nodes in the steady state, as a line beside the cost now.
    Default none.
    """
    readers: NotRequired[list[str]]
    """Namespaces whose pods may query Prometheus, beside its own. Default kube-system, keda: in one of them KEDA runs,
    whose triggers ask it.
    """
    model_server_labels: NotRequired[Mapping[str, str]]
    """Labels of the pods of model servers, whose port `http` has metrics of vLLM. Default
    app.kubernetes.io/name=llm-inference.
    """
    node_labels: NotRequired[Mapping[str, str]]
    """Labels of the nodes that Prometheus and Grafana run on. Default eks-gpu-components/role=system, the label of
    `Cluster`'s system nodes; with Auto Mode eks.amazonaws.com/compute-type=auto.
    """


class GpuObservabilitySettings(Value):
    """The settings, checked."""

    dcgm_exporter: DcgmExporter | None = None
    retention_days: int = Field(default=15, ge=1, le=LONGEST_RETENTION_DAYS)
    disk_gib: int = Field(default=20, ge=5, le=1000)
    managed_prometheus: bool = False
    grafana: bool = True
    grafana_secret: Object | None = None
    alertmanager_secret: Object | None = None
    pending_budget_s: int = Field(default=catalog.COLD_START_S, ge=60)
    idle_alert_s: int = Field(default=3600, ge=600)
    planned_hourly_usd: float | None = Field(default=None, ge=0)
    readers: tuple[Object, ...] = ("kube-system", "keda")
    model_server_labels: Mapping[str, str] = Field(default=MODEL_SERVER_LABELS, min_length=1)
    node_labels: Mapping[str, str] | None = None

    @model_validator(mode="after")
    def _secret_is_used(self) -> Self:
        if self.grafana_secret and not self.grafana:
            raise ValueError("grafana_secret needs grafana: without it nothing reads the Secret")
        return self
