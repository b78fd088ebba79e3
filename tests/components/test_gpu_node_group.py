"""GpuNodeGroup: what it registers, in what order, what it publishes, and what is refused."""

import json
from typing import Any

import pytest

from components.gpu_node_group import GpuNodeGroupArgs
from eks_gpu.offline import sdk_schema
from tests.engine import Run, run
from tests.found import every
from tests.given import CLUSTER, example, subnets
from tests.gpu_node_groups import ARGS, ASG, BACKENDS, TEMPLATE, problem, running

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

    assert [text for child in every(custom) for text in sdk_schema.problems(child.type, child.inputs)] == []


@pytest.mark.parametrize("backend", BACKENDS)
def test_no_node_starts_before_its_role_may_do_its_work(backend):
    made = running(backend=backend, max_gpus=1)
    (group,) = made.of(ASG) or made.of("aws:eks/nodeGroup:NodeGroup")
    needed = made.of("aws:iam/rolePolicyAttachment:RolePolicyAttachment") + made.of("aws:eks/accessEntry:AccessEntry")

    assert {child.urn for child in every(needed)} <= group.dependencies


def test_sessions_on_nodes_are_a_setting():
    made = running(args={**ARGS, "session_manager": True}).of("aws:iam/rolePolicyAttachment:RolePolicyAttachment")
    assert "gpu-AmazonSSMManagedInstanceCore" in {child.name for child in made}


def test_nodes_may_pull_images_and_join_and_nothing_else():
    extra = {"AmazonS3ReadOnlyAccess": "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"}
    made = running(args={**ARGS, "node_policies": extra}).of("aws:iam/rolePolicyAttachment:RolePolicyAttachment")

    assert {child.name: child.inputs["policyArn"] for child in made} == {
        "gpu-AmazonEC2ContainerRegistryPullOnly": "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryPullOnly",
        "gpu-AmazonEKSWorkerNodePolicy": "arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy",
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
    "release_version": "1.35.2-20260714",
    "session_manager": True,
    "drain_s": 120,
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
    backend = "auto-scaling-group" if field == "drain_s" else ""
    assert asked(running(args={**ARGS, field: OTHER[field]}, backend=backend)) != asked(running(backend=backend))


@pytest.mark.parametrize("backend", BACKENDS)
def test_efa_is_on_every_network_card_of_nodes_that_are_close(backend):
    wish = {"instance_types": ["p4d.24xlarge"], "max_gpus": 16, "zones": ["us-west-2c"]}
    ran = running(backend=backend, efa=True, **wish)
    template = ran.one("aws:ec2/launchTemplate:LaunchTemplate").inputs
    group = ran.one("aws:ec2/placementGroup:PlacementGroup")

    kinds = {"interfaceType": "efa-only", "deviceIndex": 1}
    own = {"securityGroups": ["sg-1"], "deleteOnTermination": "true"}
    assert template["networkInterfaces"] == [
        {"networkCardIndex": 0, "interfaceType": "efa", "deviceIndex": 0, **own},
        *({"networkCardIndex": card, **kinds, **own} for card in (1, 2, 3)),
    ]
    assert (group.inputs["strategy"], group.name) == ("cluster", "gpu-us-west-2c-on-demand-placement")
    assert group.urn in ran.one("aws:ec2/launchTemplate:LaunchTemplate").dependencies
    assert "vpcSecurityGroupIds" not in template  # EC2 refuses it beside interfaces
    assert "node-template/resources/vpc.amazonaws.com/efa" in json.dumps(asked(ran))


def test_without_efa_a_template_names_no_interfaces():
    template = running(backend="auto-scaling-group", zones=["us-west-2a"]).one("aws:ec2/launchTemplate:LaunchTemplate")
    assert not template.inputs.keys() & {"networkInterfaces", "placement"}


@pytest.mark.parametrize("backend", BACKENDS)
def test_slices_reach_nodes_and_autoscaler(backend):
    wish = {"instance_types": ["p4d.24xlarge"], "max_gpus": 16, "zones": ["us-west-2c"]}
    told = json.dumps(asked(running(backend=backend, mig="1g.5gb", **wish)))
    assert "nvidia.com/mig.config" in told
    assert "resources/nvidia.com/mig-1g.5gb" in told
    assert "k8s.amazonaws.com/accelerator" not in told


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
        "pool.capacity_types: reserved needs reservations, so name one or more in pool.reservations",
    ]


def test_a_group_needs_a_subnet():
    assert problem(args={**ARGS, "subnets": []}) == ["subnets: give one or more, or the nodes have no place"]


def test_the_example_of_the_page_runs():
    made = run(lambda: exec(example("gpu_node_group")))

    assert [group.inputs["scalingConfig"]["maxSize"] for group in made.of("aws:eks/nodeGroup:NodeGroup")] == [2, 2]
