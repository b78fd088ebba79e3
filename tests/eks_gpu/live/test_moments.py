"""Times, in every form in which a cluster writes them."""

from datetime import UTC, datetime

import pytest

from eks_gpu.live.moments import moment

AT = datetime(2026, 11, 30, 2, 29, 11, tzinfo=UTC)


@pytest.mark.parametrize(
    "told",
    [
        "2026-11-30T02:29:11Z",
        "2026-11-30T02:29:11",
        "2026-11-30T04:29:11+02:00",
        "2026-11-30 02:29:11.123456789 +0000 UTC",
        "2026-11-30 02:29:11.6 +0000 UTC m=+1.2",
        "2026-11-30 03:29:11 +0100 CET",
        datetime(2026, 11, 30, 2, 29, 11),
        AT,
    ],
)
def test_a_time_is_read_in_each_of_its_forms(told):
    assert moment(told) == AT


def test_nanoseconds_are_cut():
    assert moment("2026-11-30T02:29:11.123456789Z") == AT.replace(microsecond=123456)


@pytest.mark.parametrize("told", ["", "soon", None, 5, {}, "2026-13-30T02:29:11Z", "2026-13-30 02:29:11 +0000 UTC"])
def test_what_is_no_time_is_none(told):
    assert moment(told) is None
