"""Sphinx's configuration. The sources that it reads are made by `python -m website`; see there."""

import os
import re
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))  # for this folder, which is not installed

from storyteller import __version__ as release  # noqa: E402

project = "Storyteller"
author = "The Storyteller team"
copyright = f"{author}. MIT licence"
version = release
language = "en"

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode", "sphinx_copybutton"]
extensions += ["website.mathml", "website.docstrings"]
templates_path = [str(HERE / "templates")]
exclude_patterns: list[str] = []
suppress_warnings = ["myst.header", "mystnb.unknown_mime_type", "config.cache"]

# Markdown and notebooks. Outputs come from the notebooks.
nb_execution_mode = "off"
nb_mime_priority_overrides = [("html", "text/html", 0), ("html", "image/png", 5)]
nb_merge_streams = True
myst_enable_extensions = ["dollarmath", "html_image"]
myst_heading_anchors = 4
myst_links_external_new_tab = False

smartquotes_action = "qe"  # quotation marks and dots; two hyphens begin an option, and are no dash

# The library's reference.
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False

# The look. Nothing is fetched from anywhere else.
html_theme = "furo"
html_title = "Storyteller"
html_math_renderer = "mathml"
html_static_path = [str(HERE / "static")]
html_css_files = ["site.css"]
html_js_files = ["theme.js"]
html_extra_path = [os.environ["STORYTELLER_SITE_EXTRA"]] if "STORYTELLER_SITE_EXTRA" in os.environ else []
html_copy_source = False
html_show_sphinx = False
html_theme_options: dict[str, object] = {"top_of_page_buttons": []}
highlight_language = "text"
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"
copybutton_exclude = ".linenos, .gp, .go"
copybutton_prompt_text = re.escape(">>> ") + "|" + re.escape("$ ")
copybutton_prompt_is_regexp = True

# The slides, built by website/slides.py. reveal.js lies in the package.
if "STORYTELLER_SLIDES" in os.environ:
    extensions = ["myst_nb", "sphinx_revealjs", "website.mathml"]
    nb_mime_priority_overrides += [("revealjs", "text/html", 0), ("revealjs", "image/png", 5)]
    revealjs_static_path = [str(HERE / "static")]
    revealjs_style_theme = "white"
    revealjs_css_files = ["slides.css"]
    revealjs_script_conf = {"hash": True, "slideNumber": True, "width": 1280, "height": 800, "center": False}
