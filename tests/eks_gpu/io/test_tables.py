"""Tables and lists for a terminal: one look, made in one place."""

import io
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console, RenderableType
from rich.text import Text

from eks_gpu.io.tables import bullets, headless, table
from eks_gpu.io.terminal import Terminal
from eks_gpu.io.wrapped import Wrapped
from tests.programs import ROOT


def printed(shown: RenderableType, width: int = 40) -> list[str]:
    console = Console(width=width, color_system=None)
    with console.capture() as captured:
        console.print(shown)
    return [line.rstrip() for line in captured.get().splitlines()]


def test_a_table_has_a_line_under_its_heads_and_numbers_to_the_right():
    shown = table("pool", "GPUs", right=("GPUs",))
    shown.add_row("gpu", "4")
    shown.add_row("other", "16")
    assert printed(shown) == ["pool    GPUs", "────────────", "gpu        4", "other     16"]


def test_a_long_name_breaks_at_its_own_signs_unless_its_column_stays_whole():
    broken, kept = table("name", "about"), table("name", "about", whole=("name",))
    for shown in (broken, kept):
        shown.add_row("a-name-of-some-length", "some text")
    assert printed(broken, width=20)[2:] == ["a-name-of-     some", "some-length    text"]
    assert printed(kept, width=29)[2:] == ["a-name-of-some-length   some", "                        text"]


def test_a_name_that_finds_no_room_beside_the_others_has_a_line_of_its_own():
    shown = table("pool", "GPUs", "zone", right=("GPUs",))
    shown.add_row("a_name_without_a_place_to_break", "0..16", "a b c")
    shown.add_row("gpu", "4", "a", end_section=True)
    shown.add_row("all", "20", "")
    assert printed(shown, width=32) == [
        *("pool", "   GPUs   zone", "─" * 32),
        *("a_name_without_a_place_to_break", "  0..16   a b c", "gpu", "      4   a", "─" * 32, "all", "     20"),
    ]


def test_where_no_columns_stand_beside_each_other_each_cell_has_a_line_that_says_what_it_is():
    shown = table("pool", "type", "zones")
    shown.add_row("gpu_in_a_far_place", "u7i_without_dots_24tb", "a b\nc")
    lines = ["pool", "  type", "  zones", "─" * 24]
    assert printed(shown, width=24) == [
        *lines,
        *("gpu_in_a_far_place", "  type:", "u7i_without_dots_24tb", "  zones: a b", "  zones: c"),
    ]


def test_what_has_no_room_at_all_goes_over_the_end_of_the_line_in_one_piece():
    file = io.StringIO()
    console = Terminal(file=file)
    console.width = 20
    console.print(Text("a_name_that_is_longer_than_the_terminal is there"))
    shown = table("pool", "GPUs")
    shown.add_row("a_name_that_is_longer_than_the_terminal", "4")
    console.print(shown)
    lines = [line.rstrip() for line in file.getvalue().splitlines()]
    assert lines[:2] == ["a_name_that_is_longer_than_the_terminal", "is there"]
    assert lines[-2:] == ["a_name_that_is_longer_than_the_terminal", "  4"]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("gpu-spot-us-west-2c-spot", ["gpu-spot-us-", "west-2c-spot"]),
        ("pool gpu-spot-us-west-2c-spot", ["pool gpu-", "spot-us-", "west-2c-spot"]),
        ("nvidia.com/gpu=true:NoSchedule", ["nvidia.com/", "gpu=true:", "NoSchedule"]),
        ("customer-managed key", ["customer-", "managed key"]),
        ("https://example.com/a", ["https://", "example.com/", "a"]),
        ("on 2026-11-28T10:00 1,234.56", ["on 2026-11-", "28T10:00", "1,234.56"]),
        ("use --a-long-flag-of-it", ["use --a-", "long-flag-", "of-it"]),
        ("10\u00a0g4dn.12xlarge", ["10 g4dn.", "12xlarge"]),
        ("\u6f22\u5b57\u306e\u540d", ["\u6f22\u5b57\u306e\u540d"]),
        ("", [""]),
    ],
)
def test_lines_break_at_spaces_and_behind_the_signs_of_names(text, lines):
    assert [line.rstrip() for line in printed(Wrapped(text), width=12)] == lines


# A name as people and clouds write it; every part is one that must stay whole.
_PARTS = st.lists(st.builds("a{}".format, st.text("abcxyz019_", max_size=17)), min_size=1, max_size=6)
_NAMES = st.builds(lambda parts, sign: sign.join(parts), _PARTS, st.sampled_from("-./:"))


@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.tuples(_NAMES, _NAMES, st.sampled_from(["0..10", "1,234.50*", "at least ~3"])), min_size=1, max_size=3),
    st.sampled_from([60, 80, 100]),
)
def test_whatever_the_names_no_part_of_one_is_broken_and_no_line_is_longer_than_the_terminal(rows, width):
    shown = table("pool", "taken by", "USD an hour", right=("USD an hour",))
    for row in rows:
        shown.add_row(*row)
    lines = printed(shown, width)
    parts = {part for row in rows for cell in row for part in re.split(r"(?<=[-./:])(?=[a-z])| ", cell)}
    said = {part for line in lines for part in re.split(r"(?<=[-./:])(?=[a-z])| ", line)}
    assert parts <= said
    assert all(len(line) <= width for line in lines)


def test_rows_without_heads_and_a_list():
    shown = headless(gap=2)
    shown.add_row("a", "b")
    assert printed(shown) == ["a  b"]
    assert printed(bullets(["one two three four"]), width=12) == ["- one two", "  three four"]


def test_no_other_module_makes_a_table_of_its_own():
    users = [
        file.relative_to(ROOT).as_posix()
        for file in sorted((ROOT / "eks_gpu").rglob("*.py"))
        if any(made in file.read_text(encoding="utf-8") for made in ("Table(", "Table.grid(", "import box"))
    ]
    assert users == ["eks_gpu/io/tables.py"]
