"""The sidebar of furo: made once for each folder of pages, and marked on each page where one is.

The theme resolves, writes and reads again the whole table of contents for every page of the site.
It is the same on all pages of a folder but for what is marked as current.
"""

import re
from functools import cache
from typing import Any, NamedTuple

from furo.navigation import get_navigation_tree
from sphinx.application import Sphinx
from sphinx.environment.adapters.toctree import global_toctree_for_doc

TOKEN = re.compile(
    r'<ul(?P<begin>)(?: class="simple")?>|(?P<end></ul>)'
    r'|<li class="toctree-l\d+(?P<level>)(?: has-children)?(?P<classes>)">'
    r'<a class="(?P<link>)reference internal" href="(?P<target>[^"]*)">'
    r'|(?P<box>) class="toctree-checkbox"'
)


class Entry(NamedTuple):
    """One line of the sidebar: the entry that it is in, and places in the text of the tree."""

    within: int | None
    list: int
    level: int
    classes: int
    link: int
    target: tuple[int, int]


class Tree(NamedTuple):
    """A sidebar in which nothing is current, its entries, and the checkbox that opens each."""

    text: str
    entries: tuple[Entry, ...]
    boxes: dict[int, int]


def read(text: str) -> Tree:
    """Find the entries of a sidebar."""
    entries: list[Entry] = []
    boxes: dict[int, int] = {}
    # Of each open list: its place, and the entry that it is in.
    lists: list[tuple[int, int | None]] = []
    for token in TOKEN.finditer(text):
        match token.lastgroup:
            case "begin":
                lists.append((token.end("begin"), len(entries) - 1 if lists else None))
            case "end":
                lists.pop()
            case "box":
                boxes[len(entries) - 1] = token.start()
            case _:
                place, within = lists[-1]
                ends = (token.end(name) for name in ("level", "classes", "link"))
                entries.append(Entry(within, place, *ends, token.span("target")))
    return Tree(text, tuple(entries), boxes)


def marked(tree: Tree, target: str) -> str:
    """Return a sidebar in which the page with this address is the current one."""
    here = [i for i, one in enumerate(tree.entries) if tree.text[slice(*one.target)] == target]
    edits: dict[tuple[int, int], str] = {}
    for number in here:
        link, address = tree.entries[number].link, tree.entries[number].target
        edits |= {(link, link): "current ", address: "#"}
    path = set(here)
    while above := {tree.entries[i].within for i in path} - path - {None}:
        path |= above
    for number in path:
        entry = tree.entries[number]
        edits[entry.list, entry.list] = ' class="current"'
        edits[entry.level, entry.level] = " current"
        if number in tree.boxes:
            edits[tree.boxes[number], tree.boxes[number]] = ' checked=""'
    if path:
        last = tree.entries[max(path)]
        ends = edits.get((last.classes, last.classes), "")
        edits[last.classes, last.classes] = f"{ends} current-page"
    parts, done = [], 0
    for (begin, end), words in sorted(edits.items()):
        parts += [tree.text[done:begin], words]
        done = end
    return "".join([*parts, tree.text[done:]])


def setup(app: Sphinx) -> dict[str, bool]:
    """Put the sidebar where the theme puts its own, which then has no table of contents to read."""

    @cache
    def of_folder(folder: str) -> Tree:
        # No page has this name, so nothing is current.
        nowhere = f"{folder}/." if folder else "."
        contents = global_toctree_for_doc(
            app.env,
            nowhere,
            app.builder,
            tags=app.tags,
            collapse=False,
            titles_only=True,
            maxdepth=-1,
            includehidden=True,
        )
        return read(get_navigation_tree(app.builder.render_partial(contents)["fragment"]))

    def before(app: Sphinx, page: str, template: str, context: dict[str, Any], tree: Any) -> None:
        del app, page, template, tree
        context.pop("toctree", None)

    def after(app: Sphinx, page: str, template: str, context: dict[str, Any], tree: Any) -> None:
        del template, tree
        folder, _, _ = page.rpartition("/")
        target = app.builder.get_relative_uri(f"{folder}/." if folder else ".", page)
        context["furo_navigation_tree"] = marked(of_folder(folder), target)

    # The theme's own place is 500.
    app.connect("html-page-context", before, priority=400)
    app.connect("html-page-context", after, priority=600)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
