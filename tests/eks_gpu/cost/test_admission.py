"""Admission: the scheduler's filters, rule by rule, and what holds for every pod."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eks_gpu.cost.admission import Room, rooms, rooms_of_clusters, tolerates
from eks_gpu.graph.graph import Graph
from eks_gpu.pods.pod import Expression, Pod, Term, Toleration, pod_from_template
from eks_gpu.pods.selection import matches
from eks_gpu.pools.pool import Pool, Template, Upgrade
from eks_gpu_components.catalog import Taint, instance_types
from tests.graphs import resource

TAINT = Taint("nvidia.com/gpu", "true", "NoSchedule")
TOLERATES = Toleration("nvidia.com/gpu", "Exists", effect="NoSchedule")


def gpu_pool(**changes: Any) -> Pool:
    values: dict[str, Any] = {
        "name": "gpu",
        "backend": "auto-scaling-group",
        "urn": "urn:gpu",
        "upgrade": Upgrade("stays", "nothing moves"),
        "region": "us-west-2",
        "instance_types": ("g4dn.xlarge",),
        "capacity_types": ("spot",),
        "zones": ("us-west-2a",),
        "min_nodes": 0,
        "desired_nodes": 0,
        "max_nodes": 4,
        "labels": {"team": "ml", "size": "4"},
        "taints": (TAINT,),
    }
    return Pool(**{**values, **changes})


def reason(pod: Pod, room: Room | None = None, **pool: Any) -> str:
    return (room or Room(gpu_pool(**pool))).verdict(pod).reason


def gpu_pod(**changes: Any) -> Pod:
    return Pod(**{"requests": {"nvidia.com/gpu": 1}, "tolerations": (TOLERATES,), **changes})


def requires(*expressions: Expression, **changes: Any) -> Pod:
    return gpu_pod(node_affinity=(Term(expressions),), **changes)


def test_a_pod_that_fits_is_admitted_without_a_reason():
    verdict = Room(gpu_pool()).verdict(gpu_pod())
    assert verdict.as_json() == {"pool": "gpu", "admits": True, "reason": ""}


def test_a_taint_that_nothing_tolerates():
    assert reason(gpu_pod(tolerations=())) == "pod does not tolerate taint nvidia.com/gpu=true:NoSchedule"


def test_a_soft_taint_keeps_nobody_away():
    assert reason(gpu_pod(tolerations=()), taints=(Taint("a", "b", "PreferNoSchedule"),)) == ""


@pytest.mark.parametrize(
    ("toleration", "expected"),
    [
        (Toleration("nvidia.com/gpu", "Exists"), True),
        (Toleration("", "Exists"), True),
        (Toleration("nvidia.com/gpu", "Equal", "true"), True),
        (Toleration("nvidia.com/gpu", "Equal", "true", "NoSchedule"), True),
        (Toleration("nvidia.com/gpu", "Equal", ""), False),  # what a toleration without operator and value means
        (Toleration("nvidia.com/gpu", "Exists", effect="NoExecute"), False),
        (Toleration("nvidia.com", "Exists"), False),
        (Toleration("", "Equal", "true"), False),
    ],
)
def test_what_tolerates_the_taint(toleration, expected):
    assert tolerates(toleration, TAINT) is expected


def test_a_selector_that_nodes_do_not_meet():
    pod = gpu_pod(node_selector={"team": "web"})
    assert reason(pod) == "pod selects team=web, nodes have team=ml"
    assert reason(gpu_pod(node_selector={"disk": "nvme"})) == "pod selects disk=nvme, nodes have no label disk"


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ({"kubernetes.io/arch": "amd64"}, True),
        ({"kubernetes.io/arch": "arm64"}, False),
        ({"kubernetes.io/os": "windows"}, False),
        ({"topology.kubernetes.io/zone": "us-west-2a"}, True),
        ({"topology.kubernetes.io/zone": "us-west-2b"}, False),
        ({"topology.kubernetes.io/region": "us-west-2"}, True),
        ({"node.kubernetes.io/instance-type": "g4dn.xlarge"}, True),
    ],
)
def test_labels_that_every_node_has(selector, expected):
    assert (reason(gpu_pod(node_selector=selector)) == "") is expected


@pytest.mark.parametrize(
    ("operator", "values", "expected"),
    [
        ("In", ("4", "8"), True),
        ("In", ("8",), False),
        ("NotIn", ("4",), False),
        ("NotIn", ("8",), True),
        ("Exists", (), True),
        ("DoesNotExist", (), False),
        ("Gt", ("3",), True),
        ("Gt", ("4",), False),
        ("Lt", ("5",), True),
        ("Lt", ("4",), False),
        ("Gt", ("x",), False),
        ("Gt", ("+3",), True),
        ("Gt", ("03",), True),
        ("Lt", ("1_0",), False),
        ("Lt", ("99999999999999999999",), False),
        ("Near", ("4",), False),
    ],
)
def test_operators_on_a_label(operator, values, expected):
    assert matches(Expression("size", operator, values), {"size": "4"}) is expected


@pytest.mark.parametrize(
    ("operator", "expected"),
    [("In", False), ("NotIn", True), ("Exists", False), ("DoesNotExist", True), ("Gt", False), ("Lt", False)],
)
def test_operators_without_the_label(operator, expected):
    assert matches(Expression("size", operator, ("4",)), {}) is expected


def test_one_term_is_enough_and_all_of_it_must_hold():
    ml, small = Expression("team", "In", ("ml",)), Expression("size", "Lt", ("2",))
    assert reason(gpu_pod(node_affinity=(Term((small,)), Term((ml,))))) == ""
    assert reason(requires(ml, small)) == "pod requires size Lt [2], nodes have team=ml, size=4"


def test_a_term_without_requirements_holds_nowhere():
    assert reason(gpu_pod(node_affinity=(Term(),))) == "pod requires an empty term, nodes have none"


def test_a_new_node_has_no_name_that_a_pod_could_ask_for():
    by_name = Expression("metadata.name", "In", ("ip-10-0-0-1",))
    assert reason(gpu_pod(node_affinity=(Term(fields=(by_name,)),))).startswith("pod requires metadata.name In")
    not_that = Expression("metadata.name", "NotIn", ("ip-10-0-0-1",))
    assert reason(gpu_pod(node_affinity=(Term(fields=(not_that,)),))) == ""
    assert reason(gpu_pod(node_name="n1")) == "the pod names its node itself, n1"


def test_required_affinity_is_read_from_a_manifest():
    term = {"matchExpressions": [{"key": "team", "operator": "In", "values": ["web"]}]}
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
    tolerations = [{"key": "nvidia.com/gpu", "operator": "Exists"}]
    pod = pod_from_template({"spec": {"affinity": {"nodeAffinity": required}, "tolerations": tolerations}})
    assert reason(pod) == "pod requires team In [web], nodes have team=ml"


def test_resources_after_kubelet_has_its_share():
    # 16 GiB less 7.5 % for the hypervisor, 255 MiB and 11 a pod for kubelet, 100 for eviction; 4 cores less 80 m.
    full = gpu_pod(requests={"cpu": 3920, "memory": 14481})
    assert reason(full) == ""
    assert reason(gpu_pod(requests={"cpu": 3921})) == "pod needs 3921m of CPU, an empty g4dn.xlarge has 3920m"
    more = gpu_pod(requests={"memory": 14482})
    assert reason(more) == "pod needs 14482Mi of memory, an empty g4dn.xlarge has 14481Mi"
    two = gpu_pod(requests={"nvidia.com/gpu": 2})
    assert reason(two) == "pod needs 2 of nvidia.com/gpu, an empty g4dn.xlarge has 1"


def test_a_tag_says_how_often_a_gpu_is_shared():
    shared = Template(resources={"nvidia.com/gpu": "4"})
    assert reason(gpu_pod(requests={"nvidia.com/gpu": 4}), template=shared) == ""


def test_an_empty_group_takes_what_the_autoscaler_expects_of_its_first_node():
    """The rest must be told by tags: labels, taints, and every resource but CPU, memory and NVIDIA GPUs."""
    told = Template(
        labels={"team": "ml"}, taints=(TAINT,), resources={"ephemeral-storage": "10Gi", "nvidia.com/gpu": "many"}
    )
    asking: Any = {"requests": {"nvidia.com/gpu": 1, "ephemeral-storage": 10 * 1024}}
    assert reason(gpu_pod(**asking), template=told) == ""
    assert reason(gpu_pod(**asking), template=Template()) == (
        "while the group is empty, pod needs 10240Mi of ephemeral-storage, an empty g4dn.xlarge that the autoscaler "
        "expects has 0Mi"
    )
    assert reason(gpu_pod(**asking), template=Template(), desired_nodes=1) == ""
    assert reason(gpu_pod(**asking), template=Template(), min_nodes=1) == ""
    selecting = gpu_pod(node_selector={"size": "4"})
    assert reason(selecting, template=told) == "while the group is empty, pod selects size=4, nodes have no label size"
    other = Template(taints=(Taint("team", "ml", "NoExecute"), Taint("late", "", "PreferNoSchedule")))
    assert (
        reason(gpu_pod(), template=other) == "while the group is empty, pod does not tolerate taint team=ml:NoExecute"
    )


@pytest.mark.parametrize(
    ("asked", "cpu"),
    [
        ({}, 100),
        ({"resources": {"requests": {"cpu": "250m"}}}, 250),
        ({"resources": {"requests": {"cpu": "lots"}}}, 100),
    ],
)
def test_a_metrics_exporter_takes_its_part_of_a_gpu_node_by_its_charts_values(asked, cpu):
    values = {"tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}], "nodeSelector": {"team": "ml"}, **asked}
    release = resource("kubernetes:helm.sh/v3:Release", "dcgm", {"chart": "dcgm-exporter", "values": values})
    without, with_it = (rooms_of_clusters([gpu_pool()], [], Graph(found)) for found in ([], [release]))
    left = [room.left(room.pool.candidates[0]) for (room,) in (without, with_it)]
    assert (left[0]["cpu"] - left[1]["cpu"], left[0]["memory"] - left[1]["memory"]) == (cpu, 128)
    assert left[0]["pods"] - left[1]["pods"] == 1


def test_daemon_sets_and_add_ons_take_their_part_of_a_node():
    daemon = Pod(requests={"cpu": 100}, tolerations=(Toleration("", "Exists"),))
    elsewhere = Pod(requests={"cpu": 1000})  # does not tolerate the taint
    (room,) = rooms([gpu_pool()], [daemon, elsewhere], [{"cpu": 50, "memory": 0}])
    assert room.left(room.pool.candidates[0])["cpu"] == 3770
    assert room.left(room.pool.candidates[0])["pods"] == 27
    assert reason(gpu_pod(requests={"cpu": 3771}), room) == "pod needs 3771m of CPU, an empty g4dn.xlarge has 3770m"


def test_a_group_that_picks_the_type_itself_must_suit_with_every_type():
    both: Any = {"instance_types": ("g4dn.2xlarge", "g4dn.xlarge")}
    pod = gpu_pod(requests={"cpu": 5000})
    expected = "the group may bring g4dn.xlarge in us-west-2a: pod needs 5000m of CPU, an empty g4dn.xlarge has 3920m"
    assert reason(pod, **both) == expected
    assert reason(pod, **both, backend="karpenter") == ""


def test_a_group_over_several_zones_cannot_promise_one():
    pod = gpu_pod(node_selector={"topology.kubernetes.io/zone": "us-west-2a"})
    assert reason(pod, zones=("us-west-2a", "us-west-2b")) == (
        "the group may bring g4dn.xlarge in us-west-2b: pod selects topology.kubernetes.io/zone=us-west-2a, "
        "nodes have topology.kubernetes.io/zone=us-west-2b"
    )


def test_a_pool_that_may_have_no_node_takes_nothing():
    assert reason(gpu_pod(), max_nodes=0) == "the pool's maximum is 0 nodes"


def test_a_pool_of_unknown_types_takes_nothing():
    expected = "no instance type of the pool is known: g99.xlarge"
    assert reason(gpu_pod(), instance_types=("g99.xlarge",)) == expected


# --- laws ------------------------------------------------------------------------------------------------------------

_keys = st.sampled_from(["", "a", "b", "nvidia.com/gpu"])
_values = st.sampled_from(["", "true", "x"])
_effects = st.sampled_from(["NoSchedule", "NoExecute", "PreferNoSchedule"])
_tolerations = st.builds(
    Toleration, _keys, st.sampled_from(["Equal", "Exists"]), _values, st.one_of(st.just(""), _effects)
)
_taints = st.builds(Taint, st.sampled_from(["a", "b", "nvidia.com/gpu"]), _values, _effects)
_labels = st.dictionaries(st.sampled_from(["a", "b"]), _values, max_size=2)
_pools = st.builds(
    lambda row, taints, labels: gpu_pool(instance_types=(row.name,), taints=tuple(taints), labels=labels),
    st.sampled_from([row for row in instance_types() if row.gpus]),
    st.lists(_taints, max_size=3),
    _labels,
)


@given(_pools, st.lists(_tolerations, max_size=3), _tolerations)
def test_one_more_toleration_never_loses_a_pool(pool, tolerations, more):
    before = Room(pool).verdict(gpu_pod(tolerations=tuple(tolerations)))
    after = Room(pool).verdict(gpu_pod(tolerations=(*tolerations, more)))
    assert after.admits or not before.admits


@given(_pools, st.lists(_tolerations, max_size=3), _taints)
def test_one_more_taint_never_wins_a_pod(pool, tolerations, more):
    pod = gpu_pod(tolerations=tuple(tolerations))
    changed = gpu_pool(instance_types=pool.instance_types, taints=(*pool.taints, more), labels=pool.labels)
    assert Room(pool).verdict(pod).admits or not Room(changed).verdict(pod).admits


@given(_pools, st.integers(1, 32))
def test_gpus_are_admitted_up_to_a_nodes_count_and_never_beyond(pool, gpus):
    pod = Pod(requests={"nvidia.com/gpu": gpus}, tolerations=(Toleration("", "Exists"),))
    assert Room(pool).verdict(pod).admits == (gpus <= pool.gpus_per_node)


@given(st.sampled_from(["a", "b", "c"]), st.lists(_values, min_size=1), _labels)
def test_in_and_not_in_are_opposites(key, values, labels):
    within = matches(Expression(key, "In", tuple(values)), labels)
    assert within is not matches(Expression(key, "NotIn", tuple(values)), labels)


@given(_labels, st.lists(st.sampled_from(["a", "b", "c"]), max_size=3))
def test_every_requirement_more_admits_fewer(labels, keys):
    terms = [Expression(key, "Exists") for key in keys]
    admitted = [Room(gpu_pool(labels=labels)).verdict(requires(*terms[:n])).admits for n in range(1, len(terms) + 1)]
    assert admitted == sorted(admitted, reverse=True)
