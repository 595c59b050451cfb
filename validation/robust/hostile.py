"""Texts and bytes changed as accidents and malice change them: the parts of generated inputs."""

import datetime as dt
import random
from collections.abc import Callable, Sequence
from typing import Any

NUMBERS = (
    *(
        "0",
        "-1",
        "1e999",
        "-1e308",
        "1e-320",
        "nan",
        "inf",
        "-inf",
        "+1.",
        "0x10",
        "1_000",
        "9" * 19,
    ),
    *(
        "9" * 30,
        "9" * 400,
        "1" + "0" * 5000,
        "1.234.567",
        "1,5",
        "1.5e",
        "--1",
        "0.1" * 3,
        "1e",
        "\u0661",
    ),
)
DATES = (
    *("2020-02-30", "0000-01-01", "9999-12-31", "10000-01-01", "31.12.1899", "2020-01-01T25:00"),
    *("99/99/9999", "2020-1-1", "1-1-1", "2020-01-01 00:00:00+99:99", "01.02.03", "1600-01-01"),
)
TEXTS = (
    *("", " ", "\t", "\ufeff", "\u202e", "\u200b", "\ud800", "\U0001f9ec", "\x1b[31m", "\r"),
    *(
        "\u0430ge",
        "\uff21",
        "e\u0301",
        "None",
        "NA",
        "null",
        "true",
        "'",
        '"',
        '""',
        "`",
        "\\",
        "#",
    ),
    *(
        "=1+1",
        "{",
        "}",
        "[",
        "]",
        "$(id)",
        "{{x}}",
        "%s",
        "../..",
        "a" * 300,
        "\u2028",
        "|",
        ";",
        ",",
    ),
    *(
        "<script>",
        "\x85",
        "\x1a",
        "\x0c",
        "__class__",
        "id",
        "patient",
        "start",
        "event",
        "\n",
        "\r\n",
    ),
)
LONG = ("x" * 70_000, "9" * 70_000, "\u00e9" * 70_000)

_LETTERS = b"0123456789.,;:=[]{}()'\"#+-*_ \n\tabcdefiknorstxyzE|<>"

Bytes = Callable[[random.Random, bytes], bytes]


def text(rng: random.Random) -> str:
    """Return a cell, a name or a piece of one."""
    kind = rng.random()
    if kind < 0.005:
        return rng.choice(LONG)
    if kind < 0.3:
        return repr(rng.choice((rng.gauss(5, 3), 10 ** rng.uniform(-12, 12), rng.randrange(100))))
    if kind < 0.55:
        return rng.choice(NUMBERS)
    if kind < 0.7:
        return rng.choice(DATES)
    if kind < 0.95:
        return rng.choice(TEXTS)
    if kind < 0.98:
        return "".join(chr(rng.randrange(1, 0x250)) for _ in range(rng.randrange(12)))
    return "".join(rng.choice((*NUMBERS, *TEXTS)) for _ in range(rng.randrange(1, 4)))


def value(rng: random.Random, depth: int = 0) -> Any:
    """Return anything that a TOML file can hold."""
    simple = (
        lambda: rng.choice((0, 1, -1, 2, 2**31, 2**63 - 1, -(2**63), 2**63, 2**64, 10**40)),
        lambda: rng.choice((0.0, -0.0, 0.5, -2.0, 1e-320, 1e308, 1e-9, 1e12, 12.0, 60.0)),
        lambda: rng.choice((float("nan"), float("inf"), float("-inf"))),
        lambda: rng.random() < 0.5,
        lambda: text(rng),
        lambda: rng.choice((dt.date(1, 1, 1), dt.datetime(9999, 12, 31), dt.time(23, 59))),
    )
    if depth > 3 or rng.random() < 0.6:
        return rng.choice(simple)()
    size = rng.choice((0, 1, 2, 3, 300)) if depth == 0 else rng.randrange(3)
    if rng.random() < 0.5:
        return [value(rng, depth + 1) for _ in range(size)]
    return {text(rng): value(rng, depth + 1) for _ in range(size)}


def nested(rng: random.Random) -> str:
    """Return TOML whose lists, tables or keys stand deep within each other."""
    depth = rng.choice((3, 30, 400, 3_000, 30_000))
    return rng.choice(
        (
            f"x = {'[' * depth}{']' * depth}",
            f"x = {'{a=' * depth}1{'}' * depth}",
            f"{'a.' * depth}a = 1",
            f"[{'a.' * depth}a]\nb = 1",
            "[[x]]\n" * depth,
            f"x = {'[' * depth}",
        )
    )


def _flipped(rng: random.Random, raw: bytes) -> bytes:
    content = bytearray(raw)
    for _ in range(rng.choice((1, 1, 2, 8, 64))):
        # Mostly letters: what is no text at all is refused before anything of it is read.
        letter = rng.choice(_LETTERS) if rng.random() < 0.9 else rng.randrange(256)
        content[rng.randrange(len(content))] = letter
    return bytes(content)


def _cut(rng: random.Random, raw: bytes) -> bytes:
    a, b = sorted((rng.randrange(len(raw) + 1), rng.randrange(len(raw) + 1)))
    return rng.choice((raw[:a], raw[a:], raw[:a] + raw[b:]))


def _repeated(rng: random.Random, raw: bytes) -> bytes:
    a = rng.randrange(len(raw) + 1)
    part = raw[a : a + rng.choice((1, 3, 20, 200))]
    return raw[:a] + part * rng.choice((1, 2, 50, 2_000)) + raw[a:]


def _inserted(rng: random.Random, raw: bytes) -> bytes:
    a = rng.randrange(len(raw) + 1)
    added = rng.choice(
        (
            text(rng).encode("utf-8", "replace"),
            text(rng).encode("utf-8", "replace"),
            rng.choice(
                (rng.randbytes(4), rng.randbytes(40), b"\0", b"\xef\xbb\xbf", b"\xed\xa0\x80")
            ),
            b"\n" * rng.choice((1, 1_000)),
            bytes(rng.choice(_LETTERS) for _ in range(3)),
        )
    )
    return raw[:a] + added + raw[a:]


def _moved(rng: random.Random, raw: bytes) -> bytes:
    lines = raw.split(b"\n")
    a, b = rng.randrange(len(lines)), rng.randrange(len(lines))
    lines[a], lines[b] = lines[b], lines[a]
    return b"\n".join(lines)


def _encoded(rng: random.Random, raw: bytes) -> bytes:
    told = raw.decode("utf-8", "replace")
    return told.encode(
        rng.choice(("utf-16", "utf-16-le", "utf-32", "cp1252", "utf-7", "utf-8-sig", "cp037")),
        "replace",
    )


CHANGES: Sequence[Bytes] = (_flipped, _flipped, _cut, _repeated, _inserted, _inserted, _moved)


def changed(rng: random.Random, raw: bytes, *, most: int = 4) -> bytes:
    """Return bytes after one to `most` changes."""
    for _ in range(rng.randrange(1, most + 1)):
        raw = rng.choice(CHANGES)(rng, raw) if raw else rng.randbytes(3)
    return _encoded(rng, raw) if rng.random() < 0.03 else raw
