"""Consoles on which the names that users give are text and nothing else."""

from collections.abc import Iterable
from typing import Any, override

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from bayes_ihlrt.escaping import printable


class PlainConsole(Console):
    """A console without markup, emoji codes or highlighting, which tells control characters.

    ``[red]`` in the name of a level is those five letters, and what would command the terminal is
    shown by its number.

    Parameters
    ----------
    **options
        Of `rich.console.Console`.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"highlight": False, "markup": False, "emoji": False, **options})

    @override
    def render_str(self, text: str, **options: Any) -> Text:
        """Return a cell's or heading's text, of a width that counts what is told."""
        return super().render_str(printable(text, keep="\n"), **options)

    @override
    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Render anything; a segment that is no command of the console's own is told."""
        for segment in super().render(renderable, options):
            if segment.control:
                yield segment
            else:
                yield segment._replace(text=printable(segment.text, keep="\n"))
