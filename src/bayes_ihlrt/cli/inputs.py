"""Specification and data as the command line names them."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from bayes_ihlrt._lazy import lazy_module
from bayes_ihlrt.errors import SpecificationError
from bayes_ihlrt.names import Identifiers

if TYPE_CHECKING:
    from bayes_ihlrt.analysis import check as analysis_check
    from bayes_ihlrt.cohort.load import Cohort
    from bayes_ihlrt.spec import catalogue as spec_catalogue
    from bayes_ihlrt.spec import read as spec_read
    from bayes_ihlrt.spec.analysis import AnalysisSpec
else:
    spec_catalogue = lazy_module("bayes_ihlrt.spec.catalogue")
    spec_read = lazy_module("bayes_ihlrt.spec.read")
    analysis_check = lazy_module("bayes_ihlrt.analysis.check")


def where(*, keep: bool) -> Identifiers:
    """Return where patients are called by their identifiers: everywhere, where the user keeps them.

    Parameters
    ----------
    keep : bool
        Whether the user asked for it.

    Returns
    -------
    Identifiers
        Otherwise nowhere, faults included.
    """
    return Identifiers.EVERYWHERE if keep else Identifiers.NOWHERE


def read(
    spec: str,
    data: "str | None",
    seed: int | None,
    *,
    identifiers: Identifiers = Identifiers.NOWHERE,
) -> "tuple[AnalysisSpec, Cohort]":
    """Return specification and cohort, with the seed of the command line where it has one."""
    source = named_data(spec, data)
    found, cohort = analysis_check.read_inputs(spec, source, identifiers=identifiers)
    # What is written lies elsewhere, where the path would lead nowhere.
    found = found.model_copy(update={"data": found.data.model_copy(update={"file": None})})
    if seed is not None:
        sampler = found.sampler.model_copy(update={"seed": seed})
        found = found.model_copy(update={"sampler": sampler})
    return found, cohort


def named_data(spec: str, data: str | None) -> str | Path:
    """Return the data of the command line, or of the specification where it has none.

    Parameters
    ----------
    spec : str
        TOML file, or name of a packaged specification.
    data : str or None
        Data file, or name of a packaged data set.

    Returns
    -------
    str or Path
        The data.

    Raises
    ------
    click.UsageError
        Neither names them.
    """
    if data is not None:
        return data
    name, found = spec_read.read_file(spec)
    table = found.tables.get("data")
    if found.faults and table is None:
        raise SpecificationError(name, found.faults)
    if table is None or table.file is None:
        message = "Name the data: --data FILE, or `file = ...` in the [data] of the specification."
        raise typer.BadParameter(message, param_hint="'--data'")
    return spec_catalogue.find_specification(spec).parent / str(table.file)
