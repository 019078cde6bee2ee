"""The model in the page: what its JavaScript computes is what the library computes with the same weights."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

pytest.importorskip("playwright.sync_api", reason="the extra `browser` is not installed")

from jupyter_page import chromium
from story_page import browser, browsing

from exported import CONFIG, FORMS, TEXT, make_run
from storyteller.export import export_run
from storyteller.export.html.int8 import rounded
from storyteller.inference.generate import encode_prompt, stream, whole_story
from storyteller.inference.sampling import filters_for, probabilities
from storyteller.inference.sampling_options import STORY_SAMPLING, Sampling
from storyteller.inference.trace import stream_traced
from storyteller.runs.load import load_model
from storyteller.runs.openings import find_openings

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(chromium() is None, reason="there is no Chromium on this machine"),
]

KINDS = FORMS | {
    "sigmoid router": replace(CONFIG, router="sigmoid"),
    "learned positions": replace(CONFIG, positions="learned"),
    "one expert a token": replace(CONFIG, top_k=1),
    "all experts": replace(CONFIG, top_k=4),
    "three layers, another base": replace(CONFIG, n_layers=3, rope_base=500.0, norm_eps=1e-3, n_kv_heads=1),
    "odd widths": replace(CONFIG, d_model=60, n_heads=6, n_kv_heads=3, d_ff=37),
    "capacity in training": replace(CONFIG, capacity_factor=1.0),
}
OPENINGS = [
    "",
    "Once upon a time",
    "Once upon a time ",  # the space is held back for the next token
    "   ",
    "the owl’s café, 日本語 🦊 …",
    " two  spaces\n\nand 123",
    TEXT * 2,
]
# Runs in the page: all lines of a story.
TELL = """async (request) => {
    const lines = [];
    for await (const line of tokensOf(request, new AbortController().signal)) lines.push(line);
    return lines;
}"""
NASTY = [
    "", " ", "  \n\t x", "it's we'll I'D 'sun", "a\u00a0b\u0085c\u2028d\ufeffe\u200bf", "½ ² ٣ Ⅷ 12三",
    "e\u0301 한국어 عربي",
    "🦊👩‍👩‍👧 \U0001f9ff", "...?!—“”", "\x00\x1c\x1f\x7f", "word" * 40, "ſtop K Å", "\r\n\r\n end \n",
]  # fmt: skip


@pytest.fixture(scope="module")
def chrome():
    with browser() as chrome:
        yield chrome


@pytest.fixture(scope="module")
def browse(chrome, tmp_path_factory):
    """A function that opens the page of a kind of model; it gives the page, and the library's model and tokenizer."""
    complaints: list[str] = []
    folder = tmp_path_factory.mktemp("kinds")
    blank = folder / "blank.html"
    blank.write_text("<title>blank</title>", encoding="utf-8")
    with browsing(chrome, blank.as_uri(), complaints) as page:

        def go(kind: str):
            run = make_run(folder / kind, KINDS[kind]) if not (folder / kind).exists() else folder / kind
            export_run(run, folder / f"{kind}.html", format="html")
            page.goto((folder / f"{kind}.html").as_uri())
            model, tokenizer = load_model(run)
            model.load_state_dict(rounded(model.state_dict()))
            return page, model, tokenizer

        yield go
    assert complaints == []


def request(opening: str, sampling: Sampling) -> dict:
    fields = {name: getattr(sampling, name) for name in Sampling.__dataclass_fields__}
    return fields | {"opening": opening, "length": fields.pop("max_new_tokens")}


@pytest.mark.parametrize("kind", KINDS)
def test_greedy_tokens_are_the_library_s_beyond_the_context_too(browse, kind):
    page, model, tokenizer = browse(kind)
    sampling = Sampling(greedy=True, max_new_tokens=100)  # the context has 64
    for opening in OPENINGS:
        wanted = list(
            stream(model, encode_prompt(model, tokenizer, opening), sampling=sampling, stop={tokenizer.end_id})
        )
        *lines, done = page.evaluate(TELL, request(opening, sampling))
        assert [line["token"] for line in lines] == wanted, opening
        assert done["tokens"] == len(wanted)
        told = opening + "".join(line["text"] for line in lines)
        assert told == whole_story(tokenizer, opening, wanted)


@pytest.mark.parametrize("kind", ["moe-2 kv heads-tied", "sigmoid router", "dense-4 kv heads-untied"])
def test_probabilities_and_experts_are_the_library_s(browse, kind):
    page, model, tokenizer = browse(kind)
    sampling = Sampling(greedy=True, max_new_tokens=40)
    traced = list(stream_traced(model, tokenizer, "Once upon a time", sampling=sampling))
    *lines, _ = page.evaluate(TELL, request("Once upon a time", sampling))
    for ours, theirs in zip(traced, lines, strict=True):
        assert theirs["probability"] == pytest.approx(ours.probability, rel=1e-3, abs=1e-6)
        assert theirs["experts"] == [list(layer) for layer in ours.experts]
        assert theirs["text"] == ours.text
        assert theirs["is_end"] == ours.is_end
        assert theirs["sampling_probability"] == 1
        found = [probability for _, probability in theirs["alternatives"]]
        assert found == pytest.approx([probability for _, probability in ours.alternatives], rel=1e-3, abs=1e-6)
        assert bytes(theirs["alternatives"][0][0]) == ours.alternatives[0][0]


def test_ids_are_those_of_the_tokenizer(browse):
    page, _, tokenizer = browse("moe-2 kv heads-tied")
    texts = [*NASTY, TEXT, *OPENINGS]
    found = page.evaluate("(texts) => texts.map((text) => loadModel().tokenizer.encode(text))", texts)
    assert found == tokenizer.encode_batch(texts)


@pytest.mark.parametrize("text", ["a <|endoftext|> b", "half \ud83e"])
def test_a_text_that_the_library_refuses_is_refused(browse, text):
    page, _, _ = browse("moe-2 kv heads-tied")
    said = page.evaluate(
        "(text) => { try { return loadModel().tokenizer.encode(JSON.parse(text)); } catch (e) { return e.message; } }",
        json.dumps(text),
    )
    assert "take it out" in said


SETTINGS = [
    {},
    {"temperature": 0.4},
    {"top_k": 1},
    {"top_k": 7, "temperature": 1.7},
    {"top_p": 0.6},
    {"min_p": 0.05},
    {"typical_p": 0.3},
    {"typical_p": 0.9, "top_k": 20},
    {"repetition_penalty": 1.5},
    {"repetition_penalty": 0.7, "temperature": 0.8, "top_k": 40, "top_p": 0.9, "min_p": 0.01, "typical_p": 0.95},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_filters_are_the_library_s(browse, settings):
    page, _, _ = browse("moe-2 kv heads-tied")
    sampling = Sampling(**settings)
    logits = 3 * torch.randn(6, 50, generator=torch.Generator().manual_seed(4))
    if sampling.top_p is None:  # PyTorch does not say which of equal tokens top-p keeps
        logits[1, 10:20] = logits[1].max()
    seen = torch.zeros_like(logits, dtype=torch.bool)
    seen[:, 5:15] = True
    found = page.evaluate(
        """([rows, settings, seen]) => rows.map((row) => {
            const logits = Float32Array.from(row);
            applyFilters(logits, settings, seen);
            return Array.from(softmax(Float64Array.from(logits)));
        })""",
        [logits.tolist(), request("", sampling), list(range(5, 15))],
    )
    wanted = probabilities(logits, filters_for(sampling), seen=seen)
    torch.testing.assert_close(torch.tensor(found), wanted, rtol=1e-4, atol=1e-6)


def mulberry32(seed: int, count: int) -> list[float]:
    """The generator as its author writes it, in Python's numbers."""
    draws, counter, mask = [], seed, 0xFFFFFFFF
    for _ in range(count):
        counter = (counter + 0x6D2B79F5) & mask
        bits = (counter ^ counter >> 15) * (counter | 1) & mask
        bits ^= (bits + ((bits ^ bits >> 7) * (bits | 61) & mask)) & mask
        draws.append((bits ^ bits >> 14) / 2**32)
    return draws


@pytest.mark.parametrize("seed", [0, 1, 7, 2**31])
def test_draws_are_those_of_the_named_generator(browse, seed):
    page, _, _ = browse("moe-2 kv heads-tied")
    draw = "(seed) => { const draw = uniformDraws(seed); return Array.from({ length: 2000 }, draw); }"
    found = page.evaluate(draw, seed)
    assert found == mulberry32(seed, 2000)
    assert abs(sum(found) / 2000 - 0.5) < 0.04  # six standard deviations


def test_a_token_is_drawn_as_often_as_its_probability_says(browse):
    page, _, _ = browse("moe-2 kv heads-tied")
    probs, n = [0.0, 0.5, 0.0, 0.3, 0.2, 0.0], 20_000
    counts = page.evaluate(
        """([probs, n]) => {
            const draw = uniformDraws(3), counts = probs.map(() => 0);
            for (let i = 0; i < n; i++) counts[drawToken(Float64Array.from(probs), draw())]++;
            return counts;
        }""",
        [probs, n],
    )
    for count, prob in zip(counts, probs, strict=True):
        assert abs(count - n * prob) <= 6 * (n * prob * (1 - prob)) ** 0.5


def test_a_seed_decides_the_story(browse):
    page, _, _ = browse("moe-2 kv heads-tied")
    told = {}
    for seed in (1, 2, 1):
        sampling = replace(STORY_SAMPLING, temperature=1.5, max_new_tokens=30, seed=seed)
        lines = page.evaluate(TELL, request("Once", sampling))
        text = "".join(line.get("text", "") for line in lines)
        assert told.setdefault(seed, text) == text
    assert told[1] != told[2]


def test_the_page_cannot_ask_for_anything(chrome, tmp_path):
    export_run(make_run(tmp_path / "run"), tmp_path / "page.html", format="html")
    complaints: list[str] = []
    with browsing(chrome, (tmp_path / "page.html").as_uri(), complaints) as page:
        trying = "fetch('http://127.0.0.1:9/').then(() => 'asked', (error) => error.message)"
        assert page.evaluate(trying) != "asked"
    assert complaints
    assert all("Content Security Policy" in text for text in complaints)  # and nobody saw a request


def test_the_file_is_as_small_as_its_weights_allow(tmp_path):
    run = make_run(tmp_path / "run", replace(CONFIG, d_model=128, d_ff=128))
    export_run(run, tmp_path / "page.html", format="html")
    weights = sum(parameter.numel() for parameter in load_model(run)[0].parameters())
    assert Path(tmp_path / "page.html").stat().st_size < 1.4 * weights + 70_000


def test_a_line_says_where_the_model_does_not_know_the_opening(chrome, tmp_path):
    run = make_run(tmp_path / "run")
    known = find_openings([TEXT, "One day, an <b>owl</b> came by."])
    known.save(run)
    export_run(run, tmp_path / "page.html", format="html")
    openings = ["", "Once", "Once upon a", "Once upon a ", "Once upon a time, an owl", "One  day,\nan owl", "one day"]
    openings += ["Once upon an", "One day, an <b>owl</b>", "asdf", "One day, another owl"]
    with browsing(chrome, (tmp_path / "page.html").as_uri(), []) as page:
        found = page.evaluate("(openings) => openings.map(knows)", openings)
        assert found == [known.knows(opening) for opening in openings]
        assert set(found) == {True, False}
        page.evaluate("() => { document.getElementById('length').value = 5; }")
        for opening in ("asdf", "Once upon a time"):
            page.evaluate("() => status('')")
            page.locator("#opening").fill(opening)
            page.locator("#tell").click()
            page.wait_for_function("() => document.getElementById('status').textContent.includes(' tokens, ')")
            assert page.locator("#note").is_visible() is (opening == "asdf")
            assert page.locator("#note").text_content() == known.note(opening)
