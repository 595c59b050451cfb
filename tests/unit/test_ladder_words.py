"""What the ladder says: what it adjusts for, the tail without an effect, clocks, who is out."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.text import Text
from rich.console import Console

from bayes_ihlrt.analysis.notes import analysis_notes, without_events
from bayes_ihlrt.designs.build import person_time
from bayes_ihlrt.designs.person_time import PersonTime
from bayes_ihlrt.ladder.figure import ladder_data, ladder_notes, ladder_sentences
from bayes_ihlrt.ladder.null import NullSimulation
from bayes_ihlrt.ladder.run import LadderResult
from bayes_ihlrt.ladder.rung import ResponsePaths, Rung, Stratum
from bayes_ihlrt.ladder.rungs import held_note, plan_rungs
from bayes_ihlrt.ladder.states import Responses, response_effect_note
from bayes_ihlrt.ladder.words import target_of, warned_of
from bayes_ihlrt.names import Adjustment, EstimandTarget
from bayes_ihlrt.plots.catalogue import PLOTS
from bayes_ihlrt.propensity.comparability import Comparability
from bayes_ihlrt.propensity.model import separation_message
from bayes_ihlrt.report.answers import ladder_answer
from bayes_ihlrt.report.ladder import print_ladder
from bayes_ihlrt.report.terminal import print_summary
from bayes_ihlrt.spec.read import load_spec
from states_cases import toy_cohort


def rung(plan, cohort, hazard_ratio):
    """Return a rung with a hazard ratio that is known without error."""
    told = dict.fromkeys(("mean", "median", "q2.5", "q97.5"), float(np.log(hazard_ratio)))
    rows = person_time(cohort, plan.treatment)
    return Rung(plan, log_hr=told | {"sd": 0.0, "prob_below_0": 1.0}, person_time=rows)


@pytest.fixture(scope="module")
def climbed():
    """Return the ladder of a cohort with hazard ratio 0.5, and 0.2 in the g-formula."""
    cohort = toy_cohort()
    spec = load_spec("ladder")
    own = spec.ladder.model_copy(update={"landmarks": (5.0,)})
    spec = spec.model_copy(update={"ladder": own})
    rungs = [
        rung(plan, cohort, 0.5 if plan.states is None else 0.2) for plan in plan_rungs(spec, cohort)
    ]
    null = NullSimulation(np.log([0.8, 0.9, 0.95]), np.log(0.5))
    return LadderResult(spec, cohort, tuple(rungs), null, 24.0)


def said(climbed, **changes):
    return " ".join(ladder_sentences(replace(climbed, **changes)))


def test_what_was_adjusted_for_is_named_and_the_g_formula_is_no_hazard_ratio(climbed):
    assert (
        "What follows is with immortal time removed and adjusted for nlr, albi, afp_high, response."
    ) in said(climbed)
    assert "hazard ratios lie" not in said(climbed)
    *_, simulated = climbed.rungs
    assert simulated.plan.assumption.endswith("every hazard is right")
    assert str(ladder_data(climbed)["label"].values[-1]) == "Simulated (g-formula), covariates *"
    assert ladder_notes(climbed)[1].startswith("* Hazard ratio given response")


def test_months_through_response_and_given_response_are_told(climbed):
    simulated = climbed.rungs[-1]
    months = {"mean": 1.9, "sd": 0.4, "median": 1.9, "q2.5": 1.1, "q97.5": 2.7}
    given, through = months | {"median": 1.3}, months | {"median": 0.6}
    paths = ResponsePaths(given, through, months | dict.fromkeys(months, np.log(0.5)))
    found = replace(simulated, rmst_difference=months, by_response=paths)
    sentence = (
        "Of the +1.9 (+1.1 to +2.7) months gained, +0.6 (+1.1 to +2.7) are gained through "
        "response, whose hazard treatment multiplies by 0.50 (0.50 to 0.50), and +1.3 (+1.1 to "
        "+2.7) given response, with that path cut."
    )
    assert sentence in said(climbed, rungs=(*climbed.rungs[:-1], found))
    assert found.to_dict()["by_response"]["given"]["median"] == 1.3
    console = Console(record=True, width=400)
    print_ladder(console, replace(climbed, rungs=(climbed.rungs[0], found)))
    assert sentence in console.export_text()
    stated = replace(found, by_response=ResponsePaths(months, through, None))
    assert "treatment is taken not to change the hazard of response" in (
        said(climbed, rungs=(*climbed.rungs[:-1], stated))
    )


def test_without_months_a_comparison_has_no_last_month(climbed):
    silent = [
        replace(found, plan=replace(found.plan, no_months="one cause")) for found in climbed.rungs
    ]
    windows = {found.plan.rung: target_of(found, 24.0).window for found in silent}
    assert windows.pop("landmark-5") == "from the landmark"
    assert windows.pop("sequential") == "from the decision"
    assert set(windows.values()) == {"over all follow-up"}


def gaining(rung, median):
    """Return a rung that tells months gained."""
    months = {"mean": median, "sd": 1.0, "median": median, "q2.5": median - 2, "q97.5": median + 2}
    months["prob_below_0"] = 0.2
    return replace(rung, rmst_difference=months)


def test_months_are_ranged_over_one_comparison_only(climbed):
    """Clones and the g-formula compare the same; a landmark something else."""
    own = {"clone-censor-weight": 1.6, "g-formula": 1.9, "landmark-5": 0.4, "sequential": 2.5}
    rungs = [
        replace(gaining(found, own[found.plan.rung]), target="ate")
        if found.plan.rung in own and found.plan.adjustment != "none"
        else found
        for found in climbed.rungs
    ]
    rungs = [
        replace(found, target=None) if found.plan.adjustment == "covariates" else found
        for found in rungs
    ]
    told = said(climbed, rungs=tuple(rungs))
    within = (
        "Months gained, treated within 6 months against never treated, in everybody, months 0 to "
        "24: between +1.6 and +1.9 by 2 rungs."
    )
    assert within in told
    assert (
        "treated by month 5 against not treated by month 5 (some are later), in everybody, of "
        "those at risk at month 5, months 5 to 29: +0.4 by 2 rungs."
    ) in told
    assert (
        "treated at a decision against not then nor later, in everybody, at each decision, "
        "24 months from it: +2.5 (+0.5 to +4.5)."
    ) in told
    assert "These are different questions" in told
    assert "1 rung tells no months, for the reason given." in told
    written = {
        r["rung"]: r["compares"] for r in replace(climbed, rungs=tuple(rungs)).to_dict()["rungs"]
    }
    assert written["clone-censor-weight"] == written["g-formula"]
    assert written["split"]["treated"] == "treated from month 0"


def test_months_of_clones_are_not_printed_as_those_of_a_modifier_value(climbed):
    own = {"mean": 0.0, "sd": 1.0, "median": 0.0, "q2.5": -1.0, "q97.5": 1.0, "prob_below_0": 0.5}
    rungs = [
        replace(gaining(found, 7.7), log_hr_at={2.0: own, 5.0: own})
        for found in climbed.rungs
        if found.plan.rung in {"ever-never", "clone-censor-weight"}
    ]
    console = Console(record=True, width=300)
    print_ladder(console, replace(climbed, rungs=tuple(rungs)))
    _, by_modifier = console.export_text().split("Months gained to 24 by nlr")
    clones = next(line for line in by_modifier.splitlines() if line.startswith("Clones"))
    assert clones.count("not defined") == 2
    assert rungs[-1].to_dict()["rmst_at"] is None


def test_one_comparison_is_no_several_questions(climbed):
    rungs = [gaining(found, 1.0) for found in climbed.rungs if found.plan.grace is not None]
    told = said(climbed, rungs=(climbed.rungs[0], *rungs))
    assert "+1.0 by 2 rungs" in told
    assert "different questions" not in told


@pytest.mark.parametrize(("designs", "words"), [(1, "by 1 rung)."), (2, "by 2 rungs).")])
def test_rungs_that_answer_together_are_counted(climbed, designs, words):
    own = [found for found in climbed.rungs if found.plan.adjustment == "covariates"][:designs]
    answer = ladder_answer(replace(climbed, rungs=(climbed.rungs[0], *own)))
    assert answer["parts"][0]["title"].endswith(words)


def test_crude_rungs_alone_are_not_called_adjusted(climbed):
    crude = tuple(found for found in climbed.rungs if found.plan.adjustment == "none")
    told = said(climbed, rungs=crude)
    assert "with immortal time removed and nothing adjusted for but nlr." in told
    plain = tuple(replace(r, plan=replace(r.plan, adjusted_for=())) for r in crude)
    assert "removed and nothing adjusted for." in said(climbed, rungs=plain)


@pytest.mark.parametrize(
    ("observed", "words"),
    [
        (0.5, "none of them shows one at least as low as here"),
        (0.8, "33% of them show one at least as low as here"),
        (1.25, "none of them shows one at least as high as here"),
        (0.95, "33% of them show one at least as high as here"),
    ],
)
def test_the_tail_is_that_of_the_observed_contrast(climbed, observed, words):
    null = replace(climbed.null, observed=float(np.log(observed)))
    assert words in said(climbed, null=null)


def test_cohorts_without_a_mode_are_told(climbed):
    null = replace(climbed.null, without_mode=2)
    assert "none of them (of 3; 2 more had no mode) shows" in said(climbed, null=null)
    assert null.to_dict()["without_mode"] == 2


def test_other_clocks_than_time_zero_are_told(climbed):
    assert ladder_notes(climbed)[0] == (
        "Months count from time zero, in landmark rungs from the landmark, in trials at every "
        "decision from the decision."
    )
    figure = PLOTS["ladder"](ladder_data(climbed))
    assert any("from the landmark" in text.get_text() for text in figure.findobj(Text))
    notes = {
        r.plan.rung: " ".join(
            analysis_notes(climbed.spec, climbed.cohort, r.person_time, n_parameters=1)
        )
        for r in climbed.rungs
    }
    told = {name for name, text in notes.items() if "MONTHS COUNT FROM" in text}
    assert told == {"landmark-5", "sequential"}


def test_who_is_left_out_is_told_and_written(climbed):
    landmark = climbed.rungs[1]
    (told,) = landmark.left_out
    gone = len(landmark.person_time.provenance.dropped)
    assert told.endswith("left out: event or end of follow-up by the landmark (5 months).")
    assert list(landmark.to_dict()["dropped"].values()) == [gone]
    missing = replace(climbed.cohort, dropped={"P9": "no value of albi"})
    assert replace(climbed, cohort=missing).notes == (
        f"1 patient of {len(climbed.naive_rows.patients) + 1} left out: no value of albi.",
    )


def quiet(rows, arm):
    """Return rows of which one arm has no events."""
    event = np.where(rows.columns["ihlrt"].astype(float) == arm, 0, rows.columns["event"])
    return PersonTime({**rows.columns, "event": event}, rows.provenance)


def months(rows, arm):
    own = rows.columns["ihlrt"].astype(float) == arm
    spent = rows.columns["stop"].astype(float) - rows.columns["start"].astype(float)
    return f"({spent[own].sum():,.1f} person-months)"


@pytest.mark.parametrize(("arm", "name"), [(1.0, "treated"), (0.0, "untreated")])
def test_an_arm_without_events_is_told(climbed, arm, name):
    rows = climbed.rungs[-1].person_time
    assert without_events(rows, "ihlrt", weighted=True) == []
    told = (
        f"NO EVENT among the {name} {months(rows, arm)}: how far the hazard ratio may lie from 1 "
        "is the prior's answer, not the data's. Report the prior with it."
    )
    narrow = " The interval of a weighted analysis may be too narrow then."
    assert without_events(quiet(rows, arm), "ihlrt", weighted=False) == [told]
    assert without_events(quiet(rows, arm), "ihlrt", weighted=True) == [told + narrow]
    notes = analysis_notes(climbed.spec, climbed.cohort, quiet(rows, arm), n_parameters=1)
    assert told + narrow in notes
    described = climbed.spec.propensity.model_copy(update={"adjust": Adjustment.NONE})
    unadjusted = climbed.spec.model_copy(update={"propensity": described})
    notes = analysis_notes(unadjusted, climbed.cohort, quiet(rows, arm), n_parameters=1)
    assert told in notes


def test_two_arms_without_events_are_told_at_once(climbed):
    rows = climbed.rungs[-1].person_time
    (told,) = without_events(quiet(quiet(rows, 0.0), 1.0), "ihlrt", weighted=False)
    both = f"the treated {months(rows, 1.0)} and the untreated {months(rows, 0.0)}: how far"
    assert told.startswith(f"NO EVENT among {both}")


def test_a_rung_tells_of_an_arm_without_events_and_of_no_strata(climbed):
    found = replace(climbed.rungs[-1], positivity=(Stratum("response 1", 3, 4),))
    assert found.to_dict()["warnings"] == list(found.plan.notes)
    silent = replace(found, person_time=quiet(found.person_time, 1.0))
    *_, told = silent.to_dict()["warnings"]
    assert told.startswith("NO EVENT among the treated")
    assert "weighted" not in told
    assert "weighted" in replace(silent, ess=(3.0, 4.0)).without_events[0]
    console = Console(record=True, width=200)
    print_ladder(console, replace(climbed, rungs=(climbed.rungs[0], silent)))
    printed = console.export_text()
    assert "NO EVENT among the treated" in printed
    assert "Fewest patients" not in printed


def test_the_stratum_with_the_fewest_patients():
    strata = (Stratum("a", 5, 9), Stratum("b", 7, 2), Stratum("c", 3, 30))
    found = Rung(plan=None, positivity=strata)
    assert found.smallest.stratum == "b"


def warned(found, cohort, spec):
    """Return a rung with months of its own and every kind of warning, each with its own numbers."""
    number = float(len(found.plan.rung + found.plan.adjustment))
    ess = (3.0 + number / 10.0, 40.0) if found.plan.rung == "sequential" else (12.0, 40.0)
    few = Responses(treated=2, untreated=9, at_risk=3)
    return replace(
        gaining(found, number / 10.0),
        log_hr_at=dict.fromkeys((2.0, 3.0, 5.0), found.log_hr),
        ess=ess,
        target="ato",
        comparability=Comparability(EstimandTarget.ATO, False, (20, 60), ess, (("nlr", 0.2),)),
        plan=replace(found.plan, notes=(held_note(("nlr",)), response_effect_note(spec, few))),
        person_time=quiet(found.person_time, 1.0),
        warnings=(separation_message((f"marker {number:g}",)),),
    )


def test_the_answer_of_the_worst_ladder_is_to_be_read_in_a_minute(climbed):
    """Every rung warns of everything: a line a kind with how many rungs, the rest elsewhere."""
    rungs = [warned(found, climbed.cohort, climbed.spec) for found in climbed.rungs]
    # As many as the packaged analysis has: twelve, of two landmarks.
    rungs = [*rungs, *rungs[1:4]]
    assert len(rungs) == 12
    worst = replace(climbed, rungs=tuple(rungs))
    lines = warned_of(worst.rungs)
    assert [line.partition(",")[0] for line in lines[:-1]] == [
        "1 rung: NO OVERLAP",
        "11 rungs: POOR OVERLAP",
        "12 rungs: PS separation",
        "12 rungs: NO EVENT in an arm",
        "12 rungs: FEW RESPONSES under treatment",
        "12 rungs: HELD AT TIME ZERO",
    ]
    assert lines[-1].startswith("The tables tell")
    assert max(map(len, lines)) <= 108
    console = Console(record=True, width=110)
    print_summary(console, ladder_answer(worst))
    printed = console.export_text().rstrip()
    assert len(printed.splitlines()) <= 55, printed
    console = Console(record=True, width=400)
    print_ladder(console, worst)
    whole = console.export_text()
    for text in (*(text for found in rungs for text in found.told), *ladder_sentences(worst)):
        assert text in whole
    assert warned_of([climbed.rungs[0]]) == []


def test_a_warning_of_no_known_kind_is_told_whole(climbed):
    found = replace(climbed.rungs[0], warnings=("UNHEARD OF: all of it, and more.",))
    assert warned_of([found])[0] == "1 rung: UNHEARD OF: all of it, and more."
