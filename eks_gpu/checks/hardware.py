"""Features of accelerated instances: reservations, EFA, and node repair."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from eks_gpu.checks import sources
from eks_gpu.checks.access import template_of
from eks_gpu.checks.pod_specs import pod_of_values
from eks_gpu.checks.registry import Context, Problem, Said, check, verdict
from eks_gpu.checks.security_rules import DEFAULT_GROUP, SECURITY_GROUP, rules
from eks_gpu.cost.admission import untolerated
from eks_gpu.graph.graph import Resource
from eks_gpu.karpenter.objects import node_pools, part
from eks_gpu.karpenter.settings import runs_with
from eks_gpu.pools.pool import KARPENTER as BACKEND
from eks_gpu.pools.pool import Pool
from eks_gpu.pools.software import ADDON, KARPENTER, Software, configuration
from eks_gpu_components.catalog import CAPACITY_TYPE_LABEL, NODE_MONITORING_AGENT, CapacityType


@check(
    "reservations-are-used",
    subject="node pool with reservations, group of reserved nodes",
    fix="require the capacity type reserved, and select the reservations in the node class",
    sources=(
        sources.EC2_GUIDE,
        sources.KARPENTER,
    ),
)
def reservations(context: Context) -> Iterator[Said]:
    """Reserved capacity that is paid for stays unused, or nodes wait for a reservation that has ended."""
    gates = [runs_with(one.values, "reservedCapacity", default=True) for one in context.charts(KARPENTER)]
    pools = {pool.urn: pool for pool in context.pools}
    for found in node_pools(context.graph):
        pool = pools[found.resource.urn]
        terms = (
            part(found.node_class.inputs, "spec").get("capacityReservationSelectorTerms") if found.node_class else ()
        )
        wanted = CapacityType.RESERVED in pool.capacity_types
        if not wanted and not terms:
            continue
        fix = "name one that is open, or allow another capacity type" if _has_none_left(pool) else "remove it"
        problems = [Problem(f"{each} {each.closed}", fix) for each in pool.reservations if each.over]
        if wanted and found.node_class and not terms:
            said = "it wants reserved capacity, but its node class selects no reservation"
            problems.append(Problem(said, "add capacityReservationSelectorTerms"))
        if terms and not wanted:
            said = "its node class selects reservations, but no requirement allows the capacity type reserved"
            problems.append(Problem(said, f"add reserved to {CAPACITY_TYPE_LABEL}"))
        if pool.backend == BACKEND and False in gates:
            said = "the chart turns reserved capacity off"
            problems.append(Problem(said, "set settings.featureGates.reservedCapacity to true"))
        yield verdict(pool.name, problems, "its reservations come first")
    yield from _reserved_groups(context)


def _reserved_groups(context: Context) -> Iterator[Said]:
    """Groups whose nodes say that they are reserved. Open reservations need no target, so a warning is enough."""
    for pool in context.pools:
        template = template_of(pool, context.graph)
        if template is None or pool.labels.get(CAPACITY_TYPE_LABEL) != CapacityType.RESERVED:
            continue
        specification = part(template.inputs, "capacityReservationSpecification")
        told = specification.get("capacityReservationTarget") or specification.get("capacityReservationPreference")
        said = "its nodes are labelled reserved, but its launch template targets no reservation"
        problem = None if told else Problem(said, "add capacityReservationSpecification with the reservation's id")
        yield verdict(pool.name, problem, "its reservation comes first", "warning" if problem else "error")


def _has_none_left(pool: Pool) -> bool:
    """Whether no node of the pool will start: it takes reserved capacity alone, and all of it has ended."""
    return pool.is_reserved and all(each.over for each in pool.reservations)


@check(
    "efa-interfaces-fit-their-nodes",
    subject="group with EFA interfaces",
    fix="name types with EFA, and give the first interface index 0 of card 0",
    sources=(sources.EC2_GUIDE,),
)
def efa(context: Context) -> Iterator[Said]:
    """EC2 refuses to start the nodes, or EFA has no effect."""
    for pool, interfaces in _with_efa(context):
        without = [row.name for row in pool.types if not row.efa]
        problems = [Problem(f"{', '.join(without)} have no EFA", "name types that have it")] if without else []
        first = next((one for one in interfaces if not int(one.get("networkCardIndex") or 0)), {})
        if int(first.get("deviceIndex") or 0) or first.get("interfaceType") == "efa-only":
            problems.append(Problem("its first interface has no address", "make it interface or efa, with index 0"))
        yield verdict(pool.name, problems, f"{len(interfaces)} interfaces")


@check(
    "efa-nodes-are-close",
    subject="group with EFA interfaces, Karpenter's pool whose node class names them",
    severity="warning",
    fix="put the nodes into one zone and one placement group, and make all interfaces but the first efa-only",
    sources=(sources.EC2_GUIDE,),
)
def close(context: Context) -> Iterator[Said]:
    """EFA traffic is slow between zones, and every interface uses IP addresses of the subnet."""
    for pool, interfaces in _with_efa(context):
        template = template_of(pool, context.graph)
        group = context.graph.get(pool.urn)
        placed = template and part(template.inputs, "placement").get("groupName")
        placed = placed or (group and group.inputs.get("placementGroup"))
        problems = _apart(pool, bool(placed), "make one group per zone")
        greedy = [one for one in interfaces[1:] if one.get("interfaceType") == "efa"]
        if greedy:
            said = f"{len(greedy)} interfaces beside the first take addresses that pods need"
            problems.append(Problem(said, "make them efa-only"))
        yield verdict(pool.name, problems, "one zone and one placement group")
    by_urn = {pool.urn: pool for pool in context.pools}
    for found in node_pools(context.graph):
        spec = part(found.node_class.inputs, "spec") if found.node_class else {}
        if any(one.get("interfaceType") == "efa-only" for one in spec.get("networkInterfaces") or ()):
            pool = by_urn[found.resource.urn]
            problems = _apart(pool, bool(spec.get("placementGroupSelector")), "require one zone")
            yield verdict(pool.name, problems, "one zone and one placement group")


def _apart(pool: Pool, placed: bool, fix: str) -> list[Problem]:
    problems = [] if placed else [Problem("its nodes are in no placement group", "add one of strategy cluster")]
    if len(pool.zones) > 1:
        problems.append(Problem(f"it spans {', '.join(pool.zones)}", fix))
    return problems


@check(
    "efa-passes-its-security-groups",
    subject="group with EFA interfaces, whose security groups the stack makes",
    fix="add a rule for all protocols from the security group itself, and one to itself",
    sources=(sources.EC2_GUIDE,),
)
def passes(context: Context) -> Iterator[Said]:
    """Jobs hang when nodes first talk to each other: EFA's traffic needs rules that name the security group itself.

    A rule for a range of addresses, such as 0.0.0.0/0, does not let EFA's traffic through. The security group that EKS
    makes for a cluster has both rules.
    """
    made = {group.id: group for group in context.graph.of(SECURITY_GROUP, DEFAULT_GROUP)}
    for pool, interfaces in _with_efa(context):
        named = {str(id_) for one in interfaces for id_ in one.get("securityGroups") or ()}
        if not named or not named <= made.keys():
            continue
        closed = [_closed_to_itself(made[id_], context) for id_ in sorted(named)]
        missing = [] if "" in closed else closed
        problems = [Problem(f"its security group {each}") for each in missing]
        yield verdict(pool.name, problems, "EFA's traffic passes in both directions")


def _closed_to_itself(group: Resource, context: Context) -> str:
    """What no rule of the group lets through to or from itself, as a clause; empty if all passes."""
    own = {"self", group.id}
    found = [rule for rule in rules(group, context.graph) if rule.is_for_all and own & {*rule.others}]
    ways = {True: "out to itself", False: "in from itself"}
    shut = [way for egress, way in ways.items() if not any(rule.egress is egress for rule in found)]
    return f"{group.name} lets not all traffic {' and '.join(shut)}" if shut else ""


def _with_efa(context: Context) -> Iterator[tuple[Pool, Sequence[Mapping[str, Any]]]]:
    """Groups whose launch template has EFA interfaces."""
    for pool in context.pools:
        template = template_of(pool, context.graph)
        interfaces = list(template.inputs.get("networkInterfaces") or ()) if template else []
        if any(str(one.get("interfaceType", "")).startswith("efa") for one in interfaces):
            yield pool, interfaces


@check(
    "node-repair-has-its-agent",
    subject="Karpenter release or managed GPU group with node repair",
    severity="warning",
    fix=f"add the EKS add-on {NODE_MONITORING_AGENT}",
    sources=(sources.eks_guide("node-health"),),
)
def repair(context: Context) -> Iterator[Said]:
    """A node with a failed GPU is not replaced, because nothing reports the failure to EKS or Karpenter."""
    if not context.clusters:
        return
    repaired = [release.name for release in context.charts(KARPENTER) if _has_gate(release)]
    repaired += [pool.name for pool in context.gpu_pools if _repaired_by_eks(pool, context)]
    problem = None if list(_agents(context)) else Problem("node repair is on, but nothing monitors the GPUs")
    for name in repaired:
        yield verdict(name, problem, f"{NODE_MONITORING_AGENT} watches the GPUs")


@check(
    "node-monitoring-reaches-gpu-pools",
    subject="monitoring agent, where NVIDIA nodes are repaired",
    fix="add tolerations of the pools' taints to dcgmAgent in the add-on's configuration",
    sources=(sources.eks_guide("node-health"),),
)
def monitoring(context: Context) -> Iterator[Said]:
    """Healthy nodes are replaced: if the agent's DCGM does not run on a node, the agent reports failed GPUs.

    By default DCGM tolerates no taint. It is for amd64 only, so a pool of Arm types passes.
    """
    gate = any(map(_has_gate, context.charts(KARPENTER)))
    repaired = [
        pool
        for pool in context.gpu_pools
        if _runs_dcgm(pool) and (_repaired_by_eks(pool, context) or (pool.backend == BACKEND and gate))
    ]
    for subject, told in _agents(context):
        if told is None or not repaired:
            continue
        dcgm = pod_of_values(part(told, "dcgmAgent"))
        missed = {pool.name: reason for pool in repaired if (reason := untolerated(dcgm, pool.hard_taints))}
        said = "; ".join(f"its DCGM does not run on {name}: {reason}" for name, reason in missed.items())
        yield verdict(subject, Problem(said) if missed else None, "its DCGM runs where nodes are repaired")


def _has_gate(karpenter: Software) -> bool:
    return runs_with(karpenter.values, "nodeRepair") is True


def _repaired_by_eks(pool: Pool, context: Context) -> bool:
    group = context.graph.get(pool.urn)
    return bool(group) and part(group.inputs, "nodeRepairConfig").get("enabled") is True


def _runs_dcgm(pool: Pool) -> bool:
    """Whether its nodes are of a kind for DCGM. Source: eks-node-monitoring-agent 1.7, Helm chart, values.yaml."""
    return pool.accelerator == "nvidia" and any(row.architecture == "amd64" for row in pool.types)


def _agents(context: Context) -> Iterator[tuple[str, Mapping[str, Any] | None]]:
    """Each agent with what it is told, as an add-on or as a chart; not the one that Auto Mode has built in."""
    for addon in context.graph.of(ADDON):
        if addon.inputs.get("addonName") == NODE_MONITORING_AGENT:
            yield addon.name, configuration(addon)
    for release in context.charts(NODE_MONITORING_AGENT):
        yield release.name, release.values
