"""Text of users in places that read it again: each with what would be a command taken out.

Names of columns, levels, centres, specifications and files are anybody's text. A terminal, LaTeX,
Markdown, a spreadsheet and a netCDF file each read some characters as commands. HTML is escaped by
its template engine.
"""

import re
import unicodedata
from hashlib import sha256
from typing import Final

_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories of what is not seen and may command a terminal or reorder a line."""


def printable(text: str, *, keep: str = "") -> str:
    r"""Return a text with every character that is not seen told by its number.

    Names of columns, levels and files come from files that anybody may have written. Control
    characters command a terminal, marks of direction make one name look like another.

    Parameters
    ----------
    text : str
        Any text.
    keep : str
        Characters to let through, e.g. line breaks.

    Returns
    -------
    str
        For example ``"\x1b[31m"`` in place of the command that turns letters red.

    Examples
    --------
    >>> print(printable("stage" + chr(27) + "[31m"))
    stage\x1b[31m
    >>> printable("Größe (mg/l)")
    'Größe (mg/l)'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        letter if letter in keep or unicodedata.category(letter) not in _UNSEEN else _told(letter)
        for letter in text
    )


def _told(letter: str) -> str:
    number = ord(letter)
    named = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}
    if number <= 0xFF:
        return named.get(letter, f"\\x{number:02x}")
    return f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"


_LATEX: Final = {
    "\\": r"\textbackslash{}",
    **{letter: f"\\{letter}" for letter in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "\n": " ",
    "\r": " ",
    "\t": " ",
}


def latex(text: str) -> str:
    r"""Return a text that LaTeX sets as it stands.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    str
        In one line.

    Examples
    --------
    >>> print(latex(r"\input{x} & 5 %"))
    \textbackslash{}input\{x\} \& 5 \%
    """
    # What is not seen is told first, so that the backslash which tells it is set as one.
    told = printable(text, keep="\n\r\t")
    return "".join(_LATEX.get(letter, letter) for letter in told)


_MARKDOWN: Final = re.compile(r"[\\`*_{}\[\]<>#|~$&!]")
_OPENS_LINE: Final = re.compile(r"^(\s*)([-+=]|\d+(?=[.)]))")


def markdown(text: str) -> str:
    r"""Return a text that Markdown shows as it stands.

    Parameters
    ----------
    text : str
        Any text, of one paragraph.

    Returns
    -------
    str
        In one line.

    Examples
    --------
    >>> print(markdown("<b>*a*</b> ![x](y)"))
    \<b\>\*a\*\</b\> \!\[x\](y)
    """
    line = printable(re.sub(r"[\n\r\t]", " ", text))
    escaped = _MARKDOWN.sub(lambda found: f"\\{found[0]}", line)
    return _OPENS_LINE.sub(lambda found: f"{found[1]}{_opening(found[2])}", escaped)


def _opening(sign: str) -> str:
    return f"\\{sign}" if not sign.isdigit() else f"&#{ord(sign[0])};{sign[1:]}"


_FORMULA: Final = re.compile(r"^\s*[=+\-@\uff1d\uff0b\uff0d\uff20]")
_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def csv_cell(value: object) -> object:
    """Return the value of a cell that no spreadsheet takes for a formula.

    Parameters
    ----------
    value : object
        Numbers, truth values and None stay as they are.

    Returns
    -------
    object
        Text that would be a formula, behind an apostrophe; what is not seen is told.

    Examples
    --------
    >>> [csv_cell(value) for value in ("=1+1", "-3", -3.0, "stage I", None)]
    ["'=1+1", '-3', -3.0, 'stage I', None]
    """
    if not isinstance(value, str):
        return value
    told = printable(value)
    return f"'{told}" if _FORMULA.match(told) and not _NUMBER.fullmatch(told) else told


_LONGEST_NAME: Final = 160
_SLASH: Final = "\u2215"


def variable_name(text: str) -> str:
    """Return a name that a graph and a netCDF file can give to a variable.

    Parameters
    ----------
    text : str
        Name of a coefficient, e.g. ``"log(age / 10)"`` or ``"stage[T.I/II]"``.

    Returns
    -------
    str
        The same with a division slash for the slash, which separates groups in such files; cut,
        with a mark of what was cut, where it is longer than they allow.

    Examples
    --------
    >>> variable_name("stage[T.I/II]"), variable_name("nlr")
    ('stage[T.I\u2215II]', 'nlr')
    """
    name = printable(text).strip().replace("/", _SLASH)
    if len(name.encode()) <= _LONGEST_NAME:
        return name
    kept = name.encode()[:_LONGEST_NAME].decode(errors="ignore")
    return f"{kept}~{sha256(text.encode(errors='replace')).hexdigest()[:8]}"


def as_written(name: str) -> str:
    """Return a variable's name with the slashes that `variable_name` replaced.

    Parameters
    ----------
    name : str
        From `variable_name`.

    Returns
    -------
    str
        As a user would write it, e.g. in ``[priors]``.

    Examples
    --------
    >>> as_written(variable_name("log(age / 10)"))
    'log(age / 10)'
    """
    return name.replace(_SLASH, "/")
