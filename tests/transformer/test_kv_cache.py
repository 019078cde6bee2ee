import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from small_decoders import MOE, left_pad, random_ids
from storyteller.config import ModelConfig
from storyteller.errors import StorytellerError
from storyteller.moe.layer import build_model
from storyteller.transformer.attention import Attention, causal_mask
from storyteller.transformer.kv_cache import KVCache

CONFIG = ModelConfig(
    vocab_size=11, max_seq_len=32, d_model=24, n_layers=2, n_heads=4, n_kv_heads=2, d_ff=16, n_experts=0
)
CPU = torch.device("cpu")


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_a_cache_longer_than_the_model_reads_is_refused():
    with pytest.raises(StorytellerError, match="33 tokens was asked for, but the model reads at most 32"):
        KVCache(CONFIG, batch_size=1, capacity=33)


def test_attention_through_a_cache_equals_attention_at_once():
    layer, x = Attention(CONFIG).double(), normal(2, 9, 24)
    cache = KVCache(CONFIG, batch_size=2, dtype=torch.float64)
    wanted = F.layer_norm(layer(x), (24,))
    got = []
    for start, end in ((0, 4), (4, 5), (5, 9)):
        mask = causal_mask(end - start, end, device=CPU) if end - start > 1 else None
        got.append(layer(x[:, start:end], mask=mask, cache=cache, layer=1))
        cache.advance(end - start)
    torch.testing.assert_close(F.layer_norm(torch.cat(got, dim=1), (24,)), wanted)


def test_attention_refuses_a_chunk_after_cached_tokens_without_a_mask():
    layer, cache = Attention(CONFIG), KVCache(CONFIG, batch_size=1)
    layer(torch.ones(1, 3, 24), cache=cache)
    cache.advance(3)
    with pytest.raises(ValueError, match="5 keys for 2 queries"):
        layer(torch.ones(1, 2, 24), cache=cache)


@settings(max_examples=15, deadline=None)
@given(cuts=st.lists(st.integers(1, 6), min_size=1, max_size=5), lengths=st.lists(st.integers(1, 5), min_size=1))
def test_any_way_of_feeding_a_text_through_the_cache_gives_the_same_logits(cuts, lengths):
    """Left-padded prompts of different lengths, and then chunks of any size."""
    model = build_model(MOE, seed=3).double().eval()
    lengths, n_new = lengths[:3], min(sum(cuts), 18)
    rows = [random_ids(n + n_new, seed=n) for n in lengths]
    prompts, real = left_pad([row[:n] for row, n in zip(rows, lengths, strict=True)])
    later = torch.stack([row[n:] for row, n in zip(rows, lengths, strict=True)])
    with torch.no_grad():
        cache = model.new_cache(batch_size=len(rows))
        parts, fed = [model(prompts, attention_mask=real, cache=cache).logits], 0
        for cut in cuts:
            if chunk := min(cut, n_new - fed):
                parts.append(model(later[:, fed : fed + chunk], cache=cache).logits)
                fed += chunk
        logits = torch.cat(parts, dim=1)
        for row, got in zip(rows, logits, strict=True):
            torch.testing.assert_close(got[-len(row) :], model(row[None]).logits[0])


def test_padding_in_a_later_chunk_is_skipped_too(model):
    ids, real = random_ids(1, 8), torch.tensor([[True, True, False, True, False, True, True, True]])
    cache = model.new_cache(batch_size=1)
    model(ids[:, :2], cache=cache)
    logits = model(ids[:, 2:], attention_mask=real[:, 2:], cache=cache).logits
    torch.testing.assert_close(logits[:, -1], model(ids[real][None]).logits[:, -1])


def test_a_reset_cache_starts_anew(model):
    ids, cache = random_ids(2, 6), model.new_cache(batch_size=2, capacity=8)
    wanted = model(ids, cache=cache).logits
    cache.reset()
    model(ids[:, :4], attention_mask=torch.arange(4)[None].expand(2, 4) > 1, cache=cache)
    cache.reset()
    torch.testing.assert_close(model(ids, cache=cache).logits, wanted)


@pytest.mark.parametrize("dropped", [0, 1, 2])
def test_a_row_that_is_dropped_is_replaced_by_the_last_and_the_others_stay(model, dropped):
    rows = [random_ids(n, seed=n) for n in (5, 3, 4)]
    prompts, real = left_pad(rows)
    cache = model.new_cache(batch_size=3)
    model(prompts, attention_mask=real, cache=cache)
    cache.drop_row(dropped)
    left = [0, 1, 2]
    left[dropped] = left[-1]
    left.pop()
    new = random_ids(2, 3, seed=9)
    logits = model(new, cache=cache).logits
    for place, row in enumerate(left):
        alone = model(torch.cat([rows[row], new[place]])[None]).logits[0, -3:]
        torch.testing.assert_close(logits[place], alone)
