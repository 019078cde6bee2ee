"""The model card says what is known, and nothing else."""

import json
from dataclasses import replace

import pytest
import yaml

from exported import CONFIG, make_run
from storyteller.export import export_run
from storyteller.moe.cost_model import count_parameters
from storyteller.utils.atomic_io import write_json


def card_of(folder, config=CONFIG, *, plan=None, **options) -> tuple[dict, str]:
    """The card's head as data, and its text."""
    export_run(make_run(folder / "fox", config, plan=plan), folder / "out", **options)
    _, head, text = (folder / "out" / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    return yaml.safe_load(head), text


def test_it_says_what_was_trained_on_what(tmp_path):
    write_json(make_run(tmp_path / "fox") / "sampled.json", {"stories": 100, "consistent": 0.48, "ended": 0.9})
    head, text = card_of(tmp_path, plan={})
    assert head == {
        "language": "en",
        "library_name": "transformers",
        "pipeline_tag": "text-generation",
        "tags": ["storyteller", "text-generation", "moe"],
        "license": "mit",
    }
    parameters = count_parameters(CONFIG)
    for words in (
        "# fox", f"{parameters.total:,} parameters, of which a token passes through {parameters.active:,}",
        "`storyworld-small:everyday`", "tokens seen | 12,345", "1.500 nats a token, on 999 tokens", "0.750",
        "48% of 100", "learning rate 0.003", "at most 64 tokens",
        "4 SwiGLU experts, each 48 wide; a token is routed to 2, by the softmax of the router's logits",
    ):  # fmt: skip
        assert words in text, words


@pytest.mark.parametrize(
    ("corpus", "dataset", "words"),
    [
        ("tinystories", ["roneneldan/TinyStories"], "CDLA-Sharing-1.0"),
        ("writingprompts", ["euclaise/writingprompts"], "not for children"),
        ("/home/me/my-stories.txt", None, "`my-stories.txt`, a corpus of its maker's own"),
    ],
)
def test_another_corpus_keeps_its_own_licence(tmp_path, corpus, dataset, words):
    head, text = card_of(tmp_path, plan={"corpus": corpus})
    assert "license" not in head
    assert head.get("datasets") == dataset
    assert words in text
    assert "/home" not in text
    assert "heed both" in text


def test_what_is_not_known_is_left_out(tmp_path):
    _, text = card_of(tmp_path, replace(CONFIG, n_experts=0))
    assert "does not name" in text
    assert "contradiction |" not in text
    assert "expert" not in text.lower()


def test_it_lists_what_the_student_wrote(tmp_path):
    _, text = card_of(tmp_path, by_student={"route_top_k": True, "attend": False, "encode": True})
    assert "Written by the student: `route_top_k`, `encode`." in text
    assert "The course's: `attend`, and all that is not named." in text


def test_without_a_student_every_part_is_the_courses(tmp_path):
    assert "Every part, from the tokenizer to the training loop, is the course's." in card_of(tmp_path)[1]


def test_the_code_of_the_card_runs(tmp_path, monkeypatch, capsys):
    transformers = pytest.importorskip("transformers")
    _, text = card_of(tmp_path)
    code = text.split("```python\n")[1].split("```")[0]
    monkeypatch.chdir(tmp_path / "out")
    transformers.set_seed(1)
    exec(code, {})
    assert capsys.readouterr().out.startswith("Once upon a time")


def test_a_capacity_is_told_of_and_changes_nothing(tmp_path):
    """Outside of training no token is dropped, so the exported model gives the same scores."""
    _, text = card_of(tmp_path, replace(CONFIG, capacity_factor=1.25))
    assert "factor 1.25 in training; nothing is dropped in generation" in text
    assert json.loads((tmp_path / "out" / "export.json").read_text(encoding="utf-8"))["format"] == "hf"


def test_a_bias_and_shared_experts_are_told_of():
    from types import SimpleNamespace

    from storyteller.export.card import shape_facts

    config = replace(CONFIG, balance="bias", n_shared_experts=1)
    facts = shape_facts(SimpleNamespace(config=config))
    assert "a bias on the choice that balances" in facts["feed-forward"]
    assert facts["shared experts"] == "1, for every token"
