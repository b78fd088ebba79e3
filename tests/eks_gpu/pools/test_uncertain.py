"""Pools of which something is unknown: which fields come from which property."""

from typing import Any

import pytest

from eks_gpu.graph.graph import Graph, Resource
from eks_gpu.graph.unknown import listening
from eks_gpu.graph.values import decoded, replaced
from eks_gpu.pools.pool import Pool
from eks_gpu.pools.readers import pools as read
from eks_gpu.pools.uncertain import UncertainPool, unknown_sizes
from tests.graphs import gpu_group, launch_template, managed_group, subnet

ANY = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
FIELDS = 25
"""Fields that a pool has at least: one that is told from all of them was read from a property that nobody placed."""


def unknown(made: Resource, *path: str) -> Resource:
    """The resource with an unknown value at the path."""

    def put(value: Any, path: tuple[str, ...]) -> Any:
        return ANY if not path else {**(value or {}), path[0]: put((value or {}).get(path[0]), path[1:])}

    inputs = replaced(decoded(put(made.inputs, path)), {}, made.urn)
    return Resource(**{**vars(made), "inputs": inputs})


def pool(group: Resource, template: Resource | None = None) -> Pool:
    made = [subnet("a"), subnet("b"), template or launch_template(), launch_template("lt-system", userData=""), group]
    (found,) = read(Graph(made), "us-west-2")
    return found


GROUP, MANAGED = gpu_group(), managed_group(labels={"role": "system"}, taints=[], diskSize=20, tags={})
CASES = [
    *((GROUP, (key,)) for key in GROUP.inputs),
    *((MANAGED, (key,)) for key in MANAGED.inputs if key not in ("nodeGroupName", "diskSize")),
    (managed_group(launchTemplate={}, diskSize=20), ("diskSize",)),
    (GROUP, ("mixedInstancesPolicy", "instancesDistribution")),
    (GROUP, ("mixedInstancesPolicy", "launchTemplate", "overrides")),
    (GROUP, ("mixedInstancesPolicy", "launchTemplate", "launchTemplateSpecification", "launchTemplateId")),
    *((MANAGED, ("scalingConfig", key)) for key in ("minSize", "desiredSize", "maxSize")),
]


@pytest.mark.parametrize(
    ("group", "path"), CASES, ids=lambda given: ".".join(given) if isinstance(given, tuple) else ""
)
def test_each_property_that_a_reader_wants_has_its_fields(group, path):
    found = pool(unknown(group, *path))
    assert isinstance(found, UncertainPool)
    assert 0 < len(found.asked) < FIELDS


@pytest.mark.parametrize("key", ["metadataOptions", "blockDeviceMappings", "instanceMarketOptions", "instanceType"])
def test_each_property_of_a_launch_template_has_its_fields(key):
    found = pool(GROUP, unknown(launch_template(), key))
    assert isinstance(found, UncertainPool)
    assert 0 < len(found.asked) < FIELDS


def heard(made: Pool, name: str) -> list[str]:
    with listening() as asked:
        getattr(made, name)
    return [str(each) for each in sorted(asked)]


def test_who_reads_a_field_is_heard_to_ask_for_what_it_comes_from_each_time():
    made = pool(unknown(GROUP, "maxSize"))
    for _ in range(2):
        assert heard(made, "max_nodes") == heard(made, "max_gpus") == ["maxSize of gpu"]
        assert heard(made, "min_nodes") == heard(made, "candidates") == []


def test_what_is_computed_once_is_heard_each_time():
    made = pool(unknown(MANAGED, "taints"))
    for _ in range(2):
        assert heard(made, "hard_taints") == ["taints of system"]


def test_user_data_is_not_missed_where_tags_or_the_group_say_the_same():
    template = unknown(launch_template(), "userData")
    assert heard(pool(GROUP, template), "taints") == []
    assert heard(pool(gpu_group(tags=[]), template), "taints") == ["userData of lt-gpu"]
    own = managed_group(
        "gpu", launchTemplate={"id": "lt-gpu"}, labels={}, amiType="CUSTOM", instanceTypes=["g5.xlarge"]
    )
    assert heard(pool(own, template), "taints") == ["userData of lt-gpu"]
    of_eks = managed_group("gpu", launchTemplate={"id": "lt-gpu"}, labels={}, instanceTypes=["g5.xlarge"])
    assert heard(pool(of_eks, template), "taints") == []


def test_unknown_sizes_are_those_that_a_bill_needs():
    assert [str(each) for each in unknown_sizes(pool(unknown(GROUP, "minSize")))] == ["minSize of gpu"]
    assert unknown_sizes(pool(unknown(GROUP, "tags"))) == []
    assert unknown_sizes(pool(GROUP)) == []


def test_a_pool_of_which_all_is_known_is_an_ordinary_one():
    assert type(pool(GROUP)) is Pool
    assert type(pool(unknown(GROUP, "userDataOfNobody"))) is Pool
