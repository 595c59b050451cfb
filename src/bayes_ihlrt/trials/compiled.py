"""Frames: one compiled simulation and analysis that serves every design of the same form.

Compiling takes ten seconds and more, running 2,048 trials about one. A frame is compiled for more
patients than a design has (the rest never arrive) and takes size, times of looks, thresholds, entry
by the modifier and the scenario as numbers. Trials are those of a run without frames: the same
patients, analysed with the design's own prior and template.
"""

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from scipy.special import ndtr, ndtri

from bayes_ihlrt.hazards.protocol import Hazard
from bayes_ihlrt.limits import available_cores
from bayes_ihlrt.names import ModifierTransform
from bayes_ihlrt.spec.scenario import ModifierPopulation
from bayes_ihlrt.spec.trial import Approximation, TrialDesign
from bayes_ihlrt.trials.analysis import TrialAnalysis, build_analysis, rebuild_analysis
from bayes_ihlrt.trials.quantities import targets
from bayes_ihlrt.trials.simulator import Simulator
from bayes_ihlrt.trials.truth import truth_source
from bayes_ihlrt.trials.units import Statistics, Task, simulator, unit_statistics

_SIZES: Final = (64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096, 8192, 20_000)
"""Patients that frames are compiled for."""
_SHARES: Final = (0.8, 0.6, 0.4, 0.25, 0.15, 0.1, 0.05, 0.02, 0.01)
"""Shares of those screened that frames can find their patients among."""
_TABLES: Final = 64
"""Units whose statistics are kept, about 0.3 MB each."""


def has_frames(design: TrialDesign) -> bool:
    """Whether designs that differ in numbers share what is compiled.

    Parameters
    ----------
    design : TrialDesign
        A design of the form.

    Returns
    -------
    bool
        False for rules about the future, corrected posteriors and external controls: they are
        compiled for each design.
    """
    future = any(rule.quantity.of_future for look in design.looks for rule in look.rules)
    plain = design.approximation is Approximation.LAPLACE and design.external is None
    return plain and not future


def _without_thresholds(design: TrialDesign) -> TrialDesign:
    """Return what a design's statistics depend on.

    What rules about the future foresee is success at the last look, by its thresholds.
    """
    lists = ("efficacy", "futility", "stop_accrual", "extend", "enrich", "efficacy_enriched")
    looks = [
        look.model_copy(
            update={name: tuple(r.statement for r in getattr(look, name)) for name in lists}
        )
        for look in design.looks
    ]
    if any(rule.quantity.of_future for look in design.looks for rule in look.rules):
        looks[-1] = design.looks[-1]
    return design.model_copy(update={"looks": tuple(looks)})


@dataclass
class Frames:
    """A place to run trials that compiles once for all designs of a form.

    Notes
    -----
    `run` makes it a `Pool`. Units run on as many threads as there are cores. The last statistics
    are kept: designs that differ in thresholds alone are decided without a simulation.

    Examples
    --------
    Three sizes, compiled once, with ``plan`` a `TrialPlan`:

    >>> from bayes_ihlrt.trials.calibration import simulate_design
    >>> from bayes_ihlrt.spec.trial import scaled_design
    >>> frames = Frames()
    >>> for patients in (200, 250, 300):  # doctest: +SKIP
    ...     design = scaled_design(plan.design, patients)
    ...     simulate_design(design, plan.scenarios[1], pool=frames).found.success
    """

    _kept: dict[str, list[TrialAnalysis]] = field(default_factory=dict, init=False)
    _tables: OrderedDict[tuple[str, int], Statistics] = field(
        default_factory=OrderedDict, init=False
    )

    @property
    def lost(self) -> int:
        """None: threads live as long as their process."""
        return 0

    def run(self, task: Task, units: Iterable[int]) -> Generator[tuple[int, Statistics]]:
        """Yield units with their statistics.

        Parameters
        ----------
        task : Task
            Design, scenario, seed.
        units : iterable of int
            Their numbers.

        Yields
        ------
        tuple of int and dict
            Number of the unit and its statistics.
        """
        wanted = list(units)
        key = replace(task, design=_without_thresholds(task.design)).fingerprint
        kept = [unit for unit in wanted if (key, unit) in self._tables]
        yield from [(unit, self._tables[key, unit]) for unit in kept]
        missing = [unit for unit in wanted if unit not in kept]
        if missing:
            yield from self._simulated(task, key, missing)
        while len(self._tables) > max(_TABLES, len(wanted)):
            self._tables.popitem(last=False)

    def _simulated(
        self, task: Task, key: str, units: list[int]
    ) -> Generator[tuple[int, Statistics]]:
        found = self.simulator(task)
        with ThreadPoolExecutor(available_cores()) as threads:
            tables = threads.map(lambda unit: unit_statistics(found, unit), units)
            try:
                for unit, table in zip(units, tables, strict=True):
                    self._tables[key, unit] = table
                    yield unit, table
            finally:
                # Whoever asked may have left; units that have begun are finished.
                threads.shutdown(cancel_futures=True)

    def simulator(self, task: Task) -> Simulator:
        """Return the simulator of a task, compiled or not.

        Parameters
        ----------
        task : Task
            Design, scenario, seed.

        Returns
        -------
        Simulator
            Of the smallest frame that serves; of the design alone where it has none.
        """
        if not has_frames(task.design):
            return simulator(task)
        frame = self._frame(task.design)
        own = rebuild_analysis(frame, task.design)
        if _fixed(own) != _fixed(frame):
            # Knots and scales that follow the template are compiled in.
            return simulator(task)
        return Simulator(own, truth_source(task.scenario, task.prior), task.seed, frame)

    def _frame(self, design: TrialDesign) -> TrialAnalysis:
        kept = self._kept.setdefault(_form(design), [])
        fitting = [frame for frame in kept if _serves(frame.design, design)]
        if not fitting:
            framed = _framed(design)
            # The template of all comers: entry comes with each design's own, and frames of one
            # size share the compiled model.
            everybody = framed.model_copy(update={"population": _population(design, None)})
            frame = replace(build_analysis(everybody), design=framed)
            kept.append(frame)
            return frame
        return min(fitting, key=lambda frame: (_entry(frame.design), frame.design.patients))


def _fixed(analysis: TrialAnalysis) -> tuple[Hazard, tuple[str, ...], float]:
    """What `TrialAnalysis.members` takes from the template."""
    encoder, modifier = analysis.prepared.encoder, analysis.design.modifier
    scaled = modifier is not None and modifier.transform is ModifierTransform.STANDARDISE
    return analysis.prepared.hazard, encoder.columns, encoder.modifier_sd if scaled else 1.0


def _form(design: TrialDesign) -> str:
    """What is compiled in, as text: everything but numbers of the schedule and of the rules."""
    changes: dict[str, Any] = {
        "patients": 10,
        "max_months": 1.0,
        "report_at": (),
        "population": _population(design, None),
        "looks": (),
        "extension": None,
    }
    looks = [
        (
            look.events is not None,
            look.calendar is not None,
            look.min_follow_up is not None,
            look.combine.value,
            bool(look.enrich),
            bool(look.stop_accrual),
            bool(look.extend),
        )
        for look in design.looks
    ]
    read = [(target.kind.value, target.at is None) for target in targets(design)]
    selects = design.population.enrol_from is not None
    return f"{design.model_copy(update=changes).model_dump_json()}{looks}{read}{selects}"


def _population(design: TrialDesign, enrol_from: float | None) -> ModifierPopulation:
    return design.population.model_copy(update={"enrol_from": enrol_from})


def _entry(design: TrialDesign) -> float:
    return design.population.enrol_from or 0.0


def _serves(frame: TrialDesign, design: TrialDesign) -> bool:
    return frame.most_patients >= design.most_patients and _entry(frame) >= _entry(design)


def _framed(design: TrialDesign) -> TrialDesign:
    """Return the design of a frame: a little larger, and finding its patients among more."""
    size = _SIZES[bisect_left(_SIZES, min(1.2 * design.most_patients, _SIZES[-1]))]
    larger = design.extension
    changes: dict[str, Any] = {
        "patients": size,
        "population": _population(design, _strictest(design.population)),
        "extension": None if larger is None else larger.model_copy(update={"patients": size}),
    }
    return design.model_copy(update=changes)


def _strictest(population: ModifierPopulation) -> float | None:
    if population.enrol_from is None or population.log_sd == 0.0:
        return population.enrol_from
    distance = np.log(population.enrol_from / population.median) / population.log_sd
    share = float(ndtr(-distance))
    bound = next((bound for bound in _SHARES if bound <= share), share)
    return max(
        population.enrol_from,
        float(population.median * np.exp(-population.log_sd * ndtri(bound))),
    )
