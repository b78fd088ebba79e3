"""NvidiaDevicePlugin: makes the GPUs of a pool's nodes known to Kubernetes, and lets pods share them."""

from collections.abc import Sequence
from typing import Any, NotRequired, Self

from pulumi import ComponentResource, Output, ResourceOptions
from pydantic import model_validator
from typing_extensions import TypedDict

from . import catalog
from .control_plane.charts import create_release
from .nodes.gpu_nodes import gpu_nodes
from .nodes.gpu_sharing import WITHOUT_SHARING, sharing_configurations
from .nodes.plugin_tolerations import plugin_tolerations
from .values.gpu_pool import GpuPool
from .values.gpu_pool_args import GpuPoolArgs
from .values.value import Value, check

RELEASE = "nvidia-device-plugin"


class NvidiaDevicePluginArgs(TypedDict):
    """The arguments of the device plugin, which a cluster needs once: the pools whose nodes it serves."""

    pools: Sequence[GpuPoolArgs]
    """Every GPU pool of the cluster."""
    namespace: NotRequired[str]
    """Namespace that is created for the plugin. Default nvidia-device-plugin."""


class NvidiaDevicePluginSpec(Value):
    """NvidiaDevicePluginArgs as a checked value."""

    pools: tuple[GpuPool, ...]
    namespace: str = RELEASE

    @property
    def served(self) -> tuple[GpuPool, ...]:
        """The pools whose nodes have NVIDIA GPUs and no device plugin of their own."""
        return tuple(pool for pool in self.pools if pool.needs_plugin("nvidia"))

    @model_validator(mode="after")
    def _has_nodes_to_serve(self) -> Self:
        if not self.served:
            reasons = dict.fromkeys(map(_reason_to_leave, self.pools))
            raise ValueError(f"no pool needs the device plugin: {'; '.join(reasons) or 'there is none'}")
        return self

    @model_validator(mode="after")
    def _cuts_no_gpus(self) -> Self:
        reason = "the device plugin offers slices and cuts none: leave it out, or install GpuOperator in place of this"
        cut = [f"pools[{at}].mig: {reason}, got {pool.mig}" for at, pool in enumerate(self.pools) if pool.mig]
        if cut:
            raise ValueError("\n".join(cut))
        return self

    @model_validator(mode="after")
    def _has_its_own_namespace(self) -> Self:
        if self.namespace == "default":
            raise ValueError("namespace must not be default, which the chart refuses")
        return self


def _reason_to_leave(pool: GpuPool) -> str:
    if pool.accelerator != "nvidia":
        return f"{pool.accelerator} devices have a plugin of their own"
    if pool.claims:
        return "with devices claims its GPUs are those of the DRA driver"
    return f"the {pool.node_image} image brings its own, and a second one breaks it"


class NvidiaDevicePlugin(ComponentResource):
    """The device plugin's Helm chart; its pods run only on GPU nodes."""

    namespace: Output[str]
    """Namespace that the plugin runs in."""

    def __init__(self, name: str, args: NvidiaDevicePluginArgs, opts: ResourceOptions | None = None):
        """Installs the device plugin.

        name: begins the names of all that the component makes; a new name replaces it.
        args: see `NvidiaDevicePluginArgs`.
        opts: Pulumi's options, with the Kubernetes provider of the cluster.
        Raises BadInput, with every problem, before anything is registered.
        """
        spec = check(NvidiaDevicePluginSpec, args)
        super().__init__("eks-gpu-components:index:NvidiaDevicePlugin", name, args, opts)

        self.namespace = create_release(
            name, catalog.DEVICE_PLUGIN_CHART, RELEASE, spec.namespace, chart_values(spec.served), self, opts
        )
        self.register_outputs({"namespace": self.namespace})


def chart_values(pools: Sequence[GpuPool]) -> dict[str, Any]:
    """The values of the chart that differ from its defaults."""
    values: dict[str, Any] = {
        "fullnameOverride": RELEASE,
        "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": gpu_nodes()}},
        "tolerations": plugin_tolerations(catalog.DEVICE_PLUGIN_TOLERATIONS, pools),
    }
    if configurations := sharing_configurations(pool.sharing for pool in pools):
        values["config"] = {"map": configurations, "default": WITHOUT_SHARING}
    return values
