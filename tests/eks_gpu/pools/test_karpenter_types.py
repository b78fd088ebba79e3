"""The instance types of a pool, from the requirements of its NodePool."""

from typing import Any

import pytest

from tests.karpenter_graphs import (
    ARCH,
    PREFIX,
    SPOT_FIRST,
    auto_mode_node_class,
    auto_mode_pool,
    node_class,
    node_pool,
    pool,
    requirement,
    types,
)


def names(*requirements: dict[str, Any], **spec: Any) -> list[str]:
    """Types of a pool of NVIDIA's amd64 GPUs that meet the requirements too, cheapest first."""
    maker = requirement(f"{PREFIX}-gpu-manufacturer", "nvidia")
    return list(pool(node_pool(ARCH, maker, *requirements, **spec), node_class()).instance_types)


@pytest.mark.parametrize(
    ("required", "expected"),
    [
        (types("g5.xlarge", "g4dn.xlarge"), ["g4dn.xlarge", "g5.xlarge"]),
        (requirement(f"{PREFIX}-family", "gr6"), ["gr6.4xlarge", "gr6.8xlarge"]),
        (
            requirement(f"{PREFIX}-gpu-name", "l40s"),
            [f"g6e.{size}xlarge" for size in ("", "2", "4", "8", "16", "12", "24", "48")],
        ),
        (requirement(f"{PREFIX}-gpu-name", "h100", "b200"), ["p5.4xlarge", "p5.48xlarge", "p6-b200.48xlarge"]),
        (
            requirement(f"{PREFIX}-gpu-memory", "143000", operator="Gt"),
            ["p5en.48xlarge", "p6-b200.48xlarge", "p6-b300.48xlarge"],
        ),
    ],
)
def test_requirements_select_types(required, expected):
    assert names(required) == expected


@pytest.mark.parametrize(
    ("operator", "values", "expected"),
    [
        ("In", ["4"], "g4dn.xlarge"),
        ("NotIn", ["4", "8"], "g4dn.4xlarge"),
        ("Gt", ["4"], "g4dn.2xlarge"),
        ("Gte", ["8"], "g4dn.2xlarge"),
        ("Lt", ["5"], "g4dn.xlarge"),
        ("Lte", ["4"], "g4dn.xlarge"),
        ("Exists", [], "g4dn.xlarge"),
    ],
)
def test_every_operator_of_a_requirement(operator, values, expected):
    family = requirement(f"{PREFIX}-family", "g4dn")
    assert names(family, requirement(f"{PREFIX}-cpu", *values, operator=operator))[0] == expected


def test_a_label_that_must_not_be():
    family, none = requirement(f"{PREFIX}-family", "g5", "g6"), requirement(f"{PREFIX}-local-nvme", operator="Exists")
    assert "g5.xlarge" in names(family, none)
    none["operator"] = "DoesNotExist"
    assert names(family, none) == []


def test_sizes_generations_categories_and_memory_are_labels_too():
    given = [
        requirement(f"{PREFIX}-category", "g"),
        requirement(f"{PREFIX}-generation", "5", operator="Gt"),
        requirement(f"{PREFIX}-size", "xlarge", "2xlarge"),
        requirement(f"{PREFIX}-memory", "32768", operator="Lte"),
        requirement(f"{PREFIX}-gpu-count", "1"),
        requirement(f"{PREFIX}-hypervisor", "nitro"),
    ]
    assert names(*given) == ["g6.xlarge", "g6.2xlarge", "g6e.xlarge", "g7.2xlarge"]


def test_a_cpu_maker_excludes_types_that_have_another():
    family = requirement(f"{PREFIX}-family", "m7a", "m7i", "m7g", "m5")
    made = node_pool(family, requirement(f"{PREFIX}-cpu-manufacturer", "intel"), requirement(f"{PREFIX}-size", "large"))
    assert set(pool(made, node_class()).instance_types) == {"m7i.large", "m5.large"}


def test_a_label_of_the_template_that_karpenter_decides_is_a_requirement():
    assert names(labels={f"{PREFIX}-family": "gr6"}) == ["gr6.4xlarge", "gr6.8xlarge"]


def test_neuron_devices_are_accelerators_and_no_gpus():
    made = node_pool(requirement(f"{PREFIX}-accelerator-name", "inferentia2"), limits={"aws.amazon.com/neuron": "13"})
    found = pool(made, node_class())
    assert (found.accelerator, found.max_gpus) == ("neuron", 13)
    assert found.instance_types == ("inf2.xlarge", "inf2.8xlarge", "inf2.24xlarge", "inf2.48xlarge")


def test_a_pool_for_both_architectures_has_both():
    found = pool(node_pool(requirement(f"{PREFIX}-family", "g5", "g5g")), node_class())
    assert {row.architecture for row in found.types} == {"amd64", "arm64"}


def test_auto_mode_has_no_fractional_gpus_and_no_family_that_it_does_not_list():
    made = auto_mode_pool(requirement("eks.amazonaws.com/instance-gpu-name", "l4", "rtx-pro-4500"))
    families = {row.family for row in pool(made, auto_mode_node_class()).types}
    assert families == {"g6", "gr6"}
    karpenter = pool(node_pool(requirement(f"{PREFIX}-gpu-name", "l4", "rtx-pro-4500")), node_class())
    assert {row.family for row in karpenter.types} == {"g6", "gr6", "g6f", "gr6f", "g7"}


def test_misspelt_types_are_kept_for_the_check_and_known_to_be_none():
    found = pool(node_pool(ARCH, SPOT_FIRST, types("g5.xlarge", "g5.xlrge")), node_class())
    assert found.instance_types == ("g5.xlarge", "g5.xlrge")
    assert [row.name for row in found.types] == ["g5.xlarge"]
