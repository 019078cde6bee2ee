from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from small_decoders import CONFIGS, MOE, left_pad, random_ids
from storyteller.errors import StorytellerError
from storyteller.moe.layer import build_model
from storyteller.transformer.attention import attend
from storyteller.transformer.decoder import Decoder, RMSNorm, SwiGLU

DENSE = CONFIGS["dense"]


def test_rms_norm_equals_its_formula():
    norm, x = RMSNorm(6, eps=1e-3), torch.randn(2, 3, 6)
    nn.init.normal_(norm.weight)
    wanted = x / (x.square().mean(-1, keepdim=True) + 1e-3).sqrt() * norm.weight
    torch.testing.assert_close(norm(x), wanted)
    with torch.no_grad():  # another form
        torch.testing.assert_close(norm(x), wanted)
        torch.testing.assert_close(norm(0 * x), 0 * x)


def test_rms_norm_of_bfloat16_is_computed_in_float32():
    x = (torch.randn(4, 512) * 30).bfloat16()
    norm = RMSNorm(512)
    assert norm(x).dtype == torch.bfloat16
    torch.testing.assert_close(norm(x), norm(x.float()).bfloat16(), rtol=0, atol=0)


def test_swiglu_equals_its_formula():
    layer, x = SwiGLU(MOE), torch.randn(2, 3, 16)
    gate, up = layer.gate_up.weight[:12], layer.gate_up.weight[12:]
    hidden = x @ gate.T
    torch.testing.assert_close(layer(x)[0], (hidden * hidden.sigmoid() * (x @ up.T)) @ layer.down.weight.T)


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
        def forward(self, x: Tensor) -> tuple[Tensor, None]:
            return 2 * x, None

    model = Decoder(MOE, feed_forward=lambda config, layer: Doubling())
    logits, routing = model(random_ids(1, 3))
    assert logits.shape == (1, 3, MOE.vocab_size)
    assert routing == []


def test_a_decoder_remembers_which_of_its_parts_were_replaced():
    def own(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        return x

    assert Decoder(DENSE).replaced_parts == ()
    assert Decoder(DENSE, attend=attend, norm=RMSNorm).replaced_parts == ()
    assert Decoder(DENSE, apply_rope=own, norm=lambda width, eps: nn.Identity()).replaced_parts == (
        "apply_rope",
        "norm",
    )
