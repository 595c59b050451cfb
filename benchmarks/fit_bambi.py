"""Worker: fit the common problem with Bambi (`censored` Weibull).

Arguments: sampler (``default``, what ``Model.fit`` runs when Bambi alone is installed, or
``nutpie``), n, output file.
"""

import sys

from fit_problem import Stopwatch, report, settings, simulate

watch = Stopwatch()
import arviz_stats  # noqa: E402
import bambi as bmb  # noqa: E402
import numpy as np  # noqa: E402
import nutpie  # noqa: E402
import pandas as pd  # noqa: E402
import xarray as xr  # noqa: E402


def by_default(model: bmb.Model, options: dict[str, int]) -> xr.DataTree:
    """Sample as `Model.fit` does without nutpie; it reports its sampling time itself."""
    drawn = model.fit(**options, random_seed=1, inference_method="pymc", progressbar=False)
    watch.stages["sampling"] = float(drawn["posterior"].attrs["sampling_time"])
    return drawn


def by_nutpie(model: bmb.Model, options: dict[str, int]) -> xr.DataTree:
    """Sample the same graph as this project does, through nutpie."""
    compiled = nutpie.compile_pymc_model(model.backend.model)
    watch.lap("compile")
    drawn = nutpie.sample(compiled, **options, seed=1, progress_bar=False)
    watch.lap("sampling")
    return drawn


SAMPLERS = {"default": by_default, "nutpie": by_nutpie}


def main() -> None:
    """Fit, and report the seconds of each stage and the smallest effective sample size."""
    sampler, n = sys.argv[1], int(sys.argv[2])
    watch.lap("import")
    frame = pd.DataFrame(simulate(n))
    frame["status"] = np.where(frame["death"] == 1.0, "none", "right")
    normal = bmb.Prior("Normal", mu=0.0, sigma=1.0)
    priors = {
        "Intercept": bmb.Prior("Normal", mu=3.5, sigma=2.0),
        **dict.fromkeys(("arm", "z", "arm:z", "albi"), normal),
        "1|centre": bmb.Prior("Normal", mu=0.0, sigma=bmb.Prior("HalfNormal", sigma=0.5)),
        "alpha": bmb.Prior("LogNormal", mu=0.0, sigma=0.5),
    }
    model = bmb.Model(
        "censored(months, status) ~ arm * z + albi + (1 | centre)",
        frame,
        family="weibull",
        link="log",
        priors=priors,
    )
    model.build()
    watch.lap("build")
    drawn = SAMPLERS[sampler](model, settings(n))
    watch.lap("sample")
    names = ["Intercept", "arm", "z", "arm:z", "albi", "alpha", "1|centre_sigma", "1|centre"]
    posterior = drawn["posterior"].to_dataset()[names]
    arviz_stats.summary(posterior)
    ess = arviz_stats.ess(posterior, method="bulk")
    watch.lap("summary")
    report(watch, n, {name: float(ess[name].min()) for name in names})


if __name__ == "__main__":
    main()
