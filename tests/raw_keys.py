"""Keys of the code in what a person reads: names, values of choices, values of Python."""

import ast
import html
import re
from pathlib import Path

import bayes_ihlrt

# Names of the data, and of packaged ones: what a user wrote.
OWN = {
    *("afp_high", "patient_id", "ihlrt_months", "os_months", "response_months", "ihlrt_synthetic"),
    *("fixed_os", "fall_months"),
}
# Values of choices that are words of the field as well.
WORDS = {
    *("time-varying", "on-demand", "log-rank", "as-treated", "moderate-severe", "non-centred"),
    *("random-walk", "1-2", "3-4"),
}


def choices():
    """Return the values of the package's choices that are no words: joined by hyphens or lines."""
    found = set()
    for file in Path(bayes_ihlrt.__file__).parent.rglob("*.py"):
        text = file.read_text("utf-8")
        if "(StrEnum)" not in text:
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ClassDef) and "StrEnum" in map(ast.unparse, node.bases):
                given = (part.value for part in node.body if isinstance(part, ast.Assign))
                found |= {one.value for one in given if isinstance(one, ast.Constant)}
    return {value for value in found if re.search("[-_]", value)} - WORDS


KEY = re.compile(
    r"\b[A-Za-z]\w*\[[^\]\s]*\]"  # brackets of an index
    r"|(?<![\w/.`@-])[A-Za-z]+(?:_[A-Za-z0-9]+)+\b(?!\.\w)"  # words joined by underscores
    r"|<xarray|<[A-Z]\w+\.|\bnp\.float|\bNone\b|\bnan\b|\bTrue\b|\bFalse\b"
    r"|(?<![\w/.`'\"@-])(?:"  # what a user may write is quoted
    + "|".join(sorted(map(re.escape, choices()), key=len, reverse=True))
    + r"|[a-z]+-(?:hr|sd|mu)|prob|[a-z]+\(s\))(?![\w`'\"-])"
)
NOT_READ = re.compile(r"<(script|style|pre|code)\b.*?</\1>", re.DOTALL)


def raw_keys(text):
    """Return the words of a text that are keys, each with what stands around it."""
    found = {}
    for match in KEY.finditer(text):
        around = text[max(0, match.start() - 60) : match.end() + 40]
        found.setdefault(match[0], " ".join(around.split()))
    return {word: around for word, around in found.items() if word not in OWN}


def read_aloud(page):
    """Return what a person reads of a page, alternative texts and labels as well."""
    page = NOT_READ.sub("", page)
    attributes = re.findall(r'(?:alt|aria-label|title)="([^"]*)"', page)
    return html.unescape(re.sub(r"<[^>]+>", " ", page) + " ".join(attributes))
