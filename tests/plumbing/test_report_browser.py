"""The report in a browser: the slider moves, tables sort, nothing is asked of the network."""

import pytest

from bayes_ihlrt.report.html import write_report
from bayes_ihlrt.results.outputs import read_results
from browsing import SIZES, Visit, chromium, needs_axe, needs_chromium
from report_cases import write_everything

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def address(first_results, tmp_path_factory):
    """Return the address of a report of every command."""
    folder = write_everything(first_results, tmp_path_factory.mktemp("browser"))
    return write_report(read_results(folder), folder / "report.html").as_uri()


@pytest.fixture(scope="module")
def browser():
    """Return a headless browser."""
    with chromium() as found:
        yield found


@pytest.fixture
def visit(browser, address):
    """Return a visit at desktop size."""
    found = Visit(browser, address)
    yield found
    found.page.close()


def readout(page):
    return page.locator("#readout tbody tr").all_inner_texts()


def test_no_error_and_no_request(visit, address):
    visit.page.locator("img").last.scroll_into_view_if_needed()
    assert visit.said == []
    assert [url for url in visit.asked if not url.startswith("data:")] == [address]


def test_slider_moves_hazard_ratio_survival_and_months(visit):
    page = visit.page
    line = page.locator("#survival-chart .line.s1")
    before = (line.get_attribute("d"), readout(page))
    page.locator("#modifier").focus()
    page.keyboard.press("End")
    assert page.locator("#modifier").get_attribute("aria-valuetext") in readout_title(page)
    after = (line.get_attribute("d"), readout(page))
    assert after[0] != before[0]
    assert all(old != new for old, new in zip(before[1], after[1], strict=True))
    shown = page.locator("table", has_text="Effect of treatment at values of").first
    ratio = shown.locator("tbody tr").last.locator("td").first.inner_text()
    assert ratio in after[1][0]
    page.keyboard.press("Home")
    assert readout(page) == before[1]


def readout_title(page):
    return page.locator("#readout caption").inner_text()


def test_pointing_at_a_curve_reads_it(visit):
    page = visit.page
    chart = page.locator("#survival-chart")
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    told = []
    for share in (0.3, 0.7):
        page.mouse.move(box["x"] + share * box["width"], box["y"] + 0.5 * box["height"])
        told.append(page.locator(".at-month").all_inner_texts())
    assert told[0] != told[1]
    ratio = page.locator("#ratio-chart")
    box = ratio.bounding_box()
    page.mouse.move(box["x"] + 0.99 * box["width"], box["y"] + 0.5 * box["height"])
    last = int(page.locator("#modifier").get_attribute("max"))
    assert page.locator("#modifier").input_value() == str(last)


def test_designs_sort_and_filter(visit):
    page = visit.page
    block = page.locator(".table", has=page.locator("#table-designs"))
    column = block.locator("tbody tr > :nth-child(1)")
    head = block.get_by_role("button", name="expected patients")
    head.click()
    assert column.all_inner_texts()[0] == "n-100"
    head.press("Enter")
    assert column.all_inner_texts()[0] == "n-1000"
    assert block.locator("th[aria-sort=descending]").count() == 1
    block.get_by_role("searchbox").fill("n-200 effect")
    assert block.locator("tbody tr:visible").count() == 1
    assert block.get_by_role("status").inner_text() == "1 of 8 rows"


@pytest.mark.parametrize("size", SIZES)
def test_page_fits_the_width(browser, address, size):
    visit = Visit(browser, address, size=size)
    overflow = visit.overflow()
    visit.page.close()
    assert overflow <= 0


def test_readable_without_a_script(browser, address):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address)
    assert not page.locator("#modifier").is_visible()
    assert page.locator("#survival-chart .line.s1").is_visible()
    assert page.locator("#table-by-modifier").is_visible()
    context.close()


def test_prints_without_controls(visit):
    page = visit.page
    page.emulate_media(media="print")
    assert not page.locator("nav").is_visible()
    assert not page.locator("#modifier").is_visible()
    assert page.locator("#readout").is_visible()
    assert len(page.pdf(format="A4")) > 10_000


@needs_axe
@pytest.mark.parametrize("size", SIZES)
def test_axe_finds_nothing_serious(browser, address, size):
    visit = Visit(browser, address, size=size, bypass_csp=True)
    found = visit.violations()
    visit.page.close()
    assert found == []


def test_no_table_is_cut_on_paper(browser, address):
    # A4 less its margins, with everything open, as it is printed.
    page = browser.new_page(viewport={"width": 688, "height": 1000})
    page.goto(address)
    page.emulate_media(media="print")
    page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
    wide = page.evaluate(
        "[...document.querySelectorAll('table')]"
        ".filter((table) => table.getBoundingClientRect().right > innerWidth + 1)"
        ".map((table) => table.caption.innerText)"
    )
    assert wide == []
    page.close()
