"""Probabilities of stopping, corrected for what Markov chains say of a sample of the fits.

A statement has probability p by the simulated posterior and q by chains. Over the fits of a look
that were redone, with z = Phi^-1(p) and t the threshold's deviate,

    Phi^-1(q) = z - a - b (z - t)

is fitted by maximum likelihood, the chains' draws being binomial by their effective number
(recalibration: a is the shift at the threshold, where decisions turn, b what it gains with
distance). Every stored probability of the look is then moved so, and the trials are decided anew.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri
from scipy.stats import norm

from bayes_ihlrt.spec.rules import Rule
from bayes_ihlrt.spec.trial import TrialDesign
from bayes_ihlrt.trials.decisions import Table, Verdict, decide, despite_futility
from bayes_ihlrt.trials.operating import Estimated, wilson
from bayes_ihlrt.trials.plan import Cell
from bayes_ihlrt.trials.quantities import statements
from bayes_ihlrt.trials.stages import stages

Floats = NDArray[np.float64]
TOLERATED: Final = 0.02
"""Shift, in standard normal deviates, that is no fault: at P > .975 it moves a type I error of
2.5 % by 0.12 points."""
CHANCE: Final = 0.005
"""Probability that an audit of exact posteriors fails, all rules together."""
GROSS: Final = 0.05
"""Difference of one probability that is a fault wherever it lies."""
_TINY: Final = 1e-9
LEAST_FITS: Final = 3
"""Redone fits from which on a rule's shift corrects anything: of one or two it cannot be told."""
_SHIFT_SD: Final = 1.0
_SLOPE_SD: Final = 0.25
_DRAWS: Final = 200
_STEPS: Final = 50


class Redone(NamedTuple):
    """A statement of one fit, twice.

    Parameters
    ----------
    statement : Rule
        Without its threshold.
    simulated, chains : float
        Its probability by the simulated posterior and by chains.
    effective : float
        Independent draws that the chains are worth.
    """

    statement: Rule
    simulated: float
    chains: float
    effective: float

    @property
    def difference(self) -> float:
        """Simulated minus chains."""
        return self.simulated - self.chains

    @property
    def mcse(self) -> float:
        """Monte Carlo standard error of the chains' probability."""
        return float(np.sqrt(self.chains * (1.0 - self.chains) / self.effective))

    @property
    def gross(self) -> bool:
        """Whether the two differ by far more than draws explain."""
        middle = 0.5 * (self.simulated + self.chains)
        error = np.sqrt(middle * (1.0 - middle) / self.effective)
        return bool(abs(self.difference) > max(GROSS, 5.0 * error))


def deviates(probability: Any) -> Any:
    """Return standard normal deviates of probabilities, those of 0 and 1 being finite."""
    return ndtri(np.clip(probability, _TINY, 1.0 - _TINY))


@dataclass(frozen=True)
class Recalibration:
    """Shift and slope between simulated posteriors and chains.

    Parameters
    ----------
    estimate : ndarray, shape (2,)
        Shift at probability one half and slope: deviates to take from simulated ones.
    covariance : ndarray, shape (2, 2)
        Of the estimate; with what fits scatter beyond their draws.
    """

    estimate: Floats
    covariance: Floats

    def moved(self, probability: Floats, by: Floats | None = None) -> Floats:
        """Return probabilities as chains would have them.

        Parameters
        ----------
        probability : ndarray
            As simulated; NaN stays.
        by : ndarray, shape (2,), optional
            Another shift and slope, such as a draw of them.

        Returns
        -------
        ndarray
            Of the same shape.
        """
        shift, slope = self.estimate if by is None else by
        z = deviates(probability)
        return np.asarray(ndtr(z - shift - slope * z))

    def at(self, threshold: float) -> tuple[float, float]:
        """Return the shift at a threshold and its standard error."""
        row = np.array([1.0, float(deviates(threshold))])
        return float(row @ self.estimate), float(np.sqrt(row @ self.covariance @ row))


def recalibration(
    simulated: Floats, chains: Floats, effective: Floats, *, threshold: float
) -> Recalibration:
    """Fit shift and slope.

    Parameters
    ----------
    simulated, chains : ndarray, shape (fits,)
        Probabilities of one statement.
    effective : ndarray, shape (fits,)
        Effective draws of the chains.
    threshold : float
        Where the shift is read: weak normal priors hold it there (sd 1), and the slope around it
        (sd 0.25).

    Returns
    -------
    Recalibration
        By penalised maximum likelihood.

    Examples
    --------
    >>> p = ndtr(np.linspace(0.0, 3.0, 40))
    >>> q = ndtr(np.linspace(0.0, 3.0, 40) + 0.2)
    >>> found = recalibration(p, q, np.full(40, 4000.0), threshold=0.975)
    >>> round(found.at(0.975)[0], 2)
    -0.2
    """
    z, bound = deviates(simulated), float(deviates(threshold))
    columns = -np.column_stack([np.ones(len(z)), z - bound])
    penalty = np.diag([_SHIFT_SD**-2, _SLOPE_SD**-2])
    own = np.zeros(2)
    for _ in range(_STEPS):
        score, information = _slopes(z + columns @ own, columns, chains, effective)
        step = np.linalg.solve(information + penalty, score - penalty @ own)
        own = own + np.clip(step, -1.0, 1.0)
        if np.abs(step).max() < 1e-8:
            break
    p = np.clip(ndtr(z + columns @ own), _TINY, 1.0 - _TINY)
    told = effective * p * (1.0 - p)
    enough = told >= 1.0
    scatter = (effective * (chains - p)) ** 2 / told
    spare = max(int(enough.sum()) - 2, 1)
    excess = max(1.0, float(scatter[enough].sum()) / spare)
    covariance = np.linalg.inv(information + penalty) * excess
    # From the threshold to one half, where deviates are zero.
    turn = np.array([[1.0, -bound], [0.0, 1.0]])
    return Recalibration(turn @ own, turn @ covariance @ turn.T)


def _slopes(
    eta: Floats, columns: Floats, chains: Floats, effective: Floats
) -> tuple[Floats, Floats]:
    """Return score and expected information of a probit model."""
    p = np.clip(ndtr(eta), _TINY, 1.0 - _TINY)
    steep = np.maximum(norm.pdf(eta), 1e-12) / (p * (1.0 - p))
    score = columns.T @ (effective * (chains - p) * steep)
    weight = effective * p * (1.0 - p) * steep**2
    return score, columns.T @ (weight[:, None] * columns)


@dataclass(frozen=True)
class CheckedRule:
    """One rule of a look under one scenario, at its threshold.

    Parameters
    ----------
    design, scenario : str
        Names.
    look : int
        Number of the look, from 1.
    rule : Rule
        The rule.
    fits : int
        Fits that were redone with chains to be trusted.
    shift, se : float
        Deviates by which the simulated probability is too high at the threshold (too low where
        negative), and its standard error.
    gross : int
        Fits whose probability is off by more than 0.05 and five Monte Carlo errors.
    found : Recalibration
        Shift and slope.
    off : bool
        Whether the rule's posterior is wrong beyond chance.
    """

    design: str
    scenario: str
    look: int
    rule: Rule
    fits: int
    shift: float
    se: float
    gross: int
    found: Recalibration = field(repr=False, compare=False)
    off: bool = False

    @property
    def enough(self) -> bool:
        """Whether its fits are enough to pass, and to correct by."""
        return self.fits >= LEAST_FITS

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        kept = ("design", "scenario", "look", "fits", "shift", "se", "gross", "off")
        return {**{name: getattr(self, name) for name in kept}, "rule": str(self.rule)}


def asked(design: TrialDesign, look: int) -> tuple[Rule, ...]:
    """Return the rules of a look, from 0, that are about a posterior."""
    rules = design.looks[look].rules_with(design.population.switches)
    return tuple(rule for rule in rules if not rule.quantity.of_future)


def check_rules(
    where: tuple[str, str, int], rules: Sequence[Rule], fits: Sequence[Sequence[Redone]]
) -> Iterator[CheckedRule]:
    """Yield how far each rule of a look is off.

    Parameters
    ----------
    where : tuple
        Names of design and scenario, number of the look from 1.
    rules : sequence of Rule
        Of the look, none about the future.
    fits : sequence of sequence of Redone
        The statements of each fit that was redone.

    Yields
    ------
    CheckedRule
        Not judged yet; nothing where no fit was redone.
    """
    if not fits:
        return
    for rule in dict.fromkeys(rules):
        own = [one for fit in fits for one in fit if one.statement == rule.statement]
        columns = [(one.simulated, one.chains, one.effective) for one in own]
        simulated, chains, effective = np.array(columns).T
        found = recalibration(simulated, chains, effective, threshold=rule.threshold)
        shift, se = found.at(rule.threshold)
        gross = sum(one.gross for one in own)
        yield CheckedRule(*where, rule, len(own), shift, se, gross, found)


def judged(rules: Iterable[CheckedRule]) -> tuple[CheckedRule, ...]:
    """Say which rules are off beyond chance, all of an audit together.

    Parameters
    ----------
    rules : iterable of CheckedRule
        Of every look, design and scenario.

    Returns
    -------
    tuple of CheckedRule
        A rule is off where its shift exceeds what is tolerated by more standard errors than
        chance explains among so many (Bonferroni), or one fit is grossly off.
    """
    every = tuple(rules)
    bound = float(ndtri(1.0 - 0.5 * CHANCE / max(len(every), 1)))
    return tuple(
        replace(rule, off=bool(rule.gross or abs(rule.shift) - TOLERATED > bound * rule.se))
        for rule in every
    )


@dataclass(frozen=True)
class CorrectedShare:
    """A probability of stopping under one scenario, twice.

    Parameters
    ----------
    design, scenario : str
        Names.
    ending : str
        ``"success"``, ``"futility"`` or ``"success without futility"``: if such rules were
        ignored.
    look : int or None
        Number of the look; None for any.
    simulated : Estimated
        As simulated.
    corrected : Estimated
        By posteriors as chains have them; its interval holds the error of the trials and that of
        the correction.
    told : bool
        Whether this is what is told as the design's success under the scenario.
    """

    design: str
    scenario: str
    ending: str
    look: int | None
    simulated: Estimated
    corrected: Estimated
    told: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)


def corrected_shares(cell: Cell, rules: Sequence[CheckedRule]) -> list[CorrectedShare]:
    """Return every probability of stopping of one design under one scenario, corrected.

    Parameters
    ----------
    cell : Cell
        The simulated trials.
    rules : sequence of CheckedRule
        Of the whole audit.

    Returns
    -------
    list of CorrectedShare
        Success and futility, in all and by look. What rests on a rule with fewer than three fits
        is left out: so much is not known of it.
    """
    own = [one for one in rules if (one.design, one.scenario) == (cell.design, cell.scenario)]
    # Rules of one look about one statement share its recalibration.
    known = {(one.look, one.rule.statement): one.found for one in own if one.enough}
    before = {
        key: value
        for key, value in _ends(cell, cell.table).items()
        if _is_known(cell, key[1], known)
    }
    if not known or not before:
        return []
    rng = np.random.default_rng([cell.task.seed, 79])
    after = _ends(cell, _moved(cell, known))
    draws = []
    for _ in range(_DRAWS):
        by = {
            key: rng.multivariate_normal(one.estimate, one.covariance, method="svd")
            for key, one in known.items()
        }
        drawn = _ends(cell, _moved(cell, known, by))
        draws.append([drawn[key] for key in before])
    spread = np.std(np.asarray(draws), axis=0)
    count = len(cell.table["converged"])
    return [
        CorrectedShare(
            cell.design,
            cell.scenario,
            *key,
            _share(value, count),
            _share(after[key], count, sd),
            told=key == _told(cell),
        )
        for (key, value), sd in zip(before.items(), spread, strict=True)
    ]


def _told(cell: Cell) -> tuple[str, None]:
    """What is told as success, see `successes`."""
    despite = despite_futility(cell.task.design, cell.found.success_is)
    return ("success without futility" if despite else "success", None)


def _is_known(
    cell: Cell, look: int | None, known: Mapping[tuple[int, Rule], Recalibration]
) -> bool:
    """Whether every rule that a share rests on, up to its look, can be corrected."""
    design = cell.task.design
    return all(
        (number + 1, rule.statement) in known
        for number in range(len(design.looks[:look]))
        for rule in asked(design, number)
    )


def _moved(
    cell: Cell,
    known: dict[tuple[int, Rule], Recalibration],
    by: dict[tuple[int, Rule], Floats] | None = None,
) -> Table:
    design = cell.task.design
    columns, probability = statements(design), np.array(cell.table["probability"])
    for number, stage in enumerate(stages(design)):
        for (look, statement), found in known.items():
            if stage.look + 1 == look:
                place = (slice(None), number, columns.index(statement))
                own = None if by is None else by[look, statement]
                probability[place] = found.moved(probability[place], own)
    return {**cell.table, "probability": probability}


def _ends(cell: Cell, table: Table) -> dict[tuple[str, int | None], float]:
    """Shares of trials by how and where they end."""
    done = decide(cell.task.design, table)
    found: dict[tuple[str, int | None], float] = {}
    for verdict in (Verdict.SUCCESS, Verdict.FUTILITY):
        name, ended = verdict.name.lower(), done.verdict == verdict
        looks = [
            number
            for number, look in enumerate(cell.task.design.looks)
            if (look.efficacy if verdict is Verdict.SUCCESS else look.futility)
        ]
        found |= {(name, None): float(ended.mean())} if looks else {}
        found |= {(name, n + 1): float((ended & (done.look == n)).mean()) for n in looks}
    if any(look.futility for look in cell.task.design.looks):
        free = decide(cell.task.design, table, futility=False).verdict == Verdict.SUCCESS
        found["success without futility", None] = float(free.mean())
    return found


def _share(value: float, count: int, spread: float = 0.0) -> Estimated:
    """Return a share with Wilson's interval, of fewer trials where it has more error."""
    error = float(np.sqrt(value * (1.0 - value) / count + spread**2))
    # Half a trial on either side: a share of 0 has an error of its own to weigh the spread by.
    smooth = (value * count + 0.5) / (count + 1.0)
    own = smooth * (1.0 - smooth) / count
    worth = count * own / (own + spread**2)
    return Estimated(value, error, *wilson(value, worth))
