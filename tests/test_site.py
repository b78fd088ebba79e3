"""The site's pages: each page of docs/ is below one other, and begins with what the reader wants."""

import re
from collections import Counter

import pytest

from tests.committed import files
from tests.programs import ROOT
from tools import website
from tools.website.check_pages import pages_of_checks

DOCS = [name for name in files(".md") if name.startswith("docs/")]
MOST_AT_THE_TOP = 10


def test_every_page_is_in_the_navigation_once():
    """A new page gets a line in the list of the page that it belongs below, such as docs/tasks.md."""
    listed = Counter(website.pages())
    assert sorted(set(DOCS) - listed.keys()) == [], "list the page between <!-- pages --> and <!-- end -->"
    assert [page for page, times in listed.items() if times > 1] == []


def test_there_is_little_at_the_top():
    assert 4 <= len(website.below("docs/index.md")) <= MOST_AT_THE_TOP


@pytest.mark.parametrize("name", DOCS)
def test_a_page_begins_with_a_title_and_what_the_reader_wants(name):
    """Not with a table, a list or a block of code, and not with what there is, as `This page`."""
    title, _, text = (ROOT / name).read_text(encoding="utf-8").partition("\n")
    first = re.sub(r"^(<!-- .* -->\n)+", "", text.lstrip())
    assert title.startswith("# ")
    assert re.match(r"[A-Z`*\[]", first) and not re.match(r"This page|Here ", first), first[:40]


def test_links_of_a_page_are_those_of_the_site():
    staged = website.staged()
    assert "](pod-is-pending.md)" in staged["index.md"]
    assert "](how_it_is_built.md)" in staged["CONTRIBUTING.md"]
    assert "](../" not in staged["how_it_is_built.md"].replace("](../CONTRIBUTING.md)", "")
    assert "[catalog](../components/catalog)" not in staged["how_it_is_built.md"]
    assert (
        "| []{#gpu-pools-start-at-zero}[`gpu-pools-start-at-zero`](checks/gpu-pools-start-at-zero.md) |"
        in staged["checks.md"]
    )


def test_a_check_has_a_page_with_what_goes_wrong_the_fix_and_the_source():
    page = pages_of_checks()["gpu-pools-start-at-zero"]
    assert "# gpu-pools-start-at-zero\n" in page
    assert "**What goes wrong without it:** Nodes run and cost money without work." in page
    assert "**Fix:** Set minimum and desired size to 0." in page
    assert "- Karpenter 1.15.0, its code and its CRDs (read 2026-11-28)" in page


def test_code_is_shown_as_it_stands():
    parts = list(website._parts("a [b](c.md)\n```sh\nd [e](f.md)\n```\ng\n"))
    assert parts == [("a [b](c.md)\n", False), ("```sh\nd [e](f.md)\n```", True), ("\ng\n", False)]
