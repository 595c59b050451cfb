"""Read a specification or a trial plan: every fault at once, in plain words.

Names that are not known are answered with the nearest valid one.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from bayes_ihlrt.errors import Fault, SpecificationError
from bayes_ihlrt.spec.analysis import AnalysisSpec
from bayes_ihlrt.spec.catalogue import find_plan, find_specification
from bayes_ihlrt.spec.faults import described, translated
from bayes_ihlrt.spec.plan import TrialPlan
from bayes_ihlrt.spec.schema_one import schema_one_faults
from bayes_ihlrt.spec.tables import Reading, read_tables
from bayes_ihlrt.spec.trial import TrialDesign

LARGEST: Final = 2**63
"""Whole numbers are below it."""
LONGEST: Final = 1_000_000
"""Characters that a file may have."""
DEEPEST: Final = 32
"""Lists, tables and keys that may stand within each other."""

# Looked for before the file is read: the time that reading takes grows with its square. Dots in
# texts and comments, which are left out first, divide no keys. A text that is not closed ends with
# the file, so that no letter is looked at twice.
_TEXTS: Final = re.compile(
    r""""{3}(?:[^\\]|\\.)*?(?:"{3}|\Z)|"(?:[^"\\\n]|\\.)*+"?|"""
    r"""'{3}.*?(?:'{3}|\Z)|'[^'\n]*+'?|\#[^\n]*+""",
    re.DOTALL,
)
_DOTTED: Final = re.compile(rf"(?<![\w-])(?:[\w-]++[ \t]*+\.[ \t]*+){{{DEEPEST}}}")


def load_spec(source: str | Path) -> AnalysisSpec:
    """Read the specification of an analysis.

    Parameters
    ----------
    source : str or Path
        Path of a TOML file, or the name of a packaged specification.

    Returns
    -------
    AnalysisSpec
        The validated specification.

    Raises
    ------
    SpecificationError
        The file cannot be read, or with every fault of it.

    Examples
    --------
    >>> load_spec("heart").treatment.name
    'transplant'
    """
    name, found = read_file(source)
    if found.faults:
        raise SpecificationError(name, found.faults)
    return found.spec


def parse_spec(text: str, *, subject: str = "specification") -> AnalysisSpec:
    """Read the specification of an analysis from TOML text.

    Parameters
    ----------
    text : str
        TOML.
    subject : str
        What to call it in messages.

    Returns
    -------
    AnalysisSpec
        The validated specification.

    Raises
    ------
    SpecificationError
        With every fault.

    Examples
    --------
    >>> parse_spec("schema = 3")
    Traceback (most recent call last):
    bayes_ihlrt.errors.SpecificationError: specification: 4 faults
      - schema: 3 is not one of the choices. Allowed: 1 or 2.
      - name: it is missing. Add the line name = ... (short name of the analysis).
      - [data]: it is missing. Add the table (columns of the data file and their units).
      - [outcome]: it is missing. Add the table (linear predictor, group effects, baseline hazard).
    """
    found = read_tables(document(text, subject))
    if found.faults:
        raise SpecificationError(subject, found.faults)
    return found.spec


def read_file(source: str | Path) -> tuple[str, Reading]:
    """Read a specification file as far as it can be read.

    Parameters
    ----------
    source : str or Path
        Path of a TOML file, or the name of a packaged specification.

    Returns
    -------
    name : str
        The file's name, for messages.
    found : Reading
        Tables and faults.

    Raises
    ------
    SpecificationError
        The file cannot be read at all.
    """
    path = find_specification(source)
    return path.name, read_tables(document(read_text(path), path.name))


def read_text(path: Path) -> str:
    """Return the text of a file, or tell why it cannot be read."""
    try:
        return path.read_text("utf-8")
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        fault = Fault("the file", f"it cannot be opened ({reason})", "Give the path of a TOML file")
        raise SpecificationError(path.name, [fault]) from error
    except UnicodeDecodeError as error:
        fault = Fault("the file", "it is not text in UTF-8", "Give the path of a TOML file")
        raise SpecificationError(path.name, [fault]) from error


def document(text: str, subject: str) -> dict[str, object]:
    """Return what TOML text holds, or tell where it is no TOML."""
    if len(text) > LONGEST:
        problem = f"it has {len(text):,} characters"
        fault = Fault("the file", problem, f"Allowed: {LONGEST:,}; give the path of a TOML file")
        raise SpecificationError(subject, [fault])
    if _DOTTED.search(_TEXTS.sub("x", text)):
        raise SpecificationError(subject, [_too_deep()])
    try:
        found = tomllib.loads(text)
    except RecursionError:
        raise SpecificationError(subject, [_too_deep()]) from None
    except tomllib.TOMLDecodeError as error:
        reason, _, where = str(error).partition(" (at ")
        fault = Fault(
            where.removesuffix(")") or "the file",
            f"it is not valid TOML ({reason[:1].lower()}{reason[1:]})",
            "Write lines of the form key = value below [table] headings, and text between double "
            "quotes",
        )
        raise SpecificationError(subject, [fault]) from error
    except ValueError as error:
        # Python reads integers of some thousand digits at most, and says so in its own words.
        fault = Fault("the file", "it holds a number of thousands of digits", "Write a shorter one")
        raise SpecificationError(subject, [fault]) from error
    if faults := list(dict.fromkeys(_unbounded(found))):
        raise SpecificationError(subject, faults)
    return found


def _too_deep() -> Fault:
    problem = "its lists, tables or keys are nested too deeply"
    return Fault("the file", problem, f"Allowed: {DEEPEST} within each other")


def _unbounded(document: dict[str, object]) -> Iterator[Fault]:
    """Tell what nothing that reads a document expects: huge whole numbers, and deep nesting."""
    waiting = [(key, value, 1) for key, value in document.items()]
    while waiting:
        place, value, depth = waiting.pop()
        if isinstance(value, dict | list) and depth > DEEPEST:
            yield _too_deep()
        elif isinstance(value, dict):
            waiting += [(f"{place}.{key}", inner, depth + 1) for key, inner in value.items()]
        elif isinstance(value, list):
            waiting += [(place, inner, depth + 1) for inner in value]
        elif isinstance(value, int) and abs(value) >= LARGEST:
            problem = f"it is a whole number of {len(f'{value:x}')} hexadecimal digits"
            yield Fault(place, problem, "Allowed: numbers below 2 to the power of 63")


def load_plan(source: str | Path) -> TrialPlan:
    """Read a trial plan.

    Parameters
    ----------
    source : str or Path
        Path of a TOML file, or the name of a packaged plan.

    Returns
    -------
    TrialPlan
        The validated plan.

    Raises
    ------
    SpecificationError
        The file cannot be read, or with every fault of it.

    Examples
    --------
    >>> load_plan("fixed_os").design.patients
    300
    """
    path = find_plan(source)
    return parse_plan(document(read_text(path), path.name), subject=path.name)


def parse_plan(content: Mapping[str, object], *, subject: str = "plan") -> TrialPlan:
    """Validate the content of a trial plan.

    Parameters
    ----------
    content : mapping of str to object
        What the TOML file holds.
    subject : str
        What to call it in messages.

    Returns
    -------
    TrialPlan
        The validated plan.

    Raises
    ------
    SpecificationError
        With every fault.
    """
    old = content.get("schema") == 1
    try:
        plan = TrialPlan.model_validate({**content, "schema": 2} if old else content)
    except ValidationError as error:
        faults = translated(error, "", fields=described(TrialPlan))
        raise SpecificationError(subject, faults) from None
    found = [fault for d in plan.designs.values() for fault in _old_priors(d)] if old else []
    if found:
        raise SpecificationError(subject, list(dict.fromkeys(found)))
    return plan


def _old_priors(design: TrialDesign) -> list[Fault]:
    return schema_one_faults(design.model, table="design.priors")
