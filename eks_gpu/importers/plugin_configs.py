"""Configurations of the NVIDIA device plugin, in a ConfigMap: how pods share GPUs.

Source: NVIDIA device plugin 0.20, README.md, "Configuration Option Details" and "Shared access to GPUs".
"""

from collections.abc import Mapping
from typing import Any

from eks_gpu.importers.fields import Fields
from eks_gpu.importers.findings import Findings
from eks_gpu.importers.model import PluginConfig
from eks_gpu.io.documents import Map, parse_first
from eks_gpu.io.problems import InputError
from eks_gpu_components.catalog import GPU_RESOURCE

ALONE = ""
"""Name of a configuration that is the only one, which nodes without a label have."""
_STRATEGIES = {"timeSlicing": "time-slicing", "mps": "mps"}


def read_plugin_configs(config_map: Fields, findings: Findings) -> dict[str, PluginConfig]:
    """Each configuration by its name, and as `ALONE` if there is no other; empty for a ConfigMap of something else."""
    if not config_map.is_map("data"):
        return {}
    data = config_map.part("data")
    found: dict[str, PluginConfig] = {}
    for name in data:
        config = _parsed(data.document.get(name))
        if config is None:
            return {}
        data.replaced(name)
        place = data.place(name)
        try:
            found[name] = PluginConfig(sharing=_sharing(config), place=place)
        except _Unlike as problem:
            findings.lose(place, f"a pool's `sharing` is a strategy and a number: {problem}")
            found[name] = PluginConfig(sharing={}, place=place)
    return found | ({ALONE: next(iter(found.values()))} if len(found) == 1 else {})


class _Unlike(ValueError):
    """Sharing that a pool cannot have."""


def _parsed(text: Any) -> Mapping[str, Any] | None:
    """A configuration; None for another text."""
    try:
        config = parse_first(text) if isinstance(text, str) else None
    except InputError:
        return None
    ours = isinstance(config, Map) and config.get("version") == "v1" and {"flags", "sharing", "resources"} & {*config}
    return config if ours else None


def _sharing(config: Mapping[str, Any]) -> dict[str, Any]:
    """As a pool has it; empty where nothing is shared. Raises _Unlike for what no pool has."""
    sharing = config.get("sharing") or {}
    used = [key for key in _STRATEGIES if isinstance(sharing, Mapping) and sharing.get(key)]
    if not used:
        return {}
    rules = sharing[used[0]]
    rows = rules.get("resources") if isinstance(rules, Mapping) else None
    if len(used) > 1 or not isinstance(rows, list) or len(rows) != 1 or not isinstance(rows[0], Mapping):
        raise _Unlike("this one has several of them")
    row = rows[0]
    if rules.get("renameByDefault") or row.get("rename"):
        raise _Unlike(f"pods ask for {GPU_RESOURCE}, and not for a resource of another name")
    if row.get("name") != GPU_RESOURCE or row.get("devices", "all") != "all":
        raise _Unlike(f"it is of every {GPU_RESOURCE} of a node")
    replicas = row.get("replicas")
    if not isinstance(replicas, int) or isinstance(replicas, bool) or replicas < 2:
        raise _Unlike(f"replicas must be 2 or more, got {str(replicas)[:50]}")
    return {"strategy": _STRATEGIES[used[0]], "replicas": replicas}
