"""The file of waivers that `check` reads."""

from datetime import date

import pytest

from eks_gpu.checks import Waiver
from eks_gpu.foreign import documents
from eks_gpu.foreign.judged import judge
from eks_gpu.foreign.stack import foreign
from eks_gpu.io.problems import InputError
from eks_gpu.plan.waivers_file import read_waivers
from tests.programs import ROOT

STATE = ROOT / "tests/recorded/spot-autoscaling-groups.state.json"
CHECK = "spot-groups-are-drained"
FILE = f"""waive:
  - check: {CHECK}
    reason: the batch jobs restart by themselves
    until: 2026-12-31
"""


def judged(on: date, *waivers: Waiver):
    found = judge(foreign(documents.state(STATE)), on, waivers).findings
    return [finding for finding in found if finding.id == CHECK and not finding.passed]


@pytest.mark.parametrize("on", [date(2026, 11, 1), date(2026, 12, 31)])
def test_a_waiver_counts_to_the_end_of_its_last_day(tmp_path, on):
    (tmp_path / "w.yaml").write_text(FILE)
    found = judged(on, *read_waivers(tmp_path / "w.yaml"))
    assert {finding.waived for finding in found} == {"the batch jobs restart by themselves"}


def test_afterwards_the_failure_is_back_and_says_why(tmp_path):
    (tmp_path / "w.yaml").write_text(FILE)
    found = judged(date(2027, 1, 1), *read_waivers(tmp_path / "w.yaml"))
    assert found
    assert {finding.waived for finding in found} == {""}
    assert all(finding.message.endswith("; the waiver of it ended on 2026-12-31") for finding in found)


def test_one_that_still_counts_goes_before_one_that_has_ended():
    old = Waiver(check=CHECK, reason="old", until=date(2026, 1, 1))
    new = Waiver(check=CHECK, reason="new", until=date(2027, 1, 1))
    assert {finding.waived for finding in judged(date(2026, 6, 1), old, new)} == {"new"}


def test_every_problem_is_told_with_its_line(tmp_path):
    file = tmp_path / "w.yaml"
    file.write_text(
        "waive:\n"
        "  - check: nodes-require-imdsv\n"
        "    reason: x\n"
        "  - {check: waivers-are-needed, reason: '', until: soon}\n"
        "wave: 1\n"
    )
    with pytest.raises(InputError) as refused:
        read_waivers(file)
    assert refused.value.problems == [
        "w.yaml:2: waive[0].check must be the id of a check, got 'nodes-require-imdsv'; nearest: nodes-require-imdsv2",
        "w.yaml:2: waive[0].until is required",
        "w.yaml:4: waive[1].check must be another check, because waivers-are-needed is about waivers, "
        "got 'waivers-are-needed'",
        "w.yaml:4: waive[1].reason must not be empty, got ''",
        "w.yaml:4: waive[1].until must be a date, as 2026-07-31, got 'soon'",
        "w.yaml:5: wave is not a known key; nearest: waive",
    ]


def test_a_file_that_is_not_there_is_wrong_input(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read_waivers(tmp_path / "none.yaml")
