"""What `encode` must do, case by case."""

from storyteller.tokenizer import BYTE_TOKENS, byte_ids
from storyteller_course import Exercise, equal

from .oracles import byte_id, tokenizer_of, trained
from .texts import WORDS, sentence, story

encode = Exercise(
    "encode",
    in_library="storyteller.tokenizer.Tokenizer.encode",
    points=8,
    stars=2,
    builds_on=("encode_word",),
    bug_hunt=True,
    hints=(
        "Encode a short text without any merges (`merges=[]`), decode the ids and compare. What is missing? Try "
        "spaces, then a name such as Zoë, then an emoji.",
        "Two lines lose something. One throws away what stands between the words, the other every letter that is "
        "not one byte, and it takes é for a byte that it is not.",
        "You were given two helpers in the first cell of this notebook: one cuts a text so that the pieces, joined,"
        " are the text, the other gives the ids of a word's bytes.",
    ),
    forbidden=("storyteller.tokenizer.Tokenizer.encode",),
)


@encode.case("keeps the spaces between words", points=3)
def spaces(student, draw):
    text = f"Once upon a time {draw.choice(WORDS)} {sentence(draw)}"
    equal(student.encode(text, []), byte_ids(text), "the ids without merges")
    merges = trained([text, story(draw)], 30)
    equal(student.encode(text, merges), tokenizer_of(merges).encode(text), "the ids")


@encode.case("encodes letters of all scripts by their bytes", points=3)
def beyond_ascii(student, draw):
    for word in draw.sample(["naïve", "Zoë", "東京", "🦊", "👩‍🚀", "José", "…"], 3):
        equal(student.encode(word, []), byte_ids(word), f"the ids of {word!r}")
    merges = trained(["Zoë🦊" * 3], 5)
    equal(student.encode("Zoë🦊", merges), tokenizer_of(merges).encode("Zoë🦊"), "the ids")


@encode.case("keeps line breaks and runs of spaces, and merges within words only", points=2)
def words_apart(student, draw):
    text = sentence(draw) + "\n\n" + sentence(draw) + "  " + sentence(draw) + " \n"
    merges = trained([text], 20)
    equal(student.encode(text, merges), tokenizer_of(merges).encode(text), "the ids")
    # No training learns this merge, for no word holds a letter and a full stop; but a list of merges may.
    letter, stop = byte_id(draw.choice("bcdfg")), byte_id(".")
    text = BYTE_TOKENS[letter].decode() + ". The fox ran."
    equal(student.encode(text, [(letter, stop)]), byte_ids(text), "the ids of two words with a merge across them")


@encode.case("still encodes a single word", points=0)
def single_word(student, draw):
    word = draw.choice(WORDS)
    merges = trained([word] * 2, 3)
    equal(student.encode(word, merges), tokenizer_of(merges).encode(word), "the ids")
    equal(student.encode("", merges), [], "the ids of the empty text")
