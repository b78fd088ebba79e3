"""Answers that are small enough to be read, whatever a stack holds, and the way to the rest of them."""

import json
from pathlib import Path
from typing import Any

import pytest

from eks_gpu.assistants.answers import LONGEST, answered
from eks_gpu.assistants.questions import asked
from eks_gpu.checks import Finding
from tests import reports
from tests.graphs import healthy, resource

HERE = str(Path(__file__).parent)


def told(answer: Any, holds: bool = True, tool: str = "plan", **more: Any) -> dict[str, Any]:
    given = {"folder": HERE, **more} if tool == "plan" else more
    text = answered(asked(tool, given), answer, holds)
    assert len(text) <= LONGEST
    return json.loads(text)


def every_page(answer: Any, **more: Any) -> list[Any]:
    rows: list[Any] = []
    while True:
        page = told(answer, offset=len(rows), **more)
        assert page["rows"]
        rows += page["rows"]
        if "more" not in page:
            return rows


def test_a_summary_has_the_verdict_the_money_and_what_fails():
    summary = told(reports.saved(reports.every_kind()), holds=False)
    assert (summary["stack"], summary["verdict"]) == ("shop / dev", "fails")
    assert summary["usd_a_month"] == {"idle": "236*", "steady": "~544*", "demand_max": "~544*", "max": "3,206*"}
    assert summary["checks"] == {"fails": 1, "holds": 88, "not-judged": 1, "waived": 1, "warns": 1}
    assert summary["fails"] == [
        {"id": "gpu-pools-are-capped", "subject": "gpu", "message": "nothing limits it", "fix": "give it a maximum"}
    ]
    assert [pool["name"] for pool in summary["pools"]] == ["gpu", "system"]


def test_checks_are_those_that_do_not_hold_unless_others_are_asked_for():
    plan = reports.saved(reports.every_kind())
    results = [row["result"] for row in every_page(plan, section="checks")]
    assert results == ["fails", "warns", "waived", "not-judged"]
    assert {row["result"] for row in every_page(plan, section="checks", status="holds")} == {"holds"}
    assert len(every_page(plan, section="checks", status="all")) == len(plan["checks"])
    one = every_page(plan, section="checks", check="nodes-may-join-the-cluster")
    assert [row["result"] for row in one] == ["holds"]
    assert one[0]["sources"]


@pytest.mark.parametrize("section", ["pools", "workloads", "cost", "quotas", "notes", "resources"])
def test_every_section_has_all_its_rows_on_its_pages(section):
    plan = reports.saved(reports.plan())
    counts = {
        "cost": 4 + sum(len(bill["items"]) for bill in plan["cost"].values() if isinstance(bill, dict)),
        "notes": 1,
    }
    assert len(every_page(plan, section=section)) == counts.get(section, len(plan.get(section, [])))


def test_what_a_level_costs_is_found_by_its_name():
    plan = reports.saved(reports.plan())
    rows = every_page(plan, section="cost", name="steady: ")
    assert rows[0] == {"name": "steady: total", "hourly": 0.7452, "monthly": 543.99, "at_least": False}
    assert sum(row["hourly"] for row in rows[1:]) == pytest.approx(rows[0]["hourly"], abs=1e-3)


def test_what_is_not_read_is_in_the_summary_and_has_a_section():
    plan = reports.saved(reports.partly_read())
    assert told(plan, holds=False)["counts"]["unread"] == 2
    assert [row["subject"] for row in every_page(plan, section="unread")] == ["Fleet spare", "Fleet more"]


def test_changes_have_cost_and_rows():
    plan = {**reports.saved(reports.every_kind()), "changes": reports.changes().as_json()}
    assert told(plan)["changes"] == {"pools": 2, "workloads": 0, "checks": 5}
    rows = every_page(plan, section="changes", against=__file__)
    assert rows[3]["name"] == "cost: max"
    assert rows[3]["monthly"] == {"old": 2475.69, "new": 3205.69}
    assert [row["of"] for row in rows[4:]] == ["pools"] * 2 + ["checks"] * 5


def test_a_huge_stack_is_read_page_by_page():
    many = [resource("shop:index:Thing", f"thing-{number}", {"text": "x" * 5000}) for number in range(400)]
    deep: Any = {"a": "b" * 9_000}
    for _ in range(12):
        deep = {"inner": deep, "list": [["c" * 600] * 30] * 30}
    plan = reports.saved(reports.plan(*healthy(), *many, resource("shop:index:Thing", "deep", deep)))
    page = told(plan, section="resources", name="thing-")
    assert page["total"] == 400
    shown = len(page["rows"])
    assert page["more"] == f"{400 - shown} more rows: ask again with offset {shown}, or with a filter"
    assert page["rows"][0]["inputs"]["text"].endswith("x… (4,300 more letters)")
    (row,) = told(plan, section="resources", name="deep")["rows"]
    assert row["keys"] == ["urn", "type", "name", "parent", "inputs"]
    assert told(plan, section="resources", offset=5000)["more"].startswith("offset 5000 is behind the last of ")


def test_a_summary_of_long_messages_is_short_and_counts_what_it_leaves_out():
    many = [
        Finding("gpu-pools-are-capped", f"p{number}", False, "m" * 9_000, "error", "f" * 9_000) for number in range(99)
    ]
    summary = told(reports.saved(reports.with_findings(reports.plan(), *many)), holds=False)
    assert summary["checks"]["fails"] == 99
    assert summary["fails"][-1] == f"… and {99 - len(summary['fails']) + 1} more"
    assert "pools" in summary


def test_what_hides_in_a_name_is_shown_as_a_sign():
    hidden = "a\u202eb\x1b\U000e0041"
    plan = reports.saved(reports.with_findings(reports.plan(), Finding("gpu-pools-are-capped", hidden, False, hidden)))
    text = json.dumps([told(plan, False), told(plan, section="checks")], ensure_ascii=False)
    assert "a\ufffdb␛\ufffd" in text
    assert not set(text) & set("\u202e\x1b\U000e0041")


def test_a_pod_has_a_row_a_pool_the_takers_first():
    rows = [{"pool": name, "admits": name == "c", "reason": f"of {name}", "helps": []} for name in "abc"]
    pod = {"pod": "train", "template": None, "needs": ["x"], "pools": rows}
    answer = told([pod, {**pod, "pod": "other", "pools": []}], False, "explain", pod="a: b\n", folder=HERE)
    assert answer["runs"] is False
    assert [(row["pod"], row["pool"], row["admits"]) for row in answer["rows"]] == [
        ("train", "c", True),
        ("train", "a", False),
        ("train", "b", False),
        ("other", None, False),
    ]
    assert answer["rows"][0] == {"pod": "train", "needs": ["x"], "pool": "c", "admits": True, "reason": "of c"}
    few = told([pod], True, "explain", pod="a: b\n", folder=HERE, pool="b")
    assert [row["pool"] for row in few["rows"]] == ["b"]


def test_settings_that_are_too_long_come_a_key_a_row():
    settings = {f"key{number}": {"text": "x" * 300, "list": list(range(10))} for number in range(100)}
    answer = {"settings": settings, "findings": [], "region": "us-west-2", "choices": []}
    page = told(answer, True, "import", manifest="a: b\n")
    assert page["total"] == 100
    assert page["rows"][0]["key"] == "key0"
    assert told({**answer, "settings": {"a": 1}}, True, "import", manifest="a: b\n")["settings"] == {"a": 1}
