"""What is said about each token is what the model, asked again from the start, says."""

import pytest
import torch

from storyteller.errors import StorytellerError
from storyteller.figures.traced_story import token_html
from storyteller.inference.generate import encode_prompt, stream, stream_text
from storyteller.inference.sampling import filters_for, probabilities
from storyteller.inference.sampling_options import Sampling
from storyteller.inference.trace import stream_traced
from storyteller.runs.load import load_model
from tellers import make_run

SAMPLING = Sampling(temperature=0.9, top_k=40, top_p=0.95, typical_p=0.9, max_new_tokens=30, seed=4)
OPENING = "the old fox"


@pytest.fixture(scope="module")
def teller(tmp_path_factory):
    return load_model(make_run(tmp_path_factory.mktemp("run")))


@pytest.fixture(scope="module")
def dense(tmp_path_factory):
    return load_model(make_run(tmp_path_factory.mktemp("dense"), n_experts=0))


def test_tokens_and_text_are_those_of_the_sampler(teller):
    model, tokenizer = teller
    tokens = list(stream_traced(model, tokenizer, OPENING, sampling=SAMPLING))
    prompt = encode_prompt(model, tokenizer, OPENING)
    assert [token.token for token in tokens] == list(stream(model, prompt, sampling=SAMPLING, stop={tokenizer.end_id}))
    text = "".join(stream_text(model, tokenizer, OPENING, sampling=SAMPLING))
    assert "".join(token.text for token in tokens) == text


@pytest.mark.parametrize("spaces", ["", " ", "  "])
def test_a_space_behind_the_opening_is_held_back(teller, spaces):
    model, tokenizer = teller
    (the,) = tokenizer.encode(" the")
    says_the = [lambda logits, seen: logits.index_fill(1, torch.tensor([the]), 1e9)]
    tokens = list(
        stream_traced(model, tokenizer, OPENING + spaces, sampling=Sampling(max_new_tokens=3), filters=says_the)
    )
    pieces = stream_text(model, tokenizer, OPENING + spaces, sampling=Sampling(max_new_tokens=3), filters=says_the)
    wanted = ["the" if spaces else " the", " the", " the"]
    assert [token.text for token in tokens] == list(pieces) == wanted
    assert [token.token for token in tokens] == [the] * 3
    plain, spaced = (
        list(stream_traced(model, tokenizer, opening, sampling=SAMPLING)) for opening in (OPENING, OPENING + spaces)
    )
    assert [token.token for token in spaced] == [token.token for token in plain]
    assert spaced[0].alternatives == plain[0].alternatives


def test_probabilities_alternatives_and_experts_are_the_models_own(teller):
    model, tokenizer = teller
    ids = encode_prompt(model, tokenizer, OPENING)
    for token in stream_traced(model, tokenizer, OPENING, sampling=SAMPLING):
        with torch.no_grad():
            output = model(torch.tensor([ids]))
        logits = output.logits[:, -1]
        probs = logits.softmax(-1)[0]
        assert token.probability == pytest.approx(probs[token.token].item(), rel=1e-4)
        drawn = probabilities(logits, filters_for(SAMPLING))[0]
        assert token.sampling_probability == pytest.approx(drawn[token.token].item(), rel=1e-3)
        assert token.sampling_probability > 0
        best = probs.sort(descending=True)
        assert [share for _, share in token.alternatives] == pytest.approx(best.values[:5].tolist(), rel=1e-4)
        assert token.alternatives[0][0] == tokenizer.token_bytes(int(best.indices[0]))
        assert token.experts == tuple(tuple(layer.expert_ids[-1].tolist()) for layer in output.routing)
        assert [len(layer) for layer in token.experts] == [2, 2]
        ids.append(token.token)


def test_a_dense_model_has_no_experts(dense):
    model, tokenizer = dense
    tokens = list(stream_traced(model, tokenizer, OPENING, sampling=SAMPLING))
    assert {token.experts for token in tokens} == {()}
    assert "experts" not in token_html(tokens[0])


def test_greedy_takes_the_first_alternative_with_certainty(teller):
    model, tokenizer = teller
    for token in stream_traced(model, tokenizer, OPENING, sampling=Sampling(greedy=True, max_new_tokens=10)):
        assert token.sampling_probability == 1
        assert token.probability == token.alternatives[0][1]


def test_the_model_is_left_as_it_was_also_when_the_story_is_left_early(teller):
    model, tokenizer = teller
    tokens = stream_traced(model, tokenizer, OPENING, sampling=SAMPLING)
    next(tokens)
    assert len(model._forward_hooks) == 1
    tokens.close()
    assert len(model._forward_hooks) == 0


def test_a_bad_opening_is_refused_before_the_first_token(teller):
    model, tokenizer = teller
    with pytest.raises(StorytellerError, match="special token"):
        stream_traced(model, tokenizer, "<|endoftext|>", sampling=SAMPLING)
