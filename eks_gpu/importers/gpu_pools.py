"""Pools with accelerators as settings: maximum, taint, labels, zones, idle time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import floor
from types import MappingProxyType
from typing import Any

from eks_gpu.importers.findings import Findings
from eks_gpu.importers.gpu_types import GpuTypes, gpu_types, why_needed, why_unusable
from eks_gpu.importers.model import AUTO_MODE, KARPENTER, MANAGED, PluginConfig, Pool
from eks_gpu.importers.plugin_configs import ALONE
from eks_gpu.importers.pool_features import (
    Shares,
    cut_into,
    slices_limit,
    slices_of_a_gpu,
    take_efa,
    take_fixed_nodes,
    take_parts,
    take_storage,
)
from eks_gpu.importers.taints import tell_of_missing_values
from eks_gpu.importers.units_and_names import fitting_name
from eks_gpu.pods.quantities import CPU, MEMORY, MIB
from eks_gpu.pools.limits import NODES
from eks_gpu.pools.overlays import Overlay
from eks_gpu_components.catalog import (
    GPU_TAINT,
    HARD_EFFECTS,
    MAX_DISK_GIB,
    MIN_GPU_DISK_GIB,
    MIN_IDLE_S,
    NEURON_CORE_RESOURCE,
    NEURON_RESOURCE,
    NEURON_TAINT,
    POOL_LABELS,
    CapacityType,
    InstanceType,
    Taint,
    label_problem,
    syntax_problem,
)
from eks_gpu_components.catalog.image_families import least_gib
from eks_gpu_components.catalog.images import ROOT_DEVICE
from eks_gpu_components.catalog.label_rules import DEVICE_PLUGIN_CONFIG_LABEL

SECTIONS = {KARPENTER: "karpenter_gpu_pools", AUTO_MODE: "auto_mode_gpu_pools"}
DEFAULT_MAX_NODES = 4
_OTHER_LIMITS = (NODES, CPU, MEMORY)
"""Beside accelerators: the program derives those of CPU and memory from `max_gpus`."""
_UNLIMITED = 999_999_999
"""GPUs or nodes that no account has."""
# EKS takes 63 characters for a group's name, and the program adds zone, capacity type and Pulumi's suffix.
MAX_GROUP_NAME, MAX_POOL_NAME = 30, 63


@dataclass(frozen=True)
class Settled:
    """One pool of the settings."""

    section: str
    name: str
    settings: dict[str, Any]
    """What stands below its name."""
    was: str = ""
    """Its name in the file."""
    overlays: frozenset[str] = frozenset()
    """Names of the NodeOverlays that are of its nodes."""
    settled_overlays: frozenset[str] = frozenset()
    """Those of them whose place the pool's `sharing` or `mig` takes."""
    notes: dict[str, str] = field(default_factory=dict)
    """Choices made for the user, by key of `pool`."""
    rows: tuple[InstanceType, ...] = ()
    gpus_per_node: int = 0
    taint: Taint | None = None
    labels: dict[str, str] = field(default_factory=dict)
    backend: str = ""


def settle_gpu_pool(
    pool: Pool,
    requests: Sequence[Mapping[str, int]],
    region: str,
    zones: Sequence[str],
    taken: Sequence[str],
    overlays: Sequence[Overlay] = (),
    configs: Mapping[str, PluginConfig] = MappingProxyType({}),
) -> Settled | None:
    """A pool of the settings; None, told, where nothing today is like it."""
    findings = pool.findings
    own_zones = _zones(pool, zones, findings)
    types = gpu_types(pool, requests, region, own_zones or zones, findings)
    if types is None:
        message = f"no instance type of {pool.name} can be in a pool of today"
        findings.lose(pool.types_place, f"{pool.name} is left out" if why_unusable(pool, region) else message)
        return None
    notes: dict[str, str] = {}
    settings: dict[str, Any] = {"instance_types": [row.name for row in types.rows]}
    if types.need:
        settings = {"need": types.need}
        notes["need"] = why_needed(pool)
    shares = Shares(pool, types.rows, overlays, region)
    config = configs.get(pool.labels.get(DEVICE_PLUGIN_CONFIG_LABEL, ALONE))
    exactly = bool(config and config.sharing.get("replicas") == shares.count)
    settings["max_gpus"] = _ceiling(pool, types, (shares.count, shares.by), exactly, notes, findings)
    settings |= _capacity(pool, notes, findings)
    settings |= _disk(pool, findings)
    _system_disk(pool, types, findings)
    if own_zones:
        settings["zones"] = own_zones
    if labels := _labels(pool, findings):
        settings["labels"] = labels
    taint, given = _taint(pool, types, findings)
    settings |= {"taint": given} if given else {}
    settings |= _patience(pool, findings)
    if pool.image != "al2023" or (pool.storage and pool.storage.image == "bottlerocket"):
        settings["node_image"] = "bottlerocket"
    take_fixed_nodes(pool, types, settings, findings)
    take_storage(pool, types, settings, findings)
    take_efa(pool, types, settings, findings)
    take_parts(pool, types, shares, configs, settings, findings)
    return Settled(
        section=SECTIONS.get(pool.backend, "gpu_node_groups"),
        name=_name(pool, taken, findings),
        settings={**_around(pool, settings, findings), "pool": settings},
        was=pool.name,
        overlays=shares.overlays,
        settled_overlays=shares.settled(settings, types.rows),
        notes=notes,
        rows=types.rows,
        gpus_per_node=types.count,
        taint=taint,
        labels=labels,
        backend=pool.backend,
    )


def _name(pool: Pool, taken: Sequence[str], findings: Findings) -> str:
    name = fitting_name(pool.name, most=MAX_GROUP_NAME if pool.grouped else MAX_POOL_NAME, taken=taken)
    if name != pool.name:
        message = f"a pool's name is short, of lower-case letters, digits and hyphens, and its own: {name} is taken"
        findings.tell("names-fit", pool.place, message)
    return name


def _zones(pool: Pool, zones: Sequence[str], findings: Findings) -> list[str]:
    kept = [zone for zone in pool.zones if zone in zones]
    if others := [zone for zone in pool.zones if zone not in zones]:
        message = f"{', '.join(others)} is not among the cluster's zones, {', '.join(zones)}, and is left out"
        findings.tell("regions-and-zones-exist", pool.place, message)
    if pool.grouped and len(kept or zones) > 1:
        message = (
            f"the group spans {', '.join(kept or zones)}, but the autoscaler plans with one zone and EC2 picks "
            "another: the program makes a group a zone"
        )
        findings.tell("one-zone-a-gpu-group", pool.place, message)
    return kept if {*kept} != {*zones} else []


def _ceiling(
    pool: Pool, types: GpuTypes, parts: tuple[int, str], exactly: bool, notes: dict[str, str], findings: Findings
) -> int:
    """GPUs at most."""
    if nodes := max(pool.min_nodes, pool.desired_nodes or 0):
        message = f"{nodes} GPU nodes run while nothing asks for them: a pool begins at zero and returns to it"
        findings.tell("gpu-pools-start-at-zero", pool.running_place or pool.size_place, message)
    if pool.sized_in_nodes:
        return max(pool.max_nodes or 1, 1) * types.count
    resource = NEURON_RESOURCE if types.kind == "neuron" else GPU_TAINT.key
    for wrong in ("gpu", "gpus", "nvidia.com/gpus"):
        if wrong in pool.limits:
            message = f"{wrong} is no resource, so the limit stops nothing: nodes have {resource}, on which it is taken"
            findings.tell("limits-name-the-real-resource", pool.limit_places[wrong], message)
    names = (resource, "gpu", "gpus", "nvidia.com/gpus")
    counted = next((key for key in names if key in pool.limits), None)
    profile = cut_into(pool, types)
    if counted is None and profile and slices_limit(profile) in pool.limits:
        counted = slices_limit(profile)
        names = (*names, counted)
        parts, exactly = (slices_of_a_gpu(profile, types), f"its slices of {profile}"), True
    stated = _limit(pool, counted) if counted else None
    if stated is not None and types.kind == "nvidia" and parts[0] > 1:
        whole = stated // parts[0]
        if not exactly or whole * parts[0] != stated or whole < types.count:
            message = (
                f"{stated} counts shares: by {parts[1]} each GPU is {parts[0]}, and the settings count whole ones, so "
                f"{max(whole, types.count)} is taken"
            )
            findings.tell("shared-gpus-are-planned", pool.size_place, message)
        stated = whole
    if types.kind == "neuron" and NEURON_CORE_RESOURCE in pool.limits:
        by_cores = _limit(pool, NEURON_CORE_RESOURCE, types.cores)
        stated = by_cores if stated is None else min(stated, by_cores)
    for key in pool.limits:
        if key not in (*names, NEURON_CORE_RESOURCE, *_OTHER_LIMITS):
            message = f"the settings limit {resource}, and not {key[:100]}"
            findings.lose(pool.limit_places[key], message)
    others = _other_limits(pool, types)
    by_others = min(others.values(), default=None)
    if stated is None and NODES in others and others[NODES] == by_others:
        notes["max_gpus"] = "from the limit of nodes"
        return others[NODES] * types.count
    if stated is None and not others and pool.fixed_nodes and pool.fixed_nodes.value:
        notes["max_gpus"] = "room for one node more than its number, which replaces another"
        return (pool.fixed_nodes.value + 1) * types.count
    if stated is None:
        nodes = by_others if by_others else DEFAULT_MAX_NODES
        room = f"{nodes} of the largest node{'s' if nodes > 1 else ''}"
        names_none = f"no limit names GPUs, and those of {' and '.join(others)} have room for {room}"
        reason = names_none if others else "nothing limits the GPUs that it may start"
        findings.tell("gpu-pools-are-capped", pool.size_place, f"{reason}: {nodes * types.count} is taken")
        notes["max_gpus"] = f"from the limits of {' and '.join(others)}" if others else "chosen: there is no limit"
        return nodes * types.count
    if by_others is not None and by_others * types.count < stated:
        why = " and ".join(name for name, nodes in others.items() if nodes == by_others)
        message = (
            f"its limits of {why} let {by_others} nodes come, though {resource} allows {stated // types.count}: "
            "the program derives all from max_gpus"
        )
        findings.tell("gpu-limit-not-blocked-by-cpu-or-memory", pool.size_place, message)
    if stated < types.count:
        message = f"{stated} is less than one node has, {types.count}, which is taken"
        findings.tell("gpu-pools-are-capped", pool.size_place, message)
    return max(stated, types.count)


def _other_limits(pool: Pool, types: GpuTypes) -> dict[str, int]:
    """Nodes of the largest type that each other limit leaves room for."""
    of_one = {
        NODES: 1,
        CPU: max(row.vcpus for row in types.rows),
        MEMORY: max(row.memory_mib for row in types.rows) * MIB,
    }
    return {name: max(_limit(pool, name, one), 1) for name, one in of_one.items() if name in pool.limits}


def _limit(pool: Pool, resource: str, of_one: int = 1) -> int:
    return min(floor(pool.limits[resource] / of_one), _UNLIMITED)


def _capacity(pool: Pool, notes: dict[str, str], findings: Findings) -> dict[str, Any]:
    wanted = list(pool.capacity_types)
    if pool.sized_in_nodes:
        base, percentage = pool.on_demand_base, pool.on_demand_percentage
        wanted = ["on-demand"] if percentage == 100 else ["spot"] if not (base or percentage) else ["spot", "on-demand"]
        if len(wanted) > 1:
            message = f"a pool's capacity types have an order and no shares: Spot first, instead of {percentage} %"
            findings.lose(pool.types_place, f"{message} on demand beyond {base}")
    if CapacityType.RESERVED in wanted and not (pool.storage and pool.storage.reserves):
        if pool.reserved_is_named:
            instead = "left out" if len(wanted) > 1 else "on demand"
            message = f"reserved needs capacity reservations, by ids or tags, in the node class: it is {instead}"
            findings.lose(pool.types_place, message)
        wanted.remove("reserved")
    if not pool.capacity_is_named:
        notes["capacity_types"] = "no requirement names one, and Karpenter then takes the first that there is"
    wanted = wanted or ["on-demand"]
    found: dict[str, Any] = {} if wanted == ["on-demand"] else {"capacity_types": wanted}
    if CapacityType.RESERVED in wanted and pool.storage and pool.storage.reservations:
        found["reservations"] = [dict(each) for each in pool.storage.reservations]
    return found


def _system_disk(pool: Pool, types: GpuTypes, findings: Findings) -> None:
    storage = pool.storage
    if storage is None or not storage.system_gib or storage.system_place is None:
        return
    least = least_gib(storage.image, ROOT_DEVICE, nvidia=types.kind == "nvidia", minor="")
    if storage.system_gib < least:
        message = (
            f"{ROOT_DEVICE} has {storage.system_gib} GiB and must have {least} or more, as the image for these nodes, "
            "or EC2 starts none: its size is left to the program"
        )
        findings.tell("node-volumes-hold-their-image", storage.system_place, message)


def _disk(pool: Pool, findings: Findings) -> dict[str, Any]:
    for place, problem in pool.storage.disk_problems if pool.storage else ():
        findings.tell("disks-have-room", place, problem)
    size = pool.disk_gib or (pool.storage.disk_gib if pool.storage else None)
    if size is None:
        return {}
    if size < MIN_GPU_DISK_GIB:
        message = f"an image with CUDA takes several GiB, and {size} has no room for two: {MIN_GPU_DISK_GIB} is taken"
        findings.tell("disks-have-room", pool.disk_place or pool.place, message)
    return {"disk_gib": min(max(size, MIN_GPU_DISK_GIB), MAX_DISK_GIB)}


def _labels(pool: Pool, findings: Findings) -> dict[str, str]:
    kept = {}
    for key, value in pool.labels.items():
        problem = label_problem(key, value)
        if problem is None:
            kept[key] = value
        elif key not in POOL_LABELS:
            findings.lose(pool.labels_place, f"label {key}={value}: {problem}")
    return kept


def _taint(pool: Pool, types: GpuTypes, findings: Findings) -> tuple[Taint, dict[str, str]]:
    """The taint, and what the settings say of it: nothing where it is the accelerator's own."""
    own = NEURON_TAINT if types.kind == "neuron" else GPU_TAINT
    if not pool.taints:
        message = f"nodes have no taint, so any pod may land there and keep a GPU node running: {own.for_kubelet()}"
        findings.tell("gpu-nodes-are-tainted", pool.taints_place, f"{message} is taken")
        return own, {}
    hard = [taint for taint in pool.taints if taint.effect in HARD_EFFECTS]
    if not hard:
        message = f"{pool.taints[0].effect} keeps no pod away for certain: {own.effect} is taken"
        findings.tell("gpu-nodes-are-tainted", pool.taints[0].place, message)
        hard = [replace(pool.taints[0], effect=own.effect)]
    chosen = next((taint for taint in hard if taint.key == own.key), hard[0])
    tell_of_missing_values(pool, [chosen])
    for taint in pool.taints:
        if taint.place != chosen.place:
            findings.lose(taint.place, f"a GPU pool has one taint, {chosen.key}, and not {taint.key} too")
    found = Taint(chosen.key, chosen.value or "true", chosen.effect)
    if problem := syntax_problem(found.key, found.value):
        findings.lose(chosen.place, f"taint {found.for_kubelet()}: {problem}")
        return own, {}
    return found, {} if found == own else found.for_kubernetes()


def _patience(pool: Pool, findings: Findings) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if pool.idle_s is not None:
        if pool.idle_s < MIN_IDLE_S:
            message = f"a node that goes after {pool.idle_s}s is bought again for the next pod: {MIN_IDLE_S}s is taken"
            findings.tell("lifetimes-are-in-bounds", pool.place, message)
        found["idle_s"] = max(pool.idle_s, MIN_IDLE_S)
    for key in ("max_age_h", "disruption_budget", "termination_grace_s", "weight"):
        if (value := getattr(pool, key)) is not None:
            found[key] = value
    return found


def _around(pool: Pool, settings: dict[str, Any], findings: Findings) -> dict[str, Any]:
    """What stands beside `pool`."""
    if pool.grouped:
        return {} if pool.backend == MANAGED else {"backend": pool.backend}
    storage = pool.storage
    if storage is None:
        return {}
    if pool.backend == AUTO_MODE:
        speed = {key: stated.value for key, stated in storage.speed.items()}
        around: dict[str, Any] = {"storage": speed} if speed else {}
    else:
        around = {"image_version": storage.image_version} if storage.image_version else {}
    if storage.reserves:
        if "reserved" not in settings.get("capacity_types", ()):
            place = storage.reservations_place or pool.place
            findings.lose(place, "its node class names reservations, which capacity type reserved alone would use")
        elif storage.reservation_ids:
            around["capacity_reservation_ids"] = list(storage.reservation_ids)
    return around
