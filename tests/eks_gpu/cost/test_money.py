"""Amounts of money in words: every mark stands beside the number, wherever one is written."""

import pytest

from eks_gpu.cost.bill import bill
from eks_gpu.cost.cost import Item
from eks_gpu.cost.money import Marks, marks_of, not_read, usd
from eks_gpu.graph.unread import Unread
from eks_gpu_components.catalog import Price


@pytest.mark.parametrize(
    ("marks", "written"),
    [
        (Marks(), "1,234.50"),
        (Marks(estimate=True), "~1,234.50"),
        (Marks(missing=True), "1,234.50 + ?"),
        (Marks(borrowed=True), "1,234.50*"),
        (Marks(at_least=True), "at least 1,234.50"),
        (Marks(True, True, True, True), "at least ~1,234.50 + ?*"),
    ],
)
def test_an_amount_is_written_with_its_marks(marks, written):
    assert usd(1234.5, 2, marks) == written


def test_marks_add_up():
    assert Marks(estimate=True) | Marks(borrowed=True) == Marks(estimate=True, borrowed=True)
    assert Marks() | Marks(missing=True, at_least=True) == Marks(missing=True, at_least=True)


@pytest.mark.parametrize(
    ("price", "marks"),
    [
        (Price(1, "us-west-2", "2026-11-01"), Marks()),
        (Price(1, "us-east-1", "2026-11-01"), Marks(borrowed=True)),
        (Price(1, "us-west-2", "2026-11-01", estimate=True), Marks(estimate=True)),
        (Price(1, "", ""), Marks()),
    ],
)
def test_a_price_has_the_marks_of_its_source(price, marks):
    assert marks_of(price, "us-west-2") == marks


FLEET = Unread("Fleet spare", "nodes", "not read", "use a group")


def test_a_bill_has_the_marks_of_all_its_lines_and_of_what_it_leaves_out():
    lines = [
        Item("pool gpu: g5.xlarge, Spot", 2, Price(1, "us-west-2", "2026-11-01", estimate=True)),
        Item("pool odd: x9.large, on demand", 1, None),
        Item("disk", 1, Price(1, "us-east-1", "2026-11-01")),
    ]
    found = bill("us-west-2", lines, unread=[FLEET])
    assert usd(found.hourly, 2, found.marks) == "at least ~3.00 + ?*"
    assert found.as_json()["at_least"] is True
    assert bill("us-west-2", lines[:1]).marks == Marks(estimate=True)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], ""),
        ([FLEET], "nodes of Fleet spare are not read"),
        ([FLEET] * 2, "nodes of Fleet spare and Fleet spare are not read"),
        ([FLEET] * 3, "nodes of 3 resources are not read"),
        ([Unread("Vpc net", "network", "", "")], "network of Vpc net is not read"),
        ([FLEET, Unread("Vpc net", "network", "", "")], "nodes of Fleet spare and network of Vpc net are not read"),
    ],
)
def test_what_is_left_out_is_named_or_counted(rows, said):
    assert not_read(rows) == said
