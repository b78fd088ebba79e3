"""Tables and lists for a terminal: one look, made in one place."""

from rich.console import Console, RenderableType

from eks_gpu.io.tables import bullets, headless, table
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


def test_a_long_word_is_folded_unless_its_column_stays_whole():
    folded, kept = table("name", "about"), table("name", "about", whole=("name",))
    for shown in (folded, kept):
        shown.add_row("a-name-of-some-length", "some text")
    assert "a-name-of-some-length" not in "".join(printed(folded, width=20))
    assert printed(kept, width=29)[2:] == ["a-name-of-some-length   some", "                        text"]


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
