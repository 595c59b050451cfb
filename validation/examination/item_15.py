"""Item 15: the same file never silently gives another answer."""

from bayes_ihlrt.errors import SpecificationError
from bayes_ihlrt.spec.read import parse_spec
from validation.examination.row import Row

SPECIFICATION = """
schema = 1
name = "old"
[data]
patient = "id"
time = "months"
event = "death"
[treatment]
name = "trt"
start = "start"
[outcome]
formula = "trt + x"
[priors]
{priors}
"""
STATED = 'default = { dist = "Normal", mu = 0.0, sigma = 2.0 }'


def rows() -> list[Row]:
    """Return what is said of files of schema 1."""
    try:
        parse_spec(SPECIFICATION.format(priors=""))
        lines = ()
    except SpecificationError as error:
        lines = error.faults[0].lines
    again = SPECIFICATION.format(priors="\n".join(lines)).replace("schema = 1", "schema = 2")
    read = parse_spec(SPECIFICATION.format(priors=STATED)).schema_version
    return [
        Row(
            item="15",
            what="file of schema 1 that leaves its priors out",
            truth="refused with the lines that keep its answer",
            before="HR 0.75, median 19.2 months",
            after=f"refused; copied, {len(parse_spec(again).priors)} priors: " + "; ".join(lines),
            mcse="none",
            verdict="right" if lines else "wrong",
        ),
        Row(
            item="15",
            what="file of schema 1 that states every prior",
            truth="read",
            before="read",
            after=f"read as schema {read}",
            mcse="none",
            verdict="right",
        ),
    ]
