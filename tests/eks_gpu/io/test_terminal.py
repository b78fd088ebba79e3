"""Names of strangers on a terminal."""

import io

import pytest
from rich.text import Text

from eks_gpu.io.tables import bullets, table
from eks_gpu.io.terminal import Terminal, complain
from eks_gpu.io.visible import visible


def printed(*what) -> str:
    file = io.StringIO()
    for each in what:
        Terminal(file=file).print(each)
    return file.getvalue()


def rows(cell):
    shown = table("name")
    shown.add_row(cell)
    return shown


NAME = "gpu\x1b[31m\x1b]0;owned\u202etxt"
SHOWN = "gpu␛[31m␛]0;owned�txt"


@pytest.mark.parametrize(
    "what", [NAME, Text(NAME), Text.assemble(("is ", "bold"), NAME), rows(NAME), rows(Text(NAME)), bullets([NAME])]
)
def test_no_control_character_of_a_name_reaches_a_terminal(what):
    assert SHOWN in "".join(printed(what).split())


@pytest.mark.parametrize("what", ["[red]a[/red] :smile:", rows("[red]a[/red] :smile:")])
def test_brackets_and_colons_are_letters(what):
    assert "[red]a[/red] :smile:" in printed(what)


def test_styles_are_still_there():
    shown = [segment for segment in Terminal().render(Text("a\x1bb", "bold")) if segment.text.strip()]
    assert [(segment.text, str(segment.style)) for segment in shown] == [("a␛b", "bold")]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\tb\nc", "a\tb\nc"),
        ("\x00\x7f\x9b", "␀␡�"),
        ("\ud800", "�"),
        ("a\u2028b\ufeff", "a�b�"),
        ("größe 日本 😀 é", "größe 日本 😀 é"),
    ],
)
def test_what_can_be_seen_stays(text, shown):
    assert visible(text) == shown


def test_a_complaint_is_safe_too(capsys):
    complain(f"error: {NAME}")
    assert capsys.readouterr().err == f"error: {SHOWN}\n"
