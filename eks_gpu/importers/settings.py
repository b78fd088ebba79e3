"""The settings of this project's program, made from what a file describes."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from eks_gpu.importers.fields import Place
from eks_gpu.importers.findings import Findings
from eks_gpu.importers.general_pools import MIN_SYSTEM_NODES, settle_spot_pool, settle_system_nodes
from eks_gpu.importers.gpu_pools import Settled, settle_gpu_pool
from eks_gpu.importers.gpu_types import accelerators_of, is_accelerated, named_resource, why_unusable
from eks_gpu.importers.judged_pods import judge_device_plugin, judge_missing_device_plugin, judge_workload
from eks_gpu.importers.model import AUTO_MODE, KARPENTER, MANAGED, SELF_MANAGED, Described, NodeClass, Pool
from eks_gpu.importers.node_overlays import tell_of_overlays
from eks_gpu.importers.pool_features import leave_features
from eks_gpu.importers.units_and_names import has_placeholder
from eks_gpu.importers.warm_capacity import settle_warm_capacity
from eks_gpu.pools.scope import EVERYWHERE, NO_ACCELERATOR, Scope
from eks_gpu_components.catalog import DEVICE_PLUGINS, DRAIN_S
from eks_gpu_components.catalog import zones as zones_of

DEFAULT_REGION, DEFAULT_NAME = "us-west-2", "my-cluster"
MIN_ZONES, MAX_ZONES = 2, 3
_NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,99}", re.ASCII)
_WITH_SESSIONS = ("gpu_node_groups", "spot_node_groups")
"""Sections whose pools have the setting session_manager."""
_CHOSEN = "the file does not say it"


@dataclass
class Answer:
    """What an import gives."""

    region: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    """`eks-gpu:settings`."""
    notes: dict[tuple[str, ...], str] = field(default_factory=dict)
    """Choices made for the user, by the path of their key."""


def compose(described: Described, findings: Findings) -> Answer:
    """Settings that the program takes, and a finding for what they cannot say."""
    answer = Answer()
    region = described.cluster.region or DEFAULT_REGION
    zones = _zones(described, region, findings)
    pools = _pools(described, region, zones, answer, findings)
    tell_of_overlays(described, pools, findings)
    _tell_of_configs(described, pools, findings)
    settle_warm_capacity(described, pools, findings)
    if described.cluster.described or pools:
        _around(described, region, zones, pools, answer, findings)
    for pool in pools:
        section = answer.settings.setdefault(pool.section, {})
        section[pool.name] = pool.settings
        answer.notes |= {(pool.section, pool.name, "pool", key): note for key, note in pool.notes.items()}
    if answer.settings:
        _controllers(described, pools, answer, findings)
    _judge(described, pools, findings)
    return answer


def _zones(described: Described, region: str, findings: Findings) -> list[str]:
    """Two or three zones for the cluster: its own, else those of its pools, else the region's first."""
    usable = [zone.name for zone in zones_of(region) if zone.control_plane]
    cluster = described.cluster
    own = [zone for zone in cluster.zones if zone in usable]
    if len(own) > MAX_ZONES and cluster.zones_place:
        message = f"the program's network has {MAX_ZONES} zones at most: without {', '.join(own[MAX_ZONES:])}"
        findings.lose(cluster.zones_place, message)
    if not own:
        own = [zone for pool in described.pools for zone in pool.zones if zone in usable]
    chosen = list(dict.fromkeys(own))[:MAX_ZONES]
    least = MAX_ZONES if not cluster.zones else MIN_ZONES
    return sorted([*chosen, *[zone for zone in usable if zone not in chosen][: max(least - len(chosen), 0)]])


def _pools(
    described: Described, region: str, zones: Sequence[str], answer: Answer, findings: Findings
) -> list[Settled]:
    requests = [workload.requests for workload in described.workloads if workload.requests]
    settled: list[Settled] = []
    used: list[NodeClass] = []
    for pool in described.pools:
        pool.storage = pool.storage or described.node_classes.get((pool.backend, pool.node_class or ""))
        taken = [found.name for found in settled]
        accelerated = is_accelerated(pool)
        back_ends = {pool.backend}
        if described.cluster.auto_mode and pool.grouped:
            _leave_groups(pool, accelerated)
        scope = _scope(pool, accelerated, back_ends | {pool.backend})
        if not accelerated:
            leave_features(pool, pool.findings)
        if accelerated:
            found = settle_gpu_pool(pool, requests, region, zones, taken, described.overlays, described.plugin_configs)
        elif _is_emptied(pool, region):
            found = None
        elif not pool.grouped:
            nearest = "Auto Mode's built-in pools" if pool.backend == AUTO_MODE else "spot_node_groups"
            message = f"the settings have no pools without GPUs for {pool.backend}; nearest: {nearest}"
            findings.lose(pool.place, f"{message}, and {pool.name} is left out")
            # Its fields are lost with it, and rules are not for what nobody takes; an old word is old even so.
            findings.take_of_pool(pool.findings, scope, *(("outdated",) if pool.types else ()))
            continue
        elif _is_for_system(pool, described) and (nodes := settle_system_nodes(pool, zones, region)):
            sessions = {"session_manager": True} if pool.session_manager else {}
            described.cluster.settings["system_nodes"] = nodes | sessions
            findings.take_of_pool(pool.findings, scope)
            continue
        else:
            found = settle_spot_pool(pool, region, zones, taken)
        findings.take_of_pool(pool.findings, scope)
        used += [pool.storage] if pool.storage else []
        if found and pool.session_manager and found.section in _WITH_SESSIONS:
            found.settings["session_manager"] = True
        settled += [found] if found else []
    _tell_of_classes(described, used, findings)
    return settled


def _is_emptied(pool: Pool, region: str) -> bool:
    """Whether requirements leave a node pool without any type, or one for GPUs without them; it is told."""
    if not pool.requirements or (pool.types and not named_resource(pool)):
        return False
    if told := why_unusable(pool, region):
        place, reason = told
        pool.findings.tell("instance-types-offered-in-zones", place, f"{reason}; {pool.name} is left out")
    return told is not None


def _scope(pool: Pool, accelerated: bool, back_ends: Collection[str]) -> Scope:
    """What the pool is, for the rules that speak of some pools alone."""
    kinds = accelerators_of(pool) if accelerated else {NO_ACCELERATOR}
    capacity_types: Collection[str] = pool.capacity_types
    if pool.sized_in_nodes:
        spot = {"spot"} if pool.on_demand_percentage < 100 else set()
        capacity_types = spot | ({"on-demand"} if pool.on_demand_percentage or pool.on_demand_base else set())
    return Scope(back_ends, kinds, capacity_types or EVERYWHERE.capacity_types)


def _tell_of_classes(described: Described, used: Sequence[NodeClass], findings: Findings) -> None:
    """What was told of node classes: of one that no pool of the settings has, its loss alone and what is wrong."""
    named = {(pool.backend, pool.node_class) for pool in described.pools}
    for key, found in described.node_classes.items():
        if any(found is one for one in used):
            findings.take(found.findings)
            continue
        findings.take(found.findings, "wrong", "outdated")
        if key not in named and found.place:
            findings.lose(found.place, "no pool of the file has this node class, and the settings have none by itself")


def _tell_of_configs(described: Described, pools: Sequence[Settled], findings: Findings) -> None:
    """Configurations by which the device plugin shares GPUs that no pool shares so."""
    used = [pool.settings["pool"].get("sharing") for pool in pools if pool.taint]
    for found in {each.place: each for each in described.plugin_configs.values()}.values():
        if found.sharing and dict(found.sharing) not in used:
            findings.lose(found.place, "no pool of the settings shares its GPUs so: nodes offer each GPU once")


def _leave_groups(pool: Pool, accelerated: bool) -> None:
    """Beside Auto Mode no node is there for an autoscaler of one's own."""
    if accelerated:
        message = "the program's cluster with Auto Mode has no node groups"
        pool.findings.lose(pool.place, f"{message}: {pool.name} becomes a pool of Auto Mode")
    pool.backend = AUTO_MODE


def _is_for_system(pool: Pool, described: Described) -> bool:
    """The first group that is on demand alone, in a cluster whose nodes AWS does not run."""
    on_demand = pool.on_demand_percentage == 100
    return on_demand and not described.cluster.auto_mode and "system_nodes" not in described.cluster.settings


def _around(
    described: Described,
    region: str,
    zones: Sequence[str],
    pools: Sequence[Settled],
    answer: Answer,
    findings: Findings,
) -> None:
    """Region, zones, network and cluster."""
    cluster = described.cluster
    answer.region = region
    if not cluster.region:
        answer.notes["aws:region",] = _CHOSEN
    if cluster.zones or any(zone not in _first(region) for pool in described.pools for zone in pool.zones):
        answer.settings["zones"] = list(zones)
        if {*zones} - {*cluster.zones} and cluster.zones:
            answer.notes["zones",] = f"a cluster has {MIN_ZONES} zones or more"
    if cluster.network:
        answer.settings["network"] = _in_zones(cluster.network, zones, described, findings)
    answer.settings["cluster"] = {"name": _cluster_name(described, answer, findings), **cluster.settings}
    own = answer.settings["cluster"]
    if any(pool.backend == AUTO_MODE for pool in pools) and "auto_mode" not in own:
        own["auto_mode"] = {}
        own.pop("system_nodes", None)
        answer.notes["cluster", "auto_mode"] = "its node pools are Auto Mode's"
    if "auto_mode" not in own and "system_nodes" not in own:
        own["system_nodes"] = {"nodes": MIN_SYSTEM_NODES}
        answer.notes["cluster", "system_nodes"] = "for controllers: nodes on demand, which stay"
    if "endpoint" not in own:
        own["endpoint"] = {"private": True}
        answer.notes["cluster", "endpoint"] = "or add public: true and public_cidrs, with your own addresses"
    if not own["endpoint"].get("public") and "existing" not in answer.settings.get("network", {}):
        own["bootstrap"] = {}
        answer.notes["cluster", "bootstrap"] = "public_cidrs: your own address, for the first update; afterwards false"


def _in_zones(
    network: dict[str, Any], zones: Sequence[str], described: Described, findings: Findings
) -> dict[str, Any]:
    """An existing network's subnets in the cluster's zones."""
    existing = network.get("existing")
    if existing is None:
        return network
    subnets = [subnet for subnet in existing["private_subnets"] if subnet["zone"] in zones]
    others = [subnet["subnet_id"] for subnet in existing["private_subnets"] if subnet not in subnets]
    if others and (place := described.cluster.zones_place):
        findings.lose(place, f"{', '.join(others)} are in none of the cluster's zones, {', '.join(zones)}")
    if len({subnet["zone"] for subnet in subnets}) < MIN_ZONES:
        return {}
    return {"existing": {**existing, "private_subnets": subnets}}


def _first(region: str) -> list[str]:
    return [zone.name for zone in zones_of(region) if zone.control_plane][:MAX_ZONES]


def _cluster_name(described: Described, answer: Answer, findings: Findings) -> str:
    cluster = described.cluster
    told = next((found.cluster_name for found in _classes(described) if found.cluster_name), None)
    name = cluster.name
    if name and _NAME.fullmatch(name):
        return name
    if name and cluster.name_place:
        rule = "placeholders-are-filled-in" if has_placeholder(name) else "names-fit"
        message = f"{name} is no name of a cluster, which has letters, digits, '-' and '_': {told or DEFAULT_NAME}"
        findings.tell(rule, cluster.name_place, f"{message} is taken")
    answer.notes["cluster", "name"] = "from its node class" if told else _CHOSEN
    return told or DEFAULT_NAME


def _classes(described: Described) -> list[Any]:
    return [*(pool.storage for pool in described.pools if pool.storage), *described.node_classes.values()]


def _controllers(described: Described, pools: Sequence[Settled], answer: Answer, findings: Findings) -> None:
    groups = [pool for pool in pools if pool.section in ("gpu_node_groups", "spot_node_groups")]
    if described.autoscaler is not None or groups:
        answer.settings["cluster_autoscaler"] = described.autoscaler or {}
        if described.autoscaler is None:
            answer.notes["cluster_autoscaler",] = "or nobody starts the groups' nodes"
    for pool in groups:
        if _loses_nodes_without_a_drain(pool):
            pool.settings["drain_s"] = DRAIN_S
            answer.settings["node_termination_handler"] = {}
            answer.notes["node_termination_handler",] = "or pods are at work when AWS takes a Spot node back"
    if described.karpenter and not any(pool.backend == KARPENTER for pool in pools):
        message = "the program makes Karpenter for its pools, and the file has no NodePool with GPUs"
        findings.lose(described.karpenter, message)
    if any("mig" in pool.settings["pool"] for pool in pools):
        answer.settings["gpu_operator"] = {}
        answer.notes["gpu_operator",] = "it cuts GPUs into slices, and brings the device plugin"
    if described.load_balancers and "auto_mode" not in answer.settings.get("cluster", {}):
        answer.settings["aws_load_balancer_controller"] = {}


def _loses_nodes_without_a_drain(pool: Settled) -> bool:
    """Whether it becomes a self-managed group with Spot: EKS drains managed ones."""
    if pool.settings["pool"].get("on_demand_percentage") == 100:
        return False
    if pool.section == "spot_node_groups":
        return pool.settings.get("backend") != MANAGED
    return pool.settings.get("backend") == SELF_MANAGED and "spot" in pool.settings["pool"].get("capacity_types", ())


def _judge(described: Described, pools: Sequence[Settled], findings: Findings) -> None:
    for workload in described.workloads:
        judge_workload(workload, pools, findings)
    for plugin in described.device_plugins:
        judge_device_plugin(plugin, pools, findings)
    described_kinds = {plugin.device_plugin for plugin in described.device_plugins}
    for kind in DEVICE_PLUGINS:
        if kind not in described_kinds and (place := _where_they_are_asked_for(kind, described)):
            judge_missing_device_plugin(kind, pools, place, findings)


def _where_they_are_asked_for(kind: str, described: Described) -> Place | None:
    """Only a file that has more than pools can be said to lack something."""
    asking = [workload.requests_place for workload in described.workloads if workload.asks_for(kind)]
    bought = [pool.place for pool in described.pools if pool.backend == KARPENTER]
    return asking[0] if asking else bought[0] if described.cluster.described and bought else None
