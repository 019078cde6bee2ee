"""Known answers to `pretokenize`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

answers = [
    Wrong(
        "pretokenize",
        "whole_numbers",
        "A number stays whole, however long it is. Cut it after every second digit.",
        change=(r"\d{1,2}", r"\d+"),
    ),
    Wrong(
        "pretokenize",
        "single_digits",
        "Each digit is a piece of its own. Two of them that stand together are one piece.",
        change=(r"\d{1,2}", r"\d"),
    ),
    Wrong(
        "pretokenize",
        "three_digits",
        "Numbers are cut into groups of three digits, as in GPT-4; here it is two.",
        change=(r"\d{1,2}", r"\d{1,3}"),
    ),
    Wrong(
        "pretokenize",
        "digits_take_the_space",
        "A number takes the space before it along, as a word does. Then 12 and the 12 of a longer number are different "
        "pieces.",
        change=((r'r"\d{1,2}"', r'r" ?\d{1,2}"'), (r"(?= [^\s\d])", r"(?= \S)")),
    ),
    Wrong(
        "pretokenize",
        "loses_white_space",
        "White space that no word takes along is lost: two spaces come back as one, and line breaks not at all.",
        change=("(letters, digits, signs, spaces)", "(letters, digits, signs)"),
    ),
    Wrong(
        "pretokenize",
        "words_lose_the_space",
        "The space before a word is a piece of its own. It belongs to the word, or every second token is a space.",
        change=((r'r" ?[^\W\d_]+"', r'r"[^\W\d_]+"'), (r"(?= [^\s\d])", r"(?= [^\s\w])")),
    ),
    Wrong(
        "pretokenize",
        "takes_all_white_space_along",
        "A word takes all white space before it along, line breaks too. Only the one space belongs to it.",
        change=(r'r" ?[^\W\d_]+"', r'r"\s*[^\W\d_]+"'),
    ),
    Wrong(
        "pretokenize",
        "spaces_swallow_the_last",
        "Where several spaces stand before a word, all of them are one piece and the word has none. The last one goes "
        "with the word.",
        change=(r"\s+(?= [^\s\d])|\s+", r"\s+"),
    ),
    Wrong(
        "pretokenize",
        "loses_underscores",
        r"The underscore is lost: \w has it among the letters, so what is not \w lacks it. It is a sign.",
        change=(r"(?:[^\w\s]|_)+", r"[^\w\s]+"),
    ),
    Wrong(
        "pretokenize",
        "underscore_is_a_letter",
        r"The underscore stands among the letters: \w has it there. It is a sign.",
        change=((r"[^\W\d_]+", r"[^\W\d]+"), (r"(?:[^\w\s]|_)+", r"[^\w\s]+")),
    ),
    Wrong(
        "pretokenize",
        "english_letters",
        "Letters are a to z alone, so Zoë is two pieces and a word of another script is taken for signs.",
        change=((r"[^\W\d_]+", r"[A-Za-z]+"), (r"(?:[^\w\s]|_)+", r"[^A-Za-z\d\s]+")),
    ),
    Wrong(
        "pretokenize",
        "words_with_digits",
        "Digits that touch a word are taken into it, so fox12 is one piece.",
        change=(r"[^\W\d_]+", r"(?!\d)[^\W_]+"),
    ),
    Wrong(
        "pretokenize",
        "gpt2",
        "This is GPT-2's cut, which keeps numbers whole, with their space, and contractions together.",
        code="""
def pretokenize(text):
    return split_words(text)
""",
    ),
    Right(
        "pretokenize",
        "one_pattern",
        code="""
def pretokenize(text):
    pattern = re.compile(r"\\d{1,2}| ?[^\\W\\d_]+| ?(?:_|[^\\w\\s])+|\\s+?(?= [^\\s\\d])|\\s+")
    return [found.group() for found in pattern.finditer(text)]
""",
    ),
    Right(
        "pretokenize",
        "character_by_character",
        code="""
def pretokenize(text):
    def kind(char):
        if char.isdecimal():
            return 0
        if char.isspace():
            return 1
        return 2 if char.isalnum() else 3

    pieces, before = [], None
    for char in text:
        now = kind(char)
        if now == before and not (now == 0 and len(pieces[-1]) == 2):
            pieces[-1] += char
        elif now >= 2 and before == 1 and pieces[-1][-1] == " ":
            pieces[-1] = pieces[-1][:-1]
            pieces.append(" " + char)
        else:
            pieces.append(char)
        before = now
    return [piece for piece in pieces if piece]
""",
    ),
]
