"""The tokenizer: train, encode, decode, save and load."""

import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Literal

from storyteller.errors import StorytellerError
from storyteller.tokenizer.encoding import Encoder
from storyteller.tokenizer.pretokenize import SpecialTokens, count_words
from storyteller.tokenizer.tokenizer_json import FILE_NAME, read_vocabulary, write_vocabulary
from storyteller.tokenizer.training import Progress, learn_merges
from storyteller.tokenizer.vocabulary import END_OF_TEXT, FIRST_MERGE, MAX_VOCAB_SIZE, Vocabulary

Special = Literal["refuse", "escape", "allow"] | Collection[str]


class Tokenizer:
    """Byte-level BPE with GPT-2's pre-tokenizer. Any text has ids, and `decode` gives the text back.

    Make one with `Tokenizer.train` or `Tokenizer.load`. It gives the same ids as `tokenizers` and `tiktoken` with the
    same merges. (Characters that Unicode added lately may be cut differently: each package has its own Unicode tables.)
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self._encoder = Encoder(vocabulary)
        self._specials = SpecialTokens(vocabulary.special_tokens)
        self._special_ids = frozenset(vocabulary.special_tokens.values())
        self._bytes = {i: token for token, i in vocabulary.tokens.items()}
        self._bytes |= {i: token.encode("utf-8") for token, i in vocabulary.special_tokens.items()}

    @classmethod
    def train(
        cls,
        texts: Iterable[str],
        *,
        vocab_size: int,
        special_tokens: Sequence[str] = (END_OF_TEXT,),
        progress: Progress | None = None,
    ) -> "Tokenizer":
        """Learn a vocabulary from texts, with the same merges as `tokenizers`' BpeTrainer.

        Args:
            texts: read once; only the counts of words are kept. Merges never cross from one text to the next.
            vocab_size: V, ids wanted: 256 bytes, the merges and the special tokens. The result has fewer when the
                texts have no pair left to merge (compare with `Tokenizer.vocab_size`).
            special_tokens: get the last ids, in this order. In the texts they are boundaries and nothing is learned
                from them.
            progress: called after each merge with the merges made and the merges wanted.

        Raises:
            StorytellerError: vocab_size is too small or too large, a special token is unusable, there is no text, or
                a text holds a lone surrogate.
        """
        if isinstance(special_tokens, str) or len(set(special_tokens)) < len(special_tokens):
            raise StorytellerError(f"The special tokens are {special_tokens!r}; pass a list of different names.")
        Vocabulary.learned((), special_tokens)  # complain of an unusable name now, not after the training
        min_size = FIRST_MERGE + len(special_tokens)
        if not min_size <= vocab_size <= MAX_VOCAB_SIZE:
            raise StorytellerError(
                f"vocab_size is {vocab_size}; it must be at least {min_size} (256 bytes and {len(special_tokens)} "
                f"special tokens) and at most {MAX_VOCAB_SIZE:,}."
            )
        n_merges = vocab_size - min_size
        if isinstance(texts, str):
            raise StorytellerError("The texts to learn from are one string; pass a list of texts, such as [text].")
        word_counts = count_words(texts, special_tokens=special_tokens)
        if not word_counts and n_merges:
            raise StorytellerError("There is no text to learn from: pass at least one text that is not empty.")
        try:
            merges = learn_merges(word_counts, n_merges, progress=progress)
        except UnicodeEncodeError as error:
            raise _lone_surrogate(error.object) from None
        return cls(Vocabulary.learned(merges, special_tokens))

    def encode(self, text: str, *, special: Special = "refuse") -> list[int]:
        """The ids of a text.

        Args:
            text: any Unicode text; the empty text has no ids.
            special: what to do where a special token occurs in the text: "refuse" the text (the safe way with text
                from outside), "allow" it its id, or "escape" it, that is read it as ordinary text. A set of names
                allows these and refuses the others, as `allowed_special` of `tiktoken` does.

        Raises:
            StorytellerError: a special token occurs in the text and is not wanted, the tokenizer has no special token
                of a name that is allowed, or the text holds a lone surrogate.
        """
        if isinstance(special, str):
            if special not in ("refuse", "escape", "allow"):
                raise ValueError(
                    f"special is {special!r}; it must be 'refuse', 'escape', 'allow' or a set of special tokens."
                )
            allowed: Collection[str] = self.vocabulary.special_tokens if special == "allow" else ()
        else:
            allowed = special
            for name in allowed:
                self.special_id(name)  # refuses a name that it does not know
        try:
            if special == "escape" or not self._specials.first(text):
                return self._encoder.encode(text)
            ids: list[int] = []
            place = 0
            for i, part in enumerate(self._specials.split(text)):
                if i % 2 and part not in allowed:
                    raise StorytellerError(
                        f"The text holds the special token {part!r} at position {place}; take it out, or pass "
                        "special='allow' to encode it as one token or special='escape' to read it as ordinary text."
                    )
                ids += [self.special_id(part)] if i % 2 else self._encoder.encode(part)
                place += len(part)
            return ids
        except UnicodeEncodeError:
            raise _lone_surrogate(text) from None

    def encode_batch(self, texts: Iterable[str], *, special: Special = "refuse") -> list[list[int]]:
        """The ids of each text; see `encode`."""
        if isinstance(texts, str):
            raise StorytellerError("The texts to encode are one string; pass a list of texts, or call encode(text).")
        return [self.encode(text, special=special) for text in texts]

    def encode_iterable(self, texts: Iterable[str], *, special: Special = "refuse") -> Iterator[int]:
        """The ids of all texts in a row, one text after the other, so that no more than one is in memory.

        Each text is cut into words by itself. Lines of a file give the ids of the file where no line is blank; a word
        such as "\\n\\n" is cut.
        """
        if isinstance(texts, str):
            raise StorytellerError("The texts to encode are one string; pass a list of texts, or call encode(text).")
        return chain.from_iterable(self.encode(text, special=special) for text in texts)

    def decode(self, ids: Iterable[int], *, skip_special: bool = False) -> str:
        """The text of some ids. Bytes that are not UTF-8 (a character cut in two, say) become U+FFFD.

        Args:
            ids: token ids: a list, or a tensor or array of one dimension.
            skip_special: leave special tokens out.

        Raises:
            StorytellerError: an id is not in the vocabulary.
        """
        if skip_special:
            ids = [i for i in _as_list(ids) if i not in self._special_ids]
        return self.decode_bytes(ids).decode("utf-8", "replace")

    def decode_bytes(self, ids: Iterable[int]) -> bytes:
        """The bytes of some ids, which need not be whole characters.

        Raises:
            StorytellerError: an id is not in the vocabulary.
        """
        try:
            return b"".join(map(self._bytes.__getitem__, _as_list(ids)))
        except KeyError as error:
            raise self._unknown(error.args[0]) from None

    def decode_with_offsets(self, ids: Iterable[int]) -> tuple[str, list[int]]:
        """The text of some ids, and at which of its characters each token begins.

        A token that begins within a character has the offset of that character, as in `tiktoken`.

        Raises:
            StorytellerError: an id is not in the vocabulary, or the bytes are not UTF-8.
        """
        offsets: list[int] = []
        tokens = [self.token_bytes(i) for i in _as_list(ids)]
        n_chars = 0
        for token in tokens:
            # A byte 10xxxxxx goes on with a character, any other byte begins one.
            offsets.append(max(0, n_chars - (0x80 <= token[0] < 0xC0)))
            n_chars += sum(not 0x80 <= byte < 0xC0 for byte in token)
        try:
            return b"".join(tokens).decode("utf-8"), offsets
        except UnicodeDecodeError:
            raise StorytellerError(
                "The bytes of these ids are not UTF-8, so their characters cannot be counted; use decode for the text, "
                "or token_bytes for each token."
            ) from None

    def token_bytes(self, token_id: int) -> bytes:
        """The bytes that a token stands for; a special token stands for its name.

        Raises:
            StorytellerError: the id is not in the vocabulary.
        """
        try:
            return self._bytes[token_id]
        except KeyError:
            raise self._unknown(token_id) from None

    def _unknown(self, token_id: object) -> StorytellerError:
        return StorytellerError(
            f"The id {token_id} is not in the vocabulary, whose ids are 0 to {self.vocab_size - 1}; "
            "were these ids made with another tokenizer?"
        )

    @property
    def vocab_size(self) -> int:
        """V, the number of ids, special tokens included."""
        return self.vocabulary.size

    @property
    def end_id(self) -> int:
        """The id of `<|endoftext|>`."""
        return self.special_id(END_OF_TEXT)

    def special_id(self, name: str) -> int:
        """The id of a special token.

        Raises:
            StorytellerError: there is no special token of that name.
        """
        if name not in self.vocabulary.special_tokens:
            known = ", ".join(map(repr, self.vocabulary.special_tokens)) or "none"
            raise StorytellerError(f"The tokenizer has no special token {name!r}; it has {known}.")
        return self.vocabulary.special_tokens[name]

    @property
    def fingerprint(self) -> str:
        """A hash (SHA-256, hexadecimal) that two tokenizers share only if they give the same ids."""
        return self.vocabulary.fingerprint

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a `tokenizer.json` that `tokenizers` and `transformers` read too, whole or not at all.

        Args:
            path: the file, or an existing folder for a `tokenizer.json` in it.

        Raises:
            StorytellerError: the file cannot be written.
        """
        path = Path(path)
        write_vocabulary(self.vocabulary, path / FILE_NAME if path.is_dir() else path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Tokenizer":
        """Read a byte-level BPE `tokenizer.json` with GPT-2's pre-tokenizer, ours or another's.

        Args:
            path: the file, or a folder with a `tokenizer.json` or with GPT-2's `vocab.json` and `merges.txt`.

        Raises:
            StorytellerError: there is no such file, it is damaged, or it is a tokenizer of another kind.
        """
        return cls(read_vocabulary(Path(path)))

    def __repr__(self) -> str:
        return f"Tokenizer(vocab_size={self.vocab_size}, special_tokens={list(self.vocabulary.special_tokens)})"

    def __reduce__(self) -> tuple[type["Tokenizer"], tuple[Vocabulary]]:
        return Tokenizer, (self.vocabulary,)  # pickle leaves the caches behind


def _as_list(ids: Iterable[int]) -> Iterable[int]:
    """Tensors and arrays as lists of Python's numbers; anything else as it is."""
    to_list = getattr(ids, "tolist", None)
    return to_list() if to_list else ids


def _lone_surrogate(text: str) -> StorytellerError:
    place = next(i for i, char in enumerate(text) if "\ud800" <= char <= "\udfff")
    around = text[max(0, place - 15) : place + 15]
    return StorytellerError(
        f"The text holds a lone surrogate, U+{ord(text[place]):04X} in {around!r}, which is half a character and fits "
        "in no UTF-8 file; clean it with text.encode('utf-8', 'replace').decode('utf-8')."
    )
