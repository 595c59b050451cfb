"""Bias ladders of on-demand embolisation; writes docs/validation/embolisation.md and its figures.

    python tests/embolisation_ladder.py ../shared/data/dtsdhcc_counting.csv docs

Two questions on the cohort of Shen L et al. (Nat Commun 2018;9:2230, doi
10.1038/s41467-018-04633-7): embolisation from the first visit on (2,352 patients, 11,523 rows),
and embolisation at and after the first visit with a new lesion (954 patients, 318 of them embolised
at it). The specification is models/embolisation.toml. No text of the results is written by hand.
"""

import csv
import sys
import time
import warnings
from pathlib import Path

import numpy as np

from bayes_ihlrt.cohort.load import Cohort
from bayes_ihlrt.ladder.figure import ladder_data, ladder_sentences, rung_label
from bayes_ihlrt.ladder.run import LadderResult, bias_ladder
from bayes_ihlrt.plots.catalogue import PLOTS
from bayes_ihlrt.spec.analysis import AnalysisSpec
from bayes_ihlrt.spec.read import load_spec

TITLES = {
    "first-visit": "Embolisation from the first visit on",
    "new-lesion": "Embolisation from the first visit with a new lesion on",
}


def read(path: Path) -> dict[str, np.ndarray]:
    """Return the columns of the file; identifiers as text."""
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    numbers = {name: [row[name] for row in rows] for name in rows[0] if name != "id"}
    found = {
        name: np.array([float(v) if v not in ("", "NA") else np.nan for v in values])
        for name, values in numbers.items()
    }
    return {"id": np.array([row["id"] for row in rows], dtype=object), **found}


def from_new_lesion(columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Start the clock at each patient's first visit with a new lesion; forget earlier treatment."""
    who = columns["id"]
    lesions = np.flatnonzero(columns["new_lesion"] == 1.0)
    first = {who[row]: row for row in lesions[::-1]}
    keep = [row for row, name in enumerate(who) if row >= first.get(name, len(who))]
    kept = {name: values[keep] for name, values in columns.items()}
    zero = np.array([columns["tstart"][first[name]] for name in kept["id"]])
    kept["tstart"], kept["tstop"] = kept["tstart"] - zero, kept["tstop"] - zero
    kept["ever_embolized"] = kept["embolization"].copy()
    for row in range(1, len(keep)):
        if kept["id"][row] == kept["id"][row - 1]:
            kept["ever_embolized"][row] = max(kept["ever_embolized"][row - 1 : row + 1])
    return kept


def climb(spec: AnalysisSpec, columns: dict[str, np.ndarray]) -> tuple[LadderResult, float]:
    """Run the ladder; return it and the seconds it took."""
    cohort = Cohort.from_frame(
        columns,
        spec.data,
        spec.treatment,
        covariates=spec.covariates,
        visits=spec.visits,
        visit_rows=columns,
    )
    began = time.perf_counter()
    return bias_ladder(spec, cohort), time.perf_counter() - began


def table(result: LadderResult) -> list[str]:
    """Return the rungs as a Markdown table."""
    lines = [
        "| rung | HR (95 %) | months gained to month 36 (95 %) | patients | events | "
        "immortal months | effective treated / untreated |",
        "|---|---|---|---|---|---|---|",
    ]
    for rung in result.rungs:
        row = rung.to_dict()
        if row["log_hr"] is None:
            lines.append(f"| {rung_label(rung)} | not estimated: {row['reason']} | | | | | |")
            continue
        ratio = [float(np.exp(row["log_hr"][name])) for name in ("median", "q2.5", "q97.5")]
        gain = row["rmst_difference"]
        months = "not defined"
        if gain is not None:
            months = f"{gain['median']:+.1f} ({gain['q2.5']:+.1f} to {gain['q97.5']:+.1f})"
        treated, control = row["ess_treated"], row["ess_control"]
        ess = "" if treated is None else f"{treated:,.0f} / {control:,.0f}"
        lines.append(
            f"| {rung_label(rung)} | {ratio[0]:.2f} ({ratio[1]:.2f}-{ratio[2]:.2f}) | {months} "
            f"| {row['patients']:,} | {row['events']:,} | {row['immortal_months']:,.0f} | {ess} |"
        )
    return lines


def main() -> None:
    """Run both ladders and write the page."""
    source, docs = Path(sys.argv[1]), Path(sys.argv[2])
    spec = load_spec("embolisation")
    everybody = read(source)
    cohorts = {"first-visit": everybody, "new-lesion": from_new_lesion(everybody)}
    lines = [
        "# On-demand embolisation: two bias ladders",
        "",
        "Written by `tests/embolisation_ladder.py` from `models/embolisation.toml`. Real patients: "
        "Shen L et al., Nat Commun 2018;9:2230, doi 10.1038/s41467-018-04633-7 (R package "
        "SurvivalPath, MIT). No albumin, sex or performance status is in the data, so measured "
        "confounding is part of the confounding only. There is no g-formula rung: its states are "
        "response and treatment, and response is not in the data.",
    ]
    for name, columns in cohorts.items():
        result, seconds = climb(spec, columns)
        figure = PLOTS["ladder"](ladder_data(result))
        figure.savefig(docs / "figures" / f"ladder-{name}.png", dpi=110, bbox_inches="tight")
        lines += ["", f"## {TITLES[name]}", "", *table(result), ""]
        lines += [f"![Ladder](../figures/ladder-{name}.png)", "", *ladder_sentences(result), ""]
        lines.append(f"The ladder took {seconds:.0f} s on two cores, compilation included.")
        sys.stderr.write(f"{name}: {seconds:.0f} s\n")
    text = "\n".join(lines) + "\n"
    (docs / "validation" / "embolisation.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
