"""What a student types in a notebook: `check`, `hint` and `progress`.

check("count_pairs")   # runs the cases of the exercise and shows a card; raises CheckFailed when one fails
hint("count_pairs")    # the next hint
progress()             # what is solved in this lesson, and what comes next; kept up to date by `check`
"""

import inspect
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from storyteller.errors import StorytellerError
from storyteller_course.exercises.lesson import Lesson
from storyteller_course.notebook import shell
from storyteller_course.notebook.locate import current_lesson, is_own, lesson_of
from storyteller_course.notebook.progress_store import ProgressStore, Standing
from storyteller_course.notebook.shell import CheckFailed
from storyteller_course.report import card
from storyteller_course.report.safe_repr import clean

shell.load()


def check(name: str, *, show: Literal["", "reference"] = "") -> None:
    """Check the exercise `name` and show what is right, what is wrong and why.

    Args:
        name: of the exercise.
        show: "reference" shows the course's answer beside yours, once yours has full marks.

    Raises:
        CheckFailed: a case fails. Of a bonus exercise the card alone says so: Validate is about what counts.
        StorytellerError: there is no such exercise, or its cell failed when it ran last.
    """
    from storyteller_course.grading.grade import grade
    from storyteller_course.grading.known_mistakes import known_mistakes
    from storyteller_course.notebook.use import note, student_with_stand_ins

    if show not in ("", "reference"):
        raise StorytellerError(f'show={show!r} means nothing here; show="reference" shows the reference beside yours.')
    namespace = sys._getframe(1).f_globals
    lesson = lesson_of(name)
    if why := shell.why_out_of_date(name):
        raise StorytellerError(
            f"{name} was not checked: {why}, so Python still has what was there before. Mend the cell where it needs "
            "it, run it, and run this one again."
        )
    with student_with_stand_ins(lesson, name, namespace) as (student, replaced):
        result = grade(lesson.exercises[name], student, mistakes=known_mistakes(lesson, name), replaced=replaced)
    note(lesson, name, namespace, result)
    if is_own(lesson):
        ProgressStore.find(lesson.folder).record(lesson, name, earned=result.earned, solved=result.solved)
    foot = ""  # what one may do next
    if result.solved and not show and lesson.reference is not None and not lesson.exercises[name].questions:
        foot = f'Curious? `check("{name}", show="reference")` shows the reference beside yours.'
    elif not result.solved and show:
        foot = "The reference is shown once yours has full marks."
    elif not result.solved and lesson.exercises[name].hints:
        foot = f'Stuck? `hint("{name}")` helps in small steps.'
    display_card(card.html(result, foot=foot), card.text(result, foot=foot))
    shown_progress = _progress_displays.get(lesson.folder)
    if shown_progress is not None:
        shown_progress.update(_bundle(*_progress_of(lesson)), raw=True)
    if not result.solved:
        if lesson.exercises[name].bonus:
            return
        raise CheckFailed(result)
    if show:
        _show_reference(lesson, name, namespace)


def _show_reference(lesson: Lesson, name: str, namespace: dict[str, Any]) -> None:
    from storyteller_course.exercises.known_answers import reference_source
    from storyteller_course.notebook.source_digest import without_docstring

    if lesson.reference is None:
        display_card(card.wrap("<div>This copy of the lesson has no reference.</div>"), "This copy has no reference.")
        return
    try:
        own = without_docstring(inspect.getsource(namespace[name]))
    except (OSError, TypeError):
        own = "(the source of yours could not be read)"
    theirs = without_docstring(reference_source(lesson.reference, name))
    columns = "".join(
        f'<div><div class="sty-note">{title}</div><pre>{card.escape(source, 20_000)}</pre></div>'
        for title, source in (("yours", own), ("the reference", theirs))
    )
    display_card(
        card.wrap(f'<div class="sty-pair">{columns}</div>'),
        f"# yours\n{clean(own, 20_000)}\n# the reference\n{theirs}",
    )


def hint(name: str) -> None:
    """Show the next hint of an exercise, below those that were shown before. None costs points.

    There are three; where the cell does not tell the steps, they come first.

    Raises:
        StorytellerError: there is no such exercise.
    """
    lesson = lesson_of(name)
    hints = lesson.exercises[name].all_hints
    if not hints:
        display_card(card.wrap(f"There are no hints for {card.prose(f'`{name}`')}."), f"There are no hints for {name}.")
        return
    seen = ProgressStore.find(lesson.folder).next_hint(lesson, name)
    title = f"Hint {seen} of {len(hints)}"
    shown = hints[:seen]
    # The steps are numbered themselves, and one hint needs no number.
    numbered = [
        text if seen == 1 or (number == 1 and lesson.exercises[name].steps) else f"{number}. {text}"
        for number, text in enumerate(shown, 1)
    ]
    body = "".join(f'<div class="sty-say">{card.prose(text)}</div>' for text in numbered)
    head = f'<div class="sty-head"><span class="sty-name">{name}</span> <span class="sty-quiet">{title}</span></div>'
    lines = [f"{name}: {title}", *(f"  {text}" for text in numbered)]
    display_card(card.wrap(head + body), "\n".join(lines))


def progress() -> None:
    """Show what is solved in this lesson, the points, and what comes next. `check` keeps it up to date.

    Raises:
        StorytellerError: this notebook lies in no lesson's folder.
    """
    lesson = current_lesson()
    if lesson is None:
        raise StorytellerError(
            f"No lesson was found in {Path.cwd()}: a notebook must lie in its lesson's folder, beside its checks."
        )
    handle = display_card(*_progress_of(lesson), updatable=True)
    if handle is not None:
        _progress_displays[lesson.folder] = handle


_progress_displays: dict[Path, Any] = {}  # IPython's handle of each lesson's last progress display


def _progress_of(lesson: Lesson) -> tuple[str, str]:
    """As HTML and as text."""
    store = ProgressStore.find(lesson.folder)
    standings, predictions = store.summary(lesson), store.predictions(lesson.name)
    return progress_html(lesson, standings, predictions), progress_text(lesson, standings, predictions)


def progress_html(lesson: Lesson, standings: list[Standing], predictions: Mapping[str, bool]) -> str:
    """The lesson's exercises, one a row, with stars, points and state, and how many predictions came true.

    A lesson has 110 points: 100 from its checks, and 10 for the answer in words. Bonus points are told apart.
    """
    earned, points, bonus = _totals(standings)
    rows = []
    for standing in standings:
        if standing.solved:
            state, mark = "sty-ok", "✓"
        elif standing.checked and standing.earned:
            state, mark = "sty-no", "✗"
        elif standing.written:
            state, mark = "sty-quiet", "✎"
        else:
            state, mark = "sty-quiet", "·"
        stars = "★" * standing.stars
        score = _score(standing, " / ")
        rows.append(
            f'<div class="sty-row"><span class="sty-mark {state}">{mark}</span> '
            f'<span class="{state}"><code>{standing.name}</code></span> '
            f'<span class="sty-quiet">{stars}</span> <span class="sty-points">{score}</span></div>'
        )
    share = 100 * earned // points if points else 0
    head = (
        f'<div class="sty-head"><span class="sty-name">{lesson.name}</span> '
        f'<span class="sty-bar"><i class="sty-full" style="width:{share}%"></i></span> '
        f'<span class="sty-points">{earned} of {points} points{bonus}</span></div>'
    )
    foot = "".join(f'<div class="sty-foot">{card.prose(line)}</div>' for line in _foot(standings, predictions))
    return card.wrap(f'{head}<div class="sty-grid">{"".join(rows)}</div>{foot}')


def progress_text(lesson: Lesson, standings: list[Standing], predictions: Mapping[str, bool]) -> str:
    """The same as plain text."""
    earned, points, bonus = _totals(standings)
    lines = [f"{lesson.name}: {earned} of {points} points{bonus}"]
    for standing in standings:
        word = "solved" if standing.solved else "begun" if standing.checked and standing.earned else "open"
        word = "written" if standing.written else word
        stars = "*" * standing.stars
        score = _score(standing, " of ")
        lines.append(f"  {word:<7} {standing.name:<22} {stars:<4} {score}")
    return "\n".join([*lines, *_foot(standings, predictions)])


def _score(standing: Standing, of: str) -> str:
    """The points of an exercise in words; those of an answer in words are a person's to give."""
    if standing.written is not None:
        return f"{standing.points}, read by a person"
    return f"{standing.earned}{of}{standing.points}" + (" bonus" if standing.bonus else "")


def _foot(standings: list[Standing], predictions: Mapping[str, bool]) -> list[str]:
    """What comes next, who gives which points, and how many predictions came true, where any was made."""
    by_hand = sum(standing.points for standing in standings if standing.written is not None)
    whose = (
        f"The checks give {_totals(standings)[1] - by_hand} points; a person who reads your answer in words gives up "
        f"to {by_hand}."
    )
    true = sum(predictions.values())
    told = f"{true or 'None'} of your {len(predictions)} predictions came true."
    if len(predictions) == 1:
        told = f"Your prediction {'came' if true else 'did not come'} true."
    return [_next(standings), *([whose] if by_hand else []), *([told] if predictions else [])]


def _totals(standings: list[Standing]) -> tuple[int, int, str]:
    """Points so far and points to be had, both without bonus exercises, and what those have brought, as in +6 bonus."""
    graded = [standing for standing in standings if not standing.bonus]
    bonus = sum(standing.earned for standing in standings if standing.bonus)
    note = f" +{bonus} bonus" if bonus else ""
    return sum(standing.earned for standing in graded), sum(standing.points for standing in graded), note


def _next(standings: list[Standing]) -> str:
    unsolved = [standing for standing in standings if not standing.solved and not standing.written]
    if not unsolved:
        return "All checks pass."
    graded = [standing for standing in unsolved if not standing.bonus]
    if graded and graded[0].written is False:
        return f"All checks that count pass; the answer in words, `{graded[0].name}`, is still to be written."
    if not graded:
        return f"All that counts is solved; `{unsolved[0].name}` is there for those who want more."
    return f"Next: `{graded[0].name}`."


def _bundle(html: str, text: str) -> dict[str, str]:
    return {"text/html": html, "text/plain": text}


def display_card(html: str, text: str, *, updatable: bool = False) -> Any:
    """Show a card; without IPython its text is printed. Returns a handle where it can be updated later."""
    ipython = sys.modules.get("IPython")
    if ipython is None or ipython.get_ipython() is None:
        print(text)
        return None
    from IPython.display import display

    return display(_bundle(html, text), raw=True, display_id=True if updatable else None)
