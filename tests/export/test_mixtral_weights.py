"""The same weights in our decoder and in transformers' Mixtral and Mistral must give the same numbers."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from storyteller.config import ModelConfig
from storyteller.errors import StorytellerError
from storyteller.export.mixtral_weights import as_transformers, config_fields, transformers_names
from storyteller.moe.layer import build_model
from storyteller.moe.losses import load_balancing_loss
from storyteller.transformer.decoder import Decoder

transformers = pytest.importorskip("transformers")

CONFIG = ModelConfig(
    vocab_size=97, max_seq_len=64, d_model=32, n_layers=3, n_heads=4, n_kv_heads=2, d_ff=24, n_experts=4, top_k=2
)
FORMS = {
    f"{'moe' if n_experts else 'dense'}-{n_kv_heads} kv heads-{'tied' if tied else 'untied'}": replace(
        # Large weights, so that a wrong factor anywhere shows in the logits.
        CONFIG,
        n_experts=n_experts,
        n_kv_heads=n_kv_heads,
        tie_embeddings=tied,
        init_std=0.3,
    )
    for n_experts in (4, 0)
    for n_kv_heads in (4, 2, 1)
    for tied in (True, False)
}


def peer_of(model: Decoder) -> torch.nn.Module:
    """The transformers model with our model's weights."""
    return as_transformers(model).eval()


def random_ids(*shape: int, seed: int = 0) -> Tensor:
    return torch.randint(CONFIG.vocab_size, shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(params=FORMS.values(), ids=FORMS.keys())
def model(request: pytest.FixtureRequest) -> Decoder:
    return build_model(request.param, seed=7).eval()


def assert_same(ours: Tensor, theirs: Tensor) -> None:
    """Equal to 1e-5 of the largest logit.

    Single entries differ by up to 1.3e-5 on some CPUs. Both sides are then as far from the same computation in float64.
    """
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5 * theirs.abs().max().item())


@torch.no_grad()
def test_the_logits_are_the_same(model):
    ids = random_ids(3, 20)
    ours, theirs = model(ids).logits, peer_of(model)(ids).logits
    assert theirs.std() > 0.5  # the comparison means something
    assert_same(ours, theirs)


@torch.no_grad()
def test_the_logits_of_left_padded_texts_are_the_same(model):
    ids, real = random_ids(2, 12), torch.ones(2, 12, dtype=torch.bool)
    real[0, :5] = False
    positions = (real.long().cumsum(1) - 1).clamp(min=0)
    theirs = peer_of(model)(ids, attention_mask=real.long(), position_ids=positions).logits
    assert_same(model(ids, attention_mask=real).logits[real], theirs[real])


@torch.no_grad()
def test_forty_greedy_tokens_with_the_cache_are_the_same(model):
    prompt = random_ids(2, 8, seed=3)
    cache, new, ours = model.new_cache(batch_size=2), prompt, []
    for _ in range(40):
        new = model(new, cache=cache, last_position_only=True).logits.argmax(-1)
        ours.append(new)
    theirs = peer_of(model).generate(
        prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=40, do_sample=False, pad_token_id=0
    )
    assert torch.cat(ours, dim=1).tolist() == theirs[:, 8:].tolist()


@pytest.mark.parametrize("padded", [False, True], ids=["whole", "padded"])
@torch.no_grad()
def test_the_balance_loss_is_the_same_layer_by_layer(padded):
    from transformers.models.mixtral.modeling_mixtral import load_balancing_loss_func

    model = build_model(FORMS["moe-2 kv heads-tied"], seed=7).eval()
    ids, real = random_ids(2, 12), torch.ones(2, 12, dtype=torch.bool)
    real[0, : 5 if padded else 0] = False
    mask = real if padded else None
    positions = (real.long().cumsum(1) - 1).clamp(min=0)
    theirs = peer_of(model)(ids, attention_mask=real.long(), position_ids=positions, output_router_logits=True)
    routings = model(ids, attention_mask=mask).routing
    ours = [load_balancing_loss(layer.probs, layer.expert_ids, attention_mask=mask) for layer in routings]
    assert len(ours) == len(theirs.router_logits) == CONFIG.n_layers
    for loss, logits in zip(ours, theirs.router_logits, strict=True):
        wanted = load_balancing_loss_func((logits,), CONFIG.n_experts, CONFIG.top_k, real.long() if padded else None)
        torch.testing.assert_close(loss, wanted, rtol=1e-5, atol=1e-5)


def test_the_gradients_are_the_same(model):
    """Through router, renormalized weights and experts alike."""
    peer, ids = peer_of(model), random_ids(2, 10)
    for net in (model, peer):
        torch.nn.functional.cross_entropy(net(ids).logits.flatten(0, 1), ids.flatten()).backward()
    grads = {name: parameter.grad for name, parameter in model.named_parameters()}
    theirs = dict(peer.named_parameters())
    for name, wanted in transformers_names(grads, model.config).items():
        if name in theirs:  # a tied head is listed once
            torch.testing.assert_close(
                wanted, theirs[name].grad, rtol=1e-4, atol=1e-5, msg=lambda m, n=name: f"{n}: {m}"
            )


def test_a_model_with_learned_positions_has_no_mixtral_form():
    with pytest.raises(StorytellerError, match="rotary"):
        as_transformers(build_model(replace(CONFIG, positions="learned"), seed=1))


def test_a_model_with_a_sigmoid_router_has_no_mixtral_form():
    with pytest.raises(StorytellerError, match=r"sigmoid router and Mixtral a softmax: .* format onnx"):
        as_transformers(build_model(replace(CONFIG, router="sigmoid"), seed=1))
    assert config_fields(replace(CONFIG, router="sigmoid", n_experts=0))  # a dense model has none


@pytest.mark.parametrize(
    ("change", "words"), [({"balance": "bias"}, "a bias"), ({"n_shared_experts": 1}, "shared exp")]
)
def test_what_mixtral_has_no_place_for_is_refused(change, words):
    with pytest.raises(StorytellerError, match=rf"{words}.*Mixtral has no place.* format onnx"):
        as_transformers(build_model(replace(CONFIG, **change), seed=1))
