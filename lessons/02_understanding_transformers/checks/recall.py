"""Five questions about lesson 01."""

from storyteller_course.exercises.recall import choice, number, recall_exercise

recall = recall_exercise(
    about="lesson 01",
    seed=2,
    pool=[
        choice(
            "Why is a text with two end-of-text marks in it, one after the other, a fault in a corpus?",
            "the model learns that a story may be empty",
            {
                "the tokenizer cannot encode them": "It encodes the mark as one token, as often as it comes.",
                "they are two different tokens": "Both are the same special token.",
            },
        ),
        number(
            "A byte-level tokenizer has 256 bytes, 255 merges and one special token. How large is its vocabulary?",
            512,
            {255: "These are the merges alone.", 511: "The special token counts too.", 256: "These are the bytes."},
        ),
        choice(
            "What does one step of BPE training merge?",
            "the pair of neighbours that comes most often",
            {
                "the two rarest tokens": "A rare pair saves hardly any tokens.",
                "the longest pair of tokens": "Length does not count, only how often the pair comes.",
                "the pair whose parts come most often": "The parts may be frequent and hardly ever neighbours.",
            },
        ),
        number(
            "In `aaaa`, cut into single letters, the pair `aa` becomes one token. How many tokens are left?",
            2,
            {3: "Merges do not overlap, and the last two letters merge as well.", 1: "One pass makes two tokens."},
        ),
        choice(
            "In which order are learned merges applied when a new word is encoded?",
            "in the order in which they were learned",
            {
                "the longest first": "A long merge may need a shorter one that was learned before it.",
                "from left to right": "The rank decides, not the place in the word.",
                "the most frequent in this word first": "Nothing is counted any more: the ranks are fixed.",
            },
        ),
        choice(
            "Why can a byte-level tokenizer encode any text, even signs that it has never seen?",
            "every text is bytes, and all 256 of them are tokens",
            {
                "it has a token for the unknown": "It needs none.",
                "it has learned all signs of Unicode": "It has learned merges from its corpus and nothing else.",
            },
        ),
        choice(
            "The text is cut into words before pairs are counted. What does that prevent?",
            "tokens that reach across the end of a word",
            {
                "tokens that begin with a space": "A word keeps the one space before it.",
                "two tokens for one word": "A rare word still becomes several tokens.",
                "bytes that are no letters": "Nothing is thrown away.",
            },
        ),
        choice(
            "A larger vocabulary, the same text: what becomes of the number of tokens?",
            "it falls, and each further merge saves less",
            {
                "it falls by the same number with each merge": "Frequent pairs go first, so later merges save less.",
                "it grows": "Each merge makes two tokens one.",
                "it stays": "Each merge shortens the text where its pair comes.",
            },
        ),
        choice(
            "Why is a token turned into bytes, and the bytes joined, before they are read as UTF-8?",
            "a sign may be parted between two tokens",
            {
                "it is faster": "Speed is not the point: half a sign cannot be read.",
                "special tokens are no bytes": "They are handled apart in either order.",
            },
        ),
    ],
)
