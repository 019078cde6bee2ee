"""Every opening in README, docs, help and model cards is one that the model of `storyteller story` has read."""

import re
from dataclasses import replace
from functools import cache

import pytest
import torch

from exported import make_run
from repository import ROOT
from storyteller.config import preset
from storyteller.corpus import load_stories
from storyteller.evaluation.text_metrics import repetition
from storyteller.export import export_run
from storyteller.export.formats import FORMATS
from storyteller.runs.openings import KnownOpenings, find_openings
from storyteller.runs.pipeline import train
from storyteller.runs.run_config import RunConfig
from storyteller_course.cli import main

FILES = [
    *sorted(ROOT.glob("*.md")),
    *sorted(ROOT.glob("docs/*.md")),
    *sorted(ROOT.glob("grading/*.md")),
    *sorted(ROOT.glob("shared/storyteller/**/*.md")),
    *sorted(ROOT.glob("shared/storyteller/**/*.py")),
    *sorted(ROOT.glob("course/storyteller_course/cli/*.py")),
]
TEXT = r"""["']([^"'{}\n]+)["']"""
EXAMPLES = [
    re.compile(rf"storyteller tell [^\"'`\n]*{TEXT}"),
    re.compile(rf"pipeline\([^)\n]*\)\({TEXT}"),
    re.compile(rf"\b(?:stream_text|stream_traced)\(model, tokenizer, {TEXT}"),
    re.compile(rf"\b(?:prompt|opening)(?:: str)? ?= ?{TEXT}"),
    re.compile(rf"[\"'](?:prompt|opening)[\"']: {TEXT}"),
    re.compile(rf"\bteller\({TEXT}"),  # of a model card
    re.compile(rf"tokenizer\.encode\({TEXT}"),  # of a model card
    re.compile(rf"usual = {TEXT}"),  # what a card takes
]
STEPS = 400  # of training, half a minute: enough for sentences, not for stories without a contradiction


def examples_in(text: str) -> set[str]:
    return {found for pattern in EXAMPLES for found in pattern.findall(text)}


@cache
def examples() -> dict[str, list[str]]:
    """Each opening, with the files that have it."""
    found: dict[str, list[str]] = {}
    for file in FILES:
        if not {"tokenizer", "training"} & set(file.parts):  # there, any text is an example
            for opening in examples_in(file.read_text(encoding="utf-8")):
                found.setdefault(opening, []).append(str(file.relative_to(ROOT)))
    return found


@cache
def known(corpus: str) -> KnownOpenings:
    return find_openings(story.text for story in load_stories(corpus, limit=5_000))


def test_the_examples_are_found():
    places = {file for files in examples().values() for file in files}
    assert {
        "README.md",
        "course/storyteller_course/cli/__init__.py",
        "shared/storyteller/export/hf.py",
        "shared/storyteller/export/trained_run.py",
        "shared/storyteller/figures/generator_widget.py",
        "shared/storyteller/inference/generate.py",
        "shared/storyteller/inference/trace.py",
        "shared/storyteller/serve/completions.py",
        "shared/storyteller/serve/request.py",
    } <= places


def test_every_example_begins_as_tales_begin():
    assert preset("tiny").corpus == "storyworld-tales-small"
    tales = known("storyworld-tales-small")
    assert {opening: files for opening, files in examples().items() if not tales.knows(opening)} == {}


@pytest.mark.parametrize("format", ["hf", "gguf", "onnx"])
def test_the_example_of_a_card_is_an_opening_that_its_model_knows(tmp_path, format, monkeypatch):
    for package in {"hf": ["transformers"], "gguf": ["gguf"], "onnx": ["onnxscript"]}[format]:
        pytest.importorskip(package)
    form = FORMATS[format]._replace(write=lambda trained, folder: None)  # the card alone
    monkeypatch.setattr("storyteller.export.formats.FORMATS", {format: form})
    for name, corpus in (("tales", "storyworld-tales-small"), ("others", "storyworld-small:everyday")):
        run = make_run(tmp_path / name)
        known(corpus).save(run)
        export_run(run, tmp_path / f"{name}-out", format=format)
        card = (tmp_path / f"{name}-out" / "README.md").read_text(encoding="utf-8")
        [opening] = examples_in(card.split("```python\n")[1].split("```")[0])
        assert known(corpus).knows(opening)
        assert (opening == "Once upon a time") is (name == "tales")


def test_the_capstone_s_openings_are_those_of_its_corpus():
    lesson = (ROOT / "lessons/05_full_training_and_inference/lesson.md").read_text(encoding="utf-8")
    corpus = re.search(r'corpus, minutes = "([^"]+)", None', lesson)[1]
    capstone = lesson.split("corpus, minutes =", 1)[1]
    told = [*re.findall(r'(?:run\.tell\(|widgets\.Text\(|opening=)"([^"]+)"', capstone), *examples_in(capstone)]
    assert len(told) >= 2
    assert [opening for opening in told if not known(corpus).knows(opening)] == []


@pytest.mark.slow
def test_every_example_tells_a_story_after_a_short_training(tmp_path, capsys):
    tiny = preset("tiny")
    wanted = RunConfig(
        preset="tiny",
        corpus=tiny.corpus,
        stories=4_000,
        model=tiny.model,
        train=replace(tiny.train, dtype="float32", steps=STEPS, evaluate_every=STEPS, checkpoint_every=STEPS),
    )
    train(wanted, tmp_path, notice=lambda text: None, on_event=lambda event: None, device=torch.device("cpu"))
    capsys.readouterr()
    for opening in examples():
        with pytest.raises(SystemExit) as leaving:
            main(["tell", opening, "--run", str(tmp_path), "--device", "cpu"])
        said = capsys.readouterr()
        assert leaving.value.code == 0
        assert said.err == "", opening
        assert said.out.startswith(opening)
        words = said.out.split()
        assert len(words) > 40, said.out
        assert repetition(said.out) < 0.5, said.out  # "timelylylyly" has one word, a story in a loop more than that
