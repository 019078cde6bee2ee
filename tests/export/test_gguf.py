"""The exported file in the real llama.cpp: the same ids, the same scores, the same greedy text."""

import json
import subprocess
import sys
import urllib.request
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exported import CONFIG, FORMS, STORY, TEXT, make_run
from storyteller.errors import StorytellerError
from storyteller.export import export_run
from storyteller.inference.generate import tell
from storyteller.inference.sampling_options import Sampling
from storyteller.runs.load import load_model
from storyteller.tokenizer import END_OF_TEXT

pytest.importorskip("gguf")
pytest.importorskip("xllamacpp")

ODD = {  # llama.cpp in float32 asks for no multiples of anything
    "odd widths": replace(CONFIG, d_model=12, n_heads=6, n_kv_heads=3, d_ff=7),
    "one expert a token": replace(CONFIG, top_k=1),
    "three experts, three a token": replace(CONFIG, n_experts=3, top_k=3),
    "another base and epsilon": replace(CONFIG, rope_base=500.0, norm_eps=1e-2, n_layers=1),
}
ANY = "abAB'’sdtrlvem 019.,!?-\n\t\r\u00a0éñ“”…日本🦊\u200d\u0301\x0b\x1c\x85\u2028²½٣"


@contextmanager
def serving(file: Path, *, exact: bool):
    """llama.cpp with this file; `exact` keeps keys and values in float32. Gives `ask(path, question)`."""
    program = [sys.executable, str(Path(__file__).with_name("llama_cpp_server.py")), str(file), str(CONFIG.max_seq_len)]
    with subprocess.Popen(program + ["--exact"] * exact, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        address = process.stdout.readline().decode().strip()
        assert address, "llama.cpp did not load the file"

        def ask(path: str, question: dict) -> dict:
            body = json.dumps(question).encode()
            request = urllib.request.Request(address + path, body, {"Content-Type": "application/json"})
            with urllib.request.urlopen(request, timeout=120) as answer:
                return json.load(answer)

        try:
            yield ask
        finally:
            process.kill()


def tokenize(ask, text: str, *, special: bool) -> list[int]:
    return ask("/tokenize", {"content": text, "add_special": special, "parse_special": special})["tokens"]


def next_token_log_probs(ask, ids: list[int]) -> torch.Tensor:
    """llama.cpp's log-probabilities of the token after these, (V,)."""
    # It answers with whole characters only, so a bias makes it say "A"; the probabilities are those before the bias.
    question = {"prompt": ids, "max_tokens": 1, "n_probs": CONFIG.vocab_size, "logit_bias": [[32, 1000]]}
    answer = ask("/v1/completions", question)
    log_probs = torch.full((CONFIG.vocab_size,), torch.nan)
    for entry in answer["choices"][0]["logprobs"]["content"][0]["top_logprobs"]:
        log_probs[entry["id"]] = entry["logprob"]
    return log_probs


@pytest.fixture(scope="module")
def fox(tmp_path_factory):
    """A model that knows a story by heart, and llama.cpp with its export as a user would start it."""
    folder = tmp_path_factory.mktemp("gguf")
    run = make_run(folder / "fox", knows=STORY)
    export_run(run, folder / "out", format="gguf")
    with serving(folder / "out" / "fox.gguf", exact=False) as ask:
        yield *load_model(run), ask, folder / "out"


@pytest.mark.parametrize("config", (FORMS | ODD).values(), ids=(FORMS | ODD).keys())
@torch.no_grad()
def test_the_scores_are_the_same(tmp_path, config):
    run = make_run(tmp_path / "run", config)
    export_run(run, tmp_path / "out", format="gguf")
    model, _ = load_model(run)
    with serving(tmp_path / "out" / "run.gguf", exact=True) as ask:
        for seed in range(3):
            draw = torch.Generator().manual_seed(seed)
            ids = torch.randint(CONFIG.vocab_size - 1, (20 + 20 * seed,), generator=draw)
            wanted = model(ids[None]).logits[0, -1].log_softmax(-1)
            assert wanted.std() > 0.1  # the comparison means something
            torch.testing.assert_close(next_token_log_probs(ask, ids.tolist()), wanted, rtol=0, atol=5e-5)


@pytest.mark.parametrize("opening", ["", "Once upon a time", "Once upon a time a fox found a plum. The owl"])
def test_the_greedy_text_is_the_same_and_ends_where_ours_ends(fox, opening):
    model, tokenizer, ask, _ = fox
    [answer] = ask("/v1/completions", {"prompt": opening, "temperature": 0, "max_tokens": 60})["choices"]
    wanted = tell(model, tokenizer, [opening], sampling=Sampling(greedy=True, max_new_tokens=60))[0]
    assert opening + answer["text"] == wanted == STORY
    assert answer["finish_reason"] == "stop"


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(ANY, max_size=20))
def test_any_text_has_the_same_ids(fox, text):
    _, tokenizer, ask, _ = fox
    assert tokenize(ask, text, special=False) == tokenizer.encode(text)


def test_the_end_of_text_token_is_known_and_stands_before_a_prompt(fox):
    _, tokenizer, ask, _ = fox
    text = f"{TEXT}{END_OF_TEXT}and so"
    assert tokenize(ask, text, special=True) == [tokenizer.end_id, *tokenizer.encode(text, special="allow")]
    assert tokenize(ask, text, special=False) == tokenizer.encode(text, special="escape")


def test_the_code_of_the_card_runs(fox):
    *_, folder = fox
    code = (folder / "README.md").read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]
    code += "import os, sys\nsys.stdout.flush()\nos._exit(0)\n"  # without the destructor
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, timeout=300)
    assert STORY[:40] in done.stdout, done.stderr


def test_the_file_says_licence_language_and_which_token_pads(tmp_path):
    from gguf import GGUFReader

    export_run(make_run(tmp_path / "run", plan={}), tmp_path / "out", format="gguf")
    fields = GGUFReader(tmp_path / "out" / "run.gguf").fields
    assert fields["general.license"].contents() == "mit"
    assert fields["general.languages"].contents() == ["en"]
    end = load_model(tmp_path / "run")[1].end_id
    assert fields["tokenizer.ggml.padding_token_id"].contents() == end
    # Of a corpus of one's own the licence is not ours to say.
    export_run(make_run(tmp_path / "own", plan={"corpus": "tales.txt"}), tmp_path / "own-out", format="gguf")
    assert "general.license" not in GGUFReader(tmp_path / "own-out" / "own.gguf").fields


def test_the_folder_holds_the_file_the_card_and_the_record(fox):
    assert {path.name for path in fox[-1].iterdir()} == {"fox.gguf", "README.md", "export.json"}


def test_without_the_package_nothing_is_written(tmp_path, monkeypatch):
    run = make_run(tmp_path / "run")
    monkeypatch.setitem(sys.modules, "gguf", None)
    with pytest.raises(StorytellerError, match=r'pip install -c constraints.txt -e "\.\[export\]"'):
        export_run(run, tmp_path / "out", format="gguf")
    assert not (tmp_path / "out").exists()


def test_a_full_disk_is_one_clear_sentence(tmp_path, monkeypatch):
    from gguf import GGUFWriter

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(GGUFWriter, "write_tensors_to_file", full)
    with pytest.raises(StorytellerError, match="disk is full"):
        export_run(make_run(tmp_path / "run"), tmp_path / "out", format="gguf")
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
