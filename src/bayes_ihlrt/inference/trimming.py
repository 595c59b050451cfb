"""Leave out decisions whose propensity is near 0 or 1: nobody of the other arm is like them."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.designs.emulation import Emulation
from bayes_ihlrt.designs.person_time import PersonTime
from bayes_ihlrt.designs.rows import provenance
from bayes_ihlrt.errors import Fault, SpecificationError
from bayes_ihlrt.propensity.overlap import outside

Floats = NDArray[np.float64]


def trimmed(emulation: Emulation, propensity: Floats, trim: float) -> Emulation:
    """Drop the follow-up that begins at decisions with a propensity outside [trim, 1 - trim].

    The decisions themselves stay: the model of treatment is that of all of them.

    Parameters
    ----------
    emulation : Emulation
        Fixed, landmark or sequential: each row's arm was decided at one decision.
    propensity : ndarray, shape (decisions,)
        Probability of treatment at each decision.
    trim : float
        Share, e.g. 0.01.

    Returns
    -------
    Emulation
        With the patients concerned in `Provenance.trimmed`, those of them who have no follow-up
        left in `Provenance.dropped` as well.

    Raises
    ------
    SpecificationError
        When nobody is left in an arm.

    References
    ----------
    Crump RK, Hotz VJ, Imbens GW, Mitnik OA. Biometrika 2009;96:187-99, doi 10.1093/biomet/asn055.
    """
    person_time = emulation.person_time
    decision = person_time.columns["decision"].astype(np.intp)
    keep = ~outside(propensity, trim)[decision]
    if keep.all():
        return emulation
    arm = person_time.columns[emulation.treatment].astype(np.float64)
    _check_arms(arm, keep, propensity[np.unique(decision)], trim)
    columns = {name: values[keep] for name, values in person_time.columns.items()}
    told = _told(emulation, propensity, decision, keep)
    left = set(columns["patient"].tolist())
    gone = f"propensity outside {trim:g} to {1.0 - trim:g} at every decision"
    before = person_time.provenance
    story = provenance(
        before.design,
        columns,
        emulation.treatment,
        dropped={**before.dropped, **{name: gone for name in told if name not in left}},
        immortal=before.immortal_months,
        censored=_censored(emulation, decision, keep) if before.censored else 0,
        starts=before.starts,
    )
    rows = PersonTime(columns, replace(story, trimmed=told, unfollowed=before.unfollowed))
    return replace(emulation, person_time=rows)


def _told(
    emulation: Emulation, propensity: Floats, decision: NDArray[np.intp], keep: NDArray[np.bool_]
) -> dict[str, str]:
    """Tell by patient how many decisions were left out and why."""
    patient = emulation.decisions.columns["patient"]
    all_of_them = patient[np.unique(decision)].tolist()
    lost = np.unique(decision[~keep])
    told = {}
    for name in dict.fromkeys(patient[lost].tolist()):
        own = propensity[lost[patient[lost] == name]]
        span = f"{own.min():.3g}" if len(own) == 1 else f"{own.min():.3g} to {own.max():.3g}"
        told[str(name)] = f"{len(own)} of {all_of_them.count(name)} decisions, propensity {span}"
    return told


def _censored(emulation: Emulation, decision: NDArray[np.intp], keep: NDArray[np.bool_]) -> int:
    """Count follow-ups left that end early: of controls who are treated at a later decision."""
    table = emulation.decisions
    treated = np.zeros(len(table.patients), dtype=bool)
    treated[table.patient_index[table.initiated == 1.0]] = True
    left = np.unique(decision[keep])
    return int(np.sum(treated[table.patient_index[left]] & (table.initiated[left] == 0.0)))


def _check_arms(arm: Floats, keep: NDArray[np.bool_], propensity: Floats, trim: float) -> None:
    faults = []
    for value, label in ((1.0, "treated"), (0.0, "untreated")):
        if not np.any(keep & (arm == value)):
            problem = (
                f"{trim:g} leaves nobody {label}: propensities are between {propensity.min():.3g} "
                f"and {propensity.max():.3g}"
            )
            faults.append(Fault("trim", problem, "Choose a smaller share, or leave it out"))
    if faults:
        raise SpecificationError("[propensity]", faults)
