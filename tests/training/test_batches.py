"""Packing, batches, and the place in the data."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from storyteller.corpus import Story
from storyteller.errors import StorytellerError
from storyteller.tokenizer import Tokenizer
from storyteller.training.batches import (
    IGNORE_INDEX,
    PAD_DOCUMENT,
    InMemoryTokens,
    ReadAhead,
    TrainingBatches,
    validation_batches,
)
from storyteller.training.token_shards import open_shards, write_shards
from tiny_training import SEQ_LEN, tiny_source, tiny_trainer

DOCUMENTS = [[11, 12, 13], [21], [31, 32, 33, 34, 35], [41, 42]]


def numbered(n: int) -> InMemoryTokens:
    """A stream in which each token is its own position."""
    return InMemoryTokens(np.arange(n))


def same(one, other) -> bool:
    return all(torch.equal(getattr(one, name), getattr(other, name)) for name in ("inputs", "targets", "document_ids"))


def test_every_document_ends_with_the_end_token_and_the_boundaries_mark_the_starts():
    stream = InMemoryTokens.pack(DOCUMENTS, end_id=0)
    assert len(stream) == 15
    assert stream.n_documents == 4
    for start, stop, document in zip(stream.boundaries, stream.boundaries[1:], DOCUMENTS, strict=False):
        assert stream.tokens(start, stop).tolist() == [*document, 0]


@settings(deadline=None)
@given(n=st.integers(5, 80), seq_len=st.integers(1, 5), batch_size=st.integers(1, 4), seed=st.integers(0, 99))
def test_targets_are_the_inputs_shifted_by_one(n, seq_len, batch_size, seed):
    batches = TrainingBatches(numbered(n), batch_size=batch_size, seq_len=seq_len, seed=seed)
    for _ in range(3):
        batch = next(batches)
        assert batch.inputs.shape == batch.targets.shape == (batch_size, seq_len)
        assert torch.equal(batch.targets, (batch.inputs + 1) % n)
        assert batch.attention_mask is None


@settings(deadline=None)
@given(n=st.integers(6, 80), seq_len=st.integers(1, 6), seed=st.integers(0, 99))
def test_an_epoch_gives_every_sequence_once(n, seq_len, seed):
    batches = TrainingBatches(numbered(n), batch_size=1, seq_len=seq_len, seed=seed)
    for _ in range(2):
        seen = torch.cat([next(batches).inputs.flatten() for _ in range(n // seq_len)])
        assert len(seen.unique()) == len(seen) == n // seq_len * seq_len


def test_epochs_differ_and_a_seed_repeats_them():
    def two_epochs(seed: int) -> list[list[int]]:
        batches = TrainingBatches(numbered(400), batch_size=40, seq_len=10, seed=seed)
        return [next(batches).inputs[:, 0].tolist() for _ in range(2)]

    first, second = two_epochs(1)
    assert first != second
    assert two_epochs(1) == [first, second]
    assert two_epochs(2) != [first, second]


def test_the_last_batch_of_an_epoch_is_filled_from_the_next():
    small = TrainingBatches(numbered(70), batch_size=1, seq_len=10, seed=3)
    large = TrainingBatches(numbered(70), batch_size=4, seq_len=10, seed=3)
    for _ in range(5):
        rows = torch.cat([next(small).inputs for _ in range(4)])
        assert torch.equal(next(large).inputs, rows)


@settings(deadline=None)
@given(before=st.integers(0, 30), batch_size=st.integers(1, 7), other_size=st.integers(1, 7))
def test_the_order_goes_on_from_a_saved_place_even_with_another_batch_size(before, batch_size, other_size):
    source = InMemoryTokens.pack(DOCUMENTS * 3, end_id=0)
    unbroken = TrainingBatches(source, batch_size=batch_size, seq_len=4, seed=5)
    for _ in range(before):
        next(unbroken)
    state = json.loads(json.dumps(unbroken.state_dict()))
    resumed = TrainingBatches(source, batch_size=other_size, seq_len=4, seed=5)
    next(resumed)
    resumed.load_state_dict(state)
    one = torch.cat([next(unbroken).inputs for _ in range(other_size)])
    other = torch.cat([next(resumed).inputs for _ in range(batch_size)])
    assert torch.equal(one, other)


def test_the_state_is_tiny():
    batches = TrainingBatches(numbered(100_000), batch_size=4, seq_len=4, seed=1)
    assert len(json.dumps(batches.state_dict())) < 100


@pytest.mark.parametrize(
    "other", [{"source": numbered(90)}, {"seq_len": 5}, {"seed": 2}], ids=["corpus", "length", "seed"]
)
def test_a_place_in_other_data_is_refused(other):
    arguments = {"source": numbered(50), "batch_size": 2, "seq_len": 4, "seed": 1}
    state = TrainingBatches(**arguments).state_dict()
    with pytest.raises(StorytellerError, match="go on with the corpus and settings"):
        TrainingBatches(**(arguments | other)).load_state_dict(state)


def test_the_model_learns_how_a_story_begins_unless_told_not_to():
    stream = InMemoryTokens.pack(DOCUMENTS, end_id=0)
    settings = {"batch_size": 1, "seq_len": 15, "seed": 0}
    with_starts = next(TrainingBatches(stream, **settings))
    without = next(TrainingBatches(stream, predict_first_token=False, **settings))
    assert torch.equal(with_starts.inputs, without.inputs)
    after_end = with_starts.inputs == 0
    assert set(with_starts.targets[after_end].tolist()) == {11, 21, 31, 41}
    assert set(without.targets[after_end].tolist()) == {IGNORE_INDEX}
    assert torch.equal(with_starts.targets[~after_end], without.targets[~after_end])
    assert (with_starts.n_targets, without.n_targets) == (15, 11)


def test_documents_say_which_document_each_token_belongs_to():
    owner = {token: index for index, document in enumerate(DOCUMENTS) for token in document}
    stream = InMemoryTokens.pack(DOCUMENTS, end_id=0)
    batches = TrainingBatches(stream, batch_size=2, seq_len=6, seed=4)
    for _ in range(5):
        batch = next(batches)
        for tokens, documents in zip(batch.inputs.tolist(), batch.document_ids.tolist(), strict=True):
            for place, (token, document) in enumerate(zip(tokens, documents, strict=True)):
                if token:
                    assert document == owner[token]
                elif place:  # an end token belongs to the document that it ends
                    assert document == documents[place - 1]


@settings(deadline=None)
@given(n=st.integers(2, 90), seq_len=st.integers(1, 9), batch_size=st.integers(1, 5))
def test_validation_predicts_every_token_but_the_first_exactly_once_and_in_order(n, seq_len, batch_size):
    batches = validation_batches(numbered(n), batch_size=batch_size, seq_len=seq_len)
    for _ in range(2):  # it can be walked through again
        targets = torch.cat([batch.targets.flatten() for batch in batches])
        assert targets[targets != IGNORE_INDEX].tolist() == list(range(1, n))
    assert sum(batch.n_targets for batch in batches) == n - 1


@settings(deadline=None)
@given(n=st.integers(2, 40), seq_len=st.integers(1, 9))
def test_validation_marks_its_padding(n, seq_len):
    for batch in validation_batches(numbered(n), batch_size=2, seq_len=seq_len):
        real = batch.targets != IGNORE_INDEX
        assert torch.equal(batch.document_ids != PAD_DOCUMENT, real)
        assert torch.equal(batch.inputs[real] + 1, batch.targets[real])
        assert batch.inputs[~real].sum() == 0
        assert (batch.attention_mask is None) == bool(real.all())


def test_validation_can_be_limited():
    whole = validation_batches(numbered(100), batch_size=2, seq_len=5)
    part = validation_batches(numbered(100), batch_size=2, seq_len=5, limit=3)
    assert (len(whole), len(part)) == (10, 3)
    assert all(same(one, other) for one, other in zip(part, whole, strict=False))


def test_a_corpus_shorter_than_one_sequence_is_refused():
    with pytest.raises(StorytellerError, match="7 tokens and one sequence needs 8"):
        TrainingBatches(numbered(7), batch_size=1, seq_len=8, seed=1)
    with pytest.raises(StorytellerError, match="has 1 tokens"):
        validation_batches(numbered(1), batch_size=1, seq_len=8)


def test_shards_on_disk_give_the_batches_of_the_same_stories_in_memory(tmp_path):
    texts = [f"Once there was a {animal} who liked to run. The end." for animal in ("fox", "hen", "bat", "dog", "owl")]
    tokenizer = Tokenizer.train(texts, vocab_size=270)
    stories = [Story(text=text, prompt="", genre="", facts=None) for text in texts]
    write_shards(stories, tokenizer, tmp_path, shard_tokens=60)  # a sequence may reach from one shard into the next
    memory = InMemoryTokens.pack(tokenizer.encode_batch(texts), end_id=tokenizer.end_id)
    with open_shards(tmp_path, tokenizer) as shards:
        settings = {"batch_size": 3, "seq_len": 16, "seed": 1}
        on_disk, in_memory = TrainingBatches(shards, **settings), TrainingBatches(memory, **settings)
        assert all(same(next(on_disk), next(in_memory)) for _ in range(20))
        settings = {"batch_size": 3, "seq_len": 16}
        on_disk, in_memory = validation_batches(shards, **settings), validation_batches(memory, **settings)
        assert all(same(one, other) for one, other in zip(on_disk, in_memory, strict=True))


def test_tokens_of_any_integer_type_become_int64():
    batch = next(TrainingBatches(InMemoryTokens(np.arange(20, dtype=np.uint16)), batch_size=2, seq_len=3, seed=1))
    assert batch.inputs.dtype == batch.targets.dtype == batch.document_ids.dtype == torch.int64


def test_aligned_sequences_begin_with_a_document_each_once_in_an_epoch():
    source = tiny_source(documents=15)
    batches = TrainingBatches(source, batch_size=5, seq_len=SEQ_LEN, seed=3, align_documents=True)
    firsts = [next(batches) for _ in range(6)]  # two epochs
    begun = [document for batch in firsts for document in batch.document_ids[:, 1].tolist()]
    assert sorted(begun[:15]) == sorted(begun[15:]) == list(range(15))
    assert begun[:15] != begun[15:]
    for batch in firsts:
        assert batch.inputs[:, 0].tolist() == [0] * 5  # the end token of the document before
        for row, document in zip(batch.inputs, batch.document_ids[:, 1], strict=True):
            start = int(source.boundaries[document]) - 1
            wanted = [source.tokens(n % len(source), n % len(source) + 1)[0] for n in range(start, start + len(row))]
            assert row.tolist() == wanted


def test_aligned_batches_are_as_long_as_their_longest_document_in_steps_of_8_up_to_the_limit():
    random = np.random.default_rng(0)
    source = InMemoryTokens.pack([random.integers(1, 30, size=n).tolist() for n in (10, 15, 16, 64, 70, 90)], end_id=0)
    lengths = np.diff(source.boundaries)  # with the end token: 11, 16, 17, 65, 71, 91
    wanted = {11: 16, 16: 16, 17: 24, 65: 72, 71: 72, 91: 80}
    batches = TrainingBatches(source, batch_size=1, seq_len=80, seed=3, align_documents=True)
    for batch in (next(batches) for _ in range(6)):
        document = int(batch.document_ids[0, 1])
        assert batch.targets.size(1) == wanted[lengths[document]]
        positions = (source.boundaries[document] + np.arange(batch.targets.size(1))) % len(source)
        assert batch.targets[0].tolist() == source.tokens(0, len(source))[positions].tolist()
    several = next(TrainingBatches(source, batch_size=4, seq_len=100, seed=3, align_documents=True))
    assert several.inputs.size(1) == -(-max(lengths[several.document_ids[:, 1]]) // 8) * 8


def test_aligned_batches_can_be_put_back_to_any_place():
    made = [
        TrainingBatches(tiny_source(), batch_size=3, seq_len=SEQ_LEN, seed=3, align_documents=True) for _ in range(2)
    ]
    for _ in range(9):
        next(made[0])
    made[1].load_state_dict(made[0].state_dict())
    assert torch.equal(next(made[0]).inputs, next(made[1]).inputs)


@pytest.mark.parametrize("seq_len", [3, SEQ_LEN, 100])
def test_aligned_validation_predicts_every_token_once_and_begins_each_document_anew(seq_len):
    source = tiny_source(documents=15)
    targets, rows = [], 0
    for batch in validation_batches(source, batch_size=4, seq_len=seq_len, align_documents=True):
        real = batch.targets != IGNORE_INDEX
        targets += batch.targets[real].tolist()
        rows += len(batch.inputs)
        for document, next_one in batch.document_ids[:, :2].tolist():
            assert next_one in (document, document + 1, PAD_DOCUMENT)
    assert targets == source.tokens(1, len(source)).tolist()
    lengths = np.diff(source.boundaries)
    assert rows == -(-(lengths[0] - 1) // seq_len) + sum(-(-lengths[1:] // seq_len))


@pytest.mark.parametrize("align", [False, True])
def test_rows_of_a_batch_are_those_of_the_whole_batch_and_the_place_goes_on(align):
    whole, parts = (
        TrainingBatches(tiny_source(), batch_size=5, seq_len=SEQ_LEN, seed=4, align_documents=align) for _ in range(2)
    )
    for rows in (slice(0, 2), slice(2, 5), slice(4, 5), slice(0, 1)) * 3:  # over the end of an epoch
        batch, part = next(whole), parts.next_rows(rows)
        assert torch.equal(part.inputs, batch.inputs[rows])
        assert torch.equal(part.targets, batch.targets[rows])
        assert torch.equal(part.document_ids, batch.document_ids[rows])
        assert whole.state_dict() == parts.state_dict()


class TestReadAhead:
    def batches(self, *, number: int | None = None):
        plain = TrainingBatches(numbered(50), batch_size=2, seq_len=5, seed=1)
        return plain if number is None else ReadAhead(plain, number=number, pin=False)

    @pytest.mark.parametrize("number", [1, 3])
    def test_batches_and_places_are_those_of_the_source_alone(self, number):
        plain, ahead = self.batches(), self.batches(number=number)
        for _ in range(12):  # more than two epochs
            assert ahead.state_dict() == plain.state_dict()
            assert same(next(ahead), next(plain))
        assert ahead.state_dict() == plain.state_dict()

    def test_it_goes_on_behind_the_last_batch_given_out_not_the_last_one_read(self):
        plain, ahead = self.batches(), self.batches(number=2)
        for _ in range(3):
            next(ahead), next(plain)
        place = ahead.state_dict()
        wanted = [next(plain) for _ in range(4)]
        for one in (ahead, self.batches(number=3)):  # the same one once more, and one in another process
            one.load_state_dict(place)
            assert one.state_dict() == place
            assert all(same(next(one), batch) for batch in wanted)

    def test_it_reads_while_nobody_asks(self):
        class Counting(TrainingBatches):
            drawn = 0

            def __next__(self):
                type(self).drawn += 1
                return super().__next__()

        ahead = ReadAhead(Counting(numbered(50), batch_size=2, seq_len=5, seed=1), number=2, pin=False)
        assert Counting.drawn == 0  # nothing before the first is asked for
        next(ahead)
        for future in ahead._ready:
            future.result()
        assert Counting.drawn == 3

    def test_what_goes_wrong_in_the_source_is_raised_where_a_batch_is_drawn(self):
        class Broken(TrainingBatches):
            def __next__(self):
                raise StorytellerError("The shard is damaged.")

        with pytest.raises(StorytellerError, match="damaged"):
            next(ReadAhead(Broken(numbered(50), batch_size=2, seq_len=5, seed=1), number=1, pin=False))

    def test_a_run_that_stopped_goes_on_as_if_it_had_not(self, tmp_path):
        def trainer(folder):
            made = tiny_trainer(folder, steps=6, grad_accum_steps=2, report_every=4)
            made.batches = ReadAhead(made.batches, number=2, pin=False)
            return made

        whole = tiny_trainer(grad_accum_steps=2)
        whole.run()
        first = trainer(tmp_path)
        for _ in range(3):
            first.train_step()
        first.save()
        second = trainer(tmp_path)
        assert second.resume()
        second.run()
        assert second.step == 6
        for ours, theirs in zip(second.model.parameters(), whole.model.parameters(), strict=True):
            assert torch.equal(ours, theirs)

    @pytest.mark.gpu
    @pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA GPU")
    def test_on_a_gpu_batches_come_from_pinned_memory(self):
        plain = self.batches()
        ahead = ReadAhead(self.batches(), number=2, pin=True)
        for _ in range(12):
            batch, wanted = next(ahead), next(plain)
            assert batch.inputs.is_pinned()
            assert same(batch.to("cuda").to("cpu"), wanted)
