"""The checker of the site's links tells every kind of fault, and nothing else."""

import subprocess
import sys
from pathlib import Path

CHECKER = Path(__file__).parents[1] / "tools" / "check_links.py"
SOUND = """
<!doctype html><html><head><link rel="canonical" href="https://example.org/a">
<link rel="stylesheet" href="_static/site.css?v=1"><script>x = "<a href='none.html'>"</script>
<script src="_static/site.js"></script></head>
<body id="top"><!-- <a href="none.html"> --><img alt="a > b" src="data:image/png;base64,xx">
<a href="#top">self</a> <a href="">self</a> <a href="part/two%20words.html#deep">deep</a>
<a href="part/">folder</a> <a href="https://example.org/gone">elsewhere</a></body></html>
"""
DEEP = '<a href="../index.html#top">up</a><p id="deep"></p><a name="old"></a>'
FAULTS = {
    '<a title="5 > 3" href="gone.html">': "gone.html: no such file",
    '<a href="../outside.html">': "../outside.html: no such file",
    '<a href="part/two%20words.html#shallow">': "#shallow: no such place on that page",
    '<a href="#nowhere">': "#nowhere: no such place on that page",
    '<img src="gone.png">': "gone.png: no such file",
    '<script src="https://example.org/x.js"></script>': "loads https://example.org/x.js from else",
    '<link rel="icon" href="//example.org/x.ico">': "loads //example.org/x.ico from elsewhere",
}


def checked(site, further=""):
    """Check a small site whose first page has more in it."""
    for name, text in {
        "site/index.html": SOUND + further,
        "site/part/index.html": '<a href="two%20words.html#old">old</a>',
        "site/part/two words.html": DEEP,
        "site/_static/site.css": "",
        "site/_static/site.js": "",
        "outside.html": "",
    }.items():
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_text(text, "utf-8")
    command = [sys.executable, str(CHECKER), str(site / "site")]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def test_a_sound_site_passes(tmp_path):
    told = checked(tmp_path)
    assert told.returncode == 0, told.stdout
    assert "3 pages, 2 links to other sites not followed" in told.stdout


def test_every_fault_is_told_once_where_it_is(tmp_path):
    told = checked(tmp_path, "\n".join(FAULTS))
    assert told.returncode == 1
    lines = [line for line in told.stdout.splitlines() if line.startswith("index.html: ")]
    assert len(lines) == len(FAULTS), told.stdout
    for fault in FAULTS.values():
        assert sum(fault in line for line in lines) == 1, fault
