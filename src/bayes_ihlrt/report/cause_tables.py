"""Tables of competing causes, from what `fit` wrote: by cause, and of all of them together."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from bayes_ihlrt.analysis.cause_estimates import NAIVE
from bayes_ihlrt.analysis.prior_worth import WORTH_NOTE
from bayes_ihlrt.report.document import Section
from bayes_ihlrt.report.fit import (
    justified,
    parameter_columns,
    parameter_records,
    reference_note,
    survival_table,
)
from bayes_ihlrt.report.follow_up import characteristics_table
from bayes_ihlrt.report.words import modifier_label
from bayes_ihlrt.results.outputs import Output
from bayes_ihlrt.results.table import (
    Column,
    Record,
    Table,
    estimate,
    figure,
    own_values,
    plain_table,
    text,
)
from bayes_ihlrt.spec.analysis import AnalysisSpec

_INTERVAL: Final = "95 % interval"
_SUMMARY: Final = ("median", "q2.5", "q97.5")
_DIAGNOSTICS: Final = {
    "engine": "engine",
    "r_hat": "largest R-hat",
    "worst": "parameter with the largest R-hat",
    "ess_bulk": "smallest bulk effective sample size",
    "ess_tail": "smallest tail effective sample size",
    "divergences": "divergent transitions",
    "k_hat": "Pareto k-hat",
    "ess": "effective sample size of weighted draws",
}


def cause_sections(output: Output) -> list[Section]:
    """Return the sections of competing causes; their figure stands beside the answer.

    Parameters
    ----------
    output : Output
        What `fit` wrote.

    Returns
    -------
    list of Section
        Patients, results, parameters, priors, diagnostics.
    """
    result, brief = output.result, output.brief
    failures = tuple(
        f"{part['cause']}: {failure}"
        for part in result["causes"]
        for failure in part["diagnostics"]["failures"]
    )
    details = cause_details(result, brief, output.spec)
    patients = characteristics_table(output)
    found = []
    if patients is not None:
        found.append(Section("characteristics", "Patients at time zero", tables=(patients,)))
    return [
        *found,
        Section("results", "Results", tables=cause_tables(result, output.spec)),
        Section("details", "Parameters", tables=details, folded=True),
        Section("priors", "Priors", justified(output), tables=(_priors(brief),), folded=True),
        Section(
            "diagnostics",
            "Can the draws be trusted?",
            tuple(brief["convergence"]),
            failures,
            tables=(_diagnostics(result, output.spec.labels.term),),
            folded=not failures,
        ),
    ]


def cause_tables(result: Mapping[str, Any], spec: AnalysisSpec) -> tuple[Table, ...]:
    """Return the tables of results.

    Parameters
    ----------
    result : mapping
        Content of ``result.json``.
    spec : AnalysisSpec
        The specification.

    Returns
    -------
    tuple of Table
        Survival of all causes; months lost, incidence and hazard ratios by cause; trades; what one
        minus Kaplan-Meier would say.
    """
    rows: list[Record] = result["estimands"]
    modifier = modifier_label(spec)
    found = [survival_table([row for row in rows if row["cause"] is None], modifier)]
    note = "Fewer is better. To the causes together the months lost that survival leaves."
    found.append(
        _by_strategy(
            rows,
            modifier,
            "months_lost",
            name="months-lost",
            title="Months lost by cause",
            within=("Up to month", 1),
            note=note,
        )
    )
    note = "Averaged over the patients within each draw; the causes sum to one less survival."
    found.append(
        _by_strategy(
            rows,
            modifier,
            "cumulative_incidence",
            name="causes",
            title="Cumulative incidence by cause",
            within=("By month", 2),
            note=note,
        )
    )
    if ratios := [row for row in rows if row["estimand"] == "hazard_ratio"]:
        found.append(_hazard_ratios(ratios, modifier))
    if result["trades"]:
        found.append(_trades(result["trades"], rows, spec))
    return (*found, _naive(rows))


def cause_details(
    result: Mapping[str, Any], brief: Mapping[str, Any], spec: AnalysisSpec
) -> tuple[Table, ...]:
    """Return the table of parameters of every cause.

    Parameters
    ----------
    result : mapping
        Content of ``result.json``.
    brief : mapping
        Content of ``report.json``.
    spec : AnalysisSpec
        The specification.

    Returns
    -------
    tuple of Table
        One.
    """
    records = tuple(
        {"cause": part["cause"], **record}
        for part in result["causes"]
        for record in parameter_records(
            part["parameters"], brief["units"][part["cause"]], spec.labels
        )
    )
    columns = (text("Cause", "cause"), *parameter_columns())
    note = "Coefficients are log hazard ratios; the hazard ratio is their exponential."
    note += reference_note(spec.labels, brief["references"])
    title = "Parameters of each cause's hazard"
    return (Table("parameters", title, columns, records, note, interactive=True),)


def _priors(brief: Mapping[str, Any]) -> Table:
    """Each prior in words, with where it comes from."""
    columns = (
        text("Cause", "cause"),
        text("Parameter", "parameter"),
        text("Prior", "prior"),
        text("Worth", "worth"),
        text("From", "source"),
    )
    note = "Coefficients are log hazard ratios. Priors of different causes are independent. "
    note += WORTH_NOTE
    records = tuple(brief["priors"])
    return Table("priors", "Prior of every parameter", columns, records, note)


def _diagnostics(result: Mapping[str, Any], called: Callable[[str], str]) -> Table:
    """Over all parameters of each hazard, a row a cause."""
    rows = [
        {"cause": part["cause"]}
        | {
            label: called(told) if name == "worst" else told
            for name, label in _DIAGNOSTICS.items()
            if (told := part["diagnostics"][name]) is not None
        }
        for part in result["causes"]
    ]
    return plain_table("diagnostics", "Diagnostics of each cause's hazard", rows)


def _own_or(row: Record) -> str:
    return own_values(row["population"]) if row["at"] is None else f"{row['at']:g}"


def _modifier(name: str) -> list[Column]:
    return [Column(name, _own_or, "at")] if name else []


def _by_strategy(
    rows: Iterable[Record],
    modifier: str,
    estimand: str,
    *,
    name: str,
    title: str,
    within: tuple[str, int],
    note: str,
) -> Table:
    """Strategies side by side; the CSV file keeps one estimand a row."""
    own = [row for row in rows if row["estimand"] == estimand]
    groups: dict[tuple[Any, ...], list[Record]] = {}
    for row in own:
        groups.setdefault((row["at"] or 0.0, row["horizon"], row["cause"]), []).append(row)
    records = tuple(_side_by_side(groups[key]) for key in sorted(groups, key=lambda key: key[:2]))
    names = list(dict.fromkeys(row["strategy"] for row in own if row["strategy"]))
    label, digits = within
    columns = [text("Cause", "cause"), figure(label, "horizon", 0), *_modifier(modifier)]
    columns += [_part(_capital(each), each, digits) for each in names]
    if len(names) == 2:
        columns += [
            _part("Difference", "difference", digits),
            figure("P(fewer)", "prob_benefit", 2),
            figure("Prior probability", "prior_prob_benefit", 2),
        ]
    return Table(name, title, tuple(columns), records, note, tidy=tuple(own))


def _side_by_side(rows: Iterable[Record]) -> dict[str, Any]:
    record: dict[str, Any] = {}
    for row in rows:
        about = {key: row[key] for key in ("cause", "horizon", "at", "population")}
        record |= about
        name = row["strategy"] or "difference"
        record |= {f"{name} {part}": row[part] for part in _SUMMARY}
        if row["contrast"] is not None:
            record |= {key: row[key] for key in ("prob_benefit", "prior_prob_benefit")}
    return record


def _part(label: str, name: str, digits: int) -> Column:
    middle, low, high = (f"{name} {part}" for part in _SUMMARY)
    return estimate(f"{label} ({_INTERVAL})", digits, middle=middle, ends=(low, high))


def _hazard_ratios(rows: Iterable[Record], modifier: str) -> Table:
    columns = (
        text("Cause", "cause"),
        *_modifier(modifier),
        estimate(f"Hazard ratio ({_INTERVAL})", 2),
        figure("P(hazard ratio < 1)", "prob_benefit", 2),
        figure("Prior probability", "prior_prob_benefit", 2),
    )
    note = (
        "Among those still alive: of a cause alone it does not say how many die of it, which hangs "
        "on how many are left by the others."
    )
    title = "Cause-specific hazard ratio, treated / untreated"
    return Table("hazard-ratios", title, columns, tuple(rows), note)


def _trades(trades: Iterable[Record], rows: Iterable[Record], spec: AnalysisSpec) -> Table:
    population = next(iter(rows))["population"]
    modifier = modifier_label(spec)
    records = tuple({**trade, "population": population} for trade in trades)
    columns = (
        text("Fewer months lost to", "fewer"),
        text("and more to", "more"),
        figure("Up to month", "horizon", 0),
        *_modifier(modifier),
        figure("Probability", "probability", 2),
        figure("Prior probability", "prior_probability", 2),
    )
    note = (
        "Who does not die of the one lives to die of the other: more months can be lost to it "
        "without a higher hazard of it."
    )
    return Table("trades", "Does treatment trade one cause for another?", columns, records, note)


def _naive(rows: Iterable[Record]) -> Table:
    """What one minus Kaplan-Meier would say beside the incidence, by strategy."""
    kept = {"cumulative_incidence": "incidence", NAIVE: "naive"}
    records: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        if row["estimand"] in kept and row["strategy"] is not None and row["at"] is None:
            key = (row["horizon"], row["cause"], row["strategy"])
            about = {name: row[name] for name in ("cause", "strategy", "horizon")}
            found = records.setdefault(key, about)
            found |= {f"{kept[row['estimand']]} {part}": row[part] for part in _SUMMARY}
    columns = (
        text("Cause", "cause"),
        text("Strategy", "strategy"),
        figure("By month", "horizon", 0),
        _part("Cumulative incidence", "incidence", 2),
        _part("1 - Kaplan-Meier", "naive", 2),
    )
    note = (
        "One minus Kaplan-Meier, others censored, is what would be if nobody died of another cause "
        "and all else were the same. It is too high for this world; its causes sum to more than "
        "one less survival."
    )
    title = "What one minus Kaplan-Meier would say"
    return Table("naive", title, columns, tuple(records.values()), note)


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]
