"""Headless Chromium for tests of what a person sees; skipped with a reason where it is missing."""

import os
import shutil
from contextlib import contextmanager
from pathlib import Path

import pytest

CHROMIUM = shutil.which("chromium")
AXE = os.environ.get("AXE_CORE", "")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
SIZES = {"desktop": (1280, 900), "phone": (390, 844)}

needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="there is no chromium: apt-get install chromium"
)
needs_axe = pytest.mark.skipif(
    not Path(AXE).is_file(), reason="AXE_CORE names no axe.min.js of axe-core"
)


@contextmanager
def chromium():
    """Start a browser."""
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield found
        found.close()


class Visit:
    """A page with everything that it said and asked for."""

    def __init__(self, browser, address, *, size="desktop", **options):
        width, height = SIZES[size]
        self.page = browser.new_page(viewport={"width": width, "height": height}, **options)
        self.said, self.asked = [], []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(address)

    def overflow(self):
        """Return by how many pixels the page is wider than the screen."""
        return self.page.evaluate("document.documentElement.scrollWidth - innerWidth")

    def violations(self):
        """Return what axe-core finds."""
        self.page.add_script_tag(path=AXE)
        found = self.page.evaluate("axe.run()")["violations"]
        return [(v["id"], v["impact"], v["nodes"][0]["html"][:200]) for v in found]
