"""import: what each format's fields become."""

from typing import Any

import pytest
import yaml

from tests.found import every
from tests.imports import (
    auto_mode_pool,
    cluster_config,
    deployment,
    gpu_group,
    imported,
    node_class,
    node_pool,
    planned,
    write,
)

NEURON = {"key": "aws.amazon.com/neuron", "value": "true", "effect": "NoSchedule"}


def settings(folder, *documents):
    return imported(write(folder, *documents))[0].settings


def group(folder, **more):
    return settings(folder, cluster_config(managedNodeGroups=[gpu_group(**more)]))["gpu_node_groups"]["gpu"]


def bought(folder, *documents):
    return settings(folder, *documents)["karpenter_gpu_pools"]["gpu"]


def test_a_cluster_keeps_its_endpoint_logs_key_and_network(tmp_path):
    config = cluster_config(
        metadata={"version": "1.34"},
        availabilityZones=["us-west-2a", "us-west-2d"],
        vpc={
            "cidr": "10.1.0.0/16",
            "nat": {"gateway": "HighlyAvailable"},
            "clusterEndpoints": {"publicAccess": True, "privateAccess": True},
            "publicAccessCIDRs": ["192.88.99.0/24"],
        },
        cloudWatch={"clusterLogging": {"enableTypes": ["audit", "api"]}},
        secretsEncryption={"keyARN": "arn:aws:kms:us-west-2:111122223333:key/1"},
        upgradePolicy={"supportType": "EXTENDED"},
        addons=[{"name": "vpc-cni", "version": "v1.20.4"}, {"name": "coredns"}],
    )
    assert settings(tmp_path, config) == {
        "zones": ["us-west-2a", "us-west-2d"],
        "network": {"cidr": "10.1.0.0/16", "nat": "per-zone"},
        "cluster": {
            "name": "gaia",
            "kubernetes_version": "1.34",
            "endpoint": {"private": True, "public": True, "public_cidrs": ["192.88.99.0/24"]},
            "log_types": ["api", "audit"],
            "kms_key_arn": "arn:aws:kms:us-west-2:111122223333:key/1",
            "support": "EXTENDED",
            "addon_versions": {"vpc-cni": "v1.20.4"},
            "system_nodes": {"nodes": 2},
        },
    }


def test_an_existing_network_is_known_by_its_subnets(tmp_path):
    subnets = {"private": {"us-west-2a": {"id": "subnet-1"}, "b": {"id": "subnet-2", "az": "us-west-2b"}}}
    found = settings(tmp_path, cluster_config(vpc={"id": "vpc-1", "subnets": subnets}))
    assert found["network"] == {
        "existing": {
            "vpc_id": "vpc-1",
            "private_subnets": [
                {"zone": "us-west-2a", "subnet_id": "subnet-1"},
                {"zone": "us-west-2b", "subnet_id": "subnet-2"},
            ],
        }
    }
    assert found["zones"] == ["us-west-2a", "us-west-2b"]


@pytest.mark.parametrize(
    ("cidr", "wanted"),
    [
        ("10.1.0.0/16", {"cidr": "10.1.0.0/16"}),
        ("10.1.0.0/20", {"cidr": "10.1.0.0/20", "private_prefix": 23, "public_prefix": 26}),
        ("10.0.0.0/8", {}),
    ],
)
def test_a_vpcs_block_has_room_for_the_subnets(cidr, wanted, tmp_path):
    answer, found = imported(write(tmp_path, cluster_config(vpc={"cidr": cidr})))
    assert answer.settings.get("network", {}) == wanted
    assert [finding.rule for finding in found] == ([] if wanted else ["lost"])


def test_access_entries_and_masters_of_aws_auth_get_in(tmp_path):
    arn = "arn:aws:iam::111122223333:role"
    policy = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"
    entry = {
        "principalARN": f"{arn}/readers",
        "accessPolicies": [{"policyARN": policy, "accessScope": {"type": "namespace", "namespaces": ["web"]}}],
    }
    rows = [
        {"rolearn": f"{arn}/admins", "username": "admin", "groups": ["system:masters"]},
        {"rolearn": f"{arn}/nodes", "groups": ["system:bootstrappers", "system:nodes"]},
    ]
    config_map = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "aws-auth"},
        "data": {"mapRoles": yaml.safe_dump(rows)},
    }
    found = settings(tmp_path, cluster_config(accessConfig={"accessEntries": [entry]}), config_map)
    assert found["cluster"]["access_entries"] == {
        "readers": {"principal_arn": f"{arn}/readers", "policy": "AmazonEKSViewPolicy", "namespaces": ["web"]},
        "admins": {"principal_arn": f"{arn}/admins", "policy": "AmazonEKSClusterAdminPolicy"},
    }


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"spot": True}, {"capacity_types": ["spot"]}),
        ({"volumeSize": 200}, {"disk_gib": 200}),
        ({"maxSize": None, "desiredCapacity": 3}, {"max_gpus": 3}),
        ({"labels": {"team": "vision", "k8s.amazonaws.com/accelerator": "nvidia-l4"}}, {"labels": {"team": "vision"}}),
        ({"amiFamily": "Bottlerocket"}, {"node_image": "bottlerocket"}),
        (
            {"taints": {"dedicated": "gpu:NoExecute"}},
            {"taint": {"key": "dedicated", "value": "gpu", "effect": "NoExecute"}},
        ),
        ({"instanceType": "inf2.xlarge", "taints": {"aws.amazon.com/neuron": "true:NoSchedule"}}, {}),
        ({"instanceType": "p2.8xlarge"}, {"need": {"gpus": 8, "gpu_memory_gib": 12}, "max_gpus": 32}),
        ({"instanceType": None, "instanceSelector": {"gpus": 1, "vCPUs": 8, "memory": "32GiB"}}, {"max_gpus": 4}),
    ],
    ids=lambda value: next(iter(value), "-"),
)
def test_a_groups_field_reaches_its_pool(given, wanted, tmp_path):
    pool = group(tmp_path, **given)["pool"]
    own = {"instance_types": ["g6.xlarge"], "max_gpus": 4, "zones": ["us-west-2a"]}
    if "need" in wanted:
        del own["instance_types"]
    if "instanceType" in given and "need" not in wanted:
        own["instance_types"] = pool["instance_types"]
    assert pool == {**own, **wanted}


AMD = "g4ad's GPU is AMD's, and EKS makes no image with a driver for it"
GONE = "types that it names are no longer to be had"
OTHERS = "the catalog finds others"


@pytest.mark.parametrize(
    ("types", "zone", "why"),
    [
        (["g4ad.xlarge"], "us-west-2a", AMD),
        (["g4ad.8xlarge", "g4ad.16xlarge"], "us-west-2a", AMD),
        (["p2.8xlarge"], "us-west-2a", GONE),
        (["p2.xlarge", "g4ad.xlarge"], "us-west-2a", f"{GONE}; {AMD}"),
        (["g4dn.xlarge"], "us-west-2d", "types that it names are not offered in its zones"),
    ],
)
def test_a_need_in_place_of_types_says_why(types, zone, why, tmp_path):
    made = gpu_group(instanceType=None, instanceTypes=types, availabilityZones=[zone])
    config = cluster_config(managedNodeGroups=[made], availabilityZones=["us-west-2a", "us-west-2d"])
    answer, _ = imported(write(tmp_path, config))
    assert "need" in answer.settings["gpu_node_groups"]["gpu"]["pool"]
    assert answer.notes["gpu_node_groups", "gpu", "pool", "need"] == f"{why}: {OTHERS}"


def test_a_selector_finds_types_of_exactly_that_shape(tmp_path):
    found = group(tmp_path, instanceType=None, instanceSelector={"gpus": 1, "vCPUs": 8, "memory": "32GiB"})
    assert found["pool"]["instance_types"] == ["g4dn.2xlarge", "g5.2xlarge", "g6.2xlarge"]


@pytest.mark.parametrize("memory", [32, "32", "32GiB", "32 gb", "32768MiB", "32.0g"])
def test_a_selectors_memory_is_in_binary_units_and_gib_without_one(memory, tmp_path):
    """In eksctl's own grammar, which is not Kubernetes'."""
    found = group(tmp_path, instanceType=None, instanceSelector={"gpus": 1, "vCPUs": 8, "memory": memory})
    assert found["pool"]["instance_types"] == ["g4dn.2xlarge", "g5.2xlarge", "g6.2xlarge"]


def test_shares_of_on_demand_and_spot_become_an_order(tmp_path):
    distribution = {
        "instanceTypes": ["g6.xlarge"],
        "onDemandBaseCapacity": 1,
        "onDemandPercentageAboveBaseCapacity": 50,
    }
    config = cluster_config(nodeGroups=[gpu_group(instancesDistribution=distribution, propagateASGTags=True)])
    answer, found = imported(write(tmp_path, config))
    assert answer.settings["gpu_node_groups"]["gpu"]["pool"]["capacity_types"] == ["spot", "on-demand"]
    assert [finding.message for finding in found] == [
        "a pool's capacity types have an order and no shares: Spot first, instead of 50 % on demand beyond 1"
    ]


def test_the_autoscalers_flags_and_tags_become_its_settings(tmp_path):
    flags = ["--expander=most-pods", "--scale-down-unneeded-time=5m", "--balance-similar-node-groups"]
    container = {"name": "a", "image": "registry.k8s.io/autoscaling/cluster-autoscaler:v1.35.2", "command": flags}
    autoscaler = deployment(containers=[container], tolerations=[])
    option = {"k8s.io/cluster-autoscaler/node-template/autoscaling-options/scaledownunneededtime": "90s"}
    found = settings(tmp_path, cluster_config(managedNodeGroups=[gpu_group(tags=option)]), autoscaler)
    assert found["cluster_autoscaler"] == {
        "expander": "most-pods",
        "scale_down_unneeded_s": 300,
        "spread_over_zones": True,
    }
    assert found["gpu_node_groups"]["gpu"]["pool"]["idle_s"] == 90


@pytest.mark.parametrize(
    ("flag", "wanted", "said"),
    [
        ("--scale-down-unneeded-time=1.5h", {"scale_down_unneeded_s": 5400}, []),
        ("--scale-down-delay-after-add=500ms", {"scale_down_delay_after_add_s": 1}, []),
        (
            "--scale-down-unneeded-time=1d",
            {},
            ["--scale-down-unneeded-time must be a duration such as 1h30m, got '1d'; nearest: 24h"],
        ),
        (
            "--scale-down-unneeded-time=10s",
            {"scale_down_unneeded_s": 30},
            ["10s lets nodes go and come without end: 30s is taken"],
        ),
    ],
)
def test_the_autoscalers_durations_are_gos(flag, wanted, said, tmp_path):
    container = {"name": "a", "image": "registry.k8s.io/autoscaling/cluster-autoscaler:v1.35.2", "command": [flag]}
    autoscaler = deployment(containers=[container], tolerations=[])
    answer, found = imported(write(tmp_path, cluster_config(), autoscaler))
    assert answer.settings["cluster_autoscaler"] == wanted
    assert [finding.message for finding in found] == said


@pytest.mark.parametrize("resources", [{"limits": "1000m"}, {"limits": "1.0", "requests": 1}, {"limits": 1.0}], ids=str)
def test_one_device_is_one_however_it_is_spelt(resources, tmp_path):
    asked = {kind: {"nvidia.com/gpu": given} for kind, given in resources.items()}
    assert imported(write(tmp_path, auto_mode_pool(), deployment(asked)))[1] == []


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


def test_the_count_of_gpus_is_the_one_that_pods_ask_for(tmp_path):
    documents = [
        cluster_config(managedNodeGroups=[gpu_group(instanceType=None, instanceTypes=["g6.xlarge", "g6.12xlarge"])]),
        deployment({"limits": {"nvidia.com/gpu": 4}}),
    ]
    pool = settings(tmp_path, *documents)["gpu_node_groups"]["gpu"]["pool"]
    assert (pool["instance_types"], pool["max_gpus"]) == (["g6.12xlarge"], 16)


def test_objects_of_a_list_are_read_one_by_one(tmp_path):
    listed = {"apiVersion": "v1", "kind": "List", "items": [node_class(), node_pool()]}
    assert settings(tmp_path, listed)["cluster"]["name"] == "gaia"


def test_pools_of_one_name_get_names_of_their_own(tmp_path):
    config = cluster_config(managedNodeGroups=[gpu_group(), gpu_group()])
    assert [*settings(tmp_path, config)["gpu_node_groups"]] == ["gpu", "gpu-2"]


def test_nothing_for_the_settings_makes_no_settings(tmp_path):
    answer, found = imported(write(tmp_path, deployment()))
    assert (answer.settings, answer.region, found) == ({}, "", [])


def test_what_a_full_cluster_becomes_is_taken_by_the_program(tmp_path):
    config = cluster_config(
        metadata={"version": "1.35"},
        vpc={"cidr": "10.1.0.0/16", "nat": {"gateway": "Single"}},
        cloudWatch={"clusterLogging": {"enableTypes": ["audit"]}},
        managedNodeGroups=[
            {"name": "system", "instanceTypes": ["m6i.large", "m5.large"], "minSize": 3, "maxSize": 3},
            gpu_group(amiFamily="Bottlerocket", instanceType="g5.xlarge"),
            gpu_group(name="neuron", instanceType="inf2.xlarge", taints=None),
            gpu_group(name="old", instanceType="p3.8xlarge", availabilityZones=None),
        ],
    )
    answer, _ = imported(write(tmp_path, config, {**node_class()}, {**node_pool(), "metadata": {"name": "bought"}}))
    checks = every(planned(answer).analysis.findings)
    failing = [f"{check.id}: {check.message}" for check in checks if not check.passed]
    assert failing == []


def neuron(**spec: Any) -> dict[str, Any]:
    """A NodePool of Auto Mode for Inferentia and Trainium, as the EKS User Guide has it."""
    category = {"key": "eks.amazonaws.com/instance-category", "operator": "In", "values": ["inf", "trn"]}
    return auto_mode_pool(requirements=[category], nodes={"taints": []}, spec={"limits": {}, **spec})


def test_inferentia_and_trainium_stay_in_one_pool_of_auto_mode(tmp_path):
    pool = settings(tmp_path, neuron())["auto_mode_gpu_pools"]["gpu"]["pool"]
    assert pool["instance_types"] == ["inf1.xlarge", "inf2.xlarge", "inf1.2xlarge", "trn1.2xlarge", "inf2.8xlarge"]


def test_a_limit_of_neuron_cores_is_one_of_devices(tmp_path):
    limited = neuron(limits={"aws.amazon.com/neuroncore": 32})
    assert settings(tmp_path, limited)["auto_mode_gpu_pools"]["gpu"]["pool"]["max_gpus"] == 8


def test_pods_that_ask_for_neuron_cores_decide_how_many_devices_a_node_has(tmp_path):
    asking = deployment({"limits": {"aws.amazon.com/neuroncore": 16}}, tolerations=[])
    pool = settings(tmp_path, neuron(), asking)["auto_mode_gpu_pools"]["gpu"]["pool"]
    assert pool["instance_types"] == ["inf2.48xlarge"]


def test_a_neuron_plugins_daemon_set_is_no_workload_and_where_one_is_missing_it_is_told(tmp_path):
    types = {"key": "node.kubernetes.io/instance-type", "operator": "In", "values": ["inf2.xlarge"]}
    pool = node_pool([types], spec={"limits": {"aws.amazon.com/neuron": 2}}, nodes={"taints": [NEURON]})
    asking = deployment({"limits": {"aws.amazon.com/neuron": 1}}, tolerations=[NEURON])
    _, found = imported(write(tmp_path, node_class(), pool, asking))
    assert [one.message for one in found if one.rule == "device-plugin-reaches-gpu-pools"] == [
        "nothing here installs the Neuron device plugin, so nodes of gpu offer no device, their pods stay Pending and "
        "more nodes come: the program installs 2.31.0.0"
    ]
    container = {"name": "main", "image": "public.ecr.aws/neuron/neuron-device-plugin:2.22.4.0"}
    daemon = {**deployment(containers=[container], tolerations=[NEURON]), "kind": "DaemonSet"}
    _, found = imported(write(tmp_path, node_class(), pool, asking, daemon))
    assert [one.message for one in found if one.rule.startswith("device-plugin")] == [
        "2.22.4.0 is old: the program installs 2.31.0.0; remove this DaemonSet"
    ]


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
        ({"limits": {"nodes": "2"}, "replicas": 1}, 2, "from the limit of nodes", ["gpu-pools-start-at-zero"]),
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


def test_nodes_of_static_capacity_are_told_at_their_number(tmp_path):
    _, found = imported(write(tmp_path, node_pool(spec={"limits": {"nodes": 4}, "replicas": 3})))
    assert [(one.place.path, one.message.partition(" ")[0]) for one in found] == [("spec.replicas", "3")]


@pytest.mark.parametrize(
    ("given", "nodes", "said"),
    [
        (
            {"minSize": 1, "desiredCapacity": 1, "maxSize": 2},
            2,
            [("desiredCapacity", "1 of the system nodes becomes 2")],
        ),
        ({"minSize": 1, "maxSize": 1}, 2, [("minSize", "1 of the system nodes becomes 2")]),
        ({"desiredCapacity": 0, "minSize": 0, "maxSize": 2}, 2, [("minSize", "0 of the system nodes becomes 2")]),
        ({"minSize": 2, "maxSize": 4}, 2, [("maxSize", "a fixed number, 2, and do not scale to 4")]),
        (
            {"minSize": 2, "desiredCapacity": 3, "maxSize": 3},
            3,
            [("maxSize", "a fixed number, 3, and do not scale to 2")],
        ),
        (
            {"minSize": 1, "desiredCapacity": 1, "maxSize": 5},
            2,
            [("desiredCapacity", "becomes 2"), ("maxSize", "to 5")],
        ),
        ({}, 2, []),
        ({"amiFamily": "Bottlerocket"}, 2, [("amiFamily", "have al2023, and not bottlerocket")]),
        ({"availabilityZones": ["us-west-2a"]}, 2, [("availabilityZones", "in all of its zones")]),
    ],
    ids=str,
)
def test_what_system_nodes_cannot_be_is_told_once_and_where_it_stands(given, nodes, said, tmp_path):
    config = cluster_config(managedNodeGroups=[{"name": "base", "instanceType": "m6i.large", **given}])
    answer, found = imported(write(tmp_path, config))
    assert answer.settings["cluster"]["system_nodes"]["nodes"] == nodes
    assert [one.place.path for one in found] == [f"managedNodeGroups[0].{path}" for path, _ in said]
    assert all(words in one.message for one, (_, words) in zip(found, said, strict=True))


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
