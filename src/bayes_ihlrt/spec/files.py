"""How a data file is written: keys of `[data]` for what cannot be recognised without doubt."""

import codecs
from dataclasses import dataclass
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field

SEPARATORS: Final = {",": ",", ";": ";", "tab": "\t", "|": "|"}
"""What stands between columns, by what a specification calls it."""

# These are text encodings to Python, and no file has them.
_NO_FILE: Final = frozenset({"idna", "punycode", "undefined", "unicode-escape"})
_NO_FILE_EITHER: Final = frozenset({"raw-unicode-escape", "utf-7"})


def _known_encoding(name: str) -> str:
    try:
        found = codecs.lookup(name)
        "1;2".encode(name)
    except (LookupError, UnicodeError, ValueError):
        known = False
    else:
        known = found.name not in _NO_FILE | _NO_FILE_EITHER
    if not known:
        raise ValueError(
            f"'{name}' is no encoding of text; write for instance 'utf-8', 'utf-16', "
            f"'windows-1252', 'latin-1' or 'mac-roman'"
        )
    return name


Separator = Annotated[
    Literal[",", ";", "tab", "|"] | None,
    Field(description="What stands between the columns of the data file; else recognised."),
]
Decimal = Annotated[
    Literal[".", ","] | None,
    Field(description="Decimal mark of the numbers of the data file; else recognised."),
]
Encoding = Annotated[
    Annotated[str, AfterValidator(_known_encoding)] | None,
    Field(description="Encoding of the data file's letters, e.g. 'windows-1252'; else recognised."),
]
Sheet = Annotated[
    Annotated[str, Field(min_length=1)] | None,
    Field(
        description="Sheet of a spreadsheet that holds the data; else the only one that has the "
        "columns."
    ),
]
HeaderLine = Annotated[
    Annotated[int, Field(ge=1)] | None,
    Field(description="Line of the data file with the column names, the first being 1."),
]
Parameter = Annotated[
    Annotated[str, Field(min_length=1)] | None,
    Field(
        description="PARAMCD of the rows to read from a CDISC data set of times to events (ADTTE), "
        "e.g. 'OS'."
    ),
]


@dataclass(frozen=True)
class FileForm:
    """How a file is written, as far as the user says.

    Parameters
    ----------
    separator : str or None
        The character between columns.
    decimal : str or None
        The decimal mark.
    encoding : str or None
        The encoding of letters.
    sheet : str or None
        Sheet of a spreadsheet.
    header_line : int or None
        Line with the column names, from 1.
    binding : bool
        Whether this is said of the very file; else it decides only where the file itself does not.
    """

    separator: str | None = None
    decimal: str | None = None
    encoding: str | None = None
    sheet: str | None = None
    header_line: int | None = None
    binding: bool = True

    @property
    def of_another_file(self) -> "FileForm":
        """The form that a file which comes with this one may be presumed to have."""
        return FileForm(self.separator, self.decimal, self.encoding, binding=False)
