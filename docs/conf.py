"""The site: Sphinx with MyST-NB, built with warnings as errors.

::

    python3 -m uv run --group docs sphinx-build -W --keep-going docs docs/_build/html
    python3 -m uv run --group docs python tools/check_links.py docs/_build/html

Nothing is fetched while building or reading: formulas become MathML, not a script from a host.
"""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

project = "bayes_ihlrt"
author = "bayes_ihlrt contributors"
copyright = author  # noqa: A001
extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "docstrings",
    "myst_nb",
    "generated_pages",
    "sidebar",
    "mathml",
    "field_descriptions",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "_ext", "_templates"]
html_theme = "furo"
html_title = "bayes_ihlrt"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
# Notebooks are executed by nbmake and committed with their outputs.
nb_execution_mode = "off"

autosummary_generate = True
autodoc_typehints = "none"
autodoc_class_signature = "separated"
autodoc_default_options = {"members": True, "exclude-members": "__init__, __new__, model_config"}
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
# What is named in single backticks may be private or of another package.
default_role = "literal"
# Bibliographies of docstrings are cited by their text.
suppress_warnings = ["ref.footnote"]
