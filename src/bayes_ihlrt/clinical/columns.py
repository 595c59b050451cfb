"""Every score that the columns of a data frame allow."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, cast

from bayes_ihlrt.clinical.containers import FloatArray, Series, TextArray
from bayes_ihlrt.clinical.inflammation import crafity, nlr
from bayes_ihlrt.clinical.scores import (
    Ascites,
    Encephalopathy,
    albi,
    albi_grade,
    check_boundary,
    child_pugh,
    child_pugh_class,
    malbi_grade,
)
from bayes_ihlrt.clinical.tumour import up_to_seven
from bayes_ihlrt.clinical.units import Quantity, raise_faults, read_quantity, read_words, units_of
from bayes_ihlrt.errors import Fault, nearest

if TYPE_CHECKING:
    import pandas as pd


type _Columns = dict[str, Series]
type _Units = Mapping[str, str]

_WORDS: Final = MappingProxyType({"ascites": Ascites, "encephalopathy": Encephalopathy})


@dataclass(frozen=True)
class _Score:
    """A score, the inputs it needs, the columns it makes and how."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    compute: Callable[[_Columns, _Units], tuple[Series, ...]]


def _albi(given: _Columns, units: _Units) -> tuple[Series, ...]:
    score = albi(
        given["bilirubin"],
        given["albumin"],
        bilirubin_unit=units["bilirubin"],
        albumin_unit=units["albumin"],
    )
    return score, albi_grade(score)


def _child_pugh(given: _Columns, units: _Units) -> tuple[Series, ...]:
    points = child_pugh(
        given["bilirubin"],
        given["albumin"],
        inr=given["inr"],
        ascites=given["ascites"],
        encephalopathy=given["encephalopathy"],
        bilirubin_unit=units["bilirubin"],
        albumin_unit=units["albumin"],
    )
    return points, child_pugh_class(points)


def _nlr(given: _Columns, units: _Units) -> tuple[Series, ...]:
    return (nlr(given["neutrophils"], given["lymphocytes"], unit=units["neutrophils"]),)


def _crafity(given: _Columns, units: _Units) -> tuple[Series, ...]:
    return (crafity(given["afp"], given["crp"], afp_unit=units["afp"], crp_unit=units["crp"]),)


def _up_to_seven(given: _Columns, units: _Units) -> tuple[Series, ...]:
    diameter, nodules = given["largest_diameter"], given["nodules"]
    return (up_to_seven(diameter, nodules, diameter_unit=units["largest_diameter"]),)


_SCORES: Final = (
    _Score(("bilirubin", "albumin"), ("albi", "albi_grade"), _albi),
    _Score(
        ("bilirubin", "albumin", "inr", "ascites", "encephalopathy"),
        ("child_pugh", "child_pugh_class"),
        _child_pugh,
    ),
    _Score(("neutrophils", "lymphocytes"), ("nlr",), _nlr),
    _Score(("afp", "crp"), ("crafity",), _crafity),
    _Score(("largest_diameter", "nodules"), ("up_to_seven",), _up_to_seven),
)
_INPUTS: Final = tuple(dict.fromkeys(name for score in _SCORES for name in score.inputs))


def score_inputs(score: str) -> tuple[str, ...]:
    """Return the inputs of a score; none where there is no such score.

    Parameters
    ----------
    score : str
        One of `scores_known`.

    Returns
    -------
    tuple of str
        In the order of its formula.

    Examples
    --------
    >>> score_inputs("albi")
    ('bilirubin', 'albumin')
    """
    return next((each.inputs for each in _SCORES if score in each.outputs), ())


def score_words(part: str) -> tuple[str, ...]:
    """Return the words that an input of a score may be; none for one that is measured.

    Parameters
    ----------
    part : str
        An input of `score_inputs`.

    Returns
    -------
    tuple of str
        Of ascites and encephalopathy.

    Examples
    --------
    >>> score_words("ascites")[0]
    'none'
    """
    return tuple(str(word) for word in _WORDS.get(part, ()))


def scores_known() -> tuple[str, ...]:
    """Return the scores that can be computed from columns.

    Returns
    -------
    tuple of str
        ``albi``, ``albi_grade``, ``child_pugh``, ``child_pugh_class``, ``nlr`` and others.

    Examples
    --------
    >>> scores_known()[:2]
    ('albi', 'albi_grade')
    """
    return tuple(name for each in _SCORES for name in each.outputs)


def compute_score(
    score: str, given: Mapping[str, FloatArray | TextArray], units: Mapping[str, str]
) -> FloatArray | TextArray:
    """Compute one score from arrays.

    Parameters
    ----------
    score : str
        One of `scores_known`.
    given : mapping of str to ndarray, shape (rows,)
        Its `score_inputs`; NaN or None where missing.
    units : mapping of str to str
        Declared `Unit` of each input that has units.

    Returns
    -------
    ndarray, shape (rows,)
        NaN or None where an input is missing.

    Raises
    ------
    DataError
        A unit is unknown, or a value outside `PLAUSIBLE`.

    Examples
    --------
    >>> import numpy as np
    >>> given = {"bilirubin": np.array([17.1]), "albumin": np.array([40.0])}
    >>> compute_score("albi", given, {"bilirubin": "umol/L", "albumin": "g/L"}).round(4).tolist()
    [-2.5862]
    """
    chosen = next(each for each in _SCORES if score in each.outputs)
    declared = _with_single_units(dict.fromkeys(chosen.inputs, ""), units)
    arrays = cast("_Columns", dict(given))
    made = dict(zip(chosen.outputs, chosen.compute(arrays, declared), strict=True))
    return cast("FloatArray | TextArray", made[score])


def add_scores(
    frame: "pd.DataFrame",
    *,
    columns: Mapping[str, str],
    units: Mapping[str, str],
    malbi_boundary: str | None = None,
) -> "pd.DataFrame":
    """Add every score for which the inputs are given.

    ============================================================  ===========================
    inputs                                                        columns added
    ============================================================  ===========================
    bilirubin, albumin                                            albi, albi_grade
    the same and `malbi_boundary`                                 malbi_grade
    bilirubin, albumin, inr, ascites, encephalopathy              child_pugh, child_pugh_class
    neutrophils, lymphocytes                                      nlr
    afp, crp                                                      crafity
    largest_diameter, nodules                                     up_to_seven
    ============================================================  ===========================

    Parameters
    ----------
    frame : DataFrame
        One row a patient or visit; it is not changed.
    columns : mapping of str to str
        Column that holds each input.
    units : mapping of str to str
        Declared `Unit` of each input that has units (not inr, nodules, ascites, encephalopathy).
    malbi_boundary : str, optional
        Modified ALBI grade of exactly -2.27, ``"2a"`` or ``"2b"``; without it no such grade.

    Returns
    -------
    DataFrame
        A copy of `frame` with the score columns; NaN or None where an input is missing.

    Raises
    ------
    DataError
        With every fault of columns, units and values: unknown or missing ones, values outside
        `PLAUSIBLE`, an input that no score uses, a score column that is already there.

    Examples
    --------
    >>> import pandas as pd
    >>> cohort = pd.DataFrame({"tbil": [1.0, 0.7], "alb": [40.0, 36.0]}, index=["P01", "P02"])
    >>> scored = add_scores(
    ...     cohort,
    ...     columns={"bilirubin": "tbil", "albumin": "alb"},
    ...     units={"bilirubin": "mg/dL", "albumin": "g/L"},
    ...     malbi_boundary="2a",
    ... )
    >>> scored[["albi", "malbi_grade"]].round(4)
           albi malbi_grade
    P01 -2.5862          2a
    P02 -2.3485          2a
    """
    scores = [score for score in _SCORES if set(score.inputs) <= set(columns)]
    added = [name for score in scores for name in score.outputs]
    faults = _check_request(columns, units) + _check_boundary_use(malbi_boundary, added)
    if malbi_boundary is not None:
        added.append("malbi_grade")
    faults += _check_names(frame, columns, added)
    declared = _with_single_units(columns, units)
    faults += _check_values(frame, columns, declared)
    raise_faults("scores", faults)
    given: _Columns = {name: frame[column] for name, column in columns.items()}
    made: _Columns = {}
    for score in scores:
        made |= zip(score.outputs, score.compute(given, declared), strict=True)
    if malbi_boundary is not None:
        made["malbi_grade"] = malbi_grade(made["albi"], boundary=malbi_boundary)
    return frame.assign(**made)


def _check_request(columns: Mapping[str, str], units: _Units) -> list[Fault]:
    faults = [
        Fault(f"columns: {name}", "is not an input of any score", nearest(name, _INPUTS))
        for name in columns
        if name not in _INPUTS
    ]
    faults += [_unused(name, columns) for name in columns if _is_unused(name, columns)]
    if not columns:
        faults.append(Fault("columns", "no input is given", f"Allowed: {', '.join(_INPUTS)}"))
    for name in columns:
        if name in _INPUTS and name not in _WORDS and name not in units:
            allowed = units_of(Quantity(name))
            if len(allowed) > 1:
                remedy = f"Declare one of {', '.join(allowed)}"
                faults.append(Fault(f"units: {name}", "its unit is not declared", remedy))
    for name, unit in units.items():
        if name not in columns or name not in list(Quantity):
            remedy = "Name its column as well, or leave its unit out"
            faults.append(Fault(f"units: {name}", f"'{unit}' is not used", remedy))
    counts = [units[name] for name in ("neutrophils", "lymphocytes") if name in units]
    if len(set(counts)) > 1:
        problem = f"neutrophils and lymphocytes are in {' and '.join(counts)}"
        faults.append(Fault("units", problem, "Convert one: the NLR needs both in the same unit"))
    return faults


def _is_unused(name: str, columns: Mapping[str, str]) -> bool:
    users = [score for score in _SCORES if name in score.inputs]
    return bool(users) and not any(set(score.inputs) <= set(columns) for score in users)


def _unused(name: str, columns: Mapping[str, str]) -> Fault:
    lacking = [
        f"{score.outputs[0]} also needs {', '.join(i for i in score.inputs if i not in columns)}"
        for score in _SCORES
        if name in score.inputs
    ]
    remedy = f"Name the other columns ({'; '.join(lacking)}), or leave it out"
    return Fault(f"columns: {name}", "no score can be made with it", remedy)


def _check_boundary_use(boundary: str | None, added: list[str]) -> list[Fault]:
    if boundary is None:
        return []
    if "albi" not in added:
        problem = f"malbi_boundary is '{boundary}', but bilirubin and albumin are not both given"
        return [Fault("modified ALBI grade", problem, "Name both columns, or leave it out")]
    return check_boundary(boundary)


def _check_names(
    frame: "pd.DataFrame", columns: Mapping[str, str], added: list[str]
) -> list[Fault]:
    names = [str(name) for name in frame.columns]
    absent = [
        Fault(f"column {column}", f"is not in the frame ({name})", nearest(column, names))
        for name, column in columns.items()
        if column not in names
    ]
    repeated = [
        Fault(f"column {column}", f"is in the frame {names.count(column)} times", "Keep one")
        for column in columns.values()
        if names.count(column) > 1
    ]
    taken = [
        Fault(f"column {name}", "is already in the frame", "Rename or drop it before scoring")
        for name in added
        if name in names
    ]
    return absent + repeated + taken


def _with_single_units(columns: Mapping[str, str], units: _Units) -> _Units:
    measured = [Quantity(name) for name in columns if name in list(Quantity)]
    single = {str(of): str(units_of(of)[0]) for of in measured if len(units_of(of)) == 1}
    return single | dict(units)


def _check_values(frame: "pd.DataFrame", columns: Mapping[str, str], units: _Units) -> list[Fault]:
    faults = []
    names = list(frame.columns)
    for name, column in columns.items():
        if names.count(column) != 1:
            continue
        if name in _WORDS:
            faults += read_words(f"column {column}", frame[column], allowed=_WORDS[name])[1]
        elif name in _INPUTS and name in units:
            quantity, unit = Quantity(name), units[name]
            faults += read_quantity(quantity, frame[column], unit=unit, name=f"column {column}")[1]
    return faults
