"""The catalog's types and zones: facts that a change of its data must not change unseen."""

import re

import pytest

from components.catalog import (
    Accelerator,
    InstanceType,
    UnknownInstanceType,
    UnknownRegion,
    Zone,
    allocatable,
    data,
    instance_type,
    instance_types,
    partition,
    quota_family,
    regions,
    zones,
    zones_offering,
)
from tests.programs import ROOT

NEURON = "aws.amazon.com/neuron"


def test_a_g4dn_xlarge_has_one_t4():
    assert instance_type("g4dn.xlarge") == InstanceType(
        name="g4dn.xlarge",
        architecture="amd64",
        vcpus=4,
        memory_mib=16384,
        accelerator=Accelerator("nvidia", "t4", 1, 16384),
        efa_interfaces=0,
        instance_store_gb=125,
        nvme=True,
        hypervisor="nitro",
        bare_metal=False,
        interfaces=3,
        addresses=10,
        branch_interfaces=39,
        spot=True,
        current=True,
        cpu_maker="intel",
    )


@pytest.mark.parametrize(
    ("name", "accelerator"),
    [
        ("g5.12xlarge", Accelerator("nvidia", "a10g", 4, 22888)),
        ("g5g.xlarge", Accelerator("nvidia", "t4g", 1, 16384)),
        ("g6e.xlarge", Accelerator("nvidia", "l40s", 1, 45776)),
        ("g7e.2xlarge", Accelerator("nvidia", "rtx-pro-server-6000", 1, 98304)),
        ("p4d.24xlarge", Accelerator("nvidia", "a100", 8, 40960)),
        ("p5.4xlarge", Accelerator("nvidia", "h100", 1, 81920)),
        ("p6-b200.48xlarge", Accelerator("nvidia", "b200", 8, 183359)),
        ("g6f.2xlarge", Accelerator("nvidia", "l4", 0, 5722, fraction=0.25)),
        ("g4ad.8xlarge", Accelerator("amd", "radeon-pro-v520", 2, 8192)),
        ("dl1.24xlarge", Accelerator("habana", "gaudi-hl-205", 8, 32768)),
        ("inf2.24xlarge", Accelerator("aws", "inferentia2", 6, 32768)),
        ("trn1.2xlarge", Accelerator("aws", "trainium", 1, 32768)),
        ("dl2q.24xlarge", Accelerator("qualcomm", "qualcomm-ai100", 8, 16000)),
        ("m7i.xlarge", None),
    ],
)
def test_an_accelerator_has_karpenters_name(name, accelerator):
    assert instance_type(name).accelerator == accelerator


def test_a_fraction_of_a_gpu_is_no_gpu_that_a_pod_can_ask_for():
    fractional = [row for row in instance_types() if row.accelerator and row.accelerator.fraction < 1]

    assert {row.family for row in fractional} == {"g6f", "gr6f"}
    assert {row.gpus for row in fractional} == {row.accelerators for row in fractional} == {0}
    assert all("nvidia.com/gpu" not in allocatable(row) for row in fractional)


def test_neuron_devices_are_accelerators_but_not_gpus():
    trainium = instance_type("trn1.32xlarge")

    assert (trainium.accelerators, trainium.gpus) == (16, 0)
    assert trainium.accelerator
    assert (trainium.accelerator.kind, trainium.accelerator.resource) == ("neuron", "aws.amazon.com/neuron")


@pytest.mark.parametrize(
    ("name", "offered"),
    [
        ("inf1.6xlarge", {"aws.amazon.com/neuron": 4, "aws.amazon.com/neuroncore": 16}),
        ("inf2.xlarge", {"aws.amazon.com/neuron": 1, "aws.amazon.com/neuroncore": 2}),
        ("trn1.32xlarge", {"aws.amazon.com/neuron": 16, "aws.amazon.com/neuroncore": 32}),
        ("trn2.48xlarge", {"aws.amazon.com/neuron": 16, "aws.amazon.com/neuroncore": 128}),
        ("g5.12xlarge", {"nvidia.com/gpu": 4}),
    ],
)
def test_a_node_offers_neuron_cores_beside_devices(name, offered):
    accelerator = instance_type(name).accelerator
    assert accelerator and accelerator.offered == offered


def test_every_neuron_device_has_cores():
    rows = [row for row in instance_types() if row.accelerator and row.accelerator.kind == "neuron"]
    assert {row.accelerator.name: row.accelerator.cores for row in rows if row.accelerator} == {
        "inferentia": 4,
        "inferentia2": 2,
        "trainium": 2,
        "trainium2": 8,
    }


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("g4dn.xlarge", ("g", 4, "g4dn", "xlarge")),
        ("p6-b200.48xlarge", ("p", 6, "p6-b200", "48xlarge")),
        ("trn1n.32xlarge", ("trn", 1, "trn1n", "32xlarge")),
        ("u7in-16tb.224xlarge", ("u", 7, "u7in-16tb", "224xlarge")),
        ("u-6tb1.112xlarge", ("u", 1, "u-6tb1", "112xlarge")),
        ("im4gn.large", ("im", 4, "im4gn", "large")),
    ],
)
def test_a_name_splits_as_karpenter_splits_it(name, parts):
    row = instance_type(name)
    assert (row.category, row.generation, row.family, row.size) == parts


def test_every_type_is_of_a_linux_architecture_and_has_room_for_pods():
    assert {row.architecture for row in instance_types()} == {"amd64", "arm64"}
    assert all(row.vcpus > 0 and row.memory_mib > 0 and row.max_pods >= 4 for row in instance_types())
    assert {row.hypervisor for row in instance_types()} == {"nitro", "xen", ""}
    assert {row.hypervisor for row in instance_types() if row.bare_metal} == {""}
    assert not [row.name for row in instance_types() if row.name.startswith("mac")]


def test_only_the_first_network_card_has_addresses_for_pods():
    assert instance_type("m5.xlarge").max_pods == 58
    assert instance_type("trn1.32xlarge").max_pods == 247  # 8 cards, 5 interfaces on the first
    assert instance_type("p5.48xlarge").max_pods == 100  # 32 cards, 2 interfaces on the first


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("g5.xlrge", "instance type g5.xlrge is not in the catalog; nearest: g5.xlarge"),
        ("G5.xlarge", "instance type G5.xlarge is not in the catalog; nearest: g5.xlarge"),
        ("p2.xlarge", "p2.xlarge is no longer offered: .* its K80; nearest: g4dn.xlarge"),
        ("g3s.xlarge", "g3s.xlarge is no longer offered: .* its M60; nearest: g4dn.xlarge"),
        ("p3.2xlarge", "p3.2xlarge is no longer offered: AWS lists it no longer; nearest: g5.xlarge"),
    ],
)
def test_an_unknown_type_is_refused_with_the_nearest(name, message):
    with pytest.raises(UnknownInstanceType, match=message):
        instance_type(name)


def test_us_west_2_has_four_zones_and_trn1_in_two_of_them():
    assert zones("us-west-2") == (
        Zone("us-west-2a", "usw2-az2", True),
        Zone("us-west-2b", "usw2-az1", True),
        Zone("us-west-2c", "usw2-az3", True),
        Zone("us-west-2d", "usw2-az4", True),
    )
    assert [zone.id for zone in zones_offering("trn1.2xlarge", "us-west-2")] == ["usw2-az1", "usw2-az4"]
    assert [zone.name for zone in zones_offering("g4dn.xlarge", "us-west-2")] == [
        "us-west-2a",
        "us-west-2b",
        "us-west-2c",
    ]


def test_a_region_without_the_type_offers_it_in_no_zone():
    assert zones_offering("trn1.2xlarge", "eu-west-3") == ()


def test_us_west_2_has_neither_p2_nor_g3_nor_the_old_p3():
    offered = {row.family for row in instance_types() if zones_offering(row.name, "us-west-2")}
    assert offered & {"p2", "p3", "g3", "g3s", "g4dn", "g5", "g6"} == {"g4dn", "g5", "g6"}


def test_eks_takes_no_control_plane_subnet_in_one_zone_of_us_east_1():
    refused = [zone for region in regions() for zone in zones(region) if not zone.control_plane]
    assert refused == [Zone("us-east-1e", "use1-az3", False)]


def test_every_type_is_offered_somewhere_and_every_zone_offers_something():
    offering = {
        zone.id for row in instance_types() for region in regions() for zone in zones_offering(row.name, region)
    }

    assert offering == {zone.id for region in regions() for zone in zones(region)}
    assert all(any(zones_offering(row.name, region) for region in regions()) for row in instance_types())
    assert len(regions()) == 30


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: zones("us-wst-2"), "region us-wst-2 is not in the catalog; nearest: us-west-2"),
        (
            lambda: zones_offering("g5.xlarge", "eu-west-9"),
            "region eu-west-9 is not in the catalog; nearest: eu-west-3",
        ),
    ],
)
def test_an_unknown_region_is_refused_with_the_nearest(call, message):
    with pytest.raises(UnknownRegion, match=message):
        call()


def test_an_arn_knows_its_partition():
    assert [partition(region) for region in ("us-west-2", "cn-north-1", "us-gov-west-1", "eu-isoe-west-1")] == [
        "aws",
        "aws-cn",
        "aws-us-gov",
        "aws",
    ]


@pytest.mark.parametrize(
    ("name", "resources"),
    [
        ("g4dn.xlarge", {"cpu": 3920, "memory": 14481, "pods": 29, "nvidia.com/gpu": 1}),
        ("m5.xlarge", {"cpu": 3920, "memory": 14162, "pods": 58}),
        ("t3.nano", {"cpu": 1930, "memory": 74, "pods": 4}),
        ("g5.48xlarge", {"cpu": 191450, "memory": 723299, "pods": 345, "nvidia.com/gpu": 8}),
        ("inf2.24xlarge", {"cpu": 95690, "memory": 355262, "pods": 737} | {NEURON: 6, f"{NEURON}core": 12}),
    ],
)
def test_kubelet_and_the_hypervisor_keep_a_part_of_a_node(name, resources):
    assert allocatable(instance_type(name)) == resources


@pytest.mark.parametrize(
    ("name", "quota"),
    [
        ("g4dn.xlarge", "G and VT"),
        ("gr6.4xlarge", "G and VT"),
        ("p5.48xlarge", "P"),
        ("inf2.xlarge", "Inf"),
        ("trn1.2xlarge", "Trn"),
        ("m7i.xlarge", "Standard"),
        ("im4gn.large", "Standard"),
        ("x2idn.16xlarge", "X"),
        ("u7in-16tb.224xlarge", "High Memory"),
    ],
)
def test_a_type_counts_against_its_quota(name, quota):
    assert quota_family(instance_type(name)) == quota


def test_the_example_of_the_docs_prints_what_the_docs_say(capsys):
    page = (ROOT / "docs" / "catalog.md").read_text()
    program, printed = re.findall(r"```(?:python|text)\n(.*?)```", page, re.DOTALL)[:2]

    exec(program)
    assert capsys.readouterr().out == printed


def test_the_data_is_small_enough_for_a_wheel():
    sizes = [path.stat().st_size for path in data.HERE.glob("*.json")]
    assert len(sizes) == 4
    assert sum(sizes) < 1_500_000
