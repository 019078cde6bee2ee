"""The card below a check: what is right, what is wrong and why. As HTML, and as plain text where no HTML is shown.

Everything that comes from a student's code is escaped and bounded.
"""

import html as escape_html
import re
from dataclasses import replace
from typing import Any

from storyteller_course.exercises.exercise import changed
from storyteller_course.exercises.known_answers import AS_GIVEN
from storyteller_course.grading.result import CaseResult, ExerciseResult, words
from storyteller_course.report.difference_pictures import aligned_text, picture
from storyteller_course.report.safe_repr import clean, safe_repr

MAX_PRINTED_CHARS = 1000  # of what the student's code printed
MUST_STAY = "must stay right"  # in the place of points, of a case that has none: a guard


def html(result: ExerciseResult, *, foot: str = "") -> str:
    """The card of a result as HTML; `foot` is a line below it, in which `code` is in backticks."""
    share = 100 * result.earned / result.points if result.points else 0
    full = "sty-full" if result.earned == result.points else ""
    body = [  # the spaces between the parts are for where the style is dropped
        f'<div class="sty-head"><span class="sty-name">{escape(result.name)}</span> '
        f'<span class="sty-bar"><i class="{full}" style="width:{share:.0f}%"></i></span> '
        f'<span class="sty-points">{result.earned} of {result.points} points</span></div>'
    ]
    if result.unfinished:
        body.append(f'<div class="sty-say">{prose(beginning(result))}</div>')
    else:
        body += [_case(case, repeated) for case, repeated in _each_said_once(result)]
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
    return f"Not solved yet: write `{result.name}`, run its cell, then run this one again."


def notes(result: ExerciseResult) -> list[str]:
    """Lines below the cases: what the course's functions stood in for, and a guard that failed."""
    lines = []
    if any(not case.passed and case.points == 0 for case in result.cases) and not result.unfinished:
        lines.append(
            "What is marked “must stay right” has no points of its own: while it fails, none of the other cases counts."
        )
    elif not result.earned and any(case.earned for case in result.cases):
        lines.append(
            "What passes so far passes for an answer that does nothing too (it gives back zeros, nothing or an "
            "argument): it counts as soon as a case passes that such an answer fails."
        )
    if result.replaced:
        names = ", ".join(f"`{name}`" for name in result.replaced)
        it = "it" if len(result.replaced) == 1 else "them"
        lines.append(f"Not solved yet: {names}. The course's own stood in for {it} here, so that one error costs once.")
    return lines


def _each_said_once(result: ExerciseResult) -> list[tuple[CaseResult, bool]]:
    """The cases, each with whether an earlier one has said all that there is to say of it.

    What is asked of a bug hunt's given code is asked once, and each of its cases says what it found: to compare them is
    what is asked for.
    """
    shown, said, asked = [], set[object](), False
    for case in result.cases:
        text: object = case.explanation or case.message
        if case.explanation == AS_GIVEN:
            text = case.message
            case = replace(case, explanation="" if asked else AS_GIVEN)
            asked = True
        if case.kind == "raised" and text == case.message:  # the same error at the same place, whatever the sizes
            text = case.line, case.code, words(case.message)
        shown.append((case, bool(text) and text in said))
        said.add(text)
    return shown


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
    points = f"{case.earned} / {case.points}" if case.points else MUST_STAY
    again = f' <span class="sty-quiet">({_again(case)})</span>' if repeated and not case.passed else ""
    line = (
        f'<div class="sty-line"><span class="sty-mark">{mark}</span> <span>{prose(case.title)}{again}</span> '
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
        for case, repeated in _each_said_once(result):
            lines += _case_lines(case, repeated)
    return "\n".join([*lines, *notes(result), *([foot] if foot else [])])


def _case_lines(case: CaseResult, repeated: bool) -> list[str]:
    points = f"{case.earned}/{case.points}" if case.points else MUST_STAY
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


# The look of a card: small and calm, on light pages and dark ones. Colours are translucent or the page's own, but for
# those of right and wrong, which dark themes of JupyterLab, VS Code and Colab get lighter. Where a viewer drops the
# style, the card stays readable as text. `.sty.sty` counts twice, so that it wins over JupyterLab's
# own style of `pre`.
STYLE = """<style>
.sty{--sty-ok:#1a7f4b;--sty-no:#b35309;--sty-line:rgba(128,128,128,.25);--sty-soft:rgba(128,128,128,.09);
 font:13px/1.5 var(--jp-ui-font-family,system-ui,sans-serif);color:var(--jp-ui-font-color1,inherit);
 max-width:720px;border:1px solid var(--sty-line);border-radius:8px;padding:10px 14px;margin:4px 0;
 box-sizing:border-box}
[data-jp-theme-light="false"] .sty,[data-vscode-theme-kind*="dark"] .sty,html[theme="dark"] .sty{
 --sty-ok:#4cc38a;--sty-no:#f0a35e}
.sty code,.sty pre,.sty-name{font-family:var(--jp-code-font-family,ui-monospace,Menlo,Consolas,monospace);
 font-size:12px}
.sty code{background:var(--sty-soft);color:inherit;border-radius:3px;padding:0 3px}
.sty.sty pre{background:var(--sty-soft);color:inherit;border:0;border-radius:5px;padding:6px 9px;margin:5px 0;
 white-space:pre-wrap;overflow-wrap:anywhere;max-height:220px;overflow:auto}
.sty-head{display:flex;align-items:center;gap:12px;margin-bottom:6px}
.sty-name{font-weight:600;font-size:13px}
.sty-bar{flex:1;height:5px;border-radius:3px;background:var(--sty-soft);overflow:hidden}
.sty-bar i{display:block;height:100%;background:var(--sty-no)}.sty-bar i.sty-full{background:var(--sty-ok)}
.sty-points{font-variant-numeric:tabular-nums;white-space:nowrap;opacity:.75}
.sty-case{padding:3px 0;border-top:1px solid var(--sty-line)}
.sty-line{display:grid;grid-template-columns:18px 1fr auto;gap:4px;align-items:baseline}
.sty-mark{font-weight:700}.sty-ok .sty-mark,.sty-mark.sty-ok{color:var(--sty-ok)}
.sty-no .sty-mark,.sty-mark.sty-no{color:var(--sty-no)}
.sty-more{margin:2px 0 6px 22px}.sty-say{margin:3px 0;white-space:pre-wrap;overflow-wrap:anywhere}
.sty-why{border-left:3px solid var(--sty-no);padding:3px 10px;margin:4px 0;background:rgba(217,130,43,.08);
 border-radius:0 5px 5px 0}
.sty details{margin:3px 0}.sty summary{cursor:pointer;opacity:.7;font-size:12px}
.sty-foot{border-top:1px solid var(--sty-line);padding-top:6px;margin-top:5px;opacity:.8;font-size:12px}
.sty-note{font-size:11px;opacity:.65;margin:1px 0}
.sty-maps{display:flex;gap:18px;flex-wrap:wrap;margin:5px 0}.sty svg{display:block;max-width:none}
.sty-rows{margin:5px 0;overflow-x:auto;background:var(--sty-soft);border-radius:5px;padding:5px 9px}
.sty-rows div{display:flex;white-space:pre;line-height:1.55}
.sty-rows b{flex:none;width:54px;font-weight:400;opacity:.65;font-size:11px;align-self:center}
.sty-rows code{background:none;padding:0;white-space:pre}
.sty-diff{background:rgba(217,130,43,.32);border-radius:2px}
.sty-items .sty-same,.sty-items .sty-diff{display:inline-block;padding:0 5px;margin:1px 2px 1px 0;border-radius:3px}
.sty-items .sty-same{background:var(--sty-soft)}.sty-skip{opacity:.5;padding-right:3px}
.sty-pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,460px),1fr));gap:10px}
.sty:has(.sty-pair){max-width:none}
.sty.sty .sty-pair pre{max-height:420px;white-space:pre;word-break:normal;overflow-wrap:normal;margin:2px 0}
.sty-grid{display:grid;grid-template-columns:auto 1fr auto auto;gap:1px 14px;align-items:baseline}
.sty-row{display:contents}.sty-grid .sty-points{text-align:right}.sty-quiet{opacity:.6}
</style>"""
