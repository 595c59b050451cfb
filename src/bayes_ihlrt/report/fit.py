"""Tables of a fitted analysis, from what it wrote, and of its patients at time zero."""

import math
from collections.abc import Iterable, Mapping
from typing import Any, Final

from bayes_ihlrt.analysis.prior_worth import WORTH_NOTE
from bayes_ihlrt.labels import Labels
from bayes_ihlrt.posterior.quality import draws_name
from bayes_ihlrt.report.effects import (
    NEEDED,
    baseline_table,
    interaction_tables,
    needed_table,
)
from bayes_ihlrt.report.words import modifier_label
from bayes_ihlrt.results.outputs import Output
from bayes_ihlrt.results.table import (
    Column,
    Record,
    Table,
    count,
    estimate,
    figure,
    own_values,
    plain_table,
    text,
)
from bayes_ihlrt.spec.analysis import AnalysisSpec

_QUANTITIES: Final = {
    "survival": ("Event-free at month {:g}", 2),
    "rmst": ("Event-free months of {:g}", 1),
    "median_survival": ("Median survival, months", 1),
}
_OWN_TABLE: Final = {*_QUANTITIES, "hazard_ratio", NEEDED}
_MOVED: Final = {
    "hazard_ratio": ("Hazard ratio", 2),
    "rmst": ("Event-free months gained of {:g}", 1),
}
_INTERVAL: Final = "95 % interval"
_UNREACHED: Final = "not reached"
_NOT_MCMC: Final = "-"
_SUMMARY: Final = ("median", "q2.5", "q97.5")


def fit_tables(
    result: Record, spec: AnalysisSpec, *, curves: Record | None = None
) -> tuple[Table, ...]:
    """Return the tables of results of a fitted analysis.

    Parameters
    ----------
    result : mapping
        Content of ``result.json``.
    spec : AnalysisSpec
        The specification.
    curves : mapping, optional
        Of `analysis.modifier_curves`, whose table tells hazard ratios at more values of the
        modifier.

    Returns
    -------
    tuple of Table
        Hazard ratios, over the modifier where there are curves (with a treatment), survival where
        it is defined.
    """
    rows: list[Record] = result["estimands"]
    name = modifier_label(spec)
    # The table over the modifier tells the same hazard ratios, and more.
    over = curves is not None and bool(curves["values"])
    found = []
    if spec.treatment is not None and not over:
        found.append(_hazard_ratios(rows, spec, draws_name(result["diagnostics"]["engine"])))
    if result["baseline"] is not None:
        found.append(baseline_table(result["baseline"]))
    if curves is not None and over:
        found.append(_by_modifier(curves, name))
    further = [row for row in rows if row["estimand"] not in _OWN_TABLE]
    if _survival_is_defined(rows):
        found.append(survival_table(rows, name))
        if needed := [row for row in rows if row["estimand"] == NEEDED]:
            found.append(needed_table(needed, name))
    if further:
        found.append(plain_table("further", "Further quantities", further, interactive=True))
    if result["external"] is not None:
        found.append(external_table(rows, result["external"]["without"], name))
    return tuple(found)


def _survival_is_defined(rows: Iterable[Record]) -> bool:
    """Whether it follows from the model; a probability that is not told is of nobody."""
    told = [row["median"] for row in rows if row["estimand"] == "survival"]
    return not told or any(median is not None for median in told)


def external_table(rows: Iterable[Record], without: Iterable[Record], modifier: str) -> Table:
    """Return the effect of treatment with and without external controls side by side.

    Parameters
    ----------
    rows, without : iterable of mapping
        Estimands of ``result.json`` with and without them.
    modifier : str
        Name of the effect modifier; empty for none.

    Returns
    -------
    Table
        Hazard ratios and months gained.
    """
    alone = {_asked(row): row for row in without}
    records = tuple(
        {
            **{name: row[name] for name in ("estimand", "horizon", "at")},
            **{f"with {name}": row[name] for name in (*_SUMMARY, "prob_benefit")},
            **{f"without {name}": alone[_asked(row)][name] for name in (*_SUMMARY, "prob_benefit")},
        }
        for row in rows
        if row["contrast"] is not None and row["estimand"] in _MOVED
    )
    columns = [Column("Quantity", _moved, "estimand", numeric=False)]
    if modifier:
        columns.append(Column(modifier, lambda row: _value(row["at"], "their own"), "at"))
    for name in ("with", "without"):
        columns.append(_moving(f"{_capital(name)} them ({_INTERVAL})", name))
        columns.append(figure("P(benefit)", f"{name} prob_benefit", 2))
    title = "Effect of treatment with and without external controls"
    return Table("external", title, tuple(columns), records)


def _asked(row: Record) -> tuple[Any, ...]:
    return tuple(row[name] for name in ("estimand", "contrast", "horizon", "at"))


def _moved(row: Record) -> str:
    return _MOVED[row["estimand"]][0].format(row["horizon"])


def _moving(label: str, name: str) -> Column:
    middle, low, high = (f"{name} {part}" for part in _SUMMARY)

    def show(record: Record) -> str:
        digits = _MOVED[record["estimand"]][1]
        return estimate(label, digits, middle=middle, ends=(low, high)).show(record)

    return Column(label, show, middle)


def interaction_of(result: Record, spec: AnalysisSpec) -> list[Table]:
    """Return whether the effect depends on the modifier, on every scale.

    Parameters
    ----------
    result : mapping
        Content of ``result.json``.
    spec : AnalysisSpec
        The specification.

    Returns
    -------
    list of Table
        See `report.effects.interaction_tables`.
    """
    found = dict(result["interaction"] or {})
    if found:
        lowest = found["additive"]["reference"]
        lowest = {spec.labels.of(exposure): level for exposure, level in lowest.items()}
        found["additive"] = {**found["additive"], "reference": lowest}
    drawn = draws_name(result["diagnostics"]["engine"])
    return interaction_tables(found, modifier_label(spec), drawn)


def parameter_table(result: Record, brief: Record, spec: AnalysisSpec) -> Table:
    """Return the table of parameters of a fitted analysis.

    Parameters
    ----------
    result : mapping
        Content of ``result.json``.
    brief : mapping
        ``units`` of the coefficients and ``references`` of categories, as in ``report.json``.
    spec : AnalysisSpec
        The specification.

    Returns
    -------
    Table
        One row a parameter.
    """
    note = "Coefficients are log hazard ratios; the hazard ratio is their exponential."
    note += reference_note(spec.labels, brief["references"])
    records = parameter_records(result["parameters"], brief["units"], spec.labels)
    return Table("parameters", "Parameters", parameter_columns(), records, note, interactive=True)


def verdict_table(checks: Record) -> Table:
    """Return the table of what the checks of a model found.

    Parameters
    ----------
    checks : mapping
        Content of ``checks.json``.

    Returns
    -------
    Table
        One row a check.
    """
    columns = (text("Check", "check"), text("Verdict", "verdict"), text("Why", "reason"))
    return Table("checks", "Verdict of every check", columns, tuple(checks["verdicts"]))


def reference_note(labels: Labels, found: Mapping[str, str]) -> str:
    """Return which level of each category the others are compared with.

    Parameters
    ----------
    labels : Labels
        What columns and levels are called.
    found : mapping of str to str
        Level by category.

    Returns
    -------
    str
        A sentence with a blank before it; empty without categories.

    Examples
    --------
    >>> reference_note(Labels(), {"stage": "I"})
    ' Reference level of stage: I.'
    """
    bare = {name.removeprefix("C(").removesuffix(")"): level for name, level in found.items()}
    return "".join(
        f" Reference level of {labels.of(name)}: {labels.level(name, level)}."
        for name, level in bare.items()
    )


def prior_table(output: Output) -> Table:
    """Return the table of priors.

    Parameters
    ----------
    output : Output
        What `fit` wrote.

    Returns
    -------
    Table
        Each prior in words, with where it comes from.
    """
    columns = (
        text("Parameter", "parameter"),
        text("Prior", "prior"),
        text("Worth", "worth"),
        text("From", "source"),
    )
    note = (
        "Coefficients are log hazard ratios; those of a propensity model log odds ratios. "
        f"{WORTH_NOTE}"
    )
    return Table("priors", "Prior of every parameter", columns, output.brief["priors"], note)


def justified(output: Output) -> tuple[str, ...]:
    """Return what informative priors rest on, in the authors' words.

    Parameters
    ----------
    output : Output
        What `fit` wrote.

    Returns
    -------
    tuple of str
        One sentence or none.
    """
    words = output.spec.prior_justification
    return () if words is None else (f"Justification, as the authors state it: {words}",)


def propensity_tables(found: Record | None) -> tuple[Table, ...]:
    """Return the tables of comparability.

    Parameters
    ----------
    found : mapping or None
        ``propensity`` of ``result.json``.

    Returns
    -------
    tuple of Table
        Balance, effective sizes, overlap; none without a propensity.
    """
    if found is None:
        return ()
    difference = "standardised mean difference"
    balance = Table(
        "balance",
        "Balance of the covariates, treated - untreated",
        (
            text("Covariate", "covariate"),
            text("Among", "subset"),
            figure(f"Before weighting ({difference})", "unweighted", 2, missing="too few"),
            figure(f"After weighting ({difference})", "weighted", 2, missing="too few"),
        ),
        tuple(found["balance"]),
        "Below 0.1 in size counts as balanced.",
        interactive=True,
    )
    sizes = plain_table("sizes", "Patients and effective numbers", found["sizes"])
    overlap = plain_table(
        "overlap",
        "Overlap: decisions, and the share beyond all propensities of the other arm",
        found["overlap"],
    )
    return tuple(table for table in (balance, sizes, overlap) if table.records)


def _hazard_ratios(rows: Iterable[Record], spec: AnalysisSpec, drawn: str) -> Table:
    records = tuple(row for row in rows if row["estimand"] == "hazard_ratio")
    modifier = spec.modifier

    def at(row: Record) -> str:
        own = "all" if modifier is None else own_values(row["population"])
        reference = modifier is not None and row["at"] == modifier.reference
        return _value(row["at"], own) + (" (reference)" if reference else "")

    columns = (
        Column(modifier_label(spec) or "Patients", at, "at"),
        estimate(f"Hazard ratio ({_INTERVAL})", 2),
        figure("P(hazard ratio < 1)", "prob_benefit", 2),
        figure("Prior probability", "prior_prob_benefit", 2),
    )
    note = f"Below 1: the hazard is lower with treatment. P: {drawn} probability."
    return Table("hazard-ratios", "Hazard ratio, treated / untreated", columns, records, note)


def _by_modifier(curves: Mapping[str, Any], modifier: str) -> Table:
    horizon = curves["horizons"][-1]
    records = []
    for found in curves["sets"]:
        ratio = found["hazard_ratio"]
        record: dict[str, Any] = {"at": found["at"], "horizon": horizon}
        record |= _named("hr", ratio)
        record |= {name: ratio[name] for name in ("prob_benefit", "prior_prob_benefit")}
        for name in ("rmst", "survival_at"):
            record |= _named(name, found[name][-1]["difference"])
        records.append(record)
    who = curves["population"]
    own = "cohort's own" if who == "the cohort" else "their own"
    columns = (
        Column(modifier, lambda row: _value(row["at"], own), "at"),
        _named_estimate(f"Hazard ratio ({_INTERVAL})", "hr", 2),
        figure("P(hazard ratio < 1)", "prob_benefit", 2),
        figure("Prior probability", "prior_prob_benefit", 2),
        _named_estimate(f"Event-free months gained of {horizon:g} ({_INTERVAL})", "rmst", 1),
        _named_estimate(f"Survival gained at month {horizon:g} ({_INTERVAL})", "survival_at", 2),
    )
    note = (
        f"Everybody's {modifier} set to the value in the first column, averaged over "
        f"{who}. {modifier} is an effect modifier: nobody "
        "intervenes on it."
    )
    title = f"Effect of treatment at values of {modifier}"
    return Table("by-modifier", title, columns, tuple(records), note)


def survival_table(rows: Iterable[Record], modifier: str) -> Table:
    """Return survival with the strategies side by side; its CSV file keeps one estimand a row.

    Parameters
    ----------
    rows : iterable of mapping
        Estimands of ``result.json``; those that are not of survival are left out.
    modifier : str
        Name of the effect modifier; empty for none.

    Returns
    -------
    Table
        A row a quantity, horizon and value of the modifier.
    """
    rows = [row for row in rows if row["estimand"] in _QUANTITIES]
    groups: dict[tuple[Any, ...], list[Record]] = {}
    for row in rows:
        groups.setdefault((row["estimand"], row["horizon"], row["at"]), []).append(row)
    names = list(dict.fromkeys(row["strategy"] for row in rows if row["strategy"]))
    order = list(_QUANTITIES)
    keys = sorted(groups, key=lambda key: (order.index(key[0]), key[1] or 0.0))
    records = tuple(_side_by_side(key, groups[key]) for key in keys)
    columns = [Column("Quantity", _quantity, "order", numeric=False)]
    if modifier:
        own = own_values(rows[0]["population"] if rows else "sample")
        columns.append(Column(modifier, lambda row: _value(row["at"], own), "at"))
    columns += [_scaled(f"{_capital(name)} ({_INTERVAL})", name, _UNREACHED) for name in names]
    if len(names) == 2:
        columns.append(_scaled(f"Difference ({_INTERVAL})", "difference", "not defined"))
        columns.append(figure("P(benefit)", "prob_benefit", 2))
        columns.append(figure("Prior probability", "prior_prob_benefit", 2))
    note = "Averaged over the patients within each draw. Event-free months: restricted mean."
    title = "Survival by strategy"
    return Table("survival", title, tuple(columns), records, note, tidy=tuple(rows))


def _side_by_side(key: tuple[Any, ...], rows: Iterable[Record]) -> Record:
    estimand, horizon, at = key
    record: dict[str, Any] = {"estimand": estimand, "horizon": horizon, "at": at}
    record["order"] = f"{list(_QUANTITIES).index(estimand)} {horizon or 0.0:08.2f}"
    record |= {"prob_benefit": None, "prior_prob_benefit": None}
    for row in rows:
        name = row["strategy"] or "difference"
        record |= {f"{name} {part}": row[part] for part in _SUMMARY}
        if row["contrast"] is not None:
            record |= {name: row[name] for name in ("prob_benefit", "prior_prob_benefit")}
    return record


def _scaled(label: str, name: str, missing: str) -> Column:
    """An estimate with as many decimals as its quantity has."""

    def show(record: Record) -> str:
        digits = _QUANTITIES[record["estimand"]][1]
        middle, low, high = (f"{name} {part}" for part in _SUMMARY)
        column = estimate(label, digits, middle=middle, ends=(low, high), missing=missing)
        return column.show(record)

    return Column(label, show, f"{name} median")


def parameter_records(
    parameters: Mapping[str, Mapping[str, Any]], units: Mapping[str, str], labels: Labels
) -> tuple[Record, ...]:
    """Return the parameters of a model, those with a unit also as hazard ratios.

    Parameters
    ----------
    parameters : mapping of str to mapping
        Summary of each, as in ``result.json``.
    units : mapping of str to str
        Of the coefficients.
    labels : Labels
        What columns are called.

    Returns
    -------
    tuple of mapping
        For `parameter_columns`.
    """
    records = []
    for name, summary in parameters.items():
        ess = [summary[key] for key in ("ess_bulk", "ess_tail") if summary[key] is not None]
        ratio = {
            f"hr {part}": math.exp(summary[part])
            if name in units and summary[part] is not None
            else None
            for part in _SUMMARY
        }
        records.append(
            {
                "parameter": labels.term(name),
                "unit": units.get(name, ""),
                **summary,
                **ratio,
                "ess": min(ess) if ess else None,
            }
        )
    return tuple(records)


def parameter_columns() -> tuple[Column, ...]:
    """Return the columns of a table of parameters.

    Returns
    -------
    tuple of Column
        Moments, hazard ratio, convergence.
    """
    return (
        Column("Parameter", _with_unit, "parameter", numeric=False),
        figure("Mean", "mean", 2),
        figure("SD", "sd", 2),
        estimate(f"Median ({_INTERVAL})", 2),
        estimate(
            f"Hazard ratio ({_INTERVAL})",
            2,
            middle="hr median",
            ends=("hr q2.5", "hr q97.5"),
            missing="",
        ),
        figure("R-hat", "r_hat", 3, missing=_NOT_MCMC),
        count("Effective sample", "ess", missing=_NOT_MCMC),
        figure("Monte Carlo error of the mean", "mcse_mean", 3, missing=_NOT_MCMC),
    )


def _quantity(record: Record) -> str:
    return _QUANTITIES[record["estimand"]][0].format(record["horizon"])


def _with_unit(record: Record) -> str:
    name, unit = record["parameter"], record["unit"]
    return f"{name} ({unit})" if unit else str(name)


def _value(value: float | None, missing: str) -> str:
    return missing if value is None else f"{value:g}"


def _named(name: str, summary: Record) -> dict[str, Any]:
    return {f"{name} {part}": summary.get(part) for part in _SUMMARY}


def _named_estimate(label: str, name: str, digits: int) -> Column:
    middle, low, high = (f"{name} {part}" for part in _SUMMARY)
    return estimate(label, digits, middle=middle, ends=(low, high))


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]
