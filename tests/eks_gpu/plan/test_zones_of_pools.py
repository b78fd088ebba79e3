"""Zones of pools in the printed plan."""

import pytest
from rich.text import Text

from eks_gpu.plan.render import told
from tests.console import shown
from tests.graphs import analysed, managed_group, resource


@pytest.mark.parametrize(
    ("names", "printed"),
    [
        (["us-west-2a", "us-west-2c"], "zones a c;"),
        (["ap-northeast-1a"], "zone ap-northeast-1a;"),
        (["us-west-2b", "us-west-2-lax-1a"], "zones b us-west-2-lax-1a;"),
    ],
)
def test_a_zone_of_the_region_is_a_letter_and_any_other_its_whole_name(names, printed):
    subnets = [
        resource("aws:ec2/subnet:Subnet", name, {"availabilityZone": name}, id_=f"subnet-{name}") for name in names
    ]
    group = managed_group(subnetIds=[subnet.id for subnet in subnets])

    text = shown(told(Text("plan"), analysed(*subnets, group), [], []), 200)

    assert printed in text
