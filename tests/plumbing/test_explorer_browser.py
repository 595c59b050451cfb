"""The explorer in a browser: sliders ask for trials, curves follow, nothing leaves the machine."""

import re
import tomllib
from pathlib import Path

import pytest

from bayes_ihlrt.explorer.session import CURVE
from bayes_ihlrt.spec.read import load_plan
from browsing import SIZES, Visit, chromium, needs_axe, needs_chromium
from explorer_cases import serving

pytestmark = needs_chromium

PLAN = load_plan("fixed_os")
RATIO = '[id="scenario.effect.hr.0-{}"]'
SIZE = '[id="design.patients-{}"]'
EVENTS = '[id="design.looks.1.events-number"]'


@pytest.fixture(scope="module")
def address():
    """Return the address of an explorer whose trials come from a formula."""
    with serving(PLAN) as (found, _):
        yield found


@pytest.fixture(scope="module")
def browser():
    """Return a headless browser."""
    with chromium() as found:
        yield found


def settle(page):
    """Wait until the curve of the last move is there."""
    page.locator("body:not(.busy)").wait_for()
    page.locator(f"#curve .dot >> nth={len(CURVE) - 1}").wait_for()


@pytest.fixture
def visit(browser, address):
    """Return a visit that has seen the design of the file."""
    found = Visit(browser, address)
    settle(found.page)
    yield found
    found.page.close()


def success(page):
    return page.locator("#headline dd").first.inner_text()


def test_no_error_and_no_request_to_others(visit, address):
    assert visit.said == []
    assert all(url.startswith((address, "data:")) for url in visit.asked)


def test_slider_and_field_move_together_and_the_numbers_follow(visit):
    page = visit.page
    before = (success(page), page.locator("#curve .now-dot").get_attribute("cx"))
    page.locator(RATIO.format("slider")).focus()
    page.keyboard.press("ArrowLeft")
    assert page.locator(RATIO.format("number")).input_value() == "0.69"
    settle(page)
    after = (success(page), page.locator("#curve .now-dot").get_attribute("cx"))
    assert all(old != new for old, new in zip(before, after, strict=True))
    assert page.locator("#tried tbody tr").count() == 2
    page.get_by_role("button", name="Back to design 1").click()
    settle(page)
    assert (success(page), page.locator("#curve .now-dot").get_attribute("cx")) == before


def test_curve_follows_the_design(visit):
    page = visit.page
    before = page.locator("#curve .line").get_attribute("points")
    page.locator(SIZE.format("number")).fill("450")
    settle(page)
    assert page.locator("#curve .line").get_attribute("points") != before
    assert page.locator(EVENTS).input_value() == "300"


def test_events_stay_where_they_are_if_wanted(visit):
    page = visit.page
    page.locator("#scale").uncheck()
    page.locator(SIZE.format("number")).fill("450")
    settle(page)
    assert page.locator(EVENTS).input_value() == "200"


def test_a_look_that_is_not_taken_leaves_the_table(visit):
    page = visit.page
    page.get_by_label("take this look").uncheck()
    page.locator("#looks tbody tr").nth(1).wait_for(state="detached")
    assert page.locator("#looks tbody th").all_inner_texts() == ["Final look"]


def test_what_is_wrong_is_said_and_the_old_numbers_are_marked(visit):
    page = visit.page
    before = success(page)
    page.locator(SIZE.format("number")).fill("3")
    page.locator("#faults li").wait_for()
    assert "It must be at least 10." in page.locator("#faults").inner_text()
    assert "those of the design before" in page.locator("#status").inner_text()
    assert success(page) == before
    page.locator(SIZE.format("number")).fill("")
    page.get_by_text("Sample size: it is empty").wait_for()
    page.locator(SIZE.format("number")).fill("300")
    settle(page)
    assert page.locator("#faults").inner_text() == ""


def test_saved_file_is_the_design_on_the_page(visit, tmp_path):
    page = visit.page
    page.locator(SIZE.format("number")).fill("360")
    settle(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Save as TOML").click()
    file = Path(tmp_path / download.value.suggested_filename)
    download.value.save_as(file)
    assert file.name == "fixed-os.toml"
    assert tomllib.loads(file.read_text("utf-8"))["design"]["patients"] == 360
    assert load_plan(file).design.looks[-1].events == 240


def test_curve_is_told_in_words(visit):
    words = visit.page.locator("#curve-words").inner_text()
    assert len(re.findall(r"Hazard ratio [\d.]+: [\d.]+ % \(", words)) == len(CURVE)


@pytest.mark.parametrize("size", SIZES)
def test_page_fits_the_width(browser, address, size):
    visit = Visit(browser, address, size=size)
    settle(visit.page)
    overflow = visit.overflow()
    visit.page.close()
    assert overflow <= 0


@needs_axe
@pytest.mark.parametrize("size", SIZES)
def test_axe_finds_nothing_serious(browser, address, size):
    visit = Visit(browser, address, size=size, bypass_csp=True)
    settle(visit.page)
    found = visit.violations()
    visit.page.close()
    assert found == []
