"""The page's server, as a real one on this machine, asked with httpx."""

import asyncio
import json
from importlib.util import find_spec

import pytest

from ports import free_port
from story_server import serving, slowly, wait_until_idle
from storyteller.cli.serve import serve
from storyteller.errors import StorytellerError
from storyteller.export.html.about import About
from storyteller.inference.generate import encode_prompt, stream, stream_text
from storyteller.inference.sampling_options import STORY_SAMPLING, Sampling
from storyteller.runs.load import load_model
from storyteller.runs.openings import KnownOpenings
from storyteller.serve.app import FILES
from storyteller.serve.request import MAX_OPENING_CHARS, MAX_STORY_TOKENS, read_request
from storyteller.serve.story_service import StoryQueue
from tellers import make_run

pytestmark = pytest.mark.skipif(
    not all(map(find_spec, ("fastapi", "uvicorn", "httpx"))), reason="the extra `serve` is not installed"
)


@pytest.fixture(scope="module")
def teller(tmp_path_factory):
    return load_model(make_run(tmp_path_factory.mktemp("run")))


@pytest.fixture(scope="module")
def long(teller) -> dict:
    """A wish for a story that does not end before 300 tokens."""
    model, tokenizer = teller
    prompt = encode_prompt(model, tokenizer, "")
    for seed in range(100):
        sampling = Sampling(temperature=2, seed=seed, max_new_tokens=300)
        if tokenizer.end_id not in stream(model, prompt, sampling=sampling, stop={tokenizer.end_id}):
            return {"temperature": 2, "seed": seed, "length": 1000}
    raise AssertionError("every story ends early")


OPENINGS = KnownOpenings(commonest=('the "fox"', "an owl"), first_words=frozenset({'the "fox" sat', "an owl </p>"}))


@pytest.fixture(scope="module")
def client(teller):
    about = About(name="A <small> model", facts={"stories": "1 & only"}, openings=OPENINGS)
    with serving(teller, about=about) as client:
        yield client


def lines_of(answer) -> list[dict]:
    return [json.loads(line) for line in answer.iter_lines()]


def test_the_streamed_story_is_that_of_the_library(client, teller):
    asked = {"opening": "the fox", "temperature": 0.7, "top_k": 50, "top_p": 0.9, "seed": 3, "length": 40}
    with client.stream("POST", "/tell", json=asked) as answer:
        assert answer.status_code == 200
        *tokens, done = lines_of(answer)
    sampling = Sampling(temperature=0.7, top_k=50, top_p=0.9, seed=3, max_new_tokens=40)
    told = "".join(stream_text(*teller, "the fox", sampling=sampling))
    assert "".join(line["text"] for line in tokens) == told
    with client.stream("POST", "/tell", json=asked | {"opening": "the fox "}) as answer:
        *tokens, _ = lines_of(answer)
    assert "".join(line["text"] for line in tokens) == told.removeprefix(" ")  # the space stands there once
    assert done["done"]
    assert done["tokens"] == len(tokens)
    assert all(len(layer) == 2 for line in tokens for layer in line["experts"])
    assert all(line["alternatives"][0][1] >= line["alternatives"][1][1] > 0 for line in tokens)


def test_greedy_is_that_of_the_library_whatever_the_seed(client, teller):
    sampling = Sampling(greedy=True, max_new_tokens=12)
    wanted = "".join(stream_text(*teller, "the fox", sampling=sampling))
    for seed in (1, 2):
        asked = {"opening": "the fox", "greedy": True, "seed": seed, "length": 12}
        with client.stream("POST", "/tell", json=asked) as answer:
            *tokens, _ = lines_of(answer)
        assert "".join(line["text"] for line in tokens) == wanted
        assert all(line["sampling_probability"] == 1 for line in tokens)


def test_tokens_come_before_the_story_is_complete(teller, long):
    with slowly(teller[0]) as passes, serving(teller) as client, client.stream("POST", "/tell", json=long) as answer:
        assert "text" in json.loads(next(answer.iter_lines()))
        assert len(passes) < 100


def test_a_browser_that_goes_away_ends_its_story(teller, long):
    with slowly(teller[0]) as passes, serving(teller) as client:
        with client.stream("POST", "/tell", json=long) as answer:
            next(answer.iter_lines())
        wait_until_idle(passes)
        assert len(passes) < 250
        with client.stream("POST", "/tell", json={"length": 3}) as answer:  # and the model is free again
            assert lines_of(answer)[-1]["done"]
        assert len(teller[0]._forward_hooks) == 0


def test_one_story_at_a_time_a_short_queue_and_then_come_again(teller, long):
    with (
        slowly(teller[0]),
        serving(teller, max_waiting=1) as client,
        client.stream("POST", "/tell", json=long) as first,
    ):
        telling = first.iter_lines()  # kept: a reader that is dropped hangs up
        next(telling)
        with client.stream("POST", "/tell", json={"length": 5}) as second:
            waiting = second.iter_lines()
            assert json.loads(next(waiting)) == {"waiting": 1}
            third = client.post("/tell", json={"length": 5})
            assert third.status_code == 503
            assert "try again" in third.json()["error"]
            first.close()  # the first is not wanted any more: now it is the second's turn
            assert json.loads(list(waiting)[-1])["done"]


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"temperature": 0}, "temperature is 0; it must be above 0"),
        ({"temperature": 0}, "For the likeliest token at every step use greedy."),
        ({"greedy": 1}, "greedy must be true or false"),
        ({"temperature": 99}, "temperature is 99; it must be above 0 and at most 5"),
        ({"temperature": "hot"}, "temperature must be a number"),
        ({"temperature": True}, "temperature must be a number"),
        ({"top_k": 0}, "top_k is 0"),
        ({"top_k": 2.5}, "top_k must be a whole number or null"),
        ({"top_p": 1.5}, "top_p is 1.5"),
        ({"min_p": 1}, "min_p is 1"),
        ({"typical_p": 0}, "typical_p is 0"),
        ({"typical_p": "all"}, "typical_p must be a number or null"),
        ({"repetition_penalty": None}, "repetition_penalty must be a number"),
        ({"repetition_penalty": 0}, "repetition_penalty is 0"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": 2**70}, "seed is too large"),
        ({"length": 0}, "length is 0"),
        ({"length": MAX_STORY_TOKENS + 1}, "length is 1001"),
        ({"opening": "x" * (MAX_OPENING_CHARS + 1)}, "2,001 characters"),
        ({"opening": 5}, "opening must be text"),
        ({"opening": "<|endoftext|>"}, "special token"),
        ({"opening": "half \ud83e"}, "lone surrogate"),
        ({"wishes": 3}, "no setting 'wishes'"),
    ],
    ids=lambda value: str(value)[:30] if isinstance(value, dict) else "",
)
def test_what_is_out_of_bounds_is_refused_in_one_sentence(client, asked, words):
    answer = client.post("/tell", content=json.dumps(asked), headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert words in answer.json()["error"]


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"[" * 20_000, b"\xff", b'"text"'])
def test_what_is_no_request_is_refused(client, body):
    answer = client.post("/tell", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert "JSON" in answer.json()["error"]


def test_a_number_that_json_does_not_have_is_refused():
    with pytest.raises(StorytellerError, match="temperature"):
        read_request(b'{"temperature": NaN}', defaults=STORY_SAMPLING)


def test_a_request_without_end_is_cut_off(client):
    def endless():
        for _ in range(10_000):
            yield b" " * 1_000

    import httpx

    try:
        answer = client.post("/tell", content=endless(), headers={"Content-Type": "application/json"})
        assert answer.status_code == 413
    except httpx.WriteError:
        pass  # the server hung up while we were still sending


def test_pages_of_other_sites_get_nothing(client):
    form = client.post("/tell", content='{"length": 1}', headers={"Content-Type": "text/plain"})
    assert form.status_code == 415
    rebound = client.get("/", headers={"Host": "evil.example"})
    assert rebound.status_code == 400


def test_the_command_gives_the_server_its_own_names_on_ipv6_too(teller, monkeypatch, tmp_path):
    import uvicorn
    from fastapi.testclient import TestClient

    answers = {}

    def ask(app, *, host, port, **options):
        client = TestClient(app)
        for name in (f"[{host}]:{port}" if ":" in host else f"{host}:{port}", f"localhost:{port}", "evil.example"):
            answers[host, name.split(":" + str(port))[0]] = client.get("/", headers={"Host": name}).status_code

    monkeypatch.setattr(uvicorn, "run", ask)
    monkeypatch.setattr("storyteller.cli.serve.refuse_taken_port", lambda host, port: None)
    run = make_run(tmp_path / "run")
    for host in ("::1", "127.0.0.1", "0.0.0.0"):
        serve(run, host=host, port=8765, device="cpu")
    assert answers == {
        ("::1", "[::1]"): 200,
        ("::1", "localhost"): 200,
        ("::1", "evil.example"): 400,
        ("127.0.0.1", "127.0.0.1"): 200,
        ("127.0.0.1", "localhost"): 200,
        ("127.0.0.1", "evil.example"): 400,
        ("0.0.0.0", "0.0.0.0"): 200,
        ("0.0.0.0", "localhost"): 200,
        ("0.0.0.0", "evil.example"): 200,
    }


def test_the_page_brings_everything_itself(client):
    texts = {path: client.get(path) for path in ("/", *FILES)}
    for answer in texts.values():
        assert answer.status_code == 200
        assert "http://" not in answer.text
        assert "https://" not in answer.text
        assert "default-src 'none'" in answer.headers["content-security-policy"]
    page = texts["/"].text
    assert "A &lt;small&gt; model" in page
    assert "<dd>1 &amp; only</dd>" in page
    assert 'data-opening="the &quot;fox&quot;"' in page
    assert "style=" not in page
    assert "{{" not in page
    for path in FILES:
        assert f'"{path}"' in page
    for path in ("/docs", "/openapi.json", "/redoc"):
        assert client.get(path).status_code == 404


def test_whoever_leaves_the_queue_makes_room():
    async def go() -> None:
        queue = StoryQueue(max_waiting=1)
        async with queue.turn():
            assert not queue.full

            async def wait() -> None:
                async with queue.turn():
                    pass

            waiting = asyncio.create_task(wait())
            await asyncio.sleep(0)
            assert queue.full
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            assert not queue.full
        assert queue.size == 0

    asyncio.run(go())


def test_without_a_trained_run_the_way_to_one_is_named(tmp_path):
    from storyteller.cli.serve import serve

    with pytest.raises(StorytellerError, match="storyteller story"):
        serve(tmp_path / "nowhere", port=free_port())
