"""NUTS beside the approximation that a prior grid rests on."""

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_ihlrt.batch.result import DRAW, MEMBER, BatchPosterior
from bayes_ihlrt.model.priors import HYPERPARAMETERS, hyperparameter_vector
from bayes_ihlrt.names import Engine
from bayes_ihlrt.posterior.audit import Audit, audit
from bayes_ihlrt.sensitivity.cells import CellFits, PriorCell, cell_priors
from bayes_ihlrt.sensitivity.decisions import CheckResult, differ, probability_error
from bayes_ihlrt.sensitivity.parts import Study
from bayes_ihlrt.sensitivity.prior_grid import corner_cells

Floats = NDArray[np.float64]


def audit_grid(study: Study, fits: CellFits) -> CheckResult:
    """Refit the corners of a grid by NUTS and compare.

    Parameters
    ----------
    study : Study
        The analysis.
    fits : CellFits
        The grid.

    Returns
    -------
    CheckResult
        One row: fits, largest difference of a posterior mean (in posterior sds, with its Monte
        Carlo error) and of P(log hazard ratio < 0), decisions about the latter that NUTS would
        change beyond Monte Carlo error, and fits whose chains did not converge. No fit, and None,
        where NUTS had to draw every corner already.
    """
    prepared, own = study.prepared, study.checked.spec.sensitivity
    corners = [
        number
        for number in corner_cells(fits.cells, limit=own.audit)
        if fits.engine[number] == Engine.LAPLACE.value
    ]
    if not corners:
        return _nothing_to_audit()
    cells = [fits.cells[number] for number in corners]
    members = np.stack([hyperparameter_vector(cell_priors(prepared, cell)) for cell in cells])
    posterior = BatchPosterior.make(
        fits.draws.sel({MEMBER: corners}).assign_coords({MEMBER: np.arange(len(corners))}),
        {
            "converged": np.ones(len(corners), dtype=bool),
            "k_hat": fits.k_hat[corners],
            "ess": fits.ess[corners],
        },
        None,
    )
    found = audit(
        prepared,
        {HYPERPARAMETERS: members},
        posterior,
        n=len(corners),
        seed=study.checked.spec.sampler.seed,
    )
    treatment = str(prepared.spec.treatment)
    below = fits.draws[treatment].sel({MEMBER: corners}).transpose(MEMBER, DRAW).to_numpy() < 0.0
    chances = (fits.weights[corners] * below).sum(axis=-1)
    return _result(study, found, cells, chances)


def _nothing_to_audit() -> CheckResult:
    names = ("max_difference", "mcse", "parameter", "prior", "max_probability_difference")
    row: dict[str, Any] = {
        **{"fits": 0, "priors": [], **dict.fromkeys(names)},
        **{"decisions_changed": None, "not_converged": 0},
    }
    words = (
        "There was no approximation to check: NUTS had to draw every chosen choice of priors "
        "already.",
    )
    return CheckResult("audit", (row,), xr.Dataset(attrs={"fits": 0}), words, None)


def _result(study: Study, found: Audit, cells: list[PriorCell], chances: Floats) -> CheckResult:
    worst = found.worst
    treatment = str(study.prepared.spec.treatment)
    table = found.differences.sel(parameter=treatment)
    gap, errors = table["prob_below_zero"].to_numpy(), table["mcse"].to_numpy()
    threshold = study.checked.spec.sensitivity.threshold
    changed = [
        differ((chance, probability_error(chance, error**-2)), (chance - off, 0.0), threshold)
        for chance, off, error in zip(chances, gap, errors, strict=True)
    ]
    row = {
        "fits": len(cells),
        "priors": [cell.name for cell in cells],
        "max_difference": abs(worst.mean),
        "mcse": worst.mcse,
        "parameter": worst.parameter,
        "prior": cells[worst.member].name,
        "max_probability_difference": float(np.abs(gap).max()),
        "decisions_changed": int(np.count_nonzero(changed)),
        "not_converged": len(found.not_converged),
    }
    numeric = found.differences.assign_coords(prior=(MEMBER, [cell.name for cell in cells]))
    return CheckResult(
        "audit", (row,), numeric, _words(row, study.prepared.spec.labels.of(treatment)), None
    )


def _words(row: dict[str, Any], treatment: str) -> tuple[str, ...]:
    words = [
        f"NUTS refitted {row['fits']} choices of priors: posterior means differ by at most "
        f"{row['max_difference']:.2f} posterior sd (Monte Carlo error {row['mcse']:.2f}), "
        f"P(hazard ratio of {treatment} below 1) by at most "
        f"{row['max_probability_difference']:.3f}; whether it is below 1 is answered otherwise, "
        f"beyond Monte Carlo error, in {row['decisions_changed']}.",
    ]
    if row["not_converged"]:
        words.append(
            f"The chains of {row['not_converged']} of them did not converge: what they say about "
            "the approximation is not to be trusted."
        )
    return tuple(words)
