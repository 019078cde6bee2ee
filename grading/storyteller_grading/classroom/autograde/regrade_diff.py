"""What grading a submission again has changed, case by case."""

from collections.abc import Iterator

from storyteller_grading.classroom.autograde.grade_task import TaskOutcome


def changes(before: TaskOutcome | None, after: TaskOutcome) -> Iterator[str]:
    """Sentences: the points before and after, then every case whose verdict or reason is another."""
    points = f"{after.data['earned']} of {after.data['points']} points"
    if before is None or not before.data:
        yield f"{after.lesson}: {points}, graded for the first time."
        return
    if before.sha256 != after.sha256:
        yield f"{after.lesson}: the notebook is another than the one that was graded before."
    was, now = _cases(before), _cases(after)
    differing = [key for key in {**was, **now} if was.get(key) != now.get(key)]
    was_extra, extra = before.data["extra"], after.data["extra"]
    more = f" and {was_extra} -> {extra} of extra credit" if was_extra != extra else ""
    yield f"{after.lesson}: {before.data['earned']} -> {points}{more}; {len(differing)} of {len(now)} cases changed."
    for key in differing:
        yield f"  {': '.join(key)}: {_result(was.get(key))} -> {_result(now.get(key))}"
    if before.data["fault"] != after.data["fault"]:
        yield f"  the notebook: {before.data['fault'] or 'was read'} -> {after.data['fault'] or 'was read'}"


def _cases(outcome: TaskOutcome) -> dict[tuple[str, str], tuple[int, int, str]]:
    """By exercise and title: points earned, points, and what is wrong."""
    return {
        (exercise["name"], case["title"]): (case["earned"], case["points"], case["mistake"] or case["kind"])
        for exercise in outcome.data["exercises"]
        for case in exercise["cases"]
    }


def _result(case: tuple[int, int, str] | None) -> str:
    if case is None:
        return "not there"
    earned, points, why = case
    return f"{earned}/{points}{f' ({why})' if why else ''}"
