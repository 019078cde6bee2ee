import sys

from storyteller_course.exercises.fixtures import build


def test_every_round_of_a_loop_counts():
    counter, before = build("line_counter", (), {}), sys.gettrace()
    for rounds in (10, 50):
        counter.start()
        rounds_of(rounds)
        counter.stop()
    assert counter.counts[1] - counter.counts[0] == 2 * 40
    assert counter.grew_by_more_than(79)
    assert not counter.grew_by_more_than(80)
    assert sys.gettrace() is before


def rounds_of(n):
    for _ in range(n):
        n += 1
