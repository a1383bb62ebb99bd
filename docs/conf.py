"""How the documentation is built: Markdown in, HTML that needs no network out."""

from __future__ import annotations

import os
import sys
from importlib.metadata import version as version_of
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "extensions"))
# An example that runs the command runs the one that belongs to this interpreter.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])

project = "mixtura"
author = "The mixtura developers"
copyright = "2026, the mixtura developers"
version = release = version_of("mixtura")

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "docstrings", "mathml"]
exclude_patterns = ["_build", "extensions"]
root_doc = "index"

html_theme = "furo"
html_title = f"mixtura {version}"
html_math_renderer = "mathml"
html_copy_source = False
html_static_path = ["static"]
html_css_files = ["mathml.css"]

myst_enable_extensions = ["amsmath", "colon_fence", "dollarmath"]
myst_heading_anchors = 3
myst_update_mathjax = False

# Every example is executed, and one that fails fails the build.
nb_execution_mode = "force"
nb_execution_in_temp = True
nb_merge_streams = True
nb_execution_raise_on_error = True
nb_execution_timeout = 300

autodoc_typehints = "none"
autodoc_member_order = "groupwise"
napoleon_google_docstring = False
napoleon_use_rtype = False
