"""Names and messages that hold what a reader of the answer would take for its own."""

import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from eks_gpu.checks import Finding
from eks_gpu.plan.changes import compare
from eks_gpu.plan.junit import junit
from eks_gpu.plan.render_changes import markdown
from eks_gpu.plan.sarif import sarif
from eks_gpu.plan.saved_plans import Snapshot
from eks_gpu.report.html import page
from tests.programs import plan_of
from tests.reports import plan, saved, with_findings

BAD = Finding("gpu-pools-are-capped", "gpu", False, "nothing limits it", "error", "give it a maximum")


def changes_of(name: str) -> str:
    finding = replace(BAD, subject=name, message=f"of {name}")
    return markdown(
        [
            compare(
                Snapshot.model_validate(saved(plan())), Snapshot.model_validate(saved(with_findings(plan(), finding)))
            )
        ]
    )


def span(text: str) -> str:
    """A code span as CommonMark reads it: a run of backticks up to the next run as long."""
    found = re.search(r"(?<!`)(`+)(?!`)(.*?)(?<!`)\1(?!`)", text.partition("gpu-pools-are-capped")[2][1:])
    assert found
    return found[2].removeprefix(" ").removesuffix(" ")


@pytest.mark.parametrize("name", ["a` b", "a``b", "`", "``` a ` b ``", "a`` <img src=x> ``b", "`a`"])
def test_a_name_stays_in_its_code_span(name):
    assert span(changes_of(name)) == name


@pytest.mark.parametrize(
    ("name", "alive"),
    [
        ("![a](https://x.example/y.png)", r"(?<!\\)!?\[|://"),
        ("@somebody", r"@\w"),
        ("org/repo#12", r"#\d"),
        ("<img src=x>", r"(?<!\\)<"),
        ("&lt;b&gt;", r"(?<!\\)&"),
        ("www.x.example", r"www\."),
        ("~~gone~~ **bold** _it_", r"(?<!\\)[~*_]"),
        ("GH-1 and gh-23", r"(?i)gh-\d"),
        (":tada: or :+1:", r":[\w+]+:"),
        ("$x^2$ and $`y`$", r"(?<!\\)[$^]"),
        ("!12 and %3", r"[!%]\d"),
    ],
)
def test_nothing_in_a_message_comes_to_life(name, alive):
    message = changes_of(name).rpartition(": of ")[2]
    assert message.strip()
    assert not re.search(alive, message.partition(" (fix")[0])


@pytest.mark.parametrize("name", ["a\x1b[31mb", "a\x00", "\ud800", "a\ufffe", "<a & b>"])
def test_junit_is_xml_whatever_a_name_holds(name):
    text = junit(name, [replace(BAD, subject=name, message=name, fix=name), replace(BAD, subject=name, waived=name)])
    cases = ElementTree.fromstring(text).findall(".//testcase")
    assert len(cases) == 2
    assert all(case.get("name") for case in cases)


def test_brackets_in_a_sarif_message_are_no_link():
    told = sarif([replace(BAD, subject="[a](https://x.example) of b[0]")], lambda _: "")
    assert told["runs"][0]["results"][0]["message"]["text"].startswith(r"\[a\](https://x.example) of b[0]: ")


def test_a_page_shows_signs_for_what_cannot_be_seen():
    made = replace(plan_of("examples/spot-autoscaling-groups", "dev"), project="a\x1b[31m<b>\u202e\ud800")
    text = page([made])
    assert "a␛[31m&lt;b&gt;��" in text
    assert not set(text) & set("\x1b\u202e\ud800")
