"""How rich and how consistent the stories are: `python -m storyteller.storyworld.richness --genre fairy_tale`.

Three measures on one megabyte of text: different words, the size after xz over the size before, and the share of
4-grams of words that are distinct. Real short stories (TinyStories) have 4,174 words, 0.232 and 0.80.
"""

import argparse
import lzma
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from storyteller.corpus.story import Story
from storyteller.storyworld.consistency.checker import contradictions
from storyteller.storyworld.generate import MAX_WORDS, MIN_WORDS, generate

MEGABYTE = 1_000_000
_WORD = re.compile(r"[a-z']+")


@dataclass(frozen=True, slots=True)
class Richness:
    """The three measures, and how much text they were taken on."""

    bytes: int
    words: int  # different words
    xz: float  # size after xz over size before
    four_grams: float  # distinct 4-grams over 4-grams


def richness(texts: Iterable[str], *, size: int = MEGABYTE) -> Richness:
    """Measure the first `size` bytes of the texts, joined by an empty line."""
    joined = bytearray()
    for text in texts:
        joined += text.encode() + b"\n\n"
        if len(joined) >= size:
            break
    data = bytes(joined[:size])
    words = _WORD.findall(data.decode(errors="ignore").lower())
    grams = list(zip(words, words[1:], words[2:], words[3:], strict=False))
    return Richness(
        bytes=len(data),
        words=len(set(words)),
        xz=len(lzma.compress(data, preset=9)) / max(1, len(data)),
        four_grams=len(set(grams)) / max(1, len(grams)),
    )


def main() -> None:
    """Print sample stories, contradictions and the measures."""
    parser = argparse.ArgumentParser(prog="python -m storyteller.storyworld.richness", description=__doc__)
    parser.add_argument("--genre", action="append", default=[], help="a genre file, without .toml; may be repeated")
    parser.add_argument("--plot", default="", help="show and check only this plot's stories")
    parser.add_argument("--show", type=int, default=3, help="how many stories to print")
    parser.add_argument("--check", type=int, default=1000, help="how many stories to check")
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    stories: list[Story] = []
    size = 0
    for story in generate(100_000, seed=options.seed, only=options.genre, any_length=True):
        if options.plot and story.facts and story.facts["plot"] != options.plot:
            continue
        stories.append(story)
        size += len(story.text.encode()) + 2
        if size >= MEGABYTE and len(stories) >= options.check:
            break
    for story in stories[: options.show]:
        plot = story.facts["plot"] if story.facts else ""
        print(f"--- {story.genre}, {plot}\nPROMPT: {story.prompt}\n\n{story.text}\n")
    print_faults(stories[: options.check])
    print_lengths(stories)
    print_repeats(stories)
    print(richness(story.text for story in stories))


def print_faults(stories: list[Story]) -> None:
    """How many contradictions of each kind, and the first of them."""
    faults = [(story, fault) for story in stories for fault in contradictions(story.text, story.facts, is_whole=True)]
    print(f"{len(faults)} contradictions in {len(stories)} stories.")
    seen: Counter[str] = Counter()
    for story, fault in faults:
        seen[fault.kind] += 1
        if seen[fault.kind] <= 5:
            plot = story.facts["plot"] if story.facts else ""
            print(f"  [{plot}] {fault.kind}: {fault.explanation}\n      in: {fault.sentence}")
    for kind, count in seen.items():
        print(f"  {kind}: {count}")


def print_lengths(stories: list[Story]) -> None:
    """How long each plot's stories are."""
    lengths: dict[str, list[int]] = {}
    for story in stories:
        lengths.setdefault(story.facts["plot"] if story.facts else "", []).append(len(story.text.split()))
    for plot, counts in sorted(lengths.items()):
        counts.sort()
        outside = sum(not MIN_WORDS <= count <= MAX_WORDS for count in counts) / len(counts)
        print(
            f"  {plot:28} {len(counts):5} stories, words: least {counts[0]}, middle {counts[len(counts) // 2]}, "
            f"most {counts[-1]}, {outside:.0%} outside {MIN_WORDS} to {MAX_WORDS}"
        )


def print_repeats(stories: list[Story]) -> None:
    """The runs of six words that come most often: where another choice would help most."""
    grams: Counter[str] = Counter()
    for story in islice(stories, 1000):
        words = _WORD.findall(story.text.lower())
        grams.update({" ".join(words[i : i + 6]) for i in range(len(words) - 5)})
    total = min(1000, len(stories))
    print("Most repeated: " + "; ".join(f"{gram} ({count / total:.1%})" for gram, count in grams.most_common(6)))


if __name__ == "__main__":
    main()
