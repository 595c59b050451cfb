"""Read a trial plan: every fault at once, in plain words."""

from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from bayes_ihlrt.analysis.catalogue import find_plan
from bayes_ihlrt.analysis.reading import document, read_text
from bayes_ihlrt.analysis.schema_one import schema_one_faults
from bayes_ihlrt.analysis.translate import described, translated
from bayes_ihlrt.errors import Fault, SpecificationError
from bayes_ihlrt.trials.design import TrialDesign
from bayes_ihlrt.trials.plan_spec import TrialPlan


def load_plan(source: str | Path) -> TrialPlan:
    """Read a trial plan.

    Parameters
    ----------
    source : str or Path
        Path of a TOML file, or the name of a packaged plan.

    Returns
    -------
    TrialPlan
        The validated plan.

    Raises
    ------
    SpecificationError
        The file cannot be read, or with every fault of it.

    Examples
    --------
    >>> load_plan("fixed_os").design.patients
    300
    """
    path = find_plan(source)
    return parse_plan(document(read_text(path), path.name), subject=path.name)


def parse_plan(content: Mapping[str, object], *, subject: str = "plan") -> TrialPlan:
    """Validate the content of a trial plan.

    Parameters
    ----------
    content : mapping of str to object
        What the TOML file holds.
    subject : str
        What to call it in messages.

    Returns
    -------
    TrialPlan
        The validated plan.

    Raises
    ------
    SpecificationError
        With every fault.
    """
    old = content.get("schema") == 1
    try:
        plan = TrialPlan.model_validate({**content, "schema": 2} if old else content)
    except ValidationError as error:
        faults = translated(error, "", fields=described(TrialPlan))
        raise SpecificationError(subject, faults) from None
    found = [fault for d in plan.designs.values() for fault in _old_priors(d)] if old else []
    if found:
        raise SpecificationError(subject, list(dict.fromkeys(found)))
    return plan


def _old_priors(design: TrialDesign) -> list[Fault]:
    return schema_one_faults(design.model, table="design.priors")
