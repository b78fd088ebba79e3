"""tools/refresh_catalog.py: the committed data is what it makes, and it asks AWS as it should."""

import csv
import json
import os
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber
from moto import mock_aws

from components.catalog import instance_type, instance_types
from tools import refresh_catalog
from tools.refresh_catalog import Answers, catalog_rows, files, live_answers, main, places, recorded_answers

GPU_NODE: dict[str, Any] = {
    "InstanceType": "g9.xlarge",
    "ProcessorInfo": {"SupportedArchitectures": ["x86_64"], "Manufacturer": "AMD"},
    "VCpuInfo": {"DefaultVCpus": 4},
    "MemoryInfo": {"SizeInMiB": 16384},
    "GpuInfo": {
        "Gpus": [{"Manufacturer": "NVIDIA", "Name": "RTX PRO 9", "Count": 1, "MemoryInfo": {"SizeInMiB": 98304}}]
    },
    "NetworkInfo": {
        "EfaInfo": {"MaximumEfaInterfaces": 2},
        "Ipv4AddressesPerInterface": 10,
        "DefaultNetworkCardIndex": 1,
        "NetworkCards": [{"MaximumNetworkInterfaces": 9}, {"MaximumNetworkInterfaces": 3}],
    },
    "InstanceStorageInfo": {"TotalSizeInGB": 125, "NvmeSupport": "required"},
    "Hypervisor": "nitro",
    "BareMetal": False,
    "SupportedUsageClasses": ["on-demand", "spot"],
    "CurrentGeneration": True,
}


def answers(*rows: dict[str, Any], prices: list[tuple[str, str, float, str]] | None = None) -> Answers:
    return Answers(
        source="a test",
        instance_types=list(rows),
        zones={"us-west-2": {"us-west-2b": "usw2-az1", "us-west-2a": "usw2-az2"}},
        offers={"usw2-az2": {row["InstanceType"] for row in rows}, "usw2-az1": {"g9.xlarge"}},
        prices=prices or [],
    )


def test_the_committed_data_is_what_the_recorded_answers_give(capsys):
    assert main(["--check"]) == 0
    assert capsys.readouterr().err.endswith("up to date\n")


def test_a_described_type_becomes_one_row():
    text = files(answers(GPU_NODE, prices=[("g9.xlarge", "us-west-2", 1.5, "2026-11-24")]))

    assert text["ec2.json"] == (
        '{\n"source": "a test",\n"types": {\n'
        '"g9.xlarge": ["amd64",4,16384,["nvidia","rtx-pro-9",1,98304],2,125,true,"nitro",false,3,10,0,true,true,"amd",'
        '"usw2:12"]\n'
        '},\n"zones": {\n"us-west-2": {"us-west-2a":"usw2-az2","us-west-2b":"usw2-az1"}\n}\n}\n'
    )
    assert text["prices.json"] == '{\n"us-west-2": {\n"g9.xlarge": [1.5,"2026-11-24"]\n}\n}\n'


def test_the_order_of_the_answers_does_not_matter():
    other = GPU_NODE | {"InstanceType": "a9.metal"}
    assert files(answers(GPU_NODE, other)) == files(answers(other, GPU_NODE))


@pytest.mark.parametrize(
    ("change", "column", "value"),
    [
        ({"ProcessorInfo": {"SupportedArchitectures": ["arm64"], "Manufacturer": "AWS"}}, 0, "arm64"),
        ({"ProcessorInfo": {"SupportedArchitectures": ["i386", "x86_64"], "Manufacturer": "Intel"}}, 0, "amd64"),
        ({"InstanceStorageInfo": {}}, 5, 0),
        ({"InstanceStorageInfo": {"TotalSizeInGB": 32, "NvmeSupport": "unsupported"}}, 6, False),
        ({"Hypervisor": ""}, 7, ""),
        ({"SupportedUsageClasses": ["on-demand"]}, 12, False),
    ],
)
def test_a_column_holds_its_field(change, column, value):
    assert catalog_rows(answers(GPU_NODE | change))["g9.xlarge"][column] == value


def test_branch_interfaces_are_those_of_the_list():
    row = GPU_NODE | {"InstanceType": "g5.2xlarge"}
    listed = Answers("a test", [row], {"us-west-2": {"us-west-2a": "usw2-az2"}}, {"usw2-az2": {"g5.2xlarge"}}, [])

    assert catalog_rows(listed)["g5.2xlarge"][11] == 17


def test_a_fraction_of_a_gpu_keeps_its_fraction():
    part = {"Manufacturer": "NVIDIA", "Name": "L4", "Count": 0, "MemoryInfo": {"SizeInMiB": 2861}}
    row = GPU_NODE | {"GpuInfo": {"Gpus": [part | {"GpuPartitionSize": 0.125}]}}

    assert catalog_rows(answers(row))["g9.xlarge"][3] == ["nvidia", "l4", 0, 2861, 0.125]


def test_a_mac_and_a_type_that_no_zone_offers_get_no_row():
    mac = GPU_NODE | {"InstanceType": "mac9.metal", "ProcessorInfo": {"SupportedArchitectures": ["arm64_mac"]}}
    unoffered = Answers("a test", [GPU_NODE], {"us-west-2": {"us-west-2a": "usw2-az2"}}, {}, [])

    assert catalog_rows(answers(mac)) == {}
    assert catalog_rows(unoffered) == {}


def test_a_price_of_a_type_without_row_is_left_out():
    text = files(answers(GPU_NODE, prices=[("p2.xlarge", "us-east-1", 0.9, "2026-07-20")]))
    assert json.loads(text["prices.json"]) == {}


def test_zone_ids_are_written_short_and_in_order():
    assert places(["usw2-az2", "use1-az6", "usw2-az1"]) == "use1:6 usw2:12"


def test_a_zone_id_of_another_form_stops_the_refresh():
    with pytest.raises(ValueError, match="zone id usw2-lax1-az1 is not of the form use1-az1"):
        places(["usw2-lax1-az1"])


def test_a_narrowed_catalog_has_the_regions_asked_for_and_the_base_prices(tmp_path):
    assert main(["--regions", "eu-west-3", "--output", str(tmp_path)]) == 0
    ec2, prices = (json.loads((tmp_path / name).read_text()) for name in ("ec2.json", "prices.json"))

    assert ec2["zones"].keys() == {"eu-west-3"}
    assert "trn1.2xlarge" not in ec2["types"]
    assert ec2["types"]["g4dn.xlarge"][-1] == "euw3:123"
    assert prices.keys() == {"eu-west-3", "us-east-1"}


def test_check_names_the_files_that_would_change_and_writes_nothing(tmp_path, capsys):
    assert main(["--check", "--output", str(tmp_path)]) == 1
    assert [line.split("/")[-1] for line in capsys.readouterr().err.splitlines()[1:]] == [
        "ec2.json: out of date",
        "prices.json: out of date",
        "spot.json: out of date",
    ]
    assert list(tmp_path.iterdir()) == []


def test_a_region_without_recorded_offers_is_refused(capsys):
    assert main(["--regions", "cn-north-1"]) == 2
    assert "no recorded offers of cn-north-1" in capsys.readouterr().err


@pytest.mark.parametrize("mode", [[], ["--live"]])
def test_a_missing_package_is_named_with_the_way_to_get_it(mode, monkeypatch, capsys):
    for module in ("moto.ec2.models.availability_zones_and_regions", "boto3"):
        monkeypatch.setitem(sys.modules, module, None)

    assert main(mode) == 2
    assert "is not installed: pip install 'eks-gpu-components[refresh]'" in capsys.readouterr().err


def test_a_refusal_of_aws_is_one_line(monkeypatch, capsys):
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(variable, raising=False)

    assert main(["--live"]) == 2
    assert capsys.readouterr().err == "AWS did not answer: Unable to locate credentials\n"


def product(name: str, usd: str) -> str:
    """One element of a price list, as AWS returns it."""
    return json.dumps(
        {
            "product": {"attributes": {"instanceType": name}},
            "terms": {"OnDemand": {"term": {"priceDimensions": {"dimension": {"pricePerUnit": {"USD": usd}}}}}},
            "publicationDate": "2026-11-20T18:00:00Z",
        }
    )


@pytest.fixture
def pricing():
    """A price list of two regions, the second in two pages."""
    client = boto3.client("pricing", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
    with Stubber(client) as stub:
        for region, token, page in (
            ("us-east-1", None, [product("g4dn.xlarge", "0.5260000000")]),
            ("us-west-2", None, [product("g4dn.xlarge", "0.5270000000"), product("p5e.48xlarge", "0.0000000000")]),
            ("us-west-2", "next", [product("g6.xlarge", "0.8050000000")]),
        ):
            more = {"NextToken": "next"} if region == "us-west-2" and not token else {}
            asked = {"ServiceCode": "AmazonEC2", "Filters": ANY} | ({"NextToken": token} if token else {})
            stub.add_response("get_products", {"PriceList": page, **more}, asked)
        yield client
        stub.assert_no_pending_responses()


@pytest.fixture
def aws(pricing, monkeypatch):
    """boto3's client: the price list above, and moto for EC2."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        yield (
            lambda service, region_name: (
                pricing if service == "pricing" else boto3.client(service, region_name=region_name)
            )
        )


def test_aws_asked_live_gives_the_rows_of_the_recorded_answers(aws):
    live = live_answers(aws, ["us-west-2"])

    assert catalog_rows(live) == catalog_rows(recorded_answers(["us-west-2"]))
    assert live.zones == recorded_answers(["us-west-2"]).zones
    assert live.prices == [
        ("g4dn.xlarge", "us-east-1", 0.526, "2026-11-20"),
        ("g4dn.xlarge", "us-west-2", 0.527, "2026-11-20"),
        ("g6.xlarge", "us-west-2", 0.805, "2026-11-20"),
    ]


def test_the_price_list_is_narrowed_to_shared_linux_on_demand():
    asked = {}

    class Pricing:
        def get_paginator(self, _operation: str) -> "Pricing":
            return self

        def paginate(self, **request: Any) -> list[dict[str, Any]]:
            asked.update({entry["Field"]: entry["Value"] for entry in request["Filters"]})
            return []

    assert list(refresh_catalog.instance_prices(Pricing(), "eu-west-1")) == []
    assert asked == {
        "regionCode": "eu-west-1",
        "operatingSystem": "Linux",
        "tenancy": "Shared",
        "preInstalledSw": "NA",
        "capacitystatus": "Used",
        "marketoption": "OnDemand",
    }


def test_the_price_list_has_each_type_of_the_catalog_once():
    with (Path(refresh_catalog.TOOLS) / "prices.csv").open(newline="") as file:
        rows = [(row["type"], row["region"]) for row in csv.DictReader(file)]

    assert rows == sorted(set(rows))
    assert {name for name, _ in rows} <= {row.name for row in instance_types()}


def test_each_share_of_spot_lies_within_its_range():
    shares = dict(refresh_catalog.listed_shares())

    assert len(shares) == 62
    assert all(0 < lowest <= share <= highest <= 1 for share, lowest, highest in shares.values())
    assert shares["g4dn.xlarge"] == [0.38, 0.1, 0.53]


def test_four_accelerated_types_have_no_price_beside_those_of_amd_and_habana():
    listed = {name for name, *_ in refresh_catalog.listed_prices()}
    accelerated = [row for row in instance_types() if row.accelerator and row.family not in ("dl1", "g4ad")]
    unpriced = {row.name for row in accelerated if row.name not in listed}

    assert unpriced == {"dl2q.24xlarge", "p5e.48xlarge", "trn2.48xlarge", "trn2.3xlarge"}
    assert instance_type("p5e.48xlarge").gpus == 8
