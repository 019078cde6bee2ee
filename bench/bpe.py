"""The tokenizer: training beside `tokenizers`, encoding beside `tiktoken` and `tokenizers`.

    python -m bench.bpe

The text is 10 MB of varied English: the samples of TinyStories and WritingPrompts where they are at hand (in the
folder that STORYTELLER_SAMPLES names, or in shared/data beside the checkout), filled up with StoryWorld's stories. The
first rows say what was used, because without the samples there are fewer different words.

Where the time goes (CPU seconds on one shared machine; ratios are in the table):

- Training, 10,000 tokens, 0.7 s: cutting into chunks and counting them 0.26, cutting the 68,000 different chunks into
  words 0.08, merges 0.28. Of the merges 0.05 is writing down where each pair of bytes occurs. When words were strings
  and a merge was `split` and `join`, the merges took 0.55, and a word of 5,000 letters 68 s in place of 0.04.
- Encoding, cold, 0.7 s: 0.4 as when warm, 0.13 for 27,000 new words, the rest for 68,000 new chunks. Merging each word
  with a heap of candidates took 0.24 for the words; always taking the smallest of all its merges anew, 0.19.

Tried and left, because it brought nothing:

- Lists in place of `array` for the places of pairs: as fast, and 48 bytes in place of 26 for each byte of the words.
- Switching the garbage collector off while merging: 0.28 in place of 0.30 s; not a library's business.
- Looking for two characters of white space with `in` before the pattern for unsafe spaces: 0.025 in place of 0.031 s.
- `operator.itemgetter(*chunks)(cache)` in place of `map(cache.__getitem__, chunks)`: 0.33 in place of 0.34 s, and it
  fails on a text of one chunk. A loop with `ids += cache[chunk]`: 0.36 in place of 0.37 s.
"""

import json
import time
from collections.abc import Iterator
from itertools import cycle
from statistics import median
from typing import Any

from bench.common import SAMPLES, Row, interleaved, median_ratio
from storyteller.tokenizer import END_OF_TEXT, Tokenizer
from storyteller.tokenizer.pretokenize import GPT2_PATTERN, count_words
from storyteller.tokenizer.tokenizer_json import to_json

CORPUS_BYTES = 10_000_000  # of text to train on
VOCAB_SIZES = (4_000, 10_000)


def sample_stories() -> Iterator[str]:
    """The stories of the sample files; none where the files are not at hand."""
    path = SAMPLES / "tinystories-v2-sample.txt"
    if path.is_file():
        yield from (story.strip() for story in path.read_text(encoding="utf-8").split(END_OF_TEXT))
    for name in ("tinystories-v1-train-1000.jsonl", "writingprompts-train-500.jsonl"):
        if (SAMPLES / name).is_file():
            for line in (SAMPLES / name).read_text(encoding="utf-8").splitlines():
                yield from (value for value in json.loads(line).values() if isinstance(value, str))


def texts_to_measure() -> tuple[list[str], str]:
    """Ten megabytes of stories, and a sentence that says what they are."""
    from storyteller.storyworld import generate

    texts: list[str] = []
    size = 0
    for sample in sample_stories():
        if size + len(sample.encode()) > CORPUS_BYTES:
            break
        texts.append(sample)
        size += len(sample.encode())
    samples = size
    for story in generate(CORPUS_BYTES // 500, seed=7):
        if size >= CORPUS_BYTES:
            break
        texts.append(story.text)
        size += len(story.text.encode())
    about = f"{samples / 1e6:.1f} MB of samples, {(size - samples) / 1e6:.1f} MB of StoryWorld"
    return texts, f"{about}, {len(count_words(texts)):,} different words"


def _train_theirs(texts: list[str], vocab_size: int) -> Any:
    from tokenizers import Tokenizer as Theirs
    from tokenizers import models, pre_tokenizers, trainers

    theirs = Theirs(models.BPE())
    theirs.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=[END_OF_TEXT],
    )
    theirs.train_from_iterator(texts, trainer)
    return theirs


def training_row(texts: list[str], vocab_size: int, rounds: int, about: str) -> Row:
    """CPU time, because `tokenizers` trains on all cores and we on one."""
    seconds = interleaved(
        {
            "ours": lambda: Tokenizer.train(texts, vocab_size=vocab_size),
            "tokenizers": lambda: _train_theirs(texts, vocab_size),
        },
        rounds=rounds,
        clock=time.process_time,
        warmup=0,
    )
    ratio = median_ratio(seconds["ours"], seconds["tokenizers"])
    figures = {"ours CPU s": median(seconds["ours"]), "tokenizers CPU s": median(seconds["tokenizers"]), "ratio": ratio}
    return Row(
        f"BPE training, vocabulary {vocab_size:,}: {about}", figures, goal="<= 0.35x CPU time", met=ratio <= 0.35
    )


def warm_row(texts: list[str], tokenizer: Tokenizer, rounds: int) -> Row:
    """Both have seen the text before, and both work on one core, text by text."""
    from tiktoken import Encoding

    vocabulary = tokenizer.vocabulary
    theirs = Encoding(
        "ours",
        pat_str=GPT2_PATTERN,
        mergeable_ranks=dict(vocabulary.tokens),
        special_tokens=dict(vocabulary.special_tokens),
    )
    assert tokenizer.encode_batch(texts) == [theirs.encode_ordinary(text) for text in texts]
    seconds = interleaved(
        {
            "ours": lambda: tokenizer.encode_batch(texts),
            "tiktoken": lambda: [theirs.encode_ordinary(text) for text in texts],
        },
        rounds=rounds,
        clock=time.process_time,
    )
    speed = median_ratio(seconds["tiktoken"], seconds["ours"])
    figures = {"ours s": median(seconds["ours"]), "tiktoken s": median(seconds["tiktoken"]), "speed": speed}
    return Row("BPE encoding, warm, against tiktoken", figures, goal=">= 0.8x its speed", met=speed >= 0.8)


def cold_row(texts: list[str], tokenizer: Tokenizer, rounds: int) -> Row:
    """Each round starts with tokenizers that have seen no text. Wall time; `tokenizers` may use every core."""
    from tokenizers import Tokenizer as Theirs

    content = json.dumps(to_json(tokenizer.vocabulary))
    # Built before the clock starts: one fresh pair for each round.
    ours = cycle([Tokenizer(tokenizer.vocabulary) for _ in range(rounds)])
    theirs = cycle([Theirs.from_str(content) for _ in range(rounds)])
    seconds = interleaved(
        {"ours": lambda: next(ours).encode_batch(texts), "tokenizers": lambda: next(theirs).encode_batch(texts)},
        rounds=rounds,
        warmup=0,
    )
    speed = median_ratio(seconds["tokenizers"], seconds["ours"])
    figures = {"ours s": median(seconds["ours"]), "tokenizers s": median(seconds["tokenizers"]), "speed": speed}
    return Row("BPE encoding, cold, against tokenizers' encode_batch", figures, goal=">= 2x its speed", met=speed >= 2)


def run(rounds: int = 9) -> list[Row]:
    """Measure training at two sizes, and encoding with the larger vocabulary."""
    texts, about = texts_to_measure()
    rows = [training_row(texts, size, rounds, about) for size in VOCAB_SIZES]
    tokenizer = Tokenizer.train(texts, vocab_size=VOCAB_SIZES[-1])
    return [*rows, warm_row(texts, tokenizer, rounds), cold_row(texts, tokenizer, rounds)]


if __name__ == "__main__":
    for row in run(3):
        figures = ", ".join(f"{name} {value:.3f}" for name, value in row.figures.items())
        print(f"{row.what}: {figures}; goal {row.goal}, met {row.met}")
