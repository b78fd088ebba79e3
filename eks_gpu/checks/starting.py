"""Groups and node pools may start a node at all, and what they start from lets it join."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from eks_gpu.checks.access import template_of
from eks_gpu.checks.registry import Context, Problem, Said, check, verdict
from eks_gpu.checks.security_rules import SECURITY_GROUP
from eks_gpu.checks.sources import (
    ASG_PROCESSES,
    EKS_IMAGES,
    EKS_SECURITY_GROUPS,
    KARPENTER_NODE_CLASSES,
    NODEADM,
    STARTUP_TAINTS,
)
from eks_gpu.graph.graph import Graph, Resource
from eks_gpu.graph.unknown import is_unknown
from eks_gpu.karpenter.objects import NODE_CLASSES, node_pools, object_name, part
from eks_gpu.pools.clusters import RESOURCE
from eks_gpu.pools.pool import AUTO_SCALING_GROUP, Pool
from eks_gpu.pools.prices import on_demand_price
from eks_gpu.pools.reservations import ON_DEMAND, ONLY_RESERVED, ceiling
from eks_gpu.pools.user_data import decoded, joined_node
from eks_gpu_components.catalog import KARPENTER_GROUP, CapacityType, minor_of
from eks_gpu_components.catalog.addons import EBS_PROVISIONER
from eks_gpu_components.catalog.api_groups import AUTO_MODE_GROUP, KARPENTER_CORE_GROUP
from eks_gpu_components.catalog.label_rules import KUBELET_DOMAINS
from eks_gpu_components.catalog.tags import CLUSTER_TAG

_HARDLY_EVER = 0.05
"""Part of the on-demand price below which no Spot price is. Source: Spot Instance advisor: savings of at most 90 %."""
_HOST = "aws:ec2/dedicatedHost:DedicatedHost"
_REMOVERS = ("node.cilium.io/", f"{EBS_PROVISIONER}/", "efs.csi.aws.com/", "fsx.csi.aws.com/", "s3.csi.aws.com/")
"""How taints begin that software removes whose taint it is."""
_OF_KUBERNETES = tuple(f"{group}/" for group in (KUBELET_DOMAINS[1], KARPENTER_CORE_GROUP, AUTO_MODE_GROUP))
_LAST_AL2 = "1.32"
_READABLE = re.compile(r"[\w:/.+=-]+")
"""What a cluster's output is in AWS; a stand-in for it decides nothing."""
_NODE_CONFIGS = ("node.eks.aws/v1alpha1",)


@check(
    "groups-may-start-nodes",
    subject="group, node pool",
    severity="warning",
    fix="let the group start instances",
    sources=(ASG_PROCESSES,),
)
def may_start(context: Context) -> Iterator[Said]:
    """No node of the group ever comes: its maximum is 0, EC2 may not launch, or nothing that it may launch exists.

    A maximum of 0 is a warning, because it may be meant. Reservations that have ended or not begun are for
    `reservations-are-used` and `reservations-have-begun` to tell, where these judge the pool.
    """
    for pool in context.pools:
        certain = [*_certain(pool, context)] if pool.backend == AUTO_SCALING_GROUP else []
        problems = [*certain, *_uncertain(pool, context)]
        if not problems and _told_by_its_reservations(pool):
            continue
        yield verdict(pool.name, problems, "it may start nodes", "error" if certain else "")


def _certain(pool: Pool, context: Context) -> Iterator[Problem]:
    if "Launch" in pool.suspended_processes:
        yield Problem("its process Launch is suspended, so EC2 starts nothing", "take Launch out of suspendedProcesses")
    group = context.graph.get(pool.urn)
    market = part(group.inputs, "mixedInstancesPolicy", "instancesDistribution") if group else {}
    own = (
        part(template.inputs, "instanceMarketOptions", "spotOptions") if (template := _template(pool, context)) else {}
    )
    most = _number(market.get("spotMaxPrice") or own.get("maxPrice"))
    prices = [price.hourly for row in pool.types if (price := on_demand_price(row.name, pool.region))]
    if most and prices and CapacityType.SPOT in pool.capacity_types and most < min(prices) * _HARDLY_EVER:
        said = f"it pays at most {most:g} USD an hour for Spot, and its cheapest type costs {min(prices):g} on demand"
        yield Problem(said, "leave the price out: the on-demand price is the most anyway")


def _uncertain(pool: Pool, context: Context) -> Iterator[Problem]:
    if pool.emptied:
        yield Problem(pool.emptied.says, "change the requirement")
    elif pool.max_nodes == 0 and not _told_by_its_reservations(pool):
        fix = "set spec.replicas above 0, and turn the gate StaticCapacity on" if pool.static else ""
        fix = "take another reservation, or none" if pool.reservations else fix
        fix = "select one and turn the gate on, or allow another capacity type" if pool.unreserved else fix
        yield Problem(pool.starts_none or "it may have no node", fix or "raise its maximum or its limits")
    template = _template(pool, context)
    if template is None:
        return
    reservation = part(template.inputs, "capacityReservationSpecification")
    only = reservation.get("capacityReservationPreference") == ONLY_RESERVED
    if only and not reservation.get("capacityReservationTarget") and not context.graph.of(ON_DEMAND):
        yield Problem("it starts in capacity reservations only, and the stack has none", "let it start without one")
    placement = part(template.inputs, "placement")
    hosts = placement.get("hostId") or placement.get("hostResourceGroupArn") or context.graph.of(_HOST)
    if placement.get("tenancy") == "host" and not hosts:
        yield Problem("its instances want dedicated hosts, and the stack has none", "leave tenancy out")
    zone = placement.get("availabilityZone")
    if zone and pool.zones and zone not in pool.zones:
        yield Problem(
            f"its launch template is for {zone}, and its subnets are in {', '.join(pool.zones)}", "leave it out"
        )


def _told_by_its_reservations(pool: Pool) -> bool:
    """Whether it has no node because its reservations hold nothing today, and another check says so."""
    closed = pool.is_reserved and bool(pool.reservations) and ceiling(pool.reservations) == 0
    return closed and (not pool.chooses_node_itself or not any(each.over for each in pool.reservations))


def _template(pool: Pool, context: Context) -> Resource | None:
    return template_of(pool, context.graph) if pool.chooses_node_itself else None


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


@check(
    "groups-have-the-cluster-s-security-group",
    subject="self-managed group",
    severity="warning",
    fix="add the cluster's security group to vpcSecurityGroupIds of the launch template",
    sources=(EKS_SECURITY_GROUPS,),
)
def have_group(context: Context) -> Iterator[Said]:
    """Nodes start and cost money but do not reach the API server: it trusts the cluster's security group alone.

    A security group of the stack passes, because its rules may let them. The check applies if the stack makes the
    cluster.
    """
    own = _cluster_groups(context.graph)
    known = own | {group.id for group in context.graph.of(SECURITY_GROUP)}
    for pool in context.pools if own else ():
        template = _template(pool, context)
        if template is None or pool.backend != AUTO_SCALING_GROUP or is_unknown(template.inputs, "vpcSecurityGroupIds"):
            continue
        ids = list(template.inputs.get("vpcSecurityGroupIds") or ())
        if None in ids:
            continue  # one of them only pulumi up will tell
        given = set(map(str, ids))
        said = f"its security groups are {', '.join(sorted(given))}, and the cluster's is {', '.join(sorted(own))}"
        if given:
            yield verdict(pool.name, None if given & known else Problem(said), "it has a security group of the stack")


def _cluster_groups(graph: Graph) -> set[str]:
    """Security groups that EKS makes for the clusters of the stack."""
    given = (part(each.outputs, "vpcConfig").get("clusterSecurityGroupId") for each in graph.of(RESOURCE))
    return {str(each) for each in given if each}


@check(
    "groups-may-end-nodes",
    subject="self-managed group",
    severity="warning",
    fix="take Terminate out of suspendedProcesses",
    sources=(ASG_PROCESSES,),
)
def may_end(context: Context) -> Iterator[Said]:
    """Nodes that nobody uses stay and cost money: the group does not shrink."""
    for pool in context.pools:
        if pool.backend == AUTO_SCALING_GROUP:
            off = "Terminate" in pool.suspended_processes
            yield verdict(pool.name, Problem("its process Terminate is suspended") if off else None, "it may shrink")


@check(
    "startup-taints-are-removed",
    subject="node pool with startup taints",
    severity="warning",
    fix="remove the startup taint, or run a DaemonSet that tolerates it by its key and removes it",
    sources=(STARTUP_TAINTS,),
)
def are_removed(context: Context) -> Iterator[Said]:
    """A startup taint that nothing removes keeps every pod off the node, which is paid for and never initialized.

    Taints of CNI and CSI drivers pass, and those that a DaemonSet of the stack tolerates by their key.
    """
    tolerated = {t.key for each in context.workloads if each.daemon for t in each.pod.tolerations if t.key}
    for found in node_pools(context.graph):
        given = [str(taint.get("key")) for taint in found.template.get("startupTaints") or ()]
        stays = [key for key in given if not key.startswith((*_REMOVERS, *_OF_KUBERNETES)) and key not in tolerated]
        problem = Problem(f"nothing in the stack removes startup taint {', '.join(stays)}") if stays else None
        if given:
            yield verdict(object_name(found.resource), problem, "its startup taints go")


@check(
    "user-data-joins-the-cluster",
    subject="group whose launch template has user data",
    fix="give the nodes the cluster's own name, endpoint and certificate authority, as nodeadm wants them",
    sources=(NODEADM,),
)
def joins(context: Context) -> Iterator[Said]:
    """Nodes start and cost money but never join: what they are told is of another cluster, or no image reads it.

    An image of EKS itself that the program looks up reads user data alone; one of your own may need none.
    """
    made = context.graph.of(RESOURCE)
    looked_up = context.graph.looked_up or ()
    for pool in context.pools:
        template = _template(pool, context)
        if template is None or is_unknown(template.inputs, "userData"):
            continue
        node = joined_node(template.inputs.get("userData"))
        text = decoded(template.inputs.get("userData")) or ""
        problems = [*_foreign(text, made)] if len(made) == 1 else []
        own = str(template.inputs.get("imageId")) in looked_up or "node.eks.aws" in text
        if pool.backend == AUTO_SCALING_GROUP and own and not (node and node.cluster):
            problems.append(Problem("its user data names no cluster in a form that the image reads"))
        if text or problems:
            yield verdict(pool.name, problems, "its nodes are told the stack's cluster")


def _foreign(text: str, made: list[Resource]) -> Iterator[Problem]:
    """What nodeadm is told of a cluster that is not the stack's."""
    version = _told(text, "apiVersion")
    if version and version not in _NODE_CONFIGS:
        yield Problem(f"nodeadm reads no {version}", f"write {_NODE_CONFIGS[0]}")
    known = {
        "apiServerEndpoint": str(made[0]["endpoint"] or ""),
        "certificateAuthority": str(part(made[0].outputs, "certificateAuthority").get("data") or ""),
        "cidr": str(part(made[0].outputs, "kubernetesNetworkConfig").get("serviceIpv4Cidr") or ""),
    }
    for key, value in known.items():
        told = _told(text, key)
        if told and _READABLE.fullmatch(value) and told != value:
            shown = f" {told}" if key != "certificateAuthority" else ""
            yield Problem(f"its {key}{shown} is not the cluster's", f"take {key} of the cluster")


def _told(text: str, key: str) -> str:
    """The value of a key in user data, which is JSON or YAML inside MIME."""
    for line in text.splitlines() if "node.eks.aws/" in text else ():
        name, colon, value = line.strip().strip(",").partition(":")
        if colon and name.strip("\"' ") == key:
            return value.strip().strip("\"'")
    return ""


@check(
    "node-classes-select-what-there-is",
    subject="node class",
    severity="warning",
    fix="select the cluster's own subnets and security group, and an image for Linux of the cluster's minor",
    sources=(KARPENTER_NODE_CLASSES, EKS_IMAGES),
)
def select(context: Context) -> Iterator[Said]:
    """No node starts or joins: its class selects subnets, security groups or images that the cluster cannot use.

    Subnets and security groups of another stack may be meant, so the check applies if the stack makes the cluster and
    its network. An image that no node can start from is an error.
    """
    for found in context.graph.of(*NODE_CLASSES.values()):
        spec = part(found.inputs, "spec")
        images = [*_images(spec, context)] if found.type == NODE_CLASSES[KARPENTER_GROUP, "EC2NodeClass"] else []
        problems = [*images, *_network(spec, context.graph)]
        subject = f"{found.type.rpartition(':')[2]} {object_name(found)}"
        yield verdict(subject, problems, "what it selects is there", "error" if images else "")


def _images(spec: Mapping[str, Any], context: Context) -> Iterator[Problem]:
    minors = sorted({cluster.version for cluster in context.clusters if cluster.version})
    for term in spec.get("amiSelectorTerms") or ():
        family = str(term.get("alias") or "").partition("@")[0].lower()
        if family.startswith("windows"):
            yield Problem(f"its image is {term['alias']}, which runs no GPU pod of Linux", "select an image for Linux")
        if family == "al2" and minors and minor_of(minors[0]) > minor_of(_LAST_AL2):
            said = f"its image is {term['alias']}, and EKS makes none for Kubernetes {minors[0]}"
            yield Problem(said, "select al2023 or bottlerocket")
        told = str(spec.get("amiFamily") or "").lower()
        if family and told and told not in (family, "custom"):
            yield Problem(f"amiFamily is {spec['amiFamily']}, and its image is {term['alias']}", "leave amiFamily out")


def _network(spec: Mapping[str, Any], graph: Graph) -> Iterator[Problem]:
    own = _cluster_groups(graph)
    subnets = {subnet.id for subnet in graph.of("aws:ec2/subnet:Subnet")}
    if not own or not subnets:
        return
    for term in spec.get("subnetSelectorTerms") or ():
        if term.get("id") and term["id"] not in subnets:
            yield Problem(
                f"it selects subnet {term['id']}, which the stack does not have", "select the stack's subnets"
            )
    terms = list(spec.get("securityGroupSelectorTerms") or ())
    if terms and not any(_is_there(term, own, graph) for term in terms):
        yield Problem("it selects no security group of the stack", f"select {', '.join(sorted(own))}")


def _is_there(term: Mapping[str, Any], own: set[str], graph: Graph) -> bool:
    """Whether a term selects a security group of the stack; True for tags that AWS itself may have given."""
    groups = {group.id: group for group in graph.of(SECURITY_GROUP)}
    if term.get("id"):
        return term["id"] in own or term["id"] in groups
    if term.get("name"):
        names = [str(group["name"]) for group in groups.values()]
        return str(term["name"]) in names or any(
            f"eks-cluster-sg-{each.inputs.get('name')}-" in str(term["name"]) for each in graph.of(RESOURCE)
        )
    wanted = dict(term.get("tags") or {})
    tags = [dict(group.inputs.get("tags") or {}) for group in groups.values()]
    added: dict[str, dict[str, str]] = {}
    for tag in graph.of("aws:ec2/tag:Tag"):
        added.setdefault(str(tag.inputs.get("resourceId")), {})[str(tag.inputs.get("key"))] = str(
            tag.inputs.get("value")
        )
    given = {f"{CLUSTER_TAG}{each.inputs.get('name')}": "owned" for each in graph.of(RESOURCE)}
    given |= {"aws:eks:cluster-name": str(graph.of(RESOURCE)[0].inputs.get("name"))}
    tags += [{**given, **of} for id_, of in added.items() if id_ in (*own, "None")] or [given]
    return any(all(key in of and value in ("*", of[key]) for key, value in wanted.items()) for of in tags)
