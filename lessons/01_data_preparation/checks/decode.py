"""What `decode` must do, case by case."""

from storyteller.tokenizer import byte_ids
from storyteller_course import Exercise, equal, raises

from .oracles import tokenizer_of, trained
from .texts import story

decode = Exercise(
    "decode",
    in_library="storyteller.tokenizer.Tokenizer.decode",
    points=9,
    stars=2,
    scaffold="goal",
    hints=(
        "A token is some bytes. First find the bytes of every token, then join the bytes of the ids you were given.",
        "Go through the merges in order: the bytes of a new token are those of its left token followed by those of "
        "its right one, and both are in your list already.",
        'Join first, decode after: one letter\'s bytes may lie in two tokens. `bytes.decode` takes errors="replace".'
        " And mind that a list answers to index -1.",
    ),
    forbidden=("storyteller.tokenizer.Tokenizer.decode", "storyteller.tokenizer.Tokenizer.decode_bytes"),
)


@decode.case("gives back the text", points=2)
def round_trip(student, draw):
    text = story(draw)
    merges = trained([text], 40)
    equal(student.decode(list(byte_ids(text)), []), text, "the text from bytes alone")
    equal(student.decode(tokenizer_of(merges).encode(text), merges), text, "the text")
    equal(student.decode([], merges), "", "the text of no ids")


@decode.case("puts letters together whose bytes lie in different tokens", points=3)
def split_letters(student, draw):
    text = draw.choice(["Zoë saw a 🦊.", "東京 and 🐉", "José, 👩‍🚀 and naïve Renée"])
    equal(student.decode(list(byte_ids(text)), []), text, "the text")
    merges = trained([text, "a the"], 6)
    equal(student.decode(tokenizer_of(merges).encode(text), merges), text, "the text")


@decode.case("shows bytes that are not UTF-8 as U+FFFD", points=2)
def not_utf8(student, draw):
    emoji = draw.choice("🦊🐉🌙")
    half = [*byte_ids("a fox, and then "), *byte_ids(emoji)[:2], *byte_ids(" ran!")]
    equal(student.decode(half, []), "a fox, and then \ufffd ran!", "the text with half an emoji")
    ids = [draw.randrange(256) for _ in range(40)]
    equal(student.decode(ids, []), tokenizer_of([]).decode(ids), "the text of forty random bytes")


@decode.case("refuses an id that is not in the vocabulary with a ValueError", points=2)
def unknown_id(student, draw):
    merges = trained([story(draw)], 10)
    equal(student.decode([256 + 9], merges), tokenizer_of(merges).decode([265]), "the text of the last token")
    raises(ValueError, student.decode, [*byte_ids("The fox ran home."), 256 + 10], merges)
    raises(ValueError, student.decode, [0, -1], merges)
