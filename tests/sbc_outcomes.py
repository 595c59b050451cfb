"""Calibration of events between scans and of competing causes: docs/validation/sbc_outcomes.md.

    python tests/sbc_outcomes.py run RESULTS     # append a line of JSON for each scenario
    python tests/sbc_outcomes.py page RESULTS    # write the page

Patients, planned follow-up, priors and quantities are those of `tests/sbc.py`, which has one event
at a known time. Between scans the rows are cut at every scan that was planned, so that all data
sets have the same rows, and an outcome says in which of them the event may have happened. Causes
are drawn each from its own prior; the earliest is seen, and each is fitted with the other censored.
"""

import argparse
import json
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import process_time

import numpy as np
import xarray as xr

from bayes_ihlrt.batch.density import prepared_density
from bayes_ihlrt.batch.engine import BatchEngine
from bayes_ihlrt.batch.result import MEMBER, WEIGHT
from bayes_ihlrt.calibration import simulate as simulator
from bayes_ihlrt.calibration.bands import holm, simultaneous_band
from bayes_ihlrt.calibration.quantities import LOG_LIKELIHOOD, Quantities
from bayes_ihlrt.calibration.sbc import (
    LEVEL,
    QUANTITY,
    Calibration,
    locate_truth,
    truth_probabilities,
)
from bayes_ihlrt.calibration.scenario import Scenario
from bayes_ihlrt.calibration.simulate import Simulated, build_template, draw_parameters
from bayes_ihlrt.designs.person_time import PersonTime, Provenance
from bayes_ihlrt.estimands.causes import cumulative_incidence
from bayes_ihlrt.estimands.curves import NEVER, treated_from
from bayes_ihlrt.estimands.population import Population
from bayes_ihlrt.limits import MAX_K_HAT
from bayes_ihlrt.model.arrays import UNCERTAIN
from bayes_ihlrt.model.prepared import prepare
from bayes_ihlrt.names import LAST_FREE, DesignKind
from bayes_ihlrt.posterior.fitted import FittedModel
from bayes_ihlrt.posterior.quality import chain_quality

SEED, REPLICATES, DRAWS, CHUNK = 20_261, 200, 1000, 32
PAGE = Path(__file__).parents[1] / "docs" / "validation" / "sbc_outcomes.md"
HORIZON = 24.0
UNTREATED, TREATED = 2.0, 3.5
"""Months between scans: treated patients are seen less often."""


def _scenario(hazard, group, *, interaction=True):
    return Scenario(hazard, group, delayed_entry=True, time_varying=True, interaction=interaction)


SCANS = {
    f"event between scans; {each}": each
    for each in (
        _scenario("weibull", "intercept"),
        _scenario("piecewise, random walk", "none"),
    )
}
CAUSES = {
    "two causes; weibull, interaction; gompertz, no interaction": {
        "tumour": _scenario("weibull", "none"),
        "liver": _scenario("gompertz", "none", interaction=False),
    }
}


# Events between scans


def scanned(scenario):
    """Return a template whose rows are cut at every planned scan, and the number of each row."""
    columns, entry = simulator._planned(scenario)
    rng = np.random.default_rng([SEED, 1])
    pieces = {name: [] for name in (*columns, "scan")}
    for patient in range(simulator.PATIENTS):
        own = columns["patient"] == patient
        _cut(rng, {name: values[own] for name, values in columns.items()}, pieces)
    rows = {name: np.concatenate(values) for name, values in pieces.items()}
    number, scan = rows["patient"].astype(np.int64), rows.pop("scan")
    planned = {name: rows[name].astype(np.float64) for name in ("start", "stop")}
    planned["start"] = np.minimum(np.maximum(planned["start"], entry[number]), planned["stop"])
    planned["patient"] = number
    prepared = _bound(scenario, rows, planned, scan)
    # Rows of template and plan are alike: their starts are late where entry is.
    reference = {name: np.asarray([value]) for name, value in simulator.REFERENCE.items()}
    template = simulator.Template(
        scenario, prepared, planned, prepared.encoder.design(reference)[0]
    )
    return template, scan


def _cut(rng, rows, pieces):
    """Add the rows of a patient, cut at scans, up to the last of them."""
    treated_from = next(
        (s for s, t in zip(rows["start"], rows["treated"], strict=True) if t), np.inf
    )
    scans, end = [0.0], float(rows["stop"].max())
    while True:
        gap = UNTREATED if scans[-1] < treated_from else TREATED
        following = scans[-1] + gap * rng.uniform(0.8, 1.2)
        if following > end:
            break
        scans.append(following)
    edges = np.unique([*scans, *rows["start"][rows["start"] < scans[-1]]])
    middle = (edges[:-1] + edges[1:]) / 2.0
    of_row = np.searchsorted(rows["start"], middle, side="right") - 1
    for name, values in rows.items():
        pieces[name].append(values[of_row])
    pieces["start"][-1], pieces["stop"][-1] = edges[:-1], edges[1:]
    pieces["scan"].append(np.searchsorted(scans, middle))


def _bound(scenario, rows, planned, scan):
    """Bind the model to an outcome that is typical of its prior."""
    rng = np.random.default_rng([SEED, 2])
    times = rng.exponential(simulator.TYPICAL_MEDIAN / np.log(2.0), (1, simulator.PATIENTS))
    seen = found_at_scans(planned, scan, times)
    number = planned["patient"]
    free = np.where(seen[UNCERTAIN][0] > 0.0, rows["start"], np.inf).astype(np.float64)
    last_free = np.full(simulator.PATIENTS, np.inf)
    np.minimum.at(last_free, number, free)
    columns = {
        **rows,
        "patient": np.asarray([f"patient {n:03}" for n in number], dtype=object),
        "event": seen["event"][0],
        "weight": np.ones(len(number)),
        LAST_FREE: last_free[number],
    }
    provenance = Provenance(DesignKind.SPLIT, {}, 0.0, {}, {})
    prepared = prepare(scenario.spec, PersonTime(columns, provenance))
    hazard = prepared.hazard
    start, stop = planned["start"], planned["stop"]
    data = {
        **prepared.arrays.data,
        "start": start,
        "increment_basis": np.asarray(hazard.increment_basis(np, start, stop), dtype=np.float64),
    }
    return replace(prepared, arrays=replace(prepared.arrays, data=data, from_zero=False))


def found_at_scans(planned, scan, times):
    """Return the arrays of the graph that event times decide, shape (replicates, rows)."""
    number, start, stop = planned["patient"], planned["start"], planned["stop"]
    own = times[:, number]
    inside = (start < own) & (own <= stop)
    where = np.where(inside, scan, 0)
    at = np.zeros(times.shape, dtype=np.int64)
    for replicate in range(len(times)):
        np.maximum.at(at[replicate], number, where[replicate])
    found = at[:, number]
    at_risk = (start < stop) & ((found == 0) | (scan <= found))
    uncertain = at_risk & (scan == found)
    last = np.append(np.diff(number) != 0, True) | np.append(np.diff(scan) != 0, True)
    ends = np.where(found == 0, scan.max() + 1, found)
    exit_time = np.zeros(times.shape)
    reached = np.where(scan <= ends, stop, 0.0)
    for replicate in range(len(times)):
        np.maximum.at(exit_time[replicate], number, reached[replicate])
    return {
        "event": (uncertain & last).astype(np.float64),
        "exposure": at_risk.astype(np.float64),
        UNCERTAIN: uncertain.astype(np.float64),
        "exit_time": exit_time,
    }


@dataclass(frozen=True, eq=False)
class BetweenScans(Quantities):
    """The quantities of `Quantities`, with the likelihood of intervals written apart."""

    def evaluate(self, values, data):
        found = super().evaluate(values, {**data, **self._fixed})
        found[:, list(self.labels).index(LOG_LIKELIHOOD)] = self.log_likelihood(values, data)
        return found

    @property
    def _fixed(self):
        data = self.template.prepared.arrays.data
        return {name: data[name] for name in ("increment_basis", "hazard_basis")}

    def log_likelihood(self, values, data):
        """log S(last scan without) - S(scan with), less log S(entry), summed over patients."""
        prepared, number = self.template.prepared, self.template.planned["patient"]
        hazard = prepared.hazard
        theta = {name: values[name] for name in hazard.parameters}
        eta = np.asarray(simulator.linear_predictor(prepared, values))
        increments = hazard.cumulative_hazard(np, self._fixed["increment_basis"], theta)
        risk = data["exposure"] * np.exp(eta) * increments
        first = np.flatnonzero(np.diff(number, prepend=-1))
        before = np.add.reduceat(risk * (1.0 - data[UNCERTAIN]), first, axis=1)
        between = np.add.reduceat(risk * data[UNCERTAIN], first, axis=1)
        seen = np.add.reduceat(data[UNCERTAIN], first) > 0.0
        alive = np.exp(-before)
        chance = np.where(seen, alive - np.exp(-before - between), alive)
        # As a difference of survivals, which the graph never forms.
        return np.log(np.maximum(chance, 1e-300)).sum(axis=1)


def between_scans(scenario, replicates):
    """Calibrate one scenario of events between scans."""
    template, scan = scanned(scenario)
    engine = BatchEngine(prepared_density(template.prepared))
    seed = scenario.seed(SEED)
    truth = draw_parameters(engine.density.model, draws=replicates, seed=seed)
    targets = np.random.default_rng([seed, 1]).exponential(size=(replicates, simulator.PATIENTS))
    members = found_at_scans(template.planned, scan, simulator._times(template, truth, targets))
    return locate_truth(
        template,
        engine,
        Simulated(members, truth),
        draws=DRAWS,
        seed=seed,
        chunk=CHUNK,
        quantities=BetweenScans(template),
    )


# Competing causes


@dataclass(frozen=True, eq=False)
class Together:
    """Quantities of each cause, and incidence and months lost that need all of them."""

    parts: dict
    labels: tuple = field(init=False)

    def __post_init__(self):
        own = [f"{cause}: {label}" for cause, part in self.parts.items() for label in _own(part)]
        both = [
            f"{cause}: {what}, {arm}"
            for what in ("incidence", "months lost")
            for arm in ("never", "from month 0")
            for cause in self.parts
        ]
        object.__setattr__(self, "labels", (*own, *both))

    def evaluate(self, values, data):
        """Values and data by (cause, name); shape (draws, quantities)."""
        tables = []
        for cause, part in self.parts.items():
            table = part.evaluate(_of(cause, values), _of(cause, data))
            tables.append(table[:, : len(_own(part))])
        found = cumulative_incidence(
            self._fits(values), [HORIZON], [NEVER, treated_from(0.0)], populations=self._who(values)
        )
        for name in ("incidence", "months_lost"):
            chosen = found[name].isel(chain=0, time=0).transpose("draw", "strategy", "event_cause")
            tables.append(chosen.to_numpy().reshape(len(tables[0]), -1))
        return np.column_stack(tables)

    def _fits(self, values):
        fits = {}
        for cause, part in self.parts.items():
            prepared = part.template.prepared
            draws = {
                name: (("chain", "draw"), array[None])
                for name, array in _of(cause, values).items()
                if name in prepared.hazard.parameters
            }
            tree = xr.DataTree.from_dict({"posterior": xr.Dataset(draws)})
            quality = chain_quality(1.0, "", ess_bulk=9e3, ess_tail=9e3, divergences=0)
            fits[cause] = FittedModel(prepared, None, tree, quality)
        return fits

    def _who(self, values):
        people = {}
        for cause, part in self.parts.items():
            own, encoder = _of(cause, values), part.template.prepared.encoder
            etas = []
            for treated in (0.0, 1.0):
                row = {**simulator.REFERENCE, "treated": treated}
                design = encoder.design({k: np.asarray([v]) for k, v in row.items()})[0]
                beta = np.column_stack([own[name] for name in encoder.columns])
                etas.append((beta @ design)[:, None])
            people[cause] = Population(*etas, np.ones(1))
        return people


def _own(part):
    """Labels of one cause, without survival, which is that of no other cause."""
    return part.labels[:-1]


def _of(cause, values):
    return {name: array for (own, name), array in values.items() if own == cause}


def _mine(times, first, number):
    """Rows of patients whose event, if any, is of this cause."""
    return (times == first)[:, number]


def competing(scenarios, replicates, name):
    """Calibrate causes together: the earliest time is seen, each posterior has its own events."""
    parts = {cause: Quantities(build_template(each)) for cause, each in scenarios.items()}
    engines = {c: BatchEngine(prepared_density(p.template.prepared)) for c, p in parts.items()}
    truth, times = {}, {}
    for number, (cause, part) in enumerate(parts.items()):
        seed = scenarios[cause].seed(SEED + number)
        own = draw_parameters(engines[cause].density.model, draws=replicates, seed=seed)
        target = np.random.default_rng([seed, 1]).exponential(size=(replicates, simulator.PATIENTS))
        times[cause] = simulator._times(part.template, own, target)
        truth |= {(cause, key): value for key, value in own.items()}
    first = np.minimum.reduce(list(times.values()))
    members, draws, weights, k_hat = {}, {}, 1.0, []
    for number, (cause, part) in enumerate(parts.items()):
        outcome = simulator.observe_times(part.template.planned, first)
        own = simulator._members(part.template, outcome)
        own["event"] = own["event"] * _mine(times[cause], first, part.template.planned["patient"])
        members |= {(cause, key): value for key, value in own.items()}
        found = engines[cause].posteriors(
            own, keep=part.parameters, draws=DRAWS, seed=SEED + number, chunk=CHUNK
        )
        k_hat.append(found.diagnostics["k_hat"].to_numpy())
        if found.draws.sizes[MEMBER] < replicates:
            sys.exit(f"{cause}: a data set has no posterior")
        draws |= {(cause, key): found.draws[key].to_numpy() for key in part.parameters}
        weights = weights * found.draws[WEIGHT].to_numpy()
    together = Together(parts)
    simulated = Simulated(members, truth)
    rows = [
        truth_probabilities(
            together,
            {key: values[member] for key, values in draws.items()},
            simulated,
            member=member,
            weights=weights[member] / weights[member].sum(),
        )
        for member in range(replicates)
    ]
    pit = xr.DataArray(
        np.stack(rows),
        dims=(MEMBER, QUANTITY),
        coords={MEMBER: np.arange(replicates), QUANTITY: list(together.labels)},
    )
    events = sum(members[cause, "event"].sum(axis=1) for cause in parts).astype(np.int64)
    return Calibration(name, pit, np.maximum.reduce(k_hat), events)


# Runs and page


def run(results, replicates, only=""):
    """Append a line of JSON for each scenario."""
    jobs = {name: lambda each=each: between_scans(each, replicates) for name, each in SCANS.items()}
    for name, each in CAUSES.items():
        jobs[name] = lambda name=name, each=each: competing(each, replicates, name)
    for name, job in jobs.items():
        if only not in name:
            continue
        began = process_time()
        found = job()
        line = {
            "name": name,
            "replicates": replicates,
            "failed": found.failed,
            "flagged": found.flagged,
            "events": np.quantile(found.events, [0.05, 0.5, 0.95]).tolist(),
            "cpu_seconds": process_time() - began,
            "p_values": found.p_values,
        }
        with results.open("a") as file:
            file.write(json.dumps(line) + "\n")
        worst = min(found.p_values, key=found.p_values.get)
        sys.stdout.write(
            f"{name}: {line['cpu_seconds']:.0f} s, failed {found.failed}, flagged {found.flagged}, "
            f"worst {worst} p = {found.p_values[worst]:.4f}\n"
        )
        sys.stdout.flush()


def page(lines):
    """Return the page."""
    raw = {(line["name"], q): p for line in lines for q, p in line["p_values"].items()}
    adjusted = holm({f"{name}/{q}": p for (name, q), p in raw.items()})
    good = sum(p >= LEVEL for p in adjusted.values())
    total, replicates = len(raw), lines[0]["replicates"]
    wide = simultaneous_band(replicates, probability=1.0 - LEVEL / total)[1].max()
    small = sum(p < LEVEL for p in raw.values())
    text = [
        "# Calibration of events between scans and of competing causes",
        "",
        f"{len(lines)} of {len(SCANS) + len(CAUSES)} scenarios, {replicates:,} data sets of "
        f"{simulator.PATIENTS} patients each, "
        f"by the batched engine ({DRAWS:,} importance-weighted draws of each). Patients, planned "
        "follow-up, priors and p values are those of [one event at a known time](sbc.md), at its "
        "hardest: half of the patients enter late, treatment starts during follow-up. Between "
        f"scans patients are seen every {UNTREATED:g} months without treatment and every "
        f"{TREATED:g} under it, a fifth more or less; the log-likelihood among the quantities is "
        "written as a difference of survivals. Two causes have a hazard and a prior each, and the "
        "earlier is seen; incidence and months lost, of a reference patient by "
        f"{HORIZON:g} months, need both posteriors, draw by draw.",
        "",
        f"**{good} of {total} quantities are calibrated** (Holm, probability {LEVEL:.0%} of any "
        f"false alarm in the table). One by one, {LEVEL * total:.0f} p values below {LEVEL} are "
        f"expected by chance; {small} were found. A distance of the ECDF from the uniform within "
        f"{wide:.3f} may be chance.",
        "",
        "| scenario | events (5 %, median, 95 %) | without posterior | k-hat > "
        f"{MAX_K_HAT:g} | quantities | worst | its p | adjusted | verdict |",
        "|---|---|---:|---:|---:|---|---:|---:|---|",
    ]
    for line in lines:
        worst = min(line["p_values"], key=line["p_values"].get)
        p, corrected = line["p_values"][worst], adjusted[f"{line['name']}/{worst}"]
        events = ", ".join(f"{count:.0f}" for count in line["events"])
        verdict = "calibrated" if corrected >= LEVEL else "**not calibrated**"
        text.append(
            f"| {line['name']} | {events} | {line['failed']} | {line['flagged']} | "
            f"{len(line['p_values'])} | `{worst}` | {p:.3f} | {corrected:.3f} | {verdict} |"
        )
    text += [
        "",
        "Written by `python tests/sbc_outcomes.py`; planted faults are in "
        "`tests/slow/test_sbc_outcomes.py`.",
        "",
    ]
    return "\n".join(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["run", "page"])
    parser.add_argument("results", type=Path)
    parser.add_argument("--replicates", type=int, default=REPLICATES)
    parser.add_argument("--only", default="", help="Scenarios whose name contains this.")
    given = parser.parse_args()
    if given.what == "run":
        run(given.results, given.replicates, given.only)
        return
    lines = [json.loads(line) for line in given.results.read_text().splitlines()]
    PAGE.write_text(page(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
