"""What `double` must do, case by case."""

from storyteller_course import Exercise, equal

from .hints import HINTS

double = Exercise("double", points=2, hints=HINTS)


@double.case("doubles a number", points=1)
def doubles(student, draw):
    x = draw.randint(3, 99)
    equal(student.double(x), x + x, "the double")


@double.case("doubles nothing to nothing", points=1)
def nothing(student, draw):
    equal(student.double(0), 0, "the double")
