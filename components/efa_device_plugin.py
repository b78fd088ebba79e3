"""EfaDevicePlugin: makes the Elastic Fabric Adapters of a pool's nodes known to Kubernetes."""

from collections.abc import Sequence
from typing import Any, NotRequired, Self

from pulumi import ComponentResource, Output, ResourceOptions
from pydantic import model_validator
from typing_extensions import TypedDict

from . import catalog
from .control_plane.charts import create_release
from .nodes.plugin_tolerations import plugin_tolerations
from .values.gpu_pool import GpuPool
from .values.gpu_pool_args import GpuPoolArgs
from .values.value import Value, check

RELEASE = catalog.EFA_CHART.short_name


class EfaDevicePluginArgs(TypedDict):
    """The arguments of the device plugin, which a cluster needs once: the pools whose nodes it serves."""

    pools: Sequence[GpuPoolArgs]
    """Every pool of the cluster with `efa` on nodes of your own; others may be among them."""
    namespace: NotRequired[str]
    """Namespace that is created for the plugin. Default aws-efa-k8s-device-plugin."""


class EfaDevicePluginSpec(Value):
    """EfaDevicePluginArgs as a checked value."""

    pools: tuple[GpuPool, ...]
    namespace: str = RELEASE

    @property
    def served(self) -> tuple[GpuPool, ...]:
        """The pools whose nodes have EFA interfaces."""
        return tuple(pool for pool in self.pools if pool.efa)

    @model_validator(mode="after")
    def _has_nodes_to_serve(self) -> Self:
        if not self.served:
            raise ValueError("no pool has efa: leave the device plugin out, or set efa of the pools that need it")
        return self


class EfaDevicePlugin(ComponentResource):
    """AWS's Helm chart of the device plugin, on nodes of the pools with EFA and no others."""

    namespace: Output[str]
    """Namespace that the plugin runs in."""

    def __init__(self, name: str, args: EfaDevicePluginArgs, opts: ResourceOptions | None = None):
        """Installs the device plugin.

        name: begins the names of all that the component makes; a new name replaces it.
        args: see `EfaDevicePluginArgs`.
        opts: Pulumi's options, with the Kubernetes provider of the cluster.
        Raises BadInput, with every problem, before anything is registered.
        """
        spec = check(EfaDevicePluginSpec, args)
        super().__init__("eks-gpu-components:index:EfaDevicePlugin", name, args, opts)

        self.namespace = create_release(
            name, catalog.EFA_CHART, RELEASE, spec.namespace, chart_values(spec.served), self, opts
        )
        self.register_outputs({"namespace": self.namespace})


def chart_values(pools: Sequence[GpuPool]) -> dict[str, Any]:
    """Values of the chart where they differ from its own. Its template adds a toleration, and avoids Auto Mode."""
    return {
        "supportedInstanceLabels": {"values": sorted({row.name for pool in pools for row in pool.instance_types})},
        "tolerations": plugin_tolerations((), pools),
    }
