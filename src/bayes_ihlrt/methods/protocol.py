"""The target trial that an analysis emulates, in words: from specification and data, before a fit.

A protocol is written blind. Of the outcome it tells the number of events and months of everybody,
of treatment who starts it and when; nothing tells the outcome by treatment, so that events that
change hands between patients leave every word as it is.

References
----------
Hernan MA, Robins JM. Using big data to emulate a target trial when a randomized trial is not
available. Am J Epidemiol 2016;183:758-764, doi 10.1093/aje/kwv254. Cashin AG et al. TARGET
statement. JAMA 2025, doi 10.1001/jama.2025.13350.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from bayes_ihlrt.analysis.check import CheckedAnalysis
from bayes_ihlrt.errors import Fault, SpecificationError
from bayes_ihlrt.methods.components import Component, components_of
from bayes_ihlrt.results.table import Table, text
from bayes_ihlrt.spec.external import refuse_external

BLIND: Final = (
    "Written before any fit and blind to results: events are counted over everybody, never by "
    "treatment."
)
ABOUT: Final = (
    "The trial that would answer the question, how this analysis emulates each of its components, "
    "and what has to hold for the two to agree [@hernan2016; @cashin2025]. What neither "
    "specification nor data hold, such as clinical entry criteria, the authors add."
)
_WORTH: Final = (
    "What a prior of the effect is worth is told as events of a trial with two arms of equal size, "
    "4 / sd^2 of a normal prior of a log hazard ratio [@schoenfeld1983; @morita2008]."
)


@dataclass(frozen=True)
class Protocol:
    """A target trial and its emulation; texts carry marks of what they cite.

    Parameters
    ----------
    name, title : str
        Of the analysis.
    synthetic : bool
        Whether the data were simulated.
    components : tuple of Component
        Of the trial, eligibility first.
    specification : str
        As TOML.
    """

    name: str
    title: str
    synthetic: bool
    components: tuple[Component, ...]
    specification: str

    @property
    def methods(self) -> tuple[str, ...]:
        """What the table is, and how priors are told."""
        return ABOUT, _WORTH

    @property
    def texts(self) -> tuple[str, ...]:
        """Everything that may cite."""
        cells = [(part.trial, part.here, part.assumption) for part in self.components]
        return (*self.methods, *(cell for row in cells for cell in row))

    def table(self, told: Callable[[str], str]) -> Table:
        """Return the table of the target trial.

        Parameters
        ----------
        told : callable
            Makes of a text with marks what is read.

        Returns
        -------
        Table
            One component a row.
        """
        columns = (
            text("Component", "component"),
            text("Target trial", "target_trial"),
            text("Emulation here", "emulation"),
            text("Assumption that joins them", "assumption"),
        )
        rows = tuple(
            {
                "component": part.component,
                "target_trial": told(part.trial),
                "emulation": told(part.here),
                "assumption": told(part.assumption),
            }
            for part in self.components
        )
        return Table("target-trial", "Target trial and its emulation", columns, rows, BLIND)


def protocol_of(checked: CheckedAnalysis) -> Protocol:
    """Return the target trial that an analysis emulates.

    Parameters
    ----------
    checked : CheckedAnalysis
        Specification and data that belong together; nothing is fitted.

    Returns
    -------
    Protocol
        Eligibility, strategies, assignment, time zero, outcome, follow-up, contrasts, analysis.

    Raises
    ------
    SpecificationError
        The analysis has no treatment.
    RefusedError
        It has external controls, who are in no target trial.

    Examples
    --------
    >>> from bayes_ihlrt.analysis.check import check_analysis
    >>> from bayes_ihlrt.spec.read import load_spec
    >>> protocol = protocol_of(check_analysis(load_spec("heart"), "heart"))
    >>> protocol.components[1].trial
    '(1) Start transplant in month 0.1. (2) Never start transplant.'
    """
    spec = checked.spec
    if spec.treatment is None:
        problem = "a target trial compares strategies of treatment, and the analysis has none"
        raise SpecificationError(spec.name, [Fault("[treatment]", problem, "Add the table")])
    refuse_external(spec.name, spec.external, command="protocol")
    return Protocol(
        name=spec.name,
        title=spec.description or spec.name,
        synthetic=bool(checked.cohort.attrs.get("synthetic", False)),
        components=components_of(checked, spec.treatment),
        specification=spec.to_toml(),
    )
