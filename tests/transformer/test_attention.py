import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from storyteller.config import ModelConfig
from storyteller.transformer.attention import Attention, apply_rope, attend, causal_mask, rope_table

CONFIG = ModelConfig(
    vocab_size=11, max_seq_len=32, d_model=24, n_layers=2, n_heads=4, n_kv_heads=2, d_ff=16, n_experts=0
)
CPU = torch.device("cpu")


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def attend_by_loops(q: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> Tensor:
    """The formula of Vaswani et al., one query at a time."""
    out = torch.zeros_like(q)
    for b in range(q.size(0)):
        for h in range(q.size(1)):
            for t in range(q.size(2)):
                seen = [s for s in range(k.size(2)) if mask[b, t, s]]
                scores = [math.exp(float(q[b, h, t] @ k[b, h, s]) / math.sqrt(q.size(3))) for s in seen]
                for score, s in zip(scores, seen, strict=True):
                    out[b, h, t] += score / sum(scores) * v[b, h, s]
    return out


@settings(max_examples=15, deadline=None)
@given(
    n_texts=st.integers(1, 2), n_heads=st.integers(1, 3), n_tokens=st.integers(1, 5), width=st.sampled_from([1, 2, 6])
)
def test_attend_equals_the_formula_written_as_loops(n_texts, n_heads, n_tokens, width):
    q, k, v = (normal(n_texts, n_heads, n_tokens, width, seed=seed) for seed in range(3))
    mask = torch.ones(n_texts, n_tokens, n_tokens, dtype=torch.bool).tril()
    wanted = attend_by_loops(q, k, v, mask)
    torch.testing.assert_close(attend(q, k, v, causal=True), wanted)
    torch.testing.assert_close(attend(q, k, v, mask=mask[:, None]), wanted)
    torch.testing.assert_close(attend(q, k, v), attend_by_loops(q, k, v, torch.ones_like(mask)))


def test_causal_with_other_keys_than_queries_or_with_a_mask_is_refused():
    q, k = normal(1, 1, 2, 4), normal(1, 1, 3, 4)
    with pytest.raises(ValueError, match="3 keys for 2 queries"):
        attend(q, k, k, causal=True)
    with pytest.raises(ValueError, match="and a mask"):
        attend(q, q, q, mask=torch.ones(2, 2, dtype=torch.bool), causal=True)


def test_the_causal_mask_shows_the_past_and_the_token_itself():
    assert causal_mask(3, 3, device=CPU)[0, 0].int().tolist() == [[1, 0, 0], [1, 1, 0], [1, 1, 1]]


def test_a_chunk_after_earlier_tokens_sees_all_of_them():
    assert causal_mask(2, 5, device=CPU)[0, 0].int().tolist() == [[1, 1, 1, 1, 0], [1, 1, 1, 1, 1]]


def test_padding_is_seen_by_itself_only():
    real = torch.tensor([[False, False, True, True]])
    wanted = [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 1, 1]]
    assert causal_mask(4, 4, real=real, device=CPU)[0, 0].int().tolist() == wanted


def test_rope_equals_a_rotation_in_the_complex_plane():
    x, position, base = normal(1, 1, 9, 8), torch.arange(9), 100.0
    cos, sin = rope_table(8, 9, base)
    frequency = torch.tensor([base ** (-2 * i / 8) for i in range(4)], dtype=torch.float64)
    turn = torch.polar(torch.ones(9, 4, dtype=torch.float64), torch.outer(position.double(), frequency))
    wanted = torch.complex(x[..., :4], x[..., 4:]) * turn
    torch.testing.assert_close(
        apply_rope(x, cos, sin), torch.cat((wanted.real, wanted.imag), dim=-1), atol=1e-6, rtol=1e-6
    )


@settings(max_examples=20, deadline=None)
@given(query=st.integers(0, 20), key=st.integers(0, 20), shift=st.integers(0, 20))
def test_rope_makes_scores_depend_on_the_distance_alone(query, key, shift):
    cos, sin = rope_table(8, 41, 10_000.0)
    q, k = normal(1, 1, 1, 8, seed=1), normal(1, 1, 1, 8, seed=2)

    def score(i: int, j: int) -> Tensor:
        return (apply_rope(q, cos[i], sin[i]) * apply_rope(k, cos[j], sin[j])).sum()

    torch.testing.assert_close(score(query, key), score(query + shift, key + shift), atol=1e-5, rtol=1e-5)


def test_rope_keeps_the_dtype():
    cos, sin = rope_table(8, 4, 10_000.0)
    assert apply_rope(torch.ones(1, 1, 4, 8, dtype=torch.bfloat16), cos, sin).dtype == torch.bfloat16


def test_multi_head_attention_equals_torch():
    """Against torch.nn.functional.multi_head_attention_forward, with our weights."""
    config = ModelConfig(
        vocab_size=11, max_seq_len=32, d_model=24, n_layers=1, n_heads=4, n_kv_heads=4, d_ff=16, n_experts=0
    )
    ours = Attention(config).double()
    theirs = torch.nn.MultiheadAttention(24, 4, bias=False, batch_first=True, dtype=torch.float64)
    theirs.load_state_dict({"in_proj_weight": ours.qkv.weight, "out_proj.weight": ours.out.weight})
    x, future = normal(2, 6, 24), torch.ones(6, 6, dtype=torch.bool).triu(1)
    torch.testing.assert_close(ours(x), theirs(x, x, x, attn_mask=future, need_weights=False)[0])


def test_grouped_query_attention_equals_multi_head_attention_with_repeated_key_heads():
    grouped = Attention(CONFIG).double()
    q, k, v = grouped.qkv.weight.split((24, 12, 12))
    repeated = [part.view(2, 6, 24).repeat_interleave(2, dim=0).reshape(24, 24) for part in (k, v)]
    full = Attention(
        ModelConfig(vocab_size=11, max_seq_len=32, d_model=24, n_layers=1, n_heads=4, n_kv_heads=4, d_ff=16)
    )
    full.double().load_state_dict({"qkv.weight": torch.cat((q, *repeated)), "out.weight": grouped.out.weight})
    for n_tokens in (1, 7):  # a single token takes another path
        x = normal(2, n_tokens, 24)
        torch.testing.assert_close(grouped(x), full(x))


def test_attention_runs_the_part_it_is_given():
    calls = []

    def own(q: Tensor, k: Tensor, v: Tensor, *, mask: Tensor | None = None, causal: bool = False) -> Tensor:
        calls.append((tuple(q.shape), tuple(k.shape), causal))
        scores = q @ k.transpose(-1, -2) / q.size(-1) ** 0.5
        if causal:
            scores = scores.masked_fill(torch.ones_like(scores, dtype=torch.bool).triu(1), -torch.inf)
        return scores.softmax(-1) @ v

    layer = Attention(CONFIG, attend=own).double()
    library = Attention(CONFIG).double()
    library.load_state_dict(layer.state_dict())
    x = normal(2, 5, 24)
    torch.testing.assert_close(layer(x), library(x))
    assert calls == [((2, 4, 5, 6), (2, 4, 5, 6), True)]  # keys are repeated: a plain attend need not know of groups
    torch.testing.assert_close(layer(x[:, :1]), library(x[:, :1]))
