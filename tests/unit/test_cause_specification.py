"""Competing causes in a specification and in a file: what is read, and what is refused."""

import numpy as np
import pandas as pd
import pytest

from bayes_ihlrt.analysis.causes import cause_cohort, cause_spec, check_causes
from bayes_ihlrt.analysis.check import check_analysis
from bayes_ihlrt.errors import DataError, RefusedError, SpecificationError
from bayes_ihlrt.ladder.run import bias_ladder
from bayes_ihlrt.spec.read import parse_spec

TEXT = """
schema = 2
name = "causes"
[data]
patient = "id"
time = "months"
event = {{ column = "cause", values = {{ tumour = 1, liver = [2, 3] }} {event} }}
[treatment]
name = "trt"
start = "treated_months"
design = "{design}"
[outcome]
formula = "trt + albi"
{more}
"""
LIVER = """
[priors]
justification = "An invented register."
[causes.liver]
formula = "trt"
hazard = { family = "exponential" }
[causes.liver.priors]
trt = { dist = "Normal", mu = 0.1, sigma = 0.2 }
"""


def spec(more="", *, event="", design="split"):
    return parse_spec(TEXT.format(more=more, event=event, design=design))


def faults(more="", **kind):
    with pytest.raises(SpecificationError) as caught:
        spec(more, **kind)
    return "\n".join(str(fault) for fault in caught.value.faults)


def frame(**changed):
    """Twelve patients: five die of tumour, four of the liver, three are censored."""
    rng = np.random.default_rng(4)
    columns = {
        "id": [f"p{number}" for number in range(12)],
        "months": np.arange(4.0, 16.0),
        "cause": [1, 1, 1, 1, 1, 2, 2, 3, 3, 0, 0, 0],
        "treated_months": [1.0, np.nan, 2.0, np.nan] * 3,
        "albi": rng.normal(-2.4, 0.4, 12),
    }
    return pd.DataFrame(columns | changed)


def test_a_cause_has_what_is_stated_and_else_what_the_outcome_has():
    found = spec(LIVER)
    assert found.data.causes == ("tumour", "liver")
    liver, tumour = (cause_spec(found, name) for name in ("liver", "tumour"))
    assert tumour.outcome == found.outcome
    assert liver.outcome.formula == "trt"
    assert liver.outcome.hazard.family == "exponential"
    assert liver.priors["trt"].mu == 0.1
    assert not tumour.priors
    assert liver.data.event.codes == ("2", "3")
    assert liver.sampler.seed != tumour.sampler.seed


def test_a_specification_is_read_back_equal():
    found = spec(LIVER)
    assert parse_spec(found.to_toml()) == found
    assert "causes" not in parse_spec(spec().to_toml()).to_dict()


@pytest.mark.parametrize(
    ("more", "kind", "words"),
    [
        ("[causes.liwer]\nformula = 'trt'", {}, "[causes.liwer]: there is no such cause"),
        (
            "[priors]\ntrt = { dist = 'Normal', mu = 0.0, sigma = 1.0 }",
            {},
            "[causes.<name>.priors]",
        ),
        ("[causes.liver.priors]\nnlr = { dist = 'Normal', mu = 0.0, sigma = 1.0 }", {}, "nlr"),
        ("[causes.liver]\ngroup = '(1 | centre)'", {}, "[data] does not say which column"),
        ("[propensity]\nformula = 'albi'", {}, "nothing is weighted or adjusted by it"),
        ("[visits]\nswitches = { response = 'response_months' }", {}, "does not follow"),
        ("[estimands]\nsubgroups = ['albi']", {}, "[estimands] subgroups: with several causes"),
        ("", {"design": "sequential"}, "'split', 'fixed', 'landmark'"),
        ("[causes.liver]\nformla = 'trt'", {}, "formula"),
    ],
)
def test_what_does_not_go_together_is_told(more, kind, words):
    assert words in faults(more, **kind)


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ("values = { tumour = 1 }", "Found 'tumour' alone"),
        ("values = { tumour = 1, liver = 1 }", "ound twice: '1'"),
        ("values = { tumour = 1, liver = 0 }", "ound twice: '0'"),
        ("value = 1, censored = ['0']", "`censored` goes with causes"),
        ("values = { tumour = [], liver = 2 }", "tumour"),
    ],
)
def test_values_mean_one_thing(event, words):
    text = TEXT.format(more="", event="", design="split")
    old = "values = { tumour = 1, liver = [2, 3] }"
    with pytest.raises(SpecificationError) as caught:
        parse_spec(text.replace(old, event))
    assert words in str(caught.value)


def test_a_table_of_causes_without_causes_is_a_fault():
    text = TEXT.format(more=LIVER, event="", design="split")
    one = text.replace("values = { tumour = 1, liver = [2, 3] }", "value = 1")
    with pytest.raises(SpecificationError, match="the event has no competing causes"):
        parse_spec(one)


def test_check_counts_every_cause():
    checked = check_causes(spec(LIVER), frame())
    assert checked.events == {"tumour": 5, "liver": 4}
    assert checked.person_time.events == 9
    assert "event_cause" not in checked.person_time.columns
    told = checked.to_dict()
    assert [part["events"] for part in told["causes"]] == [5, 4]
    assert [part["parameters"] for part in told["causes"]] == [4, 2]
    assert told["data"]["events"] == 9
    (read,) = [note for note in checked.notes if note.startswith("cause:")]
    assert read == ("cause: tumour is '1' (5); liver is '2' (2), '3' (2); censored: '0' (3)")


def test_what_holds_of_everybody_is_told_once_and_of_one_cause_with_its_name():
    notes = check_causes(spec("[causes.liver]\nformula = 'trt * albi'"), frame()).notes
    assert len(set(notes)) == len(notes)
    (own,) = [note for note in notes if "(other causes censored)" in note]
    assert own.startswith("liver (other causes censored): ")
    assert "4 events" in own


def test_the_cohort_of_a_cause_censors_the_others():
    whole = check_causes(spec(), frame()).cohort
    tumour = cause_cohort(whole, "tumour")
    assert tumour.columns["event"].sum() == 5
    assert "event_cause" not in tumour.columns
    with pytest.raises(DataError, match="without competing causes"):
        cause_cohort(tumour, "tumour")


def test_a_value_that_is_no_cause_is_a_fault_and_not_censoring():
    wrong = frame(cause=[1, 1, 1, 1, 1, 2, 2, 3, 3, 9, 0, 0])
    with pytest.raises(DataError) as caught:
        check_causes(spec(), wrong)
    assert "'9' (1 row) is neither one of the causes tumour, liver nor censoring" in str(
        caught.value
    )


def test_words_and_empty_cells_may_mean_censoring():
    text = TEXT.format(more="", event=", censored = ['alive', '']", design="split")
    named = text.replace("tumour = 1", "tumour = 'PD'").replace("[2, 3]", "'liver failure'")
    words = ["PD"] * 5 + ["liver failure"] * 4 + ["alive", "alive", ""]
    checked = check_causes(parse_spec(named), frame(cause=words))
    assert checked.events == {"tumour": 5, "liver": 4}


def test_a_cause_of_which_nobody_died_is_a_fault():
    with pytest.raises(DataError, match="no row has the value '3'"):
        check_causes(spec(), frame(cause=[1, 1, 1, 1, 1, 2, 2, 2, 2, 0, 0, 0]))


def test_faults_of_one_cause_carry_its_name():
    more = "[causes.liver]\nformula = 'trt + albi + log(exp(albi))'"
    with pytest.raises(SpecificationError) as caught:
        check_causes(spec(more), frame())
    assert all(fault.where.startswith("cause liver, ") for fault in caught.value.faults)


@pytest.mark.parametrize(
    ("command", "remedy"),
    [
        (check_analysis, "event = { column = 'cause', values = ['1'] }"),
        (bias_ladder, "Name it with cause='tumour'"),
    ],
)
def test_what_reads_one_event_refuses_causes(command, remedy):
    with pytest.raises(RefusedError) as caught:
        command(spec(), frame())
    told = str(caught.value)
    assert "tumour, liver" in told
    assert remedy in told


def test_an_informative_prior_of_a_cause_needs_a_justification():
    unjustified = LIVER[LIVER.index("[causes.liver]") :]
    with pytest.raises(RefusedError) as caught:
        check_causes(spec(unjustified), frame())
    (fault,) = caught.value.faults
    assert fault.where == "[causes.liver.priors] trt"
    assert 'Add the line justification = "..." to [priors]' in fault.remedy


def test_causes_are_asked_for_by_name():
    with pytest.raises(SpecificationError, match="there is no cause 'lung'"):
        cause_spec(spec(), "lung")
    one = parse_spec(
        TEXT.format(more="", event="", design="split").replace(
            "values = { tumour = 1, liver = [2, 3] }", "value = 1"
        )
    )
    with pytest.raises(SpecificationError, match="no competing causes"):
        check_causes(one, frame())
