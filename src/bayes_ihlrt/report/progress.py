"""What is going on, told on standard error."""

from types import TracebackType
from typing import Self

from rich.status import Status
from rich.text import Text

from bayes_ihlrt.report.consoles import PlainConsole


class Stages:
    """Tells the stage that a long command is in: a spinner on a terminal, lines elsewhere.

    Parameters
    ----------
    quiet : bool
        Say nothing.
    """

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._console = PlainConsole(stderr=True)
        self._status: Status | None = None

    @property
    def shows_progress(self) -> bool:
        """Whether a progress bar can be drawn."""
        return self._console.is_terminal and not self._quiet

    def tell(self, stage: str) -> None:
        """Tell what begins.

        Parameters
        ----------
        stage : str
            In a few words, such as ``"compiling the model"``.
        """
        if self._quiet:
            return
        self._stop()
        # The sampler draws a bar of its own, which a spinner would break.
        if not self.shows_progress or stage.startswith("sampling"):
            self._console.print(f"{stage} ...")
            return
        self._status = self._console.status(Text(f"{stage} ..."), refresh_per_second=4)
        self._status.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()

    def _stop(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None
