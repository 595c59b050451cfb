"""Worker: fit the common problem with bayes_ihlrt. Arguments: n, output file."""

import sys

from fit_problem import SPEC, Stopwatch, report, settings, simulate

watch = Stopwatch()
import arviz_stats  # noqa: E402

from bayes_ihlrt.batch.compiled import compile_model  # noqa: E402
from bayes_ihlrt.cohort.load import Cohort  # noqa: E402
from bayes_ihlrt.designs.build import person_time  # noqa: E402
from bayes_ihlrt.model.graph import prepare  # noqa: E402
from bayes_ihlrt.posterior.nuts import sample  # noqa: E402
from bayes_ihlrt.spec.data import DataSpec  # noqa: E402
from bayes_ihlrt.spec.model import ModelSpec  # noqa: E402
from bayes_ihlrt.spec.sampler import SamplerSpec  # noqa: E402
from bayes_ihlrt.spec.treatment import TreatmentSpec  # noqa: E402


def main() -> None:
    """Fit, and report the seconds of each stage and the smallest effective sample size."""
    n = int(sys.argv[1])
    watch.lap("import")
    data = DataSpec(patient="patient", time="months", event="death", centre="centre")
    treatment = TreatmentSpec(name="arm", column="arm", design="fixed")
    cohort = Cohort.from_frame(simulate(n), data, treatment, covariates=("z", "albi"))
    model = compile_model(prepare(ModelSpec.from_toml(SPEC), person_time(cohort, treatment)))
    watch.lap("build")
    options = SamplerSpec(**settings(n), seed=1)
    sample(model, options.model_copy(update={"draws": 100, "tune": 100}))
    watch.lap("compile")
    tree = sample(model, options)
    watch.lap("sample")
    names = ["arm", "z", "arm:z", "albi", "log_rate", "log_shape", "sd_centre", "centre_effect"]
    posterior = tree["posterior"].to_dataset()[names]
    arviz_stats.summary(posterior)
    ess = arviz_stats.ess(posterior, method="bulk")
    watch.lap("summary")
    sample(model, options)
    watch.lap("refit")
    watch.stages["sampling"] = tree.attrs["sampling_seconds"]
    report(watch, n, {name: float(ess[name].min()) for name in names})


if __name__ == "__main__":
    main()
