"""What `quadruple` must do, case by case."""

from storyteller_course import Exercise, equal

quadruple = Exercise("quadruple", points=2, builds_on=("double",))


@quadruple.case("multiplies by four", points=2)
def four(student, draw):
    x = draw.randint(3, 99)
    equal(student.quadruple(x), 4 * x, "four times the number")
