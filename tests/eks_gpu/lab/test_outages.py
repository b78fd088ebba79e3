"""Types that a zone of the lab's EC2 is out of: said, kept in a file, and taken back."""

import json
from dataclasses import replace

import pytest

from eks_gpu.io.problems import InputError
from eks_gpu.lab import outages
from tests.eks_gpu.lab.test_cli import LAB


@pytest.fixture
def up(tmp_path):
    return replace(LAB, folder=tmp_path)


def test_an_outage_begins_and_ends(up):
    assert outages.outages(up) == []
    assert outages.begin(up, "g5.xlarge", "us-west-2a") == [("g5.xlarge", "us-west-2a")]
    assert outages.begin(up, "g5.xlarge", "us-west-2a") == [("g5.xlarge", "us-west-2a")]
    outages.begin(up, "g4dn.xlarge", "us-west-2b")
    assert json.loads(up.outages.read_text()) == [["g4dn.xlarge", "us-west-2b"], ["g5.xlarge", "us-west-2a"]]
    assert outages.end(up, "g5.xlarge", "us-west-2a") == [("g4dn.xlarge", "us-west-2b")]
    assert outages.outages(up) == [("g4dn.xlarge", "us-west-2b")]


def test_an_unknown_type_or_zone_is_told_with_the_nearest(up):
    with pytest.raises(InputError) as refused:
        outages.begin(up, "g5.xlarg", "us-west-2e")
    assert [str(problem).partition(";")[0] for problem in refused.value.problems] == [
        "TYPE: instance type g5.xlarg is not in the catalog",
        "ZONE: us-west-2e is no zone of the lab's region us-west-2",
    ]


def test_an_outage_that_there_is_not_cannot_end(up):
    with pytest.raises(InputError, match=r"no outage of g5\.xlarge in us-west-2a; there are: none"):
        outages.end(up, "g5.xlarge", "us-west-2a")


def test_a_list_of_outages_takes_the_place_of_those_before(up):
    outages.begin(up, "g5.xlarge", "us-west-2a")
    outages.set_outages(up, [("g4dn.xlarge", "us-west-2b"), ("g6.xlarge", "us-west-2c")])
    assert outages.outages(up) == [("g4dn.xlarge", "us-west-2b"), ("g6.xlarge", "us-west-2c")]
    outages.set_outages(up, [])
    assert outages.outages(up) == []
