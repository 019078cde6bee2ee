"""The rules of cleaning: each mends its own example and leaves the other alone, by itself and with all the rest."""

import pytest

from storyteller.corpus import rules
from storyteller.corpus.clean import clean_text
from storyteller.corpus.rules import is_tokenized, leave_out_forum, place_quotes

EVERY_RULE = [*rules.ALWAYS, *rules.TOKENIZED, *rules.FORUM]


@pytest.mark.parametrize("rule", EVERY_RULE, ids=lambda rule: rule.mends[0])
def test_a_rule_mends_one_example_and_leaves_the_other_alone(rule):
    before, after = rule.mends
    assert rule.apply(before) == after
    assert rule.apply(rule.keeps) == rule.keeps
    assert rule.apply(after) == after  # mended once is mended


@pytest.mark.parametrize(
    "right",
    [
        "She wrote the letters 's' and 't' , then slept. It was late, and dark.",
        "I love you :) she said. He had 6' 2'' of rope.",
        "Pourquoi ? Il court ! Elle dort.",
        "He drove at 90 km/h. The menu said: soup and/or bread.",
        "Edith: a queen.\n\nEdit the letter, she said.",
        "Use ```code``` here, and [ whispers.",
        "Bill O'Reilly met Kal'dorei at five o'clock, ma'am.",
        "She read a page on /r/tales every day.\n\nThen she wrote one of her own.",
    ],
)
def test_text_without_a_programs_marks_is_not_touched(right):
    if "/r/tales" in right:  # in the story's midst it belongs to it
        right = f"It rained.\n\n{right}"
    assert clean_text(right) == (right, set())


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("`` Stop ! '' he cried , `` it 's mine . ''", '"Stop !" he cried , "it \'s mine ."'),
        ("''Me.'' A man came up.", '"Me." A man came up.'),
        ("He waved.''There's a way.''", 'He waved. "There\'s a way."'),
        ("my boss,''I'll stay,'' I said", 'my boss, "I\'ll stay," I said'),
        ("I wanted real change “", 'I wanted real change"'),
        ("`` Listen, girl— “ he began", '"Listen, girl—" he began'),
        ("a rope of 6' 2''", "a rope of 6' 2\""),
        ("*'' Copy that. ''*", '*"Copy that."*'),
    ],
)
def test_each_quote_stands_at_its_quotation(line, wanted):
    assert place_quotes(line) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("It rained.\n\nedit: Formatting is hard...", "It rained."),
        ("It rained.\n\n-- -\n\nEdits 2 & 3: lew- > lieu", "It rained."),
        ("It rained.\n\n***\n\nMore stories at r/Andrew__Wells", "It rained."),
        ('It rained.\n\n["All?"] (http://cats.example)', 'It rained.\n\n"All?"'),
        ("It rained.\n\n[I write things] (http://cats.example/a_(b))", "It rained."),
        ("Hey /r/Dreams, I had a dream.\n\nIt rained.", "It rained."),
        ("The [paint chips] (https://a.example/watch? v=1) fell.\n\nIt rained.", "The paint chips fell.\n\nIt rained."),
        ("Edit: first.\n\nEdit: second.\n\nIt rained.", "Edit: first.\n\nEdit: second.\n\nIt rained."),
        ("/r/tales", "/r/tales"),
    ],
)
def test_what_is_said_to_a_forum_goes_and_the_story_stays(text, wanted):
    assert leave_out_forum(text) == wanted


@pytest.mark.parametrize(
    ("text", "tokenized"),
    [
        ("He ran , fell .", True),
        ("I ca n't", True),
        ("“ Yes ”", True),
        ("He ran, fast. He fell , once.", False),
        ("‘Yes’, “no”: it’s fine", False),
        ("", False),
    ],
)
def test_a_text_shows_whether_a_program_cut_it(text, tokenized):
    assert is_tokenized(text) == tokenized
