from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from storyteller.config import ModelConfig
from storyteller.errors import StorytellerError
from storyteller.moe.layer import build_model
from storyteller.transformer.decoder import Decoder, RMSNorm, SwiGLU

# Large weights, so that every part shows in the logits.
MOE = ModelConfig(
    vocab_size=61,
    max_seq_len=24,
    d_model=16,
    n_layers=2,
    n_heads=4,
    n_kv_heads=2,
    d_ff=12,
    n_experts=4,
    top_k=2,
    init_std=0.3,
)
CONFIGS = {
    "moe": MOE,
    "dense": replace(MOE, n_experts=0),
    "learned positions": replace(MOE, positions="learned"),
    "untied": replace(MOE, tie_embeddings=False),
    "one key head": replace(MOE, n_kv_heads=1),
}


@pytest.fixture(params=CONFIGS.values(), ids=CONFIGS.keys())
def model(request: pytest.FixtureRequest) -> Decoder:
    return build_model(request.param, seed=3).double().eval()


def random_ids(*shape: int, seed: int = 0) -> Tensor:
    return torch.randint(MOE.vocab_size, shape, generator=torch.Generator().manual_seed(seed))


def left_pad(rows: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Ids (B, T) with zeros on the left, and the mask of the real ones."""
    longest = max(len(row) for row in rows)
    ids = torch.stack([F.pad(row, (longest - len(row), 0)) for row in rows])
    return ids, torch.stack([torch.arange(longest) >= longest - len(row) for row in rows])


def test_rms_norm_equals_its_formula():
    norm, x = RMSNorm(6, eps=1e-3), torch.randn(2, 3, 6)
    nn.init.normal_(norm.weight)
    torch.testing.assert_close(norm(x), x / (x.square().mean(-1, keepdim=True) + 1e-3).sqrt() * norm.weight)


def test_rms_norm_of_bfloat16_is_computed_in_float32():
    x = (torch.randn(4, 512) * 30).bfloat16()
    norm = RMSNorm(512)
    assert norm(x).dtype == torch.bfloat16
    torch.testing.assert_close(norm(x), norm(x.float()).bfloat16(), rtol=0, atol=0)


def test_swiglu_equals_its_formula():
    layer, x = SwiGLU(MOE), torch.randn(2, 3, 16)
    gate, up = layer.gate_up.weight[:12], layer.gate_up.weight[12:]
    hidden = x @ gate.T
    torch.testing.assert_close(layer(x), (hidden * hidden.sigmoid() * (x @ up.T)) @ layer.down.weight.T)


def test_future_tokens_do_not_change_the_past(model):
    ids, other = random_ids(2, 10), random_ids(2, 10, seed=1)
    changed = torch.cat((ids[:, :6], other[:, 6:]), dim=1)
    torch.testing.assert_close(model(ids).logits[:, :6], model(changed).logits[:, :6])
    assert not torch.equal(model(ids).logits[:, 6:], model(changed).logits[:, 6:])


def test_a_logit_has_no_gradient_to_later_tokens_and_some_to_every_earlier_one(model):
    seen = []
    model.embedding.register_forward_hook(lambda module, inputs, output: seen.append(output.requires_grad_()))
    logits = model(random_ids(1, 8)).logits
    for position in range(8):
        (gradient,) = torch.autograd.grad(logits[0, position].square().sum(), seen[0], retain_graph=True)
        reached = gradient[0].abs().sum(-1) > 0
        assert reached.tolist() == [column <= position for column in range(8)]


def test_a_text_alone_and_left_padded_in_a_batch_gives_the_same_logits(model):
    rows = [random_ids(n, seed=n) for n in (3, 7, 5)]
    ids, real = left_pad(rows)
    logits = model(ids, attention_mask=real).logits
    assert logits.isfinite().all()
    for row, got in zip(rows, logits, strict=True):
        torch.testing.assert_close(got[-len(row) :], model(row[None]).logits[0])


def test_right_padding_changes_nothing(model):
    ids = random_ids(1, 9)
    real = torch.arange(9)[None] < 6
    torch.testing.assert_close(model(ids, attention_mask=real).logits[:, :6], model(ids[:, :6]).logits)


def test_a_row_of_nothing_but_padding_gives_no_nan_and_disturbs_no_gradient(model):
    ids, real = random_ids(2, 5), torch.tensor([[False] * 5, [True] * 5])
    logits = model(ids, attention_mask=real).logits
    assert logits.isfinite().all()
    logits[1].sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters() if parameter.grad is not None)


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


def test_last_only_gives_the_logits_of_the_last_position(model):
    ids = random_ids(2, 5)
    torch.testing.assert_close(model(ids, last_position_only=True).logits, model(ids).logits[:, -1:])


def test_a_text_longer_than_the_model_reads_is_refused(model):
    with pytest.raises(StorytellerError, match="25 tokens long, but this model reads at most 24"):
        model(random_ids(1, 25))
    cache = model.new_cache(batch_size=1, capacity=6)
    model(random_ids(1, 5), cache=cache)
    with pytest.raises(StorytellerError, match="7 tokens long, but the cache holds at most 6"):
        model(random_ids(1, 2), cache=cache)
    assert cache.length == 5  # nothing is lost
    model(random_ids(1, 1), cache=cache)


def test_the_order_of_tokens_matters(model):
    ids = random_ids(1, 6)
    swapped = ids[:, [1, 0, 2, 3, 4, 5]]
    assert not torch.allclose(model(ids).logits[:, -1], model(swapped).logits[:, -1])


def test_the_same_seed_gives_the_same_weights_whatever_the_global_random_state():
    torch.manual_seed(1)
    first = build_model(MOE, seed=5).state_dict()
    torch.manual_seed(2)
    second, third = build_model(MOE, seed=5).state_dict(), build_model(MOE, seed=6).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not torch.equal(first["embedding.weight"], third["embedding.weight"])


def test_weights_start_normal_and_residual_projections_smaller():
    config = replace(
        MOE, d_model=128, d_ff=128, vocab_size=512, tie_embeddings=False, positions="learned", init_std=0.02
    )
    for form in (config, replace(config, n_experts=0)):
        for name, parameter in build_model(form, seed=1).named_parameters():
            small = name.endswith(("attention.out.weight", "feed_forward.down", "feed_forward.down.weight"))
            wanted = 0.0 if parameter.dim() == 1 else config.init_std / ((2 * config.n_layers) ** 0.5 if small else 1.0)
            assert parameter.std().item() == pytest.approx(wanted, rel=0.15), name
            assert parameter.mean().item() == pytest.approx(1.0 if parameter.dim() == 1 else 0.0, abs=4e-3), name


@pytest.mark.parametrize("tied", [True, False])
def test_tied_embeddings_share_their_weights(tied):
    model = build_model(replace(MOE, tie_embeddings=tied), seed=1)
    assert ("head.weight" in model.state_dict()) is not tied
    model(random_ids(1, 4)).logits.sum().backward()
    assert model.embedding.weight.grad is not None


@pytest.mark.parametrize("padded", [False, True])
def test_checkpointed_blocks_give_the_same_gradients(model, padded):
    model.train()
    ids = random_ids(2, 7)
    mask = left_pad([random_ids(4), random_ids(7)])[1] if padded else None

    def gradients() -> dict[str, Tensor]:
        model.zero_grad()
        logits, routing = model(ids, attention_mask=mask)
        loss = logits.square().mean() + sum(layer.probs.square().mean() for layer in routing)
        loss.backward()
        return {name: parameter.grad.clone() for name, parameter in model.named_parameters()}

    wanted = gradients()
    model.checkpoint_blocks = True
    got = gradients()
    for name in wanted:
        torch.testing.assert_close(got[name], wanted[name], rtol=0, atol=0)


@pytest.mark.parametrize("name", CONFIGS)
def test_bfloat16_autocast_stays_close_to_float32(name):
    model, ids = build_model(replace(CONFIGS[name], init_std=0.1), seed=3), random_ids(2, 10)
    wanted = model(ids).logits
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits, routing = model(ids)
        loss = F.cross_entropy(logits.flatten(0, 1).float(), ids.flatten())
    assert logits.dtype == torch.bfloat16
    assert all(layer.logits.dtype == torch.float32 for layer in routing)
    assert (logits - wanted).abs().mean() < 0.05 * wanted.std()
    loss.backward()
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters())


def test_a_bfloat16_model_generates_through_its_cache():
    model = build_model(MOE, seed=3).bfloat16()
    cache = model.new_cache(batch_size=1)
    assert model(random_ids(1, 4), cache=cache).logits.isfinite().all()
    assert model(random_ids(1, 1), cache=cache).logits.isfinite().all()


def test_the_decoder_takes_a_feed_forward_part_of_ones_own():
    class Doubling(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return 2 * x

    model = Decoder(MOE, feed_forward=lambda config, layer: Doubling())
    logits, routing = model(random_ids(1, 3))
    assert logits.shape == (1, 3, MOE.vocab_size)
    assert routing == []


@pytest.mark.parametrize("n_kv_heads", [4, 2])
def test_a_mimetic_attention_returns_what_it_reads(n_kv_heads: int) -> None:
    config = replace(MOE, n_kv_heads=n_kv_heads, init="mimetic")
    attention = Decoder(config, seed=3).blocks[1].attention
    x = torch.randn(1, 1, 16, generator=torch.Generator().manual_seed(0)).expand(1, 5, 16)  # (B, T, D)
    once = attention(x)  # five equal tokens: whatever is looked at, the same is read
    twice = attention(once / 2)
    if n_kv_heads == 4:
        torch.testing.assert_close(once, 2 * x, rtol=1e-4, atol=1e-5)
    # With fewer values than features it is a projection: what came through once comes through again.
    torch.testing.assert_close(twice, once, rtol=1e-4, atol=1e-5)


def test_with_a_mimetic_start_a_token_looks_most_at_tokens_like_itself() -> None:
    config = replace(MOE, d_model=64, n_kv_heads=4, init="mimetic", init_std=0.1)
    seen = {}

    def spy(q: Tensor, k: Tensor, v: Tensor, **options: object) -> Tensor:
        seen["q"], seen["k"] = q, k
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)

    attention = Decoder(config, seed=3, attend=spy).blocks[1].attention
    tokens = torch.randn(1, 8, 64, generator=torch.Generator().manual_seed(0))  # (B, T, D)
    attention(tokens)
    scores = seen["q"] @ seen["k"].transpose(-2, -1)  # (B, H, T, T)
    assert (scores.argmax(-1) == torch.arange(8)).float().mean() > 0.9


@pytest.mark.parametrize(("n_kv_heads", "looking_back"), [(4, [0]), (2, [0, 1])])
def test_with_a_mimetic_start_the_first_head_looks_at_the_token_before(
    n_kv_heads: int, looking_back: list[int]
) -> None:
    seen = []

    def spy(q: Tensor, k: Tensor, v: Tensor, **options: object) -> Tensor:
        future = torch.ones(50, 50, dtype=torch.bool).triu(1)
        scores = q @ k.transpose(-2, -1) / q.size(-1) ** 0.5
        seen.append(scores.masked_fill(future, -torch.inf).softmax(-1))  # (B, H, T, T)
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)

    config = replace(MOE, d_model=128, n_kv_heads=n_kv_heads, vocab_size=1000, max_seq_len=64, init="mimetic")
    ids = torch.randperm(1000, generator=torch.Generator().manual_seed(0))[:50]
    Decoder(config, seed=3, attend=spy)(ids[None])
    on_the_one_before = seen[0][0].diagonal(-1, dim1=1, dim2=2).mean(-1)  # (H,)
    expected = torch.zeros(4, dtype=torch.bool)
    expected[looking_back] = True
    assert torch.equal(on_the_one_before > 0.7, expected)
    assert on_the_one_before[~expected].max() < 0.3
    assert seen[1][0].diagonal(-1, dim1=1, dim2=2).mean() < 0.3  # in the first layer only


def test_the_mark_that_all_tokens_share_does_not_change_the_odds() -> None:
    config = replace(MOE, d_model=64, vocab_size=300, init="mimetic")
    model = Decoder(config, seed=3)
    E = model.embedding.weight.detach().double()
    common = F.normalize(E.mean(dim=0), dim=0)  # about: the rest of the embeddings has no mean
    x = torch.randn(5, 64, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    odds = (x @ E.T).log_softmax(-1)
    # A state that points further along the mark gives the same odds.
    assert (odds - ((x + common) @ E.T).log_softmax(-1)).abs().max() < 0.2 * odds.std()


def test_learned_positions_may_start_mimetic_too() -> None:
    model = Decoder(replace(MOE, positions="learned", init="mimetic"), seed=3)
    assert model(random_ids(1, 4)).logits.isfinite().all()


def test_an_unknown_way_to_initialise_is_refused() -> None:
    with pytest.raises(StorytellerError, match="'normal' or 'mimetic'"):
        replace(MOE, init="magic")  # type: ignore[arg-type]
