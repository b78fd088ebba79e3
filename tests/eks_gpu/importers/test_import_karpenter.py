"""import: what the fields of node pools, node classes and provisioners become."""

from typing import Any

import pytest

from tests.imports import auto_mode_pool, bought, imported, node_class, node_pool, settings, write


@pytest.mark.parametrize(
    ("spec", "wanted"),
    [
        ({"disruption": {"consolidateAfter": "1h30m", "consolidationPolicy": "WhenEmpty"}}, {"idle_s": 5400}),
        (
            {"disruption": {"consolidateAfter": "5m", "budgets": [{"nodes": "20%"}]}},
            {"idle_s": 300, "disruption_budget": "20%"},
        ),
        ({"weight": 7}, {"weight": 7}),
        ({"limits": {"nvidia.com/gpu": "12", "cpu": 1000}}, {"max_gpus": 12}),
        ({"limits": {"cpu": "40"}}, {"max_gpus": 10}),
    ],
    ids=str,
)
def test_a_node_pools_field_reaches_its_pool(spec, wanted, tmp_path):
    own = {"instance_types": ["g6.xlarge"], "max_gpus": 4}
    assert bought(tmp_path, node_pool(spec=spec)) == {"pool": {**own, **wanted}}


LARGE = [{"key": "node.kubernetes.io/instance-type", "operator": "In", "values": ["g6.16xlarge"]}]  # 64 vCPUs, 256 GiB


@pytest.mark.parametrize(
    ("limits", "max_gpus"),
    [
        *(({"memory": text}, 6) for text in ("1536Gi", "1.5Ti", "1572864Mi", "1649267441664", "1649267441664000m")),
        *(({"memory": text}, 5) for text in ("1535.9Gi", "1.649e12", "1649G", "1.649T", "1649000000000.0")),
        *(({"cpu": given}, 6) for given in (384, "384", "384000m", "0.384k", "384e0", "384.")),
        *(({"cpu": text}, 5) for text in ("383999m", "383.999999", "0.3839k")),
        *(({"nvidia.com/gpu": given}, 8) for given in (8, "8", "8.0", "8000m", "0.008k", "8.9")),
        *(({"nodes": given}, 3) for given in (3, "3", "3.5", "3000m")),
        ({"nvidia.com/gpu": "1k", "cpu": "1M", "memory": "1Pi"}, 1000),
        ({"memory": "0"}, 1),
        ({"cpu": -1}, 1),
        ({"nvidia.com/gpu": 0}, 1),
        ({"nvidia.com/gpu": "1e99"}, 999_999_999),
    ],
    ids=str,
)
def test_equal_spellings_of_a_limit_give_equal_pools(limits, max_gpus, tmp_path):
    assert bought(tmp_path, node_pool(LARGE, spec={"limits": limits}))["pool"]["max_gpus"] == max_gpus


def test_a_node_class_gives_image_disk_and_reservations(tmp_path):
    spec = {
        "amiSelectorTerms": [{"alias": "bottlerocket@v1.46.0"}],
        "blockDeviceMappings": [
            {"deviceName": "/dev/xvda", "ebs": {"volumeSize": "4Gi"}},
            {"deviceName": "/dev/xvdb", "ebs": {"volumeSize": "150Gi"}},
        ],
        "capacityReservationSelectorTerms": [{"id": "cr-1"}],
    }
    reserved = [
        {"key": "node.kubernetes.io/instance-type", "operator": "In", "values": ["g6.xlarge"]},
        {"key": "karpenter.sh/capacity-type", "operator": "In", "values": ["on-demand", "reserved"]},
    ]
    assert bought(tmp_path, node_class(**spec), node_pool(reserved)) == {
        "image_version": "v1.46.0",
        "capacity_reservation_ids": ["cr-1"],
        "pool": {
            "instance_types": ["g6.xlarge"],
            "max_gpus": 4,
            "capacity_types": ["reserved", "on-demand"],
            "disk_gib": 150,
            "node_image": "bottlerocket",
        },
    }


def test_auto_modes_node_class_gives_the_speed_of_its_disk_and_reservations(tmp_path):
    storage = {"size": "200Gi", "iops": 6000, "throughput": 500}
    found = {
        "apiVersion": "eks.amazonaws.com/v1",
        "kind": "NodeClass",
        "metadata": {"name": "gpu"},
        "spec": {
            "role": "nodes",
            "ephemeralStorage": storage,
            "capacityReservationSelectorTerms": [{"id": "cr-1"}],
        },
    }
    reserved = [
        {"key": "node.kubernetes.io/instance-type", "operator": "In", "values": ["g6.xlarge"]},
        {"key": "karpenter.sh/capacity-type", "operator": "In", "values": ["on-demand", "reserved"]},
    ]
    pools = settings(tmp_path, found, auto_mode_pool(nodes={"requirements": reserved}))["auto_mode_gpu_pools"]
    assert pools["gpu"]["capacity_reservation_ids"] == ["cr-1"]
    assert pools["gpu"]["pool"]["capacity_types"] == ["reserved", "on-demand"]
    assert pools["gpu"]["storage"] == {"iops": 6000, "throughput_mib_s": 500}
    assert pools["gpu"]["pool"]["disk_gib"] == 200


def test_requirements_are_met_by_types_of_the_catalog(tmp_path):
    wanted = [
        {"key": "karpenter.k8s.aws/instance-gpu-name", "operator": "In", "values": ["l40s", "l4"]},
        {"key": "karpenter.k8s.aws/instance-gpu-count", "operator": "In", "values": ["1"]},
        {"key": "karpenter.k8s.aws/instance-cpu", "operator": "Lt", "values": ["9"]},
        {"key": "karpenter.k8s.aws/instance-size", "operator": "NotIn", "values": ["2xlarge"]},
        {"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["us-east-1b"]},
        {"key": "team", "operator": "In", "values": ["vision"]},
    ]
    answer, _ = imported(write(tmp_path, node_pool(wanted)))
    assert answer.region == "us-east-1"
    assert answer.settings["karpenter_gpu_pools"]["gpu"]["pool"] == {
        "instance_types": ["g6.xlarge", "g6e.xlarge"],
        "max_gpus": 4,
        "zones": ["us-east-1b"],
        "labels": {"team": "vision"},
    }


TYPE = {"key": "node.kubernetes.io/instance-type", "operator": "In", "values": ["g6.xlarge", "g5.xlarge"]}
RESERVATION = [{"id": "cr-1"}]


def of_capacity(*values: str, operator: str = "In") -> dict[str, Any]:
    return {"key": "karpenter.sh/capacity-type", "operator": operator, "values": [*values]}


def unstated(*requirements: Any, api: str = "karpenter.sh/v1") -> dict[str, Any]:
    pool = node_pool([TYPE, of_capacity("spot")])
    pool["spec"]["template"]["spec"]["requirements"] = [TYPE, *requirements]
    return {**pool, "apiVersion": api}


@pytest.mark.parametrize(
    ("pool", "wanted"),
    [
        (unstated(), ["spot", "on-demand"]),
        (unstated(api="karpenter.sh/v1beta1"), ["spot", "on-demand"]),
        (unstated(of_capacity("on-demand", "spot")), ["spot", "on-demand"]),
        (unstated(of_capacity("spot", operator="NotIn")), ["on-demand"]),
        (unstated(of_capacity(operator="Exists")), ["spot", "on-demand"]),
    ],
    ids=["v1", "v1beta1", "both", "not spot", "exists"],
)
def test_a_pool_may_start_every_kind_of_capacity_that_it_does_not_exclude(pool, wanted, tmp_path):
    answer, found = imported(write(tmp_path, pool))
    given = answer.settings["karpenter_gpu_pools"]["gpu"]["pool"].get("capacity_types", ["on-demand"])
    assert (given, [one.rule for one in found if one.rule != "api-versions-are-served"]) == (wanted, [])


@pytest.mark.parametrize(
    ("requirement", "reservations", "wanted", "told"),
    [
        ([], RESERVATION, ["reserved", "spot", "on-demand"], []),
        ([], [], ["spot", "on-demand"], []),
        ([of_capacity("reserved", "on-demand")], [], ["on-demand"], ["lost"]),
        ([of_capacity("reserved", "on-demand")], RESERVATION, ["reserved", "on-demand"], []),
        ([of_capacity("spot", operator="NotIn")], [], ["on-demand"], []),
    ],
    ids=["unstated with", "unstated without", "named without", "named with", "left"],
)
def test_reserved_capacity_needs_reservations_and_is_told_where_it_is_named(
    requirement, reservations, wanted, told, tmp_path
):
    terms = {"capacityReservationSelectorTerms": reservations} if reservations else {}
    answer, found = imported(write(tmp_path, node_class(**terms), unstated(*requirement)))
    pool = answer.settings["karpenter_gpu_pools"]["gpu"]["pool"]
    assert (pool.get("capacity_types", ["on-demand"]), [one.rule for one in found]) == (wanted, told)


def old(**spec: Any) -> dict[str, Any]:
    taint = {"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"}
    own = {"requirements": [TYPE], "limits": {"resources": {"nvidia.com/gpu": 4}}, "taints": [taint], **spec}
    return {"apiVersion": "karpenter.sh/v1alpha5", "kind": "Provisioner", "metadata": {"name": "gpu"}, "spec": own}


def test_a_provisioner_is_on_demand_and_amd64_where_it_says_neither(tmp_path):
    families = {"key": "karpenter.k8s.aws/instance-family", "operator": "In", "values": ["g5g", "g6"]}
    answer, found = imported(write(tmp_path, old(requirements=[families])))
    pool = answer.settings["karpenter_gpu_pools"]["gpu"]["pool"]
    assert "capacity_types" not in pool
    assert "architecture-is-required" not in [one.rule for one in found]
    assert {name.partition(".")[0] for name in pool["instance_types"]} == {"g6"}


def test_a_provisioner_without_types_is_one_for_general_work(tmp_path):
    answer, found = imported(write(tmp_path, old(requirements=[], limits={}, taints=[])))
    assert answer.settings == {}
    assert [one.rule for one in found] == ["api-versions-are-served", "lost"]


@pytest.mark.parametrize(
    ("spec", "max_gpus", "note", "told"),
    [
        ({"limits": {"nodes": "2"}, "replicas": 1}, 2, "from the limit of nodes", []),
        ({"limits": {"nodes": 3}}, 3, "from the limit of nodes", []),
        ({"limits": {"nodes": 3, "cpu": 100}}, 3, "from the limit of nodes", []),
        ({"limits": {"cpu": 40, "memory": "1Ti"}}, 10, "from the limits of cpu and memory", ["gpu-pools-are-capped"]),
        ({"limits": {"nvidia.com/gpu": 8, "nodes": 2}}, 8, None, ["gpu-limit-not-blocked-by-cpu-or-memory"]),
        ({"limits": {}}, 4, "chosen: there is no limit", ["gpu-pools-are-capped"]),
        ({"limits": {"nvidia.com/gpu": 4, "ephemeral-storage": "1Ti"}}, 4, None, ["lost"]),
    ],
    ids=["static", "nodes", "nodes and cpu", "cpu and memory", "blocked by nodes", "none", "another resource"],
)
def test_the_maximum_is_from_the_limit_that_binds(spec, max_gpus, note, told, tmp_path):
    answer, found = imported(write(tmp_path, node_pool(spec=spec)))
    assert answer.settings["karpenter_gpu_pools"]["gpu"]["pool"]["max_gpus"] == max_gpus
    assert answer.notes.get(("karpenter_gpu_pools", "gpu", "pool", "max_gpus")) == note
    assert [one.rule for one in found] == told


BOTTLEROCKET = [{"alias": "bottlerocket@v1.46.0"}]
SMALL = "node-volumes-hold-their-image"


@pytest.mark.parametrize(
    ("volumes", "disk_gib", "said"),
    [
        ({"/dev/xvda": "200Gi"}, 200, [("disks-have-room", 0, "images and pods fill /dev/xvdb, which has 20")]),
        ({"/dev/xvda": "2Gi", "/dev/xvdb": "100Gi"}, 100, [(SMALL, 0, "/dev/xvda has 2 GiB and must have 4 or more")]),
        ({"/dev/xvdb": "100Gi", "/dev/xvda": "3Gi"}, 100, [(SMALL, 1, "has 3 GiB and must have 4 or more")]),
        ({"/dev/xvda": "4Gi", "/dev/xvdb": "100Gi"}, 100, []),
        ({"/dev/xvdb": "100Gi"}, 100, []),
    ],
    ids=["system alone", "small system", "small system second", "both", "data alone"],
)
def test_a_disk_of_bottlerocket_is_the_one_for_images(volumes, disk_gib, said, tmp_path):
    mappings = [{"deviceName": name, "ebs": {"volumeSize": size}} for name, size in volumes.items()]
    given = node_class(amiSelectorTerms=BOTTLEROCKET, blockDeviceMappings=mappings)
    answer, found = imported(write(tmp_path, given, node_pool()))
    assert answer.settings["karpenter_gpu_pools"]["gpu"]["pool"]["disk_gib"] == disk_gib
    assert [(one.rule, one.place.path) for one in found] == [
        (rule, f"spec.blockDeviceMappings[{index}].ebs.volumeSize") for rule, index, _ in said
    ]
    assert all(words in one.message for one, (_, _, words) in zip(found, said, strict=True))


def test_a_node_class_that_no_pool_has_is_lost_once_and_its_faults_are_told(tmp_path):
    alone = node_class(metadataOptions={"httpTokens": "optional"}, detailedMonitoring=True, tags={"team": "vision"})
    _, found = imported(write(tmp_path, alone))
    assert [(one.rule, one.place.path) for one in found] == [
        ("lost", "metadata.name"),
        ("nodes-require-imdsv2", "spec.metadataOptions.httpTokens"),
    ]


SPARE_ROOM = "room for one node more than its number, which replaces another"


@pytest.mark.parametrize(
    ("spec", "nodes", "max_gpus", "note", "told"),
    [
        ({"limits": {"nodes": 4}, "replicas": 3}, 3, 4, "from the limit of nodes", []),
        ({"limits": {}, "replicas": 3}, 3, 4, SPARE_ROOM, []),
        ({"limits": {"nodes": 2}, "replicas": 3}, 2, 2, "from the limit of nodes", ["spec.replicas"]),
        ({"limits": {"nodes": 2}, "replicas": 0}, None, 2, "from the limit of nodes", ["spec.replicas"]),
        ({"limits": {"nodes": 4}, "replicas": 1, "weight": 5}, 1, 4, "from the limit of nodes", ["spec.weight"]),
        (
            {"limits": {"nodes": 4}, "replicas": 1, "disruption": {"consolidateAfter": "Never"}},
            1,
            4,
            "from the limit of nodes",
            [],
        ),
    ],
    ids=["fixed", "no limit", "beyond the limit", "none", "weight", "never"],
)
def test_static_capacity_is_a_fixed_number_of_nodes(spec, nodes, max_gpus, note, told, tmp_path):
    answer, found = imported(write(tmp_path, node_pool(spec=spec)))
    pool = answer.settings["karpenter_gpu_pools"]["gpu"]["pool"]
    assert (pool.get("nodes"), pool["max_gpus"]) == (nodes, max_gpus)
    assert not {"idle_s", "weight"} & pool.keys()
    assert answer.notes["karpenter_gpu_pools", "gpu", "pool", "max_gpus"] == note
    assert [one.place.path for one in found] == told


RESERVED_FIRST = of_capacity("reserved", "on-demand")


@pytest.mark.parametrize(
    ("term", "ids", "reservations", "told"),
    [
        ({"id": "cr-1"}, ["cr-1"], None, []),
        ({"tags": {"team": "ml", "for": "*"}}, None, [{"tags": {"team": "ml", "for": "*"}}], []),
        (
            {"tags": {"team": "ml"}, "ownerID": "111122223333"},
            None,
            [{"tags": {"team": "ml"}, "owner_id": "111122223333"}],
            [],
        ),
        ({"tags": {"team": "ml"}, "ownerID": "me"}, None, [{"tags": {"team": "ml"}}], ["ownerID"]),
        ({"id": "cr-1", "tags": {"team": "ml"}}, ["cr-1"], None, ["tags"]),
        (
            {"tags": {"team": "ml"}, "instanceMatchCriteria": "open"},
            None,
            [{"tags": {"team": "ml"}}],
            ["instanceMatchCriteria"],
        ),
    ],
    ids=["id", "tags", "owner", "no account", "id and tags", "criteria"],
)
def test_reservations_are_taken_by_id_and_by_tags(term, ids, reservations, told, tmp_path):
    nodes = node_class(capacityReservationSelectorTerms=[term])
    answer, found = imported(write(tmp_path, nodes, unstated(RESERVED_FIRST)))
    pool = answer.settings["karpenter_gpu_pools"]["gpu"]
    assert (pool.get("capacity_reservation_ids"), pool["pool"].get("reservations")) == (ids, reservations)
    at = "spec.capacityReservationSelectorTerms[0]"
    assert [one.place.path for one in found] == [f"{at}.{key}" for key in told]


def test_an_owner_without_tags_selects_nothing_that_a_pool_can_have(tmp_path):
    nodes = node_class(capacityReservationSelectorTerms=[{"ownerID": "111122223333"}])
    answer, found = imported(write(tmp_path, nodes, unstated(RESERVED_FIRST)))
    assert answer.settings["karpenter_gpu_pools"]["gpu"]["pool"].get("reservations") is None
    assert "spec.capacityReservationSelectorTerms[0].ownerID" in [one.place.path for one in found]


def of_type(name: str) -> dict[str, Any]:
    return {"key": "node.kubernetes.io/instance-type", "operator": "In", "values": [name]}


def on_disk(**ebs: Any) -> dict[str, Any]:
    disk = {"deviceName": "/dev/xvda", "ebs": {"volumeSize": "500Gi", "volumeType": "gp3", **ebs}}
    return node_class(blockDeviceMappings=[disk])


@pytest.mark.parametrize(
    ("ebs", "type_", "storage", "told"),
    [
        ({"iops": 8000, "throughput": 700}, "g6.xlarge", {"iops": 8000, "throughput_mib_s": 700}, []),
        ({"iops": 3000, "throughput": 125}, "g6.xlarge", None, []),
        ({"iops": 90000, "throughput": 700}, "g6.xlarge", {"throughput_mib_s": 700}, ["iops"]),
        ({"throughput": 1000}, "g6.xlarge", None, ["throughput"]),  # needs 4,000 operations
        ({"snapshotID": "snap-0123456789abcdef0"}, "g6.xlarge", None, ["snapshotID"]),
        ({"iops": 8000}, "g6.8xlarge", None, ["iops"]),  # 2 x 450 GB of its own, which the program uses
    ],
    ids=["faster", "gp3's own", "too fast", "without operations", "snapshot", "instance store"],
)
def test_the_speed_of_karpenters_disk(ebs, type_, storage, told, tmp_path):
    pool = node_pool([of_type(type_)])
    answer, found = imported(write(tmp_path, on_disk(**ebs), pool))
    assert answer.settings["karpenter_gpu_pools"]["gpu"]["pool"].get("storage") == storage
    assert [one.place.path for one in found] == [f"spec.blockDeviceMappings[0].ebs.{key}" for key in told]


def test_bottlerockets_disk_for_images_may_be_from_a_snapshot(tmp_path):
    rate = {"volumeInitializationRate": 200, "snapshotID": "snap-0123456789abcdef0"}
    disks = [
        {"deviceName": "/dev/xvda", "ebs": {"volumeSize": "4Gi", "iops": 4000}},
        {"deviceName": "/dev/xvdb", "ebs": {"volumeSize": "500Gi", **rate}},
    ]
    nodes = node_class(amiSelectorTerms=[{"alias": "bottlerocket@v1.46.0"}], blockDeviceMappings=disks)
    answer, found = imported(write(tmp_path, nodes, node_pool()))
    storage = {"snapshot_id": "snap-0123456789abcdef0", "initialization_mib_s": 200}
    assert answer.settings["karpenter_gpu_pools"]["gpu"]["pool"]["storage"] == storage
    assert [one.place.path for one in found] == ["spec.blockDeviceMappings[0].ebs.iops"]


@pytest.mark.parametrize(
    ("kinds", "efa", "told"),
    [
        (["interface", "efa-only"], True, []),
        (["efa"], True, []),
        (["interface"], None, ["networkInterfaces", "placementGroupSelector"]),
        (["interface", "efa-only", "efa-only"], None, ["networkInterfaces", "placementGroupSelector"]),
    ],
    ids=["beside", "one", "none", "more than it has"],
)
def test_efa_of_karpenters_nodes(kinds, efa, told, tmp_path):
    interfaces = [{"networkCardIndex": 0, "deviceIndex": at, "interfaceType": kind} for at, kind in enumerate(kinds)]
    nodes = node_class(networkInterfaces=interfaces, placementGroupSelector={"name": "close"})
    zone = {"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["us-west-2a"]}
    answer, found = imported(write(tmp_path, nodes, node_pool([of_type("g6.8xlarge"), zone])))
    assert answer.settings["karpenter_gpu_pools"]["gpu"]["pool"].get("efa") is efa
    assert [one.place.path for one in found] == [f"spec.{key}" for key in told]
