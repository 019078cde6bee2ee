"""One is one: "1 page", "1 has", wherever a count is printed."""

import io
import re

from rich.console import Console

from repository import ROOT
from storyteller_grading.classroom.wording import agreeing
from storyteller_grading.commands.conventions import NOT_ON_THE_ROSTER, print_names

PLURALS = "answers|cases|days|files|have|pages|pairs|students|submissions|were"
COUNTED = re.compile(rf"(?<!of )\{{[^{{}}]*\}} (?:more |other )?(?:{PLURALS})\b")
OF_NAMES = re.compile(r"\"(?:are|have|reach|were) ")  # how a text for `print_names` began


def test_the_words_agree_with_the_count():
    assert agreeing(1, "1 answer[|s] [has|have] it") == "1 answer has it"
    assert [agreeing(count, "[is|are]") for count in (0, 1, 1.0, 1.5, 2)] == ["are", "is", "is", "are", "are"]


def test_names_are_counted_in_the_singular_too():
    said = io.StringIO()
    print_names(["ada"], NOT_ON_THE_ROSTER, Console(file=said, width=300))
    print_names(["ada", "bob"], NOT_ON_THE_ROSTER, Console(file=said, width=300))
    one, two = said.getvalue().splitlines()
    assert one == "1 has work here and does not stand in roster.csv, so nobody knows the name; mend it: ada"
    assert two == "2 have work here and do not stand in roster.csv, so nobody knows their names; mend it: ada, bob"


def test_no_printed_sentence_has_a_plural_that_ignores_its_count():
    grading = ROOT / "grading" / "storyteller_grading"
    found = [
        f"{path.name}:{number}: {line.strip()}"
        for folder, fixed in (("commands", OF_NAMES), ("commands", COUNTED), ("classroom/reports", COUNTED))
        for path in sorted((grading / folder).rglob("*.py"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if fixed.search(line)
    ]
    assert not found, "\n".join(found)
