"""Configuration of the documentation; nothing here, and nothing in a build, uses the network."""

import importlib
import logging
import sys
import typing
from pathlib import Path

HERE = Path(__file__).resolve().parent
# The extensions, the library and the recipe, wherever the build was started.
sys.path[:0] = [str(HERE / "_ext"), str(HERE.parent)]

from stgan._torchvision import ensure_torchvision  # noqa: E402

# Before anything imports timm or torchmetrics, which would import torchvision by themselves.
ensure_torchvision()

import stgan  # noqa: E402

# Figures are imported where they are drawn; the names in signatures are wanted here.
typing.TYPE_CHECKING = True
importlib.import_module("stgan.visual")
typing.TYPE_CHECKING = False

# Which file format an animation is written in is nobody's business.
logging.getLogger("matplotlib").setLevel(logging.ERROR)

project = "stgan"
author = "The stgan developers"
copyright = author
version = release = stgan.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
    "sphinxcontrib.bibtex",
    "stgan_math",
    "stgan_names",
    "stgan_references",
    "stgan_support",
    "stgan_tables",
    "stgan_zoo",
]
# Tables that the page on performance includes; scripts that become pages elsewhere.
exclude_patterns = ["_build", "results/speed", "tutorials"]
nitpicky = True
nitpick_ignore = [
    # Type variables: placeholders, with nothing to link to.
    ("py:class", "stgan.registry.F"),
    ("py:class", "stgan.shapes.Size"),
    ("py:class", "stgan.layers.fold.Network"),
    ("py:class", "stgan.settings.reading.T"),
    # Of the standard library, and of no page here.
    ("py:class", "contextlib.AbstractContextManager"),
]

# -- Docstrings ------------------------------------------------------------------------------------

autodoc_default_options = {
    "members": True,
    "member-order": "bysource",
    "exclude-members": "extra_repr",
}
# Types stand in the signature, one parameter a line as soon as it is long; never twice.
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
maximum_signature_line_length = 90
python_use_unqualified_type_names = True
python_display_short_literal_types = True
napoleon_numpy_docstring = False
napoleon_custom_sections = ["Shape", "Differs from the source"]
# As a list in the description: fields of dataclasses would otherwise be documented twice.
napoleon_use_ivar = True
napoleon_use_rtype = False

# -- Pages -----------------------------------------------------------------------------------------

myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3
# Prompts and printed output stay behind when an example is copied.
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

# -- Tutorials and bibliography --------------------------------------------------------------------

# Every script runs while the pages are built, and an error in one fails the build. For a build
# without running them: -D plot_gallery=0.
sphinx_gallery_conf = {
    "examples_dirs": "tutorials",
    "gallery_dirs": "gallery",
    "filename_pattern": "plot_",
    "within_subsection_order": "FileNameSortKey",
    "matplotlib_animations": True,
    "doc_module": ("stgan",),
    "reference_url": {"stgan": None},
    # Only what a script prints is shown, not the value of a last line.
    "capture_repr": (),
    "download_all_examples": False,
    "show_signature": False,
    "write_computation_times": False,
    "show_api_usage": False,
    "min_reported_time": 10**6,
    # Pages lead readers to the library; nobody wants a notebook from them.
    "notebook_extensions": set(),
    "nested_sections": False,
    "reset_modules": ("matplotlib", "stgan_gallery.forget_registered"),
    "reset_modules_order": "both",
}
bibtex_bibfiles = ["references.bib"]
bibtex_default_style = "plain"
bibtex_reference_style = "author_year"

# -- HTML ------------------------------------------------------------------------------------------

html_theme = "furo"
html_math_renderer = "mathml"
html_title = f"stgan {release}"
html_static_path = ["_static"]
html_css_files = ["stgan.css"]
html_copy_source = False
html_show_sphinx = False
html_theme_options = {"navigation_with_keys": True}
