"""nbgrader's configuration for a course of these lessons: copy it into the course directory."""

from storyteller_grading.builder.nbgrader_release import configure

configure(get_config())  # noqa: F821 - nbgrader puts get_config there
