"""GpuObservability: metrics of GPU nodes, what they cost now, dashboards, and alerts for money that buys nothing."""

import json
from collections.abc import Mapping
from typing import Any, NotRequired, Self

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as kubernetes
from pulumi import ComponentResource, Input, Output, Resource, ResourceOptions
from pydantic import Field, model_validator
from typing_extensions import TypedDict

from . import catalog
from .catalog.auto_mode import DISK_PROVISIONER
from .catalog.name_limits import ROLES
from .control_plane.disposable import disposable
from .iam.pod_identity import pod_identity
from .observability.dashboards import config_map, dashboards
from .observability.managed_prometheus import remote_write, writer_policy
from .observability.monitors import EXPORTER_NAMESPACE
from .observability.node_prices import node_prices
from .observability.releases import (
    PORT,
    RELEASE,
    SERVER,
    SERVICE_ACCOUNT,
    exporter_values,
    prometheus_values,
)
from .observability.rules import rule_groups
from .observability.settings import NAMESPACE, GpuObservabilitySettings, GpuObservabilitySettingsArgs, Object
from .values.eks_cluster import EksCluster
from .values.gpu_pool import GpuPool
from .values.gpu_pool_args import GpuPoolArgs
from .values.names import check_name
from .values.value import Value, check


class GpuObservabilityArgs(TypedDict):
    """The arguments of the metrics, which a cluster needs once."""

    cluster: EksCluster
    """The cluster whose nodes are watched."""
    pools: Mapping[str, GpuPoolArgs]
    """A map from the name of each pool of GPU nodes, as its component has it, to its description."""
    operator_exporter: NotRequired[bool]
    """Whether the GPU operator of the cluster brings a DCGM exporter, which is scraped then. Default no."""
    settings: NotRequired[GpuObservabilitySettingsArgs]
    """Settings of the metrics: how long they are kept, who sees them, and when an alert fires."""
    namespace: NotRequired[str]
    """Namespace that is created for Prometheus and Grafana. Default monitoring."""


class GpuObservabilitySpec(Value):
    """GpuObservabilityArgs as a checked value."""

    cluster: Any
    pools: Mapping[str, GpuPool]
    operator_exporter: bool = False
    settings: GpuObservabilitySettings = Field(default_factory=GpuObservabilitySettings)
    namespace: Object = NAMESPACE

    @property
    def resolved(self) -> GpuObservabilitySettings:
        """The settings, with the exporter that there is: none where it would see no GPU."""
        exporter = self.wanted_exporter
        seen = any(pool.accelerator == "nvidia" for pool in self.pools.values())
        if exporter == "none" or not seen or (exporter == "chart" and not self.exported):
            exporter = "none"
        return self.settings.model_copy(update={"dcgm_exporter": exporter})

    @property
    def wanted_exporter(self) -> str:
        """chart, operator or none, if nobody says by what there is."""
        return self.settings.dcgm_exporter or ("operator" if self.operator_exporter else "chart")

    @property
    def auto_mode(self) -> bool:
        """Whether EKS runs the nodes that no group and no Karpenter of yours makes."""
        return bool(self.cluster.get("auto_mode"))

    @property
    def exported(self) -> tuple[GpuPool, ...]:
        """The pools on whose nodes the DCGM exporter of the chart sees the GPUs."""
        if self.wanted_exporter != "chart" or self.auto_mode:
            return ()
        return tuple(pool for pool in self.pools.values() if pool.needs_plugin("nvidia"))

    @property
    def node_labels(self) -> dict[str, str]:
        """Labels of the nodes that all of it runs on, but the DCGM exporter."""
        if self.settings.node_labels is not None:
            return dict(self.settings.node_labels)
        return {catalog.COMPUTE_TYPE_LABEL: "auto"} if self.auto_mode else dict(catalog.SYSTEM_NODE_LABELS)

    @model_validator(mode="after")
    def _has_pools(self) -> Self:
        if not self.pools:
            raise ValueError("pools must name one or more: there is nothing to watch")
        return self

    @model_validator(mode="after")
    def _has_one_exporter(self) -> Self:
        if self.operator_exporter and self.settings.dcgm_exporter == "chart":
            rule = "settings.dcgm_exporter must not be chart"
            reason = "the GPU operator brings a DCGM exporter, and two on a node compete for its profiling counters"
            raise ValueError(f"{rule}: {reason}: leave it out, or set the operator's to no")
        return self

    @model_validator(mode="after")
    def _has_its_own_namespace(self) -> Self:
        if self.namespace in ("default", "kube-system", EXPORTER_NAMESPACE):
            raise ValueError(f"namespace must be one of its own, got {self.namespace!r}")
        return self


class GpuObservability(ComponentResource):
    """Prometheus, the DCGM exporter on GPU nodes, Grafana with dashboards, and alerts, none of which can be reached
    from outside the cluster.
    """

    namespace: Output[str]
    """Namespace that Prometheus and Grafana run in."""
    prometheus_url: Output[str]
    """URL of Prometheus within the cluster, for triggers of KEDA."""
    workspace_endpoint: Output[str]
    """Endpoint of the managed workspace; empty without `managed_prometheus`."""
    unpriced: Output[list[str]]
    """Instance types and capacity types of the pools whose price nobody knows: their nodes are in no cost."""

    def __init__(self, name: str, args: GpuObservabilityArgs, opts: ResourceOptions | None = None):
        """Installs Prometheus, exporters and dashboards.

        name: begins the names of all that the component makes; a new name replaces it.
        args: see `GpuObservabilityArgs`.
        opts: Pulumi's options, with the Kubernetes provider of the cluster.
        Raises BadInput, with every problem, before anything is registered.
        """
        spec = check(GpuObservabilitySpec, args)
        check_name(name, {ROLES: [name]})
        super().__init__("eks-gpu-components:index:GpuObservability", name, args, opts)

        cluster: EksCluster = spec.cluster
        settings = spec.resolved
        unpriced = unknown_prices(spec)
        for sentence in notes(spec, unpriced):
            pulumi.log.info(f"{name}: {sentence}", self)
        namespace = kubernetes.core.v1.Namespace(
            name, **_namespace(spec.namespace, "baseline"), opts=ResourceOptions(parent=self)
        )
        within = namespace.metadata.name
        _close(name, within, spec, self)
        storage = kubernetes.storage.v1.StorageClass(
            name, **storage_class(spec.auto_mode), opts=ResourceOptions(parent=self)
        )
        endpoint, writes, permissions = _workspace(name, cluster, within, spec, self)
        kubernetes.helm.v3.Release(
            name,
            name=RELEASE,
            namespace=within,
            **catalog.PROMETHEUS_CHART.for_helm(),
            values=prometheus_values(
                settings,
                within,
                spec.node_labels,
                storage.metadata.name,
                rule_groups(spec.pools, settings, cluster["region"], spec.auto_mode),
                writes,
            ),
            # It has a volume in AWS, so it is deleted by itself and not with the cluster.
            opts=ResourceOptions(parent=self, depends_on=permissions),
        )
        for dashboard in dashboards(settings):
            kubernetes.core.v1.ConfigMap(
                f"{name}-{dashboard.uid}", **config_map(dashboard, within), opts=disposable(self, opts)
            )
        if spec.exported:
            _create_exporter(name, spec, disposable(self, opts))

        self.namespace = within
        self.prometheus_url = Output.format("http://{0}.{1}:{2}", SERVER, within, PORT)
        self.workspace_endpoint = endpoint
        self.unpriced = Output.from_input(unpriced)
        self.register_outputs(
            {
                "namespace": self.namespace,
                "prometheus_url": self.prometheus_url,
                "workspace_endpoint": self.workspace_endpoint,
                "unpriced": self.unpriced,
            }
        )


def unknown_prices(spec: GpuObservabilitySpec) -> list[str]:
    """Instance types and capacity types that have no price in the catalog."""
    prices = node_prices(spec.pools.values(), spec.cluster["region"], spec.auto_mode)
    return [*dict.fromkeys(str(each) for each in prices if each.price is None)]


def notes(spec: GpuObservabilitySpec, unpriced: list[str]) -> list[str]:
    """What is not seen, and why."""
    found = []
    if unpriced:
        found.append(f"no price is known for {', '.join(unpriced)}: the cost of such nodes is not shown")
    unseen = [name for name, pool in spec.pools.items() if _is_unseen(pool, spec)]
    if spec.wanted_exporter == "chart" and unseen:
        reason = "Auto Mode" if spec.auto_mode else "Bottlerocket"
        found.append(
            f"pools {', '.join(unseen)} have no metrics of their GPUs: on nodes of {reason} the DCGM exporter's pod "
            "sees no GPU. What pods ask for, and what the nodes cost, is shown"
        )
    return found


def _is_unseen(pool: GpuPool, spec: GpuObservabilitySpec) -> bool:
    # Source: bottlerocket-os/bottlerocket issue 3992, NVIDIA/dcgm-exporter issue 279.
    return pool.accelerator == "nvidia" and (spec.auto_mode or not pool.needs_plugin("nvidia"))


def storage_class(auto_mode: bool) -> dict[str, Any]:
    """Encrypted disks of EBS, made in the zone of the pod and deleted with the claim."""
    return {
        "provisioner": DISK_PROVISIONER if auto_mode else catalog.EBS_PROVISIONER,
        "parameters": {"type": "gp3", "encrypted": "true"},
        "volume_binding_mode": "WaitForFirstConsumer",
        "reclaim_policy": "Delete",
        "allow_volume_expansion": True,
    }


def network_policy(readers: tuple[str, ...]) -> dict[str, Any]:
    """Who reaches the pods of the namespace: each other, and the pods of `readers` Prometheus alone."""
    own = {"from": [{"podSelector": {}}]}
    asked = {
        "from": [{"namespaceSelector": {"matchLabels": {catalog.NAMESPACE_NAME_LABEL: each}}} for each in readers],
        "ports": [{"protocol": "TCP", "port": PORT}],
    }
    return {
        "spec": {
            "podSelector": {},
            "policyTypes": ["Ingress"],
            "ingress": [own, *([asked] if readers else [])],
        }
    }


def _close(name: str, namespace: Input[str], spec: GpuObservabilitySpec, parent: Resource) -> None:
    kubernetes.networking.v1.NetworkPolicy(
        name,
        metadata={"name": "within", "namespace": namespace},
        **network_policy(spec.settings.readers),
        opts=ResourceOptions(parent=parent),
    )


def _namespace(name: str, level: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "labels": {"pod-security.kubernetes.io/enforce": level}}}


def _workspace(
    name: str, cluster: EksCluster, namespace: Input[str], spec: GpuObservabilitySpec, parent: Resource
) -> tuple[Output[str], list[Any], list[Resource]]:
    """The managed workspace, if there is one: its endpoint, where Prometheus writes, and what its pod must wait for."""
    if not spec.settings.managed_prometheus:
        return Output.from_input(""), [], []
    workspace = aws.amp.Workspace(name, alias=cluster["name"], opts=ResourceOptions(parent=parent))
    _, permissions = pod_identity(
        parent,
        name,
        cluster,
        spec.namespace,
        SERVICE_ACCOUNT,
        policy=workspace.arn.apply(lambda arn: json.dumps(writer_policy(arn))),
    )
    endpoint = workspace.prometheus_endpoint
    return endpoint, [endpoint.apply(lambda known: remote_write(known, cluster["region"]))], permissions


def _create_exporter(name: str, spec: GpuObservabilitySpec, opts: ResourceOptions) -> None:
    """The exporter in a namespace of its own, because its pods read devices, which only the privileged level allows."""
    chart = catalog.DCGM_EXPORTER_CHART
    namespace = kubernetes.core.v1.Namespace(
        f"{name}-exporter", **_namespace(EXPORTER_NAMESPACE, "privileged"), opts=opts
    )
    kubernetes.helm.v3.Release(
        f"{name}-exporter",
        name=chart.short_name,
        namespace=namespace.metadata.name,
        **chart.for_helm(),
        values=exporter_values(spec.exported),
        opts=opts,
    )
