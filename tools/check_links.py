"""Check a built site: links within it lead somewhere, and no page loads anything from elsewhere.

::

    python tools/check_links.py docs/_build/html

Links to other sites are counted and not followed: that needs a network.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADED = {("script", "src"), ("img", "src"), ("iframe", "src"), ("source", "src"), ("link", "href")}
NOT_LOADED = {"canonical", "next", "prev", "index", "search", "author", "copyright"}


@dataclass
class Page(HTMLParser):
    """Anchors, links and loaded resources of one page."""

    anchors: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    loaded: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what a tag refers to."""
        found = {name: value or "" for name, value in attrs}
        self.anchors |= {found[name] for name in ("id", "name") if name in found}
        for name in ("href", "src"):
            if name not in found:
                continue
            relation = set(found.get("rel", "").split())
            loads = (tag, name) in LOADED and not relation & NOT_LOADED
            (self.loaded if loads else self.links).append(found[name])


@cache
def read(path: Path) -> Page:
    """Return a parsed page."""
    page = Page()
    page.feed(path.read_text("utf-8"))
    return page


def faults(site: Path) -> Iterator[str]:
    """Yield what is wrong with each page."""
    for path in sorted(site.rglob("*.html")):
        page = read(path)
        shown = path.relative_to(site)
        for target in page.loaded:
            if urlsplit(target).scheme not in {"", "data"} or target.startswith("//"):
                yield f"{shown}: loads {target} from elsewhere"
        for target in (*page.links, *page.loaded):
            if why := broken(site, path, target):
                yield f"{shown}: {target}: {why}"


def broken(site: Path, page: Path, target: str) -> str | None:
    """Return why a link leads nowhere, None where it leads somewhere or out of the site."""
    parts = urlsplit(target)
    if parts.scheme or parts.netloc:
        return None
    found = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if found.is_dir():
        found /= "index.html"
    if not found.is_relative_to(site) or not found.is_file():
        return "no such file"
    anchor = unquote(parts.fragment)
    if anchor and found.suffix == ".html" and anchor not in read(found).anchors:
        return "no such place on that page"
    return None


def main() -> int:
    """Check the site named on the command line."""
    site = Path(sys.argv[1]).resolve()
    pages = sorted(site.rglob("*.html"))
    if not pages:
        sys.exit(f"check_links.py: no pages under {site}; build the site first")
    found = list(faults(site))
    outside = sum(bool(urlsplit(link).scheme) for path in pages for link in read(path).links)
    print("\n".join(found) or "every link within the site leads somewhere; nothing is loaded")
    print(f"{len(pages)} pages, {outside} links to other sites not followed")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
