"""What a design with decisions makes of a cohort: person-time and the decisions behind it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.designs.decisions import Decisions
from bayes_ihlrt.designs.person_time import PersonTime
from bayes_ihlrt.names import DesignKind


@dataclass(frozen=True)
class Emulation:
    """Person-time of a design, with the decisions on treatment that its weights come from.

    Rows of `person_time` point to decisions by integer columns (-1 or an empty range for none):
    ``decision``, the row of `decisions` at which the arm was decided; ``passed_from`` and
    ``passed_to``, the range of rows of `decisions` that the patient has since passed untreated;
    ``earned``, the row of `grace` (of `decisions` where `grace` is None) by which the patient
    complied with treatment within the grace period.

    Parameters
    ----------
    person_time : PersonTime
        Rows of weight 1.
    decisions : Decisions
        Decisions on treatment.
    treatment : str
        Name of the treatment: the column of 0/1 arms.
    grace : Decisions or None
        One row for each patient at risk at the end of the grace period, ``initiated`` = treated
        within it, with covariates at time zero.
    passed : Decisions or None
        Intervals between visits that controls of sequential trials pass, whether or not they are a
        decision of a trial: what ``passed_from`` and ``passed_to`` then point to, with the parts of
        intervals in ``opened_in``, ``passed_opened``, ``lies_in`` and ``passed_here``.
    """

    person_time: PersonTime
    decisions: Decisions
    treatment: str
    grace: Decisions | None = None
    passed: Decisions | None = None

    @property
    def origin(self) -> NDArray[np.float64]:
        """Month after time zero at which each decision's clock starts, shape (decisions,).

        Not defined for clones, whose clock starts at time zero.
        """
        design = self.person_time.provenance.design
        if design is DesignKind.FIXED:
            return np.zeros(self.decisions.n_rows)
        return self.decisions.settled
