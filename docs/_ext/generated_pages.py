"""Pages made from the package itself, so that they cannot fall behind it.

Public names by the part of the package that defines them, the command line's help, the tables of a
specification, and the notebooks. All go to folders that git ignores.
"""

import os
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from specification_pages import plan_page, sensitivity_page, specification_page

import bayes_ihlrt
from bayes_ihlrt.plots.catalogue import PLOTS
from bayes_ihlrt.report.document import alternative

if TYPE_CHECKING:
    from sphinx.application import Sphinx

PARTS = {
    "face": "The face: one verb for each thing",
    "analysis": "Analyses: from a specification to a result",
    "spec": "Specifications",
    "cohort": "Cohorts",
    "synthetic": "Synthetic cohorts",
    "designs": "Designs: from a cohort to person-time",
    "model": "Models",
    "hazards": "Baseline hazards",
    "propensity": "Propensities and weights",
    "priors": "Priors",
    "posterior": "Posteriors",
    "batch": "Many data sets at once",
    "estimands": "Estimands",
    "ladder": "Bias ladder",
    "checks": "Checks",
    "sensitivity": "Sensitivity",
    "trials": "Trials",
    "report": "Reports",
    "clinical": "Clinical scores",
    "plots": "Figures",
    "errors": "Errors",
    "names": "Vocabulary",
}
ROOMS = ("clinical", "hazards", "plots", "propensity", "estimands", "sensitivity", "trials")
"""Rooms all of whose names have a page, beside what `bayes_ihlrt` offers."""
FILES = (
    *("analysis.check", "analysis.causes", "analysis.fit", "analysis.cause_fit"),
    *("analysis.counterparts", "analysis.diagnose", "analysis.figures", "analysis.patients"),
    *("batch.compiled", "batch.density", "batch.engine", "batch.result", "batch.summary"),
    *("cohort.datasets", "cohort.load", "designs.build", "designs.person_time"),
    *("ladder.figure", "ladder.run", "report.effects", "report.words"),
    *("model.arrays", "model.graph", "model.likelihood", "model.prepared", "model.priors"),
    *("posterior.audit", "posterior.fitted", "posterior.store", "priors", "errors"),
    *("spec.analysis", "spec.data", "spec.estimands", "spec.model", "spec.parameters"),
    *("spec.plan", "spec.read", "spec.sampler", "spec.scenario", "spec.treatment", "spec.trial"),
    *("synthetic.simulate",),
)
"""Files elsewhere all of whose names have one: what the face stands on, and what a new hazard
needs of `model`."""


def public_names() -> dict[str, list[str]]:
    """Return the package's public names by part, as ``import bayes_ihlrt`` offers them."""
    found: dict[str, list[str]] = {}
    for name in bayes_ihlrt.__all__:
        value = getattr(bayes_ihlrt, name)
        if hasattr(value, "__path__") or type(value).__name__ == "module":
            continue
        home = _home(name, value)
        found.setdefault(home.split(".")[1], []).append(f"bayes_ihlrt.{name}")
    return found


def room_names(room: str) -> list[str]:
    """Return what the files of a room, or a file, define for others to call."""
    found = []
    for name in _files(room):
        module = import_module(f"bayes_ihlrt.{name}")
        found += [
            f"{module.__name__}.{item}"
            for item, value in vars(module).items()
            if not item.startswith("_")
            and callable(value)
            and getattr(value, "__module__", None) == module.__name__
        ]
    return found


def _files(room: str) -> list[str]:
    """Return the files of a room that are documented whole."""
    folder = Path(bayes_ihlrt.__file__).parent / room
    own = [f"{room}.{file.stem}" for file in sorted(folder.glob("[a-z]*.py"))]
    # A file that is no room.
    own += [room] if folder.with_suffix(".py").is_file() else []
    return own if room in ROOMS else [name for name in FILES if name in own]


def _home(name: str, value: object) -> str:
    return getattr(value, "__module__", None) or type(value).__module__ or name


def reference_pages() -> dict[str, str]:
    """Return the pages of the reference by file name."""
    parts = public_names()
    unknown = sorted(set(parts) - set(PARTS))
    if unknown:
        message = f"no title in PARTS for: {', '.join(unknown)}"
        raise KeyError(message)
    pages = {}
    for part, title in PARTS.items():
        own = parts.get(part, [])
        named = {name.rpartition(".")[2] for name in own}
        further = [name for name in room_names(part) if name.rpartition(".")[2] not in named]
        if own or further:
            pages[f"{part}.rst"] = "\n".join(_page(title, own, further))
    return pages


def _page(title: str, own: list[str], further: list[str]) -> Iterator[str]:
    yield from (title, "=" * len(title), "")
    if own:
        yield from _listed(own)
    for module in dict.fromkeys(name.rpartition(".")[0] for name in further):
        if own or len({name.rpartition(".")[0] for name in further}) > 1:
            heading = f"In ``{module}``"
            yield from (heading, "-" * len(heading), "")
        yield from _listed([name for name in further if name.rpartition(".")[0] == module])


def _listed(names: list[str]) -> Iterator[str]:
    yield from (".. autosummary::", "   :toctree: api", "   :nosignatures:", "")
    yield from (f"   {name}" for name in sorted(names))
    yield ""


def command_page() -> str:
    """Return the help of every command."""
    from typer.main import get_command
    from typer.testing import CliRunner

    from bayes_ihlrt.cli.main import app

    runner, wide = CliRunner(), {"COLUMNS": "88", "NO_COLOR": "1", "TERM": "dumb"}
    lines = ["# Command line", ""]
    for arguments in ([], *([name] for name in sorted(get_command(app).commands))):
        text = runner.invoke(app, [*arguments, "--help"], env=wide, prog_name="bayes-ihlrt").output
        title = " ".join(["bayes-ihlrt", *arguments])
        lines += [f"## `{title}`", "", "```text", text.strip(), "```", ""]
    lines += [
        "Exit status: 0 done, 1 a fault in the input (told in words), 2 wrong usage,",
        "3 nothing is to be trusted and nothing was written. A study that lacks a part ends with 0",
        "and begins with `INCOMPLETE`.",
        "",
    ]
    return "\n".join(lines)


def gallery_page(figures: Path) -> str:
    """Return every figure with what it shows, and its picture where the docs have one."""
    lines = [
        "# Gallery",
        "",
        "Every figure that a command draws, by its name for `bayes-ihlrt figures --only` and",
        "`bayes_ihlrt.plot`. Pictures are of the packaged synthetic cohort.",
        "",
    ]
    for name in PLOTS:
        shown = alternative(name)
        lines += [f"## `{name}`", ""]
        if (figures / f"{name}.png").is_file():
            lines += [f"```{{figure}} ../../figures/{name}.png", f":alt: {shown}", "", shown, "```"]
        else:
            lines.append(shown)
        lines.append("")
    return "\n".join(lines)


def write(docs: Path) -> None:
    """Write the generated pages under the source folder; one that is the same stays untouched."""
    texts = {
        **reference_pages(),
        "command_line.md": command_page(),
        "gallery.md": gallery_page(docs / "figures"),
        "specification.md": specification_page(),
        "plan_file.md": plan_page(),
        "sensitivity_study.md": sensitivity_page(),
    }
    pages = {name: f"{text}\n".encode() for name, text in texts.items()}
    notebooks = (docs.parent / "notebooks").glob("*.ipynb")
    _fill(docs / "reference" / "generated", pages)
    _fill(docs / "tutorials" / "notebooks", {file.name: file.read_bytes() for file in notebooks})


def _fill(folder: Path, files: Mapping[str, bytes]) -> None:
    """Make the files of a folder these and no others."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in folder.iterdir():
        if file.is_file() and file.name not in files:
            file.unlink()
    for name, content in files.items():
        file = folder / name
        if not file.exists() or file.read_bytes() != content:
            file.write_bytes(content)


def setup(app: "Sphinx") -> dict[str, bool]:
    """Write the pages before autosummary looks for its directives."""
    os.environ.setdefault("MPLBACKEND", "agg")
    write(Path(app.srcdir))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
