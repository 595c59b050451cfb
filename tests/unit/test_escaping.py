"""Text of users stays text in every form that is written."""

import csv
import io
import re
import unicodedata
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr
from docx import Document, api
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from rich.table import Table as RichTable
from rich.text import Text

from bayes_ihlrt.cli.app import say, told_plainly
from bayes_ihlrt.errors import DataError, Fault
from bayes_ihlrt.escaping import csv_cell, latex, markdown, printable
from bayes_ihlrt.labels import Labels
from bayes_ihlrt.methods.references import cited, pieces, unmarked
from bayes_ihlrt.plots.frame import framed_figure
from bayes_ihlrt.report import html
from bayes_ihlrt.report import manuscript as exports
from bayes_ihlrt.report.fit import parameter_table
from bayes_ihlrt.report.terminal import as_text, print_tables
from bayes_ihlrt.results.table import Column, PlainConsole, Table, text

ATTACKS = [
    "\x1b]0;PWNED\x07\x1b[31m",
    "\x9b31m\x00\x08",
    "\u202egnirts\u2066",
    "[red]x[/red] :smile:",
    "</script><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7 * 7 }}{% raw %}",
    r"\input{/etc/passwd} $x_1^2$ %",
    "$\\frac$ and $5",
    "=HYPERLINK(0)",
    "\t=1+1",
    "\uff1d1+1",
    "# a\n\n![x](javascript:alert(1)) `b` [c]: d",
    "1. a\n- b\n> c\n| d |",
    "&amp;&#x3c;b&gt;",
    "[@suissa2008] [@nobody]",
    "\ud800",
]
HOSTILE = st.sampled_from(ATTACKS) | st.text(max_size=30)
EASY = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def unseen(told):
    kinds = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    return {letter for letter in told if letter != "\n" and unicodedata.category(letter) in kinds}


@EASY
@given(HOSTILE)
def test_what_is_printed_commands_no_terminal(name):
    assert not unseen(printable(name))
    assert "\n" not in printable(name)
    opened = io.StringIO()
    console = PlainConsole(file=opened, force_terminal=True, width=400, color_system="truecolor")
    table = RichTable(name, title=name)
    table.add_row(name)
    console.print(table)
    console.print(Text(name, style="bold"))
    console.print(name)
    # Rich's own styles are ESC [ numbers m; nothing else may begin with ESC.
    told = re.sub(r"\x1b\[[0-9;]*m", "", opened.getvalue())
    assert not unseen(told)
    if name.isascii() and name.isprintable() and not name.startswith(" ") and len(name) < 40:
        assert told.count(name.strip()) >= 3


def test_markup_and_emoji_codes_are_letters():
    opened = io.StringIO()
    PlainConsole(file=opened, width=80).print("stage[red] :smile:", Text("[b]x[/b]"))
    assert opened.getvalue() == "stage[red] :smile: [b]x[/b]\n"


def test_a_notebook_leaves_no_file_empty(monkeypatch):
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    assert as_text(lambda console: console.print("stage[red]")) == "stage[red]\n"


@pytest.mark.parametrize("terminal", [False, True])
def test_no_line_ends_in_blanks(terminal):
    opened = io.StringIO()
    console = PlainConsole(file=opened, width=40, force_terminal=terminal, color_system=None)
    table = RichTable("name", "value", box=None, title="title")
    table.add_row("a", "")
    table.add_row("", "b b")
    console.print(table)
    console.print(Text("one  \n  two   "), "x  \n", end="")
    console.print(Text("words of a line that is too long for it and has to be broken"))
    lines = opened.getvalue().split("\n")
    assert [line for line in lines if line != line.rstrip()] == []
    assert "  two    x" in lines
    assert sum("b b" in line for line in lines) == 1


def test_a_message_lists_a_hundred_faults_and_no_long_one_whole():
    error = DataError("a", [Fault(f"key {n}", "x" * 9000, "end") for n in range(250)])
    assert len(error.faults) == 250
    assert str(error).endswith("  - and 150 more")
    assert str(error).startswith("a: 250 faults\n  - key 0: xxx")
    assert "xxx. end.\n  - key 1: " in str(error)
    assert len(str(error)) < 160_000


@pytest.mark.parametrize("name", ATTACKS)
def test_faults_are_told_without_commands(name, capsys):
    with pytest.raises(Exception, match="1"), told_plainly():
        raise DataError(name, [Fault(name, name, name), Fault("b", f"x\n  - {name}", "c")])
    say(f"Written: {name}")
    streams = capsys.readouterr()
    assert not unseen(streams.out + streams.err)
    # A name with a line break makes no line of its own.
    assert streams.err.count("\n") == 3


def unlatex(told):
    named = {"textbackslash": "\\", "textasciitilde": "~", "textasciicircum": "^"}
    named |= {"textless": "<", "textgreater": ">", "textbar": "|"}
    return re.sub(r"\\(text\w+)\{\}|\\([&%$#_{}])", lambda m: named[m[1]] if m[1] else m[2], told)


@EASY
@given(HOSTILE)
def test_latex_sets_what_is_written(name):
    told = latex(name)
    assert unlatex(told) == printable(re.sub(r"[\n\r\t]", " ", name))
    assert not re.search(r"[&%$#_^~<>|]", re.sub(r"\\[&%$#_{}]", "", told))
    assert not re.search(r"\\(?!text|[&%$#_{}])", told)


@EASY
@given(HOSTILE)
def test_markdown_shows_what_is_written(name):
    reader = pytest.importorskip("markdown_it").MarkdownIt("commonmark", {"html": True})
    tokens = reader.parse(f"Name: {markdown(name)} end\n\n{markdown(name)}")
    assert {token.type for token in tokens} <= {"paragraph_open", "inline", "paragraph_close"}
    inner = [child for token in tokens for child in token.children or ()]
    assert {child.type for child in inner} <= {"text", "text_special"}
    shown = "".join(child.content for child in tokens[1].children)
    expected = printable(re.sub(r"[\n\r\t]", " ", name))
    assert shown.split() == ["Name:", *expected.split(), "end"]


def table_of(name):
    columns = (text(name, "item"), Column(name, lambda record: str(record["value"]), "value"))
    return Table("t", name, columns, ({"item": name, "value": -1.5, name: name},), name)


@EASY
@given(HOSTILE)
@example("-3")
def test_cells_of_csv_files_are_no_formulas(name):
    assert csv_cell(-3.0) == -3.0
    assert csv_cell(None) is None
    written = csv_cell(name)
    number = re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", name)
    assert number or not re.match(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r]", written)
    assert written in {printable(name), f"'{printable(name)}"}


@pytest.mark.parametrize("name", [name for name in ATTACKS if name != "\ud800"])
def test_csv_files_hold_numbers_as_numbers_and_text_as_text(name, tmp_path):
    exports.write_csv(table_of(name), tmp_path / "t.csv", synthetic=False)
    with (tmp_path / "t.csv").open(encoding="utf-8", newline="") as opened:
        header, row = csv.reader(opened)
    for cell in (*header, row[0], row[2]):
        assert not re.match(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r]", cell)
    assert float(row[1]) == -1.5


@EASY
@given(HOSTILE)
def test_latex_tables_hold_no_commands_of_users(name):
    told = exports._latex_table(table_of(name), synthetic=True)
    assert not unseen(told)
    assert latex(name) in told


@EASY
@given(HOSTILE)
def test_word_shows_what_is_written(name):
    document, opened = api.Document(), io.BytesIO()
    exports._word_table(document, table_of(name), 1)
    document.save(opened)
    grid = Document(opened).tables[0]
    assert grid.cell(1, 0).text == printable(name)


@EASY
@given(HOSTILE)
def test_html_shows_what_is_written(name):
    template = "<script>{{ data }}</script><p title='{{ name }}'>{{ name }}</p>"
    page = (
        html.environment().from_string(template).render(data=html._json({"name": name}), name=name)
    )
    body = page.partition("</script>")[2]
    assert page.count("<") == 4
    assert body.count("'") == 2
    assert not unseen(body.replace("\t", ""))


def test_dollars_and_braces_in_names_are_drawn(tmp_path):
    # A letter that the font lacks is a warning of its own.
    for name in [attack for attack in ATTACKS if attack not in {"\ud800", "\uff1d1+1"}]:
        data = xr.Dataset(attrs={"title": name, "synthetic": False})
        figure = framed_figure(data, width=4.0, height=3.0)
        axes = figure.subplots()
        axes.plot([0.0, 1.0], [1.0, 10.0], label=f"x {name}")
        axes.set_xticks([0.0, 1.0], [name, f"{name}$"])
        axes.set_yscale("log")
        axes.set_xlabel(name)
        axes.legend(title=name)
        figure.savefig(tmp_path / "figure.png")


def test_a_user_cites_nothing():
    told = unmarked("plan [@suissa2008; @nobody]")
    assert cited([told]) == ()
    assert list(pieces(told)) == [told]


@pytest.mark.parametrize("level", ["B", "I/II", "b]c", "[x", "red"])
def test_levels_of_categories_are_in_the_table(level):
    numbers = dict.fromkeys(("mean", "sd", "median", "q2.5", "q97.5", "mcse_mean"), 0.5)
    numbers |= dict.fromkeys(("r_hat", "ess_bulk", "ess_tail"), None)
    names = (f"stage[T.{level}]", "bs(age, knots=[50, 70])[1]", f"nlr:stage[T.{level}]")
    others = ("log_hazard[0-3]", "log_rate", "centre_effect[x]")
    content = {"parameters": dict.fromkeys((*names, *others), numbers)}
    brief = {"units": dict.fromkeys(names, ""), "references": {}}
    table = parameter_table(content, brief, SimpleNamespace(labels=Labels()))
    opened = io.StringIO()
    print_tables(PlainConsole(file=opened, width=200), [table])
    rows = opened.getvalue()
    assert all(name in rows for name in (*names, *others))
    ratio = f"{np.exp(0.5):.2f}"
    assert rows.count(f"{ratio} ({ratio} to {ratio})") == len(names)
