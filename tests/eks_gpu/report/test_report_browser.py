"""The page in a browser: it asks nobody for anything, and people reach all of it, by sight, keyboard or ear."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from eks_gpu.report.html import page as page_of
from tests import reports
from tests.browsers import chromium, in_a_browser

pytestmark = in_a_browser


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> str:
    """A page with all that a page can have: changes, a failure, a warning, a waiver."""
    path = tmp_path_factory.mktemp("report") / "plan.html"
    path.write_text(page_of([reports.every_kind()], {"dev": reports.changes()}), encoding="utf-8")
    return path.as_uri()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


class Visit:
    """An open page, and what it asked for and complained of."""

    def __init__(self, page: Page, file: str):
        self.page = page
        self.asked: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self.asked.append(request.url))
        self.refused: dict[str, str | None] = {}
        page.on("requestfailed", lambda request: self.refused.update({request.url: request.failure}))
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.goto(file)

    def shown(self, selector: str) -> list[str]:
        """Text of what is visible."""
        found = [each for each in self.page.locator(selector).all() if each.is_visible()]
        return [" ".join(each.inner_text().split()) for each in found]

    def search(self, words: str) -> str:
        """What the page says it found."""
        self.page.fill("#search", words)
        return self.page.inner_text("#found")


@pytest.fixture
def visit(browser: Browser, file: str, request: pytest.FixtureRequest) -> Iterator[Visit]:
    """At the width and in the colours that a test asks for."""
    width, colours = getattr(request, "param", (1280, "light"))
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=colours)
    yield Visit(context.new_page(), file)
    context.close()


LIGHT, DARK, PHONE = (1280, "light"), (1280, "dark"), (375, "light")


def test_nothing_is_fetched_and_nothing_complained_of(visit, file):
    visit.search("gpu")
    visit.page.click("summary >> nth=0")
    visit.page.emulate_media(media="print")
    assert visit.asked == [file]
    assert visit.complaints == []


def test_the_policy_stops_what_a_page_might_be_made_to_do(visit):
    done = visit.page.evaluate(
        """async () => {
            const image = document.body.appendChild(new Image());
            image.src = "https://example.com/x.png";
            const script = document.createElement("script");
            script.textContent = "window.ran = true";
            document.body.append(script);
            const fetched = await fetch("https://example.com/").then(() => true, () => false);
            return [fetched, Boolean(window.ran)];
        }"""
    )
    assert done == [False, False]
    assert visit.refused == {"https://example.com/x.png": "csp"}  # the fetch does not come as far as a request
    assert any("Content Security Policy" in complaint for complaint in visit.complaints)


@pytest.mark.parametrize("visit", [LIGHT, DARK, PHONE], indirect=True, ids=["light", "dark", "phone"])
def test_axe_finds_nothing_with_all_folds_open(visit):
    visit.page.evaluate("document.querySelectorAll('details').forEach((fold) => (fold.open = true))")
    found = Axe().run(visit.page)
    assert found.violations_count == 0, found.generate_report()


def test_axe_finds_nothing_on_a_page_of_several_stacks(browser, tmp_path):
    path = tmp_path / "all.html"
    path.write_text(page_of([reports.plan(stack="dev"), replace(reports.every_kind(), stack="prod")]), encoding="utf-8")
    page = browser.new_page()
    page.goto(path.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach((fold) => (fold.open = true))")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    page.close()


@pytest.mark.parametrize("visit", [PHONE], indirect=True, ids=["phone"])
def test_a_phone_scrolls_down_alone(visit):
    visit.page.evaluate("document.querySelectorAll('details').forEach((fold) => (fold.open = true))")
    assert visit.page.evaluate("document.documentElement.scrollWidth") == 375
    assert visit.page.locator(".chart.narrow").is_visible()
    assert not visit.page.locator(".chart.wide").is_visible()


@pytest.mark.parametrize(
    ("visit", "ink"), [(LIGHT, "rgb(29, 35, 41)"), (DARK, "rgb(231, 229, 224)")], indirect=["visit"]
)
def test_text_of_drawings_has_the_page_s_colours(visit, ink):
    colour = "(texts) => [...new Set(texts.map((text) => getComputedStyle(text).fill))]"
    titles = visit.page.locator(".diagram text[font-weight='600']")
    assert titles.evaluate_all(colour) == [ink]
    assert visit.page.evaluate("getComputedStyle(document.body).color") == ink


def test_search_hides_what_does_not_match_and_says_how_much_does(visit):
    assert visit.search("capped") == "2 found"
    assert visit.shown("h3") == ["What changes", "Checks"]
    assert visit.shown(".card h4") == ["fails now gpu gpu-pools-are-capped", "fails gpu gpu-pools-are-capped"]
    assert not visit.page.locator(".diagram").is_visible()
    assert visit.search("no such thing") == "0 found"
    assert visit.shown("h3") == []
    assert visit.search("") == ""
    assert "What is built" in visit.shown("h3")
    assert visit.page.locator(".diagram").is_visible()


def test_search_wants_all_words_and_opens_the_folds_around_what_it_finds(visit):
    fold = visit.page.locator("details.resources")
    assert visit.search("LaunchTemplate lt-system") == "1 found"
    assert fold.evaluate("(fold) => fold.open")
    assert visit.shown("tbody tr") == ["aws:ec2/launchTemplate:LaunchTemplate lt-system"]
    visit.search("")
    assert not fold.evaluate("(fold) => fold.open")


def test_the_keyboard_reaches_search_and_folds_and_opens_them(visit):
    reached = []
    for _ in range(60):
        visit.page.keyboard.press("Tab")
        reached.append(visit.page.evaluate("document.activeElement.id || document.activeElement.tagName"))
        if reached[-1] == "SUMMARY":
            break
    assert reached[-1] == "SUMMARY"
    assert reached.index("search") < reached.index("SUMMARY")
    opened = "document.activeElement.parentElement.open"
    assert not visit.page.evaluate(opened)
    visit.page.keyboard.press("Enter")
    assert visit.page.evaluate(opened)


def test_yaml_is_copied_by_a_button_that_says_so(browser, file):
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    visit = Visit(context.new_page(), file)
    visit.page.get_by_text("Deployment train").locator("visible=true").first.click()
    copy = visit.page.get_by_role("button", name="Copy YAML of Deployment train")
    copy.click()
    visit.page.get_by_role("button", name="Copied YAML of Deployment train").wait_for()
    assert visit.page.evaluate("navigator.clipboard.readText()").startswith("apiVersion: apps/v1\nkind: Deployment\n")
    assert visit.shown("[role=status]") == ["Copied"]
    assert visit.complaints == []
    context.close()


def test_yaml_is_copied_where_the_page_may_not_write_to_the_clipboard(browser, file):
    context = browser.new_context()
    page = context.new_page()
    page.add_init_script("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    visit = Visit(page, file)
    visit.page.evaluate("addEventListener('copy', () => (window.copied = document.activeElement.value))")
    visit.page.get_by_text("Deployment train").locator("visible=true").first.click()
    visit.page.get_by_role("button", name="Copy YAML of Deployment train").press("Enter")
    visit.page.get_by_role("button", name="Copied YAML of Deployment train").wait_for()
    assert visit.page.evaluate("window.copied").startswith("apiVersion: apps/v1\nkind: Deployment\n")
    context.close()


def test_without_a_script_there_is_no_button_and_everything_is_there(browser, file):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(file)
    assert page.get_by_role("button").count() == 0
    assert page.locator("summary").get_by_text("Deployment train").is_visible()
    context.close()


def test_what_holds_is_folded_and_what_fails_is_open(visit):
    assert visit.shown("section[id$='-checks'] .mark") == ["fails", "warns", "waived", "not judged"]
    visit.page.locator("section[id$='-checks'] > details > summary").click()
    assert visit.shown("section[id$='-checks'] .mark").count("holds") > 50


@pytest.mark.parametrize("visit", [PHONE], indirect=True, ids=["phone"])
def test_on_a_phone_no_table_is_cut_and_pools_are_cards(visit):
    visit.page.evaluate("document.querySelectorAll('details').forEach((fold) => (fold.open = true))")
    cut = "(tables) => tables.filter((table) => table.scrollWidth > table.parentElement.clientWidth).length"
    assert visit.page.locator("table").evaluate_all(cut) == 0
    assert visit.page.locator(".matrix tbody tr").first.evaluate("(row) => getComputedStyle(row).display") == "grid"
    cell = visit.page.get_by_role("cell", name="takes it").first
    assert cell.evaluate("(cell) => getComputedStyle(cell, '::before').content") == '"train"'
    left, right = cell.evaluate("(cell) => [cell.getBoundingClientRect().left, cell.getBoundingClientRect().right]")
    assert 0 <= left < right <= 375


@pytest.mark.parametrize("visit", [PHONE, LIGHT], indirect=True, ids=["phone", "light"])
def test_text_of_the_diagram_is_never_smaller_than_11_pixels(visit):
    drawn = """(texts) => texts.map((text) => {
        const scale = text.ownerSVGElement.getBoundingClientRect().width / text.ownerSVGElement.viewBox.baseVal.width;
        return parseFloat(getComputedStyle(text).fontSize) * scale;
    })"""
    sizes = visit.page.locator(".diagram text").evaluate_all(drawn)
    assert len(sizes) > 10
    assert min(sizes) >= 10.99


def test_yaml_is_folded_away(visit):
    assert visit.shown("pre") == []
    visit.page.get_by_text("Deployment train").locator("visible=true").first.click()
    (yaml,) = visit.shown("pre")
    assert yaml.startswith("apiVersion: apps/v1 kind: Deployment metadata: name: train")


@pytest.mark.parametrize("visit", [DARK], indirect=True, ids=["dark"])
def test_paper_is_white_has_the_items_and_no_yaml(visit):
    visit.page.evaluate("document.querySelectorAll('details').forEach((fold) => (fold.open = false))")
    visit.page.emulate_media(media="print")
    visit.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert visit.page.evaluate("getComputedStyle(document.body).color") == "rgb(29, 35, 41)"
    assert visit.page.get_by_text("control plane shop").is_visible()
    assert not visit.page.locator("#search").is_visible()
    assert visit.page.locator("section[id$='-objects']").evaluate("(it) => getComputedStyle(it).display") == "none"
    assert visit.page.pdf(format="A4")[:5] == b"%PDF-"
