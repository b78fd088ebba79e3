"""Quotas of the lab's account that a replay changes, and what they refuse."""

import json
from dataclasses import replace

import pytest

from eks_gpu.io.problems import InputError
from eks_gpu.lab import quotas
from tests.eks_gpu.lab.test_cli import LAB

ON_DEMAND, SPOT = "L-DB2E81BA", "L-3819A6DF"


@pytest.fixture
def up(tmp_path):
    return replace(LAB, folder=tmp_path)


def test_quotas_take_the_place_of_those_before(up):
    quotas.set_quotas(up, {ON_DEMAND: 8, SPOT: 0})
    assert json.loads(up.quotas.read_text()) == {ON_DEMAND: 8, SPOT: 0}
    quotas.set_quotas(up, {})
    assert json.loads(up.quotas.read_text()) == {}


def test_an_unknown_quota_and_a_negative_number_are_told(up):
    with pytest.raises(InputError) as refused:
        quotas.set_quotas(up, {"L-DB2E81BB": 8, SPOT: -1})
    assert [str(problem) for problem in refused.value.problems] == [
        "L-DB2E81BB is no quota of EC2 for vCPUs; nearest: L-DB2E81BA",
        "L-3819A6DF: vCPUs must be 0 or more, got -1",
    ]
    assert not up.quotas.exists()


def test_refusals_are_read_in_their_order(up):
    assert quotas.refusals(up) == []
    up.refused.write_text(f"{SPOT}\n{ON_DEMAND}\n{SPOT}\n")
    assert quotas.refusals(up) == [SPOT, ON_DEMAND, SPOT]
