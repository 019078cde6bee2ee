"""Fixtures that several tests of the grading share."""

import pytest


@pytest.fixture(scope="session")
def rehearsed(tmp_path_factory):
    """A synthetic class of thirty, autograded once for all tests; who changes anything takes a copy."""
    from class_course import graded_class, template_lesson

    lesson = template_lesson(tmp_path_factory.mktemp("rehearsed-lesson"))
    return graded_class(tmp_path_factory.mktemp("rehearsed-course"), lesson, students=30)


@pytest.fixture(scope="session")
def home(tmp_path_factory):
    """The folder of the toy lesson, built; who changes anything takes a copy."""
    from toy_class import make_lesson

    return make_lesson(tmp_path_factory.mktemp("lesson"))
