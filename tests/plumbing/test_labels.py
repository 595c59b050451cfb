"""Labels of columns, levels and treatment: everywhere where people read, and names nowhere."""

import html
import json
import re

import docx
import numpy as np
import pytest
from matplotlib.text import Text
from typer.testing import CliRunner

from bayes_ihlrt.cli.main import app
from bayes_ihlrt.plots.catalogue import PLOTS
from bayes_ihlrt.report import writing

# Every name of the file and the analysis begins with "zq"; what people read begins with "Told".
SPEC = """
schema = 2
name = "Told analysis"

[data]
patient = "zqid"
time = "zqtime"
event = { column = "zqstatus", value = "zqdead" }
centre = "zqcentre"
aliases = { zqshort = "zq long (mg/L)" }

[data.labels]
zqid = "Told patient"
zqtime = "Told time"
zqstatus = { label = "Told death", levels = { zqdead = "Told dead" } }
zqcentre = { label = "Told hospital", levels = { zqnorth = "Told north", zqsouth = "Told south" } }
zqstart = "Told start"
zqtreat = "Told embolisation"
zqratio = { label = "Told ratio", unit = "Told per Told" }
zqstage = { label = "Told stage", levels = { zqone = "Told I", zqtwo = "Told II" } }
zqgrade = { label = "Told grade", levels = { 1 = "Told good", 2 = "Told poor" } }
zqalb = { label = "Told albumin", unit = "g/L" }
"zq long (mg/L)" = "Told marker"

[treatment]
name = "zqtreat"
start = "zqstart"
design = "split"

[modifier]
name = "zqmod"
column = "zqratio"
transform = "log2"
reference = 3.0

[outcome]
formula = "zqtreat * zqmod + zqstage + C(zqgrade) + log(zqalb / 10) + zqshort"
group = "(1 + zqtreat | centre)"

[estimands]
horizons = [12.0]
at = [2.0, 5.0]
subgroups = ["zqstage", "centre"]
"""


def export(n=60):
    """Return an invented file."""
    rng = np.random.default_rng(3)
    names = "zqid,zqtime,zqstatus,zqcentre,zqstart,zqratio,zqstage,zqgrade,zqalb,zq long (mg/L)"
    lines = [names]
    for i in range(n):
        time = round(float(rng.exponential(14.0)) + 2.0, 2)
        start = f"{0.3 * time:.2f}" if i % 2 else ""
        status, centre = ("zqdead", "zqalive")[i % 3 == 0], ("zqnorth", "zqsouth")[i % 5 < 2]
        stage, grade = ("zqone", "zqtwo")[i // 2 % 2], 1 + i // 4 % 2
        numbers = f"{rng.lognormal(1.0, 0.5):.2f}", f"{rng.normal(38, 4):.1f}"
        marker = f"{rng.lognormal(1.0, 0.7):.1f}"
        cells = [f"zqp{i}", time, status, centre, start, numbers[0], stage, grade, numbers[1]]
        lines.append(",".join(map(str, [*cells, marker])))
    return "\n".join(lines) + "\n"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "spec.toml").write_text(SPEC)
    (tmp_path / "data.csv").write_text(export())
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def drawn(monkeypatch):
    """Return a list to which every text of every figure is added as it is drawn."""
    texts = []

    def noted(name, data, file):
        figure = PLOTS[name](data)
        figure.canvas.draw()
        texts.extend(f"{name}: {text.get_text()}" for text in figure.findobj(Text))
        file.write_bytes(b"")

    monkeypatch.setattr(writing, "_draw", noted)
    return texts


def shown(page):
    """Return what a page says: without images, and without the specification as it was run."""
    page = re.sub(r"<pre.*?</pre>", "", page, flags=re.DOTALL)
    return html.unescape(re.sub(r"data:[a-z]+/[^\"']*", "", page))


def documents(folder):
    """Return the text of every export."""
    told = {}
    for file in folder.rglob("*.*"):
        if file.suffix == ".docx":
            tables = docx.Document(str(file)).tables
            rows = [cell.text for table in tables for row in table.rows for cell in row.cells]
            told[file.name] = "\n".join(rows)
        else:
            told[file.name] = file.read_text()
    return told


def test_people_read_labels_and_no_names(sampler, drawn, folder):
    out, exports = folder / "out", folder / "exports"
    told = {}
    for arguments in (
        ("fit", folder / "spec.toml", "--data", folder / "data.csv", "--out", out, "--tables"),
        ("report", out),
        ("export", out, "--out", exports),
    ):
        done = run(*arguments)
        assert done.exit_code == 0, done.output
        told[arguments[0]] = done.output
    told |= documents(exports) | {"figures": "\n".join(drawn)}
    told["summary"] = (out / "summary.txt").read_text()
    told["page"] = shown((out / "report.html").read_text())
    for name in ("fit", "summary", "page", "figures", "parameters.csv", "tables.tex", "methods.md"):
        assert "Told embolisation" in told[name], name
    for name in ("fit", "page", "figures", "parameters.csv", "tables.docx"):
        assert "Told ratio" in told[name], name
        assert "Told stage: Told II" in told[name], name
    # How the file was read is told in the file's own words.
    read = "zqstatus: the event is 'zqdead' (40); censored: 'zqalive' (20)"
    assert read in told["fit"]
    told["fit"] = told["fit"].replace(read, "")
    names = {name: re.findall(r".{0,40}zq.{0,40}", text) for name, text in told.items()}
    assert {name: found for name, found in names.items() if found} == {}
    assert "centre" not in told["summary"]
    assert "Told hospital" in told["page"]
    # What a program reads keeps the names, and says what they are called.
    result = json.loads((out / "result.json").read_text())
    assert result["labels"]["zqtreat:zqmod"] == "Told embolisation \u00d7 Told ratio"
    assert "zqtreat:zqmod" in result["parameters"]
