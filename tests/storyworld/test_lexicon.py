"""Words: faults that are named."""

import re
from pathlib import Path

import pytest

from storyteller.errors import StorytellerError
from storyteller.storyworld.lexicon import read_lexicon


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[nmes.child]\nhe = 'Tom'", "unknown table"),
        ("[names.child]\nhe = 'Tom'\nshe = 'Tom'", "another pronoun"),
        ("[objects.toy]\nkite = 'colour'", "no [marks] class"),
        ("[places.pond]\ngroup = 'water'\nto = 'to the pond'\ndetails = 'x'", "needs the key 'at'"),
        ("[phrases]\nfood = ''", "is empty"),
    ],
)
def test_a_fault_in_a_words_file_names_the_file_and_the_key(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
    with pytest.raises(StorytellerError, match=re.escape(message)) as caught:
        read_lexicon(tmp_path)
    assert "mine.toml" in str(caught.value)
