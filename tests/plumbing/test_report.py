"""`bayes-ihlrt report` and `export`: what they say, and what they refuse."""

import csv
import html
import json
import re
from hashlib import sha256
from pathlib import Path
from shutil import copytree, rmtree

import docx
import pytest
from PIL import Image
from typer.testing import CliRunner
from validation.robust.records import filled, write_json

from bayes_ihlrt.cli.main import app
from bayes_ihlrt.cohort import datasets
from bayes_ihlrt.errors import InputError
from bayes_ihlrt.methods.paragraph import methods_paragraph
from bayes_ihlrt.methods.references import cited
from bayes_ihlrt.plots.catalogue import PLOTS
from bayes_ihlrt.report import journal
from bayes_ihlrt.report.document import embedded
from bayes_ihlrt.report.effects import needed_words
from bayes_ihlrt.report.html import report_content, report_page
from bayes_ihlrt.report.sections import result_sections
from bayes_ihlrt.report.studies import sensitivity_tables
from bayes_ihlrt.results.files import staged
from bayes_ihlrt.results.outputs import Kind, read_results
from bayes_ihlrt.schema.checks import ChecksFile
from bayes_ihlrt.spec.read import load_spec
from report_cases import plain_brief, write_everything, write_output


@pytest.fixture(scope="module")
def everything(first_results, tmp_path_factory):
    """Return a folder with the outputs of every command; not to be changed."""
    return write_everything(first_results, tmp_path_factory.mktemp("everything"))


@pytest.fixture
def changed(everything, tmp_path):
    """Return a copy of that folder that may be changed."""
    return Path(copytree(everything, tmp_path / "all"))


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def result_of(folder):
    return json.loads((folder / "result.json").read_text())


def faults_of(folder):
    with pytest.raises(InputError) as caught:
        read_results(folder)
    return [str(fault) for fault in caught.value.faults]


def cells(page):
    found = re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", page, flags=re.DOTALL)
    return [re.sub(r"<.*?>", "", cell).replace("\N{NO-BREAK SPACE}", " ").strip() for cell in found]


def test_page_asks_the_network_for_nothing(everything):
    page = report_page(read_results(everything))
    addresses = re.findall(r"""(?:src|href|srcset|action)=["']([^"']*)""", page)
    assert addresses
    assert all(address.startswith(("#", "data:")) for address in addresses)
    assert "@import" not in page
    assert "url(" not in page
    assert "default-src 'none'" in page


def test_every_link_leads_somewhere_and_anchors_are_unique(everything):
    page = report_page(read_results(everything))
    anchors = re.findall(r'\bid="([^"]+)"', page)
    assert len(anchors) == len(set(anchors))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(anchors)


def test_same_results_give_the_same_page(everything):
    assert report_page(read_results(everything)) == report_page(read_results(everything))


def test_synthetic_data_are_called_synthetic(everything):
    page = report_page(read_results(everything))
    assert "(synthetic data)</title>" in page
    assert "<strong>Synthetic data.</strong> No patient is in them" in page


def test_tables_hold_the_numbers_of_the_result(everything):
    shown = cells(report_page(read_results(everything)))
    for row in result_of(everything / "fit")["estimands"]:
        digits = {"hazard_ratio": 2, "survival": 2}.get(row["estimand"], 1)
        middle, low, high = (row[name] for name in ("median", "q2.5", "q97.5"))
        if row["estimand"] == "number_needed_to_treat":
            assert needed_words(middle, low, high) in shown
            continue
        text = f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"
        assert re.sub(r"-(0\.0+)\b", r"\1", text) in shown


def seen(page):
    """Return what a page says, with what pictures say instead, but for what is printed verbatim."""
    bare = re.sub(r"<(script|style|pre|svg)\b.*?</\1>", " ", page, flags=re.DOTALL)
    bare = re.sub(r'<img[^>]*?alt="([^"]*)"[^>]*>', r" \1 ", bare)
    # A source may be a file.
    return re.sub(r"\S+/\w+\.\w+", " ", html.unescape(re.sub(r"<[^>]+>", " ", bare)))


def test_a_page_speaks_words_and_no_keys(everything):
    columns = datasets.load("ihlrt_synthetic").columns
    # A user's columns, data and truths are called as the user calls them.
    own = {"ihlrt_synthetic", "fall_months", *map(str, columns)}
    told = seen(report_page(read_results(everything)))
    assert set(re.findall(r"[^\W_]\w*_\w+", told)) - own == set()
    keys = r"\b(?:prob (?:reference|as|below)|sd centre|log (?:rate|shape|hr)|log hazard\[)[^)]*"
    assert re.findall(keys, told) == []
    for words in (
        "baseline rate (log)",
        "baseline shape (log)",
        "SD of centre",
        "months gained of",
    ):
        assert words in told


def test_slider_agrees_with_the_estimands(everything):
    """The curves are computed apart from the estimands, by the same functions."""
    brief = json.loads((everything / "fit" / "report.json").read_text())
    estimands = result_of(everything / "fit")["estimands"]
    for found in brief["curves"]["sets"]:
        for name, estimand in (("survival_at", "survival"), ("rmst", "rmst")):
            for row in found[name]:
                same = [
                    e
                    for e in estimands
                    if (e["estimand"], e["horizon"], e["at"])
                    == (estimand, row["horizon"], found["at"])
                ]
                for e in same:
                    part = row[e["strategy"] or "difference"]
                    assert part["median"] == pytest.approx(e["median"], rel=1e-12)
                    assert part["q97.5"] == pytest.approx(e["q97.5"], rel=1e-12)
    assert {3.0, 2.0, 5.0} <= {found["at"] for found in brief["curves"]["sets"]}


def test_page_is_readable_without_a_script(everything):
    page = re.sub(r"<script.*?</script>", "", report_page(read_results(everything)), flags=re.S)
    assert '<path class="line s1" d="M' in page
    assert "Effect of treatment at values of nlr" in page


def test_sensitivity_and_plan_are_told(everything):
    page = report_page(read_results(everything))
    assert "Hazard ratio below 1 at nlr 3? It depends on the prior." in page
    assert "4 designs under 2 scenarios, 8,000 simulated trials; the analysis of 16" in page
    shown = cells(page)
    assert "0.03 (0.0211 to 0.0425)" in shown
    factor = "Factor on the hazard ratio at which the answer changes"
    assert {"no event in the control arm 2", factor, "0.95", "log hazard ratio"} <= set(shown)
    assert "Not estimated: nobody was treated at a visit" in shown


def test_checklists_follow_what_was_run(everything, first_results):
    whole = report_content(read_results(everything))
    alone = report_content(read_results(first_results))

    def status(content, cite, item):
        (found,) = [c for c in content["checklists"] if c["checklist"].cite == cite]
        (row,) = [row for row in found["rows"] if row.item.item == item]
        return row.status.value

    assert [found["checklist"].cite for found in alone["checklists"]] == [
        "kruschke2021",
        "vonelm2007",
        "cashin2025",
    ]
    assert len(whole["checklists"]) == 5
    assert status(alone, "kruschke2021", "5A-E") == "missing"
    assert status(whole, "kruschke2021", "5A-E") == "reported here"
    assert status(alone, "kruschke2021", "2D") == "not applicable because"
    assert status(whole, "morris2019", "Performance measures") == "reported here"
    assert status(whole, "fda2026", "Prior: rationale") == "missing"


def test_methods_cite_what_was_done_and_nothing_else(everything, first_results):
    fit = cited(methods_paragraph(read_results(first_results)))
    assert set(fit) == {
        *("mantel1974", "kalbfleisch2002", "hoffman2014", "vehtari2021", "royston2013"),
        *("kaplan1958", "vehtari2017", "abrilpla2023", "kumar2019"),
        *("schoenfeld1983", "morita2008"),
    }
    whole = cited(methods_paragraph(read_results(everything)))
    assert {"suissa2008", "kallioinen2024", "vanderweele2017", "morris2019"} <= set(whole)
    page = report_page(read_results(first_results))
    assert page.count('<li id="ref-') == len(fit) + 3


def test_analysis_without_treatment(sampler, summarised_once, tmp_path):
    out = tmp_path / "out"
    data = ("hepatocellular", "--data", "hepatocellular", "--out", out, "--quiet")
    assert run("fit", *data).exit_code == 0
    content = report_content(read_results(out))
    assert content["view"] is None
    assert "effect" not in {section.anchor for section in content["body"]}
    assert not content["synthetic"]
    assert "126 left out" in report_page(read_results(out))


def test_text_of_the_data_is_no_markup(first_results, tmp_path):
    result = result_of(first_results)
    brief = json.loads((first_results / "report.json").read_text())
    brief["summary"]["first"] = ["</script><script>alert(1)</script>"]
    text = (first_results / "specification.toml").read_text()
    write_output(tmp_path / "out", result, brief, specification=text)
    page = report_page(read_results(tmp_path / "out"))
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


def test_nothing_to_report(tmp_path):
    (told,) = faults_of(tmp_path)
    assert "no result.json in it, nor in a folder in it" in told
    (told,) = faults_of(tmp_path / "nowhere")
    assert "it does not exist" in told


def test_missing_and_changed_files_are_told_together(changed):
    (changed / "fit" / "figures" / "forest.png").unlink()
    (changed / "fit" / "specification.toml").write_text("schema = 2\n")
    (changed / "ladder" / "manifest.json").unlink()
    told = faults_of(changed)
    assert len(told) == 3
    assert any("forest.png: it is missing" in fault for fault in told)
    assert any("it is not the file that was written with this result" in fault for fault in told)
    assert any("manifest.json: it is missing" in fault for fault in told)


def test_outputs_of_other_patients_are_refused(changed):
    ladder = changed / "ladder"
    result = result_of(ladder)
    brief, text = json.loads((ladder / "report.json").read_text()), (ladder / "specification.toml")
    specification = text.read_text()
    result["data"]["follow_up"] = "0" * 64
    rmtree(ladder)
    write_output(ladder, result, brief, specification=specification)
    (told,) = faults_of(changed)
    assert "2 cohorts (patients, times or events differ) have outputs in it: " in told
    assert "fit with sensitivity; ladder. A report is of one cohort: name one of" in told


def test_same_analysis_on_other_data_is_refused(changed):
    result = result_of(changed / "sensitivity")
    result["data"]["fingerprint"] = "0" * 64
    own = (changed / "sensitivity" / "specification.toml").read_text()
    rmtree(changed / "sensitivity")
    brief = plain_brief("sensitivity", result["name"])
    write_output(changed / "sensitivity", result, brief, specification=own)
    (told,) = faults_of(changed)
    assert "its data are not those of" in told


def test_two_outputs_of_one_command_are_refused(changed):
    copytree(changed / "ladder", changed / "again")
    (told,) = faults_of(changed)
    assert "a second output of `ladder`" in told


def test_a_fit_beside_the_checks_of_the_same_fit_is_told_once(changed):
    again = Path(copytree(changed / "fit", changed / "again"))
    with staged(again) as stage:
        copytree(changed / "fit", stage, dirs_exist_ok=True)
        (stage / "manifest.json").unlink()
        checks = {"name": result_of(changed / "fit")["name"], "flagged": [], "verdicts": []}
        write_json(filled(ChecksFile, checks), stage / "checks.json")
    found = read_results(changed)
    told = [kind for kind in Kind if kind not in {Kind.CAUSES, Kind.INTERIM}]
    assert [output.kind for output in found.outputs] == told
    assert found.first.folder == again, "the checks are told"
    manifest = json.loads((again / "manifest.json").read_text())
    other = (again / "specification.toml").read_text().replace("seed = 20260101", "seed = 7")
    (again / "specification.toml").write_text(other)
    manifest["sha256"]["specification.toml"] = sha256(other.encode()).hexdigest()
    (again / "manifest.json").write_text(json.dumps(manifest))
    assert "a second output of `fit`" in faults_of(changed)[0], "another run is no checked one"


def answered(folder, of, title):
    """Write an output again, with the answer that its command keeps."""
    result = result_of(folder)
    (file,) = (path for path in folder.iterdir() if path.suffix == ".toml")
    text, table = file.read_text(), {"head": ["choice", "months"], "rows": [["stated", "+1.9"]]}
    part = {"title": title, "told": ["Said."], "table": table}
    summary = {"first": [], "number": None, "parts": [part]}
    brief = {"schema": 1, "of": of, "name": result["name"], "summary": summary}
    rmtree(folder)
    write_output(folder, result, brief, specification=text, name=file.name)


def test_sections_of_sensitivity_and_plan_open_with_their_answers(changed):
    answered(changed / "sensitivity", "sensitivity", "Does ihlrt help?")
    answered(changed / "plan", "plan", "Would it find what is there? Power 71.0%.")
    body = report_content(read_results(changed))["body"]
    by_anchor = {section.anchor: section for section in body}
    first, folded = by_anchor["sensitivity"], by_anchor["sensitivity-details"]
    assert [table.name for table in first.tables] == ["sensitivity-answer", "structure"]
    assert first.tables[0].rows == (("stated", "+1.9"),)
    assert "grid" in [table.name for table in folded.tables]
    plan = by_anchor["plan"]
    assert plan.sentences[0] == "Would it find what is there? Power 71.0%."
    assert plan.tables[0].name == "plan-answer"


@pytest.mark.parametrize("command", ["fit", "ladder", "sensitivity", "plan"])
def test_what_a_report_says_beyond_the_numbers_is_needed_of_every_command(changed, command):
    (changed / command / "report.json").unlink()
    manifest = changed / command / "manifest.json"
    known = json.loads(manifest.read_text())
    del known["sha256"]["report.json"]
    manifest.write_text(json.dumps(known))
    assert faults_of(changed) == [
        f"file {changed / command / 'report.json'}: it is missing. Run the command again."
    ]


def test_a_figure_that_no_command_drew_is_told_for_what_it_is(first_results, tmp_path):
    out = Path(copytree(first_results, tmp_path / "out"))
    (out / "figures" / "mine.png").write_bytes((out / "figures" / "forest.png").read_bytes())
    done = CliRunner().invoke(app, ["figures", str(out)])
    assert done.exit_code == 1
    told = " ".join(done.stderr.split())
    assert "mine.nc, which would hold what it draws" in told
    assert "take away a figure that no command drew" in told


def test_files_of_two_runs_are_refused(first_results, tmp_path):
    brief = json.loads((first_results / "report.json").read_text()) | {"name": "another"}
    text = (first_results / "specification.toml").read_text()
    write_output(tmp_path / "out", result_of(first_results), brief, specification=text)
    (told,) = faults_of(tmp_path / "out")
    assert "it belongs to 'another', result.json to 'os-weibull-ihlrt-nlr'" in told


def test_a_result_that_lacks_a_key_is_told_by_file_and_key(first_results, tmp_path):
    result, brief = result_of(first_results), (first_results / "report.json").read_text()
    del result["data"]["events"], result["parameters"]["ihlrt"]["q2.5"]
    text = (first_results / "specification.toml").read_text()
    write_output(tmp_path / "out", result, brief=json.loads(brief), specification=text)
    told = faults_of(tmp_path / "out")
    assert len(told) == 2
    for fault, place in zip(told, ("data.events", "parameters.ihlrt.q2.5"), strict=True):
        assert f"{tmp_path / 'out' / 'result.json'}: it lacks '{place}', which every" in fault


def test_unknown_result_is_refused(tmp_path):
    write_output(tmp_path / "out", {"schema": 1, "name": "x"}, {})
    (told,) = faults_of(tmp_path / "out")
    assert "it is no result of a known command" in told


def test_command_writes_once_and_tells_where(changed):
    done = run("report", changed, "--json")
    assert json.loads(done.stdout)["written"] == [str(changed / "report.html")]
    again = run("report", changed)
    assert again.exit_code == 1
    assert "it exists. Name another file, or give --overwrite." in again.stderr
    assert run("report", changed, "--overwrite", "--quiet").stdout == ""


def test_a_new_result_takes_the_old_report_away(sampler, summarised_once, first_results, tmp_path):
    out = Path(copytree(first_results, tmp_path / "out"))
    assert run("report", out).exit_code == 0
    assert run("export", out).exit_code == 0
    arguments = ("primary", "--data", "ihlrt_synthetic", "--out", out, "--overwrite", "--quiet")
    fitted = run("fit", *arguments)
    assert fitted.exit_code == 0, (fitted.output, fitted.exception)
    assert not (out / "report.html").exists()
    assert not (out / "exports").exists()
    assert read_results(out).of(Kind.FIT) is not None


def test_exports(everything, tmp_path):
    out = tmp_path / "exports"
    assert run("export", everything, "--out", out).exit_code == 0
    rows = list(csv.DictReader((out / "tables" / "survival.csv").read_text().splitlines()))
    estimands = result_of(everything / "fit")["estimands"]
    named = {"survival", "rmst", "median_survival"}
    expected = [found["median"] for found in estimands if found["estimand"] in named]
    assert [float(row["median"]) for row in rows] == expected
    assert {row["synthetic"] for row in rows} == {"True"}
    document = docx.Document(str(out / "tables.docx"))
    files = sorted(file.stem for file in (out / "tables").glob("*.csv"))
    assert len(document.tables) == len(files)
    assert document.tables[0].cell(0, 2).text.startswith("ever ihlrt (n = ")
    assert document.tables[1].cell(0, 1).text == "Followed from"
    assert document.tables[3].cell(0, 1).text == "Hazard ratio (95 % interval)"
    assert any("SYNTHETIC DATA" in paragraph.text for paragraph in document.paragraphs)
    latex = (out / "tables.tex").read_text()
    assert latex.count(r"\begin{longtable}") == len(files)
    told = re.sub(r"^%.*$|\\label{.*?}", "", latex, flags=re.MULTILINE)
    assert not re.search(r"(?<!\\)[%_&](?=\w)", told)
    keys = cited(methods_paragraph(read_results(everything)))
    assert re.findall(r"^@article{(\w+),", (out / "references.bib").read_text(), re.M) == list(keys)
    assert set(re.findall(r"\\cite{(.*?)}", (out / "methods.tex").read_text())) >= {"mantel1974"}


def test_export_replaces_its_own_files_only(everything, tmp_path):
    out = tmp_path / "exports"
    assert run("export", everything, "--out", out, "--quiet").exit_code == 0
    (out / "tables" / "stale.csv").write_text("x\n")
    assert run("export", everything, "--out", out).exit_code == 1
    assert run("export", everything, "--out", out, "--overwrite").exit_code == 0
    assert not (out / "tables" / "stale.csv").exists()
    (out / "thesis.docx").write_text("mine")
    done = run("export", everything, "--out", out, "--overwrite")
    assert done.exit_code == 1
    assert "no exports: thesis.docx" in done.stderr


@pytest.mark.parametrize("name", [*PLOTS, "conduct_1", "decisions_2", "curve_3"])
def test_every_figure_has_words_for_those_who_do_not_see_it(name, tmp_path):
    stem = {"trial_curves": "curve"}.get(name, name.removeprefix("trial_"))
    file = tmp_path / f"{stem}.png"
    file.write_bytes(b"")
    (figure,) = embedded([file])
    assert not figure.alt.startswith("Figure:")


def test_figures_are_drawn_as_a_journal_asks(first_results, tmp_path):
    out = tmp_path / "journal"
    asked = ("--only", "forest", "--only", "flow", "--format", "svg", "--format", "png")
    done = run("figures", first_results, *asked, "--width", 150, "--dpi", 72, "--out", out)
    assert done.exit_code == 0, done.output
    names = {f"{name}.{form}" for name in ("forest", "flow") for form in ("svg", "png")}
    assert {file.name for file in out.iterdir()} == names
    with Image.open(out / "forest.png") as picture:
        assert picture.width == int(150 / 25.4 * 72)
    assert ">Coefficients of the hazard (synthetic data)<" in (out / "forest.svg").read_text()
    again = run("figures", first_results, "--only", "forest", "--format", "svg", "--out", out)
    assert again.exit_code == 1
    assert "it exists. Name another folder, or give --overwrite" in again.stderr


def test_figures_are_replaced_all_at_once(first_results, tmp_path, monkeypatch):
    """Half of them would be of the earlier result and half of this one."""
    out = tmp_path / "journal"
    arguments = ("figures", first_results, "--only", "forest", "--only", "flow", "--out", out)
    assert run(*arguments, "--format", "svg").exit_code == 0
    before = {file.name: file.read_bytes() for file in out.iterdir()}
    honest, drawn = journal.save_figure, []

    def full(figure, place, **options):
        drawn.append(place)
        if len(drawn) == 2:
            raise OSError(28, "No space left on device")
        honest(figure, place, **options)

    monkeypatch.setattr(journal, "save_figure", full)
    done = run(*arguments, "--format", "svg", "--width", 85, "--overwrite")
    assert done.exit_code == 1
    assert "no space left on device" in done.stderr
    assert {file.name: file.read_bytes() for file in out.iterdir()} == before


def test_figures_tell_every_name_and_size_that_cannot_be(first_results, tmp_path):
    done = run(
        "figures", first_results, "--only", "forrest", "--only", "survivl", "--out", tmp_path
    )
    assert done.exit_code == 1
    assert "2 faults" in done.stderr
    assert "Did you mean 'forest'?" in done.stderr
    small = ("--only", "forest", "--only", "treatment_starts", "--width", 85, "--height", 45)
    done = run("figures", first_results, *small, "--out", tmp_path)
    assert done.exit_code == 1
    assert "figure forest: its words have no room in 85 by 45 mm: 'ihlrt, at nlr 3'" in done.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["treatment_starts.pdf"]


def test_courses_are_drawn_where_asked_only(first_results, everything, tmp_path):
    page = report_page(read_results(everything))
    assert 'id="courses"' not in page
    assert "Length of follow-up" in page
    assert "Of 80 patients, 20 started ihlrt under observation, at month 5.2" in page
    out = Path(copytree(first_results, tmp_path / "out"))
    (out / "figures" / "swimmer.png").write_bytes((out / "figures" / "flow.png").read_bytes())
    sections = result_sections(read_results(out))
    (courses,) = [section for section in sections if section.anchor == "courses"]
    assert (courses.folded, [figure.name for figure in courses.figures]) == (True, ["swimmer"])
    done = run("fit", "primary", "--swimmer")
    assert done.exit_code == 1
    assert "nothing is drawn without a folder" in done.stderr


RAW = re.compile(r"\b[a-z]+(?:_[a-z]+)+\b|\bq(?:2\.5|97\.5)\b|\bmcse\b|\bk hat\b")


def test_no_table_of_sensitivity_shows_a_key(everything):
    """Names of the analysis itself are its user's words; every other one is ours to say."""
    results = read_results(everything)
    own = set(result_of(everything / "fit")["parameters"])
    own |= {*load_spec("primary").covariates, "fall_months"}
    tables = sensitivity_tables(results.of(Kind.SENSITIVITY))
    assert len(tables) > 4
    for table in tables:
        heads = [column.label for column in table.columns]
        assert all(head[0].isupper() for head in heads), heads
        for cell in (*heads, *(cell for row in table.rows for cell in row)):
            assert set(RAW.findall(cell)) <= own, cell
