"""Settings follow from components' args: without what the program supplies, each checked as the Value it becomes."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NotRequired

import pytest
from pulumi import Input
from typing_extensions import TypedDict

import components
from components import BadInput, EksCluster, GpuPoolArgs, Section, StackPools
from components.values.settings import as_data
from components.values.shapes import keys_at
from components.values.value import check
from settings import Settings


class CrateArgs(TypedDict):
    cluster: EksCluster
    pool: GpuPoolArgs
    policies: NotRequired[Mapping[str, Input[str]]]
    reservations: NotRequired[Sequence[Input[str]]]
    name: Input[str]


class File(TypedDict):
    crates: NotRequired[dict[str, Annotated[CrateArgs, Section("cluster")]]]
    test: NotRequired[Annotated[CrateArgs, Section("cluster", names_pool=True)]]


GOOD = {"pool": {"instance_types": ["g6.xlarge"], "max_gpus": 1}, "name": "a"}


def problems(given: Any) -> list[str]:
    with pytest.raises(BadInput) as bad:
        check(as_data(File), given)
    return bad.value.problems


def test_what_the_program_supplies_is_no_setting():
    assert keys_at(File, ["crates", "a"]) == {"pool", "policies", "reservations", "name"}
    assert problems({"crates": {"a": {**GOOD, "cluster": {}}}}) == [
        "crates.a.cluster is not a known key; there are: name, policies, pool, reservations"
    ]


def test_what_another_resource_may_decide_is_plain_in_a_file():
    given = {"crates": {"a": {**GOOD, "policies": {"s3": "arn:1"}, "reservations": ["cr-1"]}}}
    assert check(as_data(File), given) == given
    assert problems({"crates": {"a": {**GOOD, "policies": {"s3": 3}, "reservations": "cr-1"}}}) == [
        'crates.a.policies.s3 must be a string, got 3; nearest: "3"',
        "crates.a.reservations must be a list, got 'cr-1'",
    ]


def test_args_are_checked_as_the_value_of_their_name():
    assert problems({"crates": {"a": {**GOOD, "pool": {"instance_types": ["g6.xlarge"], "max_gpus": 0}}}}) == [
        "crates.a.pool.max_gpus must be at least 1, got 0"
    ]


def test_a_section_may_name_a_pool_in_place_of_describing_it():
    assert check(as_data(File), {"test": {**GOOD, "pool": "gpu"}})
    assert problems({"test": GOOD}) == [
        "test.pool must be a string, got {'instance_types': ['g6.xlarge'], 'max_gpus': 1}"
    ]


def test_a_section_without_an_argument_that_the_component_lacks_is_refused():
    with pytest.raises(TypeError, match="CrateArgs takes no clutser"):
        Section("clutser").reshaped(CrateArgs)


@pytest.mark.parametrize(
    ("path", "args", "supplied"),
    [
        ("spot_node_groups.*", components.SpotNodeGroupArgs, {"cluster", "subnets"}),
        ("gpu_node_groups.*", components.GpuNodeGroupArgs, {"cluster", "subnets"}),
        (
            "karpenter_gpu_pools.*",
            components.KarpenterGpuPoolArgs,
            {"cluster", "subnets", "node_role_name", "instance_profile"},
        ),
        ("auto_mode_gpu_pools.*", components.AutoModeGpuPoolArgs, {"cluster", "subnets"}),
        ("cuda_vector_add", components.CudaVectorAddArgs, set()),
        ("gpu_smoke_test", components.GpuSmokeTestArgs, {"backend"}),
        ("resnet", components.ResnetInferenceArgs, {"cluster"}),
    ],
)
def test_every_argument_of_a_component_is_a_setting_or_supplied(path, args, supplied):
    assert keys_at(Settings, path.split(".")) == args.__annotations__.keys() - supplied


def test_a_pool_is_looked_up_by_the_name_that_a_section_gives():
    pools = StackPools({"gpu": GOOD}, {"bought": GOOD})
    nodes: Any = object()
    pools.made["gpu"] = nodes
    assert pools.of({"pool": "gpu", "replicas": 1}) == ({"pool": GOOD["pool"], "replicas": 1}, nodes)
    with pytest.raises(BadInput, match="pool must be one of gpu, bought, got 'gpus'; nearest: gpu"):
        pools.of({"pool": "gpus"})


def test_a_name_in_two_sections_is_refused():
    with pytest.raises(BadInput, match="names of their own, got a, b in two sections"):
        StackPools({"a": GOOD, "b": GOOD}, {"b": GOOD}, {"a": GOOD, "c": GOOD})
