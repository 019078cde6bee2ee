"""The vocabulary: fingerprints and the printable characters of bytes."""

from storyteller.tokenizer import END_OF_TEXT, Vocabulary
from storyteller.tokenizer.vocabulary import BYTE_TOKENS, to_unicode


def test_the_fingerprint_tells_vocabularies_apart() -> None:
    base = Vocabulary.learned([(b"a", b"b"), (b"c", b"d")], [END_OF_TEXT])
    others = [
        Vocabulary.learned([(b"c", b"d"), (b"a", b"b")], [END_OF_TEXT]),
        Vocabulary.learned([(b"a", b"b")], [END_OF_TEXT]),
        Vocabulary.learned([(b"a", b"b"), (b"c", b"d")], ["<s>"]),
        Vocabulary(base.tokens, base.merges[::-1], base.special_tokens),  # same ids, another order of merges
    ]
    fingerprints = {vocabulary.fingerprint for vocabulary in (base, *others)}
    assert len(fingerprints) == 5
    assert all(len(fingerprint) == 64 for fingerprint in fingerprints)
    assert Vocabulary.learned([(b"a", b"b"), (b"c", b"d")], [END_OF_TEXT]).fingerprint == base.fingerprint


def test_bytes_are_spelled_as_gpt2_spells_them() -> None:
    from tokenizers import pre_tokenizers

    assert sorted(map(to_unicode, BYTE_TOKENS)) == sorted(pre_tokenizers.ByteLevel.alphabet())
    assert [to_unicode(token) for token in BYTE_TOKENS] == sorted(map(to_unicode, BYTE_TOKENS))
    assert to_unicode(b" \n") == "ĠĊ"
