"""The sections of a report: results of each command; specifications, data, versions and seeds."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from bayes_ihlrt.cohort import datasets
from bayes_ihlrt.report.cause_tables import cause_sections
from bayes_ihlrt.report.document import Figure, Section, embedded
from bayes_ihlrt.report.fit import (
    fit_tables,
    interaction_of,
    justified,
    parameter_table,
    prior_table,
    propensity_tables,
    verdict_table,
)
from bayes_ihlrt.report.follow_up import PATIENT_FIGURES, flow_table, follow_up_sections
from bayes_ihlrt.report.ladder import ladder_tables
from bayes_ihlrt.report.plan import plan_sections, plan_summary
from bayes_ihlrt.report.single_trials import interim_sections, interim_summary
from bayes_ihlrt.report.studies import answer_tables, sensitivity_tables
from bayes_ihlrt.results.outputs import OF_TRIALS, Kind, Output, Results
from bayes_ihlrt.results.table import (
    Column,
    Table,
    missing_tables,
    plain_table,
    significant,
    text,
)

_PROPENSITY_FIGURES: Final = frozenset({"love", "connect_s", "overlap", "weight_sums"})
_OVER: Final = frozenset({"hazard_ratio"})
_DIAGNOSTIC_FIGURES: Final = frozenset({"trace"})
_FIRST_FIGURES: Final = frozenset({"survival", "incidence"})
_PRIOR_FIGURES: Final = frozenset({"prior_posterior", "prior_survival"})
_CHECK_FIGURES: Final = frozenset(
    {
        *("survival_check", "hazard_check", "hazard_families"),
        *("influence", "residuals", "risk_calibration", "effect_by_period"),
    }
)
_ANSWERS: Final = frozenset({"grid", "structure"})
_SENSITIVITY_FIGURES: Final = frozenset({"tipping_points", "confounding_contour"})
_DIAGNOSTICS: Final = {
    "engine": "Engine",
    "r_hat": "Largest R-hat",
    "worst": "Parameter with the largest R-hat",
    "ess_bulk": "Smallest bulk effective sample size",
    "ess_tail": "Smallest tail effective sample size",
    "divergences": "Divergent transitions",
    "k_hat": "Pareto k-hat of the importance weights",
    "ess": "Effective sample size of the weighted draws",
}


def summary_section(results: Results) -> Section:
    """Return the plain-language summary.

    Parameters
    ----------
    results : Results
        Outputs of commands.

    Returns
    -------
    Section
        What each output says, in sentences.
    """
    told = [sentence for output in results.outputs for sentence in _SUMMARIES[output.kind](output)]
    notes = [note for output in results.outputs for note in output.result.get("notes") or ()]
    if results.synthetic and not any(note.startswith("SYNTHETIC") for note in notes):
        notes.insert(0, "SYNTHETIC DATA: no patient is in them. Nothing follows for care.")
    return Section("summary", "Summary", tuple(told), tuple(dict.fromkeys(notes)))


def answer(results: Results) -> Output | None:
    """Return the output that answers whether treatment helps.

    Parameters
    ----------
    results : Results
        Outputs of commands.

    Returns
    -------
    Output or None
        The fit; None where there is none.
    """
    return results.of(Kind.FIT) or results.of(Kind.CAUSES)


def first_figure(results: Results) -> Figure | None:
    """Return the figure that stands beside the answer.

    Parameters
    ----------
    results : Results
        Outputs of commands.

    Returns
    -------
    Figure or None
        Survival by strategy, or incidence by cause, where there is an answer.
    """
    found = answer(results)
    files = [] if found is None else [file for file in found.figures if file.stem in _FIRST_FIGURES]
    return next(iter(embedded(files)), None)


def result_sections(results: Results) -> tuple[Section, ...]:
    """Return the sections of results, command by command.

    Parameters
    ----------
    results : Results
        Outputs of commands.

    Returns
    -------
    tuple of Section
        In the order of the commands.
    """
    return tuple(part for output in results.outputs for part in _SECTIONS[output.kind](output))


def _fit(output: Output) -> list[Section]:
    brief = output.brief
    special = _PROPENSITY_FIGURES | _DIAGNOSTIC_FIGURES | _PRIOR_FIGURES | _CHECK_FIGURES
    special |= PATIENT_FIGURES | _OVER | _FIRST_FIGURES

    def figures(names: frozenset[str]) -> tuple[Figure, ...]:
        return embedded(file for file in output.figures if file.stem in names)

    own = embedded(file for file in output.figures if file.stem not in special)
    found: list[Section] = []
    spec = output.spec
    treatment, modifier, labels = spec.treatment, spec.modifier, spec.labels
    if treatment is not None and modifier is not None and brief["curves"]["values"]:
        found.append(
            Section(
                "effect", f"Effect of {labels.of(treatment.name)} over {labels.of(modifier.name)}"
            )
        )
    found += follow_up_sections(output)
    tables = fit_tables(output.result, spec, curves=brief["curves"])
    found.append(Section("results", "Results", tables=tables, figures=own))
    return [*found, *_details(output, figures), *_trust(output, figures)]


def _details(
    output: Output, figures: Callable[[frozenset[str]], tuple[Figure, ...]]
) -> list[Section]:
    """What is read after the results, if it is asked for."""
    spec, brief = output.spec, output.brief
    parameters = parameter_table(output.result, brief, spec)
    return [
        Section(
            "details",
            "Interaction and parameters",
            tables=(*interaction_of(output.result, spec), parameters),
            # Its curve is drawn above, where it moves.
            figures=figures(_OVER),
            folded=True,
        ),
        Section(
            "priors",
            "Priors",
            justified(output),
            tables=(prior_table(output),),
            figures=figures(_PRIOR_FIGURES),
            folded=True,
        ),
    ]


def _trust(
    output: Output, figures: Callable[[frozenset[str]], tuple[Figure, ...]]
) -> list[Section]:
    """Whether arms can be compared, draws trusted and the model believed."""
    brief, found = output.brief, []
    comparability = propensity_tables(output.result["propensity"])
    if comparability:
        title = "Comparability of treated and untreated"
        drawn = figures(_PROPENSITY_FIGURES)
        found.append(Section("propensity", title, tables=comparability, figures=drawn))
    found.append(
        Section(
            "diagnostics",
            "Can the draws be trusted?",
            (brief["convergence"], brief["loo"]),
            tuple(output.result["diagnostics"]["failures"]),
            tables=(_diagnostics(output),),
            figures=figures(_DIAGNOSTIC_FIGURES),
            folded=not output.result["diagnostics"]["failures"],
        )
    )
    if output.checks:
        found.append(_checks(output, figures(_CHECK_FIGURES)))
    return found


def _checks(output: Output, figures: tuple[Figure, ...]) -> Section:
    """The verdict of every check of the model."""
    flagged = output.checks["flagged"]
    told = (
        f"Flagged: {', '.join(flagged)}."
        if flagged
        else "No check was flagged; what a check could not tell is said in its line."
    )
    lost = missing_tables("checks", output.checks)
    if lost:
        told = f"INCOMPLETE: not everything could be computed, as the first table tells. {told}"
    title = "Is the model to be believed?"
    return Section(
        "checks",
        title,
        (told,),
        tables=(*lost, verdict_table(output.checks)),
        figures=figures,
        folded=not (flagged or lost),
    )


def _diagnostics(output: Output) -> Table:
    found = dict(output.result["diagnostics"])
    found["engine"] = found["engine"].replace("-", " ")
    if found["worst"] is not None:
        found["worst"] = output.spec.labels.term(found["worst"])
    rows = [
        {"diagnostic": label, "value": found[name]}
        for name, label in _DIAGNOSTICS.items()
        if found[name] is not None
    ]
    title = "Diagnostics over all parameters; each parameter's own are in the table of parameters"
    return plain_table("diagnostics", title, rows)


def _ladder(output: Output) -> list[Section]:
    told = tuple(output.brief["sentences"])
    title = "Bias ladder: one cohort under every design"
    figures = embedded(output.figures)
    notes = tuple(output.result["notes"])
    answered = answer_tables(output, "ladder-answer", "Effect by design")
    tables = tuple(replace(t, folded=bool(answered)) for t in ladder_tables(output))
    shown = (*missing_tables(output.kind.value, output.result), *answered, *tables)
    return [Section("ladder", title, told, notes, tables=shown, figures=figures)]


def _sensitivity(output: Output) -> list[Section]:
    tables, figures = sensitivity_tables(output), output.figures
    answered = answer_tables(output, "sensitivity-answer", "The answer under other priors")
    # An answer without a table, where no prior was varied, leaves that to the rest.
    names = _ANSWERS - {"grid"} if answered else _ANSWERS
    first = (replace(table, folded=bool(answered)) for table in tables if table.name in names)
    shown = [file for file in figures if file.stem in _SENSITIVITY_FIGURES]
    return [
        Section(
            "sensitivity",
            "Sensitivity to priors and assumptions",
            tuple(output.result["summary"]),
            tables=(*missing_tables(output.kind.value, output.result), *answered, *first),
            figures=embedded(shown),
        ),
        Section(
            "sensitivity-details",
            "Sensitivity in detail",
            tables=tuple(table for table in tables if table.name not in names),
            figures=embedded(file for file in figures if file not in shown),
            folded=True,
        ),
    ]


def _fit_summary(output: Output) -> list[str]:
    return [f"{output.brief['headline']}.", *output.brief["sentences"]]


_SUMMARIES: Final[Mapping[Kind, Callable[[Output], list[str]]]] = {
    Kind.FIT: _fit_summary,
    Kind.CAUSES: _fit_summary,
    Kind.LADDER: lambda output: list(output.brief["sentences"]),
    Kind.SENSITIVITY: lambda output: list(output.result["summary"]),
    Kind.PLAN: plan_summary,
    Kind.INTERIM: interim_summary,
}
_SECTIONS: Final[Mapping[Kind, Callable[[Output], list[Section]]]] = {
    Kind.FIT: _fit,
    Kind.CAUSES: cause_sections,
    Kind.LADDER: _ladder,
    Kind.SENSITIVITY: _sensitivity,
    Kind.PLAN: plan_sections,
    Kind.INTERIM: interim_sections,
}


def closing_sections(results: Results) -> tuple[Section, ...]:
    """Return what was analysed and by what: specifications, data, versions and seeds.

    Parameters
    ----------
    results : Results
        Outputs of commands.

    Returns
    -------
    tuple of Section
        Specification of each output, data, provenance.
    """
    return (*_specifications(results), *_data(results), _provenance(results))


def _specifications(results: Results) -> list[Section]:
    many = sum(bool(output.specification) for output in results.outputs) > 1
    found: list[Section] = []
    for output in results.outputs:
        if output.specification:
            anchor = "plan-specification" if output.kind in OF_TRIALS else "specification"
            taken = any(section.anchor == anchor for section in found)
            title = f"Specification of {output.kind.command}" if many else "Specification"
            found.append(
                Section(
                    f"{anchor}-{output.kind.value}" if taken else anchor,
                    title,
                    (f"{output.result['name']}: the whole analysis, to be run again.",),
                    verbatim=output.specification,
                    folded=True,
                )
            )
    return found


def _data(results: Results) -> list[Section]:
    outputs = [output for output in results.outputs if output.data is not None]
    if not outputs:
        return []
    data: Mapping[str, Any] = outputs[0].data or {}
    rows = [
        {"item": "Data", "value": data["name"] or "not named"},
        {"item": "Synthetic", "value": data["synthetic"]},
        {"item": "Patients", "value": data["patients"]},
        {"item": "Rows of person-time", "value": data["rows"]},
        {"item": "Events", "value": data["events"]},
        {"item": "Person-months", "value": round(data["months"], 1)},
        *_by_state(outputs[0]),
        {"item": "Patients left out", "value": len(data["dropped"])},
        *[
            {"item": f"Fingerprint of the data read by {output.kind.command}", "value": fingerprint}
            for output in outputs
            if (fingerprint := (output.data or {}).get("fingerprint")) is not None
        ],
    ]
    reasons = list(data["dropped"].values())
    left = tuple(
        f"{reasons.count(reason)} left out: {reason}." for reason in dict.fromkeys(reasons)
    ) or ("No patient was left out; no value that the analysis reads is missing.",)
    value = Column("Value", lambda row: significant(row["value"]), "value", numeric=False)
    table = Table("data", "Cohort and person-time", (text("Item", "item"), value), tuple(rows))
    told = (*_origin(data), *left)
    fit = results.of(Kind.FIT)
    flow = () if fit is None else (flow_table(fit),)
    return [Section("data", "Data", told, tables=(table, *flow), folded=True)]


def _by_state(output: Output) -> list[dict[str, Any]]:
    return [
        {
            "item": f"Person-time {state}",
            "value": f"{found['patients']:,.0f} patients, {found['events']:,.0f} events, "
            f"{found['months']:,.1f} person-months",
        }
        for state in ("untreated", "treated")
        if (found := output.brief.get(state)) is not None
    ]


def _origin(data: Mapping[str, Any]) -> list[str]:
    """Source and licence of a packaged data set."""
    if data["name"] not in datasets.names():
        return []
    about = datasets.describe(data["name"])
    doi = f" doi {about.doi}." if about.doi else ""
    return [f"{about.title}. Source: {about.source} Licence: {about.licence} {about.citation}{doi}"]


def _provenance(results: Results) -> Section:
    rows = []
    for output in results.outputs:
        own = {
            "command": output.kind.command,
            "name": output.result["name"],
            "seed": output.result["seed"],
            **output.result["versions"],
            "SHA-256 of result.json": output.checksum,
        }
        rows.append(own)
    keys = list(dict.fromkeys(key for row in rows for key in row if key != "command"))
    turned = [
        {"item": key, **{row["command"]: _plain(row.get(key)) for row in rows}} for key in keys
    ]
    tables = [plain_table("provenance", "Versions, seeds and checksums", turned)]
    cohorts = [prior for output in results.outputs for prior in output.design_priors]
    if cohorts:
        title = "Cohorts whose posterior is the truth of a scenario"
        tables.append(plain_table("design-priors", title, cohorts))
    return Section("provenance", "Versions and seeds", tables=tuple(tables), folded=True)


def _plain(value: object) -> str | None:
    return None if value is None else str(value)
