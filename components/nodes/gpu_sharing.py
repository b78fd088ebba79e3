"""How pods share a GPU: the device plugin's configuration, by the name that a node picks by label."""

import json
from collections.abc import Iterable
from typing import Any

from .. import catalog
from ..values.gpu_parts import GpuSharing

WITHOUT_SHARING = "default"
"""Name of the configuration for nodes whose pods do not share."""


def sharing_configurations(sharings: Iterable[GpuSharing | None]) -> dict[str, str]:
    """The plugin's configuration files by name; a node picks its own by label. Empty where nobody shares.

    Source: NVIDIA device plugin 0.20, README.md, "Shared access to GPUs".
    """
    named = {sharing.config: sharing for sharing in sharings if sharing}
    if not named:
        return {}
    return {name: json.dumps(_configuration(sharing)) for name, sharing in {WITHOUT_SHARING: None, **named}.items()}


def _configuration(sharing: GpuSharing | None) -> dict[str, Any]:
    plain: dict[str, Any] = {"version": "v1", "flags": {"migStrategy": "none"}}
    if sharing is None:
        return plain
    rules: dict[str, Any] = {
        "renameByDefault": False,  # pods go on asking for nvidia.com/gpu
        "resources": [{"name": catalog.GPU_RESOURCE, "replicas": sharing.replicas}],
    }
    if sharing.strategy == "mps":
        return {**plain, "sharing": {"mps": rules}}
    # Two shares of one GPU are no faster than one, so asking for two is a mistake.
    return {**plain, "sharing": {"timeSlicing": {**rules, "failRequestsGreaterThanOne": True}}}
