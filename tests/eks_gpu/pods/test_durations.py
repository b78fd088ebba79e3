"""Go's durations: the grammar, and what was meant by something near it."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.nodes.node_pool import duration as of_a_node_pool
from eks_gpu.pods.durations import nearest, seconds, written
from tests.quantities import durations

NO_DURATIONS = ["", "90", "+", ".s", "s", "1d", "1w", "1H", "1h 30m", " 1h", "1h-30m", "-", "Never", "1e3s", "１s", 90]
NO_DURATIONS += [None, True]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("-0", 0),
        ("0s", 0),
        ("90s", 90),
        ("1h30m", 5400),
        ("30m1h", 5400),
        ("1h1h", 7200),
        ("1.5h", 5400),
        (".5s", Fraction(1, 2)),
        ("5.s", 5),
        ("+5m", 300),
        ("-1.5h", -5400),
        ("500ms", Fraction(1, 2)),
        ("1us", Fraction(1, 1_000_000)),
        ("1µs", Fraction(1, 1_000_000)),
        ("1μs", Fraction(1, 1_000_000)),
        ("1ns", Fraction(1, 1_000_000_000)),
        ("0.1ns", 0),
        ("2562047h", 9_223_369_200),
    ],
)
def test_every_spelling_of_the_grammar_is_exact(text, expected):
    assert seconds(text) == expected


@pytest.mark.parametrize("text", NO_DURATIONS)
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(ValueError, match=r"^must be a duration such as 1h30m, got "):
        seconds(text)


@pytest.mark.parametrize("text", ["2562048h", "-2562048h", "9223372036854775808ns"])
def test_a_duration_beyond_go_is_refused(text):
    with pytest.raises(ValueError, match=r"^must be at most 2562047h, got "):
        seconds(text)


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("30d", "720h"),
        ("1 week 2 days", "216h"),
        ("1.5 h", "1h30m"),
        ("1.5h", "1h30m"),
        ("10 Minutes", "10m"),
        ("1h 30min", "1h30m"),
        ("0d", "0s"),
        ("999999 weeks", ""),
        ("100ms", ""),
        ("soon", ""),
        ("90", ""),
        (90, ""),
    ],
)
def test_what_was_meant_is_in_whole_hours_minutes_and_seconds(text, near):
    assert nearest(text) == near


def test_a_refusal_names_what_was_meant():
    with pytest.raises(ValueError, match=r"^must be a duration such as 1h30m, got '30d'; nearest: 720h$"):
        seconds("30d")


@given(durations(), durations())
def test_parts_add_up_in_any_order(one, other):
    one, other = one.lstrip("+-"), other.lstrip("+-")
    assert seconds(one + other) == seconds(other + one) == seconds(one) + seconds(other) == -seconds(f"-{one}{other}")


@given(st.integers(0, 10**9))
def test_what_is_written_is_read_again(number):
    assert seconds(written(number)) == seconds(of_a_node_pool(number)) == seconds(f"{number}s") == number


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.sampled_from(["ns", "ms", "s", "m", "h"]))
def test_order_is_kept(one, other, unit):
    assert (one <= other) == (seconds(f"{one}{unit}") <= seconds(f"{other}{unit}"))
