"""What `apply_twice` must do, case by case."""

from storyteller_course import Exercise, equal

apply_twice = Exercise("apply_twice", points=3)


@apply_twice.case("calls the step twice, with what it gave", points=3)
def twice(student, draw):
    calls = []

    def step(x):
        calls.append(x)
        return x + 3

    x = draw.randint(0, 9)
    equal(student.apply_twice(step, x), x + 6, "the result")
    equal(calls, [x, x + 3], "what the step was called with")
