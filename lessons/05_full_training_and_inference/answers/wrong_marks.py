"""Known answers to `wrong_marks`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

answers = [
    Wrong(
        "wrong_marks",
        "another_kite",
        '"A blue kite" is taken for a contradiction, but it may be another kite. Only a certain one counts: with '
        '"the", or somebody\'s.',
        change=("certain and noun in things", "noun in things"),
    ),
    Wrong(
        "wrong_marks",
        "any_word_is_a_mark",
        'Every word before the noun is taken for a mark: "the old kite" says nothing against its being red.',
        change=("mark in marks and ", ""),
    ),
    Wrong(
        "wrong_marks",
        "only_marks_of_the_facts",
        "Only marks that some thing has by the facts are looked for. A word from the whole list of marks may be wrong "
        "here.",
        change=("mark in marks and", "mark in things.values() and"),
    ),
    Wrong(
        "wrong_marks",
        "capitals_matter",
        'The beginning of a sentence is missed: "The" is not "the" to Python. Go to small letters first.',
        change=(".strip('.,;:!?\"').lower()", ".strip('.,;:!?\"')"),
    ),
    Wrong(
        "wrong_marks",
        "signs_stick",
        '"kite." with its full stop is not "kite" to Python. Take the signs off the words first.',
        change=(".strip('.,;:!?\"').lower()", ".lower()"),
    ),
    Wrong(
        "wrong_marks",
        "possessive_missed",
        '"Mia\'s blue kite" is a certain kite too. Not only "the" makes it one.',
        change=('before == "the" or before.endswith("\'s")', 'before == "the"'),
    ),
    Wrong(
        "wrong_marks",
        "first_only",
        "Only the first contradiction is given back. All of them are wanted, in the order of the text.",
        change=("    return found\n", "    return found[:1]\n"),
    ),
    Wrong(
        "wrong_marks",
        "each_once",
        "A contradiction that comes again is given once. Every place in the text counts.",
        change=("    return found\n", "    return list(dict.fromkeys(found))\n"),
    ),
    Wrong(
        "wrong_marks",
        "the_within",
        '"Another blue kite" is taken for "the blue kite", for these three letters stand in it. Compare the whole '
        "word.",
        change=('before == "the"', '"the" in before'),
    ),
    Wrong(
        "wrong_marks",
        "part_of_a_noun",
        '"The blue kites" are taken for the kite: only the beginning of the word is compared. Compare the whole word.',
        code="""
def wrong_marks(text, things, marks):
    words = [word.strip('.,;:!?\\"').lower() for word in text.split()]
    found = []
    for before, mark, word in zip(words, words[1:], words[2:]):
        for noun, own in things.items():
            certain = before == "the" or before.endswith("'s")
            if certain and word.startswith(noun) and mark in marks and mark != own:
                found.append((noun, mark))
    return found
""",
    ),
    Wrong(
        "wrong_marks",
        "mark_first",
        "The pairs are the wrong way round: first the noun, then the mark.",
        change=("found.append((noun, mark))", "found.append((mark, noun))"),
    ),
    Wrong(
        "wrong_marks",
        "right_ones_too",
        "Marks that are right are given as well: the red kite is red. Only a mark that is not the noun's own is a "
        "contradiction.",
        change=(" and mark != things[noun]", ""),
    ),
    Wrong(
        "wrong_marks",
        "a_kite",
        '"A blue kite" is taken for a certain one, but it may be another kite. Only "the" and somebody\'s make it '
        "certain.",
        change=('before == "the"', 'before in ("the", "a")'),
    ),
    Wrong(
        "wrong_marks",
        "sorted",
        "The contradictions are sorted. They are wanted in the order of the text.",
        change=("    return found\n", "    return sorted(found)\n"),
    ),
    Right(
        "wrong_marks",
        "by_index",
        code="""
def wrong_marks(text, things, marks):
    words = [word.lower().strip("?!:;,.\\"") for word in text.split()]
    result = []
    for i in range(2, len(words)):
        own = things.get(words[i])
        if own is None or words[i - 1] == own or words[i - 1] not in set(marks):
            continue
        if words[i - 2] == "the" or words[i - 2][-2:] == "'s":
            result.append((words[i], words[i - 1]))
    return result
""",
    ),
    Right(
        "wrong_marks",
        "with_a_pattern",
        code="""
def wrong_marks(text, things, marks):
    import re

    words = " ".join(word.strip('.,;:!?"') for word in text.lower().split())
    found = re.findall(r"(?:(?<=\\s)|^)(?=(?:the|\\S*'s) (\\S+) (\\S+))", words)
    return [(noun, mark) for mark, noun in found if mark in marks and noun in things and things[noun] != mark]
""",
    ),
    Right(
        "wrong_marks",
        "by_triples",
        code="""
def wrong_marks(text, things, marks):
    import string

    tokens = [token.strip(string.punctuation.replace("'", "")).lower() for token in text.split()]
    triples = [tokens[i : i + 3] for i in range(len(tokens) - 2)]
    return [
        (noun, mark)
        for article, mark, noun in triples
        if (article in {"the"} or article.endswith("'s")) and mark in marks and things.get(noun, mark) != mark
    ]
""",
    ),
]
