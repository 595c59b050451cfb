"""Formulas as MathML, which browsers draw themselves: no script, and it can be read out."""

from html import escape
from typing import Final

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.writers.html5 import HTML5Translator

LOGGER: Final = logging.getLogger(__name__)


def inline(translator: HTML5Translator, node: nodes.math) -> None:
    """Write a formula within a line."""
    translator.body.append(converted(node, as_block=False))
    raise nodes.SkipNode


def block(translator: HTML5Translator, node: nodes.math_block) -> None:
    """Write a formula that stands alone."""
    translator.body.append(f'<div class="math">{converted(node, as_block=True)}</div>')
    raise nodes.SkipNode


def converted(node: nodes.Element, *, as_block: bool) -> str:
    """Return a formula as MathML; one that cannot be read is a warning where it stands."""
    code = node.astext()
    if r"\\" in code:
        code = rf"\begin{{align*}}{code}\end{{align*}}"
    try:
        return tex2mathml(code, as_block=as_block)
    except MathError as error:
        LOGGER.warning("formula cannot be read: %s", error, location=node)
        return f"<code>{escape(code)}</code>"


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the renderer."""
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
    app.config.html_math_renderer = "mathml"
    return {"parallel_read_safe": True, "parallel_write_safe": True}
