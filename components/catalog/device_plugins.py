"""Device plugins: without its own, a node offers none of its accelerators."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .chart_defaults import (
    DEVICE_PLUGIN_AFFINITY,
    DEVICE_PLUGIN_TOLERATIONS,
    NEURON_PLUGIN_AFFINITY,
    NEURON_PLUGIN_TOLERATIONS,
)
from .instance_types import RESOURCES
from .scheduling import GPU_RESOURCE, GPU_TAINT, NEURON_CORE_RESOURCE, NEURON_RESOURCE, NEURON_TAINT, Taint
from .versions import DEVICE_PLUGIN_CHART, NEURON_CHART, Chart


@dataclass(frozen=True, slots=True)
class DevicePlugin:
    """The software that tells Kubernetes of one kind of accelerator."""

    kind: str
    """nvidia or neuron: `Accelerator.kind`."""
    title: str
    """The kind in a sentence, as NVIDIA."""
    device: str
    """One accelerator in a sentence, after the title or alone, as GPU."""
    resources: tuple[str, ...]
    """What it registers, whole devices first."""
    taint: Taint
    """What pools of the kind have where they name no other."""
    elsewhere: str
    """What becomes of it on a node without such a device, as a verb."""
    chart: Chart
    values_at: str
    """Key of the chart's values that has the plugin's own; empty where they are at the top."""
    image: str
    """Last part of its image's name."""
    tolerations: tuple[Mapping[str, str], ...]
    """What the chart tolerates where its values say nothing."""
    affinity: Mapping[str, Any]
    """Which nodes the chart selects where its values say nothing."""


DEVICE_PLUGINS = {
    plugin.kind: plugin
    for plugin in (
        DevicePlugin(
            kind="nvidia",
            title="NVIDIA",
            device="GPU",
            resources=(GPU_RESOURCE,),
            taint=GPU_TAINT,
            elsewhere="crash-loops",
            chart=DEVICE_PLUGIN_CHART,
            values_at="",
            image="k8s-device-plugin",
            tolerations=DEVICE_PLUGIN_TOLERATIONS,
            affinity=DEVICE_PLUGIN_AFFINITY,
        ),
        DevicePlugin(
            kind="neuron",
            title="Neuron",
            device="device",
            resources=(NEURON_RESOURCE, NEURON_CORE_RESOURCE),
            taint=NEURON_TAINT,
            elsewhere="has nothing to do",
            chart=NEURON_CHART,
            values_at="devicePlugin",
            image="neuron-device-plugin",
            tolerations=NEURON_PLUGIN_TOLERATIONS,
            affinity=NEURON_PLUGIN_AFFINITY,
        ),
    )
}
"""The plugin of each kind of accelerator that pools can have."""

DEVICE_RESOURCES: Mapping[str, tuple[str, ...]] = {
    **{plugin.kind: plugin.resources for plugin in DEVICE_PLUGINS.values()},
    **{kind: (RESOURCES[kind],) for kind in ("amd", "habana")},
}
"""Kind of accelerator that a pool can have -> the resources that its device plugin registers, whole devices first."""
