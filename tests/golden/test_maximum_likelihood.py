"""The likelihood, maximised without priors, against R's survival package.

`reference.json` holds R's numbers with the calls that made them; those of the intermediate-stage
hepatocellular carcinoma cohort, whose data are not shipped, are beside its data. R stops at a
gradient below 1e-11 and so do we: 1e-4 is the agreement asked for, 1e-8 is what is checked.
"""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from bayes_ihlrt.cohort.load import Cohort, load_cohort
from bayes_ihlrt.designs.build import person_time
from bayes_ihlrt.hazards.convert import WeibullPH, weibull_aft_from_ph, weibull_in_unit
from bayes_ihlrt.names import DAYS_PER_MONTH, TimeUnit
from bayes_ihlrt.spec.data import DataSpec
from bayes_ihlrt.spec.model import ModelSpec
from bayes_ihlrt.spec.treatment import TreatmentSpec
from maximum_likelihood import maximise

pytestmark = pytest.mark.golden

HERE = Path(__file__).parent
REFERENCE = json.loads((HERE / "reference.json").read_text("utf-8"))
TOLERANCE = 1e-8
OUR_NAME = {"tr": "transplanted", "age_tr": "age:transplanted"}
WEIBULL = {
    "weibull_ph_tr": "transplanted",
    "weibull_ph_full": "age + year + surgery + transplanted",
    "weibull_ph_age_x_tr": "age * transplanted",
}
PIECEWISE = {"pwe_tr": "transplanted", "pwe_full": "age + year + surgery + transplanted"}


@pytest.fixture(scope="module")
def heart():
    data = DataSpec(patient="id", start="start", stop="stop", event="event", time_unit="days")
    treatment = TreatmentSpec(name="transplanted", column="transplant")
    covariates = ["age", "year", "surgery"]
    return person_time(load_cohort("heart", data, treatment, covariates=covariates), treatment)


@pytest.fixture(scope="module")
def lung():
    rows = list(csv.DictReader((HERE / "data" / "lung.csv").read_text("utf-8").splitlines()))
    complete = [row for row in rows if row["ph_ecog"]]
    frame = {
        "patient": [str(number) for number in range(len(complete))],
        "female": [float(row["sex"] == "2") for row in complete],
        **{name: [float(row[name]) for row in complete] for name in ("time", "status", "age")},
        "ph_ecog": [float(row["ph_ecog"]) for row in complete],
    }
    data = DataSpec(patient="patient", time="time", event="status", time_unit="days")
    return person_time(Cohort.from_frame(frame, data, covariates=["age", "female", "ph_ecog"]))


@pytest.fixture(scope="module")
def chemoembolised(shared):
    """Return the 11,475 rows with known age, in months, with the covariates of the R script."""
    with (shared / "data" / "dtsdhcc_counting.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["age"] not in {"", "NA"}]
    columns = {name: np.array([float(row[name]) for row in rows]) for name in rows[0]}
    frame = {
        "id": [row["id"] for row in rows],
        **{name: columns[name] for name in ("tstart", "tstop", "event")},
        "emb": columns["ever_embolized"],
        "cp": columns["child_pugh_score"] - 5.0,
        "lafp": np.log10(columns["afp"] + 1.0),
    }
    data = DataSpec(patient="id", start="tstart", stop="tstop", event="event", time_unit="days")
    treatment = TreatmentSpec(name="embolised", column="emb")
    cohort = Cohort.from_frame(frame, data, treatment, covariates=["cp", "lafp"])
    assert cohort.n_rows == 11_475
    return person_time(cohort, treatment)


@pytest.fixture(scope="module")
def chemoembolised_reference(shared):
    return json.loads((shared / "reference" / "r_reference.json").read_text("utf-8"))["dtsdhcc"]


def model(formula, family="weibull", cuts_months=None):
    hazard = {"family": family}
    if cuts_months is not None:
        hazard |= {"cuts": list(cuts_months), "smoothing": "independent"}
    return ModelSpec.model_validate({"outcome": {"formula": formula, "hazard": hazard}})


def in_days(found):
    """Return a Weibull with time in days, as R was given it."""
    names = set(found) - {"log_rate", "log_shape", "log_rate_centred"}
    ph = WeibullPH(found["log_rate"], found["log_shape"], {name: found[name] for name in names})
    return weibull_in_unit(ph, source=TimeUnit.MONTHS, target=TimeUnit.DAYS)


def per_day(loglik, events):
    """Return a log-likelihood whose densities are per day; ours are per month."""
    return loglik - events * np.log(DAYS_PER_MONTH)


@pytest.mark.parametrize("key", WEIBULL)
def test_heart_weibull_start_stop(heart, key):
    expected = REFERENCE["heart"][key]
    found = maximise(model(WEIBULL[key]), heart)
    ph = in_days(found.parameters)
    coef = dict(expected["coef"])
    assert found.largest_gradient < 1e-8
    assert ph.log_shape == pytest.approx(coef.pop("log_shape"), abs=TOLERANCE)
    assert ph.log_rate == pytest.approx(coef.pop("log_lambda"), abs=TOLERANCE)
    ours = {OUR_NAME.get(name, name): value for name, value in coef.items()}
    assert ph.log_hazard_ratio == pytest.approx(ours, abs=TOLERANCE)
    assert per_day(found.loglik, heart.events) == pytest.approx(expected["loglik"], abs=1e-8)


@pytest.mark.parametrize("key", PIECEWISE)
def test_heart_piecewise(heart, key):
    expected = REFERENCE["heart"][key]
    # As the data are converted: two deaths fall on a cut, and the last digit decides for them.
    cuts = [days * TimeUnit.DAYS.months for days in expected["cuts_days"]]
    found = maximise(model(PIECEWISE[key], "piecewise", cuts), heart)
    assert_piecewise(found, expected, days_per_unit=DAYS_PER_MONTH)
    assert per_day(found.loglik, heart.events) == pytest.approx(expected["loglik"], abs=1e-8)


@pytest.mark.parametrize(
    ("key", "formula"),
    [("weibull", "age + female + ph_ecog"), ("weibull_inter", "female * ph_ecog + age")],
)
def test_lung_weibull_as_accelerated_failure_time(lung, key, formula):
    expected = REFERENCE["lung"][key]
    found = maximise(model(formula), lung)
    aft = weibull_aft_from_ph(in_days(found.parameters))
    coef = {name.replace("ph.ecog", "ph_ecog"): value for name, value in expected["coef"].items()}
    assert len(lung.patients) == expected["n"]
    assert found.largest_gradient < 1e-8
    assert aft.intercept == pytest.approx(coef.pop("(Intercept)"), abs=TOLERANCE)
    assert aft.scale == pytest.approx(expected["scale"], abs=TOLERANCE)
    assert aft.log_time_ratio == pytest.approx(coef, abs=TOLERANCE)
    assert per_day(found.loglik, lung.events) == pytest.approx(expected["loglik"], abs=1e-8)


def test_chemoembolisation_weibull_with_interaction(chemoembolised, chemoembolised_reference):
    expected = chemoembolised_reference["weibull_ph_td_inter_months"]
    found = maximise(model("embolised * cp + lafp"), chemoembolised)
    coef = dict(expected["par"])
    assert found.largest_gradient < 1e-8
    assert found.parameters["log_rate"] == pytest.approx(coef["log_lambda"], abs=TOLERANCE)
    assert found.parameters["log_shape"] == pytest.approx(coef["log_shape"], abs=TOLERANCE)
    assert_coefficients(found.parameters, coef)
    assert found.loglik == pytest.approx(expected["loglik"], abs=1e-7)


def test_chemoembolisation_piecewise_with_interaction(chemoembolised, chemoembolised_reference):
    expected = chemoembolised_reference["pwe_td_inter_months"]
    spec = model("embolised * cp + lafp", "piecewise", expected["cuts"])
    found = maximise(spec, chemoembolised)
    assert_piecewise(found, expected, days_per_unit=1.0)
    assert found.loglik == pytest.approx(expected["loglik_survival"], abs=1e-7)


def assert_piecewise(found, expected, *, days_per_unit):
    """Compare hazards per month with R's per day (or per month: one day a unit)."""
    coef = expected["coef"]
    log_hazard = [value for name, value in coef.items() if name.startswith("factor(iv)")]
    ours = found.parameters["log_hazard"] - np.log(days_per_unit)
    assert found.largest_gradient < 1e-8
    np.testing.assert_allclose(ours, log_hazard, rtol=0, atol=TOLERANCE)
    assert_coefficients(found.parameters, coef)


def assert_coefficients(parameters, coef):
    names = {"tr": "transplanted", "emb": "embolised", "emb_cp": "embolised:cp"}
    for name in set(coef) - {"log_lambda", "log_shape"}:
        if not name.startswith("factor"):
            ours = parameters[names.get(name, name)]
            assert ours == pytest.approx(coef[name], abs=TOLERANCE), name
