"""The law of the pool: whatever makes its nodes, the same pods run on them and its ceiling is the same.

Judged by the planner, from the objects that AWS and Kubernetes would be given.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from components.auto_mode_gpu_pool import auto_mode_problems
from components.catalog import CapacityType, allocatable, dra_devices, on_demand_price
from components.nodes.auto_scaling_group import auto_scaling_group
from components.nodes.autoscaler_tags import autoscaler_tags
from components.nodes.managed_node_group import managed_node_group
from components.nodes.node_group import NodeGroup
from components.nodes.node_overlay import node_overlay
from components.nodes.node_pool import (
    AUTO_MODE,
    KARPENTER,
    Provisioner,
    node_class_annotations,
    node_pool,
    reservation_terms,
)
from components.nodes.placement import node_group_problems, placement, places
from components.nodes.user_data import user_data
from components.nodes.warm import capacity_buffer, placeholders, pod_template, priority_class
from components.values.gpu_pool import GpuPool
from components.values.reservation import Reservation
from components.values.value import check, problems
from eks_gpu.cost.admission import Room, rooms
from eks_gpu.cost.gangs import judged_together
from eks_gpu.cost.kept_ready import kept_fleet
from eks_gpu.graph.graph import Graph, Resource
from eks_gpu.pods.claims import Claim, Request, Wanted
from eks_gpu.pods.demand import workloads
from eks_gpu.pods.pod import Pod, Toleration
from eks_gpu.pools.cluster_of import Owners
from eks_gpu.pools.readers import pools as read_pools
from tests.gangs import group as gang
from tests.given import CLUSTER, subnets
from tests.pools import PLACEABLE, pools

REGION, LETTERS = "us-west-2", "abcd"
RENDERINGS = ("managed-node-group", "auto-scaling-group", "karpenter", "auto-mode")
SUBNETS = [
    Resource(
        f"urn:{place['zone']}",
        "aws:ec2/subnet:Subnet",
        place["zone"],
        id=place["subnet_id"],
        inputs={"availabilityZone": place["zone"]},
    )
    for place in subnets(LETTERS)
]


# From a pool to what each rendering would register


def wire(value: Any) -> Any:
    """As a provider is told it: camelCase keys. Labels have none of their own, by `pools`."""
    if isinstance(value, Mapping):
        return {_camel(key): wire(item) for key, item in value.items()}
    return [wire(item) for item in value] if isinstance(value, list) else value


def _camel(key: str) -> str:
    first, *rest = key.split("_")
    return first + "".join(word.capitalize() for word in rest)


def managed(name: str, group: NodeGroup) -> Iterator[Resource]:
    inputs, made = wire(managed_node_group(group)) | {"nodeGroupName": name}, f"eks-{name}"
    if group.target:
        inputs["launchTemplate"] = {"id": f"lt-{name}"}
        yield template_of(name, group)
    outputs = {"resources": [{"autoscalingGroups": [{"name": made}]}]}
    yield Resource(f"urn:managed:{name}", "aws:eks/nodeGroup:NodeGroup", name, inputs=inputs, outputs=outputs)
    for number, (key, value) in enumerate(autoscaler_tags(group.node).items()):
        tag = {"autoscalingGroupName": made, "tag": {"key": key, "value": value}}
        yield Resource(f"urn:tag:{name}-{number}", "aws:autoscaling/tag:Tag", f"{name}-{number}", inputs=tag)


def self_managed(name: str, group: NodeGroup) -> Iterator[Resource]:
    inputs = wire(auto_scaling_group(group, {"launch_template_id": f"lt-{name}", "version": "1"}))
    yield Resource(f"urn:asg:{name}", "aws:autoscaling/group:Group", name, inputs=inputs)
    yield template_of(name, group, userData=user_data(group.node, CLUSTER))


def template_of(name: str, group: NodeGroup, **more: Any) -> Resource:
    tags = {"tags": group.template["tags"]} if group.target else {}  # the keys of tags are no names of inputs
    inputs = wire(group.template) | tags | more
    return Resource(f"urn:lt:{name}", "aws:ec2/launchTemplate:LaunchTemplate", name, id=f"lt-{name}", inputs=inputs)


GATES = {"nodeOverlay": True, "staticCapacity": True, "capacityBuffer": True}
GATES_ON = Resource(
    "urn:karpenter",
    "kubernetes:helm.sh/v3:Release",
    "karpenter",
    inputs={"chart": "karpenter", "values": {"settings": {"featureGates": GATES}}},
)


def provisioned(pool: GpuPool, provisioner: Provisioner) -> Iterator[Resource]:
    if provisioner.overlays and (overlay := node_overlay(pool, "gpu")):
        inputs = {"apiVersion": "karpenter.sh/v1alpha1", "kind": "NodeOverlay", "metadata": {"name": "gpu"}}
        type_ = "kubernetes:karpenter.sh/v1alpha1:NodeOverlay"
        yield Resource("urn:overlay", type_, "gpu", inputs={**inputs, "spec": overlay})
        yield GATES_ON
    spec = node_pool(pool, provisioner, "gpu", list(places(pool, subnets(LETTERS), REGION).types))
    inputs = {"apiVersion": "karpenter.sh/v1", "kind": "NodePool", "metadata": {"name": "gpu"}, "spec": spec}
    yield Resource("urn:node-pool", "kubernetes:karpenter.sh/v1:NodePool", "gpu", inputs=inputs)
    if pool.reservations:
        spec = reservation_terms(pool, provisioner, ()) | {"subnetSelectorTerms": [{"id": one.id} for one in SUBNETS]}
        api_version, kind = f"{provisioner.group}/v1", provisioner.node_class_kind
        meta = {"name": "gpu", "annotations": node_class_annotations(pool)}
        inputs = {"apiVersion": api_version, "kind": kind, "metadata": meta, "spec": spec}
        yield Resource("urn:node-class", f"kubernetes:{api_version}:{kind}", "gpu", inputs=inputs)


def registered(pool: GpuPool, rendering: str) -> Iterator[Resource]:
    if rendering in ("karpenter", "auto-mode"):
        yield from provisioned(pool, KARPENTER if rendering == "karpenter" else AUTO_MODE)
        return
    render = managed if rendering == "managed-node-group" else self_managed
    for name, group in placement(pool, subnets(LETTERS), REGION).groups.items():
        yield from render(name, group)


def planned(pool: GpuPool, rendering: str) -> list[Room]:
    graph = Graph([*SUBNETS, *registered(pool, rendering)])
    found = rooms(read_pools(graph, REGION), [], [])
    assert {room.pool.backend for room in found} == {rendering}
    return found


def admits(found: list[Room], pod: Pod) -> bool:
    return any(room.verdict(pod).admits for room in found)


def ceiling(found: list[Room]) -> int:
    return sum(room.pool.max_gpus or 0 for room in found)


# Pools that every rendering can express, and pods around what separates those that fit from those that do not


def renderings(pool: GpuPool) -> tuple[str, ...]:
    """Auto Mode cannot share GPUs."""
    return RENDERINGS[:-1] if pool.sharing else RENDERINGS


def expressible(pool: GpuPool) -> bool:
    places_ = len(LETTERS) * len(pool.capacity_types)
    whole = pool.model_copy(update={"sharing": None})
    return pool.max_nodes >= places_ and not auto_mode_problems("gpu", whole) and not node_group_problems(pool)


POOLS = (
    pools()
    .map(lambda pool: pool.model_copy(update={"capacity_types": tuple(sorted(pool.capacity_types, reverse=True))}))
    .filter(expressible)
)


def reserved(pool: GpuPool, instances: int) -> GpuPool:
    """The pool on so many reserved instances alone, in the first zone that has its type."""
    (zone, *_), row = places(pool, subnets(LETTERS), REGION).types, pool.instance_types[0]
    said = {"id": "cr-0123456789abcdef0", "instances": instances, "zone": zone, "instance_type": row.name}
    changed = {"capacity_types": (CapacityType.RESERVED,), "reservations": (check(Reservation, said),)}
    return pool.model_copy(update=changed)


RESERVED = st.builds(reserved, POOLS, st.integers(1, 50))


def around(value: int) -> st.SearchStrategy[int]:
    return st.sampled_from([0, 1, value // 2, value - 1, value, value + 1])


def tolerations(pool: GpuPool) -> st.SearchStrategy[tuple[Toleration, ...]]:
    (taint,) = pool.taints
    exact = Toleration(taint.key, "Equal", taint.value, taint.effect)
    exists = Toleration(taint.key, "Exists")
    wrong = (Toleration(taint.key, "Equal", "no"), Toleration("other", "Exists"))
    return st.sampled_from([(), (exact,), (exists,), (exists,), (Toleration(operator="Exists"),), wrong])


def selectors(pool: GpuPool) -> st.SearchStrategy[dict[str, str]]:
    right = {
        **pool.node_labels,
        "kubernetes.io/arch": pool.architecture,
        "kubernetes.io/os": "linux",
        "node.kubernetes.io/instance-type": pool.instance_types[0].name,
    }
    key = st.sampled_from(sorted(right))
    own = key.flatmap(lambda key: st.sampled_from([right[key], right[key], "other"]).map(lambda value: {key: value}))
    zone = st.sampled_from([*"abcde"]).map(lambda letter: {"topology.kubernetes.io/zone": f"us-west-2{letter}"})
    return st.tuples(own | st.just({}), zone | st.just({})).map(lambda both: both[0] | both[1])


def pods(pool: GpuPool) -> st.SearchStrategy[Pod]:
    room = allocatable(pool.instance_types[0])
    return st.builds(
        lambda devices, cpu, memory, selector, tolerated: Pod(
            requests={pool.resource: devices, "cpu": cpu, "memory": memory},
            node_selector=selector,
            tolerations=tolerated,
        ),
        around(room[pool.resource]),
        around(room["cpu"]),
        around(room["memory"]),
        selectors(pool),
        tolerations(pool),
    )


# The law


def all_renderings_agree(data: st.DataObject) -> None:
    """The law, for one pool and some pods."""
    pool = data.draw(POOLS | RESERVED)
    found = {rendering: planned(pool, rendering) for rendering in renderings(pool)}

    nodes = min([pool.max_nodes, *(each.instances or 0 for each in pool.reservations)])
    most = nodes * pool.accelerators_per_node
    assert {rendering: ceiling(each) for rendering, each in found.items()} == dict.fromkeys(found, most)
    for pod in data.draw(st.lists(pods(pool), min_size=5, max_size=15)):
        taken = {rendering: admits(each, pod) for rendering, each in found.items()}
        event(f"{'taken' if taken['karpenter'] else 'refused'}, {'shared' if pool.sharing else 'whole'}")
        assert len(set(taken.values())) == 1, (pod, taken)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_all_renderings_of_a_pool_admit_the_same_pods_under_the_same_ceiling(data):
    all_renderings_agree(data)


@pytest.mark.parametrize("profile", ["1g.5gb", "3g.20gb"])
def test_slices_of_a_gpu_are_admitted_by_all_that_can_cut_them(profile):
    pool = check(GpuPool, {"instance_types": ["p4d.24xlarge"], "max_gpus": 64, "mig": profile})
    tolerated = (Toleration(pool.taints[0].key, "Exists"),)
    for rendering in RENDERINGS[:-1]:
        found = planned(pool, rendering)
        for wanted in (pool.resource, "nvidia.com/gpu", "nvidia.com/mig-7g.40gb"):
            for count in (1, pool.resources_per_node, pool.resources_per_node + 1):
                fits = wanted == pool.resource and count <= pool.resources_per_node
                pod = Pod(requests={wanted: count}, tolerations=tolerated)
                assert admits(found, pod) == fits, (rendering, wanted, count)
        assert ceiling(found) == 64


def test_efa_interfaces_are_admitted_by_all_renderings():
    efa = {"instance_types": ["p4d.24xlarge"], "max_gpus": 64, "efa": True, "zones": ["us-west-2c"]}
    pool = check(GpuPool, efa)
    tolerated = (Toleration(pool.taints[0].key, "Exists"),)
    for rendering in RENDERINGS:
        for count in (1, 4, 5):
            pod = Pod(requests={"nvidia.com/gpu": 8, "vpc.amazonaws.com/efa": count}, tolerations=tolerated)
            assert admits(planned(pool, rendering), pod) == (count <= 4), (rendering, count)


@pytest.mark.parametrize("rendering", RENDERINGS)
@pytest.mark.parametrize(
    ("size", "refused"), [(4, ""), (5, "its gang of 5 pods needs 5 nodes at once, the pools end at 4")]
)
def test_a_gang_of_whole_nodes_with_efa_ends_at_max_gpus(rendering, size, refused):
    wish = {"instance_types": ["p4d.24xlarge"], "max_gpus": 32, "efa": True, "zones": ["us-west-2c"]}
    limits = {"nvidia.com/gpu": 8, "vpc.amazonaws.com/efa": 4}
    graph = Graph([*SUBNETS, *registered(check(GpuPool, wish), rendering), gang(size, **limits)])
    found = rooms(read_pools(graph, REGION), [], [])
    members = [work for work in workloads(graph) if work.name == "big"]
    verdicts = {work.urn: [room.verdict(work.pod) for room in found] for work in members}
    assert all(any(each.admits for each in of_one) for of_one in verdicts.values())
    together = judged_together(members, verdicts, found)
    assert {str(each.reason) for of_one in together.values() for each in of_one} == ({refused} if refused else set())


@pytest.mark.parametrize("rendering", RENDERINGS)
def test_huge_pages_are_of_no_empty_node(rendering):
    wish = {"instance_types": ["p4d.24xlarge"], "max_gpus": 32, "efa": True, "zones": ["us-west-2c"]}
    pool = check(GpuPool, wish)
    tolerated = (Toleration(pool.taints[0].key, "Exists"),)
    asked = {"nvidia.com/gpu": 8, "vpc.amazonaws.com/efa": 4}
    assert admits(planned(pool, rendering), Pod(requests=asked, tolerations=tolerated))
    assert not admits(planned(pool, rendering), Pod(requests={**asked, "hugepages-2Mi": 5120}, tolerations=tolerated))


@settings(max_examples=50, deadline=None)
@given(POOLS, st.integers(1, 3))
def test_a_pod_that_the_pool_is_for_runs_on_every_rendering(pool, zone):
    offered = list(places(pool, subnets(LETTERS), REGION).types)
    pod = Pod(
        requests={pool.resource: pool.resources_per_node, "cpu": 1000, "memory": 1024},
        node_selector={
            **pool.node_labels,
            "topology.kubernetes.io/zone": offered[zone % len(offered)],
            "kubernetes.io/arch": pool.architecture,
        },
        tolerations=(Toleration(pool.taints[0].key, "Exists"),),
    )

    assert [admits(planned(pool, rendering), pod) for rendering in renderings(pool)] == [True] * len(renderings(pool))


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_with_types_of_several_sizes_karpenter_takes_whatever_a_group_takes(data):
    """And more: a group's node may be its smallest type, Karpenter looks at the pod first."""
    first = check(GpuPool, {"instance_types": [data.draw(st.sampled_from(PLACEABLE))], "max_gpus": 16}).instance_types[
        0
    ]
    alike = [
        name
        for name in PLACEABLE
        if (pool := check(GpuPool, {"instance_types": [name], "max_gpus": 16})).accelerators_per_node
        == first.accelerators
        and pool.instance_types[0].family == first.family
        and on_demand_price(name, REGION)
    ]
    pool = check(GpuPool, {"instance_types": alike or [first.name], "max_gpus": 400})
    groups, provisioned_ = planned(pool, "managed-node-group"), planned(pool, "karpenter")

    for pod in data.draw(st.lists(pods(pool), min_size=5, max_size=15)):
        assert admits(provisioned_, pod) or not admits(groups, pod), pod


CLAIMED = sorted(name for name in PLACEABLE if name in dra_devices() and len(dra_devices()[name].pcie_roots) <= 8)
CONDITIONS = (
    "device.capacity['gpu.nvidia.com'].memory.compareTo(quantity('22Gi')) >= 0",
    "device.attributes['gpu.nvidia.com'].cudaComputeCapability.isGreaterThan(semver('8.0.0'))",
    "device.attributes['gpu.nvidia.com'].productName.lowerAscii().contains('l4')",
)


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(CLAIMED), st.integers(1, 8), st.sets(st.sampled_from(CONDITIONS)), st.booleans())
def test_karpenter_and_auto_mode_take_the_same_claims_and_node_groups_refuse_such_a_pool(name, gpus, wanted, tolerated):
    pool = check(GpuPool, {"instance_types": [name], "max_gpus": 16, "devices": "claims"})
    request = Request("gpu", (Wanted("gpu", tuple(sorted(wanted)), gpus),))
    claiming = Pod(tolerations=(Toleration(pool.taints[0].key, "Exists"),) if tolerated else ())
    pod = claiming.with_claims((Claim("gpu", (request,)),))

    taken = {rendering: admits(planned(pool, rendering), pod) for rendering in ("karpenter", "auto-mode")}
    event("taken" if taken["karpenter"] else "refused")
    assert auto_mode_problems("gpu", pool) or len(set(taken.values())) == 1, taken
    assert taken["karpenter"] <= (tolerated and gpus <= pool.accelerators_per_node)
    assert ["pool.devices" in problem for problem in node_group_problems(pool)] == [True]


def test_the_larger_type_of_a_pool_is_karpenter_s_alone():
    pool = check(GpuPool, {"instance_types": ["g6.xlarge", "g6.2xlarge"], "max_gpus": 8})
    pod = Pod(requests={"nvidia.com/gpu": 1, "cpu": 6000}, tolerations=(Toleration("nvidia.com/gpu", "Exists"),))

    assert {rendering: admits(planned(pool, rendering), pod) for rendering in RENDERINGS} == {
        "managed-node-group": False,  # it may bring a g6.xlarge
        "auto-scaling-group": False,
        "karpenter": True,
        "auto-mode": True,
    }


# What is there while nothing runs


@settings(max_examples=15, deadline=None)
@given(POOLS, st.integers(0, 4), st.data())
def test_a_fixed_number_of_nodes_is_the_same_on_every_rendering(pool, more, data):
    nodes = min(len(LETTERS) + more, pool.max_nodes)  # one in each zone at least
    fixed = pool.model_copy(update={"nodes": nodes, "capacity_types": pool.capacity_types[:1], "weight": None})
    found = {rendering: planned(fixed, rendering) for rendering in renderings(pool)}

    for count in ("min_nodes", "max_nodes_for_pods"):
        counted = {rendering: sum(getattr(room.pool, count) for room in each) for rendering, each in found.items()}
        assert counted == dict.fromkeys(found, nodes)
    for pod in data.draw(st.lists(pods(fixed), min_size=3, max_size=6)):
        assert len({admits(each, pod) for each in found.values()}) == 1, pod


def keeping(pool: GpuPool, rendering: str) -> Iterator[Resource]:
    """What keeps the pool's accelerators ready."""
    by_name = {"metadata": {"name": "gpu-warm", "namespace": "gpu-warm"}}
    selector = {"karpenter.sh/nodepool": "gpu"} if rendering in ("karpenter", "auto-mode") else {}
    if rendering == "karpenter":
        template = {**by_name, "template": pod_template("gpu", pool, selector)}
        yield Resource("urn:template", "kubernetes:core/v1:PodTemplate", "gpu-warm", inputs=template)
        buffer = {**by_name, "spec": capacity_buffer("gpu", pool)}
        yield Resource(
            "urn:buffer", "kubernetes:autoscaling.x-k8s.io/v1beta1:CapacityBuffer", "gpu-warm", inputs=buffer
        )
        return
    low = priority_class("gpu")
    yield Resource("urn:class", "kubernetes:scheduling.k8s.io/v1:PriorityClass", "gpu-warm", inputs=low)
    yield Resource("urn:held", "kubernetes:apps/v1:Deployment", "gpu-warm", inputs=placeholders("gpu", pool, selector))


def kept_ready(pool: GpuPool, rendering: str) -> int:
    graph = Graph([*SUBNETS, *registered(pool, rendering), *keeping(pool, rendering)])
    space = rooms(read_pools(graph, REGION), [], [])
    fleet = kept_fleet(graph, workloads(graph), space, Owners(graph))
    assert not fleet.not_kept
    return sum(fleet.nodes.values())


def with_warm(pool: GpuPool, warm: int) -> GpuPool | None:
    """The pool with so many accelerators kept ready, or None where its shares are too many pods for a node."""
    warm = min(warm, pool.max_nodes * pool.accelerators_per_node)
    given = {"instance_types": [pool.instance_types[0].name], "max_gpus": pool.max_gpus, "warm_gpus": warm}
    if pool.sharing and problems(GpuPool, {**given, "sharing": pool.sharing.model_dump()}):
        return None
    return pool.model_copy(update={"warm_gpus": warm})


SHARED = {"instance_types": ["p5.48xlarge"], "max_gpus": 16, "capacity_types": ["spot"]}


@settings(max_examples=15, deadline=None)
@given(POOLS, st.integers(1, 16))
@example(check(GpuPool, {**SHARED, "sharing": {"strategy": "time-slicing", "replicas": 11}}), 16)
@example(check(GpuPool, {**SHARED, "sharing": {"strategy": "time-slicing", "replicas": 13}}), 8)
def test_warm_gpus_keep_the_same_number_of_nodes_on_every_rendering(pool, warm):
    kept = with_warm(pool, warm)
    if kept is None:
        event("too many shares")
        return
    needed = -(-kept.warm_gpus // pool.accelerators_per_node)

    found = {rendering: kept_ready(kept, rendering) for rendering in renderings(pool)}
    assert found == dict.fromkeys(found, needed)
