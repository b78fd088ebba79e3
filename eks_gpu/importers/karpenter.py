"""Karpenter's pools: Provisioner v1alpha5, NodePool v1beta1 and v1, and those of Auto Mode.

Source: Karpenter 1.15, CRDs, and its upgrade guides to v1beta1 and v1.
"""

import re
from collections.abc import Sequence

from eks_gpu.importers.fields import Fields, Place
from eks_gpu.importers.findings import Findings, PoolFindings
from eks_gpu.importers.model import AUTO_MODE, KARPENTER, Described, Named, Pool, Stated
from eks_gpu.importers.node_classes import read_node_template
from eks_gpu.importers.requirements import (
    Requirement,
    allowed,
    labels_of,
    meeting,
    read_requirements,
    tell_of_faults,
)
from eks_gpu.importers.taints import read_taints
from eks_gpu.karpenter.schema import seconds
from eks_gpu.pods.durations import NEVER, nearest
from eks_gpu.pods.quantities import quantity
from eks_gpu_components.catalog import (
    ARCH_LABEL,
    AUTO_MODE_GROUP,
    AUTO_MODE_MAX_AGE_H,
    CAPACITY_TYPE_LABEL,
    INSTANCE_TYPE_LABEL,
    KARPENTER_AGE_H,
    KARPENTER_GROUP,
    MAX_POOL_WEIGHT,
    MIN_IDLE_S,
    MIN_TERMINATION_GRACE_S,
    ZONE_LABEL,
    CapacityType,
    InstanceType,
    instance_types,
    regions,
)
from eks_gpu_components.catalog import zones as zones_of

PREFIX = {KARPENTER: KARPENTER_GROUP, AUTO_MODE: AUTO_MODE_GROUP}
_GROUPS = {group: backend for backend, group in PREFIX.items()}
_NODE_CLASSES = ((KARPENTER_GROUP, "EC2NodeClass"), (AUTO_MODE_GROUP, "NodeClass"))
_BUDGET = re.compile(r"(100|[1-9][0-9]?)%|[1-9][0-9]{0,8}", re.ASCII)
_EMPTY = "gpu-pools-consolidate-when-empty"


# What Karpenter of the time required where a Provisioner was silent. Source: Karpenter 0.31, v1alpha5, SetDefaults.
_PROVISIONER_DEFAULTS = {ARCH_LABEL: "amd64", CAPACITY_TYPE_LABEL: str(CapacityType.ON_DEMAND)}
_TYPE_LABELS = (
    INSTANCE_TYPE_LABEL,
    *(f"{KARPENTER_GROUP}/instance-{word}" for word in ("family", "category", "generation")),
)
_PROVISIONER_CATEGORIES, _PROVISIONER_GENERATION = ("c", "m", "r"), "2"


def read_provisioner(name: str, document: Fields, described: Described) -> Pool:
    """`karpenter.sh/v1alpha5`, which no Karpenter since 0.33 serves."""
    spec = document.part("spec", required=True)
    message = "karpenter.sh/v1alpha5 was removed in Karpenter 0.33: a NodePool of karpenter.sh/v1 takes its place"
    findings = PoolFindings()
    findings.tell("api-versions-are-served", document.place("apiVersion"), message)
    requirements = read_requirements(spec, findings, required=False)
    pool = _pool(name, document, spec, spec, [*requirements, *_defaults(requirements, spec)], described, findings)
    pool.labels = {**spec.strings("labels"), **pool.labels}
    pool.labels_place = spec.place("labels")
    _limits(pool, spec.part("limits"), "resources", findings)
    if (empty := spec.whole("ttlSecondsAfterEmpty", most=10**8)) is not None:
        pool.idle_s = empty
    if (age := spec.whole("ttlSecondsUntilExpired", least=1, most=10**9)) is not None:
        pool.max_age_h = -(-age // 3600)
    if spec.part("consolidation").flag("enabled"):
        findings.tell(_EMPTY, spec.place("consolidation"), _moved())
    if "provider" in spec:
        pool.storage = read_node_template(spec.part("provider"))
        findings.take(pool.storage.findings)
    else:
        pool.node_class = spec.part("providerRef").text("name")
        spec.part("providerRef").replaced("apiVersion", "kind")
    described.pools.append(pool)
    return pool


def read_node_pool(name: str, version: str, document: Fields, described: Described, of_file: Findings) -> Pool | None:
    """`karpenter.sh/v1beta1` and `karpenter.sh/v1`; None, told, where its nodes are not EC2's."""
    findings = PoolFindings()
    spec = document.part("spec", required=True)
    template = spec.part("template", required=True)
    nodes = template.part("spec", required=True)
    current = version == "v1"
    if not current:
        message = "karpenter.sh/v1beta1 was removed in Karpenter 1.1: a NodePool of karpenter.sh/v1 takes its place"
        findings.tell("api-versions-are-served", document.place("apiVersion"), message)
    reference = nodes.part("nodeClassRef", required=True)
    group, kind = reference.text("group", required=current) or "", reference.text("kind", required=current) or ""
    reference.replaced("apiVersion")
    backend = _GROUPS.get(group, KARPENTER)
    of_ec2 = (group, kind) in _NODE_CLASSES if group else kind in ("", "EC2NodeClass")
    if not of_ec2 and kind:
        known = " or ".join(f"{kind} of {group}" for group, kind in _NODE_CLASSES)
        message = f"its nodes are of a {kind}, and import takes pools of an {known}: {name} is left out"
        of_file.lose(reference.place("kind"), message)
        return None
    requirements = read_requirements(nodes, findings, required=True)
    pool = _pool(name, document, spec, nodes, requirements, described, findings, backend)
    pool.node_class = reference.text("name", required=True)
    metadata = template.part("metadata")
    pool.labels = {**metadata.strings("labels"), **pool.labels}
    pool.labels_place = metadata.place("labels")
    _limits(pool, spec, "limits", findings)
    if (replicas := spec.whole("replicas")) is not None:
        pool.fixed_nodes = Stated(replicas, spec.place("replicas"))
    if replicas and pool.weight is not None:
        findings.lose(spec.place("weight"), "a pool of a fixed number of nodes starts none for a pod: it has no weight")
        pool.weight = None
    _disruption(pool, spec.part("disruption"), findings)
    _lifetime(pool, nodes if "expireAfter" in nodes else spec.part("disruption"), findings)
    if grace := nodes.text("terminationGracePeriod"):
        pool.termination_grace_s = _at_least(MIN_TERMINATION_GRACE_S, grace, nodes, "terminationGracePeriod", findings)
    described.pools.append(pool)
    return pool


def _pool(
    name: str,
    document: Fields,
    spec: Fields,
    nodes: Fields,
    requirements: Sequence[Requirement],
    described: Described,
    findings: PoolFindings,
    backend: str = KARPENTER,
) -> Pool:
    """What all versions say alike; `nodes` has requirements and taints."""
    for taint in read_taints(nodes, "startupTaints", findings):
        findings.lose(taint.place, "the program's nodes need no startup taint")
    rows = meeting(requirements)
    types, place, chosen = _types(requirements, rows, nodes)
    zones = _zones(requirements, described)
    wrong = tell_of_faults(requirements, PREFIX[backend], described.cluster.region or "", findings)
    return Pool(
        name=name,
        backend=backend,
        place=document.part("metadata").place("name"),
        findings=findings,
        types=types,
        types_place=place,
        chosen_by_requirements=chosen,
        capacity_types=_capacity_types(requirements),
        requirements=tuple(requirements),
        capacity_is_named=any(found.key == CAPACITY_TYPE_LABEL for found in requirements),
        reserved_is_named=any(
            CapacityType.RESERVED in found.values for found in requirements if found.operator == "In"
        ),
        zones=zones,
        labels=labels_of(requirements, findings, PREFIX[backend], wrong),
        labels_place=nodes.place("requirements"),
        taints=read_taints(nodes, "taints", findings),
        taints_place=nodes.place("taints"),
        size_place=spec.place("limits"),
        weight=spec.whole("weight", least=1, most=MAX_POOL_WEIGHT),
    )


def _types(
    requirements: Sequence[Requirement], rows: Sequence[InstanceType], nodes: Fields
) -> tuple[list[Named], Place, bool]:
    """Named types, also those that nobody knows; else the rows, which meet the requirements."""
    named = [found for found in requirements if found.key == INSTANCE_TYPE_LABEL and found.operator == "In"]
    if not named:
        place = nodes.place("requirements")
        return [Named(row.name, place) for row in rows], place, True
    first = named[0]
    met, known = ({row.name for row in each} for each in (rows, instance_types()))
    wanted = [value for value in dict.fromkeys(first.values) if value in met or value not in known]
    index = {value: number for number, value in enumerate(first.values)}
    types = [Named(value, first.fields.place("values", index[value])) for value in wanted]
    return types, first.fields.place("values"), False


def _defaults(requirements: Sequence[Requirement], spec: Fields) -> list[Requirement]:
    """What a Provisioner requires without a word: amd64, on demand, and types of today for general work."""
    wanted = dict(_PROVISIONER_DEFAULTS)
    keys = {found.key for found in requirements}
    found = [Requirement(key, "In", (value,), spec) for key, value in wanted.items() if key not in keys]
    if not keys & {*_TYPE_LABELS}:
        category, generation = _TYPE_LABELS[2:]
        found += [Requirement(category, "In", _PROVISIONER_CATEGORIES, spec)]
        found += [Requirement(generation, "Gt", (_PROVISIONER_GENERATION,), spec)]
    return found


def _capacity_types(requirements: Sequence[Requirement]) -> tuple[str, ...]:
    """In the order in which Karpenter takes them, where the requirements leave several or say nothing."""
    return tuple(allowed(requirements, CAPACITY_TYPE_LABEL, [str(each) for each in CapacityType]))


def _zones(requirements: Sequence[Requirement], described: Described) -> tuple[str, ...]:
    concerned = [found for found in requirements if found.key == ZONE_LABEL]
    if not concerned:
        return ()
    named = [value for found in concerned if found.operator == "In" for value in found.values]
    if not described.cluster.region:
        described.cluster.region = next((found for zone in named if (found := zone[:-1]) in regions()), None)
    known = [zone.name for zone in zones_of(described.cluster.region)] if described.cluster.region else []
    return tuple(allowed(requirements, ZONE_LABEL, list(dict.fromkeys([*named, *known]))))


def _limits(pool: Pool, fields: Fields, key: str, findings: Findings) -> None:
    limits = fields.part(key)
    pool.size_place = limits.place() if key in fields else fields.place()
    for resource in limits:
        if (text := limits.quantity(resource)) is None:
            continue
        try:
            pool.limits[resource] = quantity(text)
        except ValueError as error:
            findings.lose(limits.place(resource), str(error))
    pool.limit_places = {resource: limits.place(resource) for resource in pool.limits}


def _disruption(pool: Pool, disruption: Fields, findings: Findings) -> None:
    if pool.fixed_nodes and pool.fixed_nodes.value:  # an idle node stays, whatever stands here
        disruption.replaced("consolidationPolicy", "consolidateAfter")
    else:
        _consolidation(pool, disruption, findings)
    budgets = disruption.parts("budgets")
    for index, budget in enumerate(budgets):
        nodes = budget.text("nodes", required=True) or ""
        if index or "schedule" in budget or "reasons" in budget or not _BUDGET.fullmatch(nodes):
            findings.lose(budget.place(), "a pool has one budget, of one node or more, for every reason and time")
            budget.replaced(*budget)
        else:
            pool.disruption_budget = nodes or None


def _consolidation(pool: Pool, disruption: Fields, findings: Findings) -> None:
    policy = disruption.text("consolidationPolicy")
    if policy not in (None, "WhenEmpty"):
        findings.tell(_EMPTY, disruption.place("consolidationPolicy"), _moved())
    if after := disruption.text("consolidateAfter"):
        if after == NEVER:
            message = "an empty GPU node that never goes is paid for ever: it goes after 10 minutes"
            findings.tell(_EMPTY, disruption.place("consolidateAfter"), message)
        else:
            pool.idle_s = _at_least(MIN_IDLE_S, after, disruption, "consolidateAfter", findings)


def _moved() -> str:
    return "a GPU's pods would be moved, and so ended, to save a part of a node: nodes go only when they are empty"


def _lifetime(pool: Pool, fields: Fields, findings: Findings) -> None:
    text = fields.text("expireAfter")
    most = AUTO_MODE_MAX_AGE_H if pool.backend == AUTO_MODE else None
    if not text:
        return
    place = fields.place("expireAfter")
    if text == NEVER:
        hours = most or KARPENTER_AGE_H
        message = f"nodes that are never replaced keep their image's faults: they are replaced after {hours}h"
        findings.tell("lifetimes-are-in-bounds", place, message)
    elif (age := seconds(text)) is None:
        findings.lose(place, f"must be hours, minutes and seconds, as 720h, got {text}{_near(text)}")
    elif most and age > most * 3600:
        message = f"Auto Mode lets no node grow older than {most}h, got {text}: {most}h is taken"
        findings.tell("lifetimes-are-in-bounds", place, message)
        pool.max_age_h = most
    else:
        pool.max_age_h = max(1, -(-age // 3600))


def _at_least(least: int, text: str, fields: Fields, key: str, findings: Findings) -> int | None:
    found = seconds(text)
    if found is None:
        findings.lose(fields.place(key), f"must be hours, minutes and seconds, as 10m, got {text}{_near(text)}")
    elif found < least:
        message = f"must be {least}s or more, got {text}: {least}s is taken"
        findings.tell("lifetimes-are-in-bounds", fields.place(key), message)
        return least
    return found


def _near(text: str) -> str:
    return f"; nearest: {close}" if (close := nearest(text)) else ""
