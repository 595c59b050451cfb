"""Calibration of every scenario; writes docs/validation/sbc.md and docs/figures/sbc.png.

    python tests/sbc.py run RESULTS [--part I/N]   # append a line of JSON for each scenario
    python tests/sbc.py page RESULTS               # write the page and the figure

A run that was interrupted goes on where it stopped. The parts may run at the same time, with files
of their own; `page` reads every file whose name begins with RESULTS. `tests/sbc_nuts.py` does the
same by chains.
"""

import argparse
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
import xarray as xr

from bayes_ihlrt.calibration.bands import grid_points, holm, simultaneous_band
from bayes_ihlrt.calibration.sbc import LEVEL, REPLICATES, calibrate
from bayes_ihlrt.calibration.scenario import GROUPS, Scenario, all_scenarios
from bayes_ihlrt.plots.checks import plot_calibration

SEED = 20_260
CHUNK = 32
MAX_FAILED = 0.01
DOCS = Path(__file__).parents[1] / "docs"


@dataclass(frozen=True)
class Method:
    """How posteriors were computed, in the words of its page.

    Parameters
    ----------
    name : str
        Of the page and its figure.
    title, means : str
        Heading; what computed the posteriors, and how many draws it took.
    flag, flagged : str
        Column and words of posteriors that are not to be trusted.
    told : str
        Sentence before the last: what is looked at elsewhere.
    """

    name: str
    title: str
    means: str
    flag: str
    flagged: str
    told: str


BATCHED = Method(
    "sbc",
    "Simulation-based calibration",
    "by the batched engine (1,000 importance-weighted draws of each)",
    "k-hat > 0.7",
    "had a Pareto k-hat above 0.7: the engine flags them",
    "Written by `python tests/sbc.py`; planted faults are in `tests/slow/test_sbc.py`, the same "
    "scenarios by chains in `tests/sbc_nuts.py`.",
)


def read(results):
    """Return the lines of all files of a run, in the order of the table."""
    lines = [
        json.loads(line)
        for file in sorted(results.parent.glob(f"{results.name}*"))
        for line in file.read_text().splitlines()
    ]
    order = {scenario: place for place, scenario in enumerate(all_scenarios())}
    return sorted(lines, key=lambda line: order[Scenario(**line["scenario"])])


def done(results, replicates):
    """Return the scenarios of a run that are done, or stop where it had other data sets."""
    lines = read(results)
    if others := {line["replicates"] for line in lines} - {replicates}:
        found = ", ".join(map(str, sorted(others)))
        sys.exit(f"{results} has {found} data sets a scenario, not {replicates}: name another file")
    return {Scenario(**line["scenario"]) for line in lines}


def _turn(pair):
    """Put fast groups first, and in each the hardest design of every hazard before the others."""
    hardest = pair[-1]
    features = (hardest.delayed_entry, hardest.time_varying, hardest.interaction)
    return list(GROUPS).index(hardest.group), -sum(features)


def run(results, part, parts, replicates):
    """Calibrate one part of the scenarios, those that share a graph in the same part."""
    past = done(results, replicates)
    pairs = sorted(zip(*[iter(all_scenarios())] * 2, strict=True), key=_turn)
    mine = [scenario for pair in pairs[part::parts] for scenario in pair if scenario not in past]
    found = calibrate(mine, replicates=replicates, seed=SEED, chunk=CHUNK)
    keep(found, results.with_name(f"{results.name}.{part}"), replicates, BATCHED.flag)


def keep(calibrations, file, replicates, flag):
    """Append a line of JSON for each scenario as soon as it is done."""
    began, spent = perf_counter(), process_time()
    for found in calibrations:
        line = {
            "scenario": asdict(found.scenario),
            "replicates": replicates,
            "failed": found.failed,
            "flagged": found.flagged,
            "events": np.quantile(found.events, [0.05, 0.5, 0.95]).tolist(),
            "seconds": perf_counter() - began,
            "cpu_seconds": process_time() - spent,
            "p_values": found.p_values,
            "counts": {name: counts.tolist() for name, counts in found.counts.items()},
        }
        with file.open("a") as out:
            out.write(json.dumps(line) + "\n")
        worst = min(found.p_values, key=found.p_values.get)
        sys.stdout.write(
            f"{found.scenario}: {line['seconds']:.0f} s, {line['cpu_seconds']:.0f} s of CPU, "
            f"failed {found.failed}, {flag} {found.flagged}, "
            f"worst {worst} p = {found.p_values[worst]:.4f}\n"
        )
        sys.stdout.flush()
        began, spent = perf_counter(), process_time()


def adjusted_p_values(lines):
    """Return Holm-adjusted p values over all quantities of all scenarios."""
    raw = {
        f"{place}/{name}": p
        for place, line in enumerate(lines)
        for name, p in line["p_values"].items()
    }
    return raw, holm(raw)


def figure_dataset(lines):
    """Return ECDF differences: a panel for each hazard and group, a line for each quantity."""
    panels = {}
    for line in lines:
        scenario = Scenario(**line["scenario"])
        found = panels.setdefault(f"{scenario.hazard}; group {scenario.group}", [])
        for counts in line["counts"].values():
            found.append(np.asarray(counts) / (line["replicates"] - line["failed"]) - grid_points())
    total, tests = lines[0]["replicates"], sum(len(line["p_values"]) for line in lines)
    difference = np.full((len(panels), max(map(len, panels.values())), len(grid_points())), np.nan)
    for place, found in enumerate(panels.values()):
        difference[place, : len(found)] = found
    bands = [
        simultaneous_band(total, probability=level) for level in (1 - LEVEL, 1 - LEVEL / tests)
    ]
    return xr.Dataset(
        {
            "difference": (("panel", "line", "point"), difference),
            "low": (("band", "point"), [low for low, _ in bands]),
            "high": (("band", "point"), [high for _, high in bands]),
        },
        coords={
            "panel": list(panels),
            "point": grid_points(),
            "band": ["95 % of single lines", f"95 % of all {tests:,} lines together"],
        },
        attrs={
            "title": f"Simulation-based calibration, {total:,} data sets a scenario",
            "synthetic": False,
        },
    )


def page(lines, method=BATCHED):
    """Return the page with the verdict table."""
    raw, adjusted = adjusted_p_values(lines)
    total = len(raw)
    rejected = [key for key, p in adjusted.items() if p < LEVEL]
    small = sum(p < LEVEL for p in raw.values())
    fits = sum(line["replicates"] for line in lines)
    failed = sum(line["failed"] for line in lines)
    flagged = sum(line["flagged"] for line in lines)
    narrow, wide = (
        simultaneous_band(lines[0]["replicates"], probability=1.0 - level)[1].max()
        for level in (LEVEL, LEVEL / total)
    )
    text = [
        f"# {method.title}",
        "",
        f"{len(lines)} of {len(all_scenarios())} scenarios, {lines[0]['replicates']:,} data sets "
        f"each, {fits:,} posteriors in all, {method.means}. Parameters are drawn from the graph's "
        "own prior, event times from the hazard "
        "that they define, for 100 patients in five centres with planned follow-up of 10 to 48 "
        "months; the posterior probability of a value below the true one is then uniform if "
        "generator, density, prior and approximation agree. Quantities: every coefficient, "
        "baseline parameter and scale, the effects of the first centre, the log-likelihood of the "
        "data, and the survival of a reference patient at 12 months.",
        "",
        f"**{total - len(rejected):,} of {total:,} quantities are calibrated** (Holm, probability "
        f"{LEVEL:.0%} of any false alarm in the whole table). Taken one by one, "
        f"{LEVEL * total:.0f} of {total:,} p values below {LEVEL} are expected by chance; {small} "
        "were found. Tests of one scenario depend on each other, so that this number varies more "
        "than that of independent tests would.",
        "",
        f"{failed} of {fits:,} data sets had no posterior. {flagged} ({flagged / fits:.3%}) "
        f"{method.flagged}, and they are part of the table. Leaving "
        "them out would bias it, since they depend on the data. Where more than "
        f"{MAX_FAILED:.0%} have no posterior, the verdict is left open.",
        "",
        "The p value is exact: the probability of a larger deviation of the ECDF anywhere on a "
        "grid of 100 (Säilynoja, Bürkner, Vehtari 2022). Calibrated "
        "means that no deviation was found: a distance of the ECDF from the uniform within "
        f"{narrow:.3f} (single quantity) or {wide:.3f} (whole table) may be chance.",
        "",
        f"![ECDF differences](../figures/{method.name}.png)",
        "",
        f"| hazard | group | design | events (5 %, median, 95 %) | without posterior "
        f"| {method.flag} | worst quantity | its p | adjusted | verdict |",
        "|---|---|---|---:|---:|---:|---|---:|---:|---|",
    ]
    for place, line in enumerate(lines):
        scenario = Scenario(**line["scenario"])
        worst = min(line["p_values"], key=line["p_values"].get)
        p, corrected = line["p_values"][worst], adjusted[f"{place}/{worst}"]
        events = ", ".join(f"{count:.0f}" for count in line["events"])
        text.append(
            f"| {scenario.hazard} | {scenario.group} | {scenario.features} | {events} | "
            f"{line['failed']} | {line['flagged']} | `{worst}` | {_p(p)} | {_p(corrected)} | "
            f"{_verdict(line, corrected)} |"
        )
    text += [
        "",
        "Not covered: models reduced to sufficient statistics, categorical covariates, weights. "
        + method.told,
        "",
    ]
    return "\n".join(text)


def _verdict(line, p):
    if p < LEVEL:
        return "**not calibrated**"
    return "open" if line["failed"] > MAX_FAILED * line["replicates"] else "calibrated"


def _p(value):
    return f"{value:.3f}" if value >= 0.001 else f"{value:.1e}"


def write_page(lines, method):
    """Write the page and its figure."""
    (DOCS / "validation" / f"{method.name}.md").write_text(page(lines, method))
    figure = plot_calibration(figure_dataset(lines))
    figure.savefig(DOCS / "figures" / f"{method.name}.png", dpi=110)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["run", "page"])
    parser.add_argument("results", type=Path)
    parser.add_argument("--part", default="0/1")
    parser.add_argument("--replicates", type=int, default=REPLICATES)
    given = parser.parse_args()
    if given.what == "run":
        part, parts = map(int, given.part.split("/"))
        run(given.results, part, parts, given.replicates)
        return
    write_page(read(given.results), BATCHED)


if __name__ == "__main__":
    main()
