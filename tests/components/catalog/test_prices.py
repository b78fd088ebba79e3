"""The catalog's prices: of which region and day each is, and which are estimates."""

import pytest

from components.catalog import (
    Price,
    auto_mode_surcharge,
    data,
    ebs_gib_month,
    ebs_volume,
    on_demand_price,
    prices,
    spot_price,
)


def test_a_price_says_of_which_region_it_is():
    assert on_demand_price("g6.xlarge", "us-east-1") == Price(0.8048, "us-east-1", "2026-07-20")
    assert on_demand_price("g4dn.xlarge", "us-west-2") == Price(0.526, "us-west-2", "2026-11-21")
    assert on_demand_price("g6.xlarge", "us-west-2") == Price(0.8048, "us-west-2", "2026-01-01")
    assert on_demand_price("g7.2xlarge", "us-west-2") == Price(2.52, "us-east-1", "2026-07-20")
    assert on_demand_price("m7i.large", "us-west-2") == Price(0.1008, "us-east-1", "2026-07-20")
    assert on_demand_price("p5e.48xlarge", "us-west-2") is None


@pytest.mark.parametrize(
    ("name", "usd"),
    [
        ("g4dn.12xlarge", 3.912),
        ("g5.48xlarge", 16.288),
        ("g6e.xlarge", 1.861),
        ("p4d.24xlarge", 21.957642),
        ("p5en.48xlarge", 63.296),
        ("inf2.xlarge", 0.7582),
        ("trn1.2xlarge", 1.34375),
    ],
)
def test_prices_are_those_of_july_2026(name, usd):
    assert on_demand_price(name, "us-east-1") == Price(usd, "us-east-1", "2026-07-20")


@pytest.mark.parametrize(
    ("region", "g4dn", "g5", "g6"),
    [
        ("us-west-2", 0.526, 1.006, 0.8048),
        ("eu-central-1", 0.658, 1.258, 1.0064),
        ("ap-northeast-1", 0.71, 1.459, 1.1672),
        ("ap-south-1", 0.579, 1.208, 0.9664),
    ],
)
def test_each_region_has_its_own_price(region, g4dn, g5, g6):
    found = [on_demand_price(name, region) for name in ("g4dn.xlarge", "g5.xlarge", "g6.xlarge")]
    assert [price and (price.hourly, price.region) for price in found] == [(usd, region) for usd in (g4dn, g5, g6)]


def test_a_spot_price_is_the_types_share_of_on_demand_with_its_range():
    price = spot_price("g4dn.xlarge", "eu-central-1")  # 38 % of 0.658, in the regions from 10 to 53 %

    assert price and (price.region, price.estimate) == ("eu-central-1", True)
    assert (price.hourly, price.lowest, price.highest) == pytest.approx((0.25004, 0.0658, 0.34874))


def test_a_type_without_a_share_of_its_own_is_half_of_on_demand_with_an_accelerator():
    assert spot_price("g7.2xlarge", "us-west-2") == Price(1.26, "us-east-1", "2026-07-20", estimate=True)
    assert spot_price("p5e.48xlarge", "us-west-2") is None


def test_the_regions_factors_are_those_of_its_known_types():
    assert prices.regional_factors("us-west-2") == pytest.approx((1, 1), abs=1e-5)
    assert prices.regional_factors("eu-west-1") == pytest.approx((1.08, 1.25), abs=1e-3)
    assert prices.regional_factors("sa-east-1") == pytest.approx((1, 1.544), abs=1e-3)  # none known: of all regions


def test_a_spot_price_is_an_estimated_four_tenths_of_on_demand_without():
    price = spot_price("m5.2xlarge", "us-west-2")

    assert price and price.hourly == pytest.approx(0.1536)
    assert (price.region, price.estimate) == ("us-east-1", True)


def test_spot_has_no_price_for_a_type_that_it_does_not_sell(monkeypatch):
    monkeypatch.setattr(data, "prices", lambda: {"us-east-1": {"hpc6a.48xlarge": [2.88, "2026-07-20"]}})

    assert on_demand_price("hpc6a.48xlarge", "us-east-1") == Price(2.88, "us-east-1", "2026-07-20")
    assert spot_price("hpc6a.48xlarge", "us-east-1") is None


def test_auto_mode_adds_a_share_of_the_on_demand_price():
    price = auto_mode_surcharge("g6.xlarge", "us-east-1")

    assert price and price.hourly == pytest.approx(0.096576)
    assert (price.region, price.estimate) == ("us-east-1", True)


def test_a_month_of_each_service_costs_what_aws_lists():
    services = (
        prices.CONTROL_PLANE_HOURLY,
        prices.EXTENDED_SUPPORT_HOURLY,
        prices.NAT_GATEWAY_HOURLY,
        prices.NLB_HOURLY,
        prices.ALB_HOURLY,
        prices.PUBLIC_IPV4_HOURLY,
        prices.INTERFACE_ENDPOINT_HOURLY,
    )
    assert [round(service.monthly, 3) for service in services] == [73.0, 365.0, 32.85, 16.425, 16.425, 3.65, 7.3]
    assert [service.region for service in services] == [
        *("every region", "every region", "us-east-1", "us-east-1", "us-east-1", "every region", "us-east-1")
    ]
    assert prices.CONTROL_PLANE_HOURLY.at("eu-west-1").region == "eu-west-1"
    assert prices.NAT_GATEWAY_HOURLY.at("eu-west-1").region == "us-east-1"


def test_a_gp3_volume_pays_for_what_is_over_its_free_iops_and_throughput():
    assert ebs_gib_month("gp3").monthly == pytest.approx(0.08)
    assert ebs_volume("gp3", 100, iops=3000, throughput_mib_s=125).monthly == pytest.approx(8.0)
    assert ebs_volume("gp3", 100, iops=4000, throughput_mib_s=225).monthly == pytest.approx(8.0 + 5.0 + 4.0)
    assert ebs_volume("io2", 100, iops=1000).monthly == pytest.approx(12.5 + 65.0)


def test_an_unknown_volume_type_is_refused():
    with pytest.raises(ValueError, match="must be one of gp2, gp3, io1, io2, sc1, st1, standard, got 'gp4'"):
        ebs_gib_month("gp4")
