"""Item 1: text that runs code, and every text that is read again."""

import csv
import io
from contextlib import chdir
from pathlib import Path
from tempfile import TemporaryDirectory

from typer.testing import CliRunner

from bayes_ihlrt.cli.main import app
from bayes_ihlrt.escaping import csv_cell, latex, markdown
from bayes_ihlrt.report.html import environment
from validation.examination.row import Row

_MODELS = Path(__file__).parents[2] / "models"
_RUNS_CODE = (
    r"ihlrt * nlr + C(afp_high, spans_intercept=[\"\\\\\", \"`\", "
    r"'''\"`\", __import__('os').system('echo > executed') #'''\n])"
)
_FIVE_THOUSAND = " + ".join(f"x{number}" for number in range(5000))
_HEADER = "patient_id,centre,nlr,albi,afp_high,ihlrt_months,os_months,death\n"


def rows() -> list[Row]:
    """Run every input of the item.

    Returns
    -------
    list of Row
        One for each.
    """
    with TemporaryDirectory() as name:
        folder = Path(name)
        return [*_formulas(folder), *_specifications(folder), *_tables(folder), *_renderers()]


def _formulas(folder: Path) -> list[Row]:
    cases = [
        ("formula that runs a shell command", _RUNS_CODE, "check passes, fit runs the command"),
        ("`bs(age, df=2)`", "ihlrt * nlr + bs(age, df=2)", "check passes, fit: traceback"),
        ("logarithm of a negative", "ihlrt * nlr + log(albi)", "check passes, fit: traceback"),
        ("5,000 terms", f"ihlrt * nlr + {_FIVE_THOUSAND}", "check: traceback"),
        ("brackets 3,000 deep", "(" * 3000 + "ihlrt * nlr" + ")" * 3000, "check: traceback"),
    ]
    found = []
    for what, formula, before in cases:
        checked, fitted = _run(folder, _changed(formula), "check"), _run(folder, _changed(formula))
        executed = (folder / "executed").exists()
        after = f"check and fit: {_told(checked)}" + ("; command RAN" if executed else "")
        good = checked == fitted and checked.startswith("Error") and not executed
        found.append(_row(what, "a fault in words, by check as by fit", before, after, good=good))
    told = _run(folder, _changed("ihlrt * nlr + log(age/10) + afp_high"))
    good = "Parameters" in told and "Traceback" not in told
    after = "fitted and saved" if good else _told(told)
    before = "fit: traceback of PyMC"
    found.append(_row("`log(age/10)`", "fitted and saved as netCDF", before, after, good=good))
    return found


def _specifications(folder: Path) -> list[Row]:
    plain = (_MODELS / "primary.toml").read_text("utf-8")
    seed, base = "seed = 20260101", 'base = "hcc-atezolizumab-bevacizumab"'
    tiny = f"{base}\nbaseline = {{ median_survival = 1e-320, upper = 60.0 }}"
    cases = [
        ("median survival 1e-320", plain.replace(base, tiny), "traceback of pydantic"),
        ("lists 3,000 deep", f"{plain}\n[x]\na = {'[' * 3000}{']' * 3000}\n", "traceback"),
        ("integer of 5,000 digits", plain.replace(seed, f"seed = {'9' * 5000}"), "traceback"),
        ("control characters in a name", plain.replace('"nlr"', r'"n\u001b[31mlr"'), "sent raw"),
    ]
    found = []
    for what, text, before in cases:
        told = _run(folder, text, "check")
        good = told.startswith("Error") and "\x1b" not in told
        found.append(_row(what, "a fault in words", before, f"check: {_told(told)}", good=good))
    return found


def _tables(folder: Path) -> list[Row]:
    line = "p1,a,2,-2,1,,5,1\n"
    ragged = (_HEADER + line * 900 + "p2,K\xf6ln, S\xfcd,3,-1,0,1,5,0\n").encode("latin-1")
    escapes = _HEADER + "p1\x1b]0;PWNED\x07\x1b[31m,a,2,-2,1,,x\x1b[2J,1\np2,b,3,-1,0,1,5,0\n"
    cases = [
        ("header with an open quote", f'"{_HEADER}{line * 9000}'.encode(), "traceback"),
        ("Latin-1 in a ragged line", ragged, "traceback, then bytes of the line"),
        ("terminal commands in cells", escapes.encode(), "sent raw to a terminal"),
    ]
    found = []
    for what, content, before in cases:
        (folder / "cohort.csv").write_bytes(content)
        text = (_MODELS / "primary.toml").read_text("utf-8")
        told = _run(folder, text, "check", data=folder / "cohort.csv")
        good = told.startswith("Error") and "\x1b" not in told and "Traceback" not in told
        found.append(_row(what, "a fault in words", before, f"check: {_told(told)}", good=good))
    return found


def _renderers() -> list[Row]:
    opened = io.StringIO()
    csv.writer(opened).writerow([csv_cell("=1+1"), csv_cell(-3.5)])
    page = environment().from_string("{{ name }}").render(name="<b>\x1b")
    written = [
        ("CSV cell `=1+1` beside -3.5", "'=1+1,-3.5", opened.getvalue().strip(), "=1+1,-3.5"),
        ("LaTeX of `\\input{x}`", r"\textbackslash{}input\{x\}", latex(r"\input{x}"), "escaped"),
        ("Markdown of `<b>`", r"\<b\>", markdown("<b>"), "<b>"),
        ("HTML of `<b>` and ESC", r"&lt;b&gt;\x1b", page, "ESC raw"),
    ]
    return [
        _row(what, right, before, after, good=right == after)
        for what, right, after, before in written
    ]


def _changed(formula: str) -> str:
    text = (_MODELS / "primary.toml").read_text("utf-8")
    lines = [
        f'formula = "{formula}"' if line.startswith("formula =") else line
        for line in text.splitlines()
        if not line.startswith(("albi =", "afp_high =", "age =", "tune =", "chains ="))
    ]
    return "\n".join(lines).replace("draws = 1000", 'draws = 200\nengine = "laplace"')


def _run(folder: Path, text: str, command: str = "fit", *, data: object = "ihlrt_synthetic") -> str:
    (folder / "analysis.toml").write_text(text, "utf-8")
    arguments = [command, "analysis.toml", "--data", str(data)]
    arguments += ["--out", "out", "--overwrite"] if command == "fit" else []
    with chdir(folder):
        done = CliRunner().invoke(app, arguments)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        return f"Traceback: {done.exception!r}"
    return (done.stderr if done.exit_code else done.stdout).strip()


def _told(text: str) -> str:
    """The last line of what was told, short enough for a table."""
    line = text.splitlines()[-1].strip().removeprefix("- ") if text else "nothing"
    return line if len(line) <= 160 else f"{line[:157]}..."


def _row(what: str, truth: str, before: str, after: str, *, good: bool) -> Row:
    return Row("1", what, truth, before, after, "none", "right" if good else "WRONG")
