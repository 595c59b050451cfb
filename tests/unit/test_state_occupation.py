"""State occupation against closed forms and against matrix exponentials."""

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import expm

from bayes_ihlrt.errors import SpecificationError
from bayes_ihlrt.estimands.product_limit import kaplan_meier
from bayes_ihlrt.multistate.courses import natural_course, strategy_contrasts, strategy_survival
from bayes_ihlrt.multistate.fit import fit_transitions
from bayes_ihlrt.multistate.markov import Generator, advance
from bayes_ihlrt.multistate.occupation import state_occupation
from bayes_ihlrt.multistate.states import (
    AS_OBSERVED,
    AT_RESPONSE,
    UNTREATED,
    Course,
    Rule,
    from_month,
    within,
)
from bayes_ihlrt.names import Dist
from bayes_ihlrt.priors import Prior
from bayes_ihlrt.spec.sampler import SamplerSpec
from bayes_ihlrt.spec.states import StatesSpec, Transition
from states_cases import IHLRT, fabricate, simulated, toy_cohort

R, A, P = Transition.RESPONSE, Transition.INITIATION, Transition.PROGRESSION
E, D = Transition.EVENT, Transition.AFTER_PROGRESSION
CUTS = (4.0, 9.0)
SAMPLES = 4
RNG = np.random.default_rng(7)
NLR = {"name": "nlr", "column": "nlr", "reference": 3.0}
SPEC = StatesSpec(
    cuts=CUTS,
    event={"formula": "ihlrt * nlr + response", "group": "(1 + nlr | centre)"},
    initiation={"formula": "response + nlr", "cuts": (5.0,)},
    response={"switch": "response", "formula": "nlr + ihlrt"},
    modifier=NLR,
)
BOTH = StatesSpec(
    **SPEC.model_dump(exclude={"progression", "after_progression"}),
    progression={"switch": "progression", "formula": "response"},
    after_progression={"formula": "ihlrt"},
)
TIMES = np.array([0.0, 1.0, 3.0, 4.0, 6.5, 12.0, 30.0])


def drawn(spec, *, scale=0.3, levels=None):
    """Draws of every parameter; `levels` are hazards by transition, constant over time."""
    levels = levels or {}
    found = {}
    for kind, one in spec.transitions.items():
        model = spec.model_of(kind, treatment="ihlrt")
        intervals = len(spec.cuts_of(kind)) + 1
        base = np.log(levels[kind]) if kind in levels else RNG.normal(-2.5, 0.5, (SAMPLES, 1))
        steps = 0.0 if levels else RNG.normal(0.0, 0.4, (SAMPLES, intervals))
        found[kind] = {"log_hazard": base + steps + np.zeros((SAMPLES, intervals))}
        for term in model.outcome.parsed.term_names:
            found[kind][term] = RNG.normal(0.0, scale, SAMPLES)
        if one.group:
            found[kind]["centre_effect"] = RNG.normal(0.0, scale, (SAMPLES, 2))
            found[kind]["centre_effect:nlr"] = RNG.normal(0.0, scale, (SAMPLES, 2))
    return found


@pytest.fixture(scope="module")
def one_endpoint():
    draws = drawn(SPEC)
    return fabricate(toy_cohort(), SPEC, draws), draws


@pytest.fixture(scope="module")
def two_endpoints():
    draws = drawn(BOTH)
    return fabricate(toy_cohort(), BOTH, draws), draws


# Sums of these are exact: SciPy loses all digits where two exits differ in the last one alone.
dyadic = st.integers(0, 3 * 1024).map(lambda parts: parts / 1024)


def test_exits_that_are_alike_but_for_the_last_digit():
    """Both leave at rate 1, one into the other: 0.2 t exp(-t) are there after t = 4 months."""
    moves = [(0, 1, 0.0), (0, 2, 0.0), (1, 3, 0.0), (2, 3, 1.0)]
    exits = np.array([0.0, 0.0, np.finfo(float).eps, 1.0])
    arrays = [(source, target, np.array([rate])) for source, target, rate in moves]
    start = np.array([[0.7], [0.1], [0.2], [0.0]])
    after, _ = advance(start, Generator(arrays, exits[:, None]), 4.0)
    expected = [0.7, 0.1, 0.2 * np.exp(-4.0), 0.8 * np.exp(-4.0)]
    np.testing.assert_allclose(after[:, 0], expected, rtol=1e-12)


@given(st.lists(dyadic, min_size=9, max_size=9), st.floats(1e-6, 60.0))
def test_advance_is_the_matrix_exponential(rates, width):
    moves = [(0, 1, rates[0]), (0, 2, rates[1]), (1, 3, rates[2]), (2, 3, rates[3])]
    exits = np.array(rates[5:])
    generator = np.diag(-exits)
    for source, target, rate in moves:
        generator[source, target] += rate
        generator[source, source] -= rate
    start = np.array([0.7, 0.1, 0.2, 0.0])
    arrays = [(source, target, np.array([rate])) for source, target, rate in moves]
    after, months = advance(start[:, None], Generator(arrays, exits[:, None]), width)
    np.testing.assert_allclose(after[:, 0], start @ expm(generator * width), atol=1e-11)
    # The time spent solves a linear equation only where everybody leaves; so by a larger matrix.
    large = np.zeros((8, 8))
    large[:4, :4], large[:4, 4:] = generator, np.eye(4)
    integral = expm(large * width)[:4, 4:]
    np.testing.assert_allclose(months[:, 0], start @ integral, rtol=1e-9, atol=1e-11 * width)


def test_constant_hazards_without_treatment_are_the_closed_form():
    """No response -> response -> event, with constant hazards, to 1e-8 (methods.md, section 2)."""
    levels = {R: 0.08, A: 0.05, E: 0.06}
    draws = drawn(SPEC, scale=0.0, levels=levels)
    draws[E]["response"] = np.full(SAMPLES, np.log(0.5))
    fit = fabricate(toy_cohort(), SPEC, draws)
    found = state_occupation(fit, TIMES, [UNTREATED])["probability"].isel(chain=0, draw=0)[0]
    r, before, after = 0.08, 0.06, 0.03
    none = np.exp(-(r + before) * TIMES)
    some = r * (np.exp(-after * TIMES) - none) / (r + before - after)
    np.testing.assert_allclose(found.sel(state="no response, no ihlrt"), none, atol=1e-8)
    np.testing.assert_allclose(found.sel(state="response, no ihlrt"), some, atol=1e-8)
    np.testing.assert_allclose(found.sel(state="event"), 1.0 - none - some, atol=1e-8)
    months = state_occupation(fit, TIMES, [UNTREATED])["months"].isel(chain=0, draw=0)[0]
    np.testing.assert_allclose(
        months.sel(state="no response, no ihlrt"), (1.0 - none) / (r + before), atol=1e-8
    )


def event_hazard(b, state, z, centre):
    """Log relative hazard of the event of a patient with log2(NLR / 3) = z."""
    p, r, a = state
    if p:
        return b[D]["ihlrt"] * a
    own = b[E]
    eta = own["ihlrt"] * a + own["nlr"] * z + own["ihlrt:nlr"] * a * z + own["response"] * r
    return eta + own["centre_effect"][centre] + own["centre_effect:nlr"][centre] * z


def next_states(b, state, z, course, *, natural, progression):
    """Transition, target and log relative hazard of what may come next."""
    p, r, a = state
    if p:
        return
    if not r:
        to = (0, 1, 1 if course.rule is Rule.AT_RESPONSE else a)
        yield R, to, b[R]["nlr"] * z + b[R]["ihlrt"] * a
    if not a and natural:
        yield A, (0, r, 1), b[A]["response"] * r + b[A]["nlr"] * z
    if progression:
        yield P, (1, r, a), b[P]["response"] * r


def by_matrices(draws, times, course, *, progression):
    """P(state) of the toy cohort, patient by patient, by scipy's matrix exponential."""
    cohort = toy_cohort().columns
    states = list(product((0, 1) if progression else (0,), (0, 1), (0, 1)))
    start = np.eye(len(states) + 1)[states.index((0, 0, int(course.month == 0.0)))]
    starting = np.eye(len(states) + 1)
    for j, (p, r, _) in enumerate(states):
        if not p:
            starting[j] = np.eye(len(states) + 1)[states.index((0, r, 1))]

    def step(i, s, low, high):
        z, centre = np.log2(cohort["nlr"][i] / 3.0), int(cohort["centre"][i] == "y")
        place = {kind: int(np.searchsorted(BOTH.cuts_of(kind), (low + high) / 2)) for kind in draws}
        level = {kind: np.exp(own["log_hazard"][s, place[kind]]) for kind, own in draws.items()}
        b = {kind: {k: v[s] for k, v in own.items()} for kind, own in draws.items()}
        natural = course.rule is Rule.AS_OBSERVED
        natural |= course.rule is Rule.WITHIN and high <= course.month
        q = np.zeros((len(states) + 1, len(states) + 1))
        for j, state in enumerate(states):
            q[j, -1] = level[D if state[0] else E] * np.exp(event_hazard(b, state, z, centre))
            steps = next_states(b, state, z, course, natural=natural, progression=progression)
            for kind, target, eta in steps:
                q[j, states.index(target)] += level[kind] * np.exp(eta)
            q[j, j] = -q[j].sum()
        return expm(q * (high - low)) @ (starting if high == course.month else np.eye(len(q)))

    total = np.zeros((SAMPLES, len(times), len(states) + 1))
    for i, s, number in product(range(6), range(SAMPLES), range(len(times))):
        p, time = start, times[number]
        for low, high in pairwise(
            sorted({0.0, time, *(c for c in (*CUTS, 5.0, course.month) if c < time)})
        ):
            p = p @ step(i, s, low, high)
        total[s, number] += p / 6.0
    return total


STRATEGIES = [UNTREATED, AS_OBSERVED, AT_RESPONSE, from_month(0.0), from_month(3.0), within(6.0)]


@pytest.mark.parametrize("course", STRATEGIES, ids=lambda course: course.name)
@pytest.mark.parametrize("case", ["one_endpoint", "two_endpoints"])
def test_every_strategy_is_a_product_of_matrix_exponentials(case, course, request):
    fit, draws = request.getfixturevalue(case)
    found = state_occupation(fit, TIMES, [course])["probability"].isel(strategy=0)
    expected = by_matrices(draws, TIMES, course, progression=case == "two_endpoints")
    np.testing.assert_allclose(found.to_numpy().reshape(expected.shape), expected, atol=1e-10)


@pytest.mark.parametrize("case", ["one_endpoint", "two_endpoints"])
def test_probabilities_sum_to_one_and_months_to_the_time(case, request):
    """The event's probability is added up on its own, so that the sum can fail."""
    fit, _ = request.getfixturevalue(case)
    found = state_occupation(fit, TIMES, STRATEGIES)
    np.testing.assert_allclose(found["probability"].sum("state"), 1.0, atol=1e-11)
    assert float(found["probability"].min()) >= 0.0
    assert (np.diff(found["probability"].sel(state="event"), axis=3) >= 0.0).all()
    curve = strategy_survival(found)
    fine = np.linspace(0.0, 12.0, 4001)
    dense = strategy_survival(state_occupation(fit, fine, [from_month(3.0)]))["survival"]
    area = np.trapezoid(dense.isel(strategy=0, endpoint=0), fine, axis=-1)
    exact = curve["rmst"].sel(strategy="from month 3", time=12.0).isel(endpoint=0)
    np.testing.assert_allclose(area, exact, atol=1e-5)


def test_within_is_from_where_nobody_starts_before():
    draws = drawn(SPEC)
    draws[A]["log_hazard"] = np.full((SAMPLES, 2), -np.inf)
    fit = fabricate(toy_cohort(), SPEC, draws)
    found = state_occupation(fit, TIMES, [within(4.0), from_month(4.0), AS_OBSERVED, UNTREATED])
    values = found["probability"].to_numpy()
    np.testing.assert_allclose(values[:, :, 0], values[:, :, 1], atol=1e-14)
    np.testing.assert_allclose(values[:, :, 2], values[:, :, 3], atol=1e-14)
    assert np.abs(values[:, :, 0] - values[:, :, 2]).max() > 0.01


def test_strategies_leave_nobody_where_they_forbid_it(two_endpoints):
    fit, _ = two_endpoints
    found = state_occupation(fit, TIMES, STRATEGIES)
    free = found["probability"].where(found["event_free"], 0.0)
    treated = free.where(found["treated"], 0.0).sum("state")
    untreated = free.where(~found["treated"] & ~found["progressed"], 0.0).sum("state")
    assert float(treated.sel(strategy="never").max()) == 0.0
    assert float(treated.sel(strategy="from month 3", time=1.0).max()) == 0.0
    assert float(untreated.sel(strategy="from month 3", time=3.0).max()) == 0.0
    assert float(untreated.sel(strategy="within month 6", time=6.5).max()) == 0.0
    responding = free.where(found["responded"] & ~found["treated"], 0.0)
    assert float(responding.sel(strategy="at response").max()) == 0.0


def test_patients_begin_in_their_own_state():
    times = {
        "response_months": np.array([0.0, 4.0, np.inf, 2.0, np.inf, np.inf]),
        "treatment_start": np.array([5.0, np.inf, 0.0, 2.0, np.inf, np.inf]),
    }
    fit = fabricate(toy_cohort(**times), SPEC, drawn(SPEC))
    found = state_occupation(fit, [0.0, 1.0], [AS_OBSERVED, UNTREATED, AT_RESPONSE])
    start = found["probability"].isel(chain=0, draw=0, time=0).to_numpy() * 6.0
    # no response / response, each untreated and treated, then the event
    np.testing.assert_allclose(start, [[4, 1, 1, 0, 0], [5, 0, 1, 0, 0], [5, 0, 0, 1, 0]])


def test_modifier_and_weights(one_endpoint):
    """At one value of the modifier only the centres differ; weights pick patients."""
    fit, _ = one_endpoint
    strategies = [UNTREATED, from_month(3.0)]
    own = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 2.0])
    last = state_occupation(fit, [12.0], strategies, weights=own)
    parts = [
        state_occupation(fit, [12.0], strategies, weights=np.eye(6)[i])["probability"]
        for i in range(6)
    ]
    np.testing.assert_allclose(last["probability"], parts[5], atol=1e-14)
    whole = state_occupation(fit, [12.0], strategies)["probability"]
    np.testing.assert_allclose(sum(parts) / 6.0, whole, atol=1e-14)
    at = state_occupation(fit, [12.0], strategies, modifier_at=3.5, weights=own)
    np.testing.assert_allclose(at["probability"], last["probability"], atol=1e-14)
    other = state_occupation(fit, [12.0], strategies, modifier_at=6.0, weights=own)
    assert float(np.abs(other["probability"] - last["probability"]).max()) > 1e-3


def test_contrasts_are_differences(two_endpoints):
    fit, _ = two_endpoints
    found = state_occupation(fit, [6.0, 12.0], [UNTREATED, from_month(3.0), AS_OBSERVED])
    curves, gaps = strategy_survival(found), strategy_contrasts(found)
    assert gaps["strategy"].values.tolist() == ["from month 3", "as observed"]
    assert gaps["endpoint"].values.tolist() == ["event", "progression or event"]
    for name in ("survival", "rmst"):
        expected = curves[name].sel(strategy="from month 3") - curves[name].sel(strategy="never")
        np.testing.assert_allclose(gaps[name].sel(strategy="from month 3"), expected)
    later = curves.sel(endpoint="progression or event")
    assert bool((later["survival"] < curves.sel(endpoint="event")["survival"]).all())
    with pytest.raises(SpecificationError, match="Did you mean 'never'"):
        strategy_contrasts(found, reference="nevr")


def test_natural_course_takes_the_curve_of_the_cohort(two_endpoints):
    """Death before and after progression is one curve; Greenwood by hand at the first death."""
    fit, _ = two_endpoints
    cohort = toy_cohort().columns
    found = natural_course(fit, [4.0, 5.0, 8.5, 11.0])
    curve = kaplan_meier(cohort["start"], cohort["stop"], cohort["event"])
    expected = curve["survival"].sel(time=[5.0, 8.0, 10.0]).to_numpy()
    np.testing.assert_allclose(found["observed"], [1.0, *expected])
    assert found["at_risk"].values.tolist() == [6, 6, 3, 1]
    np.testing.assert_allclose(found["standard_error"][:2], [0.0, np.sqrt(5.0 / 6.0 / 36.0)])
    gap = found["survival"] - found["observed"]
    np.testing.assert_allclose(found["difference"], gap)


def test_priors_of_every_transition_are_the_packages_unless_stated():
    assert BOTH.model_of(R, treatment="ihlrt").priors == {}
    assert BOTH.model_of(E, treatment="ihlrt").priors == {}
    own = {"log_hazard": Prior(dist=Dist.NORMAL, mu=0.0, sigma=9.0)}
    response = SPEC.response.model_copy(update={"priors": own})
    spec = SPEC.model_copy(update={"response": response})
    assert spec.model_of(R, treatment="ihlrt").priors == own


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([-1.0, 2.0], [UNTREATED], {}), "months since therapy start, 0 or more"),
        (([0.0], [UNTREATED], {}), "at least one above 0"),
        (([1.0], [UNTREATED, UNTREATED], {}), "each once"),
        (([1.0], [], {}), "at least one strategy"),
        (([1.0], [UNTREATED], {"weights": np.ones(5)}), "not 6 numbers"),
        (([1.0], [UNTREATED], {"weights": np.zeros(6)}), "not 6 numbers"),
    ],
)
def test_bad_requests(one_endpoint, arguments, words):
    times, strategies, options = arguments
    with pytest.raises(SpecificationError, match=words):
        state_occupation(one_endpoint[0], times, strategies, **options)


def test_what_the_states_lack_cannot_be_asked_of_them():
    spec = StatesSpec(cuts=CUTS, event={"formula": "ihlrt"})
    fit = fabricate(toy_cohort(), spec, drawn(spec))
    with pytest.raises(SpecificationError, match="response is not among the states"):
        state_occupation(fit, [1.0], [AT_RESPONSE])
    with pytest.raises(SpecificationError, match="no modifier"):
        state_occupation(fit, [1.0], [UNTREATED], modifier_at=3.0)
    assert state_occupation(fit, [1.0], [UNTREATED]).sizes["state"] == 3


def test_bad_strategies():
    with pytest.raises(SpecificationError, match="needs a month"):
        Course(Rule.WITHIN)
    with pytest.raises(SpecificationError, match="0 or more"):
        from_month(-1.0)
    with pytest.raises(SpecificationError, match="uses no month"):
        Course(Rule.NEVER, 3.0)


def test_bad_specifications():
    with pytest.raises(ValueError, match="cuts must increase"):
        StatesSpec(cuts=(6.0, 3.0), event={})
    with pytest.raises(ValueError, match="cuts must increase"):
        StatesSpec(cuts=(3.0,), event={"cuts": (6.0, 6.0)})
    with pytest.raises(ValueError, match="`after_progression` is lacking"):
        StatesSpec(cuts=(3.0,), event={}, progression={"switch": "progression"})
    with pytest.raises(ValueError, match="powers"):
        StatesSpec(cuts=(3.0,), event={"formula": "nlr **"})


def test_covariates_that_change_are_refused():
    cohort = toy_cohort()
    values = {name: np.append(column, column[:1]) for name, column in cohort.columns.items()}
    values["start"][6], values["stop"][6], values["event"][0] = 10.0, 11.0, 0.0
    values["nlr"][6] = 9.0
    changing = type(cohort)(values, visits=cohort.visits)
    with pytest.raises(
        SpecificationError, match=r"'nlr': it changes during follow-up in 1 patient"
    ):
        fit_transitions(changing, IHLRT, spec=SPEC)


def test_a_missing_column_is_named():
    spec = SPEC.model_copy(update={"response": SPEC.response.model_copy(update={"formula": "nr"})})
    with pytest.raises(SpecificationError, match="no column 'nr'"):
        fit_transitions(simulated(60, 1), IHLRT, spec=spec)


def test_every_transition_is_fitted_once_with_a_seed_of_its_own(monkeypatch, two_endpoints):
    """Posteriors of one dimension and one seed would share their random numbers."""
    ready, _ = two_endpoints
    asked = []

    def recording(spec, rows, settings, **options):
        asked.append((spec.outcome.formula, rows.n_rows, settings.seed, settings.draws, options))
        return list(ready.fits.values())[len(asked) - 1]

    monkeypatch.setattr("bayes_ihlrt.multistate.fit.fit_model", recording)
    settings = SamplerSpec(draws=123, seed=5)
    fit = fit_transitions(toy_cohort(), IHLRT, spec=BOTH, settings=settings)
    formulas, sizes, seeds, draws, options = zip(*asked, strict=True)
    assert formulas == tuple(one.formula for one in BOTH.transitions.values())
    assert sizes == tuple(rows.n_rows for rows in fit.data.rows.values())
    assert len(set(seeds)) == 5
    assert set(draws) == {123}
    assert options[0] == {"allow_nonconverged": False, "progress": False}
