"""What `clean` must do, case by case."""

from storyteller_course import Exercise, Mismatch, equal, true

clean = Exercise("clean", points=2, bug_hunt=True)


@clean.case("has no double spaces", points=2)
def no_double(student, draw):
    text = draw.choice("abc") + "   " + draw.choice("xyz")
    equal(student.clean(text), f"{text[0]} {text[-1]}", "the text")


@clean.case("still has no white space around", points=0)
def around(student, draw):
    got = student.clean("  a ")
    if got != "a":
        raise Mismatch("White space is left around the text.", got=got)
    true(isinstance(got, str), "It should be a text.")
