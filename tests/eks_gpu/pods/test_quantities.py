"""Kubernetes quantities: the grammar, the rounding, and whole numbers with a unit."""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eks_gpu.pods.quantities import amount, as_json, gib, in_units, kept, limit, quantity, written
from tests.quantities import POWERS, numbers, quantities

NO_QUANTITIES: list[Any] = ["m", "Ki", "+", ".", "--1", "1e", "1e1.5", "1e3Ki", "2e3k", "1ki", "1K", "1g", "1mi", "1i"]
NO_QUANTITIES += ["1_000", "0x1", "abc", "１"]
NO_QUANTITIES += ["", "1 Gi", "1\n", "1\t", "1" * 201, True, None, float("inf"), float("nan"), [], {}]
NEAR = {"40GB": "40G", "40GiB": "40Gi", "40gi": "40Gi", "1 Gi": "1Gi", "1,5Ti": "1.5Ti", "5K": "5k", "8mb": "8M"}
WHOLE = st.integers(-(10**12), 10**12)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("1", 1),
        ("+1", 1),
        ("-1", -1),
        ("007", 7),
        ("0.5", Fraction(1, 2)),
        (".5", Fraction(1, 2)),
        ("5.", 5),
        ("5.Gi", 5_368_709_120),
        ("100m", Fraction(1, 10)),
        ("1u", Fraction(1, 1_000_000)),
        ("1n", Fraction(1, 1_000_000_000)),
        ("1k", 1000),
        ("1M", 1_000_000),
        ("1G", 1_000_000_000),
        ("1T", 1_000_000_000_000),
        ("1P", 1_000_000_000_000_000),
        ("1E", 1_000_000_000_000_000_000),
        ("1Ki", 1024),
        ("1Mi", 1_048_576),
        ("1Gi", 1_073_741_824),
        ("1Ti", 1_099_511_627_776),
        ("1Pi", 1_125_899_906_842_624),
        ("1Ei", 1_152_921_504_606_846_976),
        ("1.5Ti", 1_649_267_441_664),
        ("1e3", 1000),
        ("1E3", 1000),
        ("1e+3", 1000),
        ("1.5E-3", Fraction(3, 2000)),
        (" 1 ", 1),
        (4, 4),
        (1.5, Fraction(3, 2)),
        (1e-7, Fraction(1, 10_000_000)),
        (1e21, 10**21),
    ],
)
def test_every_spelling_of_the_grammar_is_exact(text, expected):
    assert quantity(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.1n", Fraction(1, 10**9)),
        ("-0.1n", Fraction(-1, 10**9)),
        ("1.0000000001", Fraction(1_000_000_001, 10**9)),
        ("1e-999999999", Fraction(1, 10**9)),
        ("8Ei", 2**63 - 1),
        ("-8Ei", 1 - 2**63),
        ("10E", 10**19),
        ("1e999999999", 10**40),
        (f"-1e{'9' * 99}", -(10**40)),
        ("9" * 40 + "E", 10**40),
        (10**99, 10**40),
    ],
)
def test_what_is_too_small_is_rounded_away_from_zero_and_what_is_too_large_is_cut(text, expected):
    assert quantity(text) == expected


@pytest.mark.parametrize("text", NO_QUANTITIES)
def test_what_is_no_quantity_is_refused(text):
    with pytest.raises(ValueError, match=r"^must be a Kubernetes quantity such as 500m, 2 or 1\.5Gi, got "):
        quantity(text)


@pytest.mark.parametrize(("text", "near"), NEAR.items())
def test_a_refusal_names_the_quantity_that_was_meant(text, near):
    with pytest.raises(ValueError, match=f"; nearest: {near}$"):
        quantity(text)


@pytest.mark.parametrize("text", ["4 GPUs", "much", "1e3Ki", ""])
def test_a_refusal_names_nothing_where_nothing_is_near(text):
    with pytest.raises(ValueError, match=r"^(?!.*nearest)"):
        quantity(text)


@given(WHOLE, st.sampled_from(sorted(POWERS)))
def test_equal_spellings_are_equal(number, suffix):
    """With a suffix, written out, with an exponent, with zeros, with a sign."""
    plain = number * POWERS[suffix]
    bounded = max(min(plain, 2**63 - 1), 1 - 2**63) if suffix.endswith("i") else plain
    assert quantity(f"{number}{suffix}") == bounded
    assert quantity(str(plain)) == quantity(plain) == quantity(f"{plain}.") == quantity(f"{plain}.000") == plain
    assert quantity(f"{plain}e0") == quantity(f"{plain * 1000}m") == quantity(f"{plain * 1000}e-3") == plain
    if plain >= 0:
        assert quantity(f"+{plain}") == quantity(f"00{plain}") == -quantity(f"-{plain}") == plain


@given(numbers(), numbers(), st.sampled_from(["", "m", "k", "Gi", "e3", "E-4"]))
def test_order_is_kept(one, other, suffix):
    assert (Fraction(one) <= Fraction(other)) <= (quantity(one + suffix) <= quantity(other + suffix))


@given(quantities())
def test_rounding_never_takes_away_of_what_is_asked_for_nor_adds_to_a_limit(text):
    exact = quantity(text)
    assert limit("memory", text) * 2**20 <= exact <= amount("memory", text) * 2**20
    assert limit("cpu", text) <= exact * 1000 <= amount("cpu", text)
    assert amount("pods", text) - limit("pods", text) in (0, 1)
    assert 0 <= kept(text) - exact < Fraction(1, 1000)
    assert gib(text) == -(-exact // 2**30)


RESOURCES = ["cpu", "memory", "ephemeral-storage", "nvidia.com/gpu", "hugepages-2Mi"]


@given(st.sampled_from(RESOURCES), st.integers(0, 10**9))
def test_what_is_written_is_read_again(resource, number):
    assert amount(resource, written(resource, number)) == limit(resource, written(resource, number)) == number


@pytest.mark.parametrize(
    ("resource", "text", "expected"),
    [
        ("cpu", "500m", 500),
        ("cpu", 2, 2000),
        ("cpu", "0.1", 100),
        ("cpu", "1500u", 2),  # rounded up
        ("memory", "1Gi", 1024),
        ("memory", "1.5Gi", 1536),
        ("memory", "1G", 954),
        ("memory", 1048576, 1),
        ("memory", "1e9", 954),
        ("nvidia.com/gpu", "4", 4),
        ("nvidia.com/gpu", 1.0, 1),
        ("ephemeral-storage", "10Gi", 10240),
        ("pods", "1k", 1000),
        ("memory", "1E", 953674316407),
    ],
)
def test_each_resource_has_one_unit(resource, text, expected):
    assert amount(resource, text) == in_units(resource, quantity(text)) == expected


@pytest.mark.parametrize(
    ("resource", "text", "expected"), [("cpu", "7999999u", 7999), ("memory", "1G", 953), ("pods", "2.5", 2)]
)
def test_a_limit_is_rounded_down(resource, text, expected):
    assert limit(resource, text) == expected


@pytest.mark.parametrize(("text", "expected"), [("100Gi", 100), ("100G", 94), ("1Mi", 1), ("0.5Ti", 512)])
def test_a_disk_has_whole_gib(text, expected):
    assert gib(text) == expected


@pytest.mark.parametrize(
    ("resource", "text", "expected"),
    [
        ("hugepages-2Mi", "100Mi", "100Mi"),
        ("hugepages-2Mi", 104857600, "100Mi"),
        ("hugepages-1Gi", "2Gi", "2048Mi"),
        ("hugepages-64Ki", "192Ki", "192Ki"),
        ("hugepages-2Mi", "0", "0"),
        ("hugepages-2Mi", "1000", "1000"),
    ],
)
def test_huge_pages_are_written_as_memory_is(resource, text, expected):
    assert written(resource, amount(resource, text)) == expected


def test_json_has_units_where_kubernetes_has_them():
    assert as_json({"cpu": 500, "memory": 1024, "nvidia.com/gpu": 1, "hugepages-2Mi": 4 * 2**20}) == {
        "cpu": "500m",
        "hugepages-2Mi": "4Mi",
        "memory": "1024Mi",
        "nvidia.com/gpu": 1,
    }
