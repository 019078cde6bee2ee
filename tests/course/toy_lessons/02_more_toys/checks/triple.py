"""What `triple` must do, case by case."""

from storyteller_course import Exercise, equal

triple = Exercise("triple", points=2)


@triple.case("triples a number", points=2)
def triples(student, draw):
    x = draw.randint(3, 99)
    equal(student.triple(x), x + x + x, "the triple")
