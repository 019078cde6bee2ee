"""What a tokenizer knows: its tokens and their ids, its merges, its special tokens.

GPT-2 writes each of the 256 bytes as one printable character, so that tokens can be written in JSON and text files: a
space is `Ġ`, a newline `Ċ`. The order of these characters is also the order of the bytes' ids: `!` is 0, the space is
220.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from storyteller.errors import StorytellerError, require

# The bytes that GPT-2 writes as themselves: visible characters of Latin-1. The others get the characters from 256 on.
_VISIBLE = (*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1))
_BYTES = (*_VISIBLE, *(byte for byte in range(256) if byte not in _VISIBLE))  # in the order of their ids

END_OF_TEXT = "<|endoftext|>"  # GPT-2's mark between two texts
FIRST_MERGE = 256  # in our own files the id of the token that the first merge makes
MAX_VOCAB_SIZE = 0x110000  # tokens; several times the largest vocabulary in use
BYTE_TOKENS = tuple(bytes([byte]) for byte in _BYTES)  # id -> the byte
_BYTE_TO_CHAR = {byte: chr(byte if i < len(_VISIBLE) else 256 + i - len(_VISIBLE)) for i, byte in enumerate(_BYTES)}
_CHAR_TO_BYTE = {char: byte for byte, char in _BYTE_TO_CHAR.items()}
_BYTE_TO_ID = bytes(_BYTES.index(byte) for byte in range(256))


def byte_ids(word: str) -> tuple[int, ...]:
    """A word as the ids of its bytes, before any merge.

    >>> byte_ids("at!")
    (64, 83, 0)
    """
    return tuple(word.encode("utf-8").translate(_BYTE_TO_ID))


def to_unicode(token: bytes) -> str:
    """A token in GPT-2's printable characters, its `bytes_to_unicode`.

    >>> to_unicode(b" cat")
    'Ġcat'
    """
    return "".join(map(_BYTE_TO_CHAR.__getitem__, token))


def from_unicode(characters: str) -> bytes:
    """The token that these printable characters stand for; undoes `to_unicode`.

    Raises:
        StorytellerError: a character stands for no byte.
    """
    try:
        return bytes(map(_CHAR_TO_BYTE.__getitem__, characters))
    except KeyError as error:
        raise StorytellerError(
            f"The token {characters!r} has the character {error.args[0]!r}, which stands for no byte; "
            "this is not a byte-level vocabulary like GPT-2's."
        ) from None


@dataclass(frozen=True)
class Vocabulary:
    """Tokens, merges and special tokens; every construction is checked.

    Raises:
        StorytellerError: a byte has no token, the ids are not 0, 1, 2..., a merge builds on what no earlier merge
            makes, or a special token is empty, spelled like a token or not Unicode text.
    """

    tokens: Mapping[bytes, int]  # token -> id, special tokens left out
    merges: Sequence[tuple[bytes, bytes]]  # the pairs that become one token, in the order learned
    special_tokens: Mapping[str, int]  # special token -> id

    def __post_init__(self) -> None:
        for token in BYTE_TOKENS:
            require(
                token in self.tokens,
                f"The vocabulary has no token for the byte 0x{token[0]:02x}; a byte-level vocabulary needs all 256.",
            )
        ids = sorted((*self.tokens.values(), *self.special_tokens.values()))
        for wanted, got in enumerate(ids):
            require(
                got == wanted,
                f"The vocabulary has the id {got} where {wanted} is due; ids must be 0, 1, 2 and so on without a gap, "
                "those of special tokens included.",
            )
        require(
            len(ids) <= MAX_VOCAB_SIZE,
            f"The vocabulary has {len(ids):,} tokens; the most that this tokenizer holds is {MAX_VOCAB_SIZE:,}.",
        )
        made = set(BYTE_TOKENS)
        for rank, (left, right) in enumerate(self.merges):
            token = left + right
            problem = (
                "builds on a token that no earlier merge makes"
                if left not in made or right not in made
                else "makes a token that an earlier merge already makes"
                if token in made
                else "makes a token that is not in the vocabulary"
                if token not in self.tokens
                else None
            )
            if problem:
                raise StorytellerError(f"Merge {rank}, {to_unicode(left)!r} + {to_unicode(right)!r}, {problem}.")
            made.add(token)
        spellings = {to_unicode(token) for token in self.tokens}
        for name in self.special_tokens:
            require(name != "", "A special token is empty; give it a name such as '<|endoftext|>'.")
            require(
                not any("\ud800" <= char <= "\udfff" for char in name),
                f"The special token {name!r} holds a lone surrogate; choose another.",
            )
            require(
                name not in spellings,
                f"The special token {name!r} is spelled like an ordinary token; choose a name such as '<|{name}|>'.",
            )

    @classmethod
    def learned(cls, merges: Sequence[tuple[bytes, bytes]], special_tokens: Sequence[str]) -> "Vocabulary":
        """GPT-2's layout: the bytes, then what the merges make in the order learned, then the special tokens.

        Raises:
            StorytellerError: as for any vocabulary, or a special token is one that byte-level decoders garble: they
                take one that has nothing but the characters of `to_unicode` for a spelling of bytes.
        """
        tokens = [*BYTE_TOKENS, *(left + right for left, right in merges)]
        vocabulary = cls(
            tokens={token: i for i, token in enumerate(tokens)},
            merges=tuple(merges),
            special_tokens={token: i for i, token in enumerate(special_tokens, start=len(tokens))},
        )
        for name in special_tokens:
            require(
                name.isascii() or not set(name) <= _CHAR_TO_BYTE.keys(),
                f"The special token {name!r} would be read as bytes by other programs; use ASCII, as in '<|end|>'.",
            )
        return vocabulary

    @property
    def size(self) -> int:
        """V, the number of ids, special tokens included."""
        return len(self.tokens) + len(self.special_tokens)

    @cached_property
    def fingerprint(self) -> str:
        """A hash (SHA-256, hexadecimal) of all there is: equal exactly when two vocabularies are."""
        tokens = sorted((i, to_unicode(token)) for token, i in self.tokens.items())
        merges = [(to_unicode(left), to_unicode(right)) for left, right in self.merges]
        special_tokens = sorted((i, token) for token, i in self.special_tokens.items())
        return hashlib.sha256(json.dumps([tokens, merges, special_tokens]).encode("ascii")).hexdigest()
