"""A program that the lab starts again when it ends, less and less often."""

import sys

import pytest

from eks_gpu.lab import restarted


class Stopped(Exception):
    """The end of a test's patience."""


def pauses(lasts_s: float, count: int, capfd) -> list[float]:
    """How long is waited before each restart of a program that ends with 3 after so many seconds."""
    waited, now = list[float](), [0.0]

    def clock() -> float:
        now[0] += lasts_s / 2  # asked before and after
        return now[0]

    def wait(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == count:
            raise Stopped

    with pytest.raises(Stopped):
        restarted.main([sys.executable, "-c", "print('at work'); exit(3)"], clock, wait)
    out = capfd.readouterr().out.splitlines()
    assert out.count("at work") == count
    assert sum("has ended with 3 and starts again in" in line for line in out) == count
    return waited


def test_a_program_that_ends_at_once_is_started_again_less_and_less_often(capfd):
    assert pauses(2, 7, capfd) == [10, 20, 40, 80, 160, 300, 300]


def test_a_program_that_ran_for_long_is_started_again_soon(capfd):
    assert pauses(1300, 3, capfd) == [10, 10, 10]
