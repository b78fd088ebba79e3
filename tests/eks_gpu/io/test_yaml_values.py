"""What scalars of YAML are, held against what the libraries of kubectl and Pulumi answered for the same text."""

import pytest
import yaml

from eks_gpu.io.yaml_text import dump, dump_inline
from eks_gpu.io.yaml_values import KUBECTL, PULUMI

SAME = [
    *[("true", True), ("TRUE", True), ("tRue", "tRue"), ("False", False), ("oFF", "oFF")],
    *[("null", None), ("~", None), ("Null", None), ("", None), ("nULL", "nULL")],
    *[("1", 1), ("01", 1), ("0777", 511), ("+0777", 511), ("-0777", -511), ("0o17", 15), ("0O17", 15), ("-0o17", -15)],
    *[("0x1F", 31), ("0X1f", 31), ("-0x1F", -31), ("+0x1F", 31), ("0b101", 5), ("0B1", 1), ("-0b11", -3)],
    *[("08", 8), ("09.5", 9.5), ("0o8", "0o8"), ("0b2", "0b2"), ("0x", "0x"), ("0b", "0b"), ("0o", "0o"), ("00", 0)],
    *[
        ("1_000", 1000),
        ("1__", 1),
        ("_1", "_1"),
        ("0_7", 7),
        ("+_1", 1),
        ("1_0.5", 10.5),
        ("1.5_0", 1.5),
        (".5_0", 0.5),
    ],
    *[("+5", 5), ("-5", -5), ("-0", 0), ("+", "+"), ("--1", "--1"), ("1-2", "1-2")],
    *[(".5_0", 0.5), ("1:30", "1:30"), ("190:20:30", "190:20:30")],
    *[
        ("1e3", 1000),
        ("1E3", 1000),
        ("1e+3", 1000),
        ("1.5e3", 1500),
        ("1.0", 1),
        ("1.10", 1.1),
        ("1.", 1),
        ("1.e3", 1000),
    ],
    *[
        ("1.e3", 1000),
        (".5", 0.5),
        (".5e-3", 0.0005),
        (".", "."),
        ("12e", "12e"),
        ("0.1.2", "0.1.2"),
        ("1.5.0", "1.5.0"),
    ],
    *[("1e400", "1e400"), ("1e-400", 0), ("1e-7", 1e-7), ("1e21", 1e21), ("0x1p4", "0x1p4"), ("0x.8p1", "0x.8p1")],
    *[("infinity", "infinity"), ("nan", "nan"), ("NaN", "NaN"), ("Inf", "Inf")],
    *[("9223372036854775807", 9223372036854775807), ("18446744073709551615", 18446744073709551615)],
    *[("18446744073709551616", 18446744073709552000.0), ("99999999999999999999", 1e20)],
    *[("-9223372036854775808", -9223372036854775808), ("-9223372036854775809", -9223372036854776000.0)],
    *[("0xFFFFFFFFFFFFFFFFFF", "0xFFFFFFFFFFFFFFFFFF"), ("2026-13-40", "2026-13-40"), ("g5.xlarge", "g5.xlarge")],
]
APART = [
    *[(word, True, word) for word in ("yes", "Yes", "YES", "y", "Y", "on", "On")],
    *[(word, False, word) for word in ("no", "NO", "n", "N", "off", "Off")],
    ("2026-11-24", "2026-11-24", "2026-11-24 00:00:00 +0000 UTC"),
    ("2026-11-24 10:00:00.50", "2026-11-24 10:00:00.50", "2026-11-24 10:00:00.5 +0000 UTC"),
    ("2026-1-2T3:4:5Z", "2026-1-2T3:4:5Z", "2026-01-02 03:04:05 +0000 UTC"),
    ("2026-11-24T10:00:00+02:00", "2026-11-24T10:00:00+02:00", "2026-11-24 10:00:00 +0200 +0200"),
]


def kind(value: object) -> tuple[type, object]:
    """1 is not True, nor is it 1.0."""
    return type(value), value


@pytest.mark.parametrize(("text", "value"), SAME)
def test_both_libraries_read_a_scalar_alike(text, value):
    assert (kind(KUBECTL.value(text)), kind(PULUMI.value(text))) == (kind(value), kind(value))


@pytest.mark.parametrize(("text", "for_kubectl", "for_pulumi"), APART)
def test_the_libraries_part_over_yes_and_dates(text, for_kubectl, for_pulumi):
    assert (kind(KUBECTL.value(text)), kind(PULUMI.value(text))) == (kind(for_kubectl), kind(for_pulumi))


@pytest.mark.parametrize("text", [".inf", "-.Inf", "+.INF", ".nan", ".NaN"])
def test_a_number_that_json_lacks_is_refused(text):
    for dialect in (KUBECTL, PULUMI):
        with pytest.raises(ValueError, match="must be a number that JSON has, got "):
            dialect.value(text)


def test_a_number_of_any_length_is_read_in_time():
    assert KUBECTL.value("9" * 100_000) == "9" * 100_000


def test_keys_become_texts_for_kubectl_and_must_be_texts_for_pulumi():
    keys = ["yes", "1", "0777", "1.10", "true", "2026-11-24", "a"]
    assert [KUBECTL.key(key) for key in keys] == ["true", "1", "511", "1.1", "true", "2026-11-24", "a"]
    assert PULUMI.key("yes") == "yes"
    for key in ("1", "true", "0777"):
        with pytest.raises(ValueError, match=f"a key must be a text, got {key}; nearest: '{key}', in quotes"):
            PULUMI.key(key)
    with pytest.raises(ValueError, match="a key must be a text, got nothing"):
        KUBECTL.key("~")


# --- and written -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [text for text, *_ in [*SAME, *APART]] + [".inf", "a: b", "- a", "#", "a\nb\n", " a"])
def test_a_text_is_written_so_that_both_read_it_as_text(text):
    for written in (dump(text), dump_inline(text)):
        (event,) = [event for event in yaml.parse(written) if isinstance(event, yaml.ScalarEvent)]
        plain = event.implicit[0]
        assert [dialect.value(event.value) if plain else event.value for dialect in (KUBECTL, PULUMI)] == [text] * 2


def test_documents_keep_the_order_of_keys_and_lists_have_no_alias():
    row = {"b": 1, "a": [True, None]}
    assert dump({"rows": [row, row], "text": "a\nb\n"}) == (
        "rows:\n- b: 1\n  a:\n  - true\n  - null\n- b: 1\n  a:\n  - true\n  - null\ntext: |\n  a\n  b\n"
    )
    assert dump_inline({"nodes": 2, "zones": ["a", "yes"], "none": {}}) == "{nodes: 2, zones: [a, 'yes'], none: {}}"
