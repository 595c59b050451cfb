"""The packaged data sets, against the numbers that R finds in them."""

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bayes_ihlrt.analysis.check import check_analysis
from bayes_ihlrt.cohort import datasets
from bayes_ihlrt.cohort.load import Cohort, load_cohort
from bayes_ihlrt.errors import DataError
from bayes_ihlrt.names import DAYS_PER_MONTH
from bayes_ihlrt.spec.data import DataSpec
from bayes_ihlrt.spec.read import load_spec
from bayes_ihlrt.spec.treatment import TreatmentSpec

HEART = DataSpec(patient="id", start="start", stop="stop", event="event", time_unit="days")
TRANSPLANT = TreatmentSpec(name="transplant", column="transplant")
HEPATOCELLULAR = DataSpec(patient="Number", time="OS", event="Death")


def weibull_log_likelihood(
    cohort: Cohort, *, shape: float, log_rate: float, eta: NDArray[Any]
) -> float:
    """Sum of event * log h(stop) - [H(stop) - H(start)], H = exp(log_rate + eta) t^shape."""
    start, stop, event = (cohort.columns[name] for name in ("start", "stop", "event"))
    log_hazard = log_rate + eta + math.log(shape) + (shape - 1) * np.log(stop)
    increment = np.exp(log_rate + eta) * (stop**shape - start**shape)
    return float(np.sum(event * log_hazard - increment))


@pytest.mark.golden
def test_heart_gives_the_log_likelihood_of_r() -> None:
    # R 4.2.2, survival 3.5-3: exact maximum likelihood on survival::heart in days
    # (r_reference.json, heart.weibull_ph_full).
    shape, log_rate_days = math.exp(-0.573838775404755), -2.680333296962549
    log_likelihood_days = -489.53391697708264
    cohort = load_cohort("heart", HEART, TRANSPLANT, covariates=["age", "year", "surgery"])
    eta = (
        0.032201701805115064 * cohort.columns["age"]
        - 0.11546531135905413 * cohort.columns["year"]
        - 0.7561543856575733 * cohort.columns["surgery"]
        - 0.10232871949220664 * cohort.columns["transplant"]
    )
    found = weibull_log_likelihood(
        cohort, shape=shape, log_rate=log_rate_days + shape * math.log(DAYS_PER_MONTH), eta=eta
    )
    # A density per month is DAYS_PER_MONTH times one per day, once for each event. Digits: the
    # covariates are stored with 15, which leaves 1e-12 of relative error.
    expected = log_likelihood_days + 75 * math.log(DAYS_PER_MONTH)
    assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.golden
def test_heart_has_the_size_and_exposure_of_r() -> None:
    # r_reference.json, heart: n_rows, n_id, events, transplanted; pwe_full.exposure_by_interval.
    cohort = load_cohort("heart", HEART, TRANSPLANT)
    assert (cohort.n_rows, cohort.n_patients, cohort.events) == (172, 103, 75)
    treated = cohort.columns["transplant"] == 1
    assert len(set(cohort.columns["patient"][treated])) == 69
    days = 2631 + 3816 + 4085 + 6403 + 15019
    assert cohort.months * DAYS_PER_MONTH == pytest.approx(days, rel=1e-12)


@pytest.mark.golden
def test_hepatocellular_gives_the_log_likelihood_of_r() -> None:
    # r_reference.json, hepatoCellular.weibull: survreg on 227 patients, time in months.
    names = ["Age", "AFP", "Tumorsize", "Vascularinvasion", "TNM"]
    beta = [
        0.00197465455267003,
        0.7317098029478855,
        0.3548589203510691,
        0.542987226670361,
        0.3907877282167775,
    ]
    cohort = load_cohort("hepatocellular", HEPATOCELLULAR, covariates=names)
    eta = np.sum([b * cohort.columns[name] for b, name in zip(beta, names, strict=True)], axis=0)
    found = weibull_log_likelihood(
        cohort, shape=0.965392142308501, log_rate=-6.897846514169905, eta=eta
    )
    assert (cohort.n_patients, cohort.events) == (227, 97)
    assert found == pytest.approx(-513.0335944617777, rel=1e-12)


@pytest.mark.golden
def test_tissue_nlr_gives_the_log_likelihood_of_r() -> None:
    # r_reference.json, hepatoCellular.itnlr: the 101 patients whose tissue was stained.
    columns = datasets.columns("hepatocellular")
    stained = ~np.isnan(columns["tissue_nlr"])
    assert np.array_equal(stained, ~np.isnan(columns["CD15T"]))
    cohort = Cohort.from_frame(
        {name: values[stained] for name, values in columns.items()},
        HEPATOCELLULAR,
        covariates=["tissue_nlr", "Tumorsize"],
    )
    log_nlr = np.log(cohort.columns["tissue_nlr"])
    eta = 0.19392844453099428 * log_nlr + 0.21080136524888243 * cohort.columns["Tumorsize"]
    found = weibull_log_likelihood(
        cohort, shape=0.9278220383903292, log_rate=-3.9407195059488913, eta=eta
    )
    assert (cohort.n_patients, cohort.events) == (101, 45)
    assert float(log_nlr.mean()) == pytest.approx(-1.8808709463770077, rel=1e-12)
    assert found == pytest.approx(-231.86362420057037, rel=1e-12)


def test_patients_without_stained_tissue_are_named_and_not_dropped() -> None:
    with pytest.raises(DataError, match="column tissue_nlr: 126 of 227 values are missing"):
        load_cohort("hepatocellular", HEPATOCELLULAR, covariates=["tissue_nlr"])


@pytest.mark.parametrize("name", datasets.names())
def test_every_column_is_described(name: str) -> None:
    about = datasets.describe(name)
    assert set(about.columns) == set(datasets.columns(name))
    assert about.licence
    assert about.source


@pytest.mark.parametrize("name", datasets.names())
def test_only_the_synthetic_data_say_that_they_are(name: str) -> None:
    about = datasets.describe(name)
    assert about.synthetic == ("synthetic" in name)
    assert about.synthetic == ("synthetic" in about.title.lower())


def test_the_data_sets_of_the_documentation_are_there() -> None:
    assert datasets.names() == (
        "heart",
        "hepatocellular",
        "ihlrt_synthetic",
        "ihlrt_synthetic_findings",
    )


def test_a_data_frame_carries_its_source() -> None:
    frame = datasets.load("heart")
    assert frame.shape == (172, 8)
    assert frame.attrs["licence"].startswith("MIT")
    assert frame.attrs["synthetic"] is False
    frame.loc[0, "stop"] = 1e6
    assert datasets.columns("heart")["stop"][0] == 50.0


def test_columns_are_read_only() -> None:
    columns = datasets.columns("heart")
    with pytest.raises(ValueError, match="read-only"):
        columns["stop"][0] = 1.0


def test_the_packaged_data_carry_their_source_into_the_cohort() -> None:
    cohort = load_cohort("heart", HEART, TRANSPLANT)
    assert cohort.attrs["licence"] == datasets.describe("heart").licence
    assert cohort.attrs["synthetic"] is False


def test_an_unknown_data_set_is_answered_with_the_known_ones() -> None:
    with pytest.raises(DataError) as told:
        datasets.describe("hepatocelular")
    assert str(told.value) == (
        "packaged data: 1 fault\n"
        "  - the name: no packaged data set is called 'hepatocelular'. Did you mean "
        "'hepatocellular'? Allowed: heart, hepatocellular, ihlrt_synthetic, "
        "ihlrt_synthetic_findings."
    )


def test_a_packaged_name_in_a_specification_is_told_where_it_belongs(tmp_path):
    with pytest.raises(DataError) as caught:
        datasets.find_data(tmp_path / "heart")
    (fault,) = caught.value.faults
    assert "leave `file` out of [data], and give data='heart'" in str(fault)
    with pytest.raises(DataError, match="Did you mean 'heart'"):
        datasets.find_data("hart")


def test_a_part_of_a_packaged_cohort_is_as_synthetic_as_the_whole() -> None:
    spec = load_spec("primary")
    frame = datasets.load("ihlrt_synthetic")
    assert check_analysis(spec, frame[frame["age"] > 60]).cohort.attrs["synthetic"] is True
    heart = datasets.load("heart")
    assert not check_analysis(load_spec("heart"), heart).cohort.attrs.get("synthetic", False)
