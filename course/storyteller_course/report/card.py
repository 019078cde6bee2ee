"""The card below a check: what is right, what is wrong and why. As HTML, and as plain text where no HTML is shown.

Everything that comes from a student's code is escaped and bounded.
"""

import html as escape_html
import re
from typing import Any

from storyteller_course.exercises.assertions import changed
from storyteller_course.grading.result import CaseResult, ExerciseResult
from storyteller_course.report.card_style import STYLE
from storyteller_course.report.difference_pictures import aligned_text, picture
from storyteller_course.report.safe_repr import clean, safe_repr

MAX_PRINTED_CHARS = 1000  # of what the student's code printed


def html(result: ExerciseResult, *, foot: str = "") -> str:
    """The card of a result as HTML; `foot` is a line below it, in which `code` is in backticks."""
    share = 100 * result.earned / result.points if result.points else 0
    full = "sty-full" if result.earned == result.points else ""
    body = [
        f'<div class="sty-head"><span class="sty-name">{escape(result.name)}</span>'
        f'<span class="sty-bar"><i class="{full}" style="width:{share:.0f}%"></i></span>'
        f'<span class="sty-points">{result.earned} of {result.points} points</span></div>'
    ]
    if result.unfinished:
        body.append(f'<div class="sty-say">{prose(beginning(result))}</div>')
    else:
        body += [_case(case, _repeats(result, case)) for case in result.cases]
    body += [f'<div class="sty-foot">{prose(line)}</div>' for line in (*notes(result), foot) if line]
    return wrap("".join(body))


def wrap(body: str) -> str:
    """A card around some HTML."""
    return f'<div class="sty">{STYLE}{body}</div>'


def escape(text: str, max_chars: int = 2000) -> str:
    """Text of unknown origin, safe to put between tags."""
    return escape_html.escape(clean(text, max_chars))


def prose(text: str) -> str:
    """A sentence as HTML; what is in backticks becomes code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text)).replace("\n", "<br>")


def beginning(result: ExerciseResult) -> str:
    """What to say where there is no answer yet."""
    if result.cases and result.cases[0].kind == "missing":
        return result.cases[0].message
    return f"Not solved yet: fill in the TODOs of `{result.name}`, run its cell, then run this one again."


def notes(result: ExerciseResult) -> list[str]:
    """Lines below the cases: what the course's functions stood in for, and a guard that failed."""
    lines = []
    if any(not case.passed and case.points == 0 for case in result.cases):
        lines.append(
            "What worked before must still work: while a case without points fails, none of the others counts."
        )
    if result.replaced:
        names = ", ".join(f"`{name}`" for name in result.replaced)
        lines.append(f"Not solved yet: {names}. The course's own stood in for it here, so that one error costs once.")
    return lines


def _repeats(result: ExerciseResult, case: CaseResult) -> bool:
    """Was this case's explanation, or message, already given for an earlier case?"""
    earlier = result.cases[: result.cases.index(case)]
    text = case.explanation or case.message
    return bool(text) and any((other.explanation or other.message) == text for other in earlier)


def _case(case: CaseResult, repeated: bool) -> str:
    parts = []
    if not case.passed and not repeated:
        if case.explanation:
            parts.append(f'<div class="sty-why">{prose(case.explanation)}</div>')
        parts.append(f'<div class="sty-say">{prose(case.message)}</div>')
        if _mutation(case):
            parts.append(f'<div class="sty-say">{prose(_mutation(case))}</div>')
        if case.code:
            parts.append(f"<pre>line {case.line}: {escape(case.code, 200)}</pre>")
        parts.append(picture(case.pair, case.rules))
        if not case.compared and case.got is not None:
            parts.append(f"<pre>{escape(safe_repr(case.got))}</pre>")
        elif case.compared and not (_is_number(case.got) and _is_number(case.wanted)):  # the message has numbers
            both = f"yours:  {safe_repr(case.got)}\nwanted: {safe_repr(case.wanted)}"
            parts.append(_folded("both values", escape(both, 3000)))
    parts += [
        f'<div class="sty-say">Python warns, which costs nothing: {escape(text, 300)}</div>' for text in case.warnings
    ]
    if case.printed and not case.passed and not repeated:
        parts.append(_folded("what your code printed", escape(case.printed, MAX_PRINTED_CHARS)))
    state = "sty-ok" if case.passed else "sty-no"
    mark = "✓" if case.passed else "✗"
    points = f"{case.earned} / {case.points}" if case.points else "guard"
    again = f' <span class="sty-quiet">({_again(case)})</span>' if repeated and not case.passed else ""
    line = (
        f'<div class="sty-line"><span class="sty-mark">{mark}</span><span>{prose(case.title)}{again}</span>'
        f'<span class="sty-points">{points}</span></div>'
    )
    details = f'<div class="sty-more">{"".join(parts)}</div>' if any(parts) else ""
    return f'<div class="sty-case {state}">{line}{details}</div>'


def _again(case: CaseResult) -> str:
    return "the same mistake" if case.explanation else "the same"


def _mutation(case: CaseResult) -> str:
    """Arguments changed in place, which may be the cause of a failure; costs nothing by itself."""
    return changed(case.mutated) if case.mutated and changed(case.mutated) != case.message else ""


def _is_number(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float)


def _folded(title: str, text: str) -> str:
    return f"<details><summary>{title}</summary><pre>{text}</pre></details>"


# --- Plain text ------------------------------------------------------------------------------------------------------


def text(result: ExerciseResult, *, foot: str = "") -> str:
    """The card as plain text."""
    lines = [f"{result.name}: {result.earned} of {result.points} points"]
    if result.unfinished:
        lines.append(beginning(result))
    else:
        for case in result.cases:
            lines += _case_lines(case, _repeats(result, case))
    return "\n".join([*lines, *notes(result), *([foot] if foot else [])])


def _case_lines(case: CaseResult, repeated: bool) -> list[str]:
    points = f"{case.earned}/{case.points}" if case.points else "guard"
    again = f": {_again(case)}" if repeated and not case.passed else ""
    lines = [f"  {'ok' if case.passed else 'no'}  {case.title} ({points}){again}"]
    if not case.passed and not repeated:
        blocks = [
            case.explanation,
            case.message,
            _mutation(case),
            case.code and f"line {case.line}: {case.code}",
            _picture_text(case.pair),
        ]
        shown = _picture_text(case.pair) or (_is_number(case.got) and _is_number(case.wanted))
        if case.compared and not shown:
            blocks += [f"yours:  {safe_repr(case.got)}", f"wanted: {safe_repr(case.wanted)}"]
        elif not case.compared and case.got is not None:
            blocks.append(f"yours:  {safe_repr(case.got)}")
        lines += [f"      {line}" for block in blocks if block for line in clean(block, 3000).splitlines()]
    lines += [f"      Python warns, which costs nothing: {clean(text, 300)}" for text in case.warnings]
    return lines


def _picture_text(pair: tuple[Any, Any] | None) -> str:
    got, wanted = pair or (None, None)
    if isinstance(got, str) and isinstance(wanted, str):
        return aligned_text(got, wanted)
    return ""
