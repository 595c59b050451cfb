"""Check a built site: links within it lead somewhere, and no page loads anything from elsewhere.

::

    python tools/check_links.py docs/_build/html

Links to other sites are counted and not followed: that needs a network.
"""

import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADED = {("script", "src"), ("img", "src"), ("iframe", "src"), ("source", "src"), ("link", "href")}
NOT_LOADED = {"canonical", "next", "prev", "index", "search", "author", "copyright"}
NO_TAGS = re.compile(r"<!--.*?-->|(<(script|style)\b[^>]*>).*?</\2>", re.DOTALL)
TAG = re.compile(r"""<[a-zA-Z](?:[^<>"']|"[^"]*"|'[^']*')*>""")


@dataclass
class Page(HTMLParser):
    """Anchors, links and loaded resources of one page, or of one tag."""

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
    for each in map(read_tag, TAG.findall(NO_TAGS.sub(r"\1", path.read_text("utf-8")))):
        page.anchors |= each.anchors
        page.links += each.links
        page.loaded += each.loaded
    return page


# The pages of a folder have a thousand tags of their sidebar in common.
@cache
def read_tag(text: str) -> Page:
    """Return a parsed tag."""
    page = Page()
    page.feed(text)
    return page


def faults(site: Path) -> Iterator[str]:
    """Yield what is wrong with each page."""
    for path in sorted(site.rglob("*.html")):
        page, folder = read(path), path.parent
        shown = path.relative_to(site)
        for target in page.loaded:
            if urlsplit(target).scheme not in {"", "data"} or target.startswith("//"):
                yield f"{shown}: loads {target} from elsewhere"
        for target in (*page.links, *page.loaded):
            base = path if target[:1] in {"", "#", "?"} else folder
            if why := broken(site, base, target):
                yield f"{shown}: {target}: {why}"


@cache
def broken(site: Path, base: Path, target: str) -> str | None:
    """Return why a link leads nowhere, None where it leads somewhere or out of the site.

    It is followed from its page where it is an anchor of that, otherwise from the page's folder.
    """
    parts = urlsplit(target)
    if parts.scheme or parts.netloc:
        return None
    found = (base / unquote(parts.path)).resolve() if parts.path else base
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
    linked = Counter(link for path in pages for link in read(path).links)
    outside = sum(times for link, times in linked.items() if urlsplit(link).scheme)
    print("\n".join(found) or "every link within the site leads somewhere; nothing is loaded")
    print(f"{len(pages)} pages, {outside} links to other sites not followed")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
