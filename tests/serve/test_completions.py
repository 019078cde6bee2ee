"""OpenAI's completions, asked with the package `openai`, and with httpx what it would not send."""

import json
import math
from importlib.util import find_spec

import pytest
import torch

from story_server import serving, slowly, wait_until_idle
from storyteller.export.html.about import About
from storyteller.inference.generate import encode_prompt, stream, whole_characters
from storyteller.inference.sampling import row_seed
from storyteller.inference.sampling_options import Sampling
from storyteller.runs.load import load_model
from storyteller.serve.stop_strings import StopStrings
from tellers import make_run

httpx = pytest.importorskip("httpx", reason="the extra `test` is not installed")
openai = pytest.importorskip("openai", reason="the package openai is not installed")
pytestmark = pytest.mark.skipif(
    not all(map(find_spec, ("fastapi", "uvicorn", "httpx"))), reason="the extra `serve` is not installed"
)

DEFAULTS = Sampling(temperature=2.0, seed=1, max_new_tokens=30)
PROMPT = "the fox"


@pytest.fixture(scope="module")
def teller(tmp_path_factory):
    return load_model(make_run(tmp_path_factory.mktemp("run")))


@pytest.fixture(scope="module")
def http(teller):
    with serving(teller, about=About(name="fox"), defaults=DEFAULTS) as client:
        yield client


@pytest.fixture(scope="module")
def client(http):
    with openai.OpenAI(base_url=f"{http.base_url}/v1", api_key="none", max_retries=0) as client:
        yield client


def told(teller, prompt: str = PROMPT, **settings) -> str:
    model, tokenizer = teller
    sampling = Sampling(**{"temperature": 2.0, "max_new_tokens": 30} | settings)
    ids = stream(model, encode_prompt(model, tokenizer, prompt), sampling=sampling, stop={tokenizer.end_id})
    return "".join(whole_characters(tokenizer, ids))


def cut_seed(teller) -> int:
    """A seed whose story does not end within 30 tokens."""
    model, tokenizer = teller
    for seed in range(100):
        sampling = Sampling(temperature=2.0, max_new_tokens=30, seed=seed)
        ids = list(stream(model, encode_prompt(model, tokenizer, PROMPT), sampling=sampling, stop={tokenizer.end_id}))
        if tokenizer.end_id not in ids:
            return seed
    raise AssertionError("every story ends early")


def test_a_completion_is_the_library_s(client, teller):
    seed = cut_seed(teller)
    answer = client.completions.create(model="fox", prompt=PROMPT, seed=seed, max_tokens=30, temperature=2.0)
    (choice,) = answer.choices
    assert choice.text == told(teller, seed=seed)
    assert choice.finish_reason == "length"
    assert choice.logprobs is None
    assert (answer.object, answer.model) == ("text_completion", "fox")
    prompt_tokens = 1 + len(teller[1].encode(PROMPT))
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (prompt_tokens, 30)


def test_a_space_behind_the_prompt_is_held_back(client, teller):
    begins_with_space = next(s for s in range(1000) if told(teller, seed=s, max_new_tokens=1).startswith(" "))
    begins_otherwise = next(s for s in range(1000) if told(teller, seed=s, max_new_tokens=1).strip())
    for seed in (begins_with_space, begins_otherwise):
        plain, spaced = (
            client.completions.create(model="fox", prompt=prompt, seed=seed, max_tokens=8, temperature=2.0)
            for prompt in (PROMPT, PROMPT + " ")
        )
        assert plain.choices[0].text.startswith(" ") == (seed == begins_with_space)
        assert spaced.choices[0].text == plain.choices[0].text.removeprefix(" ")
        assert spaced.usage.prompt_tokens == plain.usage.prompt_tokens


@pytest.mark.parametrize("settings", [{"temperature": 0.5, "top_p": 0.8}, {"top_k": 5, "repetition_penalty": 1.3}])
def test_every_setting_is_heeded(client, teller, settings):
    ours = {name: settings[name] for name in settings.keys() - {"temperature", "top_p"}}
    theirs = {name: settings[name] for name in settings.keys() & {"temperature", "top_p"}}
    answer = client.completions.create(model="fox", prompt=PROMPT, seed=3, extra_body=ours, **theirs)
    assert answer.choices[0].text == told(teller, seed=3, **settings)


def test_temperature_0_is_greedy(client, teller):
    answers = [
        client.completions.create(model="fox", prompt=PROMPT, temperature=0, seed=seed).choices[0].text
        for seed in (1, 2)
    ]
    assert answers == [told(teller, greedy=True)] * 2


def test_without_a_seed_answers_differ(client):
    texts = {client.completions.create(model="fox", prompt=PROMPT).choices[0].text for _ in range(4)}
    assert len(texts) > 1


def test_a_stream_gives_the_same_text_in_pieces(client, teller):
    seed = cut_seed(teller)
    asked = {"model": "fox", "prompt": PROMPT, "seed": seed, "stream": True, "stream_options": {"include_usage": True}}
    *chunks, usage = client.completions.create(**asked)
    texts = [chunk.choices[0].text for chunk in chunks]
    assert "".join(texts) == told(teller, seed=seed)
    assert sum(map(bool, texts)) > 5
    assert [chunk.choices[0].finish_reason for chunk in chunks[-2:]] == [None, "length"]
    assert len({chunk.id for chunk in chunks}) == 1
    assert usage.choices == []
    assert usage.usage.completion_tokens == 30


def test_the_events_of_a_stream_end_as_openai_s_do(http):
    asked = {"prompt": PROMPT, "max_tokens": 3, "stream": True}
    with http.stream("POST", "/v1/completions", json=asked) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        events = "".join(answer.iter_text()).split("\n\n")
    assert events[-2:] == ["data: [DONE]", ""]
    assert all(json.loads(event.removeprefix("data: "))["object"] == "text_completion" for event in events[:-2])


def test_n_choices_are_the_rows_of_one_batch(client, teller):
    answer = client.completions.create(model="fox", prompt=PROMPT, seed=5, n=3)
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    assert [choice.text for choice in answer.choices] == [told(teller, seed=row_seed(5, row)) for row in range(3)]


@pytest.mark.parametrize("streamed", [False, True])
def test_a_stop_string_ends_the_text_before_it(client, teller, streamed):
    seed = cut_seed(teller)
    whole = told(teller, seed=seed)
    stop = whole[10:14]  # several tokens: the model knows hardly any words
    answer = client.completions.create(model="fox", prompt=PROMPT, seed=seed, stop=[stop, "never"], stream=streamed)
    if streamed:
        choices = [chunk.choices[0] for chunk in answer]
        text, reason = "".join(choice.text for choice in choices), choices[-1].finish_reason
    else:
        text, reason = answer.choices[0].text, answer.choices[0].finish_reason
    assert text == whole[: whole.index(stop)]
    assert reason == "stop"


@pytest.mark.parametrize(
    "pieces",
    [["a", "b", "c"], ["ab", "abc"], ["xaa", "ab", "y"], ["", "ab", "", "c", ""], ["abd", "ab"], ["zzabcab"], []],
)
def test_stop_strings_cut_as_a_search_of_the_whole_text_does(pieces):
    whole = "".join(pieces)
    for stops in (["abc"], ["ab", "abc"], ["b", "c"], ["aab"], ["never"], []):
        places = [whole.index(stop) for stop in stops if stop in whole]
        stream_stops, passed = StopStrings(stops), []
        for number, piece in enumerate(pieces):
            passed += stream_stops.push(piece, number)
            if stream_stops.stopped:
                break
        passed += [] if stream_stops.stopped else stream_stops.rest()
        # The earliest place that was known when a stop string was complete: never later than the first whole one.
        assert "".join(text for text, _ in passed) == (whole[: min(places)] if places else whole), stops
        assert [number for _, number in passed] == sorted(number for _, number in passed)


def test_log_probabilities_are_the_model_s_own(client, teller):
    model, tokenizer = teller
    seed = cut_seed(teller)
    answer = client.completions.create(model="fox", prompt=PROMPT, seed=seed, temperature=0.7, max_tokens=8, logprobs=3)
    logprobs = answer.choices[0].logprobs
    sampling = Sampling(temperature=0.7, seed=seed, max_new_tokens=8)
    prompt = encode_prompt(model, tokenizer, PROMPT)
    new = list(stream(model, prompt, sampling=sampling, stop={tokenizer.end_id}))
    new = [token for token in new if token != tokenizer.end_id]
    with torch.inference_mode():
        wanted = model(torch.tensor([prompt + new])).logits[0, len(prompt) - 1 : -1].log_softmax(-1)  # (T, V)
    of_drawn = [row[token].item() for row, token in zip(wanted, new, strict=True)]
    assert logprobs.token_logprobs == pytest.approx(of_drawn, abs=1e-4)
    for row, top in zip(wanted, logprobs.top_logprobs, strict=True):
        assert sorted(top.values(), reverse=True) == pytest.approx(row.topk(3).values.tolist(), abs=1e-4)
    assert len(logprobs.tokens) == len(logprobs.text_offset) == len(new)
    assert logprobs.text_offset[0] == len(PROMPT)
    assert all(math.isfinite(value) for value in logprobs.token_logprobs)


def test_a_token_within_a_character_is_named_by_its_bytes():
    from storyteller.serve.completions import _name

    assert _name(b" fox") == " fox"
    assert _name("é".encode()[:1]) == "bytes:\\xc3"


def test_the_models_are_the_one(client):
    assert [model.id for model in client.models.list()] == ["fox"]
    assert client.models.retrieve("fox").owned_by == "storyteller"
    with pytest.raises(openai.NotFoundError, match="this server has 'fox'"):
        client.models.retrieve("gpt")


@pytest.mark.parametrize(
    ("asked", "param", "words"),
    [
        ({"temperature": 9}, "temperature", "at most 5"),
        ({"temperature": "hot"}, "temperature", "must be a number"),
        ({"max_tokens": 0}, "max_tokens", "1 to 1,000"),
        ({"max_tokens": 5000}, "max_tokens", "1 to 1,000"),
        ({"top_p": 2}, "top_p", "at most 1"),
        ({"n": 0}, "n", "1 to 8"),
        ({"n": True}, "n", "whole number"),
        ({"logprobs": 6}, "logprobs", "0 to 5"),
        ({"stop": ["a", "b", "c", "d", "e"]}, "stop", "at most 4"),
        ({"stop": [""]}, "stop", "not empty"),
        ({"seed": -1}, "seed", "0 or more"),
        ({"echo": True}, "echo", "not supported"),
        ({"suffix": "end"}, "suffix", "not supported"),
        ({"best_of": 2}, "best_of", "not supported"),
        ({"presence_penalty": 0.5}, "presence_penalty", "not supported"),
        ({"logit_bias": {"5": 1}}, "logit_bias", "not supported"),
        ({"prompt": ["one", "two"]}, "prompt", "one text"),
        ({"prompt": [1, 2]}, "prompt", "one text"),
        ({"prompt": "x" * 3000}, "prompt", "3,000 characters"),
        ({"prompt": "<|endoftext|>"}, "prompt", "special token"),
        ({"wishes": 3}, "wishes", "no parameter 'wishes'"),
    ],
    ids=lambda value: str(value)[:30] if isinstance(value, dict) else "",
)
def test_what_is_out_of_bounds_is_refused_in_openai_s_form(http, asked, param, words):
    answer = http.post("/v1/completions", json=asked)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert words in error["message"]
    assert (error["type"], error["param"]) == ("invalid_request_error", param)


def test_the_package_reads_a_refusal(client):
    with pytest.raises(openai.BadRequestError) as refused:
        client.completions.create(model="fox", prompt=PROMPT, max_tokens=5000)
    assert refused.value.param == "max_tokens"
    with pytest.raises(openai.NotFoundError) as refused:
        client.completions.create(model="gpt", prompt=PROMPT)
    assert refused.value.code == "model_not_found"
    with pytest.raises(openai.NotFoundError, match="There is no POST /v1/chat/completions"):
        client.chat.completions.create(model="fox", messages=[{"role": "user", "content": "Hi"}])


def test_what_is_no_request_is_refused(http):
    assert http.post("/v1/completions", content=b"{}", headers={"Content-Type": "text/plain"}).status_code == 415
    long = http.post("/v1/completions", content=b" " * 30_000, headers={"Content-Type": "application/json"})
    assert long.status_code == 413
    for body in (b"", b"[]", b"\xff"):
        answer = http.post("/v1/completions", content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == 400
        assert "JSON" in answer.json()["error"]["message"]


def test_null_is_left_out(http):
    asked = {"prompt": None, "stop": None, "n": None, "temperature": None, "suffix": None, "seed": 3}
    answer = http.post("/v1/completions", json=asked)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("streamed", [False, True])
def test_a_client_that_goes_away_ends_its_completion(teller, streamed):
    asked = {"prompt": PROMPT, "max_tokens": 1000, "temperature": 5, "seed": 1, "n": 8, "stream": streamed}
    with slowly(teller[0]) as passes, serving(teller, about=About(name="fox")) as client:
        if streamed:
            with client.stream("POST", "/v1/completions", json=asked) as answer:
                next(answer.iter_lines())
        else:
            with pytest.raises(httpx.ReadTimeout):
                client.post("/v1/completions", json=asked, timeout=1)
        wait_until_idle(passes)
        assert 0 < len(passes) < 1000  # eight stories have more
        assert client.post("/v1/completions", json={"prompt": PROMPT, "max_tokens": 2}).status_code == 200
