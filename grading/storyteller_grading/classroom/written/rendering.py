"""The page of all answers to a question; it can be read without its script, which saves points and knows the keys."""

from collections.abc import Sequence
from urllib.parse import quote

from storyteller_course.report import card
from storyteller_grading.classroom.lms.system import format_points
from storyteller_grading.classroom.roster import Student
from storyteller_grading.classroom.wording import agreeing
from storyteller_grading.classroom.written.answers import MAX_COMMENT_CHARS, Answer, Answers
from storyteller_grading.classroom.written.questions import Question
from storyteller_grading.judge.report import lesson_title

MAX_ANSWER_CHARS = 8000  # as many as a feedback page shows
MAX_NAME_CHARS = 300
PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}: {question}</title>
<link rel="stylesheet" href="/written.css">
<script src="/written.js" defer></script>
</head>
<body data-question="{question}">
<header>
<h1>{title}</h1>
<p class="progress"><progress max="{written}" value="{graded}"></progress>
<b><span id="graded">{graded}</span> of {written}</b> graded</p>
<label><input type="checkbox" id="names"> hide names</label>
<p id="problem" role="alert"></p>
</header>
{questions}<div class="columns">
<aside>
<details open><summary>Question</summary><div class="prose">{text}</div></details>
<details open><summary>Model answer and rubric</summary><div class="prose">{rubric}</div></details>
<details><summary>Keys</summary>
<dl class="keys">
<dt><kbd>0</kbd>–<kbd>9</kbd></dt><dd>type points</dd>
<dt><kbd>Enter</kbd></dt><dd>save, and go to the next that waits</dd>
<dt><kbd>c</kbd></dt><dd>write a comment; <kbd>Ctrl</kbd> <kbd>Enter</kbd> there saves and goes on</dd>
<dt><kbd>Esc</kbd></dt><dd>leave a field</dd>
<dt><kbd>j</kbd> <kbd>↓</kbd>, <kbd>k</kbd> <kbd>↑</kbd></dt><dd>next, previous answer</dd>
<dt><kbd>n</kbd></dt><dd>next that waits</dd>
</dl></details>
</aside>
<main>
{answers}
{unwritten}{absent}</main>
</div>
</body>
</html>
"""
NO_RUBRIC = "<p>The course's folder <code>source</code> has no model answer to this question.</p>"


def written_page(lesson: str, questions: Sequence[Question], question: Question, found: Answers, token: str) -> str:
    """The page of one question."""
    current = ' aria-current="page"'
    links = [
        f'<a href="/?question={quote(one.name)}&amp;token={quote(token)}"{current if one is question else ""}>'
        f"{card.escape(one.name)}</a>"
        for one in questions
    ]
    return PAGE.format(
        title=card.escape(f"{lesson_title(lesson)}, written answers", MAX_NAME_CHARS),
        question=card.escape(question.name),
        questions=f"<nav>{' '.join(links)}</nav>\n" if len(links) > 1 else "",
        text=question.text,
        rubric=question.rubric or NO_RUBRIC,
        written=len(found.written),
        graded=found.graded,
        answers="\n".join(answer_section(answer, question) for answer in found.written)
        or "<p>Nobody has written an answer.</p>",
        unwritten=names_section(
            "wrote nothing: 0 points, unless formgrader gives others",
            [(answer.student, " (the notebook could not be read)" * answer.unreadable) for answer in found.unwritten],
        ),
        absent=names_section("of the roster without anything graded", [(student, "") for student in found.absent]),
    )


def answer_section(answer: Answer, question: Question) -> str:
    """An answer with the fields for its points and its comment."""
    student, most = answer.student, format_points(question.points)
    points = "" if answer.waits or answer.points is None else format_points(answer.points)
    before = ""
    if answer.waits and answer.points is not None:
        before = f"had {agreeing(answer.points, f'{format_points(answer.points)} point[|s]')} before it was changed"
    elif answer.extra:
        before = f"and {format_points(answer.extra)} of extra credit"
    text = card.escape(answer.text, MAX_ANSWER_CHARS) or "<i>Nothing is written here any more.</i>"
    name = card.escape(full_name(student), MAX_NAME_CHARS)
    return (
        f'<article data-student="{card.escape(student.id)}" data-version="{answer.version}" '
        f'class="{"waits" if answer.waits else "graded"}" tabindex="-1">'
        f'<h2><span class="name">{name} <small>{card.escape(student.id)}</small></span>'
        f'<span class="number"></span><span class="state">{"waits" if answer.waits else "graded"}</span></h2>'
        f'<div class="text">{text}</div><div class="grade">'
        f'<label>Points <input class="points" inputmode="decimal" autocomplete="off" maxlength="20" value="{points}"> '
        f"of {most}</label>"
        f'<label class="comment">Comment <textarea rows="1" autocomplete="off" maxlength="{MAX_COMMENT_CHARS}">'
        f"\n{card.escape(answer.comment, MAX_COMMENT_CHARS)}</textarea></label>"
        f'<output class="said">{before}</output></div></article>'
    )


def names_section(what: str, names: Sequence[tuple[Student, str]]) -> str:
    """A list of students, folded; nothing where there is none."""
    if not names:
        return ""
    lines = "".join(
        f'<li><span class="name">{card.escape(full_name(student), MAX_NAME_CHARS)}</span> '
        f"<small>{card.escape(student.id)}</small>{note}</li>"
        for student, note in names
    )
    return f'<details class="others"><summary>{len(names)} {what}</summary><ul>{lines}</ul></details>\n'


def full_name(student: Student) -> str:
    """The name, or the id where the roster has none."""
    return f"{student.first_name} {student.last_name}".strip() or student.id
