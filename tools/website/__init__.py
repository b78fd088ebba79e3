"""The pages of docs/ as a static site, made offline: `make site`, or `python -m tools.website [FOLDER]`.

docs/index.md is the first page. A list between `<!-- pages -->` and `<!-- end -->` is navigation: its links, in their
order, are the pages below the one that it stands on. Sphinx with MyST reads a copy of the pages in which links are
those of the site, and each check has a page of its own.
"""

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tools.website.check_pages import checks_linked, pages_of_checks
from tools.website.needs import told

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs"
ASSETS = Path(__file__).parent / "assets"
BUILT = ROOT / "build" / "site"
START = "docs/index.md"
LIST = re.compile(r"<!-- pages -->\n(.*?)<!-- end -->", re.DOTALL)
ENTRY = re.compile(r"^- \[[^\]]+\]\(([^)#\s]+)\)", re.MULTILINE)
FENCED = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"(?P<label>!?\[(?:[^\[\]]|\[[^\]]*\])*\])\((?P<goal>[^)\s]+)\)")
ANCHOR = re.compile(r'<a id="([^"]+)"></a>')
SETTINGS = {
    "project": "eks-gpu",
    "html_title": "eks-gpu",
    "language": "en",
    "extensions": ["myst_parser"],
    "myst_enable_extensions": ["attrs_inline"],
    "myst_heading_anchors": 4,
    "html_theme": "furo",
    "html_theme_options": {"footer_icons": []},
    "templates_path": [str(ASSETS / "templates")],
    "html_static_path": [str(ASSETS / "static")],
    "html_favicon": str(ASSETS / "static" / "icon.svg"),
    "html_css_files": ["site.css"],
    "html_js_files": ["site.js"],
    "html_copy_source": False,
    "html_show_sphinx": False,
    "html_show_copyright": False,
    "pygments_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
    "highlight_language": "text",
    "nitpicky": True,
    "suppress_warnings": ["misc.highlighting_failure"],
}
"""What Sphinx is told."""
COLOUR = re.compile(r"\x1b\[[\d;]*m")


def below(page: str) -> list[str]:
    """Pages that a page lists as those below it, as paths in the repository."""
    text = (ROOT / page).read_text(encoding="utf-8")
    found = [entry for part in LIST.findall(text) for entry in ENTRY.findall(part)]
    return [_path(page, goal) for goal in found]


def pages(start: str = START) -> list[str]:
    """Every page of the site, each before those below it, as paths in the repository."""
    return [start, *(inner for page in below(start) for inner in pages(page))]


def address(page: str) -> str:
    """Path of a page in the site's sources: pages of docs/ are at the top, others beside them."""
    return page.removeprefix("docs/")


def staged() -> dict[str, str]:
    """File of the site's sources -> text."""
    found = pages()
    made = {address(page): _for_sphinx(page, found) for page in found}
    return {**made, **{f"checks/{id_}.md": text for id_, text in pages_of_checks().items()}}


def build(folder: Path) -> list[str]:
    """Builds the site into a folder that it empties. Returns what Sphinx warns of, such as a link to nowhere."""
    from sphinx.application import Sphinx
    from sphinx.util.docutils import docutils_namespace, patch_docutils

    shutil.rmtree(folder, ignore_errors=True)
    with tempfile.TemporaryDirectory() as made, docutils_namespace(), patch_docutils():
        source = Path(made) / "source"
        for file, text in staged().items():
            (source / file).parent.mkdir(parents=True, exist_ok=True)
            (source / file).write_text(text, encoding="utf-8")
        shutil.copytree(DOCS / "images", source / "images")
        settings = "\n".join(f"{name} = {value!r}" for name, value in SETTINGS.items())
        (source / "conf.py").write_text(settings, encoding="utf-8")
        warnings = Path(made) / "warnings"
        with warnings.open("w") as said:
            Sphinx(source, source, folder, Path(made) / "doctrees", "html", status=None, warning=said).build()
        shutil.copytree(DOCS / "images", folder / "images")  # for pictures that a page has as HTML
        _label(folder)
        _forward(folder)
        return [each for line in warnings.read_text(encoding="utf-8").splitlines() if (each := COLOUR.sub("", line))]


def _for_sphinx(page: str, there: list[str]) -> str:
    """A page's text with the site's links, and the pages below it as Sphinx wants them."""
    text = (ROOT / page).read_text(encoding="utf-8")
    if page == "docs/checks.md":
        text = checks_linked(text)
    text = told(text)
    text = "".join(part if fenced else _outside(part, page, there) for part, fenced in _parts(text))
    if inner := below(page):
        listed = "\n".join(f"/{address(each).removesuffix('.md')}" for each in inner)
        text += f"\n```{{toctree}}\n:hidden:\n\n{listed}\n```\n"
    return text


def _parts(text: str) -> Iterator[tuple[str, bool]]:
    """The text in parts, each with whether it is a block of code."""
    at = 0
    for found in FENCED.finditer(text):
        yield text[at : found.start()], False
        yield found[0], True
        at = found.end()
    yield text[at:], False


def _outside(text: str, page: str, there: list[str]) -> str:
    def linked(found: re.Match[str]) -> str:
        goal, _, anchor = found["goal"].partition("#")
        if "://" in goal or not goal or goal.startswith(("mailto:", "checks/")):
            return found[0]
        path = _path(page, goal)
        if path.startswith("docs/images/"):
            return f"{found['label']}({_from(page, path)})"
        if path not in there:  # a file of the repository, which the site does not have
            return found["label"][1:-1]
        return f"{found['label']}({_from(page, path)}{'#' if anchor else ''}{anchor})"

    return ANCHOR.sub(r"[]{#\1}", LINK.sub(linked, text))


def _from(page: str, goal: str) -> str:
    return os.path.relpath(address(goal), Path(address(page)).parent)


def _path(page: str, goal: str) -> str:
    return os.path.normpath(f"{Path(page).parent.as_posix()}/{goal}")


LABELS = {
    '<aside class="sidebar-drawer': '<aside aria-label="Pages" class="sidebar-drawer',
    '<aside class="toc-drawer': '<aside aria-label="On this page" class="toc-drawer',
    '<th class="head"><p></p></th>': "<td></td>",
}
"""What the theme writes -> the same for those who hear the page."""


def _label(folder: Path) -> None:
    for page in folder.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        for written, labelled in LABELS.items():
            text = text.replace(written, labelled)
        page.write_text(text, encoding="utf-8")


def _forward(folder: Path) -> None:
    """A page's address in the repository, such as checks.md#a-check, leads to it on the site too."""
    for page in sorted(folder.glob("*.html")):
        to = f"../{page.name}"
        (folder / f"{page.stem}.md").mkdir()
        (folder / f"{page.stem}.md" / "index.html").write_text(
            f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{page.stem}</title>'
            f'<script>location.replace("{to}" + location.hash)</script><a href="{to}">{page.stem}</a></html>\n',
            encoding="utf-8",
        )


def main() -> int:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else BUILT
    warnings = build(folder)
    for warning in warnings:
        print(warning, file=sys.stderr)
    print(f"{len(list(folder.rglob('*.html')))} pages; open {folder / 'index.html'}")
    return 1 if warnings else 0
