"""Patients from elsewhere: borrowing by a power prior and by a commensurate prior.

The rows of another cohort (a registry arm, say) join those of the analysis, with a column that
tells them apart. Power prior: their likelihood to a power a0, all parameters shared; a0 is the
weight of each of these patients. Commensurate prior: their log hazard may differ by a constant with
prior Normal(0, sd), the smaller the sd the more is borrowed. Weights and sds are data of one graph,
so every choice is a member of one batch.

References
----------
Ibrahim JG, Chen M-H. Power prior distributions for regression models. Stat Sci 2000;15:46-60,
doi 10.1214/ss/1009212673. Hobbs BP, Carlin BP, Mandrekar SJ, Sargent DJ. Hierarchical commensurate
and power prior models for adaptive incorporation of historical information in clinical trials.
Biometrics 2011;67:1047-1056, doi 10.1111/j.1541-0420.2011.01564.x.
"""

from typing import Any, Final

import numpy as np

from bayes_ihlrt.analysis.check import CheckedAnalysis
from bayes_ihlrt.analysis.external import CheckedExternal
from bayes_ihlrt.batch.result import MEMBER
from bayes_ihlrt.designs.person_time import PersonTime
from bayes_ihlrt.model.prepared import PreparedModel
from bayes_ihlrt.names import Dist
from bayes_ihlrt.priors import Prior
from bayes_ihlrt.sensitivity.cells import PriorCell, fit_cells
from bayes_ihlrt.sensitivity.decisions import (
    CheckResult,
    Row,
    changed_answers,
    with_lost,
)
from bayes_ihlrt.sensitivity.populations import Exclusion, remaining
from bayes_ihlrt.sensitivity.quantities import Wanted, as_fit, read_quantities, summarise_quantities
from bayes_ihlrt.spec.external import EXTERNAL, Borrowing, ExternalSpec
from bayes_ihlrt.verdicts import decide
from bayes_ihlrt.weighted.external import bind_external

_SHARED: Final = 1e-3
"""Sd of the difference in log hazard that stands for no difference."""
_OTHERWISE: Final = ("power", "nu", "vague_sd", "alike")
_NUMBERS: Final = ("mean", "sd", "q2.5", "median", "q97.5", "probability")


def borrow(checked: CheckedAnalysis, external: CheckedExternal, *, wanted: Wanted) -> CheckResult:
    """Return the result with more and less of another cohort borrowed.

    Parameters
    ----------
    checked : CheckedAnalysis
        The analysis.
    external : CheckedExternal
        The other cohort, with powers and sds to try.
    wanted : Wanted
        What to read, averaged over the analysis' own patients.

    Returns
    -------
    CheckResult
        Rows by way of borrowing and estimand, the analysis without the others first.
    """
    spec = checked.spec
    update = {"borrow": Borrowing.COMMENSURATE, "sd": _SHARED, **dict.fromkeys(_OTHERWISE)}
    alike = external.spec.model_copy(update=update)
    both = checked.prepared, checked.person_time, external.others
    bound = bind_external(*both, alike, reduce=False)
    prepared, rows = bound.prepared, bound.rows
    cells = _cells(prepared, rows, external.spec)
    size = spec.sensitivity.draws, spec.sampler.seed
    fits = fit_cells(prepared, cells, draws=size[0], seed=size[1], needed=(0,))
    people = remaining(rows, Exclusion(EXTERNAL, outside=(-0.5, 0.5)))
    quantities = read_quantities(as_fit(prepared, people, fits.draws), wanted)
    data = summarise_quantities(quantities, fits.weights, fits.ess)
    data = data.assign_coords(borrowing=(MEMBER, [cell.name for cell in fits.cells]))
    found: list[Row] = []
    for number, cell in enumerate(fits.cells):
        for place, each in enumerate(quantities):
            here = data.isel({MEMBER: number, "quantity": place})
            numbers = {name: float(here[name]) for name in _NUMBERS}
            decision = decide(numbers["probability"], spec.sensitivity.threshold)
            about: dict[str, Any] = {"estimand": each.estimand, "at": each.at}
            said = {"statement": each.statement, "decision": decision.value}
            found.append({"borrowing": cell.name, **about, **numbers, **said})
    chance, errors = (data[name].to_numpy() for name in ("probability", "mcse"))
    stable = not changed_answers(chance, errors, spec.sensitivity.threshold).any()
    words = (*_sentences(found), *external.notes)
    lost = [({"borrowing": each.part}, each) for each in fits.lost.values()]
    gone = tuple(fits.lost.values())
    return CheckResult("external", with_lost(found, lost), data, words, stable, gone)


def _cells(prepared: PreparedModel, rows: PersonTime, external: ExternalSpec) -> list[PriorCell]:
    stated = np.asarray(prepared.arrays.data["weight"], dtype=np.float64)
    first = np.flatnonzero(np.diff(rows.patient_index, prepend=-1))
    other = rows.columns[EXTERNAL][first].astype(np.float64) == 1.0
    cells = [PriorCell("nothing borrowed", weight=np.where(other, 0.0, stated))]
    cells += [
        PriorCell(f"power prior {power:g}", weight=np.where(other, power * stated, stated))
        for power in external.powers
    ]
    for sd in external.sds:
        prior = Prior(dist=Dist.NORMAL, mu=0.0, sigma=sd)
        cells.append(PriorCell(f"commensurate prior, sd {sd:g}", {EXTERNAL: prior}))
    return cells


def _sentences(rows: list[Row]) -> tuple[str, ...]:
    found = []
    for statement in dict.fromkeys(row["statement"] for row in rows):
        here = [row for row in rows if row["statement"] == statement]
        low, high = min(here, key=_chance), max(here, key=_chance)
        found.append(
            f"P({statement}) is {here[0]['probability']:.2f} with nothing borrowed, and between "
            f"{low['probability']:.2f} ({low['borrowing']}) and {high['probability']:.2f} "
            f"({high['borrowing']})."
        )
    return tuple(found)


def _chance(row: Row) -> float:
    return float(row["probability"])
