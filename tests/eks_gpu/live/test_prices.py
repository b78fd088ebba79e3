"""eks-gpu prices refresh: what it asks AWS, what it keeps, and how a plan uses it; answers in botocore's shapes."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import NoCredentialsError
from botocore.stub import ANY, Stubber
from typer.testing import CliRunner

from eks_gpu.commands import prices as command
from eks_gpu.cost.bill import Bill
from eks_gpu.io.problems import InputError
from eks_gpu.live import price_list
from eks_gpu.pools.prices import on_demand_price, price_file, spot_price
from eks_gpu.types.type_search import offers
from eks_gpu_components.catalog import Need, Price
from tests.graphs import analysed, healthy

NOW = datetime(2026, 11, 29, 9, tzinfo=UTC)
REGION = "eu-central-1"
KEPT = {
    "region": REGION,
    "as_of": "2026-11-29",
    "on_demand": {"g4dn.xlarge": 0.7, "g5.xlarge": 1.3, "m7i.large": 0.12},
    "spot": {"g4dn.xlarge": {f"{REGION}a": 0.2, f"{REGION}b": 0.3, f"{REGION}c": 0.4}},
    "services": {"nat_gateway": 0.052, "gp3_gib_month": 0.0952},
}


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    """An empty cache of the user's, which the other tests ignore."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("EKS_GPU_CATALOG_PRICES")
    return tmp_path


@pytest.fixture
def kept(cache) -> Path:
    return write(KEPT)


def write(content: Any) -> Path:
    file = price_file(REGION)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    return file


# --- what is asked, and what becomes of the answers ------------------------------------------------------------------


def product(usd: str, begin: str = "0", **attributes: str) -> str:
    dimension = {"unit": "Hrs", "beginRange": begin, "endRange": "Inf", "pricePerUnit": {"USD": usd}}
    return json.dumps(
        {
            "product": {"productFamily": "any", "attributes": attributes, "sku": "S"},
            "serviceCode": "any",
            "terms": {"OnDemand": {"S.T": {"priceDimensions": {"S.T.D": dimension}}}},
            "publicationDate": "2026-11-20T00:00:00Z",
        }
    )


def page(*products: str) -> dict[str, Any]:
    return {"FormatVersion": "aws_v1", "PriceList": list(products)}


def clients() -> Any:
    """boto3's clients of the two services, which answer once each question of a refresh, in its order."""
    session = boto3.Session("test", "test", region_name="us-east-1")
    pricing, ec2 = session.client("pricing"), session.client("ec2")
    listed, spot = Stubber(pricing), Stubber(ec2)
    types = [product("0.6580000000", instanceType="g4dn.xlarge"), product("1.2580000000", instanceType="g5.xlarge")]
    unknown = [product("9.9", instanceType="z9.huge"), product("0.0000000000", instanceType="p5e.48xlarge")]
    question = {"ServiceCode": "AmazonEC2", "Filters": ANY}
    # Two pages: the list goes on.
    listed.add_response("get_products", {**page(*types), "NextToken": "more"}, question)
    listed.add_response("get_products", page(*unknown), {**question, "NextToken": "more"})
    answers = {
        "nat": [
            product("0.0520000000", usagetype="EUC1-NatGateway-Hours"),
            product("0.0600000000", usagetype="EUC1-RegionalNatGateway-Hours"),
            product("0.0520000000", usagetype="EUC1-NatGateway-Bytes"),
        ],
        "nlb": [product("0.0270000000", usagetype="EUC1-LoadBalancerUsage")],
        "alb": [product("0.0270000000", usagetype="EUC1-LoadBalancerUsage"), product("1", usagetype="EUC1-LCUUsage")],
        "endpoint": [
            product("0.0120000000", usagetype="EUC1-VpcEndpoint-Hours"),
            product("0.0060000000", begin="1000", usagetype="EUC1-VpcEndpoint-Hours"),
        ],
        "gp2": [],
        "gp3": [product("0.0952000000", usagetype="EUC1-EBS:VolumeUsage.gp3")],
    }
    codes = {"nlb": "AWSELB", "alb": "AWSELB", "endpoint": "AmazonVPC"}
    for name, products in answers.items():
        listed.add_response(
            "get_products", page(*products), {"ServiceCode": codes.get(name, "AmazonEC2"), "Filters": ANY}
        )
    history = [("g4dn.xlarge", "a", "0.2"), ("g4dn.xlarge", "b", "0.4"), ("g4dn.xlarge", "a", "0.9"), ("z9", "a", "1")]
    spot.add_response(
        "describe_spot_price_history",
        {
            "SpotPriceHistory": [
                {"InstanceType": name, "AvailabilityZone": REGION + zone, "SpotPrice": usd, "Timestamp": NOW}
                for name, zone, usd in history
            ]
        },
        {"ProductDescriptions": ["Linux/UNIX"], "StartTime": NOW},
    )
    listed.activate()
    spot.activate()
    return lambda service, region_name: {"pricing": pricing, "ec2": ec2}[service]


def test_prices_are_those_of_the_list_and_the_newest_of_spot_in_each_zone():
    assert price_list.current_prices(clients(), REGION, NOW).model_dump() == {
        "region": "eu-central-1",
        "as_of": "2026-11-29",
        "on_demand": {"g4dn.xlarge": 0.658, "g5.xlarge": 1.258},
        "spot": {"g4dn.xlarge": {"eu-central-1a": 0.2, "eu-central-1b": 0.4}},
        "services": {
            "nat_gateway": 0.052,
            "nlb": 0.027,
            "alb": 0.027,
            "interface_endpoint": 0.012,
            "gp3_gib_month": 0.0952,
        },
    }


def refresh(*arguments: str) -> Any:
    return CliRunner().invoke(command.app, ["refresh", *arguments])


def test_the_command_keeps_them_in_the_cache(cache, monkeypatch):
    client = clients()
    monkeypatch.setattr(boto3, "client", client)
    now = price_list.current_prices
    monkeypatch.setattr(price_list, "current_prices", lambda client, region: now(client, region, NOW))
    ran = refresh("--region", REGION)
    assert ran.exit_code == 0, ran.output
    file = cache / "eks-gpu" / "prices" / "eu-central-1.json"
    assert json.loads(file.read_text())["on_demand"] == {"g4dn.xlarge": 0.658, "g5.xlarge": 1.258}
    assert f"eu-central-1, 2026-11-29: 2 types on demand, 1 on Spot, 5 of 6 services; {file}" in ran.output
    assert on_demand_price("g5.xlarge", REGION) == Price(1.258, REGION, "2026-11-29")


def test_without_credentials_there_is_one_line(cache, monkeypatch):
    def refused(*_: Any) -> Any:
        raise NoCredentialsError

    monkeypatch.setattr(price_list, "current_prices", refused)
    ran = refresh("--region", REGION)
    assert (ran.exit_code, ran.output.strip()) == (1, "error: AWS did not answer: Unable to locate credentials")
    assert not price_file(REGION).exists()


def test_a_wrong_region_has_its_nearest(cache):
    ran = refresh("--region", "eu-centrl-1")
    assert isinstance(ran.exception, InputError)
    assert str(ran.exception) == (
        "--region must be one of those in the catalog, got 'eu-centrl-1'; nearest: eu-central-1"
    )


def test_without_boto3_the_command_says_what_to_install(cache, monkeypatch):
    monkeypatch.setitem(sys.modules, "boto3", None)
    ran = refresh()
    assert isinstance(ran.exception, InputError)
    assert str(ran.exception) == ("eks-gpu prices refresh needs boto3: pip install 'eks-gpu-components[plan,prices]'")


# --- how they are used -----------------------------------------------------------------------------------------------


def units(bill: Bill) -> dict[str, Price | None]:
    return {item.name: item.unit for item in bill.items}


def test_a_plan_uses_them_and_says_of_which_day_they_are(kept):
    found = analysed(*healthy(), region=REGION).cost
    assert found.as_json()["prices_refreshed"] == "2026-11-29"
    steady = units(found.steady)
    assert steady["pool gpu: g4dn.xlarge, Spot"] == Price(
        0.3, REGION, "2026-11-29", estimate=True, lowest=0.2, highest=0.4
    )
    assert steady["pool system: m7i.large, on demand"] == Price(0.12, REGION, "2026-11-29")
    assert units(found.max)["pool gpu: g5.xlarge, on demand"] == Price(1.3, REGION, "2026-11-29")
    disks = steady["pool gpu: disks of 100 GiB"]
    assert disks and disks.hourly == pytest.approx(100 * 0.0952 / 730)
    assert found.max.borrowed_from == ()


def test_a_pool_in_known_zones_has_their_spot_prices(kept):
    assert spot_price("g4dn.xlarge", REGION, [f"{REGION}a"]) == Price(
        0.2, REGION, "2026-11-29", estimate=True, lowest=0.2, highest=0.2
    )


def test_what_was_not_fetched_is_the_catalogs(kept):
    assert on_demand_price("g6.xlarge", REGION) == Price(1.0064, REGION, "2026-01-01")
    share = spot_price("g5.xlarge", REGION)  # 44 % of the refreshed price
    assert share and (share.hourly, share.lowest, share.highest) == pytest.approx((0.44 * 1.3, 0.2 * 1.3, 0.74 * 1.3))


def test_types_are_ranked_by_them(kept):
    dear = {**KEPT, "on_demand": {"g4dn.xlarge": 9.0}}
    write(dear)
    names = [offer.row.name for offer in offers(Need(max_hourly=1.1), REGION)]
    assert names and "g4dn.xlarge" not in names


def test_other_regions_keep_the_catalogs(kept):
    assert on_demand_price("g4dn.xlarge", "us-west-2") == Price(0.526, "us-west-2", "2026-11-21")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("{", ":1:2: not valid JSON: Expecting property name enclosed in double quotes"),
        ({**KEPT, "as_of": "soon"}, ": as_of must be a day such as 2026-11-29, got 'soon'"),
        ({**KEPT, "on_demand": {"g5.xlarge": -1}}, ": on_demand.g5.xlarge must be more than 0, got -1"),
        ({**KEPT, "region": "us-west-2"}, ": region must be eu-central-1, as the file is named, got 'us-west-2'"),
    ],
)
def test_a_broken_file_is_named_with_the_way_out(cache, content, problem):
    file = write(content)
    with pytest.raises(InputError) as error:
        on_demand_price("g5.xlarge", REGION)
    again = "; run eks-gpu prices refresh --region eu-central-1, or delete the file"
    assert error.value.problems == [f"{file}{problem}{again}"]
