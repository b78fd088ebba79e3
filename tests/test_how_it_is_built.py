"""The README's tree, docs/how_it_is_built.md and its picture say what the folders say; links lead somewhere."""

import re
from pathlib import Path

import grimp
import pytest

from tests.committed import files
from tests.generated import pages
from tests.programs import ROOT
from tools import pictures, rooms
from tools.pages import generated

PAGE = ROOT / "docs" / "how_it_is_built.md"
PAGES = files(".md")


def anchors(page: Path) -> set[str]:
    """The page's own, and those of its headings as GitHub writes them."""
    text = page.read_text(encoding="utf-8")
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {*re.findall(r'<a id="([^"]+)">', text)} | {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings
    }


def test_the_pages_and_the_picture_are_written_by_make_pages():
    assert {"README.md", "docs/how_it_is_built.md", *pictures.PICTURES} <= pages().keys()


def test_a_room_that_says_something_else_changes_the_page_and_the_tree(monkeypatch):
    before = pages()
    monkeypatch.setattr(rooms, "says", lambda path: "Something else.")
    after = generated()
    assert [file for file in before if before[file] != after[file]] == ["README.md", "docs/how_it_is_built.md"]


def test_every_folder_at_the_top_is_in_the_tree():
    folders = {f"{file.partition('/')[0]}/" for file in files() if "/" in file}
    assert folders - {".ci/", ".github/"} == {name for name in rooms.TREE if name.endswith("/")}


@pytest.mark.parametrize("house", rooms.HOUSES)
def test_every_room_is_on_a_floor(house):
    found = {file.parent.name for file in (ROOT / house).glob("*/__init__.py")}
    assert found and found == set(rooms.rooms(house))


def test_the_picture_fits_a_phone_unscaled():
    assert pictures.WIDTH + 2 * 16 <= 390


def test_an_arrow_joins_rooms_of_which_one_imports_the_other():
    graph = grimp.build_graph("eks_gpu")
    names = {name.rpartition(".")[2] for name in graph.find_children("eks_gpu")}
    imports = {
        (importer.split(".")[1], imported.split(".")[1])
        for importer in graph.modules
        for imported in graph.find_modules_directly_imported_by(importer)
        if "." in importer and "." in imported
    }
    arrows = [
        (start, end)
        for row in pictures.ROWS
        for box in row
        if box
        for goal in box.to
        for start in box.title.split(", ")
        for end in goal.split(", ")
        if {start, end} <= names
    ]
    assert len(arrows) >= 8
    assert [pair for pair in arrows if not {pair, pair[::-1]} & imports] == []


def test_where_to_begin_names_what_is_there():
    table = PAGE.read_text(encoding="utf-8").partition("## Where to begin")[2].partition("\n\nThe library")[0]
    names = re.findall(r"`([\w/]+(?:/|\.py))`", table)
    assert len(names) > 8
    assert [name for name in names if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_to_files_and_headings(name):
    page = ROOT / name
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    links = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r"(?:src|srcset)=\"([^\"]+)\"", text)
    for link in links:
        if "://" in link:
            continue
        file, _, anchor = link.partition("#")
        goal = (page.parent / file).resolve() if file else page
        assert goal.exists(), link
        assert not anchor or anchor in anchors(goal), link
