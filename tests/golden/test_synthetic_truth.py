"""The packaged synthetic cohort, fitted as shipped, against the truth that it was drawn from."""

import json

import numpy as np

from bayes_ihlrt.cohort import datasets

TRUTH = json.loads(datasets.csv_path("ihlrt_synthetic").with_suffix(".json").read_text("utf-8"))


def test_true_interaction_lies_in_the_95_percent_interval(synthetic_fit):
    """Leaving out response, as the model does, hardly moves the interaction."""
    low, high = np.quantile(synthetic_fit.draws("ihlrt:nlr"), [0.025, 0.975])
    assert low < TRUTH["log_hazard_ratios"]["ihlrt:nlr"] < high
    # An interval as wide as the prior's would contain everything that the prior does.
    assert high - low < 0.98 * 2 * 1.96 * 0.25
