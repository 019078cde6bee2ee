"""A model's own sampling settings: what is written is what is read, by us and by transformers."""

import json

import pytest

from storyteller.errors import StorytellerError
from storyteller.inference.generation_config import FILE_NAME, generation_config, read_sampling, write_sampling
from storyteller.inference.sampling_options import STORY_SAMPLING, Sampling

EVERYTHING = Sampling(
    temperature=0.7,
    top_k=40,
    top_p=0.9,
    min_p=0.05,
    typical_p=0.95,
    repetition_penalty=1.2,
    max_new_tokens=50,
    seed=STORY_SAMPLING.seed,
)


@pytest.mark.parametrize(
    "sampling", [STORY_SAMPLING, EVERYTHING, Sampling(greedy=True, seed=STORY_SAMPLING.seed)], ids=str
)
def test_what_is_written_is_read(tmp_path, sampling):
    write_sampling(tmp_path, sampling, max_length=64, end_id=9)
    assert read_sampling(tmp_path) == sampling


def test_an_old_run_without_the_file_tells_as_all_do(tmp_path):
    assert read_sampling(tmp_path) == STORY_SAMPLING


def test_transformers_reads_the_same_from_it(tmp_path):
    transformers = pytest.importorskip("transformers")
    write_sampling(tmp_path, EVERYTHING, max_length=64, end_id=9)
    theirs = transformers.GenerationConfig.from_pretrained(tmp_path)
    for name, value in generation_config(EVERYTHING, max_length=64, end_id=9).items():
        assert getattr(theirs, name) == value, name
    assert theirs.do_sample


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "cannot be read as JSON"),
        ("[]", "no JSON object"),
        ('{"temperature": "hot"}', "temperature is 'hot'; it must be a number"),
        ('{"temperature": 0}', "temperature is 0; it must be a number above 0"),
    ],
)
def test_a_damaged_file_is_one_sentence(tmp_path, content, words):
    (tmp_path / FILE_NAME).write_text(content, encoding="utf-8")
    with pytest.raises(StorytellerError, match=words) as caught:
        read_sampling(tmp_path)
    assert FILE_NAME in str(caught.value)


def test_a_file_of_transformers_may_leave_anything_out(tmp_path):
    (tmp_path / FILE_NAME).write_text(json.dumps({"top_p": 0.9, "transformers_version": "5"}), encoding="utf-8")
    wanted = Sampling(top_p=0.9, max_new_tokens=STORY_SAMPLING.max_new_tokens, seed=STORY_SAMPLING.seed)
    assert read_sampling(tmp_path) == wanted
