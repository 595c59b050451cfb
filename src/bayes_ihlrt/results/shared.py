"""A posterior that `fit` wrote into the same run folder, read by others instead of drawn again.

It is taken only where nothing that it depends on differs: specification and seed, data, versions.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import xarray as xr

from bayes_ihlrt.analysis.check import CheckedAnalysis
from bayes_ihlrt.analysis.estimates import asked
from bayes_ihlrt.analysis.fit import (
    FitResult,
    FittedAnalysis,
    Stage,
    identity,
    run_checked,
    summarise_fit,
    versions,
)
from bayes_ihlrt.names import GRID, HORIZON, PATIENT, SHARE, VALUE
from bayes_ihlrt.posterior.fitted import FittedModel
from bayes_ihlrt.posterior.quality import check_convergence
from bayes_ihlrt.posterior.store import load
from bayes_ihlrt.results.files import MANIFEST, checksum

_POSTERIOR: Final = "posterior.nc"
_ESTIMATES: Final = "estimates.nc"


def estimate_tree(result: FitResult) -> xr.DataTree:
    """Return draws of every estimand, as they are written beside the posterior.

    Parameters
    ----------
    result : FitResult
        A fitted analysis.

    Returns
    -------
    xarray.DataTree
        Groups ``posterior`` and ``prior``; attributes as of the posterior.
    """
    groups = {"posterior": result.draws, "prior": result.draws_before}
    found = xr.DataTree.from_dict({n: group for n, group in groups.items() if group is not None})
    found.attrs = {**identity(result.checked), "synthetic": int(result.synthetic)}
    return found


def read_or_fit(
    checked: CheckedAnalysis, out: Path | None, *, progress: bool, stage: Stage
) -> FitResult:
    """Return a fitted analysis, by the posterior of its run folder where there is one.

    Parameters
    ----------
    checked : CheckedAnalysis
        Specification and data.
    out : Path or None
        Where results will be written: see `shared_fit`.
    progress : bool
        Show the sampler's progress bar.
    stage : callable
        Told what begins, in a few words.

    Returns
    -------
    FitResult
        From `analysis.fit.run_checked` where nothing is shared.
    """
    shared = shared_fit(checked, out)
    if shared is None:
        return run_checked(checked, progress=progress, stage=stage)
    stage(f"reading the posterior of {shared.folder}: same data, specification, seed")
    return summarise_fit(shared.fitted, stage=stage)


@dataclass(frozen=True, eq=False)
class Shared:
    """A posterior that was found.

    Parameters
    ----------
    folder : Path
        Whose it is.
    fitted : FittedAnalysis
        As if it had been drawn now, with its draws of the estimands where they are there.
    """

    folder: Path
    fitted: FittedAnalysis


def shared_fit(checked: CheckedAnalysis, out: Path | None) -> Shared | None:
    """Return the posterior of an analysis that lies in the folder of results or beside it.

    Parameters
    ----------
    checked : CheckedAnalysis
        Specification and data.
    out : Path or None
        Where results will be written: the folders beside it are those of the same run.

    Returns
    -------
    Shared or None
        None where there is none of the same specification, seed, data and versions, or where it
        did not converge; and of an analysis with a propensity, which is more than its draws.
    """
    if out is None or checked.spec.propensity is not None:
        return None
    wanted = identity(checked)
    for folder in _folders(out):
        if not _may_be(folder, checked):
            continue
        tree = _sound(folder, _POSTERIOR)
        if tree is None or not _same(tree, wanted) or not _of_patients(tree, checked):
            continue
        drawn = tree.filter(lambda node: node.name != "prior")
        found = check_convergence(drawn, allow_nonconverged=True)
        if found.failures:
            continue
        fit = FittedModel(checked.prepared, checked.person_time, drawn, found)
        draws = _estimates(folder, fit, checked, wanted)
        return Shared(folder, FittedAnalysis(checked, fit, draws=draws))
    return None


def _folders(out: Path) -> Iterator[Path]:
    yield out
    beside = out.absolute().parent
    try:
        found = sorted(path for path in beside.iterdir() if path.name != out.name)
    except OSError:
        # Not there yet, or of somebody else: nothing is shared.
        return
    yield from found


def _may_be(folder: Path, checked: CheckedAnalysis) -> bool:
    """Whether the small files of a result tell the same analysis; a posterior is large to read."""
    try:
        told = json.loads((folder / "result.json").read_text("utf-8"))
        known = (told["seed"], told["versions"], told["data"]["fingerprint"])
        text = (folder / "specification.toml").read_text("utf-8")
    except (OSError, ValueError, KeyError, TypeError):
        # Not of a result, or not to be read by this user: nothing is shared.
        return False
    own = (checked.spec.sampler.seed, versions(), checked.cohort.fingerprint)
    return known == own and text == checked.spec.to_toml()


def _sound(folder: Path, name: str) -> xr.DataTree | None:
    """A file of a result that was written whole and is as it was written."""
    file, manifest = folder / name, folder / MANIFEST
    try:
        if not file.is_file():
            return None
        known = json.loads(manifest.read_text("utf-8"))["sha256"][name]
        return load(file) if checksum(file) == known else None
    except (OSError, ValueError, KeyError, TypeError):
        # Not of a result, or not to be read by this user: nothing is shared.
        return None


def _same(tree: xr.DataTree, wanted: dict[str, object]) -> bool:
    return all(name in tree.attrs and tree.attrs[name] == value for name, value in wanted.items())


def _of_patients(tree: xr.DataTree, checked: CheckedAnalysis) -> bool:
    """Whether patients are called alike, and the posterior is complete."""
    if not {"posterior", "sample_stats", "log_likelihood"} <= set(tree.children):
        return False
    labels = tree["log_likelihood"].to_dataset().coords
    if PATIENT not in labels:
        return checked.prepared.arrays.unit != PATIENT
    own = [str(name) for name in checked.person_time.patients]
    return [str(name) for name in labels[PATIENT].to_numpy()] == own


def _estimates(
    folder: Path, fit: FittedModel, checked: CheckedAnalysis, wanted: dict[str, object]
) -> tuple[xr.Dataset, xr.Dataset] | None:
    """Draws of the estimands after and before the data, where they are those asked for."""
    tree = _sound(folder, _ESTIMATES)
    if tree is None or not _same(tree, wanted) or {"posterior", "prior"} - set(tree.children):
        return None
    after, before = (tree[name].to_dataset() for name in ("posterior", "prior"))
    told = asked(fit, checked.spec)
    values = [np.nan if value is None else value for value in told.values]
    named = ((VALUE, values), (HORIZON, told.horizons), (SHARE, told.shares), (GRID, told.grid))
    for dim, labels in named:
        found = after[dim].to_numpy() if dim in after.coords else np.empty(0)
        if not np.array_equal(found, np.asarray(labels, dtype=np.float64), equal_nan=True):
            return None
    return after, before
