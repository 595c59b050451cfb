"""A checked analysis on the terminal: what would be fitted, not fitted yet."""

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from bayes_ihlrt.analysis.causes import CheckedCauses
from bayes_ihlrt.analysis.check import CheckedAnalysis
from bayes_ihlrt.analysis.prior_words import prior_words
from bayes_ihlrt.files.messages import counted
from bayes_ihlrt.names import Adjustment, Engine
from bayes_ihlrt.spec.analysis import AnalysisSpec


def print_check(console: Console, checked: CheckedAnalysis | CheckedCauses) -> None:
    """Print what would be fitted.

    Parameters
    ----------
    console : rich.console.Console
        Where to.
    checked : CheckedAnalysis or CheckedCauses
        Specification and data that belong together.
    """
    for note in checked.notes:
        console.print(Text(note, style="bold"))
    console.print(Text(f"{checked.spec.name}: nothing was sampled, no fault was found"))
    console.print()
    console.print(_counts(checked))
    console.print()
    console.print(_priors(checked))
    if checked.spec.prior_justification is not None:
        console.print(Text(f"Justification of the priors: {checked.spec.prior_justification}"))


def _counts(checked: CheckedAnalysis | CheckedCauses) -> RichTable:
    summary = checked.to_dict()
    data = summary["data"]
    table = RichTable(box=None, show_header=False, pad_edge=False)
    lines = {
        "data": f"{data['name'] or 'data'}, fingerprint {data['fingerprint'][:12]}",
        "patients": f"{data['patients']:,}",
        "rows": f"{data['rows']:,}",
        "events": f"{data['events']:,}",
        "person-months": f"{data['months']:,.1f}",
    }
    for state in ("untreated", "treated"):
        if (found := summary[state]) is not None:
            lines[state] = (
                f"{found['patients']:,.0f} patients, {found['events']:,.0f} events, "
                f"{found['months']:,.1f} person-months"
            )
    lines["design"] = summary["design"]
    if isinstance(checked, CheckedCauses):
        for cause, part in checked.parts.items():
            own = _model(part)
            told = (
                f"{counted(checked.events[cause], 'event', 'events')}, {own.pop('hazard')} hazard"
            )
            lines[cause] = "; ".join([told, *(f"{name} {words}" for name, words in own.items())])
    else:
        lines |= _model(checked) | _propensity_lines(checked)
        if checked.external is not None:
            lines |= {"external": "\n".join(checked.external.sentences)}
    lines |= {**_labels(checked.spec), "sampler": _sampler(checked.spec)}
    for name, words in lines.items():
        table.add_row(name, words)
    return table


def _model(checked: CheckedAnalysis) -> dict[str, str]:
    """Hazard, terms and parameters of one model, by heading."""
    found, outcome = checked.to_dict(), checked.spec.outcome
    group = f", {outcome.group}" if outcome.group else ""
    return {
        "hazard": outcome.hazard.family,
        "terms": (", ".join(found["terms"]) or "none") + group,
        **_references(found["references"]),
        "parameters": f"{checked.n_parameters} ({_share(checked)} events a parameter)",
    }


def _priors(checked: CheckedAnalysis | CheckedCauses) -> RichTable:
    table = RichTable(box=None, pad_edge=False)
    first = ("cause",) if isinstance(checked, CheckedCauses) else ()
    for column in (*first, "parameter", "prior", "worth", "from"):
        table.add_column(column)
    if isinstance(checked, CheckedCauses):
        for cause, part in checked.parts.items():
            for row in _prior_rows(part):
                table.add_row(cause, *row)
        return table
    for row in _prior_rows(checked):
        table.add_row(*row)
    if checked.propensity is not None:
        for name, stated in checked.propensity.initiation.priors.items():
            table.add_row(f"propensity: {name}", prior_words(stated.prior), "", stated.source)
    return table


def _prior_rows(checked: CheckedAnalysis) -> list[tuple[str, ...]]:
    """Name, words, events that it is worth, and source of each prior."""
    worths = checked.worths
    return [
        (
            name,
            prior_words(stated.prior),
            worths[name].words if name in worths else "",
            stated.source,
        )
        for name, stated in checked.priors.items()
    ]


def _sampler(spec: AnalysisSpec) -> str:
    sampler, propensity = spec.sampler, spec.propensity
    if propensity is not None and propensity.adjust is not Adjustment.NONE:
        return f"{propensity.uncertainty.value}, {sampler.total:,} draws, seed {sampler.seed}"
    if sampler.engine is Engine.LAPLACE:
        return f"Laplace approximation, {sampler.total:,} weighted draws, seed {sampler.seed}"
    return f"{sampler.chains} chains of {sampler.tune} + {sampler.draws} draws, seed {sampler.seed}"


def _references(found: dict[str, str]) -> dict[str, str]:
    """Which level of each category the others are compared with; empty without categories."""
    told = ", ".join(f"{level} of {name}" for name, level in found.items())
    return {"reference": told} if told else {}


def _labels(spec: AnalysisSpec) -> dict[str, str]:
    """What results call the columns, which a check calls as the specification does."""
    given = {name: label.label for name, label in spec.data.labels.items()}
    told = ", ".join(f"{name} is '{text}'" for name, text in given.items())
    return {"labels": told} if told else {}


def _share(checked: CheckedAnalysis) -> str:
    return f"{checked.person_time.events / checked.n_parameters:.1f}"


def _propensity_lines(checked: CheckedAnalysis) -> dict[str, str]:
    """What a check says of the propensity model, by heading; empty without ``[propensity]``."""
    found = checked.propensity
    if found is None:
        return {}
    spec, decisions = found.spec, found.emulation.decisions
    group = f" + {spec.group}" if spec.group else ""
    used = (
        "describes balance, adjusts nothing"
        if spec.adjust is Adjustment.NONE
        else f"adjust by {spec.adjust.value}, uncertainty by {spec.uncertainty.value}"
    )
    trim = "" if spec.trim is None else f", trimmed at {spec.trim:g}"
    columns = len(found.initiation.encoder.columns)
    started = int(decisions.initiated.sum())
    return {
        "propensity": f"{spec.formula or '1'}{group} ({columns} columns)",
        "": f"{used}, population {spec.estimand.value}{trim}",
        "decisions": f"{decisions.n_rows:,} (rule '{decisions.rule.value}'), treatment started at "
        f"{started:,} ({started / max(columns, 1):.1f} a column)",
    }
