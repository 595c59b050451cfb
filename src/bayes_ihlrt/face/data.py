"""The data sets that come with the package, as a table."""

import pandas as pd

from bayes_ihlrt.cohort import datasets as packaged


def datasets() -> pd.DataFrame:
    """Return the packaged data sets, whose names stand for files wherever data are asked for.

    Returns
    -------
    DataFrame
        By name: title, whether simulated (no patient is in them), unit of times, licence,
        citation.

    Examples
    --------
    >>> import bayes_ihlrt as bi
    >>> bi.datasets().loc["heart", "time_unit"]
    'days'
    """
    kept = ("title", "synthetic", "time_unit", "licence", "citation")
    rows = {
        name: {key: value for key, value in packaged.describe(name) if key in kept}
        for name in packaged.names()
    }
    found = pd.DataFrame.from_dict(rows, orient="index", columns=list(kept))
    return found.rename_axis("name")
