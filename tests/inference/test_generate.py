"""The loop of the sampler, beside plain loops without cache, without padding and without windows."""

from dataclasses import replace
from functools import cache

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from storyteller.config import ModelConfig
from storyteller.errors import StorytellerError
from storyteller.export.mixtral_weights import as_transformers
from storyteller.inference.generate import encode_prompt, generate, stream, stream_text, tell, whole_characters
from storyteller.inference.sampling import filters_for, probabilities, row_seed
from storyteller.inference.sampling_options import Sampling
from storyteller.moe.layer import build_model
from storyteller.tokenizer import Tokenizer
from storyteller.transformer.decoder import Decoder

# Large weights: an untrained model is otherwise so undecided that rounding would choose the tokens.
CONFIG = ModelConfig(
    vocab_size=280, max_seq_len=32, d_model=32, n_layers=2, n_heads=4, n_kv_heads=2, d_ff=24, n_experts=4, init_std=0.3
)
FORMS = {
    "moe": CONFIG,
    "dense": replace(CONFIG, n_experts=0),
    "learned positions": replace(CONFIG, positions="learned"),
}
PROMPTS = [[3, 1, 4], [1], [5, 9, 2, 6, 5, 3, 5, 8], [200] * 5]


@cache
def model_of(form: str = "moe") -> Decoder:
    return build_model(FORMS[form], seed=3).eval()


@cache
def tokenizer() -> Tokenizer:
    return Tokenizer.train(["the fox and the owl sat in the old tree until the rain went away"] * 3, vocab_size=280)


def slow_greedy(model: Decoder, prompt: list[int], n_tokens: int) -> list[int]:
    """One token after the other from the whole text: obviously right within the context."""
    ids = list(prompt)
    for _ in range(n_tokens):
        ids.append(int(model(torch.tensor([ids])).logits[0, -1].argmax()))
    return ids[len(prompt) :]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("use_cache", [True, False])
def test_greedy_tokens_are_those_of_a_loop_that_reads_everything_again(form, use_cache):
    sampling = Sampling(greedy=True, max_new_tokens=20)
    expected = [slow_greedy(model_of(form), prompt, 20) for prompt in PROMPTS]
    assert generate(model_of(form), PROMPTS, sampling=sampling, use_cache=use_cache) == expected


def test_greedy_tokens_are_those_of_transformers():
    transformers = pytest.importorskip("transformers")
    peer = as_transformers(model_of()).eval()
    ids = torch.tensor([PROMPTS[2]])
    config = transformers.GenerationConfig(max_new_tokens=24, do_sample=False)
    theirs = peer.generate(ids, attention_mask=torch.ones_like(ids), generation_config=config)
    ours = generate(model_of(), [PROMPTS[2]], sampling=Sampling(greedy=True, max_new_tokens=24))
    assert ours[0] == theirs[0, ids.shape[1] :].tolist()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("use_cache", [True, False])
def test_a_row_in_a_batch_gets_the_tokens_it_gets_alone(form, use_cache):
    sampling = Sampling(seed=11, temperature=1.3, top_k=60, top_p=0.95, min_p=0.001, repetition_penalty=1.2)
    # 70 tokens: every row outgrows the context of 32 tokens, each at a step of its own.
    sampling = replace(sampling, max_new_tokens=70)
    alone = [
        generate(model_of(form), [prompt], sampling=replace(sampling, seed=row_seed(11, row)))[0]
        for row, prompt in enumerate(PROMPTS)
    ]
    assert generate(model_of(form), PROMPTS, sampling=sampling, use_cache=use_cache) == alone


def test_a_text_that_outgrows_the_context_keeps_its_newer_half():
    context, ids = CONFIG.max_seq_len, [7, 8, 9]
    window = list(ids)
    for _ in range(80):
        token = int(model_of()(torch.tensor([window])).logits[0, -1].argmax())
        ids.append(token)
        window.append(token)
        if len(window) > context:
            window = window[-(context // 2) :]
    assert generate(model_of(), [[7, 8, 9]], sampling=Sampling(greedy=True, max_new_tokens=80))[0] == ids[3:]


def test_a_prompt_longer_than_the_context_counts_with_its_newest_tokens():
    prompt = [(7 * i) % 280 for i in range(100)]
    sampling = Sampling(greedy=True, max_new_tokens=40)
    whole = generate(model_of(), [prompt], sampling=sampling)
    assert whole == generate(model_of(), [prompt[-CONFIG.max_seq_len :]], sampling=sampling)


def test_the_smallest_context_works():
    model = build_model(replace(CONFIG, max_seq_len=1), seed=1)
    assert len(generate(model, [[1, 2, 3]], sampling=Sampling(greedy=True, max_new_tokens=5))[0]) == 5


def test_each_row_ends_at_its_own_stop_token_and_holds_nothing_after_it():
    sampling = Sampling(seed=2, max_new_tokens=30)
    free = generate(model_of(), PROMPTS, sampling=sampling)
    stop = {free[0][3], free[2][9], free[1][0]}
    ended = generate(model_of(), PROMPTS, sampling=sampling, stop=stop)
    for row, text in zip(ended, free, strict=True):
        first = next((place for place, token in enumerate(text) if token in stop), len(text))
        assert row == text[: first + 1]
    assert len({len(row) for row in ended}) > 2


@pytest.mark.parametrize("form", FORMS)
def test_rows_that_have_ended_are_read_no_more_and_the_others_stay_as_they_were(form):
    rows_read = []
    model = build_model(FORMS[form], seed=3).eval()
    model.register_forward_pre_hook(lambda _, arguments: rows_read.append(len(arguments[0])))
    sampling = Sampling(seed=2, max_new_tokens=70, repetition_penalty=1.1)  # beyond the context too
    free = generate(model, PROMPTS, sampling=sampling)
    rows_read.clear()
    stop = {free[2][1], free[0][30]}
    ended = generate(model, PROMPTS, sampling=sampling, stop=stop)
    for row, text in zip(ended, free, strict=True):
        first = next((place for place, token in enumerate(text) if token in stop), len(text))
        assert row == text[: first + 1]
    longest = max(map(len, ended))
    assert rows_read == [sum(len(row) > step for row in ended) for step in range(longest)]


def test_generation_ends_when_every_row_has_ended():
    passes = []
    model = build_model(CONFIG, seed=3)
    model.register_forward_hook(lambda *_: passes.append(1))
    free = generate(model, [[5]], sampling=Sampling(greedy=True, max_new_tokens=10))[0]
    passes.clear()
    generate(model, [[5]], sampling=Sampling(greedy=True, max_new_tokens=10), stop={free[0]})
    assert len(passes) == 1


@pytest.mark.parametrize("cached", [True, False])
def test_with_the_cache_each_token_is_read_once(cached):
    read = []
    model = build_model(CONFIG, seed=3)
    model.register_forward_pre_hook(lambda _, arguments: read.append(arguments[0].shape[1]))
    generate(model, [[5, 6, 7]], sampling=Sampling(greedy=True, max_new_tokens=4), use_cache=cached)
    assert read == ([3, 1, 1, 1] if cached else [3, 4, 5, 6])


def test_the_stream_has_the_tokens_of_generate():
    sampling = Sampling(seed=4, temperature=0.9, max_new_tokens=50)
    whole = generate(model_of(), [PROMPTS[0]], sampling=sampling, stop={11, 12})
    assert list(stream(model_of(), PROMPTS[0], sampling=sampling, stop={11, 12})) == whole[0]


def test_the_stream_gives_a_token_before_the_next_is_computed():
    passes = []
    model = build_model(CONFIG, seed=3)
    model.register_forward_hook(lambda *_: passes.append(1))
    tokens = stream(model, [1, 2], sampling=Sampling(max_new_tokens=9))
    assert passes == []
    next(tokens)
    next(tokens)
    assert len(passes) == 2


def test_the_same_seed_tells_the_same_text_and_another_seed_another():
    texts = [generate(model_of(), [[1]], sampling=Sampling(seed=seed, max_new_tokens=20))[0] for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]


def test_the_global_random_state_is_neither_used_nor_changed():
    model = model_of()  # built before: PyTorch's layers draw their first weights from the global state
    torch.manual_seed(5)
    first = generate(model, PROMPTS, sampling=Sampling(max_new_tokens=8))
    after = torch.rand(1)
    torch.manual_seed(5)
    assert torch.equal(torch.rand(1), after)
    assert generate(model, PROMPTS, sampling=Sampling(max_new_tokens=8)) == first


def test_more_tokens_begin_with_the_same_tokens():
    few, many = (generate(model_of(), [[1, 2]], sampling=Sampling(seed=3, max_new_tokens=n))[0] for n in (5, 30))
    assert many[:5] == few


def test_a_filter_of_ones_own_decides():
    def only_seven(logits, seen):
        keep = torch.zeros_like(seen)
        keep[:, 7] = True
        return logits.masked_fill(~keep, -torch.inf)

    assert generate(model_of(), [[1]], sampling=Sampling(max_new_tokens=3), filters=[only_seven]) == [[7, 7, 7]]


def test_a_replaced_part_is_called_with_the_setting():
    calls = []

    def my_top_k(logits, k):
        calls.append(k)
        return logits

    sampling = Sampling(top_k=5, max_new_tokens=3)
    generate(model_of(), [[1]], sampling=sampling, filters=filters_for(sampling, top_k=my_top_k))
    assert calls == [5, 5, 5]


def test_a_filter_sees_the_prompt_and_what_came_since_but_no_padding():
    record = []

    def spy(logits, seen):
        record.append([row.nonzero().flatten().tolist() for row in seen])
        return logits

    rows = generate(model_of(), [[9, 4, 9], [2]], sampling=Sampling(max_new_tokens=3), filters=[spy])
    for step, seen in enumerate(record):
        assert seen == [sorted({9, 4, *rows[0][:step]}), sorted({2, *rows[1][:step]})]


def test_filters_that_leave_nothing_are_named():
    nothing = [lambda logits, seen: torch.full_like(logits, -torch.inf)]
    with pytest.raises(StorytellerError, match="no token to choose from"):
        generate(model_of(), [[1]], sampling=Sampling(max_new_tokens=3), filters=nothing)


def test_a_model_in_training_mode_tells_the_same_and_stays_in_it():
    model = build_model(replace(CONFIG, capacity_factor=0.5), seed=3)
    expected = generate(model.eval(), PROMPTS, sampling=Sampling(greedy=True, max_new_tokens=9))
    assert generate(model.train(), PROMPTS, sampling=Sampling(greedy=True, max_new_tokens=9)) == expected
    assert model.training


def test_no_prompts_give_no_rows():
    assert generate(model_of(), [], sampling=Sampling()) == []


@pytest.mark.parametrize(("prompt", "words"), [([], "no tokens"), ([280], "vocabulary has 280"), ([-1], "from -1")])
def test_a_prompt_that_cannot_be_read_is_refused(prompt, words):
    with pytest.raises(StorytellerError, match=words):
        generate(model_of(), [[1], prompt], sampling=Sampling())


@pytest.mark.parametrize("opening", ["", "the fox", "Ünseen 🦊🏽 \x00 日本語 \u2028 naïve", " ", "\x1c\t\r\n"])
def test_any_opening_can_be_continued(opening):
    sampling = Sampling(seed=1, max_new_tokens=6)
    told = tell(model_of(), tokenizer(), [opening], sampling=sampling)[0]
    assert told.startswith(opening)
    assert told == opening + "".join(stream_text(model_of(), tokenizer(), opening, sampling=sampling))


def test_an_empty_opening_starts_from_the_end_of_text_token():
    assert encode_prompt(model_of(), tokenizer(), "") == [tokenizer().end_id]


@pytest.mark.parametrize("opening", ["half \ud83e a fox", "a <|endoftext|> inside"])
def test_an_opening_that_is_no_text_is_refused(opening):
    with pytest.raises(StorytellerError):
        tell(model_of(), tokenizer(), [opening], sampling=Sampling())


def test_a_tokenizer_of_another_model_is_refused():
    other = Tokenizer.train(["a b c"], vocab_size=257)
    with pytest.raises(StorytellerError, match="257 tokens and the model 280"):
        tell(model_of(), other, ["a"], sampling=Sampling())


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_streamed_pieces_are_whole_characters_and_make_the_text(text):
    pieces = list(whole_characters(tokenizer(), tokenizer().encode(text, special="escape")))
    assert "".join(pieces) == text
    assert all(pieces)


@given(st.lists(st.integers(0, 279)))
def test_streamed_pieces_of_any_ids_make_the_decoded_text(ids):
    assert "".join(whole_characters(tokenizer(), ids)) == tokenizer().decode(ids, skip_special=True)


def test_a_character_in_three_tokens_appears_once_it_is_complete():
    euro = [tokenizer().encode("€")[i] for i in range(3)]
    assert list(whole_characters(tokenizer(), euro)) == ["€"]
    assert list(whole_characters(tokenizer(), euro[:2])) == ["\N{REPLACEMENT CHARACTER}"]


@settings(max_examples=15, deadline=None)
@given(
    prompts=st.lists(st.lists(st.integers(0, 279), min_size=1, max_size=45), min_size=1, max_size=4),
    seed=st.integers(0, 1000),
)
def test_neither_cache_nor_batch_changes_a_token(prompts, seed):
    sampling = Sampling(seed=seed, max_new_tokens=12)
    together = generate(model_of(), prompts, sampling=sampling)
    assert together == generate(model_of(), prompts, sampling=sampling, use_cache=False)
    last = len(prompts) - 1
    assert [together[last]] == generate(
        model_of(), [prompts[last]], sampling=replace(sampling, seed=row_seed(seed, last))
    )
    assert [together[last]] == generate(model_of(), [prompts[last]], sampling=sampling, first_row=last)


def test_the_first_token_comes_as_often_as_the_model_says():
    sampling = Sampling(seed=0, max_new_tokens=1, temperature=0.8, top_k=4)
    n = 4000
    drawn = torch.tensor(generate(model_of(), [[1, 2]] * n, sampling=sampling)).flatten()
    logits = model_of()(torch.tensor([[1, 2]])).logits[:, -1]
    expected = probabilities(logits, filters_for(sampling))[0]
    counts = torch.bincount(drawn, minlength=280)
    assert counts[expected == 0].sum() == 0
    # Six standard deviations: a false alarm once in 5e8.
    assert ((counts - n * expected).abs() <= 6 * (n * expected * (1 - expected)).sqrt() + 1e-6).all()
