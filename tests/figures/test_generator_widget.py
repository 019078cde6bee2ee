"""The story generator of the notebook, without a browser: what its form asks for, and what it shows."""

import threading

import pytest

from storyteller.figures import generator as public
from storyteller.figures.generator_widget import GeneratorForm
from storyteller.figures.traced_story import still_html, story_html
from storyteller.inference.sampling_options import Sampling
from storyteller.inference.trace import stream_traced
from storyteller.runs.load import load_model
from storyteller.runs.openings import find_openings
from tellers import make_run

pytest.importorskip("ipywidgets", reason="the extra `lessons` is not installed")

SAMPLING = Sampling(temperature=2, max_new_tokens=20, seed=3)


@pytest.fixture(scope="module")
def teller(tmp_path_factory):
    return load_model(make_run(tmp_path_factory.mktemp("run")))


@pytest.fixture
def form(teller):
    return GeneratorForm(*teller, "the fox", SAMPLING, "still")


def test_without_a_kernel_the_first_story_is_a_still_picture(teller, monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda bundle, raw: shown.append(bundle))
    public(*teller, opening="the fox", sampling=SAMPLING)
    (bundle,) = shown
    assert set(bundle) == {"text/html", "text/plain"}
    told = list(stream_traced(*teller, "the fox", sampling=SAMPLING))
    assert bundle["text/html"] == still_html(told, opening="the fox")
    assert bundle["text/plain"] == "the fox" + "".join(one.text for one in told)


def test_a_line_says_where_the_model_does_not_know_the_opening(teller, monkeypatch):
    known = find_openings(["the fox and an owl sat"])
    form = GeneratorForm(*teller, "the fox", SAMPLING, "still", known=known)
    assert form.note.value == ""
    for opening, shown in (("a dragon", True), ("the fox", False)):
        form.opening.value = opening
        form.tell.click()
        form.thread.join(60)
        assert ("stories that begin like &quot;the fox and an&quot;" in form.note.value) is shown
    bundles = []
    monkeypatch.setattr("IPython.display.display", lambda bundle, raw: bundles.append(bundle))
    public(*teller, opening="a dragon", sampling=SAMPLING, known=known)
    assert bundles[0]["text/plain"].startswith(known.warning + "\na dragon")
    assert bundles[0]["text/html"].startswith("<p><i>This model has read")


def test_the_form_starts_with_the_settings_it_is_given(form):
    assert form.sampling() == Sampling(temperature=2, max_new_tokens=20, seed=3)


def test_the_button_tells_what_the_form_asks_for(form, teller):
    form.opening.value = "an owl"
    for name, value in {"top_k": 9, "seed": 5, "length": 8}.items():
        form.fields[name].value = value
    form.tell.click()
    form.thread.join(60)
    asked = Sampling(temperature=2, top_k=9, top_p=1.0, seed=5, max_new_tokens=8)
    assert form.story.value == story_html(stream_traced(*teller, "an owl", sampling=asked), opening="an owl")
    assert not form.tell.disabled
    assert form.stop.disabled


def test_greedy_greys_out_what_says_how_to_draw(form, teller):
    drawing = (form.fields["temperature"], form.fields["top_k"], form.fields["top_p"], form.fields["seed"])
    form.fields["greedy"].value, form.fields["length"].value = True, 8
    assert all(field.disabled for field in drawing)
    form.tell.click()
    form.thread.join(60)
    asked = Sampling(greedy=True, max_new_tokens=8)
    assert form.story.value == story_html(stream_traced(*teller, "the fox", sampling=asked), opening="the fox")
    form.fields["greedy"].value = False
    assert not any(field.disabled for field in drawing)


def test_every_setting_stays_as_it_was_given(teller):
    given = Sampling(greedy=True, min_p=0.1, repetition_penalty=1.2, top_p=0.5, typical_p=0.9, max_new_tokens=20)
    form = GeneratorForm(*teller, "the fox", given, "still")
    assert form.sampling() == given
    assert form.fields["temperature"].disabled


def test_stop_ends_the_story_where_it_is(form, teller):
    model, _ = teller
    form.fields["length"].value, reached, go_on = 600, threading.Event(), threading.Event()
    passes = []

    def wait(*_) -> None:
        passes.append(1)
        reached.set()
        go_on.wait(60)

    hook = model.register_forward_pre_hook(wait)
    try:
        form.tell.click()
        assert reached.wait(60)
        form.tell.click()  # nothing: one is being told
        form.stop.click()
        go_on.set()
        form.thread.join(60)
    finally:
        hook.remove()
    assert len(passes) == 1
    assert form.story.value.count("class='token") + form.story.value.count('class="token') <= 1


def test_a_bad_opening_is_answered_in_the_form(form):
    form.opening.value = "<|endoftext|>"
    form.tell.click()
    assert "special token" in form.story.value
    assert "&lt;|endoftext|&gt;" in form.story.value
