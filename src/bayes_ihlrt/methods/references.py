"""The works that a methods paragraph cites, and their list."""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict

_FILE: Final = Path(__file__).parent / "references.toml"
_MARK: Final = re.compile(r"\[((?:@\w+(?:; )?)+)\]")


class Reference(BaseModel):
    """A published work."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    authors: str
    title: str
    journal: str
    year: int
    volume: str = ""
    pages: str = ""
    doi: str = ""
    note: str = ""

    @property
    def text(self) -> str:
        """The reference as it is printed, without its DOI."""
        place = f"{self.journal} {self.year}"
        if self.volume:
            place += f";{self.volume}" + (f":{self.pages}" if self.pages else "")
        parts = [f"{self.authors.removesuffix('.')}.", f"{self.title.removesuffix('.')}.", place]
        note = f" ({self.note})" if self.note else ""
        return f"{' '.join(parts)}{note}."

    def bibtex(self, key: str) -> str:
        """Return the reference as a BibTeX entry.

        Parameters
        ----------
        key : str
            By which it is cited.

        Returns
        -------
        str
            The entry.
        """
        authors = self.authors.removesuffix(", et al.").split(", ")
        people = [f"{name.rpartition(' ')[0]}, {name.rpartition(' ')[2]}" for name in authors]
        if self.authors.endswith("et al."):
            people.append("others")
        if self.authors.startswith("US "):
            people = [f"{{{self.authors}}}"]
        fields = {
            "author": " and ".join(people),
            "title": f"{{{self.title}}}",
            "journal": self.journal,
            "year": str(self.year),
            "volume": self.volume,
            "pages": self.pages.replace("-", "--"),
            "doi": self.doi,
            "note": self.note,
        }
        lines = [f"  {name} = {{{value}}}" for name, value in fields.items() if value]
        return f"@article{{{key},\n" + ",\n".join(lines) + "\n}\n"


@cache
def references() -> Mapping[str, Reference]:
    """Return every work that can be cited, by key.

    Returns
    -------
    mapping of str to Reference
        In the order of the file.

    Examples
    --------
    >>> references()["suissa2008"].doi
    '10.1093/aje/kwm324'
    """
    found = tomllib.loads(_FILE.read_text("utf-8"))
    return {key: Reference(**fields) for key, fields in found.items()}


def cited(texts: Iterable[str]) -> tuple[str, ...]:
    """Return the keys that texts cite, in the order of first mention.

    Parameters
    ----------
    texts : iterable of str
        With marks like ``[@suissa2008]`` or ``[@suissa2008; @mantel1974]``.

    Returns
    -------
    tuple of str
        Each once.

    Raises
    ------
    KeyError
        A key is not in the list of references.

    Examples
    --------
    >>> cited(["Immortal time [@suissa2008; @mantel1974].", "Again [@suissa2008]."])
    ('suissa2008', 'mantel1974')
    """
    known = references()
    keys = [key for text in texts for mark in _MARK.finditer(text) for key in _keys(mark)]
    if unknown := set(keys) - known.keys():
        message = f"references.toml does not hold {', '.join(sorted(unknown))}"
        raise KeyError(message)
    return tuple(dict.fromkeys(keys))


def pieces(text: str) -> Iterator[str | tuple[str, ...]]:
    """Cut a text at its marks.

    Parameters
    ----------
    text : str
        With marks.

    Yields
    ------
    str or tuple of str
        Words, and in place of a mark the keys that it names.

    Examples
    --------
    >>> list(pieces("Immortal time [@suissa2008]."))
    ['Immortal time ', ('suissa2008',), '.']
    """
    last = 0
    for mark in _MARK.finditer(text):
        yield text[last : mark.start()]
        yield _keys(mark)
        last = mark.end()
    yield text[last:]


def unmarked(text: str) -> str:
    """Return a user's text for a paragraph with marks, in which it makes none.

    Parameters
    ----------
    text : str
        Such as the name of a plan.

    Returns
    -------
    str
        With a space where a mark would begin.

    Examples
    --------
    >>> unmarked("plan [@nobody]")
    'plan [ @nobody]'
    """
    return text.replace("[@", "[ @")


def numbered(text: str, keys: Iterable[str]) -> str:
    """Put numbers in place of the marks of a text.

    Parameters
    ----------
    text : str
        With marks.
    keys : iterable of str
        From `cited`, in the order of the list.

    Returns
    -------
    str
        The text.

    Examples
    --------
    >>> numbered("Immortal time [@suissa2008].", ["mantel1974", "suissa2008"])
    'Immortal time [2].'
    """
    place = {key: str(number) for number, key in enumerate(keys, start=1)}
    return "".join(
        f"[{', '.join(place[key] for key in part)}]" if isinstance(part, tuple) else part
        for part in pieces(text)
    )


def _keys(mark: re.Match[str]) -> tuple[str, ...]:
    return tuple(part.removeprefix("@") for part in mark.group(1).split("; "))
