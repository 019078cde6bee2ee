"""Which submissions have more in common than chance and the course explain: evidence to look at, no verdict.

Compared is, exercise by exercise, what a student wrote, after three things are taken away: what the course gave, what
the course itself knows to write (the reference and the known answers, where they are here), and what many in the class
write. Of the rest, the score of a pair is the share that both have of all that either has, tokens and trees together.

So a score says: of what these two wrote and hardly anybody else did, so much is the same. It does not say who wrote it
first, nor that it was not written together where that is allowed. Short answers leave little to compare; two who both
copied the course's own solution are no pair, for that is no one's own. Who has it is listed apart.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

from storyteller.errors import StorytellerError
from storyteller.utils.atomic_io import write_whole
from storyteller_course.exercises.known_answers import reference_source
from storyteller_course.exercises.lesson import Lesson
from storyteller_course.report import card
from storyteller_grading.classroom.autograde.records import Record, Records
from storyteller_grading.classroom.course import Course
from storyteller_grading.classroom.reports.course_text import MIN_FINGERPRINTS, CourseText, given_texts
from storyteller_grading.classroom.reports.fingerprints import fingerprints
from storyteller_grading.classroom.reports.published_answers import (
    MIN_SHARE,
    SOLUTION,
    STAND_IN,
    find_published,
    published_answers,
)
from storyteller_grading.classroom.wording import agreeing
from storyteller_grading.judge.report import lesson_title, page

MIN_SIMILARITY = 0.35  # a score from which a pair is shown
MIN_SHARED = 12  # fingerprints that a pair must share; fewer are no evidence
NEARLY_ALL, MIN_SHARED_NEARLY_ALL = (
    0.7,
    25,
)  # a pair is shown too whose score in one exercise, with so many shared, is so high
COMMON_SHARE = 0.15  # of the class: what more than this share writes is nobody's own
MIN_COMMON_STUDENTS = 3  # students, at least, before something counts as written by many

MAX_PAIRS = 60  # on the page
MAX_COPIES = 200  # answers with the course's own text of which both texts are shown
MAX_LINES = 400  # of an answer that are shown
STYLE = """
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 1rem; } .pair pre { margin: 0; font-size: .8rem;
 background: rgba(128, 128, 128, .1); padding: .6rem; overflow-x: auto; white-space: pre-wrap; }
mark { background: rgba(217, 130, 43, .3); color: inherit; display: block; }
summary { cursor: pointer; margin: .4rem 0; }
h2 { border-top: 2px solid rgba(128, 128, 128, .3); padding-top: 1rem; }
@media (max-width: 40rem) { .pair { grid-template-columns: minmax(0, 1fr); } }
"""
MEANING = (
    "<p><b>This is evidence to look at, and no verdict.</b> From each answer was taken away what the course gave, "
    "what the course itself would write, and what more than {common} of the class write. Of what is "
    "left, the score is the share that both have of all that either has: runs of tokens and parts of the syntax "
    "tree, whatever the names, the comments and the order of functions. Two who learned from the same page can "
    "have a high score; short answers say little. An answer that is the course's own text is in no pair and is listed "
    "below them.</p>"
    '<p class="quiet">{compared} compared. Shown are pairs from {like} and '
    "{shared} shared fingerprints on, or with nearly all of one longer exercise in common; the highest score of "
    "all other pairs is {usual}.</p>"
)

AnswerTexts = Mapping[str, str]  # the text of each exercise


@dataclass(frozen=True)
class SharedExercise:
    """What a pair has in common in one exercise."""

    exercise: str
    shared: int  # fingerprints
    of: int  # of all that either has of its own
    left: frozenset[int]  # lines, from 1, of the first one's text
    right: frozenset[int]

    @property
    def score(self) -> float:
        """The share that both have."""
        return self.shared / self.of if self.of else 0.0


@dataclass(frozen=True)
class Pair:
    """Two students whose submissions have much in common."""

    first: str
    second: str
    exercises: tuple[SharedExercise, ...]  # those in which they share anything
    shared: int
    of: int

    @property
    def score(self) -> float:
        """The share that both have of what either has of its own, over all exercises."""
        return self.shared / self.of if self.of else 0.0

    @property
    def one_alike(self) -> bool:
        """Is one longer exercise nearly the same?"""
        return any(part.score >= NEARLY_ALL and part.shared >= MIN_SHARED_NEARLY_ALL for part in self.exercises)


@dataclass(frozen=True)
class Similarity:
    """The result of comparing everybody with everybody."""

    pairs: list[Pair]  # those to look at, the most alike first
    compared: int  # students
    usual: float  # the highest score of a pair that is not shown
    left_out: Sequence[str] = ()  # answers that could not be looked at, and why
    of_the_course: Sequence[CourseText] = ()  # answers that have a text of the course's own in them
    too_short: Sequence[str] = ()  # exercises whose solution is too short to say whether it was copied
    bare: int = 0  # students of whom nothing was left to compare


OwnFingerprints = dict[str, dict[int, tuple[int, int]]]  # by exercise, each hash of a student's own with its lines


def similar_pairs(
    submissions: Mapping[str, AnswerTexts],
    *,
    common: Mapping[str, Iterable[str]],
    like: float = MIN_SIMILARITY,
    least: int = MIN_SHARED,
) -> Similarity:
    """The pairs that share most.

    Args:
        submissions: by student.
        common: by exercise, texts that are nobody's own: see `texts_of`.
        like: the score from which a pair is shown.
        least: fingerprints that it must share.
    """
    marks, left_out = all_fingerprints(submissions)
    own = own_fingerprints(marks, common=common)
    pairs, usual = [], 0.0
    for first, second in combinations(sorted(own), 2):
        pair = pair_overlap(first, own[first], second, own[second])
        if (pair.score >= like and pair.shared >= least) or pair.one_alike:
            pairs.append(pair)
        elif pair.shared >= least:
            usual = max(usual, pair.score)
    pairs.sort(key=lambda pair: (-pair.score, -pair.shared, pair.first, pair.second))
    bare = sum(not any(answers.values()) for answers in own.values())
    return Similarity(pairs, len(own), usual, left_out, bare=bare)


def all_fingerprints(submissions: Mapping[str, AnswerTexts]) -> tuple[dict[str, OwnFingerprints], list[str]]:
    """Of each student's answers all fingerprints; and the answers of which there are none, with the reason."""
    marks: dict[str, OwnFingerprints] = {student: {} for student in submissions}
    left_out = []
    for student, answers in submissions.items():
        for name, text in answers.items():
            try:
                marks[student][name] = fingerprints(text).all
            except Exception as error:  # noqa: BLE001  one answer must not keep the others from being compared
                left_out.append(f"{name} of {student} ({type(error).__name__})")
    return marks, left_out


def own_fingerprints(
    everything: Mapping[str, OwnFingerprints], *, common: Mapping[str, Iterable[str]]
) -> dict[str, OwnFingerprints]:
    """What is each student's own of all fingerprints."""
    given = {name: frozenset().union(*(fingerprints(text).all for text in texts)) for name, texts in common.items()}
    writers = Counter(
        (name, mark) for answers in everything.values() for name, marks in answers.items() for mark in marks
    )
    most = max(MIN_COMMON_STUDENTS, COMMON_SHARE * len(everything))
    return {
        student: {
            name: {
                mark: lines
                for mark, lines in marks.items()
                if mark not in given.get(name, frozenset()) and writers[name, mark] <= most
            }
            for name, marks in answers.items()
        }
        for student, answers in everything.items()
    }


def pair_overlap(first: str, mine: OwnFingerprints, second: str, theirs: OwnFingerprints) -> Pair:
    """What two students have in common."""
    exercises, shared, of = [], 0, 0
    for name in sorted(mine.keys() | theirs.keys()):
        left, right = mine.get(name, {}), theirs.get(name, {})
        both, either = left.keys() & right.keys(), left.keys() | right.keys()
        shared, of = shared + len(both), of + len(either)
        if both:
            exercises.append(SharedExercise(name, len(both), len(either), _lines(left, both), _lines(right, both)))
    return Pair(first, second, tuple(exercises), shared, of)


def _lines(marks: Mapping[int, tuple[int, int]], chosen: Iterable[int]) -> frozenset[int]:
    return frozenset(line for mark in chosen for line in range(marks[mark][0], marks[mark][1] + 1))


def texts_of(lesson: Lesson) -> dict[str, list[str]]:
    """Texts of each exercise that are nobody's own: the cell that was given, the reference, the known answers."""
    texts_of_exercise = given_texts(lesson)
    if lesson.reference is not None:
        for name, texts in texts_of_exercise.items():
            reference = reference_source(lesson.reference, name)
            known = [*lesson.mistakes(name), *lesson.alternatives(name)]
            texts += [reference, *(answer.source(reference) for answer in known)]
    return texts_of_exercise


def write_similar(course: Course, lesson: Lesson, out: Path, *, like: float) -> tuple[Path, Similarity]:
    """Compare everybody with everybody and with the course's answers, and write the page; gives it and what was found.

    Raises:
        StorytellerError: fewer than two were graded.
    """
    with Records(course.records_file) as records:
        graded = [record for record in records.all_latest(lesson.name) if record.answers]
    if len(graded) < 2:
        first = f"storyteller-grade autograde {lesson.name.partition('_')[0]}"
        raise StorytellerError(f"Of {lesson.name} fewer than two notebooks were graded, nothing to compare: {first}.")
    answers = {record.student: record.answers for record in graded}
    published = published_answers(lesson)
    found = find_published(answers, lesson, published)
    listed = {(one.student, one.exercise) for one in found}
    others = {
        student: {name: text for name, text in texts.items() if (student, name) not in listed}
        for student, texts in answers.items()
    }
    pairs = similar_pairs(others, common=texts_of(lesson), like=like)
    result = replace(pairs, of_the_course=found, too_short=published.too_short)
    write_whole(out, similar_page(lesson.name, result, graded, like=like))
    return out, result


def similar_page(lesson: str, result: Similarity, records: Sequence[Record], *, like: float) -> str:
    """The evidence side by side, as one static page without scripts: all pairs, the most alike first."""
    texts = {record.student: record.answers for record in records}
    rows = [
        f'<tr><td><a href="#pair-{number}">{card.escape(pair.first)} and {card.escape(pair.second)}</a></td>'
        f'<td class="number">{100 * pair.score:.0f} %</td><td class="number">{pair.shared}</td>'
        f'<td class="quiet">{card.escape(", ".join(part.exercise for part in pair.exercises))}</td></tr>'
        for number, pair in enumerate(result.pairs[:MAX_PAIRS], 1)
    ]
    head = '<tr><th>pair</th><th class="number">score</th><th class="number">shared</th><th>in</th></tr>'
    table = f"<table>{head}{''.join(rows)}</table>" if rows else why_no_pairs(result)
    more = len(result.pairs) - MAX_PAIRS
    rest = f"<p>And {more} more: a higher --like shows fewer.</p>" if more > 0 else ""
    if result.left_out:
        rest += f"<p>Not compared, because they could not be read: {card.escape('; '.join(result.left_out))}.</p>"
    title = f"{lesson_title(lesson)}: what is alike"
    meaning = MEANING.format(
        common=f"{100 * COMMON_SHARE:.0f} %",
        compared=agreeing(result.compared, f"{result.compared} student[|s] [was|were]"),
        like=f"{100 * like:.0f} %",
        shared=MIN_SHARED,
        usual=f"{100 * result.usual:.0f} %",
    )
    body = [f"<h1>{card.escape(title)}</h1>", meaning, "<h2>Pairs of students</h2>", table, rest]
    body += [course_table(result), *course_copies(result.of_the_course, texts)]
    for number, pair in enumerate(result.pairs[:MAX_PAIRS], 1):
        names = f"{card.escape(pair.first)} and {card.escape(pair.second)}"
        body.append(f'<h2 id="pair-{number}">{names}: {100 * pair.score:.0f} %</h2>')
        for part in sorted(pair.exercises, key=lambda part: (-part.shared, part.exercise)):
            left, right = texts[pair.first].get(part.exercise, ""), texts[pair.second].get(part.exercise, "")
            opened = " open" if part.score >= 0.3 else ""
            share = f"{100 * part.score:.0f} %, {part.shared} of {part.of} fingerprints"
            body.append(
                f"<details{opened}><summary>{card.escape(part.exercise)}: {share}</summary>"
                f'<div class="pair"><div>{card.escape(pair.first)}{_code(left, part.left)}</div>'
                f"<div>{card.escape(pair.second)}{_code(right, part.right)}</div></div></details>"
            )
    return page(title, "".join(body), width="84rem", style=STYLE)


def why_no_pairs(result: Similarity) -> str:
    """What was compared, where no pair has much in common."""
    count = result.compared * (result.compared - 1) // 2
    bare = (
        f" Of {result.bare} of them nothing was left to compare: all that they wrote, the course or many others wrote "
        "too."
        if result.bare
        else ""
    )
    pairs = agreeing(count, f"{count:,} pair[|s] of {result.compared} students [was|were] compared")
    return (
        f"<p>No pair has much in common. {pairs}; the highest score of a pair is {100 * result.usual:.0f} %.{bare}</p>"
    )


def course_table(result: Similarity) -> str:
    """Who has the solution, and folded who has another text of the course; and of what nothing can be said."""
    solutions = [one for one in result.of_the_course if one.origin in (SOLUTION, STAND_IN)]
    others = [one for one in result.of_the_course if one.origin not in (SOLUTION, STAND_IN)]
    folded = (
        f"<details><summary>Another text of the course: {len({one.student for one in others})} "
        f"student{'s' * (len({one.student for one in others}) != 1)}</summary>{_by_student(others)}</details>"
        if others
        else "<p>Nobody has another text of the course.</p>"
    )
    short = (
        f'<p class="quiet">Too short to say: {card.escape(", ".join(result.too_short))}. Of the solution to each of '
        f"these, fewer than {MIN_FINGERPRINTS} fingerprints are its own; whoever solves it can hardly write it "
        "otherwise.</p>"
        if result.too_short
        else ""
    )
    return (
        "<h2>Is the course's own text</h2><p>These answers were compared with what anybody can find: the published "
        "solution, the function that stands in for it, the course's other right answers, the library and the checks. "
        f"Listed is who has {100 * MIN_SHARE:.0f} % or more of what is such a text's own, whatever its names and its "
        "order are now. What other right answers have too does not count. It is evidence and no verdict: ask how the "
        "answer came about.</p><h3>The published solution, or what stands in for it</h3>"
        f"{_by_student(solutions) if solutions else '<p>Nobody has it.</p>'}{folded}{short}"
    )


def _by_student(found: Sequence[CourseText]) -> str:
    """A table with a line for each student, those with the most exercises first."""
    by_student: dict[str, list[CourseText]] = {}
    for one in found:
        by_student.setdefault(one.student, []).append(one)
    rows = [
        f'<tr><td>{card.escape(student)}</td><td class="number">{len(texts)}</td><td>'
        + "<br>".join(f"{card.escape(one.exercise)}: {_described(one)}" for one in texts)
        + "</td></tr>"
        for student, texts in sorted(by_student.items(), key=lambda item: (-len(item[1]), item[0]))
    ]
    head = '<tr><th>student</th><th class="number">exercises</th><th>whose text, and how much of it</th></tr>'
    return f"<table>{head}{''.join(rows)}</table>"


def course_copies(found: Sequence[CourseText], texts: Mapping[str, AnswerTexts]) -> list[str]:
    """The answers that are the solution beside it, folded."""
    shown = [one for one in found if one.text and one.origin in (SOLUTION, STAND_IN)]
    parts = []
    for one in shown[:MAX_COPIES]:
        answer = texts[one.student].get(one.exercise, "")
        mine, theirs = fingerprints(answer).all, fingerprints(one.text).all
        both = mine.keys() & theirs.keys()
        parts.append(
            f"<details><summary>{card.escape(one.student)}, {card.escape(one.exercise)}: {_described(one)}</summary>"
            f'<div class="pair"><div>{card.escape(one.student)}{_code(answer, _lines(mine, both))}</div>'
            f"<div>{card.escape(one.origin)}{_code(one.text, _lines(theirs, both))}</div></div></details>"
        )
    if (more := len(shown) - MAX_COPIES) > 0:
        parts.append(f"<p>And {more} {agreeing(more, 'more answer[|s]')}.</p>")
    return parts


def _described(one: CourseText) -> str:
    how = f", {one.how}" if one.how else ""
    return f"{card.escape(one.origin)}{how} ({100 * one.share:.0f} %)"


def _code(text: str, marked: frozenset[int]) -> str:
    """Code as it is, the lines in common marked."""
    lines = []
    for number, line in enumerate(text.split("\n")[:MAX_LINES], 1):
        safe = card.escape(line, 500) or " "
        lines.append(f"<mark>{safe}</mark>" if number in marked else f"{safe}\n")
    return f"<pre>{''.join(lines)}</pre>"
