"""What a GPU pool is beside its types and its size: the speed of disks, EFA, slices, shares, a fixed number of nodes.

Each is taken if the pool can have it exactly so, and told of by its place if not.
"""

from collections.abc import Mapping, Sequence
from math import floor
from typing import Any

from eks_gpu.importers.fields import Place
from eks_gpu.importers.findings import Findings
from eks_gpu.importers.gpu_types import GpuTypes
from eks_gpu.importers.model import AUTO_MODE, KARPENTER, PluginConfig, Pool
from eks_gpu.importers.plugin_configs import ALONE
from eks_gpu.pools.overlays import Given, Nodes, Overlay, overlaid
from eks_gpu.pools.pool import zone_ids
from eks_gpu_components.catalog import GPU_RESOURCE, InstanceType
from eks_gpu_components.catalog.label_rules import DEVICE_PLUGIN_CONFIG_LABEL
from eks_gpu_components.catalog.mig import MIG_CONFIG_LABEL, mig_profile, mig_profiles
from eks_gpu_components.catalog.scheduling import MIG_RESOURCE
from eks_gpu_components.values.gpu_pool import GpuPool
from eks_gpu_components.values.node_storage import NodeStorage
from eks_gpu_components.values.value import problems

_PLAIN = {name: field.default for name, field in NodeStorage.model_fields.items()}


def take(settings: dict[str, Any], key: str, value: Any, place: Place, findings: Findings) -> bool:
    """Gives a pool's settings one more, unless the pool cannot have it, which is told."""
    before = {each.rule for each in problems(GpuPool, settings)}
    new = [each for each in problems(GpuPool, {**settings, key: value}) if each.rule not in before]
    if new:
        at = ".".join(map(str, new[0].path))
        findings.lose(
            place, f"the pool cannot have it: {at}{'' if new[0].rule.startswith('must') else ':'} {new[0].rule}"
        )
        return False
    settings[key] = value
    return True


def take_storage(pool: Pool, types: GpuTypes, settings: dict[str, Any], findings: Findings) -> None:
    """The speed of a node's disk; that of Auto Mode stands beside the pool."""
    stated = pool.speed or (pool.storage.speed if pool.storage else {})
    wanted = {key: found for key, found in stated.items() if found.value != _PLAIN[key]}
    if pool.backend == AUTO_MODE:
        return
    if settings.get("node_image") != "bottlerocket":
        for key in ("snapshot_id", "initialization_mib_s"):
            if found := wanted.pop(key, None):
                message = "of a snapshot is the disk for images of Bottlerocket, and these nodes have one disk for all"
                findings.lose(found.place, message)
    disk = settings.get("disk_gib", GpuPool.model_fields["disk_gib"].default) * 2**30
    if pool.backend == KARPENTER and "snapshot_id" not in wanted:
        stores = all(row.instance_store_gb * 10**9 >= disk for row in types.rows)
        for found in wanted.values() if stores else ():
            reason = "images and pods' files lie on the instance store of its types, which is faster"
            findings.lose(found.place, f"{reason}, so the speed of a disk would be paid for nothing")
        if stores:
            return
    storage = {key: found.value for key, found in wanted.items()}
    for key, found in wanted.items():
        if wrong := [each.rule for each in problems(NodeStorage, storage) if each.path[:1] == (key,)]:
            findings.lose(found.place, f"a pool's storage.{key} {wrong[0]}")
            del storage[key]
    if storage:
        take(settings, "storage", storage, wanted[next(iter(storage))].place, findings)


def take_efa(pool: Pool, types: GpuTypes, settings: dict[str, Any], findings: Findings) -> None:
    """EFA, all of it that a node of the type has, in the placement group of the program's own."""
    nodes = pool.storage
    taken = False
    if pool.efa:
        taken = take(settings, "efa", True, pool.efa, findings)
    elif nodes and nodes.efa_interfaces:
        of_types = {row.efa_interfaces for row in types.rows}
        given, place = nodes.efa_interfaces.value, nodes.efa_interfaces.place
        if of_types != {given} or not given:
            has = " or ".join(map(str, sorted(of_types)))
            findings.lose(
                place, f"{given} of its interfaces are of EFA, and a pool's nodes have all of their type, {has}"
            )
        else:
            taken = take(settings, "efa", True, place, findings)
    if nodes and nodes.placement_group and not taken:
        findings.lose(nodes.placement_group, "the settings have no placement group but the one of a pool with efa")


def take_fixed_nodes(pool: Pool, types: GpuTypes, settings: dict[str, Any], findings: Findings) -> None:
    """Static capacity: a number of nodes that is there whatever the pods."""
    fixed = pool.fixed_nodes
    if fixed is None:
        return
    room = settings["max_gpus"] // types.count
    if not fixed.value:
        message = "a pool of a fixed number of nodes has one or more: it begins with none, and grows with its pods"
        findings.lose(fixed.place, message)
        return
    if fixed.value > room:
        findings.lose(fixed.place, f"its limits let {room} nodes come, which is what is taken, and not {fixed.value}")
    take(settings, "nodes", min(fixed.value, room), fixed.place, findings)


def cut_into(pool: Pool, types: GpuTypes) -> str:
    """The profile of slices that each of its GPUs is cut into, by the label of its nodes; empty for none."""
    profile = mig_profile(pool.labels.get(MIG_CONFIG_LABEL, ""))
    cut = profile and all(row.accelerator and profile in mig_profiles(row.accelerator) for row in types.rows)
    return profile if cut else ""


def slices_of_a_gpu(profile: str, types: GpuTypes) -> int:
    """Slices of the profile in one GPU, the least of the types."""
    return min(mig_profiles(row.accelerator)[profile] for row in types.rows if row.accelerator)


def take_parts(
    pool: Pool,
    types: GpuTypes,
    shares: "Shares",
    configs: Mapping[str, PluginConfig],
    settings: dict[str, Any],
    findings: Findings,
) -> None:
    """Slices of GPUs, by the label for the GPU operator; shares, by the device plugin's configuration."""
    labels = settings.get("labels", {})
    if (config := pool.labels.get(MIG_CONFIG_LABEL, "")) and pool.backend != AUTO_MODE:
        profile = mig_profile(config)
        if not profile:
            message = f"{config} is no cut of every GPU into one profile, as a pool's mig is"
            findings.lose(pool.labels_place, f"{message}: it stays a label")
        elif take(settings, "mig", profile, pool.labels_place, findings):
            labels.pop(MIG_CONFIG_LABEL, None)
    elif config:
        findings.lose(pool.labels_place, f"Auto Mode cuts no GPU into slices, whatever {MIG_CONFIG_LABEL} says")
    if "labels" in settings and not labels:
        del settings["labels"]
    name = pool.labels.get(DEVICE_PLUGIN_CONFIG_LABEL, ALONE)
    given = configs.get(name)
    if types.kind != "nvidia" or (name == ALONE and pool.backend == AUTO_MODE):
        return
    if given and given.sharing:
        _take_sharing(pool, given, shares, settings, findings)
    elif name not in (ALONE, "default") and not given:
        message = f"{DEVICE_PLUGIN_CONFIG_LABEL}={name} names a configuration that the file does not have"
        findings.lose(pool.labels_place, f"{message}: nodes offer each GPU once, unless the pool says `sharing`")


def _take_sharing(
    pool: Pool, given: PluginConfig, shares: "Shares", settings: dict[str, Any], findings: Findings
) -> None:
    replicas = given.sharing["replicas"]
    if pool.backend == AUTO_MODE:
        findings.lose(
            pool.labels_place, "Auto Mode counts whole GPUs and has a device plugin of its own: none is shared"
        )
    elif pool.backend == KARPENTER and shares.count != replicas:
        message = f"its device plugin makes {replicas} of each GPU, and Karpenter counts {shares.count}"
        findings.lose(given.place, f"{message}: the `sharing` of pool {pool.name} is both, and is left out")
    else:
        take(settings, "sharing", dict(given.sharing), given.place, findings)


class Shares:
    """How many Karpenter counts each GPU of a pool, and what says so."""

    def __init__(self, pool: Pool, rows: Sequence[InstanceType], overlays: Sequence[Overlay], region: str):
        ids = zone_ids(region)
        nodes = Nodes(pool.name, region, pool.labels, {zone: ids.get(zone, "") for zone in pool.zones})
        found = overlaid(overlays if pool.backend == KARPENTER else (), nodes, rows).capacity
        self.count, self.by = (pool.storage.shares, "its nodes' user data") if pool.storage else (1, "")
        self.overlays: frozenset[str] = frozenset(each.by for of_type in found.values() for each in of_type.values())
        """Names of the NodeOverlays that say something of its nodes."""
        self._of_types: Mapping[str, Mapping[str, Given]] = found
        for row in rows:
            if row.gpus and (given := found.get(row.name, {}).get(GPU_RESOURCE)):
                self.count, self.by = max(floor(given.amount / row.gpus), 1), f"NodeOverlay {given.by}"
                break

    def settled(self, settings: Mapping[str, Any], rows: Sequence[InstanceType]) -> frozenset[str]:
        """Names of the overlays that say what the pool's own overlay will say."""
        if not {"sharing", "mig"} & settings.keys():
            return frozenset()
        offers = GpuPool.model_validate(settings).resources
        same = all(
            {name: int(given.amount) for name, given in self._of_types.get(row.name, {}).items()}
            == {name: offers[name] for name in self._of_types.get(row.name, {}) if name in offers}
            for row in rows
        )
        return self.overlays if same else frozenset()


def leave_features(pool: Pool, findings: Findings) -> None:
    """Tells of what a pool without accelerators says and cannot have in the settings."""
    for key, stated in pool.speed.items():
        if stated.value != _PLAIN[key]:
            findings.lose(stated.place, "nodes without accelerators have a disk of gp3's own speed")
    if pool.efa:
        findings.lose(pool.efa, "nodes without accelerators have no EFA")


def slices_limit(profile: str) -> str:
    """The resource by which a limit counts slices."""
    return f"{MIG_RESOURCE}{profile}"
