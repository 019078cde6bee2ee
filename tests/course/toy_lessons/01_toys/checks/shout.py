"""What `shout` must do, case by case."""

from storyteller_course import Exercise, equal

shout = Exercise("shout", points=3, bonus=True)


@shout.case("is loud", points=3)
def loud(student, draw):
    text = draw.text(9, rare=True)
    equal(student.shout(text), text.upper() + "!", "the shout")
