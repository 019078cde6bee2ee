"""The toy lesson with a recall at its head."""

from pathlib import Path

from toy_lesson import write_toy

RECALL = '''\
"""Questions about the lesson before."""

from storyteller_course import choice, number, recall_exercise

recall = recall_exercise(
    about="lesson 08",
    seed=3,
    pool=[
        choice("First?", "right 1", {"wrong 1": "Not wrong 1.", "other 1": "Not other 1."}),
        choice("Second?", "right 2", {"wrong 2": "Not wrong 2.", "other 2": "Not other 2."}),
        number("Third?", 1556, {300: "Not without the bytes."}),
        choice("Fourth?", "right 4", {"wrong 4": "Not wrong 4.", "other 4": "Not other 4."}),
        number("Fifth?", 0.25),
        choice("Sixth?", "right 6", {"wrong 6": "Not wrong 6.", "other 6": "Not other 6."}),
    ],
)
'''


def write_toy_with_recall(folder: Path) -> Path:
    """Of its points 45 are for `double`, 5 for the recall."""
    home = write_toy(folder, lesson=("Double a number.", "exercise: recall\n\nDouble a number."))
    (home / "checks" / "recall.py").write_text(RECALL, encoding="utf-8")
    for name, old, new in (("__init__", '("double"', '("recall", "double"'), ("double", "points=50", "points=45")):
        path = home / "checks" / f"{name}.py"
        path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    return home
