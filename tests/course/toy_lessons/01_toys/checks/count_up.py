"""What `count_up` must do, case by case."""

from storyteller_course import Exercise, equal

count_up = Exercise("count_up", points=2)


@count_up.case("counts up from the start", points=2)
def counts_up(student, draw):
    start = draw.randint(1, 50)
    equal(student.take("count_up", 5, start), list(range(start, start + 5)), "the first five")
