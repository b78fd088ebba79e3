"""The site, built and in a browser: it asks no other host, every link leads somewhere, and people reach all of it."""

import functools
import http.server
import subprocess
import sys
import threading
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin, urlparse

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.browsers import chromium, in_a_browser
from tests.committed import CHECKOUT

pytestmark = [pytest.mark.minutes(2), pytest.mark.xdist_group("site")]

KINDS = (
    "index.html",
    "search.html?q=spot",
    "components.html",
    "karpenter_gpu_pool.html",
    "commands/plan.html",
    "checks.html",
    "checks/gpu-pools-start-at-zero.html",
    "traps.html",
    "how_it_is_built.html",
    "lab.html",
    "tutorial_spot_autoscaling_groups.html",
    "comparison.html",
)
"""A page of each kind."""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The site's folder, and what the generator warned of."""
    folder = tmp_path_factory.mktemp("built") / "site"
    command = [sys.executable, "-m", "tools.website", str(folder)]  # a process of its own: Sphinx warns of its plugins
    ran = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    return folder, ran.stderr


@pytest.fixture(scope="module")
def site(built: tuple[Path, str]) -> Path:
    return built[0]


def test_the_generator_warns_of_nothing(built):
    assert built[1] == ""


class Found(HTMLParser):
    """Where a page's links lead, what it loads, and what can be linked to."""

    def __init__(self, text: str):
        super().__init__()
        self.links: set[str] = set()
        self.loaded: set[str] = set()
        self.anchors: set[str] = {""}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.add(given["href"])
        elif tag == "link" and "href" in given:
            self.loaded.add(given["href"])
        self.loaded |= {given[name] for name in ("src", "srcset") if name in given}


@pytest.fixture(scope="module")
def found(site: Path) -> dict[Path, Found]:
    """Each page with what is on it."""
    read = {page: Found(page.read_text(encoding="utf-8")) for page in sorted(site.rglob("*.html"))}
    assert len(read) > 250
    return read


def test_every_link_and_anchor_leads_somewhere(found):
    broken = []
    for page, on_it in found.items():
        for link in sorted(on_it.links | on_it.loaded):
            if urlparse(link).scheme:
                continue
            goal = urlparse(urljoin(page.as_uri(), link))
            file = Path(unquote(goal.path))
            if (file not in found and not file.is_file()) or (
                file in found and unquote(goal.fragment) not in found[file].anchors
            ):
                broken.append((page.name, link))
    assert broken == []


def test_nothing_is_loaded_from_another_host(found):
    assert {link for on_it in found.values() for link in on_it.loaded if "//" in link} == set()


def test_the_address_of_a_page_in_the_repository_leads_to_it(site):
    assert 'location.replace("../checks.html" + location.hash)' in (site / "checks.md" / "index.html").read_text()


# --- in a browser ----------------------------------------------------------------------------------------------------


class Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@pytest.fixture(scope="module")
def served(site: Path) -> Iterator[str]:
    """The address of a server that only has files."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Silent, directory=str(site)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


class Visitor:
    """An open page, the hosts that it asked, and what it complained of."""

    def __init__(self, page: Page):
        self.page = page
        self.hosts: set[str] = set()
        self.complaints: list[str] = []
        page.on("request", lambda request: self.hosts.add(urlparse(request.url).netloc))
        page.on("console", lambda said: self.complaints.append(f"{page.url}: {said.text}"))
        page.on("pageerror", lambda error: self.complaints.append(f"{page.url}: {error}"))

    def search(self, base: str, words: str) -> list[str]:
        """Addresses that a search finds, the best first, as the site has them."""
        self.page.goto(f"{base}search.html?q={words}")
        self.page.wait_for_selector("#search-results p.search-summary >> text=/found|did not match/i")
        links = self.page.locator("#search-results ul.search a").all()
        return [urljoin(self.page.url, link.get_attribute("href") or "").removeprefix(base) for link in links]


@pytest.fixture
def phone(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Visitor]:
    context = browser.new_context(
        viewport={"width": 390, "height": 800}, color_scheme=getattr(request, "param", "light")
    )
    yield Visitor(context.new_page())
    context.close()


@in_a_browser
def test_no_page_is_wider_than_a_phone_complains_or_asks_another_host(site, served, phone):
    wide = {}
    for page in sorted(site.rglob("*.html")):
        if page.parent.suffix == ".md":
            continue
        address = page.relative_to(site).as_posix()
        phone.page.goto(served + address)
        width = phone.page.evaluate("document.documentElement.scrollWidth")
        if width > 390:
            wide[address] = width
    assert (wide, phone.complaints) == ({}, [])
    assert phone.complaints == []
    assert phone.hosts == {urlparse(served).netloc}


@in_a_browser
@pytest.mark.parametrize("phone", ["light", "dark"], indirect=True)
def test_axe_finds_nothing_on_a_page_of_each_kind(served, phone):
    found = {}
    for kind in KINDS:
        phone.page.goto(served + kind)
        result = Axe().run(phone.page)
        if result.violations_count:
            found[kind] = result.generate_report()
    assert found == {}, "\n".join(found.values())


SOUGHT = {
    "gpu-pools-start-at-zero": "checks/gpu-pools-start-at-zero.html",
    "KarpenterGpuPool": "karpenter_gpu_pool.html",
    "eks-gpu why": "commands/why.html",
}


@in_a_browser
@pytest.mark.parametrize("way", ["server", "file"])
def test_search_finds_a_check_a_component_and_a_command_without_a_network(site, served, phone, way):
    base = served if way == "server" else f"{site.as_uri()}/"
    found = {words: phone.search(base, words) for words in SOUGHT}
    for words, page in SOUGHT.items():
        assert page in [address.partition("#")[0] for address in found[words][:3]], (words, found[words][:5])
    assert phone.search(base, "zzyzx") == []
    assert phone.complaints == []
    assert phone.hosts <= {urlparse(served).netloc, ""}


@in_a_browser
def test_a_link_of_sarif_arrives_at_the_check(served, phone):
    phone.page.goto(f"{served}checks.md#gpu-pools-start-at-zero")
    phone.page.wait_for_url("**/checks.html#gpu-pools-start-at-zero")
    assert phone.page.locator("#gpu-pools-start-at-zero").count() == 1
