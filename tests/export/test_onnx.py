"""The exported graph in the real onnxruntime: the same scores, for any number of rows and tokens."""

import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from exported import CONFIG, FORMS, STORY, make_run
from storyteller.errors import StorytellerError
from storyteller.export import export_run
from storyteller.runs.load import load_model

pytest.importorskip("onnxscript")
onnxruntime = pytest.importorskip("onnxruntime")
SMALL = replace(CONFIG, n_layers=1, n_experts=3)
OTHERS = {
    **{name: FORMS[name] for name in ("moe-2 kv heads-tied", "dense-2 kv heads-untied")},
    "sigmoid router": replace(SMALL, router="sigmoid"),
    "bias and a shared expert": replace(SMALL, router="sigmoid", balance="bias", n_shared_experts=1),
    "learned positions": replace(SMALL, positions="learned"),
}


def session_of(folder):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 4
    return onnxruntime.InferenceSession(folder / "model.onnx", options)


@pytest.fixture(scope="module")
def fox(tmp_path_factory):
    """A model that knows a story by heart, and its graph."""
    folder = tmp_path_factory.mktemp("onnx")
    run = make_run(folder / "fox", SMALL, knows=STORY)
    export_run(run, folder / "out", format="onnx")
    return load_model(run)[0], session_of(folder / "out"), folder / "out"


@torch.no_grad()
def assert_same(model, session, shapes=((1, 1), (1, 2), (4, 1), (2, 3), (3, 64))):
    for rows, tokens in shapes:
        ids = torch.randint(CONFIG.vocab_size, (rows, tokens), generator=torch.Generator().manual_seed(tokens))
        (got,) = session.run(None, {"input_ids": ids.numpy()})
        torch.testing.assert_close(torch.from_numpy(got), model(ids).logits, rtol=0, atol=1e-4)


@pytest.mark.slow
def test_the_scores_are_the_same_for_any_number_of_rows_and_tokens(fox):
    assert_same(*fox[:2])


@pytest.mark.slow
def test_a_text_longer_than_the_context_is_refused_and_not_misread(fox):
    _, session, folder = fox
    assert session.get_inputs()[0].shape == ["rows", "up_to_64_tokens"]
    assert session.get_modelmeta().custom_metadata_map["max_seq_len"] == "64"
    assert "at most 64 tokens" in (folder / "README.md").read_text(encoding="utf-8")
    with pytest.raises(Exception, match="64 by 65"):
        session.run(None, {"input_ids": np.zeros((1, 65), dtype=np.int64)})


@pytest.mark.slow
def test_the_code_of_the_card_tells_the_story(fox, monkeypatch, capsys):
    *_, folder = fox
    code = (folder / "README.md").read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]
    monkeypatch.chdir(folder)
    exec(code, {})
    assert capsys.readouterr().out == STORY + "\n"


@pytest.mark.slow
def test_the_folder_holds_graph_tokenizer_card_and_record(fox):
    files = {"model.onnx", "tokenizer.json", "generation_config.json", "README.md", "export.json"}
    assert {path.name for path in fox[-1].iterdir()} == files


@pytest.mark.slow
@pytest.mark.parametrize("config", OTHERS.values(), ids=OTHERS.keys())
def test_every_form_of_model_gives_the_same_scores(tmp_path, capfd, config):
    run = make_run(tmp_path / "run", config)
    export_run(run, tmp_path / "out", format="onnx")
    assert "".join(capfd.readouterr()) == ""  # torch's exporter keeps its worries to itself
    assert_same(load_model(run)[0], session_of(tmp_path / "out"))


@pytest.mark.slow
def test_the_weights_of_a_large_model_lie_in_a_file_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setattr("storyteller.export.onnx.MAX_EMBEDDED_BYTES", 10_000)
    run = make_run(tmp_path / "run", replace(SMALL, n_experts=0))
    export_run(run, tmp_path / "out", format="onnx")
    assert (tmp_path / "out" / "model.onnx.data").stat().st_size > 10_000
    assert_same(load_model(run)[0], session_of(tmp_path / "out"))


@pytest.mark.parametrize("package", ["onnx", "onnxscript"])
def test_without_a_package_nothing_is_written(tmp_path, monkeypatch, package):
    run = make_run(tmp_path / "run")
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(StorytellerError, match=r'pip install -c constraints.txt -e "\.\[export\]"'):
        export_run(run, tmp_path / "out", format="onnx")
    assert not (tmp_path / "out").exists()
