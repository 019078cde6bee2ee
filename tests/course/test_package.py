"""What the package offers, and what importing it loads."""

import subprocess
import sys

import pytest


def test_importing_the_course_loads_neither_torch_nor_ipython() -> None:
    names = "check, hint, progress, use, Exercise, equal, fixture, Right, Wrong, load_lesson"
    heavy = "{'torch', 'IPython', 'numpy', 'ipywidgets'}"
    code = f"import sys\nfrom storyteller_course import {names}\nprint({heavy} & set(sys.modules) or 'light')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "light\n"


def test_an_unknown_name_of_the_package_is_an_attribute_error() -> None:
    import storyteller_course

    with pytest.raises(AttributeError, match="no attribute 'chekc'"):
        storyteller_course.chekc  # noqa: B018
