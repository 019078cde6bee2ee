from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from small_decoders import MOE, random_ids
from storyteller.errors import StorytellerError
from storyteller.moe.layer import build_model
from storyteller.transformer.decoder import Decoder


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


@pytest.mark.parametrize("n_kv_heads", [4, 2])
def test_with_an_induction_start_a_token_looks_at_what_followed_it_before(n_kv_heads: int) -> None:
    seen = []

    def spy(q: Tensor, k: Tensor, v: Tensor, **options: object) -> Tensor:
        future = torch.ones(q.size(2), q.size(2), dtype=torch.bool).triu(1)
        scores = q @ k.transpose(-2, -1) / q.size(-1) ** 0.5
        seen.append(scores.masked_fill(future, -torch.inf).softmax(-1))  # (B, H, T, T)
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)

    config = replace(MOE, d_model=128, n_kv_heads=n_kv_heads, vocab_size=1000, max_seq_len=64, init_std=0.06)
    once = torch.randperm(1000, generator=torch.Generator().manual_seed(0))[:20]
    places = torch.arange(25, 39)  # of the second time, at each of which the token 19 places before followed this one
    following, log_prob = {}, {}
    for init in ("mimetic", "induction"):
        model = Decoder(replace(config, init=init), seed=3, attend=spy)
        log_probs = model(once.repeat(2)[None]).logits[0].log_softmax(-1)
        following[init] = seen[-1][0, 0, places, places - 19].mean()
        log_prob[init] = log_probs[places].gather(1, once.repeat(2)[places + 1, None]).mean()
    assert following["induction"] > 3 * following["mimetic"]
    assert log_prob["induction"] > log_prob["mimetic"]


@pytest.mark.parametrize("changes", [{"n_layers": 1}, {"n_kv_heads": 1}, {"positions": "learned"}, {"d_model": 8}])
def test_where_no_induction_head_fits_the_start_is_mimetic(changes: dict) -> None:
    config = replace(MOE, **changes)
    one, other = (Decoder(replace(config, init=init), seed=3).state_dict() for init in ("mimetic", "induction"))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_the_mark_that_all_tokens_share_hardly_changes_the_probabilities() -> None:
    config = replace(MOE, d_model=64, vocab_size=300, init="mimetic")
    model = Decoder(config, seed=3)
    E = model.embedding.weight.detach().double()
    common = F.normalize(E.mean(dim=0), dim=0)  # about: the rest of the embeddings has no mean
    x = torch.randn(5, 64, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    log_probs = (x @ E.T).log_softmax(-1)
    # A state that points further along the mark gives the same probabilities.
    assert (log_probs - ((x + common) @ E.T).log_softmax(-1)).abs().max() < 0.2 * log_probs.std()


def test_learned_positions_may_start_mimetic_too() -> None:
    model = Decoder(replace(MOE, positions="learned", init="mimetic"), seed=3)
    assert model(random_ids(1, 4)).logits.isfinite().all()


def test_an_unknown_way_to_initialize_is_refused() -> None:
    with pytest.raises(StorytellerError, match="'normal', 'mimetic' or 'induction'"):
        replace(MOE, init="magic")  # type: ignore[arg-type]


# The first three numbers and the norm of a few weights of `replace(MOE, init=...)` with seed 5, as in version 0.1.0.
KNOWN = {
    "normal": {
        "embedding.weight": ([0.552699, 0.155666, -0.513576], 9.00666),
        "blocks.0.attention.qkv.weight": ([-0.583389, -0.11521, 0.060433], 6.51219),
        "blocks.1.attention.out.weight": ([-0.152352, -0.097317, 0.113702], 2.43405),
        "blocks.1.feed_forward.router.weight": ([0.263662, -0.498853, -0.162443], 2.62521),
        "blocks.1.feed_forward.down": ([0.253683, 0.24806, 0.181787], 4.17144),
    },
    "mimetic": {
        "embedding.weight": ([0.50523, -0.313065, -0.505276], 9.30808),
        "blocks.0.attention.qkv.weight": ([-0.076724, -0.757608, 0.013415], 8.84534),
        "blocks.1.attention.out.weight": ([-0.154256, -0.109321, -0.113825], 2.82843),
        "blocks.1.feed_forward.down": ([0.253683, 0.24806, 0.181787], 4.17144),
    },
}


@pytest.mark.parametrize("init", ["normal", "mimetic"])
def test_a_seed_means_the_same_weights_in_every_version(init):
    weights = build_model(replace(MOE, init=init), seed=5).state_dict()
    for name, (first, norm) in KNOWN[init].items():
        assert weights[name].flatten()[:3].tolist() == pytest.approx(first, abs=2e-5), name
        assert weights[name].double().norm().item() == pytest.approx(norm, abs=2e-4), name
