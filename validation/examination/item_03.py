"""The sensitivity study ends in written files, with a real audit by NUTS, and loses nothing."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

from matplotlib.figure import Figure

from bayes_ihlrt.errors import InputError
from bayes_ihlrt.report.studies import write_sensitivity
from bayes_ihlrt.sensitivity.study import SensitivityResult, sensitivity_study
from bayes_ihlrt.spec.read import load_spec
from bayes_ihlrt.spec.sensitivity import StructureSpec
from validation.examination.row import Row

ITEM = "3"


def rows() -> list[Row]:
    """Run the packaged study on its smallest scale, write it, and write it to a full disk."""
    spec = load_spec("sensitivity/primary")
    small = {
        "draws": 400,
        "audit": 1,
        "structure": StructureSpec(hazards=(), covariates=False, landmarks=(), populations=False),
    }
    own = spec.sensitivity.model_copy(update=small)
    study = sensitivity_study(spec.model_copy(update={"sensitivity": own}), "ihlrt_synthetic")
    return [_written(study), _full_disk(study)]


def _written(study: SensitivityResult) -> Row:
    with TemporaryDirectory() as folder:
        write_sensitivity(study, Path(folder) / "out")
        audit = json.loads((Path(folder) / "out" / "result.json").read_text())["audit"]
    return Row(
        ITEM,
        "`sensitivity` of the packaged study, with one refit by NUTS",
        "written",
        "traceback (`numpy.int64`) after four minutes, nothing written",
        f"written; {audit['fits']} refit, decisions changed in {audit['decisions_changed']}",
        "-",
        "right",
    )


def _full_disk(study: SensitivityResult) -> Row:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with TemporaryDirectory() as folder, patch.object(Figure, "savefig", full):
        try:
            write_sensitivity(study, Path(folder) / "out")
        except InputError as error:
            told = type(error).__name__
        else:
            told = "no fault"
        kept = sorted(path.name for path in (Path(folder) / "out.unfinished").iterdir())
    return Row(
        ITEM,
        "the same where the disk fills while figures are drawn",
        "what was computed is kept",
        "everything lost",
        f"{told}; kept: {', '.join(kept)}",
        "-",
        "right" if {"posterior.nc", "result.json"} <= set(kept) else "wrong",
    )
