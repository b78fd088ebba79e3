"""import: what the fields of a ClusterConfig become, and what holds for every format."""

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
    settings,
    write,
)


def group(folder, **more):
    return settings(folder, cluster_config(managedNodeGroups=[gpu_group(**more)]))["gpu_node_groups"]["gpu"]


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


BASE = {"name": "base", "instanceType": "m6i.large", "minSize": 2, "desiredCapacity": 2, "maxSize": 2}


def test_the_speed_of_a_groups_disk(tmp_path):
    assert group(tmp_path, volumeSize=200, volumeIOPS=6000, volumeThroughput=500)["pool"]["storage"] == {
        "iops": 6000,
        "throughput_mib_s": 500,
    }
    _, found = imported(write(tmp_path, cluster_config(managedNodeGroups=[BASE | {"volumeIOPS": 6000}])))
    assert [one.place.path for one in found] == ["managedNodeGroups[0].volumeIOPS"]


@pytest.mark.parametrize(
    ("more", "efa", "told"),
    [
        ({"instanceType": "g6.8xlarge"}, True, []),
        ({"instanceType": "g6.xlarge"}, None, ["efaEnabled"]),
        ({"instanceType": "g6.8xlarge", "availabilityZones": None}, None, ["name", "efaEnabled"]),
    ],
    ids=["one zone", "a type without", "several zones"],
)
def test_efa_of_a_group(more, efa, told, tmp_path):
    answer, found = imported(write(tmp_path, cluster_config(managedNodeGroups=[gpu_group(efaEnabled=True, **more)])))
    assert answer.settings["gpu_node_groups"]["gpu"]["pool"].get("efa") is efa
    assert [one.place.path for one in found] == [f"managedNodeGroups[0].{key}" for key in told]
