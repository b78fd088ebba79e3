"""eks_gpu_components.testing: a consumer's unit test is five lines, and tells what each kind of pool makes."""

import json
import runpy
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest

import eks_gpu_components as eks_gpu
from eks_gpu_components.testing import LookUpError, Mocks, Run, run
from tests import engine
from tests.documentation import examples

LIBRARY: Any = eks_gpu  # whose constructors take any map
POOL: eks_gpu.GpuPoolArgs = {
    "instance_types": ["g6.12xlarge"],
    "max_gpus": 8,
    "capacity_types": ["spot", "on-demand"],
    "labels": {"team": "vision"},
}
TAINTS = [{"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"}]
LABELS = {"nvidia.com/gpu.present": "true", "k8s.amazonaws.com/accelerator": "nvidia-l4", "team": "vision"}
GENERAL = ["m7i.xlarge", "m7a.xlarge", "m6i.xlarge", "m6a.xlarge", "m5.xlarge", "m5a.xlarge"]


def program(make: Callable[[Any], Any]) -> Any:
    """A program with what `make` makes of a cluster and its subnets."""

    def main() -> None:
        subnets = eks_gpu.subnets_by_ids({"us-west-2a": "subnet-1", "us-west-2b": "subnet-2"}, "us-west-2")
        make({"cluster": eks_gpu.eks_cluster_by_name("dev", "us-west-2"), "subnets": subnets})

    return main


def of_groups(backend: Any) -> Any:
    return program(lambda where: LIBRARY.GpuNodeGroup("gpu", {**where, "pool": POOL, "backend": backend}))


KINDS = {
    "managed node groups": of_groups("managed-node-group"),
    "auto scaling groups": of_groups("auto-scaling-group"),
    "Karpenter": program(lambda at: LIBRARY.KarpenterGpuPool("gpu", {**at, "pool": POOL, "node_role_name": "nodes"})),
    "Auto Mode": program(lambda where: LIBRARY.AutoModeGpuPool("gpu", {**where, "pool": POOL})),
}


@pytest.mark.parametrize("main", KINDS.values(), ids=KINDS)
def test_a_pool_is_told_alike_whatever_makes_its_nodes(main):
    pool = run(main).pool("gpu")
    assert pool.labels == LABELS
    assert pool.taints == TAINTS
    assert pool.scales_to_zero
    assert pool.max_gpus == 8
    assert pool.max_nodes in (None, 2)
    assert pool.instance_types == ["g6.12xlarge"]
    assert pool.capacity_types == ["spot", "on-demand"]


def test_a_pool_is_told_alike_in_whatever_order_its_groups_were_registered():
    pool = {**POOL, "instance_types": ["g6.xlarge", "g5.xlarge"], "max_gpus": 8}
    groups = {"pool": pool, "backend": "auto-scaling-group"}
    made = run(program(lambda where: LIBRARY.GpuNodeGroup("gpu", {**where, **groups})))
    backwards = replace(made, resources=made.resources[::-1])
    assert len(made.of("aws:autoscaling/group:Group")) > 1
    assert backwards.pool("gpu") == made.pool("gpu")


@pytest.mark.parametrize("backend", ["auto-scaling-group", "managed-node-group"])
def test_nodes_that_always_run_are_told(backend):
    wish: Any = {"instance_types": GENERAL, "max_nodes": 5, "min_nodes": 1, "desired_nodes": 2}
    main = program(lambda where: LIBRARY.SpotNodeGroup("general", {**where, "pool": wish, "backend": backend}))
    pool = run(main).pool("general")
    assert (pool.min_nodes, pool.desired_nodes, pool.max_nodes, pool.max_gpus) == (1, 2, 5, 0)
    assert not pool.scales_to_zero
    assert pool.capacity_types == ["spot"]
    assert pool.labels == {"karpenter.sh/capacity-type": "spot"}


def karpenter(component: str, pool: Any) -> Any:
    return program(lambda at: getattr(LIBRARY, component)("gpu", {**at, "pool": pool, "node_role_name": "nodes"}))


def test_a_fixed_number_of_nodes_is_told():
    pool = run(karpenter("KarpenterGpuPool", {"instance_types": ["g6.12xlarge"], "nodes": 1, "max_gpus": 8})).pool(
        "gpu"
    )
    assert (pool.min_nodes, pool.desired_nodes, pool.max_nodes, pool.max_gpus) == (1, 1, 2, 8)
    assert not pool.scales_to_zero


@pytest.mark.parametrize(
    ("wish", "types"), [({}, []), ({"instance_types": ["m7i.large", "m7a.large"]}, ["m7i.large", "m7a.large"])]
)
def test_nodes_without_accelerators_are_told(wish, types):
    pool = run(karpenter("KarpenterPool", {"max_vcpus": 16, "labels": {"team": "web"}, **wish})).pool("gpu")
    assert (pool.labels, pool.taints, pool.max_gpus, pool.max_nodes) == ({"team": "web"}, [], 0, None)
    assert (pool.instance_types, pool.capacity_types) == (types, ["on-demand"])
    assert pool.scales_to_zero


@pytest.mark.parametrize("backend", ["auto-scaling-group", "managed-node-group"])
@pytest.mark.parametrize("kind", [{"kind": "capacity-block", "start": "2026-12-01", "end": "2026-12-08"}, {}])
def test_reserved_groups_are_told(backend, kind):
    block = {"id": "cr-0123456789abcdef0", "instances": 2, "zone": "us-west-2b", **kind}
    wish = {**POOL, "max_gpus": 12, "reservations": [block], "capacity_types": ["reserved", "on-demand"]}
    main = program(lambda where: LIBRARY.GpuNodeGroup("gpu", {**where, "pool": wish, "backend": backend}))
    pool = run(main).pool("gpu")
    assert pool.labels == LABELS
    assert (pool.max_nodes, pool.max_gpus, pool.instance_types) == (3, 12, ["g6.12xlarge"])
    assert pool.capacity_types == ["reserved", "on-demand"]


def whole() -> None:
    """Every component that a cluster has, from the network on."""
    zones = eks_gpu.available_zones("us-west-2")
    network = eks_gpu.Network("network", {"region": "us-west-2", "zones": zones, "cluster_name": "dev"})
    cluster = eks_gpu.Cluster(
        "cluster",
        {
            "region": "us-west-2",
            "vpc_id": network.vpc_id,
            "subnets": network.private_subnets,
            "settings": {"name": "dev", "endpoint": {"private": True, "clients": ["10.0.0.0/16"]}},
        },
    )
    inside = pulumi.ResourceOptions(providers=[cluster.provider])
    karpenter = eks_gpu.Karpenter("karpenter", {"cluster": cluster.reference}, inside)
    eks_gpu.KarpenterGpuPool(
        "gpu",
        {
            "cluster": cluster.reference,
            "subnets": network.private_subnets,
            "node_role_name": karpenter.node_role_name,
            "pool": POOL,
        },
        inside,
    )
    pulumi.export("cluster", cluster.reference["name"])
    pulumi.export("subnets", network.private_subnet_ids)


def test_it_registers_what_the_planner_s_recorder_sees():
    def known(types_and_names: Any) -> set[tuple[str, str]]:
        """What the program registers itself: the recorder adds what the provider of pulumi_eks makes."""
        return {(type_, name) for type_, name in types_and_names if type_ != "pulumi:pulumi:Stack"}

    ran, recorded = run(whole), engine.run(whole).graph
    theirs = known((made.type, made.name) for made in recorded if not made.expanded_from)
    assert known((made.type, made.name) for made in ran.resources) == theirs
    assert len(theirs) > 50


def test_a_cluster_of_pulumi_eks_has_its_outputs():
    ran = run(whole)
    assert ran.exports["cluster"] == "dev"
    assert len({*ran.exports["subnets"]}) == 3
    release = ran.one("kubernetes:helm.sh/v3:Release", "karpenter")
    assert release.inputs["values"]["settings"]["clusterName"] == "dev"
    assert [made.name for made in ran.under("gpu")] == ["gpu-node-class", "gpu"]


def test_a_preview_knows_no_output():
    assert run(whole, preview=True).one("kubernetes:karpenter.sh/v1:NodePool").name == "gpu"


def configured() -> None:
    pulumi.export("size", pulumi.Config().require_int("size"))
    pulumi.export("settings", pulumi.Config().require_object("settings")["zone"])
    pulumi.export("region", pulumi.Config("aws").require("region"))
    pulumi.export("where", [pulumi.get_project(), pulumi.get_stack()])


def test_a_program_has_the_configuration_that_the_test_gives():
    config = {"shop:size": 3, "shop:settings": {"zone": "a"}}
    exports = run(configured, config=config, region="eu-west-1", project="shop", stack="prod").exports
    assert exports == {"size": 3, "settings": "a", "region": "eu-west-1", "where": ["shop", "prod"]}


def test_a_file_is_a_program(tmp_path):
    (tmp_path / "__main__.py").write_text("import pulumi\npulumi.export('one', 1)\n")
    assert run(tmp_path / "__main__.py").exports == {"one": 1}
    assert run(str(tmp_path)).exports == {"one": 1}


def look_up() -> None:
    pulumi.export("vpc", aws.ec2.get_vpc(tags={"Name": "shared"}).cidr_block)


def test_a_look_up_has_the_answer_that_the_test_gives():
    answers = {"aws:ec2/getVpc:getVpc": {"cidrBlock": "10.1.0.0/16"}}
    assert run(look_up, answers=answers).exports == {"vpc": "10.1.0.0/16"}


def test_a_look_up_without_an_answer_says_what_to_give():
    with pytest.raises(LookUpError) as refusal:
        run(look_up)
    assert str(refusal.value) == (
        "the program asks for aws:ec2/getVpc:getVpc(tags={'Name': 'shared'}), and the test has no answer: "
        'give answers={"aws:ec2/getVpc:getVpc": {...}}'
    )


def test_a_parameter_of_the_account_s_own_has_no_answer():
    with pytest.raises(LookUpError, match="name='/my/image'"):
        run(lambda: aws.ssm.get_parameter(name="/my/image") and None)


def test_an_error_of_the_program_is_the_test_s():
    with pytest.raises(eks_gpu.BadInput, match="max_gpus must be at least 4, got 1"):
        run(program(lambda at: LIBRARY.AutoModeGpuPool("gpu", {**at, "pool": {**POOL, "max_gpus": 1}})))


def test_what_is_not_there_is_told_with_what_is():
    ran = run(KINDS["Auto Mode"])
    with pytest.raises(LookupError, match="no pool gpus; nearest: gpu"):
        ran.pool("gpus")
    with pytest.raises(LookupError, match=r"no resource of type kubernetes:karpenter.sh/v1:NodePol; nearest: kub"):
        ran.one("kubernetes:karpenter.sh/v1:NodePol")
    with pytest.raises(LookupError, match=r"0 resources kubernetes:karpenter.sh/v1:NodePool x; there are: gpu"):
        ran.one("kubernetes:karpenter.sh/v1:NodePool", "x")


def test_one_run_leaves_nothing_behind_for_the_next():
    first, second = run(KINDS["Auto Mode"]), run(lambda: None)
    assert first.pool("gpu")
    assert second == Run([], {})


def test_tests_of_another_kind_can_have_the_answers_alone():
    mocks = Mocks("eu-west-1", {"aws:ec2/getVpc:getVpc": {"id": "vpc-1"}})
    zones, _ = mocks.call(pulumi.runtime.MockCallArgs("aws:index/getAvailabilityZones:getAvailabilityZones", {}, ""))
    assert zones["names"] == ["eu-west-1a", "eu-west-1b", "eu-west-1c"]
    assert mocks.call(pulumi.runtime.MockCallArgs("aws:ec2/getVpc:getVpc", {}, "")) == ({"id": "vpc-1"}, [])
    role = pulumi.runtime.MockResourceArgs("aws:iam/role:Role", "nodes", {"path": "/gpu/"})
    id_, outputs = mocks.new_resource(role)
    assert (id_, outputs["arn"]) == ("nodes", "arn:aws:iam::123456789012:role/gpu/nodes")


def test_the_page_s_tests_pass(tmp_path, monkeypatch):
    gpus, *tests = examples("testing")
    (tmp_path / "gpus.py").write_text(gpus)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "gpus", raising=False)
    ran = []
    for number, text in enumerate(tests):
        file = tmp_path / f"test_{number}.py"
        file.write_text(text)
        for name, test in runpy.run_path(str(file)).items():
            if name.startswith("test_"):
                test()
                ran.append(name)
    monkeypatch.delitem(sys.modules, "gpus", raising=False)
    assert ran == [
        "test_gpu_nodes_take_pods_of_the_team_and_cost_nothing_while_idle",
        "test_a_pool_has_room_for_one_node",
    ]


def test_what_it_gives_is_plain_data():
    made = run(KINDS["Karpenter"]).one("kubernetes:karpenter.sh/v1:NodePool").inputs
    assert json.loads(json.dumps(made))["spec"]["template"]["spec"]["taints"] == TAINTS
