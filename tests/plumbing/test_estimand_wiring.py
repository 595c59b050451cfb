"""How `[estimands]` reaches a result: populations, quantiles, subgroups, interaction."""

import itertools
import json
from dataclasses import replace
from io import StringIO

import numpy as np
import pytest

from bayes_ihlrt.analysis.counterparts import published_counterparts
from bayes_ihlrt.analysis.estimates import draws_of, estimate_all
from bayes_ihlrt.analysis.figures import figure_data
from bayes_ihlrt.analysis.fit import run_fit
from bayes_ihlrt.analysis.modifier_curves import modifier_curves
from bayes_ihlrt.analysis.parameters import unit_of
from bayes_ihlrt.analysis.patients import adverse_event_table, table_one
from bayes_ihlrt.cohort import datasets
from bayes_ihlrt.errors import RefusedError, SpecificationError
from bayes_ihlrt.estimands.curves import NEVER, rmst, survival
from bayes_ihlrt.estimands.interaction import log_hazard_ratio
from bayes_ihlrt.estimands.population import bootstrap_weights, sample_population, subgroup_weights
from bayes_ihlrt.names import DesignKind, EstimandTarget
from bayes_ihlrt.plots.catalogue import PLOTS
from bayes_ihlrt.report.fit import fit_tables, interaction_of, parameter_table
from bayes_ihlrt.report.terminal import print_fit
from bayes_ihlrt.results.table import PlainConsole
from bayes_ihlrt.spec.estimands import PopulationKind
from bayes_ihlrt.spec.read import load_spec, parse_spec

pytestmark = pytest.mark.usefixtures("summarised_once")


def fitted(name, **estimands):
    spec = load_spec(name)
    changed = spec.estimands.model_copy(update=estimands)
    return run_fit(spec.model_copy(update={"estimands": changed}), "ihlrt_synthetic")


def slider_agrees(result):
    """Compare what the slider of the report moves with the estimates: the same patients."""
    found = modifier_curves(result)["sets"]
    told = {"survival_at": "survival", "rmst": "rmst"}
    compared = 0
    for part, (name, estimand) in itertools.product(found, told.items()):
        for row in part[name]:
            wanted = (estimand, row["horizon"], part["at"])
            for e in result.estimates:
                if (e.estimand, e.horizon, e.at) == wanted:
                    of = row[e.strategy or "difference"]
                    assert of["median"] == pytest.approx(e.summary["median"], rel=1e-12)
                    compared += 1
    assert compared >= 2 * 2 * 3 * 4


def printed(result, *, width=110):
    text = StringIO()
    print_fit(PlainConsole(width=width, file=text), result)
    return text.getvalue()


@pytest.fixture
def primary(sampler):
    return fitted("primary", quantiles=(0.25,), subgroups=("afp_high", "centre"))


def test_result_of_the_primary_analysis(primary):
    found = json.loads(json.dumps(primary.to_dict(), allow_nan=False))
    about = found["interaction"]
    assert (about["low"], about["high"], about["horizon"], about["gain"]) == (2.0, 5.0, 24.0, 1.0)
    assert [statement["name"] for statement in about["statements"]] == [
        "hazard-ratio-falls",
        "modifier-irrelevant-if-treated",
        "gains-more-at-high",
    ]
    # The prior of the interaction is symmetric about 0: Monte Carlo error of 4,000 draws.
    assert about["statements"][0]["prior"] == pytest.approx(0.5, abs=0.03)
    assert {c["level"] for c in about["crossings"]} == {0.5, 0.8, 0.95}
    names = {row["estimand"] for row in found["estimands"]}
    assert {"survival_quantile_0.25", "number_needed_to_treat"} <= names
    rows = [row for row in found["estimands"] if (row["horizon"], row["at"]) == (24.0, None)]
    (gain,) = (r for r in rows if r["estimand"] == "survival" and r["contrast"])
    (nnt,) = (r for r in rows if r["estimand"] == "number_needed_to_treat")
    assert nnt["median"] == pytest.approx(1 / gain["median"])
    assert nnt["q2.5"] == pytest.approx(1 / gain["q97.5"])
    text = printed(primary)
    assert "Does the effect depend on nlr?" in text
    assert "Where the probability of benefit passes a level" in text


def test_the_terminal_prints_the_tables_of_the_report(primary):
    content, spec = primary.to_dict(), primary.spec
    encoder = primary.fit.prepared.encoder
    units = {name: unit_of(name, spec) for name in encoder.columns}
    tables = (
        *fit_tables(content, spec),
        *interaction_of(content, spec),
        parameter_table(content, {"units": units, "references": encoder.references}, spec),
    )
    names = [table.name for table in tables]
    assert names[:5] == ["hazard-ratios", "baseline", "survival", "needed", "further"]
    for width in (600, 110):
        text = printed(primary, width=width)
        for table in tables:
            _, found, rest = text.partition(f"{table.title}\n")
            assert found, table.name
            body = rest.split("\n\n")[0]
            # What is broken over lines is not found whole: the numbers of survival still are.
            whole = width == 600 or table.name != "further"
            cells = [cell for row in table.rows for cell in row[2:]] if whole else []
            assert [cell for cell in cells if cell not in body] == []


def test_figures_of_gain_and_subgroups(primary):
    data = figure_data(primary)
    chances = data["gain"]["probability"]
    np.testing.assert_allclose(chances.sum("region"), 1.0)
    assert data["subgroups"].sizes["subgroup"] == 7
    before = data["subgroups"]["prior_prob_benefit"]
    who = {"afp_high 1": ("afp_high", "1"), "centre-4": ("centre", "centre-4")}
    for name, (column, level) in who.items():
        own = subgroup_weights(primary.before, column, level)
        expected = (log_hazard_ratio(primary.before, weights=own) < 0.0).mean()
        assert float(before.sel(subgroup=name)) == pytest.approx(float(expected))
    for name in ("gain", "subgroups", "hazard_ratio"):
        assert PLOTS[name](data[name]).axes


def test_months_are_told_from_one_set_of_draws(primary):
    """Another month for the treated moves the table, the slider and the figure by one month."""
    treated = primary.draws["strategy"] != NEVER.name
    moved = primary.draws.assign(rmst=primary.draws["rmst"] + 1.0 * treated)
    other = replace(primary, draws=moved)

    def gains(result):
        asked = (None, *result.spec.estimands.at)
        sets = [part for part in modifier_curves(result)["sets"] if part["at"] in asked]
        told = estimate_all(result.draws, result.spec)
        return (
            [e.summary["median"] for e in told if e.estimand == "rmst" and e.contrast],
            [row["difference"]["median"] for part in sets for row in part["rmst"]],
            figure_data(result)["gain"]["x"].mean("point").to_numpy(),
        )

    for before, after in zip(gains(primary), gains(other), strict=True):
        assert len(before) >= 4
        np.testing.assert_allclose(after, np.array(before) + 1.0, rtol=1e-9)


def test_the_curve_has_the_prior_beside_it(primary):
    """The hazard ratio's as in the table at the same draws; the gain's by hand."""
    curve, question = primary.interaction.curve, primary.interaction.question
    values = curve["value"].to_numpy()
    log_hr = log_hazard_ratio(primary.before, values).to_numpy()
    np.testing.assert_allclose(curve["prior_prob_benefit"], (log_hr < 0.0).mean(axis=(0, 1)))
    assert not np.allclose(curve["prior_prob_benefit"], curve["prob_benefit"])
    for place in (0, len(values) - 1):
        patients = sample_population(primary.before, modifier_at=float(values[place]))
        months = rmst(primary.before, 24.0, [NEVER, question.treated], population=patients)
        gained = months.isel(strategy=1).to_numpy() - months.isel(strategy=0).to_numpy()
        told = float(curve["prior_prob_gain"][place])
        assert told == pytest.approx((gained > question.gain).mean())


def test_response_that_changes_leaves_no_survival(sampler):
    """Averaging with everybody's first value would say that nobody ever responds."""
    result = fitted("published_os")
    survivals = [e for e in result.estimates if e.estimand != "hazard_ratio"]
    assert survivals
    assert all(e.summary["median"] is None for e in survivals)
    assert "survival" not in figure_data(result)
    assert len(result.interaction.statements) == 2
    curve = result.interaction.curve
    assert bool(curve["prior_prob_gain"].isnull().all())
    assert bool(curve["prior_prob_benefit"].notnull().all())
    text = printed(result)
    assert "Survival by strategy is not reported: response changes" in text
    # Neither survival nor what follows from it is told as not reached, on no page either.
    names = {table.name for table in fit_tables(result.to_dict(), result.spec)}
    assert not names & {"survival", "needed"}
    with pytest.raises(RefusedError, match="response change"):
        sample_population(result.fit)
    json.dumps(result.to_dict(), allow_nan=False)
    for name, data in figure_data(result).items():
        assert PLOTS[name](data).axes


def test_clones_have_a_hazard_ratio_and_no_survival(primary):
    """Both clones of a patient live the same months until the grace period ends."""
    story = replace(primary.fit.person_time.provenance, design=DesignKind.CLONE_CENSOR_WEIGHT)
    rows = replace(primary.fit.person_time, provenance=story)
    result = replace(primary, fit=replace(primary.fit, person_time=rows))
    with pytest.raises(RefusedError, match="clones of both strategies are alike"):
        sample_population(result.fit)
    found = estimate_all(draws_of(result.fit, result.spec), result.spec)
    assert all((e.summary["median"] is None) == (e.estimand != "hazard_ratio") for e in found)
    text = printed(replace(result, estimates=found))
    assert "Survival by strategy is not reported: clones of both strategies are alike" in text
    assert "Survival by strategy\n" not in text
    assert "survival" not in figure_data(result)


def test_a_spline_of_the_modifier(sampler):
    result = fitted("nlr_spline")
    curve = result.interaction.curve["median"].to_numpy()
    # Three basis functions: the log hazard ratio is no straight line over log NLR.
    assert np.abs(np.diff(np.log(curve), 2)).max() > 1e-3
    names = [statement.name for statement in result.interaction.statements]
    assert names[:2] == ["hazard-ratio-falls", "hazard-ratio-turns"]
    assert result.interaction.step == "5 against 2"
    text = printed(result, width=200).replace("\n", " ")
    assert "per doubling of nlr" not in text
    assert "both falls and rises by a factor 1.25 or more" in text
    assert "at nlr 5" in text
    assert "have no meaning one by one" in text


def test_populations(sampler):
    own = fitted("primary")
    treated = fitted("primary", population=PopulationKind.ATT)
    drawn = fitted("primary", population=PopulationKind.BOOTSTRAP)
    rows = own.checked.person_time
    ever = np.bincount(rows.patient_index, rows.columns["ihlrt"].astype(float)) > 0
    seeded = bootstrap_weights(drawn.fit, seed=drawn.spec.sampler.seed)
    for result, own_weights in ((treated, ever.astype(float)), (drawn, seeded)):
        patients = sample_population(result.fit, weights=own_weights)
        expected = survival(result.fit, [12.0], [NEVER], population=patients).median()
        (found,) = (
            e
            for e in result.estimates
            if (e.estimand, e.strategy, e.horizon, e.at) == ("survival", "never", 12.0, None)
        )
        assert found.population == result.spec.population.value
        assert found.summary["median"] == pytest.approx(float(expected))
        slider_agrees(result)
    assert "averaged over the treated" in printed(treated)


def test_overlap_population(sampler):
    text = load_spec("primary").to_toml()
    text += '\n[propensity]\nformula = "nlr + albi"\nadjust = "none"\n'
    text = text.replace('design = "split"', 'design = "landmark"\nlandmark = 3.0')
    text = text.replace('population = "sample"', 'population = "ato"')
    result = run_fit(parse_spec(text), "ihlrt_synthetic")
    weights = result.propensity.patient_weights[EstimandTarget.ATO]
    assert weights.shape == (len(result.checked.person_time.patients),)
    assert ((weights > 0.0) & (weights <= 0.25)).all()
    patients = sample_population(result.fit, weights=weights)
    expected = survival(result.fit, [12.0], [NEVER], population=patients).median()
    (found,) = (
        e
        for e in result.estimates
        if (e.estimand, e.strategy, e.horizon, e.at) == ("survival", "never", 12.0, None)
    )
    assert found.summary["median"] == pytest.approx(float(expected))


def test_populations_that_need_more():
    text = load_spec("primary").to_toml()
    with pytest.raises(SpecificationError, match="needs to know how probable treatment was"):
        parse_spec(text.replace('population = "sample"', 'population = "ato"'))


def test_every_published_line_has_a_counterpart(sampler):
    os, pfs, survival = map(fitted, ("published_os", "published_pfs", "primary"))
    treated = np.isfinite(datasets.columns("ihlrt_synthetic")["ihlrt_months"])
    findings = datasets.columns("ihlrt_synthetic_findings")
    events = adverse_event_table({"severe": findings["severe_adverse_event"]}, treated, seed=1)
    baseline = table_one(os.checked.cohort, "ihlrt", covariates=["nlr", "albi", "afp_high"])
    found = published_counterparts(baseline, (events,), os=os, pfs=pfs, survival=survival)
    lines = found["line"].tolist()
    for line in ("Patients at baseline", "Adverse events: severe"):
        assert line in lines
    for result, kind in ((pfs, "progression-free"), (survival, "overall")):
        (here,) = found.loc[found["line"] == f"Median {kind} survival, never", "here"]
        (exact,) = (
            e.summary["median"]
            for e in result.estimates
            if (e.estimand, e.strategy, e.at) == ("median_survival", "never", None)
        )
        assert here.startswith("not reached" if exact is None else f"{exact:.1f} months")
    for term in ("ihlrt", "response", "albi", "nlr"):
        assert f"Overall survival: {term}" in lines
    assert sum(line.startswith("Interaction") for line in lines) == 2
    with pytest.raises(SpecificationError, match="2 faults") as caught:
        published_counterparts(baseline, (), os=pfs, pfs=pfs, survival=os)
    assert "no response" in str(caught.value)
    assert "'published-os' gives no median survival" in str(caught.value)
