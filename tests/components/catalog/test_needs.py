"""The types that meet a need, cheapest first."""

from dataclasses import replace

import pytest

from components.catalog import Accelerator, InstanceType, Need, instance_type, on_demand_price, resolve


def names(rows: list[InstanceType]) -> list[str]:
    return [row.name for row in rows]


def test_the_cheapest_node_with_a_gpu_comes_first():
    assert names(resolve(Need(), "us-west-2"))[:5] == [
        "g4dn.xlarge",
        "g4dn.2xlarge",
        "g6.xlarge",
        "g6.2xlarge",
        "g5.xlarge",
    ]


@pytest.mark.parametrize(
    ("need", "first"),
    [
        (Need(gpu_memory_mib=40 * 1024), "g6e.xlarge"),
        (Need(gpus=4), "g4dn.12xlarge"),
        (Need(gpus=8, gpu_memory_mib=80 * 1024, efa=True), "p4de.24xlarge"),
        (Need(architecture="arm64"), "g5g.xlarge"),
        (Need(accelerator="neuron"), "inf1.xlarge"),
        (Need(fractional=True), "g6f.large"),
        (Need(vcpus=16, memory_mib=60 * 1024), "g4dn.4xlarge"),
        (Need(gpus=2, spot=True), "g4dn.12xlarge"),
    ],
)
def test_a_need_finds_its_cheapest_type(need, first):
    assert names(resolve(need, "us-west-2"))[0] == first


@pytest.mark.parametrize(
    ("need", "change"),
    [
        (Need(), {"accelerator": None}),
        (Need(), {"accelerator": Accelerator("aws", "trainium", 1, 32768)}),
        (Need(), {"accelerator": Accelerator("nvidia", "l4", 0, 11444, fraction=0.5)}),
        (Need(gpu_memory_mib=16384), {"accelerator": Accelerator("nvidia", "t4", 1, 16383)}),
        (Need(), {"architecture": "arm64"}),
        (Need(vcpus=4), {"vcpus": 3}),
        (Need(memory_mib=16384), {"memory_mib": 16383}),
        (Need(efa=True), {"efa_interfaces": 0}),
        (Need(bare_metal=False), {"bare_metal": True}),
        (Need(spot=True), {"spot": False}),
    ],
)
def test_a_type_that_lacks_one_thing_is_not_admitted(need, change):
    row = replace(instance_type("g4dn.xlarge"), efa_interfaces=1)

    assert need.admits(row)
    assert not need.admits(replace(row, **change))


def test_a_limit_on_spot_is_a_limit_on_its_estimate():
    spot = names(resolve(Need(spot=True, max_hourly=0.4), "us-west-2"))
    assert spot == ["g4dn.xlarge", "g4dn.2xlarge", "g6.xlarge", "g6.2xlarge"]  # 0.2, 0.263, 0.314, 0.352
    assert names(resolve(Need(max_hourly=0.4), "us-west-2")) == []


def test_types_without_a_price_come_last_and_never_pass_a_limit():
    assert names(resolve(Need(gpus=8, gpu_memory_mib=100_000), "us-west-2")) == [
        "p5en.48xlarge",
        "p6-b200.48xlarge",
        "p6-b300.48xlarge",
        "p5e.48xlarge",
    ]
    assert names(resolve(Need(gpus=8, gpu_memory_mib=100_000, max_hourly=70), "us-west-2")) == ["p5en.48xlarge"]


def test_only_types_of_the_asked_zones_count():
    neuron = Need(accelerator="neuron", vcpus=100)

    assert names(resolve(neuron, "us-west-2", zone_ids=["usw2-az4"])) == [
        "inf2.48xlarge",
        "trn1.32xlarge",
        "trn1n.32xlarge",
    ]
    assert names(resolve(neuron, "us-west-2", zone_ids=["usw2-az2"])) == ["inf2.48xlarge"]
    assert names(resolve(neuron, "us-west-2", zone_ids=[])) == []


def test_without_a_region_a_type_of_any_region_counts():
    anywhere, somewhere = names(resolve(Need())), names(resolve(Need(), "eu-west-3"))

    assert set(somewhere) < set(anywhere)
    assert anywhere[0] == "g4dn.xlarge"


def test_ranking_is_by_price_and_then_by_name():
    ranked = resolve(Need(architecture="arm64"), "us-west-2")
    priced = [(price.hourly, row.name) for row in ranked if (price := on_demand_price(row.name, "us-west-2"))]

    assert len(priced) == len(ranked) == 6
    assert priced == sorted(priced)
    assert priced[-2:] == [(2.744, "g5g.16xlarge"), (2.744, "g5g.metal")]


def test_bare_metal_can_be_left_out():
    assert "g5g.metal" not in names(resolve(Need(architecture="arm64", bare_metal=False), "us-west-2"))


def test_a_wrong_need_is_refused_with_every_problem():
    message = "gpus must be at least 1, got 0; gpu_memory_mib must be at least 0, got -1; "
    message += "accelerator must be nvidia or neuron, got 'amd'; architecture must be amd64 or arm64, got 'x86_64'"
    with pytest.raises(ValueError) as refusal:
        Need(gpus=0, gpu_memory_mib=-1, accelerator="amd", architecture="x86_64")
    assert str(refusal.value) == message


@pytest.mark.parametrize(
    ("region", "zone_ids", "message"),
    [
        (
            "us-west-2",
            ["use1-az1"],
            "region us-west-2 has no zone use1-az1; it has usw2-az1, usw2-az2, usw2-az3, usw2-az4",
        ),
        (None, ["use1-az1"], "zone_ids need a region"),
        ("eu-wst-1", None, "region eu-wst-1 is not in the catalog; nearest: eu-west-1"),
    ],
)
def test_a_need_in_no_such_place_is_refused(region, zone_ids, message):
    with pytest.raises(ValueError, match=message):
        resolve(Need(), region, zone_ids)
