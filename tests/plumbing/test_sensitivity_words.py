"""What a sensitivity study says: changes beyond Monte Carlo error, and what could not be done."""

from types import SimpleNamespace
from unittest.mock import Mock

import numpy as np
import pytest
import xarray as xr
from scipy.stats import norm

from bayes_ihlrt.analysis.check import check_analysis
from bayes_ihlrt.batch.result import BatchPosterior
from bayes_ihlrt.model.graph import prepare
from bayes_ihlrt.names import DesignKind
from bayes_ihlrt.posterior.audit import Audit
from bayes_ihlrt.sensitivity import audit as sensitivity_audit
from bayes_ihlrt.sensitivity import cells
from bayes_ihlrt.sensitivity.audit import audit_grid
from bayes_ihlrt.sensitivity.cells import CellFits, PriorCell
from bayes_ihlrt.sensitivity.confounding import ConfounderGrid, Effect, confounding
from bayes_ihlrt.sensitivity.decisions import CheckResult
from bayes_ihlrt.sensitivity.words import verdict
from bayes_ihlrt.spec.read import load_spec

SPEC = load_spec("sensitivity/primary")
LABELS = ["log_hazard_ratio at 3", "rmst_difference"]


def stated(chance, mcse):
    """Return a grid of the stated priors alone."""
    over = ("member", "quantity")
    columns = {
        "probability": (over, [[chance, 0.6]]),
        "mcse": (over, [[mcse, mcse]]),
        "decision": (over, [["yes" if chance >= 0.95 else "cannot tell", "cannot tell"]]),
        "changed": (over, [[False, False]]),
    }
    coords = {
        "quantity": LABELS,
        "statement": ("quantity", ["hazard ratio below 1", "gain"]),
        "prior": ("member", ["stated"]),
        "priors_changed": ("member", [0]),
    }
    data = xr.Dataset(columns, coords=coords, attrs={"threshold": 0.95})
    return CheckResult("grid", (), data, ())


def confounder(chance, mcse):
    row = {"strength": 2.0, "untreated": 0.4, "treated": 0.2, "decision": "cannot tell"}
    row |= {"probability": chance, "mcse": mcse}
    return CheckResult("confounding", (row,), xr.Dataset(), ())


@pytest.mark.parametrize(("chance", "depends"), [(0.945, False), (0.90, True)])
def test_a_confounder_counts_beyond_monte_carlo_error_only(chance, depends):
    checks = {"grid": stated(0.955, 0.007), "confounding": confounder(chance, 0.007)}
    first = verdict(SPEC, checks)[0]
    assert ("depends on unmeasured confounding" in first) is depends
    assert ("It does not depend on" in first and "unmeasured confounders" in first) is not depends


def test_confounders_within_monte_carlo_error_leave_an_answer_stable():
    draws = norm((norm.ppf(1.0 - 0.951)) * 0.6, 0.6).ppf((np.arange(4000) + 0.5) / 4000)
    # P(below 1) is 0.951, and 0.948 with the weak confounder taken off.
    nearly = ConfounderGrid((1.2,), 0.2, (0.3,))
    strong = ConfounderGrid((5.0,), 0.2, (0.8,))
    prior = SimpleNamespace(log_factors=lambda size, seed: np.zeros(size))
    found = [
        confounding(Effect(draws, 0.6, 0.95, 300.0), grid=grid, prior=prior, seed=1)[0]
        for grid in (nearly, strong)
    ]
    assert [check.rows[0]["decision"] for check in found] == ["cannot tell"] * 2
    assert [check.stable for check in found] == [True, False]


def test_an_answer_without_benefit_and_a_confounder_that_turns_it_do_not_contradict():
    """P(below 1) is 0.94: no benefit to overturn, and yet a strong confounder answers 'no'."""
    draws = norm(-norm.ppf(0.94) * 0.2, 0.2).ppf((np.arange(4000) + 0.5) / 4000)
    grid = ConfounderGrid((1.2, 5.0), 0.2, (0.3, 0.8))
    prior = SimpleNamespace(log_factors=lambda size, seed: np.zeros(size))
    found, _ = confounding(Effect(draws, 0.6, 0.95), grid=grid, prior=prior, seed=1)
    assert not found.stable
    assert (
        "there is no benefit for one to overturn; but a confounder of hazard ratio 5 that 80% of"
        in (found.sentences[-1])
    )
    assert "turns it into 'probably no'" in found.sentences[-1]
    weak = ConfounderGrid((1.2,), 0.2, (0.3,))
    same, _ = confounding(Effect(draws, 0.6, 0.95), grid=weak, prior=prior, seed=1)
    assert same.stable
    assert "none of the confounders that were tried gives another answer" in same.sentences[-1]


def test_a_design_without_a_latent_confounder_is_told():
    landmark = SPEC.treatment.model_copy(update={"design": DesignKind.LANDMARK})
    other = SPEC.model_copy(update={"treatment": landmark})
    told = [words for words in verdict(other, {"grid": stated(0.97, 0.01)}) if "latent" in words]
    assert told == [
        "A latent confounder was not modelled: design 'landmark' does not follow every patient "
        "until treatment, which that model needs."
    ]
    done = {"grid": stated(0.97, 0.01), "latent": confounder(0.9, 0.01)}
    assert not any("latent" in words for words in verdict(SPEC, done))


@pytest.fixture(scope="module")
def study():
    checked = check_analysis(SPEC, "ihlrt_synthetic")
    return SimpleNamespace(checked=checked, prepared=prepare(SPEC.model, checked.person_time))


def two_cells(study, engine):
    """Return two fits: P(ihlrt < 0) is 0.97 in both, with 1000 equal weights."""
    below = np.where(np.arange(1000) < 970, -0.5, 0.5)
    draws = xr.Dataset(
        {
            "ihlrt": (("member", "draw"), np.stack([below, below])),
            "weight": (("member", "draw"), np.full((2, 1000), 1e-3)),
        },
        coords={"member": [0, 1]},
    )
    size = np.full(2, 1000.0)
    prior = study.prepared.priors["ihlrt"].prior.model_copy(update={"sigma": 0.3})
    both = (PriorCell("stated"), PriorCell("narrow", {"ihlrt": prior}))
    return CellFits(both, draws, size * 1e-4, size, size, (engine, engine))


def test_an_audit_without_approximations_says_so(study):
    found = audit_grid(study, two_cells(study, "nuts"))
    assert found.rows[0]["fits"] == 0
    assert found.rows[0]["max_difference"] is None
    assert "no approximation to check" in found.sentences[0]


def test_an_audit_counts_decisions_and_lost_chains(study, monkeypatch):
    # NUTS would have P(ihlrt < 0) 0.965 under the stated priors and 0.90 under the others.
    table = {"mean": [[0.02], [0.3]], "prob_below_zero": [[0.005], [0.07]], "mcse": [[0.04]] * 2}
    differences = xr.Dataset(
        {name: (("member", "parameter"), values) for name, values in table.items()},
        coords={"member": [0, 1], "parameter": ["ihlrt"]},
    )
    audited = Audit(differences, {1: ("R-hat 1.2",)})
    monkeypatch.setattr(sensitivity_audit, "audit", lambda *_, **__: audited)
    found = audit_grid(study, two_cells(study, "laplace"))
    (row,) = found.rows
    assert (row["fits"], row["decisions_changed"], row["not_converged"]) == (2, 1, 1)
    assert (row["prior"], row["max_difference"]) == ("narrow", 0.3)
    assert "below 1 is answered otherwise, beyond Monte Carlo error, in 1." in found.sentences[0]
    assert "chains of 1 of them did not converge" in found.sentences[1]


def test_draws_of_chains_are_worth_their_bulk_size(monkeypatch):
    # An autoregressive chain of coefficient r is worth (1 - r) / (1 + r) of its length.
    rng, r = np.random.default_rng(3), 0.6
    noise = rng.standard_normal((4, 1000)) * np.sqrt(1.0 - r**2)
    chain = rng.standard_normal(4)[:, None].repeat(1000, axis=1)
    for step in range(1, 1000):
        chain[:, step] = r * chain[:, step - 1] + noise[:, step]
    tree = xr.DataTree.from_dict(
        {
            "posterior": xr.Dataset({"ihlrt": (("chain", "draw"), chain)}),
            "sample_stats": xr.Dataset({"diverging": (("chain", "draw"), np.zeros((4, 1000)))}),
        }
    )
    monkeypatch.setattr(cells.nuts, "sample_parameters", lambda *_: tree)
    size = 2000
    both = {
        "ihlrt": (("member", "draw"), rng.standard_normal((2, size))),
        "weight": (("member", "draw"), np.full((2, size), 1.0 / size)),
    }
    approximate = BatchPosterior.make(
        xr.Dataset(both, coords={"member": [0, 1]}),
        {
            "converged": np.ones(2, dtype=bool),
            "k_hat": np.array([0.1, 0.9]),
            "ess": np.array([1800.0, 100.0]),
        },
        None,
    )
    _, sizes, _ = cells.mended(Mock(), {"x": np.zeros((2, 1))}, approximate, ["stated", "flat"])
    assert sizes[0] == 1800.0
    # Bulk sizes of such chains scatter by about a tenth.
    assert sizes[1] == pytest.approx(4000.0 * (1.0 - r) / (1.0 + r), rel=0.3)
