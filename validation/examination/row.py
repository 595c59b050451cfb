"""A row of the page on the adverse inputs: what was asked, what came before, what comes now."""

from typing import NamedTuple


class Row(NamedTuple):
    """One adverse input, in words and numbers as the page prints them."""

    item: str
    what: str
    truth: str
    before: str
    after: str
    mcse: str
    verdict: str
