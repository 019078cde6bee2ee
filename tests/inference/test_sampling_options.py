"""Every setting of sampling is on every surface, and each surface hands its values on."""

import json
from dataclasses import fields, replace
from html.parser import HTMLParser

import pytest
import typer

from storyteller.export.html.rendering import form_html
from storyteller.inference.sampling import filters_for
from storyteller.inference.sampling_options import SAMPLING_OPTIONS, STORY_SAMPLING, Sampling
from storyteller.serve.request import FIELDS, read_request
from storyteller_course.cli import app

# A value for each setting that is neither its default nor that of any surface.
VALUES = {
    "temperature": 0.7,
    "top_k": 40,
    "top_p": 0.9,
    "min_p": 0.05,
    "typical_p": 0.95,
    "repetition_penalty": 1.2,
    "seed": 7,
    "max_new_tokens": 50,
    "greedy": True,
}
WANTED = Sampling(**VALUES)


class Inputs(HTMLParser):
    """The attributes of each <input> of a page, by its id."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.inputs: dict[str, dict[str, str | None]] = {}
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        if tag == "input":
            self.inputs[dict(attrs)["id"]] = dict(attrs)


def on_the_command_line(command: str) -> dict[str, typer.core.TyperOption]:
    return {option.name: option for option in typer.main.get_command(app).commands[command].params}


def on_the_page() -> dict[str, str]:
    inputs = Inputs(form_html(STORY_SAMPLING)).inputs
    return {name: inputs[option.form_name] for name, option in SAMPLING_OPTIONS.items() if option.form_name in inputs}


def in_a_request() -> dict[str, tuple]:
    return {name: FIELDS[option.form_name] for name, option in SAMPLING_OPTIONS.items() if option.form_name in FIELDS}


def in_the_notebook() -> dict[str, object]:
    pytest.importorskip("ipywidgets", reason="the extra `lessons` is not installed")
    from storyteller.figures.generator_widget import GeneratorForm

    form = GeneratorForm(None, None, "", WANTED, "")
    assert form.sampling() == WANTED
    return {name: form.fields[option.form_name] for name, option in SAMPLING_OPTIONS.items()}


SURFACES = {
    "storyteller tell": lambda: on_the_command_line("tell"),
    "storyteller evaluate": lambda: on_the_command_line("evaluate"),
    "the page": on_the_page,
    "its requests": in_a_request,
    "the notebook's form": in_the_notebook,
}


@pytest.mark.parametrize("surface", SURFACES)
def test_a_surface_has_every_setting(surface):
    assert {setting.name for setting in fields(Sampling)} == SAMPLING_OPTIONS.keys() == VALUES.keys()
    assert SAMPLING_OPTIONS.keys() - SURFACES[surface]().keys() == set()


@pytest.mark.parametrize("name", SAMPLING_OPTIONS)
def test_every_setting_has_a_range_a_label_and_help(name):
    option = SAMPLING_OPTIONS[name]
    assert option.label
    assert option.help
    if option.kind is not bool:
        assert option.allows(option.kind(option.low))
        assert option.allows(option.kind(option.high))
        assert option.step > 0
    assert (option.off is not None) == option.nullable


@pytest.mark.parametrize("name", ["top_k", "top_p", "min_p", "typical_p"])
def test_a_slider_at_its_off_value_is_a_setting_left_out(name):
    from storyteller.figures.generator_widget import GeneratorForm

    form = GeneratorForm(None, None, "", WANTED, "")
    form.fields[name].value = SAMPLING_OPTIONS[name].off
    assert getattr(form.sampling(), name) is None


def test_the_command_tell_samples_as_its_options_say(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)  # where no run says how its stories are told
    asked = []
    monkeypatch.setattr("storyteller.cli.tell.load_run", lambda run, device: (None, None))
    monkeypatch.setattr(
        "storyteller.inference.generate.stream_text",
        lambda model, tokenizer, opening, sampling: asked.append(sampling) or iter([]),
    )
    drawn = {name: value for name, value in VALUES.items() if name != "greedy"}
    greedy = {name: value for name, value in VALUES.items() if not SAMPLING_OPTIONS[name].greedy_ignores}
    for values in (drawn, greedy):
        options = [
            word
            for name, value in values.items()
            for word in ([f"--{name}"] if value is True else [f"--{name.replace('_', '-')}", str(value)])
        ]
        typer.main.get_command(app).main(["tell", "Once", *options], standalone_mode=False)
    assert asked == [replace(WANTED, greedy=False), replace(STORY_SAMPLING, **greedy)]


def test_the_command_evaluate_compares_every_combination():
    from storyteller.cli.evaluate import combinations

    one_each = {
        name: value if name in ("seed", "max_new_tokens", "greedy") else [value] for name, value in VALUES.items()
    }
    settings = one_each | {"greedy": False, "temperature": [0.4, 0.8], "typical_p": [0.5, 0.9]}
    del settings["top_k"]
    samplings = combinations(settings, own=STORY_SAMPLING)
    assert len(samplings) == 4
    name = "temperature 0.8, top_p 0.9, min_p 0.05, typical_p 0.5, repetition_penalty 1.2"
    values = VALUES | {"greedy": False, "temperature": 0.8, "typical_p": 0.5, "top_k": None}
    assert samplings[name] == Sampling(**values)
    assert list(combinations(settings | {"greedy": True}, own=STORY_SAMPLING)) == ["greedy, repetition_penalty 1.2"]


def test_what_the_command_evaluate_is_not_told_is_the_run_s_own():
    from storyteller.cli.evaluate import combinations

    own = Sampling(temperature=0.3, top_k=7, seed=5, max_new_tokens=9)
    assert combinations({}, own=own) == {"temperature 0.3": own}
    assert combinations({"top_p": [0.9]}, own=own) == {"temperature 0.3, top_p 0.9": replace(own, top_p=0.9)}


def test_a_request_samples_as_its_json_says():
    body = {option.form_name: VALUES[name] for name, option in SAMPLING_OPTIONS.items()}
    assert read_request(json.dumps(body).encode(), defaults=STORY_SAMPLING).sampling == WANTED
    assert read_request(b"{}", defaults=WANTED).sampling == WANTED


def test_the_page_starts_with_the_defaults_of_a_request_and_marks_what_greedy_ignores():
    page = on_the_page()
    for name, option in SAMPLING_OPTIONS.items():
        default = getattr(STORY_SAMPLING, name)
        if option.kind is bool:
            assert page[name]["type"] == "checkbox"
        elif default is None:
            assert page[name]["placeholder"] == "all"
            assert "value" not in page[name]
        else:
            assert option.kind(page[name]["value"]) == default
    ignored = {name for name, option in SAMPLING_OPTIONS.items() if option.greedy_ignores}
    assert {name for name, field in page.items() if "data-drawing" in field} == ignored


@pytest.mark.parametrize("name", [name for name, option in SAMPLING_OPTIONS.items() if option.greedy_ignores])
def test_what_greedy_ignores_adds_no_filter(name):
    assert filters_for(Sampling(greedy=True, **{name: VALUES[name]})) == []
