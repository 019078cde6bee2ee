"""How the stories begin that a model has read, and what to say where an opening begins otherwise.

    known = find_openings(stories)
    known.commonest       ("Once upon a time", "Once there was a", ...)
    known.note("asdf")    'This model has read stories that begin like "Once upon a time", ...'

A small model goes on well only from a beginning that it knows. A run keeps them in `openings.json`.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from storyteller.errors import StorytellerError
from storyteller.tokenizer import Tokenizer
from storyteller.training.token_shards import TokenShards
from storyteller.utils.atomic_io import read_json, write_json

FILE_NAME = "openings.json"
KNOWN_WORDS = 3  # of an opening, by which it is known
OPENING_WORDS = 4  # in each of the commonest
MAX_COMMONEST = 12
MAX_FIRST_WORDS = 5_000  # kept, the commonest: a corpus from the web begins in any way at all
NAMED = 3  # openings in a note
STORIES_READ = 20_000
TOKENS_READ = 40  # of each, which is more than its first words


@dataclass(frozen=True, kw_only=True)
class KnownOpenings:
    """How the training stories begin. Empty where that is not known, and then nothing is said."""

    commonest: tuple[str, ...] = ()  # four words each, the commonest first; no two share their first two words
    first_words: frozenset[str] = frozenset()  # the first three words of the stories

    def knows(self, opening: str) -> bool:
        """Whether some training story begins like this: with its first three words, or with all of fewer.

        >>> known = find_openings(["Once upon a time there was a fox."])
        >>> known.knows("Once upon a time, an owl"), known.knows("Once up"), known.knows("Once more, an owl")
        (True, True, False)
        """
        words = opening.split()
        head = " ".join(words[:KNOWN_WORDS])
        if not head or not self.commonest:
            return True
        if len(words) > KNOWN_WORDS:
            return head in self.first_words
        return any(known.startswith(head) for known in self.first_words)  # the last word may be half a word

    @property
    def warning(self) -> str:
        """What to say of an opening that the model does not know, with some that it does."""
        named = ", ".join(f'"{opening}"' for opening in self.commonest[:NAMED])
        return (
            f"This model has read stories that begin like {named}; yours begins otherwise, so the story may not hold "
            "together."
        )

    def note(self, opening: str) -> str:
        """The warning where the model does not know the opening; otherwise nothing."""
        return "" if self.knows(opening) else self.warning

    def save(self, folder: Path) -> None:
        """Write `openings.json` into a run's folder."""
        write_json(folder / FILE_NAME, {"commonest": self.commonest, "first_words": sorted(self.first_words)})

    @classmethod
    def load(cls, folder: Path) -> "KnownOpenings":
        """Read `openings.json`; empty where an old run has none.

        Raises:
            StorytellerError: the file is damaged.
        """
        file = folder / FILE_NAME
        if not file.is_file():
            return cls()
        values = read_json(file, way_out="delete it")
        lists = [values.get(name) if isinstance(values, dict) else None for name in ("commonest", "first_words")]
        if not all(isinstance(found, list) and all(isinstance(words, str) for words in found) for found in lists):
            raise StorytellerError(
                f"{file} cannot be read (it has no lists of texts 'commonest' and 'first_words'); delete it."
            )
        return cls(commonest=tuple(lists[0] or ()), first_words=frozenset(lists[1] or ()))


def find_openings(stories: Iterable[str]) -> KnownOpenings:
    """How stories begin; of each a part that is longer than its first words is enough."""
    openings: Counter[str] = Counter()
    heads: Counter[str] = Counter()
    for story in stories:
        words = story.split()
        if words:
            heads[" ".join(words[:KNOWN_WORDS])] += 1
        if len(words) > OPENING_WORDS:
            openings[" ".join(words[:OPENING_WORDS])] += 1
    commonest: dict[tuple[str, ...], str] = {}
    for opening, _ in openings.most_common():
        commonest.setdefault(tuple(opening.split()[:2]), opening)
    return KnownOpenings(
        commonest=tuple(commonest.values())[:MAX_COMMONEST],
        first_words=frozenset(head for head, _ in heads.most_common(MAX_FIRST_WORDS)),
    )


def beginnings(shards: TokenShards, tokenizer: Tokenizer) -> Iterator[str]:
    """The beginnings of a run's stories, in text."""
    for number in range(min(shards.n_documents, STORIES_READ)):
        yield tokenizer.decode(shards.document(number)[:TOKENS_READ].tolist(), skip_special=True)
