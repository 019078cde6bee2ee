"""The exported folder in the real transformers: the same ids, the same scores, the same greedy tokens."""

import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from exported import CONFIG, FORMS, STORY, TEXT, make_run
from storyteller.errors import StorytellerError
from storyteller.export import export_run
from storyteller.export.mixtral_weights import as_transformers
from storyteller.inference.generate import generate
from storyteller.inference.generation_config import write_sampling
from storyteller.inference.sampling_options import STORY_SAMPLING, Sampling
from storyteller.runs.load import load_model
from storyteller.tokenizer import END_OF_TEXT

transformers = pytest.importorskip("transformers")


@pytest.fixture(scope="module", params=FORMS.values(), ids=FORMS.keys())
def both(request, tmp_path_factory):
    """Our model and tokenizer, and theirs from the exported folder."""
    folder = tmp_path_factory.mktemp("export")
    run = make_run(folder / "run", request.param)
    export_run(run, folder / "hf")
    theirs = transformers.AutoModelForCausalLM.from_pretrained(folder / "hf", local_files_only=True)
    return *load_model(run), theirs.eval(), transformers.AutoTokenizer.from_pretrained(folder / "hf"), folder / "hf"


def test_it_is_mixtral_or_mistral_in_float32(both):
    ours, _, theirs, *_ = both
    assert type(theirs).__name__ == ("MixtralForCausalLM" if ours.config.n_experts else "MistralForCausalLM")
    assert theirs.dtype == torch.float32
    assert sum(p.numel() for p in theirs.parameters()) == sum(p.numel() for p in ours.parameters())


@torch.no_grad()
def test_the_logits_are_the_same(both):
    ours, _, theirs, *_ = both
    ids = torch.randint(CONFIG.vocab_size, (3, CONFIG.max_seq_len), generator=torch.Generator().manual_seed(0))
    wanted, got = ours(ids).logits, theirs(ids).logits
    assert wanted.std() > 0.5  # the comparison means something
    torch.testing.assert_close(got, wanted, rtol=0, atol=1e-5 * wanted.abs().max().item())


def test_the_greedy_tokens_are_the_same(both):
    ours, tokenizer, theirs, their_tokenizer, _ = both
    openings = ["", "Once upon a time", "The owl asked"]
    prompts = [[tokenizer.end_id, *tokenizer.encode(text)] for text in openings]
    wanted = generate(ours, prompts, sampling=Sampling(greedy=True, max_new_tokens=30), stop=())
    # Random weights would end a story anywhere; that the end is known is another test.
    theirs.generation_config.eos_token_id = None
    batch = their_tokenizer(openings, return_tensors="pt", padding=True)
    got = theirs.generate(**batch, max_new_tokens=30, do_sample=False)
    assert got[:, batch["input_ids"].shape[1] :].tolist() == wanted


def test_generation_stops_at_the_end_of_text_token(both):
    ours, tokenizer, *_, folder = both
    settings = json.loads((folder / "generation_config.json").read_text(encoding="utf-8"))
    ids = dict.fromkeys(("bos_token_id", "eos_token_id", "pad_token_id"), tokenizer.end_id)
    assert settings == {
        "do_sample": True,
        "temperature": STORY_SAMPLING.temperature,
        "top_k": 0,
        "min_p": STORY_SAMPLING.min_p,
        "repetition_penalty": 1.0,
        "max_length": CONFIG.max_seq_len,
        **ids,
    }
    assert transformers.GenerationConfig.from_pretrained(folder).eos_token_id == ours.config.vocab_size - 1


def test_the_tokenizer_gives_the_same_ids_and_text(both):
    _, tokenizer, _, theirs, _ = both
    for text in (TEXT[:40], "", "  two  spaces \n", f"one{END_OF_TEXT}two", "🦊 café"):
        ids = tokenizer.encode(text, special="allow")
        assert theirs(text, add_special_tokens=False)["input_ids"] == ids
        assert theirs(text)["input_ids"] == [tokenizer.end_id, *ids]  # as before every story in training
        assert theirs.decode(ids) == text
    assert (theirs.bos_token, theirs.eos_token, theirs.eos_token_id) == (END_OF_TEXT, END_OF_TEXT, tokenizer.end_id)
    assert theirs.model_max_length == CONFIG.max_seq_len


@pytest.fixture(scope="module")
def fox(tmp_path_factory):
    """The exported folder of a model that knows a story by heart."""
    folder = tmp_path_factory.mktemp("hf")
    run = make_run(folder / "fox", knows=STORY)
    export_run(run, folder / "out")
    return folder / "out"


def test_the_code_of_the_card_tells_the_story(fox, monkeypatch, capsys):
    code = (fox / "README.md").read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]
    monkeypatch.chdir(fox)
    exec(code, {})
    assert capsys.readouterr().out == STORY + "\n"


def test_the_run_s_own_settings_are_those_of_the_pipeline(tmp_path):
    run = make_run(tmp_path / "run")
    write_sampling(run, Sampling(temperature=0.7, top_p=0.9, max_new_tokens=500), max_length=64, end_id=319)
    export_run(run, tmp_path / "hf")
    teller = transformers.pipeline("text-generation", model=str(tmp_path / "hf"))
    config = teller.model.generation_config
    assert (config.do_sample, config.temperature, config.top_p, config.max_length) == (True, 0.7, 0.9, 64)
    assert not config.top_k


def test_the_files_are_those_that_transformers_itself_would_write(both, tmp_path):
    """The same names and weights, and no setting that it reads otherwise than we wrote it."""
    ours, _, _, _, folder = both
    as_transformers(ours).save_pretrained(tmp_path)
    wanted, got = load_file(tmp_path / "model.safetensors"), load_file(folder / "model.safetensors")
    assert got.keys() == wanted.keys()
    assert all(torch.equal(got[name], wanted[name]) for name in wanted)
    read = transformers.AutoConfig.from_pretrained(folder).to_dict()
    for name, value in json.loads((folder / "config.json").read_text(encoding="utf-8")).items():
        assert name == "rope_theta" or read[name] == value, name
    assert read["rope_parameters"] == {"rope_type": "default", "rope_theta": CONFIG.rope_base}


@pytest.mark.parametrize("widths", [{"d_ff": 12}, {"d_model": 36, "n_heads": 2}])
def test_experts_of_a_width_that_transformers_cannot_run_are_refused(tmp_path, widths):
    (name, width), *_ = widths.items()
    run = make_run(tmp_path / "run", replace(CONFIG, **widths))
    with pytest.raises(StorytellerError, match=rf"{name} is {width}.*multiple of 8.*{name} {width + 4}.*gguf"):
        export_run(run, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_multiples_of_8_are_enough(tmp_path, dtype):
    config = replace(CONFIG, d_model=24, d_ff=8, n_heads=2, n_kv_heads=1)
    export_run(make_run(tmp_path / "run", config), tmp_path / "out")
    theirs = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "out", dtype=dtype)
    with torch.no_grad():
        assert theirs(torch.arange(20)[None]).logits.isfinite().all()
