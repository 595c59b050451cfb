"""Fit progression and death in monoclonal gammopathy and write docs/validation/mgus.md.

python validation/write_mgus.py             # Laplace, a minute
python validation/write_mgus.py print       # printed and not written

Published is what the vignette "Multi-state models and competing risks" of R's survival 3.8-6 prints
(Therneau T, Crowson C, Atkinson E; doi 10.32614/CRAN.package.survival) of the patients of Kyle RA
et al. N Engl J Med 2002;346:564-569, doi 10.1056/NEJMoa01133202.
"""

import csv
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bayes_ihlrt.analysis.causes import CheckedCauses, check_causes  # noqa: E402
from bayes_ihlrt.estimands.causes import cause_populations, cumulative_incidence  # noqa: E402
from bayes_ihlrt.estimands.curves import NEVER  # noqa: E402
from bayes_ihlrt.estimands.population import Population  # noqa: E402
from bayes_ihlrt.estimands.product_limit import aalen_johansen  # noqa: E402
from bayes_ihlrt.names import TIME  # noqa: E402
from bayes_ihlrt.posterior.fitted import FittedModel, fit_shared  # noqa: E402
from bayes_ihlrt.spec.read import parse_spec  # noqa: E402

Floats = NDArray[np.float64]
PAGE = ROOT / "docs" / "validation" / "mgus.md"
FILE = ROOT / "tests" / "golden" / "data" / "mgus.csv"
TERMS: Final = {"age": "age, a year", "sex[T.M]": "male", "mspike": "M-spike, 1 g/dL"}
CAUSES: Final = {"pcm": "malignancy", "death": "death before it"}
# coxph(Surv(etime, event) ~ age + sex + mspike, mgus2, id=id): coef, robust se.
PUBLISHED: Final[Mapping[str, Mapping[str, tuple[float, float]]]] = {
    "pcm": {"age": (0.0163, 0.0069), "sex[T.M]": (-0.0050, 0.1879), "mspike": (0.8840, 0.1682)},
    "death": {"age": (0.0649, 0.0037), "sex[T.M]": (0.3873, 0.0663), "mspike": (-0.0590, 0.0617)},
}
HORIZON: Final = 240.0
# Malignancy within 20 years, in per cent, by sex and age at an M-spike of 1.2: predicted from that.
PREDICTED: Final = {("F", 60.0): 12.4, ("M", 60.0): 10.7, ("F", 80.0): 8.4, ("M", 80.0): 6.0}
SPIKE: Final = 1.2
# survfit(Surv(etime, event) ~ sex), print(rmean=240, scale=12): years lost by 20 years, se.
YEARS_LOST: Final = {
    ("F", "pcm"): (1.323284, 0.1742312),
    ("M", "pcm"): (1.064693, 0.1417536),
    ("F", "death"): (8.823108, 0.3053757),
    ("M", "death"): (10.260294, 0.2825688),
}
CUTS: Final = tuple(float(month) for month in range(24, 265, 24))
# Flat: ten times the largest coefficient, and a doubling of a hazard 20 times over.
SPECIFICATION = f"""
schema = 2
name = "mgus"
[data]
patient = "id"
time = "months"
event = {{ column = "cause", values = {{ pcm = 1, death = 2 }} }}
[outcome]
formula = "age + sex + mspike"
[outcome.hazard]
family = "piecewise"
smoothing = "independent"
cuts = {list(CUTS)}
[causes.pcm.priors]
default = {{ dist = "Normal", mu = 0.0, sigma = 10.0 }}
[causes.death.priors]
default = {{ dist = "Normal", mu = 0.0, sigma = 10.0 }}
[sampler]
draws = 2000
engine = "laplace"
"""


def patients() -> dict[str, list[str]]:
    """Return all 1,384 patients, as text."""
    rows = list(csv.DictReader(FILE.read_text("utf-8").splitlines()))
    return {name: [row[name] for row in rows] for name in rows[0]}


def complete() -> dict[str, list[str]]:
    """Return the 1,373 with an M-spike, of whom the published model was fitted."""
    found = patients()
    keep = [place for place, spike in enumerate(found["mspike"]) if spike]
    return {name: [values[place] for place in keep] for name, values in found.items()}


def checked() -> CheckedCauses:
    """Check the analysis."""
    return check_causes(parse_spec(SPECIFICATION), complete())


def fits(analysis: CheckedCauses) -> dict[str, FittedModel]:
    """Return the posterior of each cause."""
    return {
        name: fit_shared(part.spec.model, part.person_time, part.spec.sampler)
        for name, part in analysis.parts.items()
    }


def counted(frame: Mapping[str, list[str]], sex: str) -> dict[str, float]:
    """Return the years lost to each cause by 20 years, of one sex, by Aalen-Johansen."""
    own = [place for place, value in enumerate(frame["sex"]) if value == sex]
    months = np.array([float(frame["months"][place]) for place in own])
    cause = np.array([int(frame["cause"][place]) for place in own])
    curve = aalen_johansen(np.zeros(len(own)), months, cause)
    edges = np.minimum(np.append(curve[TIME].to_numpy(), np.inf), HORIZON)
    areas = curve["incidence"].to_numpy() @ np.diff(edges)
    return dict(zip(CAUSES, areas / 12.0, strict=True))


def by_sex(
    found: Mapping[str, FittedModel], frame: Mapping[str, list[str]], sex: str
) -> xr.Dataset:
    """Return incidence and months lost by 20 years, averaged over the patients of one sex."""
    weights = np.array([float(value == sex) for value in frame["sex"]])
    people = next(cause_populations(found, weights=weights))
    return cumulative_incidence(found, [HORIZON], [NEVER], populations=people).squeeze()


def of_profile(found: Mapping[str, FittedModel], sex: str, age: float) -> xr.DataArray:
    """Return the incidence of each cause by 20 years of a patient with an M-spike of 1.2."""
    people = {}
    for name, fit in found.items():
        row = {"age": [age], "sex": [sex], "mspike": [SPIKE]}
        design = fit.prepared.encoder.design({k: np.asarray(v) for k, v in row.items()})[0]
        names = fit.prepared.encoder.columns
        values = [fit.posterior[each].to_numpy().ravel() for each in names]
        eta = np.column_stack(values) @ design
        people[name] = Population(eta[:, None], eta[:, None], np.ones(1))
    told = cumulative_incidence(found, [HORIZON], [NEVER], populations=people)
    return told["incidence"].squeeze(("strategy", "time"), drop=True)


class Likelihood(NamedTuple):
    """Maximum of a piecewise exponential likelihood.

    Parameters
    ----------
    coefficients, se : ndarray, shape (3,)
        In the order of `TERMS`.
    log_hazard : ndarray, shape (intervals,)
        Of a patient with zero in every covariate; minus infinity without an event.
    """

    coefficients: Floats
    se: Floats
    log_hazard: Floats


def by_likelihood(cause: str, cuts: tuple[float, ...] = CUTS) -> Likelihood:
    """Maximise the likelihood of one cause by NumPy alone, the hazards profiled out.

    With an interval for each month in which anything was recorded it is Cox's partial likelihood in
    Breslow's form, since nobody leaves inside of an interval.

    Parameters
    ----------
    cause : str
        One of `CAUSES`.
    cuts : tuple of float
        Months at which the hazard may change.

    Returns
    -------
    Likelihood
        Where it is largest.
    """
    frame = complete()
    months = np.array([float(value) for value in frame["months"]])
    died = np.array(frame["cause"]) == str(list(CAUSES).index(cause) + 1)
    design = np.column_stack(
        [
            [float(value) for value in frame["age"]],
            [float(value == "M") for value in frame["sex"]],
            [float(value) for value in frame["mspike"]],
        ]
    )
    middle = design.mean(axis=0)
    design = design - middle
    edges = np.array([0.0, *cuts, np.inf])
    exposure = np.clip(months[:, None] - edges[:-1], 0.0, np.diff(edges))
    events = np.bincount(np.searchsorted(cuts, months), died, len(cuts) + 1)
    beta = np.zeros(3)
    for _ in range(30):
        risk = exposure * np.exp(design @ beta)[:, None]
        total = risk.sum(axis=0)
        mean = (risk.T @ design) / total[:, None]
        gradient = died @ design - events @ mean
        second = np.einsum("ij,ik,il,j->kl", risk, design, design, events / total)
        information = second - np.einsum("j,jk,jl->kl", events, mean, mean)
        beta = beta + np.linalg.solve(information, gradient)
    with np.errstate(divide="ignore"):
        level = np.log(events / total) - middle @ beta
    return Likelihood(beta, np.sqrt(np.diag(np.linalg.inv(information))), level)


def monthly() -> tuple[float, ...]:
    """Return a cut at every whole month of follow-up."""
    last = max(float(value) for value in complete()["months"])
    return tuple(np.arange(1.0, last).tolist())


def page() -> str:
    """Return the page."""
    found = fits(checked())
    lines = [
        "# Progression and death in monoclonal gammopathy",
        "",
        "Written by `python validation/write_mgus.py`; checked by "
        "`tests/golden/test_mgus_causes.py`.",
        "",
        f"{len(patients()['id']):,} patients (Kyle 2002, "
        "[doi 10.1056/NEJMoa01133202](https://doi.org/10.1056/NEJMoa01133202)). The gammopathy",
        "turns malignant, or they die before. Published numbers are those that the vignette",
        "'Multi-state models and competing risks' of R's survival 3.8-6 prints (Therneau, Crowson,",
        "Atkinson,",
        "[doi 10.32614/CRAN.package.survival](https://doi.org/10.32614/CRAN.package.survival)).",
        "There is no treatment among them: what is compared is the hazard of each cause, and what",
        "follows from all of them together.",
        "",
        *_ratios(found),
        "",
        *_predicted(found),
        "",
        *_years(found),
    ]
    return "\n".join(lines) + "\n"


def _ratios(found: Mapping[str, FittedModel]) -> list[str]:
    lines = [
        "## Hazard ratios of each cause (log)",
        "",
        f"Flat priors, a hazard for every {CUTS[0]:g} months, Laplace ({_quality(found)}).",
        "Maximum likelihood is NumPy's, with the same intervals and with one for every month, in",
        "which times are recorded: that is Cox's partial likelihood, and gives what is published.",
        "The difference to the posterior is that of the intervals, and of a mean to a maximum.",
        "Published standard errors are robust ones.",
        "",
        "| cause | covariate | published (SE) | posterior mean (sd) | Monte Carlo SE | "
        "difference in published SE | maximum likelihood | the same, monthly |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for cause, told in PUBLISHED.items():
        same, fine = by_likelihood(cause), by_likelihood(cause, monthly())
        for place, (name, (value, se)) in enumerate(told.items()):
            draws = found[cause].posterior[name].to_numpy()
            error = found[cause].convergence.error or draws.size**-0.5
            lines.append(
                f"| {CAUSES[cause]} | {TERMS[name]} | {value:.4f} ({se:.4f}) | "
                f"{draws.mean():.4f} ({draws.std():.4f}) | {error * draws.std():.4f} | "
                f"{(draws.mean() - value) / se:+.2f} | {same.coefficients[place]:.4f} | "
                f"{fine.coefficients[place]:.4f} |"
            )
    return lines


def _predicted(found: Mapping[str, FittedModel]) -> list[str]:
    lines = [
        f"## Malignancy within 20 years, M-spike {SPIKE:g} g/dL",
        "",
        "From both hazards, inside each draw. The hazard of malignancy is the same in both sexes;",
        "women live longer, and more of them see it.",
        "",
        "| patient | published, from the Cox models | posterior mean | 95 % interval |",
        "|---|---|---|---|",
    ]
    for (sex, age), value in PREDICTED.items():
        risk = 100.0 * of_profile(found, sex, age).sel(event_cause="pcm").to_numpy()
        low, high = np.quantile(risk, [0.025, 0.975])
        who = f"{'woman' if sex == 'F' else 'man'} of {age:g}"
        lines.append(f"| {who} | {value:.1f} % | {risk.mean():.1f} % | {low:.1f} to {high:.1f} % |")
    return lines


def _years(found: Mapping[str, FittedModel]) -> list[str]:
    frame = complete()
    lines = [
        "## Years lost by 20 years",
        "",
        "Aalen-Johansen of all patients is what is published, to the digits printed. The posterior",
        "averages over those with an M-spike; beside it Aalen-Johansen of the same patients, which",
        "knows nothing of proportional hazards.",
        "",
        "| cause | sex | published (SE) | Aalen-Johansen | of those with an M-spike | "
        "posterior mean (sd) | difference in published SE |",
        "|---|---|---|---|---|---|---|",
    ]
    for (sex, cause), (value, se) in YEARS_LOST.items():
        everybody, own = counted(patients(), sex)[cause], counted(frame, sex)[cause]
        lost = by_sex(found, frame, sex)["months_lost"].sel(event_cause=cause).to_numpy() / 12.0
        lines.append(
            f"| {CAUSES[cause]} | {'women' if sex == 'F' else 'men'} | {value:.6f} ({se:.4f}) | "
            f"{everybody:.6f} | {own:.3f} | {lost.mean():.3f} ({lost.std():.3f}) | "
            f"{(lost.mean() - own) / se:+.2f} |"
        )
    return lines


def _quality(found: Mapping[str, FittedModel]) -> str:
    return "; ".join(
        f"{CAUSES[name]}: Pareto k-hat {fit.convergence.k_hat:.2f}"
        if fit.convergence.k_hat is not None
        else f"{CAUSES[name]}: by NUTS, to which it falls back"
        for name, fit in found.items()
    )


if __name__ == "__main__":
    told = page()
    if "print" in sys.argv:
        print(told)
    else:
        PAGE.write_text(told, encoding="utf-8")
