"""Every command's way of writing, with tiny content, and what a reader sees of it.

A writer takes a folder and a word, which all that it writes holds; its reader returns that word,
``"nothing"``, or fails where it finds two.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from bayes_ihlrt._lazy import lazy_module
from bayes_ihlrt.errors import InputError, SpecificationError
from bayes_ihlrt.results.files import OF_A_PLAN, Parts, claimed_out, write_parts
from bayes_ihlrt.results.files import RESULTS as FILES
from bayes_ihlrt.results.outputs import Results, read_results
from bayes_ihlrt.schema.base import writes
from bayes_ihlrt.schema.checks import ChecksFile
from bayes_ihlrt.schema.files import BRIEFS, RESULTS
from bayes_ihlrt.schema.others import ProtocolFile
from bayes_ihlrt.spec.catalogue import find_specification, write_new, write_templates
from bayes_ihlrt.spec.read import load_plan, load_spec
from bayes_ihlrt.storage.claims import finish, replace_file
from validation.robust.records import filled

# Slow to load, and not needed by the quick test.
html = lazy_module("bayes_ihlrt.report.html")
journal = lazy_module("bayes_ihlrt.report.journal")
keep = lazy_module("bayes_ihlrt.face.keep")
manuscript = lazy_module("bayes_ihlrt.report.manuscript")
protocol = lazy_module("bayes_ihlrt.report.protocol")
target_trial = lazy_module("bayes_ihlrt.methods.protocol")
plan_table = lazy_module("bayes_ihlrt.report.plan_table")
units = lazy_module("bayes_ihlrt.trials.units")
SPEC = load_spec("primary")
PLAN = load_plan("fixed_os")
NOTHING = "nothing"


@dataclass(frozen=True)
class Writer:
    """A command's way of writing, and its reader."""

    name: str
    write: Callable[[Path, str], object]
    read: Callable[[Path], str]


def _parts(word: str, kind: str, *, checks: bool = False) -> Parts:
    plan = kind in {"plan", "interim"}
    name = (PLAN if plan else SPEC).name
    text = (PLAN if plan else SPEC).to_toml()
    held = {"name": name, "versions": {"word": word}}
    said = {"name": name, "summary": {"first": [word]}}
    parts = {
        "result.json": writes(RESULTS[kind], lambda: filled(RESULTS[kind], held)),
        "posterior.nc": lambda file: file.write_text(word),
        "plan.toml" if plan else "specification.toml": lambda file: file.write_text(text),
        "figures": lambda folder: _figures(folder, word),
        "report.json": writes(BRIEFS[kind], lambda: filled(BRIEFS[kind], said)),
    }
    if checks:
        parts["checks.json"] = writes(ChecksFile, lambda: filled(ChecksFile, held))
    if plan:
        del parts["posterior.nc"]
    return parts


def _figures(folder: Path, word: str) -> None:
    folder.mkdir()
    for name in ("survival.png", "trace.png"):
        with (folder / name).open("w") as file:
            file.write(word)


def _analysis(kind: str, *, checks: bool = False) -> Callable[..., None]:
    holding = OF_A_PLAN if kind == "interim" else FILES

    def write(out: Path, word: str) -> None:
        with claimed_out(out, overwrite=True, holding=holding):
            write_parts(_parts(word, kind, checks=checks), out)

    return write


def _plan(out: Path, word: str) -> None:
    with plan_table.claimed_plan(out, PLAN):
        units.Store(out / units.FOLDER).write("0" * 8, 1, {"value": [1, 2, 3]})
        write_parts(_parts(word, "plan"), out)


def _result(out: Path) -> str:
    try:
        found = read_results(out).outputs[0]
    except InputError as error:
        told = str(error)
        if "no result.json" in told or "does not exist" in told:
            return NOTHING
        raise
    words = {found.result["versions"]["word"], *(figure.read_text() for figure in found.figures)}
    words |= {found.checks["versions"]["word"]} if found.checks else set()
    words |= set(found.brief["summary"]["first"])
    for stored in out.glob("posterior.nc"):
        words.add(stored.read_text())
    assert len(found.figures) == 2, found.figures
    return _one(words)


def _one(words: set[str]) -> str:
    (word,) = words
    return word


class _Document:
    def __init__(self, word: str) -> None:
        self.word = word

    def save(self, file: str) -> None:
        Path(file).write_text(self.word)


def _export(out: Path, word: str) -> None:
    # The layout is not what is asked here; the writing is the package's own.
    told = dict.fromkeys(("_bibtex", "_latex", "_markdown", "_latex_methods"), lambda *_: word)
    told |= {"report_tables": lambda _: (), "methods_paragraph": lambda _: word}
    told["_word"] = lambda *_: _Document(word)
    with patch.multiple("bayes_ihlrt.report.manuscript", **told):
        manuscript.write_exports(None, out / "exports", overwrite=True)


def _exported(out: Path) -> str:
    folder = out / "exports"
    finish(folder, "export")
    files = [path for path in folder.rglob("*") if path.is_file()] if folder.is_dir() else []
    files = [path for path in files if not path.relative_to(folder).as_posix().startswith(".")]
    if not files:
        return NOTHING
    assert len(files) == 5, files
    return _one({path.read_text() for path in files})


def _protocol(out: Path, word: str) -> None:
    said = {"name": "name", "blind": word}
    told = {
        "protocol_page": lambda *_: word,
        "protocol_dict": lambda *_: filled(ProtocolFile, said),
    }
    told["word_document"] = lambda *_, **__: _Document(word)
    told["write_csv"] = lambda _, file, **__: file.write_text(word)
    with patch.multiple("bayes_ihlrt.report.protocol", **told):
        planned = target_trial.Protocol(
            "name", "title", synthetic=False, components=(), specification=word
        )
        protocol.write_protocol(planned, out / "protocol")


def _planned(out: Path) -> str:
    folder = out / "protocol"
    finish(folder, "protocol")
    files = list(folder.glob("[!.]*")) if folder.is_dir() else []
    if not files:
        return NOTHING
    assert len(files) == 5, files
    told = {path.read_text() for path in files if path.suffix != ".json"}
    return _one(told | {json.loads((folder / "protocol.json").read_text())["blind"]})


def _report(out: Path, word: str) -> None:
    with patch("bayes_ihlrt.report.html.report_page", lambda _: word):
        html.write_report(None, out / "report.html", overwrite=True)


def _reported(out: Path) -> str:
    file = out / "report.html"
    return file.read_text() if file.exists() else NOTHING


def _drawn(out: Path, word: str) -> None:
    # What is drawn is not asked here.
    told = dict.fromkeys(("drawings", "load_drawing"), lambda *_: (word, {}))
    told["drawings"] = lambda _: dict.fromkeys(("forest", "survival"))
    told["PLOTS"] = {word: lambda *_, **__: word}
    told["save_figure"] = lambda figure, file, **_: file.write_text(figure)
    with patch.multiple("bayes_ihlrt.report.journal", **told):
        form = journal.Format()
        journal.write_drawings(Results((None,)), out / "drawn", form=form, overwrite=True)


def _drawings(out: Path) -> str:
    folder = out / "drawn"
    finish(folder, "figures")
    files = list(folder.glob("[!.]*")) if folder.is_dir() else []
    if not files:
        return NOTHING
    assert len(files) == 2, files
    return _one({path.read_text() for path in files})


@dataclass(frozen=True)
class _Kept:
    word: str


def _save(out: Path, word: str) -> None:
    def write(kept: _Kept, place: Path, *, also: Parts) -> None:
        write_parts({**_parts(kept.word, "fit"), **also}, place)

    with patch.dict("bayes_ihlrt.face.keep._WRITERS", {_Kept: write}):
        keep.save(_Kept(word), out, overwrite=True)


def _saved(out: Path) -> str:
    seen = _result(out)
    assert seen == NOTHING or keep.load(out) == _Kept(seen)
    return seen


def _save_text(out: Path, word: str) -> None:
    own = SPEC.sampler.model_copy(update={"seed": _SEEDS[word]})
    keep.save(SPEC.model_copy(update={"sampler": own}), out / "own.toml", overwrite=True)


def _saved_text(out: Path) -> str:
    file = out / "own.toml"
    return _word_of(keep.load(file).sampler.seed) if file.exists() else NOTHING


def _word_of(seed: int) -> str:
    return next(word for word, known in _SEEDS.items() if known == seed)


def _replay(out: Path, word: str) -> None:
    replace_file(out / "trial.png", lambda file: file.write_text(word))


def _replayed(out: Path) -> str:
    file = out / "trial.png"
    return file.read_text() if file.exists() else NOTHING


_SEEDS = {"old": 1, "new": 2, "next": 3}


def _init(out: Path, word: str) -> None:
    write_templates(out, seed=_SEEDS[word], overwrite=True)


def _init_from(out: Path, word: str) -> None:
    write_new(out, {"specification.toml": f"seed = {_SEEDS[word]}\n"}, overwrite=True)


def _initialised(*others: str) -> Callable[[Path], str]:
    def read(out: Path) -> str:
        try:
            file = find_specification(out)
        except SpecificationError:
            return NOTHING
        assert {*others} <= {path.name for path in out.iterdir()}
        return _word_of(int(re.search(r"seed = (\d+)", file.read_text())[1]))

    return read


WRITERS = (
    Writer("fit, demo", _analysis("fit"), _result),
    Writer("fit (causes)", _analysis("fit-causes"), _result),
    Writer("diagnose", _analysis("fit", checks=True), _result),
    Writer("ladder", _analysis("ladder"), _result),
    Writer("sensitivity", _analysis("sensitivity"), _result),
    Writer("init", _init, _initialised("cohort_template.csv", "data_dictionary.md")),
    Writer("init --from", _init_from, _initialised()),
    Writer("replay-trial", _replay, _replayed),
    Writer("report", _report, _reported),
    Writer("export", _export, _exported),
    Writer("figures", _drawn, _drawings),
    Writer("protocol", _protocol, _planned),
    Writer("plan", _plan, _result),
    Writer("interim", _analysis("interim"), _result),
    Writer("bi.save (result)", _save, _saved),
    Writer("bi.save (specification)", _save_text, _saved_text),
)
