"""NeuronDevicePlugin: tells Kubernetes of the Neuron devices and cores on a pool's nodes."""

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

RELEASE = "neuron-device-plugin"


class NeuronDevicePluginArgs(TypedDict):
    """The arguments of the device plugin, which a cluster needs once: the pools whose nodes it serves."""

    pools: Sequence[GpuPoolArgs]
    """Every pool of the cluster with Neuron devices on nodes of your own; others may be among them."""
    namespace: NotRequired[str]
    """Namespace that is created for the plugin. Default neuron-device-plugin."""


class NeuronDevicePluginSpec(Value):
    """NeuronDevicePluginArgs as a checked value."""

    pools: tuple[GpuPool, ...]
    namespace: str = RELEASE

    @property
    def served(self) -> tuple[GpuPool, ...]:
        """The pools whose nodes have Neuron devices."""
        return tuple(pool for pool in self.pools if pool.needs_plugin("neuron"))

    @model_validator(mode="after")
    def _has_nodes_to_serve(self) -> Self:
        if not self.served:
            others = dict.fromkeys(f"{pool.accelerator} devices have a plugin of their own" for pool in self.pools)
            raise ValueError(f"no pool needs the device plugin: {'; '.join(others) or 'there is none'}")
        return self


class NeuronDevicePlugin(ComponentResource):
    """The device plugin of AWS's Neuron chart, on nodes of the pools and no others."""

    namespace: Output[str]
    """Namespace that the plugin runs in."""

    def __init__(self, name: str, args: NeuronDevicePluginArgs, opts: ResourceOptions | None = None):
        """Installs the device plugin.

        name: begins the names of all that the component makes; a new name replaces it.
        args: see `NeuronDevicePluginArgs`.
        opts: Pulumi's options, with the Kubernetes provider of the cluster.
        Raises BadInput, with every problem, before anything is registered.
        """
        spec = check(NeuronDevicePluginSpec, args)
        super().__init__("eks-gpu-components:index:NeuronDevicePlugin", name, args, opts)

        self.namespace = create_release(
            name, catalog.NEURON_CHART, RELEASE, spec.namespace, chart_values(spec.served, spec.namespace), self, opts
        )
        self.register_outputs({"namespace": self.namespace})


def chart_values(pools: Sequence[GpuPool], namespace: str) -> dict[str, Any]:
    """Values of the chart where they differ from its own."""
    return {
        "devicePlugin": {
            "namespaceOverride": namespace,  # the chart's own is kube-system, whatever the release's namespace
            "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": neuron_nodes(pools)}},
            "tolerations": plugin_tolerations(catalog.NEURON_PLUGIN_TOLERATIONS, pools),
        },
        # A privileged pod on every node of the cluster, whose namespace the chart does not make.
        "npd": {"enabled": False},
    }


def neuron_nodes(pools: Sequence[GpuPool]) -> dict[str, Any]:
    """A node selector: the pools' types, which every node has as a label from its start, and never Auto Mode's."""
    types = sorted({row.name for pool in pools for row in pool.instance_types})
    return {
        "nodeSelectorTerms": [
            {
                "matchExpressions": [
                    {"key": catalog.INSTANCE_TYPE_LABEL, "operator": "In", "values": types},
                    {"key": catalog.COMPUTE_TYPE_LABEL, "operator": "NotIn", "values": ["auto"]},
                ]
            }
        ]
    }
