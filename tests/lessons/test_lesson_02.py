"""Lesson 02's plain answers against `transformers` and PyTorch; the course's parts against the answers."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from repository import ROOT
from storyteller.config import ModelConfig
from storyteller.corpus import load_stories
from storyteller.tokenizer import Tokenizer
from storyteller.transformer import attention, decoder
from storyteller.transformer.decoder import Decoder
from storyteller_course import load_lesson
from storyteller_course.lesson_tools import understanding_transformers as tools

transformers = pytest.importorskip("transformers")
LESSON = load_lesson(ROOT / "lessons" / "02_understanding_transformers")
reference = LESSON.reference

SHAPE = {"vocab_size": 50, "d_model": 32, "n_layers": 3, "n_heads": 4, "d_ff": 48}


def numbers(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def whole_numbers(*shape: int, below: int = 50) -> Tensor:
    return torch.randint(below, shape, generator=torch.Generator().manual_seed(9))


@pytest.fixture
def gpt() -> torch.nn.Module:
    torch.manual_seed(3)
    return LESSON.stand_in("GPT")(*SHAPE.values(), max_seq_len=64)


# --- the reference against independent implementations -------------------------------------------------------------


@pytest.mark.parametrize("dim", [0, 1, -1])
def test_softmax_is_that_of_pytorch_even_for_huge_numbers(dim):
    x = numbers(3, 4, 5) * 1000
    assert torch.allclose(reference.softmax(x, dim), torch.softmax(x, dim))


@pytest.mark.parametrize("n_keys", [1, 4, 7])
def test_attention_is_that_of_pytorch(n_keys):
    q, k, v = numbers(2, 3, 4, 6), numbers(2, 3, n_keys, 6, seed=1), numbers(2, 3, n_keys, 6, seed=2)
    mask = (numbers(2, 1, 4, n_keys, seed=3) > 0) | (torch.arange(n_keys) == 0)
    assert torch.allclose(reference.attend(q, k, v), F.scaled_dot_product_attention(q, k, v))
    wanted = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    assert torch.allclose(reference.attend(q, k, v, mask=mask), wanted)


def test_rotation_is_that_of_llama():
    llama = pytest.importorskip("transformers.models.llama.modeling_llama")
    q, k = numbers(2, 3, 7, 8), numbers(2, 3, 7, 8, seed=1)
    cos, sin = (part.double() for part in attention.rope_table(8, 7, 10_000.0))
    both = [torch.cat((part, part), dim=-1)[None] for part in (cos, sin)]
    wanted = llama.apply_rotary_pos_emb(q, k, *both)
    assert torch.allclose(reference.apply_rope(q, cos, sin), wanted[0])
    assert torch.allclose(reference.apply_rope(k, cos, sin), wanted[1])


def test_the_norm_is_that_of_llama():
    llama = pytest.importorskip("transformers.models.llama.modeling_llama")
    ours, theirs = reference.RMSNorm(8, eps=0.1), llama.LlamaRMSNorm(8, eps=0.1)
    weight = numbers(8).float()
    for norm in (ours, theirs):
        norm.load_state_dict({"weight": weight})
    x = numbers(2, 3, 8, seed=1).float()
    assert torch.allclose(ours(x), theirs(x), atol=1e-6)


@torch.no_grad()
def test_the_whole_model_is_llama_logit_for_logit_and_in_its_loss(gpt):
    config = transformers.LlamaConfig(
        vocab_size=50, hidden_size=32, intermediate_size=48, num_hidden_layers=3, num_attention_heads=4,
        num_key_value_heads=4, max_position_embeddings=64, rms_norm_eps=1e-5, tie_word_embeddings=True,
    )  # fmt: skip
    theirs = transformers.LlamaForCausalLM(config).eval()
    theirs.load_state_dict(llama_names(gpt.state_dict()))
    ids = whole_numbers(2, 20)
    logits, loss = gpt(ids, torch.cat((ids[:, 1:], torch.full((2, 1), -100)), dim=1))
    wanted = theirs(ids, labels=ids)  # it shifts by itself
    torch.testing.assert_close(logits, wanted.logits, rtol=0, atol=1e-5 * wanted.logits.abs().max().item())
    assert loss.item() == pytest.approx(wanted.loss.item(), rel=1e-5)


def llama_names(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """A GPT's weights under Llama's names."""
    new = {
        "blocks.": "layers.", "attention.out": "self_attn.o_proj", "attention.q": "self_attn.q_proj",
        "attention.k": "self_attn.k_proj", "attention.v": "self_attn.v_proj", "attention_norm": "input_layernorm",
        "feed_forward_norm": "post_attention_layernorm", ".gate.": ".mlp.gate_proj.",
        ".up.": ".mlp.up_proj.", ".down.": ".mlp.down_proj.", "embedding": "embed_tokens",
    }  # fmt: skip
    named = {"lm_head.weight": state["embedding.weight"]}
    for name, weight in state.items():
        for ours, theirs in new.items():
            name = name.replace(ours, theirs)
        named[f"model.{name}"] = weight
    return named


@torch.no_grad()
def test_grouped_queries_with_qk_norm_are_those_of_qwen3():
    qwen3 = pytest.importorskip("transformers.models.qwen3.modeling_qwen3")
    config = transformers.Qwen3Config(
        hidden_size=24, num_attention_heads=6, num_key_value_heads=2, head_dim=4, rms_norm_eps=1e-5,
        attention_bias=False, attn_implementation="eager",
    )  # fmt: skip
    theirs, ours = qwen3.Qwen3Attention(config, 0).eval(), reference.GroupedQueryAttention(24, 6, 2)
    for number, weight in enumerate(ours.parameters()):
        weight.copy_(numbers(*weight.shape, seed=number))
    renamed = {"q.": "q_proj.", "k.": "k_proj.", "v.": "v_proj.", "out.": "o_proj."}
    state = {next((name.replace(a, b) for a, b in renamed.items() if name.startswith(a)), name): weight
             for name, weight in ours.state_dict().items()}  # fmt: skip
    theirs.load_state_dict(state)
    x, rope = numbers(2, 7, 24, seed=9).float(), attention.rope_table(4, 7, 10_000.0)
    hidden = torch.full((7, 7), -math.inf).triu(1)[None, None]
    wanted = theirs(x, tuple(torch.cat((part, part), dim=-1)[None] for part in rope), hidden)[0]
    assert torch.allclose(ours(x, rope=rope), wanted, atol=1e-4)


def test_the_waves_are_those_of_the_formula():
    table = reference.sinusoidal_positions(40, 6)
    for position, feature in ((0, 0), (7, 2), (39, 4)):
        angle = position / 10_000 ** (feature / 6)
        assert table[position, feature].item() == pytest.approx(math.sin(angle), abs=1e-5)
        assert table[position, feature + 1].item() == pytest.approx(math.cos(angle), abs=1e-5)


def test_the_formula_counts_the_parameters_that_the_model_has(gpt):
    parameters, _ = reference.parameters_and_flops(**SHAPE, seq_len=10)
    assert parameters == sum(one.numel() for one in gpt.parameters())


# --- the course's parts against the reference ----------------------------------------------------------------------


def test_the_parts_do_what_the_reference_does():
    q, k, v = (numbers(2, 2, 5, 8, seed=seed) for seed in range(3))
    cos, sin = (part.double() for part in attention.rope_table(8, 5, 100.0))
    assert torch.allclose(LESSON.stand_in("softmax")(q, 1), reference.softmax(q, 1))
    assert torch.allclose(LESSON.stand_in("attend")(q, k, v, causal=True), reference.attend(q, k, v, causal=True))
    assert torch.allclose(LESSON.stand_in("apply_rope")(q, cos, sin), reference.apply_rope(q, cos, sin))
    assert torch.equal(
        *(one(3, 5, device=torch.device("cpu")) for one in (LESSON.stand_in("causal_mask"), reference.causal_mask))
    )
    assert torch.allclose(LESSON.stand_in("RMSNorm")(8).double()(q), reference.RMSNorm(8).double()(q))


@torch.no_grad()
def test_the_plain_answers_run_inside_the_librarys_decoder():
    config = ModelConfig(**SHAPE, max_seq_len=64, n_kv_heads=4, n_experts=0)
    ids = whole_numbers(2, 12)
    wanted = Decoder(config, seed=5)(ids).logits
    assert torch.allclose(Decoder(config, seed=5, attend=reference.attend)(ids).logits, wanted, atol=1e-5)


@torch.no_grad()
def test_the_weights_of_a_gpt_fit_the_librarys_decoder(gpt):
    decoder = Decoder(ModelConfig(**SHAPE, max_seq_len=64, n_kv_heads=4, n_experts=0))
    decoder.load_state_dict(tools.to_library(gpt.state_dict()))
    ids = whole_numbers(2, 12)
    assert torch.allclose(gpt(ids)[0], decoder(ids).logits, atol=1e-5)


def test_no_part_is_a_second_copy_of_the_library():
    assert LESSON.stand_in("attend") is attention.attend
    assert LESSON.stand_in("causal_mask") is attention.causal_mask
    assert LESSON.stand_in("apply_rope") is attention.apply_rope
    assert LESSON.stand_in("RMSNorm") is decoder.RMSNorm


def test_the_profile_of_a_head_that_looks_one_token_back():
    story = next(iter(load_stories("storyworld-small:everyday", limit=1)))
    tokenizer = Tokenizer.train([story.text], vocab_size=300)

    def one_back(ids):
        return torch.diag(torch.ones(len(ids) - 1), -1)[None, None]  # (1, 1, T, T)

    times, share = tools.profile(one_back, [story], tokenizer)
    assert share[0, tools.GOALS.index("previous token")] == 1
    assert share[0, tools.GOALS.index("itself")] == 0
    assert times[0, tools.GOALS.index("previous token")] > 50  # of 21 to 192 tokens


# --- causality, by gradient ----------------------------------------------------------------------------------------


def test_no_output_has_a_gradient_from_the_future(gpt):
    x = numbers(1, 9, 32).float()
    rope = gpt.cos[:9], gpt.sin[:9]
    jacobian = torch.autograd.functional.jacobian(lambda one: gpt.blocks[0](one, rope=rope), x)
    influence = jacobian[0, :, :, 0].abs().sum(dim=(1, 3))  # (T, T)
    assert not influence.triu(1).any()
    assert (influence.tril().diagonal() > 0).all()
    assert (influence[-1] > 0).all()
