"""What grading again has changed."""

from toy_class import outcome

from storyteller_grading.classroom.autograde.regrade_diff import changes


def test_changes_are_told_case_by_case():
    before, after = outcome("ada", {"double": 50}), outcome("ada", {"double": 50, "half": 20})
    assert list(changes(before, after)) == [
        "09_toys: 50 -> 70 of 100 points; 1 of 3 cases changed.",
        "  half: does it: 0/20 (differs) -> 20/20",
    ]
    assert list(changes(after, after)) == ["09_toys: 70 -> 70 of 100 points; 0 of 3 cases changed."]
    assert list(changes(None, after)) == ["09_toys: 70 of 100 points, graded for the first time."]
