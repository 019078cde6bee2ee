"""The page in one file: what is in it, what it is refused for, and where it goes. In a browser: `tests/browser/`."""

import base64
import hashlib
import json
import re
from dataclasses import replace
from html import unescape

import pytest
import torch

from exported import CONFIG, FORMS, make_run
from storyteller.config import PRESETS
from storyteller.errors import StorytellerError
from storyteller.export import export_run
from storyteller.export.html import one_file
from storyteller.export.html.about import about_run
from storyteller.export.html.int8 import dequantize, pack, quantize, rounded
from storyteller.export.html.rendering import FACE, LOCAL, SERVER, page_file
from storyteller.export.trained_run import read_trained
from storyteller.inference.generation_config import write_sampling
from storyteller.inference.sampling_options import SAMPLING_OPTIONS, Sampling
from storyteller.moe.cost_model import count_parameters
from storyteller.moe.layer import build_model
from storyteller.runs.load import load_model
from storyteller.runs.openings import KnownOpenings
from storyteller.runs.training_time import TIME_FILE, training_seconds
from storyteller.tokenizer import Tokenizer
from storyteller.utils.atomic_io import write_json
from storyteller_course.cli import main

DATA = re.compile(r'<script id="(\w+)" type="[\w/]+">(.*?)</script>', re.DOTALL)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("made") / "fox", plan={})


def page_of(run, out, **options) -> str:
    export_run(run, out / "page.html", format="html", **options)
    return (out / "page.html").read_text(encoding="utf-8")


# --- Weights of 8 bits ------------------------------------------------------------------------------------------------


def test_a_weight_is_off_by_half_a_step_of_its_row_at_most():
    weight = (
        torch.randn(3, 5, 40, generator=torch.Generator().manual_seed(1))
        * torch.tensor([1.0, 1e-6, 1e4])[:, None, None]
    )
    weight[1, 2] = 0
    values, scales = quantize(weight)
    assert (values.dtype, values.shape, scales.shape) == (torch.int8, weight.shape, weight.shape[:-1])
    assert values.abs().amax(-1).unique().tolist() == [0, 127]  # each row reaches the end of its range
    assert ((dequantize(values, scales) - weight).abs() <= 0.5001 * scales[..., None]).all()


@pytest.mark.parametrize("form", FORMS)
def test_what_is_packed_is_unpacked_as_the_layout_says(form):
    state = build_model(FORMS[form], seed=3).state_dict()
    layout, content = pack(state)
    wanted, found = rounded(state), {}
    for entry in layout:
        if "columns" in entry:
            n = entry["rows"] * entry["columns"]
            values = torch.frombuffer(bytearray(content[entry["at"] : entry["at"] + n]), dtype=torch.int8)
            scale_bytes = bytearray(content[entry["scales_at"] : entry["scales_at"] + 4 * entry["rows"]])
            rows = values.view(entry["rows"], entry["columns"]).float()
            found[entry["name"]] = rows * torch.frombuffer(scale_bytes, dtype=torch.float32)[:, None]
            assert entry["scales_at"] % 4 == 0
        else:
            part = bytearray(content[entry["at"] : entry["at"] + 4 * entry["length"]])
            found[entry["name"]] = torch.frombuffer(part, dtype=torch.float32)
            assert entry["at"] % 4 == 0
    assert found.keys() == state.keys()
    for name, weight in wanted.items():
        assert torch.equal(found[name].view_as(weight), weight), name
    n_weights = sum(weight.numel() for weight in state.values())
    assert len(content) < 1.25 * n_weights  # a byte for nearly every one of them


# --- The file ---------------------------------------------------------------------------------------------------------


def test_it_brings_everything_itself_and_may_ask_for_nothing(run, tmp_path):
    page = page_of(run, tmp_path)
    assert "http://" not in page
    assert "https://" not in page
    assert not re.search(r"<(link|script|img)[^>]* (src|href)=(?!\"data:,\")", page)
    assert "{{" not in page
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1]
    assert policy.startswith("default-src 'none'")
    assert "connect-src" not in policy
    assert "unsafe" not in policy
    for kind, element in (("script", "script"), ("style", "style")):
        text = re.search(f"<{element}>(.*?)</{element}>", page, re.DOTALL)[1]
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy


def test_the_data_in_it_is_the_run_s(run, tmp_path):
    data = dict(DATA.findall(page_of(run, tmp_path)))
    model, tokenizer = load_model(run)
    about = json.loads(data["model"])
    layout, content = pack(model.state_dict())
    assert about["tensors"] == layout
    assert base64.b64decode(data["weights"]) == content
    assert about["config"]["d_model"] == model.config.d_model
    assert len(about["tokenizer"]["tokens"]) == tokenizer.vocab_size
    assert len(about["tokenizer"]["merges"]) == len(tokenizer.vocabulary.merges)


def test_a_token_that_would_end_the_script_does_not(tmp_path):
    text = "</script><!--<script>" * 50
    run = make_run(tmp_path / "run")
    tokenizer = Tokenizer.train([text], vocab_size=CONFIG.vocab_size)
    assert any(b"</" in token for token in tokenizer.vocabulary.tokens)
    trained = replace(read_trained(run), tokenizer=tokenizer)
    data = DATA.findall(one_file.content(trained))
    assert [name for name, _ in data] == ["model", "weights"]
    assert json.loads(data[0][1])["tokenizer"]["tokens"]


def test_no_script_of_the_page_ends_its_element_or_hides_a_name():
    names = {}
    for backend in ((*LOCAL, *FACE), (*SERVER, *FACE)):
        for file in backend:
            text = page_file(file)
            assert "</script" not in text.lower()
            assert "<!--" not in text
            names[file] = re.findall(r"^(?:async )?(?:const|let|class|function\*?) (\w+)", text, re.MULTILINE)
        together = [name for file in backend for name in names[file]]
        assert len(together) == len(set(together))  # they share one scope


def test_the_page_s_javascript_has_every_setting_of_sampling():
    scripts = page_file("sampling.js") + page_file("local_teller.js")
    assert all(re.search(rf"\b{option.form_name}\b", scripts) for option in SAMPLING_OPTIONS.values())


# --- What it says -----------------------------------------------------------------------------------------------------


def test_its_foot_says_what_is_known_of_the_run(tmp_path):
    run = make_run(tmp_path / "fox", plan={})
    write_json(run / "sampled.json", {"stories": 100, "consistent": 0.48, "ended": 0.9})
    write_json(run / "parts.json", {"route_top_k": True, "attend": False})
    write_json(run / TIME_FILE, [{"from": 0, "to": 7, "seconds": 168.0}])
    page = unescape(page_of(run, tmp_path))
    parameters = count_parameters(CONFIG)
    for words in (
        "<title>fox tells stories</title>",
        f"{parameters.total:,}, of which a token passes through {parameters.active:,}",
        "2.8 minutes; 12,345 tokens read", "48 of 100", "storyworld-small:everyday",
        "Written by its student: route_top_k. The course's: attend, and all that is not named.",
    ):  # fmt: skip
        assert words in page, words


def test_what_is_not_known_is_left_out(tmp_path):
    page = page_of(make_run(tmp_path / "fox", replace(CONFIG, n_experts=0)), tmp_path)
    for words in ("minutes", "of 100", "learned from", "experts</dt>"):
        assert words not in page, words
    assert "Every part, from the tokenizer to the training loop, is the course's." in unescape(page)
    assert "A dense model" in page


def test_the_openings_are_those_of_the_run_s_stories(tmp_path):
    run = make_run(tmp_path / "fox", plan={})
    commonest = ("Once a fox found", "The owl asked for", "An <b> & c")
    openings = KnownOpenings(commonest=commonest, first_words=frozenset({"Once a fox", "A </b>"}))
    openings.save(run)
    page = page_of(run, tmp_path)
    assert 'data-opening="The owl asked for"' in page
    assert ">Once a fox found</textarea>" in page
    assert 'data-opening="An &lt;b&gt; &amp; c"' in page
    [known] = re.findall(r'<script id="known-openings" type="application/json">(.*?)</script>', page, re.DOTALL)
    assert "<" not in known
    assert json.loads(known) == {"first_words": ["A </b>", "Once a fox"], "words": 3, "warning": openings.warning}
    assert about_run(read_trained(run)).openings == openings


def test_the_form_begins_with_the_run_s_own_settings(tmp_path):
    run = make_run(tmp_path / "fox")
    write_sampling(run, Sampling(temperature=0.7, top_k=9, max_new_tokens=55), max_length=64, end_id=1)
    page = page_of(run, tmp_path)
    assert re.search(r'id="temperature"[^>]* value="0.7"', page)
    assert re.search(r'id="top_k"[^>]* value="9"', page)
    assert re.search(r'id="length"[^>]* value="55"', page)


@pytest.mark.parametrize(
    ("sittings", "step", "seconds"),
    [
        ([[0, 7, 10.0]], 7, 10),
        ([[0, 3, 10.0], [3, 7, 5.0]], 7, 15),
        ([[0, 3, 10.0], [3, 7, 5.0]], 3, 10),
        ([[0, 7, 10.0], [7, 7, 0.1]], 7, 10),
        ([[0, 3, 10.0], [5, 7, 5.0]], 7, None),  # a sitting was killed
        ([[0, 3, 10.0], [2, 7, 5.0]], 7, None),  # went on from an earlier checkpoint
        ([[0, 7, 10.0]], 5, None),
        ([], 7, None),
    ],
)
def test_the_time_is_known_where_the_sittings_join(tmp_path, sittings, step, seconds):
    write_json(
        tmp_path / TIME_FILE, [dict(zip(("from", "to", "seconds"), sitting, strict=True)) for sitting in sittings]
    )
    assert training_seconds(tmp_path, step=step) == seconds


# --- What is refused --------------------------------------------------------------------------------------------------


def test_a_kind_of_model_that_the_page_does_not_compute_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(one_file, "COMPUTED", one_file.COMPUTED - {"router"})
    page_of(make_run(tmp_path / "usual"), tmp_path)
    with pytest.raises(StorytellerError, match=r"has router 'sigmoid', which the page's JavaScript does not compute"):
        page_of(make_run(tmp_path / "other", replace(CONFIG, router="sigmoid")), tmp_path)


def test_a_weight_that_the_page_does_not_know_is_refused(run):
    trained = read_trained(run)
    trained.model.blocks[0].feed_forward.router.register_buffer("bias", torch.zeros(4))
    with pytest.raises(StorytellerError, match=r"has the weight blocks\.0\.feed_forward\.router\.bias"):
        one_file.check(trained)


def test_a_model_that_is_too_large_for_a_page_is_refused():
    assert [
        name for name, preset in PRESETS.items() if count_parameters(preset.model).total <= one_file.MAX_PARAMETERS
    ] == ["tiny", "small"]


def test_that_refusal_says_how_large_it_is(run, monkeypatch):
    monkeypatch.setattr(one_file, "MAX_PARAMETERS", 1000)
    with pytest.raises(StorytellerError, match=r"parameters, and a page holds 1,000 at most: export it as gguf"):
        one_file.check(read_trained(run))


def test_an_earlier_page_is_replaced_and_nothing_else(run, tmp_path):
    first = page_of(run, tmp_path)
    (tmp_path / "page.html").write_text(first.replace("fox", "owl"), encoding="utf-8")
    assert page_of(run, tmp_path) == first
    (tmp_path / "page.html").write_text("<html>mine</html>", encoding="utf-8")
    with pytest.raises(StorytellerError, match="no earlier export"):
        page_of(run, tmp_path)
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == "<html>mine</html>"
    with pytest.raises(StorytellerError, match="is a folder; name a file"):
        export_run(run, tmp_path, format="html")


def test_the_command_says_what_it_made(run, tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["export", str(run), "--out", str(tmp_path / "new" / "fox.html"), "--format", "html"])
    assert stopped.value.code == 0
    assert "in any browser" in capsys.readouterr().out
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["fox.html"]
