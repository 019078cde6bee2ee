"""Which submissions have more in common than chance and the course explain: evidence to look at, no verdict.

Compared is, exercise by exercise, what a student wrote, after three things are taken away: what the course gave, what
the course itself knows to write (the reference and the known answers, where they are here), and what many in the class
write. Of the rest, the score of a pair is the share that both have of all that either has, tokens and trees together.

So a score says: of what these two wrote and hardly anybody else did, so much is the same. It does not say who wrote it
first, nor that it was not written together where that is allowed. Short answers leave little to compare; two who both
copied the course's own solution are not found, for that is no one's own.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations

from storyteller_course.exercises.known_answers import reference_source
from storyteller_course.exercises.lesson import Lesson
from storyteller_grading.classroom.reports.fingerprints import Fingerprints, fingerprints
from storyteller_grading.judge.released_notebook import read_release

LIKE = 0.35  # a score from which a pair is shown
LEAST = 12  # fingerprints that a pair must share; fewer are no evidence
NEARLY_ALL, LONGER = 0.7, 25  # a pair is shown too whose score in one exercise, with so many shared, is so high
MANY = 0.15  # of the class: what more than this share writes is nobody's own
FEW = 3  # students, at least, before something counts as written by many

Answers = Mapping[str, str]  # the text of each exercise


@dataclass(frozen=True)
class Shared:
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
    exercises: tuple[Shared, ...]  # those in which they share anything
    shared: int
    of: int

    @property
    def score(self) -> float:
        """The share that both have of what either has of its own, over all exercises."""
        return self.shared / self.of if self.of else 0.0

    @property
    def one_alike(self) -> bool:
        """Is one longer exercise nearly the same?"""
        return any(one.score >= NEARLY_ALL and one.shared >= LONGER for one in self.exercises)


@dataclass(frozen=True)
class Similarity:
    """What came of comparing everybody with everybody."""

    pairs: list[Pair]  # those to look at, the most alike first
    compared: int  # students
    usual: float  # the highest score of a pair that is not shown


def similar_pairs(
    submissions: Mapping[str, Answers],
    *,
    common: Mapping[str, Iterable[str]],
    like: float = LIKE,
    least: int = LEAST,
) -> Similarity:
    """The pairs that share most.

    Args:
        submissions: by student.
        common: by exercise, texts that are nobody's own: see `texts_of`.
        like: the score from which a pair is shown.
        least: fingerprints that it must share.
    """
    own = own_fingerprints(submissions, common=common)
    found, usual = [], 0.0
    for first, second in combinations(sorted(own), 2):
        pair = compare(first, own[first], second, own[second])
        if (pair.score >= like and pair.shared >= least) or pair.one_alike:
            found.append(pair)
        elif pair.shared >= least:
            usual = max(usual, pair.score)
    found.sort(key=lambda pair: (-pair.score, -pair.shared, pair.first, pair.second))
    return Similarity(found, len(own), usual)


Own = dict[str, dict[int, tuple[int, int]]]  # by exercise, each hash of a student's own with its lines


def own_fingerprints(submissions: Mapping[str, Answers], *, common: Mapping[str, Iterable[str]]) -> dict[str, Own]:
    """What is each student's own."""
    given = {name: _union(map(fingerprints, texts)) for name, texts in common.items()}
    marks = {
        student: {name: fingerprints(text).all for name, text in answers.items()}
        for student, answers in submissions.items()
    }
    counts = Counter((name, one) for found in marks.values() for name, hashes in found.items() for one in hashes)
    most = max(FEW, MANY * len(submissions))
    return {
        student: {
            name: {
                one: lines
                for one, lines in hashes.items()
                if one not in given.get(name, frozenset()) and counts[name, one] <= most
            }
            for name, hashes in found.items()
        }
        for student, found in marks.items()
    }


def compare(first: str, mine: Own, second: str, theirs: Own) -> Pair:
    """What two students have in common."""
    found, shared, of = [], 0, 0
    for name in sorted(mine.keys() | theirs.keys()):
        left, right = mine.get(name, {}), theirs.get(name, {})
        both, either = left.keys() & right.keys(), left.keys() | right.keys()
        shared, of = shared + len(both), of + len(either)
        if both:
            found.append(Shared(name, len(both), len(either), _lines(left, both), _lines(right, both)))
    return Pair(first, second, tuple(found), shared, of)


def texts_of(lesson: Lesson) -> dict[str, list[str]]:
    """Texts of each exercise that are nobody's own: the cell that was given, the reference, the known answers."""
    texts: dict[str, list[str]] = {name: [] for name in lesson.exercises}
    for cell in read_release(lesson.notebook).cells:
        if cell.role == "answer" and cell.exercise in texts:
            texts[cell.exercise].append(cell.source)
    if lesson.reference is not None:
        for name, found in texts.items():
            reference = reference_source(lesson.reference, name)
            known = [*lesson.mistakes(name), *lesson.alternatives(name)]
            found += [reference, *(answer.source(reference) for answer in known)]
    return texts


def _union(marks: Iterable[Fingerprints]) -> frozenset[int]:
    return frozenset(one for found in marks for one in found.all)


def _lines(marks: Mapping[int, tuple[int, int]], chosen: Iterable[int]) -> frozenset[int]:
    return frozenset(line for one in chosen for line in range(marks[one][0], marks[one][1] + 1))
