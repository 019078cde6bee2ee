"""The map of a storyteller: five lessons from left to right, their parts below, and by whose code each of them is."""

from collections.abc import Mapping

from storyteller.figures.display import COLORS, publish_html, safe
from storyteller_course.capstone.roles import DATA, INFERENCE, MOE, ROLE_OF, TRAINING, TRANSFORMERS

TITLES = {
    DATA: "01 tokens",
    TRANSFORMERS: "02 attention",
    MOE: "03 experts",
    TRAINING: "04 training",
    INFERENCE: "05 telling",
}
NAME = "display:block;background:none;color:inherit;font-size:11px;line-height:1.2;padding:0"


def show_map(by_student: Mapping[str, bool]) -> None:
    """Show whose is what.

    Args:
        by_student: for each part, whether the student's was at work.
    """
    publish_html(map_html(by_student), map_text(by_student))


def map_html(by_student: Mapping[str, bool]) -> str:
    """The map: a column for each lesson, a filled box for a part of the student's, a dashed one for the course's."""
    columns = []
    for lesson, title in TITLES.items():
        boxes = []
        for name, own in by_student.items():
            role = ROLE_OF[name]
            if role.lesson != lesson:
                continue
            look = f"background:{COLORS[0]};color:#fff;border:1px solid {COLORS[0]}"
            look = look if own else "background:#fff;color:#333;border:1px dashed #777"
            breakable = safe(name).replace("_", "_<wbr>")  # a long name goes on in a second line
            boxes.append(
                f'<div style="{look};border-radius:4px;padding:2px 6px;margin:3px 0">'
                f'<code style="{NAME}">{breakable}</code>'
                f'<div style="font-size:10px;line-height:1.2">{safe(role.work)}</div></div>'
            )
        columns.append(f'<div style="flex:1;min-width:6.5em"><b>{safe(title)}</b>{"".join(boxes)}</div>')
    legend = f"{sum(by_student.values())} of {len(by_student)} parts are yours (filled); dashed: the course's."
    row = f'<div style="display:flex;gap:8px;align-items:flex-start">{"".join(columns)}</div>'
    return (
        f'<div style="background:#fff;color:#111;padding:6px;max-width:60em">{row}'
        f'<div style="font-size:12px;margin-top:4px">{safe(legend)}</div></div>'
    )


def map_text(by_student: Mapping[str, bool]) -> str:
    """The same in lines."""
    lines = []
    for lesson, title in TITLES.items():
        here = {name: own for name, own in by_student.items() if ROLE_OF[name].lesson == lesson}
        parts = ", ".join(name if own else f"({name})" for name, own in here.items())
        lines.append(f"{title}: {parts}")
    count = f"{sum(by_student.values())} of {len(by_student)} parts are yours; the course's stand in brackets."
    return "\n".join([*lines, count])


def in_a_sentence(by_student: Mapping[str, bool]) -> str:
    """What of a storyteller is the student's, and what is not: made from what really was at work."""
    own = [name for name, yours in by_student.items() if yours]
    others = [name for name, yours in by_student.items() if not yours]
    if not others:
        return f"All {len(own)} parts of this storyteller came out of your notebooks."
    if not own:
        return "Every part of this storyteller is the course's: none of yours was at work."
    return (
        f"{len(own)} of the {len(by_student)} parts of this storyteller came out of your notebooks; "
        f"the course's are {', '.join(others)}."
    )
