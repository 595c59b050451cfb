"""Bytes of a small SAS data set (.sas7bdat, 32 bit, not compressed), by the format's description.

No free program writes this format. The layout is that of M. S. Shotwell, "SAS7BDAT Database Binary
Format" (2012): a header, then one page that holds what is said of the columns, and the rows.
"""

import struct
from datetime import date

import numpy as np

MAGIC = bytes.fromhex("000000000000000000000000c2ea8160b31411cfbd92080009c7318c181f1011")
PAGE, HEADER, WIDTH = 65536, 1024, 12
SIZE, COLUMNS, TEXT = 0xF7F7F7F7, 0xF6F6F6F6, 0xFFFFFFFD
NAMES, ATTRIBUTES, FORMAT = 0xFFFFFFFF, 0xFFFFFFFC, 0xFFFFFBFE


def data_set(columns):
    """Return the file: columns are lists of text, of dates, or of numbers with None."""
    rows = len(next(iter(columns.values())))
    text = bytearray(b"\0" * 16)
    places = {}
    for word in (*columns, "DATE"):
        places[word] = len(text), len(word)
        text += word.encode() + b"\0" * (-len(word) % 4)
    widths = [WIDTH if isinstance(values[0], str) else 8 for values in columns.values()]
    offsets = np.cumsum([0, *widths])
    size = bytearray(480)
    struct.pack_into("<I", size, 0, SIZE)
    struct.pack_into("<II", size, 20, int(offsets[-1]), rows)
    struct.pack_into("<I", size, 60, rows)
    parts = [bytes(size), struct.pack("<III", COLUMNS, len(columns), 0)]
    struct.pack_into("<H", text, 0, len(text) + 4 - 12)
    parts.append(struct.pack("<I", TEXT) + bytes(text))
    named = b"".join(struct.pack("<HHHH", 0, *places[name], 0) for name in columns)
    parts.append(_sized(NAMES, named))
    kinds = [2 if isinstance(values[0], str) else 1 for values in columns.values()]
    about = zip(offsets[:-1].tolist(), widths, kinds, strict=True)
    told = b"".join(
        struct.pack("<IIHBB", offset, width, 4, kind, 0) for offset, width, kind in about
    )
    parts.append(_sized(ATTRIBUTES, told))
    for values in columns.values():
        told = bytearray(52)
        struct.pack_into("<I", told, 0, FORMAT)
        if isinstance(values[0], date):
            struct.pack_into("<HHH", told, 34, 0, *places["DATE"])
        parts.append(bytes(told))
    return _header() + _page(parts, b"".join(map(_row, zip(*columns.values(), strict=True))), rows)


def _sized(signature, body):
    """A part that tells its own length, without signature, this and what fills it up."""
    return struct.pack("<IHHI", signature, len(body) + 8, 0, 0) + body + b"\0" * 8


def _row(values):
    return b"".join(
        value.encode().ljust(WIDTH) if isinstance(value, str) else _number(value)
        for value in values
    )


def _number(value):
    if value is None:
        return struct.pack("<Q", 0xFFFFFE0000000000)  # SAS's "."
    if isinstance(value, date):
        value = (value - date(1960, 1, 1)).days
    return struct.pack("<d", value)


def _header():
    head = bytearray(HEADER)
    head[:32] = MAGIC
    head[32], head[35], head[37], head[39], head[70] = 0x22, 0x22, 1, ord("2"), 20
    head[84:92], head[92:124], head[156:164] = b"SAS FILE", b"COHORT".ljust(32), b"DATA    "
    struct.pack_into("<IIII", head, 196, HEADER, PAGE, 1, 0)
    head[216:224] = b"9.0401M6"
    return bytes(head)


def _page(parts, rows, count):
    page = bytearray(PAGE)
    struct.pack_into("<HHH", page, 16, 0x0200, len(parts) + count, len(parts))
    place = PAGE
    for number, part in enumerate(parts):
        place -= len(part)
        page[place : place + len(part)] = part
        struct.pack_into("<II", page, 24 + 12 * number, place, len(part))
    start = -(-(24 + 12 * len(parts)) // 8) * 8
    page[start : start + len(rows)] = rows
    return bytes(page)
