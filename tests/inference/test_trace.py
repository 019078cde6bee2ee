"""What is said about each token is what the model, asked again from the start, says."""

from html.parser import HTMLParser

import pytest
import torch

from storyteller.errors import StorytellerError
from storyteller.figures.traced_story import STYLE, still_html, story_html, token_html
from storyteller.inference.generate import encode_prompt, stream, stream_text
from storyteller.inference.sampling import filters_for, probabilities
from storyteller.inference.sampling_options import Sampling
from storyteller.inference.trace import TokenTrace, stream_traced
from storyteller.training.checkpoint import load_model
from tellers import make_run

SAMPLING = Sampling(temperature=0.9, top_k=40, top_p=0.95, max_new_tokens=30, seed=4)
OPENING = "the old fox"


@pytest.fixture(scope="module")
def teller(tmp_path_factory):
    return load_model(make_run(tmp_path_factory.mktemp("run")))


@pytest.fixture(scope="module")
def dense(tmp_path_factory):
    return load_model(make_run(tmp_path_factory.mktemp("dense"), n_experts=0))


def test_tokens_and_text_are_those_of_the_sampler(teller):
    model, tokenizer = teller
    told = list(stream_traced(model, tokenizer, OPENING, sampling=SAMPLING))
    prompt = encode_prompt(model, tokenizer, OPENING)
    assert [one.token for one in told] == list(stream(model, prompt, sampling=SAMPLING, stop={tokenizer.end_id}))
    text = "".join(stream_text(model, tokenizer, OPENING, sampling=SAMPLING))
    assert "".join(one.text for one in told) == text


def test_probabilities_alternatives_and_experts_are_the_models_own(teller):
    model, tokenizer = teller
    ids = encode_prompt(model, tokenizer, OPENING)
    for told in stream_traced(model, tokenizer, OPENING, sampling=SAMPLING):
        with torch.no_grad():
            output = model(torch.tensor([ids]))
        logits = output.logits[:, -1]
        probs = logits.softmax(-1)[0]
        assert told.probability == pytest.approx(probs[told.token].item(), rel=1e-4)
        drawn = probabilities(logits, filters_for(SAMPLING))[0]
        assert told.sampling_probability == pytest.approx(drawn[told.token].item(), rel=1e-3)
        assert told.sampling_probability > 0
        best = probs.sort(descending=True)
        assert [share for _, share in told.alternatives] == pytest.approx(best.values[:5].tolist(), rel=1e-4)
        assert told.alternatives[0][0] == tokenizer.token_bytes(int(best.indices[0]))
        assert told.experts == tuple(tuple(layer.expert_ids[-1].tolist()) for layer in output.routing)
        assert [len(layer) for layer in told.experts] == [2, 2]
        ids.append(told.token)


def test_a_dense_model_has_no_experts(dense):
    model, tokenizer = dense
    told = list(stream_traced(model, tokenizer, OPENING, sampling=SAMPLING))
    assert {one.experts for one in told} == {()}
    assert "experts" not in token_html(told[0])


def test_greedy_takes_the_first_alternative_with_certainty(teller):
    model, tokenizer = teller
    for told in stream_traced(model, tokenizer, OPENING, sampling=Sampling(greedy=True, max_new_tokens=10)):
        assert told.sampling_probability == 1
        assert told.probability == told.alternatives[0][1]


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


def told(text: str, **changes) -> TokenTrace:
    values = {"token": 5, "text": text, "is_end": False, "probability": 0.5, "sampling_probability": 0.7}
    values |= {"alternatives": ((b"<i>", 0.5), (b"\xf0\x9f", 0.25)), "experts": ((3, 1), (0, 2))}
    return TokenTrace(**(values | changes))


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)

    def handle_data(self, data):
        self.text += data


@pytest.mark.parametrize("draw", [story_html, still_html])
def test_nothing_a_model_writes_becomes_html(draw):
    found = Tags(draw([told("<script>alert(1)</script>&amp;")], opening="<img src=x onerror=alert(1)>"))
    assert set(found.tags) <= {"style", "div", "span", "b", "code"}
    assert "<script>alert(1)</script>&amp;" in found.text
    assert "<img src=x onerror=alert(1)>" in found.text


def test_a_card_names_probability_alternatives_and_experts():
    card = Tags(token_html(told(" fox"))).text
    for part in (" fox", "␣fox", "50 %", "70 %", "<i>", "‹F0 9F›", "25 %", "layer 0: 3, 1 · layer 1: 0, 2"):
        assert part in card


def test_without_a_style_sheet_the_card_is_a_title():
    still = still_html([told(' "fox"'), told("", is_end=True)], opening="The")
    assert "class=" not in still
    assert 'title="␣&quot;fox&quot; had 50 %; drawn with 70 %; likeliest: &lt;i&gt; 50 %' in still
    assert Tags(still).text == 'The "fox"∎'


def test_the_rarer_the_stronger_the_ground():
    shades = [token_html(told("a", probability=share)).split('"')[1] for share in (0.0, 0.05, 0.55, 0.999, 1.0)]
    assert shades == ["token p0", "token p0", "token p5", "token p9", "token p9"]
    strength = [float(line.split(", ")[-1].split(")")[0]) for line in STYLE.splitlines() if "rgba(224" in line]
    assert strength == sorted(strength, reverse=True)
    assert strength[-1] == 0


def test_a_token_within_a_character_is_not_shown_and_the_end_is():
    assert token_html(told("")) == ""
    assert "∎" in token_html(told("", is_end=True))
