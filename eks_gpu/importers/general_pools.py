"""Groups without accelerators as settings: the system nodes, and Spot pools with types of equal size."""

from collections.abc import Sequence
from typing import Any

from eks_gpu.importers.findings import Findings
from eks_gpu.importers.gpu_pools import MAX_GROUP_NAME, Settled
from eks_gpu.importers.gpu_types import known_names
from eks_gpu.importers.model import MANAGED, Pool
from eks_gpu.importers.taints import tell_of_missing_values
from eks_gpu.importers.units_and_names import fitting_name
from eks_gpu_components.catalog import (
    GENERAL_CATEGORIES,
    MAX_INSTANCE_TYPES,
    MIN_DISK_GIB,
    MIN_SPOT_TYPES,
    MIN_SYSTEM_NODES,
    SYSTEM_TAINT,
    InstanceType,
    instance_type,
    instance_types,
    label_problem,
    zones_offering,
)


def known_types(pool: Pool, findings: Findings) -> list[InstanceType]:
    """The named types that there are, without accelerators; the others are told."""
    rows = []
    for named in known_names(pool, findings):
        row = instance_type(named.name)
        if row not in rows and row.accelerator is None:
            rows.append(row)
    return rows


def settle_system_nodes(pool: Pool, zones: Sequence[str], region: str) -> dict[str, Any] | None:
    """`cluster.system_nodes`; None where no type of the group can be."""
    findings = pool.findings
    rows = [row for row in known_types(pool, findings) if _zones_of(row, region) & {*zones}]
    if not rows or any(not any(zone in _zones_of(row, region) for row in rows) for zone in zones):
        return None
    rows = [row for row in rows if row.architecture == rows[0].architecture]
    wanted = pool.desired_nodes if pool.desired_nodes is not None else pool.min_nodes
    nodes = max(wanted, pool.min_nodes, MIN_SYSTEM_NODES)
    if wanted < nodes:
        message = f"{wanted} of the system nodes becomes {nodes}: controllers need {MIN_SYSTEM_NODES}"
        findings.lose(pool.running_place or pool.size_place, message)
    if pool.max_nodes is not None and pool.max_nodes > nodes:
        message = f"the cluster's system nodes are a fixed number, {nodes}, and do not scale to {pool.max_nodes}"
        findings.lose(pool.size_place, message)
    elif pool.min_nodes < wanted:
        message = f"the cluster's system nodes are a fixed number, {nodes}, and do not scale to {pool.min_nodes}"
        findings.lose(pool.size_place, message)
    if pool.zones and {*pool.zones} != {*zones}:
        message = f"the cluster's system nodes are in all of its zones, {', '.join(zones)}"
        findings.lose(pool.zones_place or pool.place, message)
    if pool.image != "al2023":
        message = f"the cluster's system nodes have al2023, and not {pool.image}"
        findings.lose(pool.image_place or pool.place, message)
    for key in pool.labels:
        findings.lose(pool.labels_place, f"label {key}: the system nodes' labels are the program's")
    found: dict[str, Any] = {
        "nodes": nodes,
        "instance_types": [row.name for row in rows],
    }
    if pool.disk_gib:
        found["disk_gib"] = max(pool.disk_gib, MIN_DISK_GIB)
    for taint in pool.taints:
        if taint.key == SYSTEM_TAINT.key:
            found["taint"] = True
        else:
            findings.lose(taint.place, f"taint {taint.key}: the system nodes have {SYSTEM_TAINT.key} or none")
    return found


def _zones_of(row: InstanceType, region: str) -> set[str]:
    return {zone.name for zone in zones_offering(row.name, region)}


def settle_spot_pool(pool: Pool, region: str, zones: Sequence[str], taken: Sequence[str]) -> Settled | None:
    """A pool of `spot_node_groups`; None, told, where six types of its shape are not to be had."""
    findings = pool.findings
    rows = _of_one_shape(pool, region, zones, findings)
    if rows is None:
        return None
    most = max(pool.max_nodes or 1, 1)
    settings: dict[str, Any] = {"instance_types": [row.name for row in rows], "max_nodes": most}
    if pool.min_nodes:
        settings["min_nodes"] = min(pool.min_nodes, most)
    if pool.desired_nodes is not None and pool.desired_nodes != pool.min_nodes:
        settings["desired_nodes"] = min(max(pool.desired_nodes, pool.min_nodes), most)
    if pool.on_demand_base:
        settings["on_demand_base"] = pool.on_demand_base
    if pool.on_demand_percentage:
        settings["on_demand_percentage"] = pool.on_demand_percentage
    if pool.disk_gib:
        settings["disk_gib"] = max(pool.disk_gib, MIN_DISK_GIB)
    if pool.zones and {*pool.zones} != {*zones}:
        findings.lose(pool.zones_place or pool.place, f"a Spot pool is in all zones of the cluster, {', '.join(zones)}")
    if labels := _labels(pool, findings):
        settings["labels"] = labels
    tell_of_missing_values(pool, pool.taints)
    if pool.taints:
        settings["taints"] = [
            {"key": taint.key, "value": taint.value or "true", "effect": taint.effect} for taint in pool.taints
        ]
    if pool.image != "al2023":
        settings["node_image"] = pool.image
    name = fitting_name(pool.name, most=MAX_GROUP_NAME, taken=taken)
    if name != pool.name:
        findings.tell("names-fit", pool.place, f"a pool's name is short, of lower-case letters: {name} is taken")
    spot_alone = pool.backend == MANAGED and not pool.on_demand_percentage and not pool.on_demand_base
    around = {"backend": MANAGED} if spot_alone else {}
    named = {found.name for found in pool.types}
    added = [row.name for row in rows if row.name not in named]
    notes = {"instance_types": f"{', '.join(added)} are added, of the same shape"} if added else {}
    return Settled(
        "spot_node_groups", name, {**around, "pool": settings}, notes=notes, rows=tuple(rows), backend=pool.backend
    )


def _labels(pool: Pool, findings: Findings) -> dict[str, str]:
    kept = {}
    for key, value in pool.labels.items():
        if problem := label_problem(key, value):
            findings.lose(pool.labels_place, f"label {key}={value}: {problem}")
        else:
            kept[key] = value
    return kept


def _of_one_shape(pool: Pool, region: str, zones: Sequence[str], findings: Findings) -> list[InstanceType] | None:
    """The named types of the first one's shape, and others like them up to six."""
    found = [row for row in known_types(pool, findings) if row.spot and _zones_of(row, region) & {*zones}]
    if not found:
        sold = "offered" if pool.on_demand_percentage == 100 else "sold as Spot"
        findings.lose(pool.types_place, f"no instance type of {pool.name} is {sold} in {', '.join(zones)}")
        return None
    first = found[0]
    alike = [row for row in found if _shape(row) == _shape(first)]
    if others := [row.name for row in found if row not in alike]:
        message = (
            f"the autoscaler plans every node as {first.name}, the first, and EC2 starts another: types of its shape "
            f"are taken, without {', '.join(others)}"
        )
        findings.tell("one-shape-a-group", pool.types_place, message)
    rows = [*alike, *_others_like(first, alike, region, zones)[: max(MIN_SPOT_TYPES - len(alike), 0)]]
    if len(rows) < MIN_SPOT_TYPES:
        message = (
            f"a Spot pool has {MIN_SPOT_TYPES} types of one shape, and few are like {first.name}: name a larger one"
        )
        findings.lose(pool.types_place, message)
        return None
    added = ", ".join(row.name for row in rows[len(alike) :])
    if len(alike) < MIN_SPOT_TYPES and pool.on_demand_percentage == 100:
        message = (
            "beside system nodes the settings have no group that is on demand alone: it becomes one of "
            f"spot_node_groups with 100 % on demand, which names {MIN_SPOT_TYPES} types or more, so {added} are added"
        )
        findings.lose(pool.types_place, message)
    elif len(alike) < MIN_SPOT_TYPES:
        message = (
            f"Spot takes back one type in one zone at a time: with {len(alike)} of one shape many nodes go at once, "
            f"so {added} are added"
        )
        findings.tell("spot-groups-have-six-types", pool.types_place, message)
    return rows[:MAX_INSTANCE_TYPES]


def _shape(row: InstanceType) -> tuple[int, int, str]:
    return row.vcpus, row.memory_mib, row.architecture


def _others_like(
    first: InstanceType, known: Sequence[InstanceType], region: str, zones: Sequence[str]
) -> list[InstanceType]:
    """The newest of the same shape, those that every zone has first."""
    rows = [
        row
        for row in instance_types()
        if _shape(row) == _shape(first)
        and row not in known
        and row.accelerator is None
        and row.category in GENERAL_CATEGORIES
        and row.spot
        and row.current
        and not row.bare_metal
        and {*zones} & _zones_of(row, region)
    ]
    return sorted(rows, key=lambda row: (-len({*zones} & _zones_of(row, region)), -row.generation, row.name))
