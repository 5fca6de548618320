"""Sphinx: `pip install ".[docs]" && sphinx-build -W docs docs/_build`."""

from importlib.metadata import version as version_of

project = "Reverie"
version = release = version_of("reverie")
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # tests/test_notebooks.py runs them; the pages show what they gave
html_theme = "furo"
html_title = "Reverie"
exclude_patterns = ["_build", "paper.ipynb"]  # paper.md has that page's name
autodoc_typehints = "description"
autodoc_member_order = "bysource"
