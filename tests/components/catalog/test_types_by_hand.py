"""g4ad and dl1, which no recorded answer has: the catalog's own rows are those of Karpenter's tables."""

import re
from typing import Any

import pytest
from moto.ec2.models.instance_types import INSTANCE_TYPE_OFFERINGS, INSTANCE_TYPES

from components.catalog import instance_type
from tests import crds

BY_HAND = ("dl1.24xlarge", *(f"g4ad.{size}" for size in ("xlarge", "2xlarge", "4xlarge", "8xlarge", "16xlarge")))
SHAPES = {
    "dl1.24xlarge": (96, 786432, 8),
    "g4ad.xlarge": (4, 16384, 1),
    "g4ad.2xlarge": (8, 32768, 1),
    "g4ad.4xlarge": (16, 65536, 1),
    "g4ad.8xlarge": (32, 131072, 2),
    "g4ad.16xlarge": (64, 262144, 4),
}
"""vCPUs, MiB and accelerators, as the cluster autoscaler's ec2_instance_types.go of June 2025 has them."""


def test_no_recorded_answer_has_them():
    """Where one has them, the rows by hand go."""
    recorded: Any = INSTANCE_TYPE_OFFERINGS["availability-zone-id"]
    offered = {offer["InstanceType"] for offers in recorded.values() for offer in offers}
    assert not {*BY_HAND} & {*INSTANCE_TYPES, *offered}


@pytest.mark.parametrize("name", BY_HAND)
def test_their_shape_is_that_of_the_autoscalers_table(name):
    row = instance_type(name)
    assert row.accelerator
    assert (row.vcpus, row.memory_mib, row.accelerator.count) == SHAPES[name]


@pytest.mark.parametrize("name", BY_HAND)
def test_their_network_is_that_of_karpenters_table(name):
    module = crds.module()
    if module is None:
        pytest.skip("no Go, or no way to get Karpenter's source with it")
    text = (module / "pkg/providers/instancetype/zz_generated.vpclimits.go").read_text(encoding="utf-8")
    block = text.partition(f'"{name}": {{')[2].partition("IsBareMetal")[0]
    wanted = [re.findall(rf"\b{key}: +(\d+)", block)[0] for key in ("IPv4PerInterface", "BranchInterface")]
    card = re.findall(r"MaximumNetworkInterfaces: +(\d+)", block)[0]
    row = instance_type(name)
    assert [row.addresses, row.branch_interfaces, row.interfaces] == [int(each) for each in (*wanted, card)]
    assert row.hypervisor == re.findall(r'Hypervisor: +"(\w+)"', block)[0]
