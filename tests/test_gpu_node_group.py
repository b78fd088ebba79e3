"""GpuNodeGroup: one group a zone, what each back end is asked for, and what is refused."""

import json
from base64 import b64decode
from typing import Any

import pytest

from components.auto_scaling_group import auto_scaling_group
from components.gpu_node_group import GpuNodeGroup, GpuNodeGroupArgs
from components.gpu_pool import GpuPool
from components.managed_node_group import managed_node_group
from components.placement import placement
from components.value import BadInput, check
from eks_gpu_planner import sdk_schema
from eks_gpu_planner.answers import CatalogAnswers
from tests.engine import Run, run
from tests.given import CLUSTER, example, subnets

POOL = {"instance_types": ["g6.xlarge"], "max_gpus": 3}
ARGS: Any = {"cluster": CLUSTER, "subnets": subnets("abc")}
BACKENDS = ["managed-node-group", "auto-scaling-group"]
ASG = "aws:autoscaling/group:Group"
TAG = "aws:autoscaling/tag:Tag"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"


def running(
    *, preview: bool = False, region: str = "us-west-2", args: Any = ARGS, backend: str = "", **pool: Any
) -> Run:
    given: Any = {**args, "pool": {**POOL, **pool}, **({"backend": backend} if backend else {})}
    return run(lambda: GpuNodeGroup("gpu", given), preview=preview)


def self_managed(**given: Any) -> Run:
    return running(backend="auto-scaling-group", **given)


def place(letters: str, **wish: Any):
    return placement(check(GpuPool, {**POOL, **wish}), subnets(letters), "us-west-2")


def problem(**given: Any) -> list[str]:
    with pytest.raises(BadInput) as refused:
        running(**given)
    return str(refused.value).splitlines()


# What each back end is asked for

NODE_LABELS = {
    "nvidia.com/gpu.present": "true",
    "k8s.amazonaws.com/accelerator": "nvidia-l4",
    "karpenter.sh/capacity-type": "spot",
}


def test_a_managed_group_takes_gpu_pods_alone_and_starts_without_nodes():
    groups = place("a", max_gpus=9, instance_types=["g6.12xlarge"], capacity_types=["spot"]).groups

    assert {name: managed_node_group(group) for name, group in groups.items()} == {
        "us-west-2a-spot": {
            "ami_type": "AL2023_x86_64_NVIDIA",
            "capacity_type": "SPOT",
            "instance_types": ["g6.12xlarge"],
            "subnet_ids": ["subnet-a"],
            "scaling_config": {"min_size": 0, "desired_size": 0, "max_size": 2},  # 4 GPUs each
            "labels": NODE_LABELS,
            "taints": [{"key": "nvidia.com/gpu", "value": "true", "effect": "NO_SCHEDULE"}],
            "update_config": {"max_unavailable": 1},
            "node_repair_config": {"enabled": True},
        }
    }


def test_a_self_managed_group_stays_in_its_zone_and_tells_the_autoscaler():
    wish = {"instance_types": ["g6.xlarge", "g6.2xlarge"], "capacity_types": ["spot"]}
    (group,) = place("b", **wish, sharing={"strategy": "mps", "replicas": 4}, idle_s=60).groups.values()
    template = {"launch_template_id": "lt-1", "version": "7"}

    assert auto_scaling_group(group, template) == {
        "min_size": 0,
        "desired_capacity": 0,
        "max_size": 3,
        "vpc_zone_identifiers": ["subnet-b"],
        "capacity_rebalance": True,
        "suspended_processes": ["AZRebalance"],
        "mixed_instances_policy": {
            "instances_distribution": {
                "on_demand_base_capacity": 0,
                "on_demand_percentage_above_base_capacity": 0,
                "on_demand_allocation_strategy": "prioritized",
                "spot_allocation_strategy": "price-capacity-optimized",
            },
            "launch_template": {
                "launch_template_specification": {"launch_template_id": "lt-1", "version": "7"},
                "overrides": [{"instance_type": "g6.xlarge"}, {"instance_type": "g6.2xlarge"}],
            },
        },
        "tags": [
            {"key": f"k8s.io/cluster-autoscaler/node-template/{key}", "value": value, "propagate_at_launch": False}
            for key, value in {
                "label/nvidia.com/gpu.present": "true",
                "label/k8s.amazonaws.com/accelerator": "nvidia-l4",
                "label/nvidia.com/device-plugin.config": "mps-4",
                "label/nvidia.com/mps.capable": "true",
                "label/karpenter.sh/capacity-type": "spot",
                "taint/nvidia.com/gpu": "true:NoSchedule",
                "resources/nvidia.com/gpu": "4",
                "resources/ephemeral-storage": "89Gi",
                "autoscaling-options/scaledownunneededtime": "60s",
            }.items()
        ],
    }


def test_on_demand_is_asked_for_by_a_share_of_all():
    (group,) = place("a").groups.values()
    asked = auto_scaling_group(group, {})

    assert asked["capacity_rebalance"] is False
    assert asked["mixed_instances_policy"]["instances_distribution"]["on_demand_percentage_above_base_capacity"] == 100


def image_id(parameter: str) -> str:
    """The offline run's answer for a parameter."""
    return CatalogAnswers("us-west-2").invoke("aws:ssm/getParameter:getParameter", {"name": parameter})["insecureValue"]


@pytest.mark.parametrize(
    ("wish", "ami_type", "parameter"),
    [
        (
            {},
            "AL2023_x86_64_NVIDIA",
            "/aws/service/eks/optimized-ami/1.35/amazon-linux-2023/x86_64/nvidia/recommended/image_id",
        ),
        (
            {"instance_types": ["g5g.xlarge"]},
            "AL2023_ARM_64_NVIDIA",
            "/aws/service/eks/optimized-ami/1.35/amazon-linux-2023/arm64/nvidia/recommended/image_id",
        ),
        (
            {"instance_types": ["inf2.xlarge"]},
            "AL2023_x86_64_NEURON",
            "/aws/service/eks/optimized-ami/1.35/amazon-linux-2023/x86_64/neuron/recommended/image_id",
        ),
        (
            {"node_image": "bottlerocket"},
            "BOTTLEROCKET_x86_64_NVIDIA",
            "/aws/service/bottlerocket/aws-k8s-1.35-nvidia/x86_64/latest/image_id",
        ),
    ],
)
def test_the_image_has_the_driver(wish, ami_type, parameter):
    (managed,) = (managed_node_group(group) for group in place("b", **wish).groups.values())
    template = self_managed(args={**ARGS, "subnets": subnets("b")}, **wish).one(TEMPLATE)

    assert managed["ami_type"] == ami_type
    assert template.inputs["imageId"] == image_id(parameter)


# What is registered


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_component_owns_a_group_and_a_template_for_each_zone(backend):
    made = running(backend=backend, capacity_types=["spot"]).under("gpu")
    groups = {name for name, child in made.items() if child.type in (ASG, "aws:eks/nodeGroup:NodeGroup")}
    templates = {name for name, child in made.items() if child.type == TEMPLATE}

    assert groups == {"gpu-us-west-2a-spot", "gpu-us-west-2b-spot", "gpu-us-west-2c-spot"}
    assert templates == {f"{group}-template" for group in groups}


@pytest.mark.parametrize("backend", BACKENDS)
def test_everything_is_a_child_of_the_component(backend):
    made = running(backend=backend)

    assert len(made.under("gpu")) == len(list(made.graph)) - 1
    assert made.one("eks-gpu-components:index:GpuNodeGroup").parent == ""


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_preview_registers_what_an_update_does(backend):
    assert running(backend=backend, preview=True).urns() == running(backend=backend).urns()


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_sdk_knows_every_property(backend):
    made = running(backend=backend, node_image="bottlerocket")
    custom = [child for child in made.graph if child.custom]

    assert [text for child in custom for text in sdk_schema.problems(child.type, child.inputs)] == []


def test_the_node_count_belongs_to_the_autoscaler():
    managed = running().one("aws:eks/nodeGroup:NodeGroup", "gpu-us-west-2a-on-demand")
    group = self_managed().one(ASG, "gpu-us-west-2a-on-demand")

    assert managed.options["ignoreChanges"] == ["scalingConfig.desiredSize"]
    assert group.options["ignoreChanges"] == ["desiredCapacity"]


def test_the_template_encrypts_the_disk_and_keeps_pods_off_the_metadata():
    template = running(disk_gib=250).one(TEMPLATE, "gpu-us-west-2a-on-demand-template").inputs
    tags = {"Name": "gaia-gpu-us-west-2a-on-demand", "kubernetes.io/cluster/gaia": "owned"}

    assert template == {
        "blockDeviceMappings": [
            {
                "deviceName": "/dev/xvda",
                "ebs": {"volumeType": "gp3", "encrypted": "true", "deleteOnTermination": "true", "volumeSize": 250},
            }
        ],
        "metadataOptions": {"httpEndpoint": "enabled", "httpTokens": "required", "httpPutResponseHopLimit": 1},
        "tagSpecifications": [{"resourceType": kind, "tags": tags} for kind in ("instance", "volume")],
        "updateDefaultVersion": True,
    }


def test_bottlerocket_keeps_images_on_its_second_disk():
    template = running(node_image="bottlerocket").one(TEMPLATE, "gpu-us-west-2a-on-demand-template").inputs

    assert [(disk["deviceName"], disk["ebs"].get("volumeSize")) for disk in template["blockDeviceMappings"]] == [
        ("/dev/xvda", None),
        ("/dev/xvdb", 100),
    ]


def test_a_managed_group_uses_its_template_and_the_cluster_s_version():
    made = running()
    group = made.one("aws:eks/nodeGroup:NodeGroup", "gpu-us-west-2b-on-demand").inputs
    template = made.one(TEMPLATE, "gpu-us-west-2b-on-demand-template")

    assert group["launchTemplate"] == {"id": template.id, "version": "1"}
    assert (group["clusterName"], group["version"]) == ("gaia", "1.35")


def test_the_autoscaler_is_told_of_a_managed_group_on_the_group_that_eks_makes():
    tags = {tag.name: tag.inputs for tag in running(max_gpus=1).of(TAG)}

    assert {tag["autoscalingGroupName"] for tag in tags.values()} == {"eks-gpu-us-west-2a-on-demand"}
    assert tags["gpu-us-west-2a-on-demand-taint"]["tag"] == {
        "key": "k8s.io/cluster-autoscaler/node-template/taint/nvidia.com/gpu",
        "value": "true:NoSchedule",
        "propagateAtLaunch": False,
    }
    assert len(tags) == 7


def test_another_taint_s_tag_takes_the_place_of_the_first_before_the_new_one_is_there():
    taint = {"key": "dedicated", "value": "training", "effect": "NoSchedule"}
    before, after = (made.one(TAG, "gpu-us-west-2a-on-demand-taint") for made in (running(), running(taint=taint)))

    assert before.urn == after.urn
    assert after.options["deleteBeforeReplace"] is True


def test_a_taint_s_tag_is_the_one_that_was_named_by_its_key():
    tag = running().one(TAG, "gpu-us-west-2a-on-demand-taint")

    assert [alias["spec"]["name"] for alias in tag.options["aliases"]] == [
        "gpu-us-west-2a-on-demand-taint/nvidia.com/gpu"
    ]


def test_a_self_managed_group_is_found_by_this_cluster_s_autoscaler():
    tags = {tag["key"]: tag for tag in self_managed().one(ASG, "gpu-us-west-2a-on-demand").inputs["tags"]}

    assert tags["k8s.io/cluster-autoscaler/enabled"]["value"] == "true"
    assert tags["k8s.io/cluster-autoscaler/gaia"]["value"] == "owned"
    assert tags["kubernetes.io/cluster/gaia"] == {
        "key": "kubernetes.io/cluster/gaia",
        "value": "owned",
        "propagateAtLaunch": True,
    }


def test_a_self_managed_node_gets_what_eks_would_give_it():
    made = self_managed()
    template = made.one(TEMPLATE, "gpu-us-west-2a-on-demand-template").inputs
    entry = made.one("aws:eks/accessEntry:AccessEntry").inputs

    assert template["imageId"].startswith("ami-")
    assert template["vpcSecurityGroupIds"] == ["sg-1"]
    assert template["iamInstanceProfile"] == {"arn": made.one("aws:iam/instanceProfile:InstanceProfile")["arn"]}
    assert "--register-with-taints=nvidia.com/gpu=true:NoSchedule" in b64decode(template["userData"]).decode()
    assert (entry["type"], entry["principalArn"]) == ("EC2_LINUX", made.one("aws:iam/role:Role")["arn"])


def test_eks_makes_the_access_entry_of_a_managed_group():
    assert running().of("aws:eks/accessEntry:AccessEntry") == []


@pytest.mark.parametrize("backend", BACKENDS)
def test_no_node_starts_before_its_role_may_do_its_work(backend):
    made = running(backend=backend, max_gpus=1)
    (group,) = made.of(ASG) or made.of("aws:eks/nodeGroup:NodeGroup")
    needed = made.of("aws:iam/rolePolicyAttachment:RolePolicyAttachment") + made.of("aws:eks/accessEntry:AccessEntry")

    assert {child.urn for child in needed} <= group.dependencies


def test_nodes_may_pull_images_join_and_be_reached_and_nothing_else():
    extra = {"AmazonS3ReadOnlyAccess": "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"}
    made = running(args={**ARGS, "node_policies": extra}).of("aws:iam/rolePolicyAttachment:RolePolicyAttachment")

    assert {child.name: child.inputs["policyArn"] for child in made} == {
        "gpu-AmazonEC2ContainerRegistryPullOnly": "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryPullOnly",
        "gpu-AmazonEKSWorkerNodePolicy": "arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy",
        "gpu-AmazonSSMManagedInstanceCore": "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore",
        "gpu-AmazonS3ReadOnlyAccess": "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess",
    }


def test_china_has_its_own_partition_and_its_own_name_for_ec2():
    zone = {"zone": "cn-north-1a", "zone_id": "cnn1-az1", "subnet_id": "subnet-1"}
    args = {**ARGS, "cluster": {**CLUSTER, "region": "cn-north-1"}, "subnets": [zone]}
    made = running(args=args)
    attached = made.one("aws:iam/rolePolicyAttachment:RolePolicyAttachment", "gpu-AmazonEKSWorkerNodePolicy")
    trust = json.loads(made.one("aws:iam/role:Role").inputs["assumeRolePolicy"])

    assert attached.inputs["policyArn"] == "arn:aws-cn:iam::aws:policy/AmazonEKSWorkerNodePolicy"
    assert trust["Statement"][0]["Principal"] == {"Service": "ec2.amazonaws.com.cn"}


@pytest.mark.parametrize("backend", BACKENDS)
def test_names_labels_taints_and_role_are_published(backend):
    made = running(backend=backend, max_gpus=1, labels={"team": "vision"}).one("eks-gpu-components:index:GpuNodeGroup")

    assert made.outputs["node_group_names"] == ["gpu-us-west-2a-on-demand"]
    assert made.outputs["role_arn"] == "arn:aws:iam::123456789012:role/gpu-role"
    assert made.outputs["taints"] == [{"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"}]
    assert made.outputs["labels"] == {
        "nvidia.com/gpu.present": "true",
        "k8s.amazonaws.com/accelerator": "nvidia-l4",
        "team": "vision",
    }


def test_what_is_left_out_is_said_in_the_log():
    assert (
        "info",
        "gpu: no on-demand group in us-west-2b, us-west-2c: max_gpus 1 allows 1 on-demand node, in us-west-2a",
    ) in (running(max_gpus=1).log)


OTHER = {
    "cluster": {**CLUSTER, "name": "other"},
    "subnets": subnets("ab"),
    "backend": "auto-scaling-group",
    "node_policies": {"more": "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"},
}
OTHER_WISHES = {
    "instance_types": ["g5.xlarge"],
    "max_gpus": 9,
    "capacity_types": ["spot"],
    "disk_gib": 50,
    "zones": ["us-west-2a"],
    "labels": {"team": "vision"},
    "taint": {"key": "dedicated", "value": "gpu", "effect": "NoSchedule"},
    "node_image": "bottlerocket",
    "idle_s": 60,
    "sharing": {"strategy": "mps", "replicas": 2},
}


def asked(made: Run) -> list[tuple[str, Any]]:
    return sorted((child.urn, json.dumps(child.inputs, sort_keys=True)) for child in made.graph if child.custom)


@pytest.mark.parametrize("field", sorted(GpuNodeGroupArgs.__annotations__.keys() - {"pool"}))
def test_every_argument_reaches_aws(field):
    assert asked(running(args={**ARGS, field: OTHER[field]})) != asked(running())


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("field", OTHER_WISHES)
def test_every_wish_for_the_pool_reaches_aws(field, backend):
    assert asked(running(backend=backend, **{field: OTHER_WISHES[field]})) != asked(running(backend=backend))


# What is refused


def test_a_pool_that_cannot_work_is_refused_before_anything_is_registered():
    assert problem(instance_types=["g5.12xlarge"]) == ["pool.max_gpus must be at least 4, got 3"]


def test_an_unknown_back_end_is_refused():
    (text,) = problem(backend="managed-nodegroup")

    assert text.startswith("backend must be one of managed-node-group, auto-scaling-group, got 'managed-nodegroup'")


def test_a_type_that_no_chosen_zone_offers_is_refused_with_where_it_is():
    types = ["trn1.32xlarge", "trn1n.32xlarge"]

    assert problem(instance_types=types, max_gpus=16, args={**ARGS, "subnets": subnets("ab")}) == [
        "pool.instance_types: trn1n.32xlarge is offered in none of us-west-2a, us-west-2b; "
        "in us-west-2 it is in us-west-2d"
    ]


def test_a_type_that_the_region_does_not_have_is_refused():
    assert problem(instance_types=["trn2.48xlarge"], max_gpus=16) == [
        "pool.instance_types: trn2.48xlarge is offered in none of us-west-2a, us-west-2b, us-west-2c; "
        "us-west-2 does not have it at all"
    ]


def test_wrong_places_are_refused_all_at_once():
    wrong = [*subnets("a"), {"zone": "us-west-2b", "zone_id": "use1-az1", "subnet_id": "subnet-x"}]

    wish = {"zones": ["us-west-2a", "us-west-2b", "us-west-2z"], "capacity_types": ["reserved"]}

    assert problem(**wish, args={**ARGS, "subnets": wrong}) == [
        "subnets: us-west-2 has no zone id use1-az1, given for us-west-2b; "
        "it has usw2-az2, usw2-az1, usw2-az3, usw2-az4",
        "pool.zones: us-west-2z has no subnet; zones that have one: us-west-2a, us-west-2b",
        "pool.capacity_types: reserved needs a capacity reservation, which a node group here cannot name",
    ]


def test_a_group_needs_a_subnet():
    assert problem(args={**ARGS, "subnets": []}) == ["subnets: give one or more, or the nodes have no place"]


def test_the_example_of_the_page_runs():
    made = run(lambda: exec(example("gpu_node_group")))

    assert [group.inputs["scalingConfig"]["maxSize"] for group in made.of("aws:eks/nodeGroup:NodeGroup")] == [2, 2]
