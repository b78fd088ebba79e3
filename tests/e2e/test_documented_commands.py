"""The commands of pages for which a clone is enough, each run where its page has it."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests import documentation
from tests.committed import CHECKOUT
from tests.console import printed
from tests.documentation import OWN_TESTS, PAGES, commands

pytestmark = [pytest.mark.minutes(0.7), pytest.mark.xdist_group("documented commands")]

LEFT_OUT = "…"
FILES = {
    "state.json": "tests/recorded/spot-autoscaling-groups.state.json",
    "preview.json": "tests/recorded/spot-autoscaling-groups.preview.json",
    "cluster.yaml": "tests/imported/spot-article.yaml",
}
"""A reader's file -> one of its kind."""
RUN_HERE = [
    page
    for page in PAGES
    if page not in OWN_TESTS and any(command.ours() and not command.needs for command in commands(page))
]


@pytest.mark.parametrize("page", RUN_HERE)
def test_the_commands_of_a_page_work_in_its_order_and_print_what_it_shows(page, tmp_path, monkeypatch):
    folder = documentation.clone(tmp_path / "clone", monkeypatch)
    for name, recorded in FILES.items():
        (folder / name).symlink_to(CHECKOUT / recorded)
    for name, text in documentation.files_of(page).items():
        written(folder / name, text)
    app = documentation.command_line(monkeypatch)
    for command in commands(page):
        for words in [] if command.needs else command.ours():
            words, file = (words[:-2], words[-1]) if ">" in words else (words, "")
            ran = CliRunner().invoke(app, words[1:], env={"COLUMNS": "80"})
            assert ran.exit_code in (0, 1), (words, ran.output, ran.exception)
            assert isinstance(ran.exception, SystemExit | None), (words, ran.exception)
            if file:
                written(folder / file, ran.stdout)
            assert missing(command.shown, ran.output) == []


def written(file: Path, text: str) -> None:
    """Writes a file of the clone, which may be a link to one that tests share."""
    file.unlink(missing_ok=True)
    file.write_text(text, encoding="utf-8")


def missing(shown: tuple[str, ...], output: str) -> list[str]:
    """Lines that a page shows and that are not printed in this order; how wide columns are does not matter."""
    said = iter([" ".join(line.split()) for line in printed(output)])
    wanted = [" ".join(line.split()) for line in shown]
    return [line for line in wanted if line and line != LEFT_OUT and line not in said]
