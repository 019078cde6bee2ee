"""A lesson of three tiny exercises, which tests break in one place each."""

from pathlib import Path

LESSON = """\
---
kernelspec: {name: storyteller, display_name: Storyteller, language: python}
---

# Toys

```{code-cell}
:tags: [setup]

from storyteller_course import check, hint, progress, use
```

Double a number.

exercise: double

```{code-cell}
:tags: [try]

print(double(21))
```

Then a class.

exercise: Adder

A bug to find.

exercise: half

```{code-cell}
print("seen")
```

Why?

written: why

```{rubric}
Because.
```
"""

REFERENCE = '''\
"""Toys."""


def double(number):
    """Twice the number."""
    # Step 1: add the number to itself
    #   (or multiply it)
    doubled = number + number + 0 * number
    # why it is returned: nothing else would do
    return doubled
    # the end


class Adder:
    """Adds a number that it keeps."""

    def __init__(self, kept):
        """Keep a number."""
        self.kept = kept

    def forward(self, number):
        """The sum."""
        # Step 1: add the two numbers
        the_sum_of_both = number + self.kept
        # Step 2: give it back
        return the_sum_of_both

    def twice(self, number):
        """Given."""
        return self.forward(self.forward(number))


def half(number):
    """Half of the number, as a float."""
    smaller_than_before = number / 2
    return smaller_than_before
'''

DOUBLE = '''\
"""What `double` must do."""

from storyteller_course import Exercise, equal

from .hints import HINTS

double = Exercise("double", points=50, hints=HINTS)


@double.case("doubles", points=50)
def doubles(student, draw):
    equal(student.double(21), 42)
'''

ADDER = '''\
"""What `Adder` must do."""

from storyteller_course import Exercise, equal

from .hints import HINTS

Adder = Exercise("Adder", points=30, builds_on=("double",), hints=HINTS)


@Adder.case("adds", points=30)
def adds(student, draw):
    equal(student.new("Adder", 2).method("forward", 3), 5)
'''

HALF = '''\
"""What `half` must do."""

from storyteller_course import Exercise, equal

from .hints import HINTS

half = Exercise("half", points=20, bug_hunt=True, hints=HINTS)


@half.case("halves odd numbers", points=20)
def halves(student, draw):
    equal(student.half(3), 1.5)
'''

GIVEN = '''\
"""Answers to `half`."""

from storyteller_course import Given

answers = [Given("half", change=("number / 2", "number // 2"))]
'''

FILES = {
    "lesson.md": LESSON,
    "reference.py": REFERENCE,
    "checks/__init__.py": '"""What the toys must do."""\n\nEXERCISES = ("double", "Adder", "half")\n',
    "checks/hints.py": 'HINTS = ("a", "b", "c")\n',
    "checks/double.py": DOUBLE,
    "checks/Adder.py": ADDER,
    "checks/half.py": HALF,
    "answers/double.py": "answers = []\n",
    "answers/Adder.py": "answers = []\n",
    "answers/half.py": GIVEN,
}


def write_toy(folder: Path, **changes: tuple[str, str]) -> Path:
    """The toy lesson in `folder/lessons/09_toys`; `lesson=(old, new)` changes lesson.md, `checks=` a file there."""
    lesson = folder / "lessons" / "09_toys"
    lesson.mkdir(parents=True)
    (folder / "pyproject.toml").write_text("", encoding="utf-8")
    for name, text in FILES.items():
        kind = name.partition("/")[0].partition(".")[0]
        if kind in changes and changes[kind][0] in text:
            text = text.replace(*changes.pop(kind), 1)
        (lesson / name).parent.mkdir(exist_ok=True)
        (lesson / name).write_text(text, encoding="utf-8", newline="\n")
    assert not changes
    return lesson


def line_of(path: Path, text: str) -> int:
    """The number of the first line that has this text."""
    return 1 + path.read_text(encoding="utf-8").split(text)[0].count("\n")
