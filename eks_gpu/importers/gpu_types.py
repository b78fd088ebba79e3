"""The instance types of an imported pool, reduced to those that one GPU pool can have."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any

from eks_gpu.importers.fields import Place
from eks_gpu.importers.findings import Findings
from eks_gpu.importers.model import AUTO_MODE, Named, Pool
from eks_gpu.importers.requirements import why_none
from eks_gpu.importers.units_and_names import MAX_NAMES, REPLACED, is_known_type, unknown_type
from eks_gpu_components.catalog import (
    ARCH_LABEL,
    AUTO_MODE_GROUP,
    BASE_REGION,
    DEVICE_PLUGINS,
    DEVICE_RESOURCES,
    GPU_RESOURCE,
    GPU_TAINT,
    KARPENTER_GROUP,
    MAX_INSTANCE_TYPES,
    NEURON_CORE_RESOURCE,
    NEURON_TAINT,
    InstanceType,
    Need,
    image_supports,
    instance_type,
    on_demand_price,
    resolve,
    zones_offering,
)
from eks_gpu_components.catalog.auto_mode import starts
from eks_gpu_components.catalog.instance_types import MAKERS
from eks_gpu_components.catalog.narrowing import Place as Where
from eks_gpu_components.catalog.narrowing import Wanted, offering

_WITHOUT_POOLS = tuple(
    resource for kind, resources in DEVICE_RESOURCES.items() if kind not in DEVICE_PLUGINS for resource in resources
)
_GPU_LIMITS = (GPU_TAINT.key, NEURON_TAINT.key, NEURON_CORE_RESOURCE, "gpu", "gpus")


@dataclass(frozen=True, slots=True)
class GpuTypes:
    """Types of one accelerator count, or what a node needs where no named type is left."""

    rows: tuple[InstanceType, ...]
    need: dict[str, Any] = field(default_factory=dict)
    """A GpuPool's, where the catalog found the types; empty where the file names them."""

    @property
    def count(self) -> int:
        """Accelerators of one node."""
        return self.rows[0].accelerators

    @property
    def cores(self) -> int:
        """NeuronCores of a device, the most that one of the types has; 1 without any."""
        return max(row.accelerator.cores for row in self.rows if row.accelerator) or 1

    @property
    def kind(self) -> str:
        """nvidia or neuron."""
        return self.rows[0].accelerator.kind if self.rows[0].accelerator else "nvidia"


def is_accelerated(pool: Pool) -> bool:
    """Whether its nodes are for pods that ask for an accelerator."""
    names = {named.name for named in pool.types}
    accelerated = {name for name in names if name in REPLACED or _has_accelerator(name)}
    if not pool.chosen_by_requirements:
        return bool(accelerated)
    wanted = any(taint.key in _GPU_LIMITS for taint in pool.taints) or any(key in pool.limits for key in _GPU_LIMITS)
    return bool(accelerated) and (wanted or {*map(_category, names)} == {*map(_category, accelerated)})


def accelerators_of(pool: Pool) -> set[str]:
    """nvidia, neuron or both, of the types that it names; both where all are of another maker, or AWS has none."""
    rows = [instance_type(named.name) for named in pool.types if is_known_type(named.name)]
    return {row.accelerator.kind for row in rows if row.accelerator} & {*DEVICE_PLUGINS} or {*DEVICE_PLUGINS}


def _category(name: str) -> str:
    """Category of a type, or the name of an unknown one: trn2u is described without an accelerator, and yet of trn."""
    return instance_type(name).category if is_known_type(name) else name


def _has_accelerator(name: str) -> bool:
    return is_known_type(name) and instance_type(name).accelerator is not None


def gpu_types(
    pool: Pool, requests: Sequence[Mapping[str, int]], region: str, zones: Sequence[str], findings: Findings
) -> GpuTypes | None:
    """What the pool can have, with a finding for each type that it cannot; None where nothing is like it today.

    `requests` are the accelerators by resource that the file's pods ask for, `zones` where its nodes may be.
    """
    rows = _usable(pool, findings)
    if not rows and (told := why_unusable(pool, region)):
        findings.tell("instance-types-offered-in-zones", *told)
    if named_resource(pool) in _WITHOUT_POOLS:
        return None
    gone = [REPLACED[named.name] for named in pool.types if named.name in REPLACED]
    rows = _of_one_kind(pool, rows, findings)
    counts = sorted({row.accelerators for row in rows} | {count for count, _ in gone})
    if not counts:
        return None
    least = min(filter(None, (_devices(asked, rows) for asked in requests)), default=1)
    count = next((found for found in counts if found >= least), counts[-1])
    if len(counts) > 1:
        _tell_counts(pool, counts, count, findings)
    kept = [row for row in rows if row.accelerators == count]
    offered = _offered(pool, kept, region, zones, findings)
    if offered:
        return GpuTypes(tuple(_in_order(pool, offered, findings)))
    memory = min((gib for found, gib in gone if found == count), default=0)
    kind = kept[0].accelerator.kind if kept and kept[0].accelerator else "nvidia"
    return _found_by_need(pool, count, memory, kind, region, zones)


def why_needed(pool: Pool) -> str:
    """Why a need stands in place of the types that the file names, which no pool of the program can have there."""
    names = dict.fromkeys(named.name for named in pool.types)
    known = [instance_type(name) for name in names if is_known_type(name)]
    reasons = ["types that it names are no longer to be had"] if len(known) < len(names) else []
    others = {row.family: row.accelerator.kind for row in known if row.accelerator and not image_supports(row)}
    for family, kind in others.items():
        whose = f"{family}'s GPU is {MAKERS[kind]}'s" if kind not in DEVICE_PLUGINS else f"{family}'s GPU is too new"
        reasons.append(f"{whose}, and EKS makes no image with a driver for it")
    if not all(_unusable(row, pool) for row in known):
        reasons.append("types that it names are not offered in its zones")
    return f"{'; '.join(reasons)}: the catalog finds others"


def why_unusable(pool: Pool, region: str) -> tuple[Place, str] | None:
    """Place and reason of the requirement that leaves no type for a GPU pool; None if it cannot be told."""
    where = Where(AUTO_MODE_GROUP if pool.backend == AUTO_MODE else KARPENTER_GROUP, region)
    usable = Wanted(
        "that a GPU pool can have",
        lambda row: not _unusable(row, pool),
        lambda row: f"{row.family} {_unusable(row, pool)}",
    )
    if not pool.requirements:
        return None
    return (
        why_none(pool.requirements, where)
        or why_none(pool.requirements, where, offering(named_resource(pool) or GPU_RESOURCE))
        or why_none(pool.requirements, where, usable)
    )


def named_resource(pool: Pool) -> str:
    """The accelerators that the pool's limits or taints name; empty if they name none."""
    names = [*pool.limits, *(taint.key for taint in pool.taints)]
    return next((name for name in names if any(name in each for each in DEVICE_RESOURCES.values())), "")


def _devices(asked: Mapping[str, int], rows: Sequence[InstanceType]) -> int:
    """Devices of a node that one pod needs, the cores of the smallest among them counted as devices."""
    cores = min((row.accelerator.cores for row in rows if row.accelerator), default=0) or 1
    return max(ceil(count / cores) if resource == NEURON_CORE_RESOURCE else count for resource, count in asked.items())


def _found_by_need(
    pool: Pool, count: int, memory_gib: int, kind: str, region: str, zones: Sequence[str]
) -> GpuTypes | None:
    """What a GpuPool finds for a need; None where the pool's zones have nothing of it."""
    wanted = Need(gpus=count, gpu_memory_mib=memory_gib * 1024, accelerator=kind, bare_metal=False)
    rows = [row for row in resolve(wanted) if image_supports(row)]
    alike = [row for row in rows if row.accelerators == rows[0].accelerators and not _unusable(row, pool)]
    offered = [row for row in alike if {zone.name for zone in zones_offering(row.name, region)} & {*zones}]
    need: dict[str, Any] = {"gpus": count}
    need |= {"gpu_memory_gib": memory_gib} if memory_gib else {}
    need |= {"accelerator": kind} if kind != "nvidia" else {}
    return GpuTypes(tuple(offered), need) if offered else None


def known_names(pool: Pool, findings: Findings) -> list[Named]:
    """The named types that there are, each once; the others are told."""
    names = {named.name: named for named in reversed(pool.types)}
    unknown = [name for name in reversed(names) if not is_known_type(name)]
    for name in unknown[:MAX_NAMES]:
        findings.tell("instance-types-are-offered", names[name].place, unknown_type(name) or "")
    if more := unknown[MAX_NAMES:]:
        message = f"and {len(more)} more that the catalog does not have, from {more[0]} on"
        findings.tell("instance-types-are-offered", names[more[0]].place, message)
    return [named for name, named in reversed(names.items()) if is_known_type(name)]


def _usable(pool: Pool, findings: Findings) -> list[InstanceType]:
    usable = []
    for named in known_names(pool, findings):
        row = instance_type(named.name)
        if row in usable:
            continue
        if reason := _unusable(row, pool):
            if not pool.chosen_by_requirements:
                findings.tell("gpus-are-whole-and-have-a-driver", named.place, f"{row.name} {reason}")
        else:
            usable.append(row)
    return usable


def _unusable(row: InstanceType, pool: Pool) -> str:
    if row.accelerator is None:
        return "has no accelerator: a pool's nodes all have one"
    if row.accelerator.fraction < 1:
        return f"has {row.accelerator.fraction:g} of a GPU, which no pod can request"
    if not image_supports(row):
        return f"has {row.accelerator.name}, for which EKS makes no image with a driver"
    if pool.backend == AUTO_MODE and not starts(row):
        return "is of a family that Auto Mode does not start"
    if row.bare_metal and pool.chosen_by_requirements:
        return "is bare metal, which starts slowly"
    return ""


def _of_one_kind(pool: Pool, rows: list[InstanceType], findings: Findings) -> list[InstanceType]:
    """One architecture and one maker: an image boots them all and has one driver."""
    if not rows:
        return rows
    preferred = [row for row in rows if row.architecture == "amd64"] if pool.chosen_by_requirements else rows
    first = (preferred or rows)[0]
    if pool.chosen_by_requirements and len({row.architecture for row in rows}) > 1:
        others = ", ".join(row.name for row in rows if row.architecture != first.architecture)
        message = (
            f"the requirements admit arm64 too ({others}), where an image for amd64 ends with an exec format error: "
            f"add {ARCH_LABEL}; amd64 is taken"
        )
        findings.tell("architecture-is-required", pool.types_place, message)
        rows = [row for row in rows if row.architecture == first.architecture]
    kept = [row for row in rows if _kind(row) == _kind(first)]
    if others := [row for row in rows if row not in kept]:
        shown = ", ".join(f"{row.name} {' '.join(_kind(row))}" for row in others)
        message = f"one image boots a pool's nodes, of {first.name} {' '.join(_kind(first))}: without {shown}"
        findings.tell("one-kind-of-node-a-pool", pool.types_place, message)
    return kept


def _kind(row: InstanceType) -> tuple[str, str]:
    return row.architecture, row.accelerator.kind if row.accelerator else ""


def _tell_counts(pool: Pool, counts: list[int], count: int, findings: Findings) -> None:
    others = ", ".join(str(found) for found in counts if found != count)
    reason = (
        "the autoscaler plans every node with the first type, whatever EC2 then starts"
        if pool.grouped
        else "a pool's ceiling is in GPUs, and packing pods on one large node can cost more than small ones"
    )
    message = (
        f"nodes have {', '.join(map(str, counts))} GPUs, mixed in one {'group' if pool.grouped else 'pool'}: {reason}. "
        f"Types with {count} are taken; give {others} a pool of their own where pods ask for so many"
    )
    findings.tell("one-gpu-count-a-group", pool.types_place, message)


def _offered(
    pool: Pool, rows: list[InstanceType], region: str, zones: Sequence[str], findings: Findings
) -> list[InstanceType]:
    found = []
    for row in rows:
        where = [zone.name for zone in zones_offering(row.name, region)]
        if {*where} & {*zones}:
            found.append(row)
        elif not pool.chosen_by_requirements:
            elsewhere = f"it is in {', '.join(where)}" if where else f"{region} does not have it at all"
            message = f"{row.name} is not offered in {', '.join(zones)}: {elsewhere}"
            findings.tell("instance-types-offered-in-zones", _place_of(row.name, pool), message)
    return found


def _place_of(name: str, pool: Pool) -> Place:
    return next((named.place for named in pool.types if named.name == name), pool.types_place)


def _in_order(pool: Pool, rows: list[InstanceType], findings: Findings) -> list[InstanceType]:
    """The smallest first, as the autoscaler plans with it; of many the cheapest."""
    if len(rows) > MAX_INSTANCE_TYPES:
        kept = sorted(rows, key=_hourly)[:MAX_INSTANCE_TYPES]
        lost = ", ".join(row.name for row in rows if row not in kept)
        findings.lose(
            pool.types_place, f"a pool names {MAX_INSTANCE_TYPES} types at most, the cheapest are taken: without {lost}"
        )
        rows = [row for row in rows if row in kept]
    ordered = sorted(rows, key=lambda row: (row.vcpus, row.memory_mib))
    first = rows[0]
    if pool.grouped and (ordered[0].vcpus, ordered[0].memory_mib) < (first.vcpus, first.memory_mib):
        message = (
            f"the autoscaler plans every node as {first.name}, the first, and EC2 may start {ordered[0].name}, which "
            "is smaller: the smallest stands first"
        )
        findings.tell("autoscaler-plans-with-the-smallest-type", _place_of(first.name, pool), message)
    return ordered if pool.grouped or pool.chosen_by_requirements else rows


def _hourly(row: InstanceType) -> float:
    price = on_demand_price(row.name, BASE_REGION)
    return price.hourly if price else float("inf")
