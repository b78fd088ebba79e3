"""A GpuPool as a NodePool; the object is almost the same for Karpenter and for EKS Auto Mode."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi_kubernetes as kubernetes
from pulumi import CustomTimeouts, Input, Resource, ResourceOptions

from ..catalog import (
    ARCH_LABEL,
    AUTO_MODE_GROUP,
    AUTO_MODE_MAX_AGE_H,
    CAPACITY_TYPE_LABEL,
    INSTANCE_TYPE_LABEL,
    KARPENTER_AGE_H,
    KARPENTER_API_VERSION,
    KARPENTER_GROUP,
    OS_LABEL,
    ZONE_LABEL,
    CapacityType,
)
from ..catalog.tags import RESERVATIONS_ANNOTATION
from ..values.gpu_pool import GpuPool
from ..values.reservation import Reservation, as_text

KIND = "NodePool"

# Else the engine takes the object for done once it is stored, and a node class that finds no subnet goes unseen.
# Source: Pulumi's Kubernetes provider, "Await behavior".
WAIT_UNTIL_READY = {"pulumi.com/waitFor": "condition=Ready"}

# Without a limit a pod that may not be evicted holds its node, and so `pulumi destroy`, for ever. A day is what Auto
# Mode itself gives, and longer than a batch of work that does not save its state should be.
TERMINATION_GRACE_S = 86_400
# Longer than it takes AWS to end the instances, once no pod holds them.
DELETE_MARGIN_S = 1800


@dataclass(frozen=True, slots=True)
class Provisioner:
    """The controller that makes a NodePool's nodes: Karpenter or EKS Auto Mode."""

    name: str
    """Name of the controller, for messages."""
    group: str
    """API group of its node classes, and the domain of its own labels, as `<group>/instance-gpu-name`."""
    node_class_kind: str
    """Kind of its node classes."""
    max_age_h: int
    """Hours a node lives unless the pool says."""
    operating_systems: bool
    """Whether a requirement may name the operating system."""
    owner_field: str
    """Field of a term of reservations for the account that owns them."""
    overlays: bool
    """Whether a NodeOverlay can say what its nodes offer."""


KARPENTER = Provisioner(
    "Karpenter",
    KARPENTER_GROUP,
    "EC2NodeClass",
    max_age_h=KARPENTER_AGE_H,
    operating_systems=True,
    owner_field="ownerID",
    overlays=True,
)
# Source: EKS User Guide, "Create a Node Pool for EKS Auto Mode".
AUTO_MODE = Provisioner(
    "Auto Mode",
    AUTO_MODE_GROUP,
    "NodeClass",
    max_age_h=AUTO_MODE_MAX_AGE_H,
    operating_systems=False,
    owner_field="owner",
    overlays=False,
)


def node_pool(pool: GpuPool, provisioner: Provisioner, node_class: str, zones: Sequence[str]) -> dict[str, Any]:
    """A NodePool's `spec`; `node_class` by its name, `zones` by theirs, or none for any. Source: NodePool v1.

    No startup taint: the scheduler gives a node no GPU pod before the device plugin has registered its GPUs, and
    the provisioner does not count it as initialized before.
    """
    spec: dict[str, Any] = {
        "template": node_template(
            provisioner,
            node_class,
            labels=pool.node_labels,
            requirements=_requirements(pool, provisioner, zones),
            taints=[taint.for_kubernetes() for taint in pool.taints],
            max_age_h=pool.max_age_h,
            grace_s=termination_grace_s(pool),
        ),
    }
    return spec | (_growing(pool) if pool.nodes is None else _static(pool, pool.nodes))


def _growing(pool: GpuPool) -> dict[str, Any]:
    return {
        "disruption": {
            # A GPU's pods are not moved to save a part of its price.
            "consolidationPolicy": "WhenEmpty",
            "consolidateAfter": duration(pool.idle_s),
            "budgets": _budgets(pool),
        },
        "limits": limits(pool),
        **({"weight": pool.weight} if pool.weight is not None else {}),
    }


def _static(pool: GpuPool, nodes: int) -> dict[str, Any]:
    """Of a fixed number of nodes: no weight, no limit but that of nodes, to which it grows while it replaces one.

    Source: NodePool v1, rules of its CRD; EKS User Guide, "Static-Capacity Node Pools in EKS Auto Mode".
    """
    # A budget has to come with consolidateAfter, which decides nothing here: an idle node stays.
    budgets = {"consolidateAfter": "Never", "budgets": [{"nodes": pool.disruption_budget}]}
    return {
        "replicas": nodes,
        "limits": {"nodes": str(pool.max_nodes)},
        **({"disruption": budgets} if pool.disruption_budget else {}),
    }


def node_template(
    provisioner: Provisioner,
    node_class: str,
    *,
    labels: Mapping[str, str],
    requirements: Sequence[Mapping[str, Any]],
    taints: Sequence[Mapping[str, str]],
    max_age_h: int | None,
    grace_s: int,
) -> dict[str, Any]:
    """A NodePool's `spec.template`: what each of its nodes is."""
    return {
        "metadata": {"labels": dict(labels)},
        "spec": {
            "nodeClassRef": {
                "group": provisioner.group,
                "kind": provisioner.node_class_kind,
                "name": node_class,
            },
            "requirements": list(requirements),
            "taints": list(taints),
            "expireAfter": f"{max_age_h or provisioner.max_age_h}h",
            "terminationGracePeriod": duration(grace_s),
        },
    }


def node_pool_problems(pool: GpuPool, provisioner: Provisioner) -> list[str]:
    """A sentence, with the reason, for each setting of the pool that a NodePool cannot express."""
    problems = []
    if list(pool.capacity_types) != (order := [each for each in CapacityType if each in pool.capacity_types]):
        rule = f"{provisioner.name} takes {', '.join(CapacityType)} in this order"
        problems.append(
            f"pool.capacity_types: {rule}, got {', '.join(pool.capacity_types)}; nearest: {', '.join(order)}"
        )
    if pool.sharing and not provisioner.overlays:
        reason = f"{provisioner.name} counts whole GPUs, so it would buy a node for each pod"
        instead = "leave it out, or use a node group or Karpenter"
        problems.append(f"pool.sharing: {reason}, got {pool.sharing.config}: {instead}")
    if pool.mig and not provisioner.overlays:
        instead = "leave it out, or use a node group or Karpenter"
        problems.append(f"pool.mig: {provisioner.name} cuts no GPU into slices, got {pool.mig}: {instead}")
    return problems


def reservation_problems(pool: GpuPool, reservation_ids: Sequence[Any]) -> list[str]:
    """What is wrong with the reservations: reservations and the capacity type reserved must be set together, and a node
    class selects no resource group.
    """
    reserved = CapacityType.RESERVED in pool.capacity_types
    groups = [each.named for each in pool.reservations if each.resource_group_arn]
    if groups:
        reason = "a node class selects reservations by id or tags, and no resource group"
        return [f"pool.reservations: {reason}, got {', '.join(groups)}: name ids or tags, or use GpuNodeGroup"]
    if reserved and not reservation_ids and not pool.reservations:
        return ["capacity_reservation_ids: pool.capacity_types has reserved, so name one reservation or more"]
    if reservation_ids and not reserved:
        nearest, given = ", ".join([CapacityType.RESERVED, *pool.capacity_types]), ", ".join(pool.capacity_types)
        return [f"pool.capacity_types must have reserved for reservations, got {given}; nearest: {nearest}"]
    return []


def reservation_terms(pool: GpuPool, provisioner: Provisioner, reservation_ids: Sequence[Input[str]]) -> dict[str, Any]:
    """The pool's reservations, then those by id alone, as terms of a node class; nothing without reservations."""
    terms = [*(_term(each, provisioner) for each in pool.reservations), *({"id": each} for each in reservation_ids)]
    return {"capacityReservationSelectorTerms": terms} if terms else {}


def _term(reservation: Reservation, provisioner: Provisioner) -> dict[str, Any]:
    if reservation.id:
        return {"id": reservation.id}
    owner = {provisioner.owner_field: reservation.owner_id} if reservation.owner_id else {}
    return {"tags": reservation.tags, **owner}


def node_class_annotations(pool: GpuPool) -> dict[str, str]:
    """Annotations of a node class: what the plan is told of its reservations, in the order of the terms."""
    facts = [each.facts() for each in pool.reservations]
    return WAIT_UNTIL_READY | ({RESERVATIONS_ANNOTATION: as_text(facts)} if facts else {})


def name_problems(name: str) -> list[str]:
    """What is wrong with a NodePool's name."""
    if re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", name):
        return []
    rule = "must be 63 lower-case letters, digits and '-' at most, because nodes carry it as a label"
    return [f"the component's name {rule}, got {name!r}"]


def limits(pool: GpuPool) -> dict[str, str]:
    """The NodePool's limits. A node that lost its device plugin counts no GPU; then CPU and memory limit the pool.

    Both allow `max_nodes` of the largest type, so neither is reached before the accelerators. Karpenter holds what an
    overlay says of a node against the limit, so shares are limited as shares.
    """
    return {
        pool.resource: str(pool.max_gpus * pool.pods_per_accelerator),
        "cpu": str(pool.max_nodes * max(row.vcpus for row in pool.instance_types)),
        "memory": f"{pool.max_nodes * max(row.memory_mib for row in pool.instance_types)}Mi",
    }


def termination_grace_s(pool: GpuPool) -> int:
    """Seconds after which a node that is being removed terminates the pods that still run on it."""
    return TERMINATION_GRACE_S if pool.termination_grace_s is None else pool.termination_grace_s


def duration(seconds: int) -> str:
    """`90s`, `10m` or `24h`: Karpenter takes whole numbers of one unit, and has no days."""
    if seconds % 3600 == 0:
        return f"{seconds // 3600}h"
    return f"{seconds // 60}m" if seconds % 60 == 0 else f"{seconds}s"


def _requirements(pool: GpuPool, provisioner: Provisioner, zones: Sequence[str]) -> list[dict[str, Any]]:
    wanted: dict[str, Sequence[str]] = {
        ARCH_LABEL: [pool.architecture],
        **({OS_LABEL: ["linux"]} if provisioner.operating_systems else {}),
        CAPACITY_TYPE_LABEL: [str(each) for each in pool.capacity_types],
        # By name: of a whole family the packing may choose a large type that costs more than small ones.
        INSTANCE_TYPE_LABEL: [row.name for row in pool.instance_types],
        ZONE_LABEL: list(zones),
    }
    return [{"key": key, "operator": "In", "values": list(values)} for key, values in wanted.items() if values]


def _budgets(pool: GpuPool) -> list[dict[str, Any]]:
    if pool.disruption_budget:
        return [{"nodes": pool.disruption_budget}]
    # Karpenter's own default is a tenth for both, so that idle nodes would go one at a time.
    return [{"nodes": "100%", "reasons": ["Empty"]}, {"nodes": "10%", "reasons": ["Drifted"]}]


def create_node_pool(
    name: str,
    pool: GpuPool,
    provisioner: Provisioner,
    node_class: kubernetes.apiextensions.CustomResource,
    zones: Sequence[str],
    parent: Resource,
    before: Sequence[Resource] = (),
) -> kubernetes.apiextensions.CustomResource:
    """Creates the NodePool `name`, with a node class of the same name. This and what must be there `before` the first
    node are always deleted after it.
    """
    spec = node_pool(pool, provisioner, name, zones)
    return make_node_pool(name, spec, termination_grace_s(pool), [node_class, *before], parent)


def make_node_pool(
    name: str, spec: Mapping[str, Any], grace_s: int, before: Sequence[Resource], parent: Resource
) -> kubernetes.apiextensions.CustomResource:
    """Creates a NodePool of this `spec`, after its node class and the rest of `before`; `grace_s` is how long a pod may
    hold its last node.
    """
    return kubernetes.apiextensions.CustomResource(
        name,
        api_version=KARPENTER_API_VERSION,
        kind=KIND,
        metadata={"name": name, "annotations": WAIT_UNTIL_READY},
        spec=spec,
        opts=ResourceOptions(
            parent=parent,
            depends_on=list(before),
            # Its deletion lasts until the last node is gone, and a pod may hold that one for the grace period.
            custom_timeouts=CustomTimeouts(delete=f"{grace_s + DELETE_MARGIN_S}s"),
        ),
    )
