"""Names and messages that hold what a reader of the answer would take for its own."""

from dataclasses import replace
from xml.etree import ElementTree

import pytest

from eks_gpu.checks import Finding
from eks_gpu.plan.junit import junit
from eks_gpu.plan.sarif import Told, sarif
from eks_gpu.report.html import page
from tests.programs import plan_of

BAD = Finding("gpu-pools-are-capped", "gpu", False, "nothing limits it", "error", "give it a maximum")


@pytest.mark.parametrize("name", ["a\x1b[31mb", "a\x00", "\ud800", "a\ufffe", "<a & b>"])
def test_junit_is_xml_whatever_a_name_holds(name):
    text = junit({name: [replace(BAD, subject=name, message=name, fix=name), replace(BAD, subject=name, waived=name)]})
    cases = ElementTree.fromstring(text).findall(".//testcase")
    assert len(cases) == 2
    assert all(case.get("name") for case in cases)


def test_brackets_in_a_sarif_message_are_no_link():
    told = sarif(Told([replace(BAD, subject="[a](https://x.example) of b[0]")], lambda _: ""))
    assert told["runs"][0]["results"][0]["message"]["text"].startswith(r"\[a\](https://x.example) of b[0]: ")


def test_a_page_shows_signs_for_what_cannot_be_seen():
    made = replace(plan_of("examples/spot-autoscaling-groups", "dev"), project="a\x1b[31m<b>\u202e\ud800")
    text = page([made])
    assert "a␛[31m&lt;b&gt;��" in text
    assert not set(text) & set("\x1b\u202e\ud800")
