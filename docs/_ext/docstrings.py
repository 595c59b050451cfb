"""numpydoc with its template read once, not twice for every docstring."""

from functools import cache
from typing import Any

import numpydoc
from jinja2 import Template
from numpydoc.docscrape import get_doc_object
from numpydoc.docscrape_sphinx import (
    SphinxClassDoc,
    SphinxDocString,
    SphinxFunctionDoc,
    SphinxObjDoc,
)
from sphinx.application import Sphinx


@cache
def template() -> Template:
    """Return what numpydoc writes a docstring into."""
    return SphinxDocString("").template


def read(
    obj: Any,
    what: str | None = None,
    doc: str | None = None,
    config: dict[str, Any] | None = None,
    builder: object = None,
) -> Any:
    """Return a docstring in parts, as `numpydoc.docscrape_sphinx.get_doc_object` does."""
    del builder  # It finds templates of a theme's own; there are none.
    kinds = {"class_doc": SphinxClassDoc, "func_doc": SphinxFunctionDoc, "obj_doc": SphinxObjDoc}
    return get_doc_object(obj, what, doc, {**(config or {}), "template": template()}, **kinds)


def setup(app: Sphinx) -> dict[str, Any]:
    """Set numpydoc up with this reader, for which it has a place."""
    return numpydoc.setup(app, get_doc_object_=read)
