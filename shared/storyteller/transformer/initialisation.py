"""All weight initialization: what each weight of a decoder is before the first step.

Legend: `D` model width, `H` query heads, `G` key and value heads, `Dh` head width.

Papers: Radford et al. 2019, "Language Models are Unsupervised Multitask Learners" (GPT-2) · Trockman and Kolter 2023,
"Mimetic Initialization of Self-Attention Layers" · Olsson et al. 2022, "In-context Learning and Induction Heads".
"""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from storyteller.transformer.attention import Attention, rope_frequencies

if TYPE_CHECKING:
    from storyteller.transformer.decoder import Decoder

FAR = 0.03  # radians: pairs of RoPE that turn by less from one position to the next can compare tokens far apart

# How the names of those matrices end whose result is added to the residual stream.
INTO_RESIDUAL = (
    "attention.out.weight", "feed_forward.down.weight", "feed_forward.down", "feed_forward.shared.down.weight"
)  # fmt: skip


@torch.no_grad()
def initialize(model: "Decoder", *, seed: int) -> None:
    """Draw all weights of a decoder anew.

    | weight | starts as |
    | --- | --- |
    | `embedding`, learned `position`, `head` | normal, standard deviation `init_std` |
    | `attention.qkv` | the same |
    | `feed_forward.gate_up` of the dense part or of all experts, `feed_forward.router` | the same |
    | `attention.out`, `feed_forward.down` of the dense part or of all experts | `init_std` / sqrt(2 * n_layers) |
    | the norms' weights | 1 |
    | any bias (the library has none) | 0 |
    | with `init="mimetic"`, then: attention, and one direction of the embedding | see `start_mimetic` |
    | with `init="induction"`, then: one head of the second layer too | see `start_induction` |

    Shared experts are drawn as a dense part is. The matrices whose results are added to the residual stream are drawn
    smaller since 2 * n_layers of them add up
    there (GPT-2, section 2.3).

    Args:
        model: its own `config` decides `init_std` and `init`.
        seed: decides the weights, whatever torch's global random state is.
    """
    config = model.config
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        if parameter.dim() > 1:
            std = config.init_std / (2 * config.n_layers) ** 0.5 if name.endswith(INTO_RESIDUAL) else config.init_std
            # Drawn on the CPU in float32, so that a seed means the same weights on every device.
            parameter.copy_(torch.empty(parameter.shape, device="cpu").normal_(0, std, generator=generator))
        else:
            parameter.fill_(0.0 if name.endswith("bias") else 1.0)
    if config.init != "normal":
        start_mimetic(model, generator)
    if config.init == "induction":
        start_induction(model)


@torch.no_grad()
def start_mimetic(model: "Decoder", generator: torch.Generator) -> None:
    """Let attention begin where long training would bring it: with heads that find a name and copy it.

    In every layer like tokens find each other (`_start_as_copier`). In the first, one head adds the token before to
    each token (`_start_looking_back`). Training makes induction heads of them: in the second layer "red" finds whatever
    followed an earlier "red", for "kite" now holds "red" too, and copies it.

    The head that looks back needs a mark that all tokens share: a ninth of each embedding's squared length points in
    one common direction. The logits hardly change, as it adds the same to all of them.

    Source: Olsson et al. 2022, for the two heads; starting from them is ours.
    """
    config = model.config
    attentions = [part for part in model.modules() if isinstance(part, Attention)]
    for attention in attentions:
        _start_as_copier(attention, generator)
    if model.position is not None:  # learned positions say nothing about distances
        return
    D, std = config.d_model, config.init_std
    common = torch.empty(D).normal_(generator=generator)
    common /= common.norm()  # (D,)
    queries_and_keys = (config.n_heads + config.n_kv_heads) * config.head_dim
    for weight in (model.embedding.weight, *(part.qkv.weight[:queries_and_keys] for part in attentions)):
        weight -= torch.outer(weight @ common, common)  # the mark says nothing about the token
    model.embedding.weight += common * std * (D / 8) ** 0.5  # beside a length of about std * sqrt(D)
    reach = (D / 9) ** 0.5  # of a token in the common direction, once RMSNorm has scaled it to sqrt(D)
    _start_looking_back(attentions[0], common / reach, rope_base=config.rope_base)


def _start_as_copier(attention: Attention, generator: torch.Generator, *, gain: float = 2.0) -> None:
    """Set weights with which a token looks for tokens like itself, and adds what it finds there to itself.

    Keys start equal to queries, so like finds like. Values and output are an orthogonal matrix and its transpose,
    whose product is `gain` times the identity, so what a head reads arrives as it was. Learning to copy a name
    from the first sentence into the last otherwise takes a small model most of a short run.

    Source: Trockman and Kolter 2023. Their recipe, for vision, has the same query-key product and a negative
    value-output product; the positive one they report of GPT-2.
    """
    H, G, Dh = attention.n_heads, attention.n_kv_heads, attention.head_dim
    q, k, v = attention.qkv.weight.split((H * Dh, G * Dh, G * Dh))  # (H*Dh, D) and twice (G*Dh, D)
    k.copy_(q.view(G, H // G, Dh, -1)[:, 0].reshape(G * Dh, -1))  # the first query head of each group
    random = torch.empty(v.size(1), v.size(0)).normal_(generator=generator)  # (D, G*Dh)
    basis = torch.linalg.qr(random).Q.T * gain**0.5  # (G*Dh, D), orthogonal rows
    v.copy_(basis)
    shared = basis.view(G, 1, Dh, -1).expand(G, H // G, Dh, -1).reshape(H * Dh, -1)  # each head reads its group's
    attention.out.weight.copy_(shared.T * (G / H))


def _start_looking_back(attention: Attention, shared: Tensor, *, rope_base: float, lead: float = 3.0) -> None:
    """Set weights with which the first key head looks at the token before, whatever the tokens are.

    Queries and keys are made from what all tokens share, so a score depends on the distance alone: RoPE turns them
    on with each position, and a query that starts one step behind the keys matches the key one position back.

    Args:
        attention: of the first layer.
        shared: (D,) what every token has in common: a vector whose product with any normalized token is 1.
        rope_base: as in `rope_table`.
        lead: by how much the score of the token before exceeds that of its neighbours.
    """
    H, G, Dh = attention.n_heads, attention.n_kv_heads, attention.head_dim
    turn = rope_frequencies(Dh, rope_base)[:6]  # the fastest pairs; slow ones do not tell neighbours apart
    n = len(turn)
    size = (lead * Dh**0.5 / (1 - turn.cos()).sum()) ** 0.5
    query, key = torch.zeros(Dh), torch.zeros(Dh)
    key[:n] = size
    query[:n], query[Dh // 2 : Dh // 2 + n] = size * turn.cos(), -size * turn.sin()
    q, k, _ = attention.qkv.weight.split((H * Dh, G * Dh, G * Dh))
    q.view(H, Dh, -1)[: H // G] = torch.outer(query, shared)  # all query heads that read the first key head
    k.view(G, Dh, -1)[0] = torch.outer(key, shared)


@torch.no_grad()
def start_induction(model: "Decoder", *, score: float = 6.0) -> None:
    """Make an induction head of the head that looks back and of the first head of the second layer.

    The head of the second layer finds the places whose token before is the token here, and copies what stands there:
    after a second "red" it looks at what followed the first one, "kite", and makes it likelier. `start_mimetic` leaves
    this to training, for what the head that looks back adds to a token is in no form that another head could compare.

    The values of the first layer split a token into G parts of Dh numbers. Now the head that looks back takes the
    second part of the token before, and writes it where the first part would be. In the second layer a query made of
    the second part matches a key made of the first part exactly where the token before that place is the token here.

    A model of one layer, or with one key head or learned positions, stays as it is.

    Args:
        model: as `start_mimetic` left it.
        score: of a match, before the softmax, about. A head that is surer from the start is harder to train away from.

    Source: Olsson et al. 2022, for the two heads; starting from them is ours.
    """
    config = model.config
    H, G, Dh = config.n_heads, config.n_kv_heads, config.head_dim
    # Only the slow pairs of RoPE compare tokens that stand far apart: the fast ones have turned away by then.
    slow = (rope_frequencies(Dh, config.rope_base) < FAR).repeat(2)[:, None]  # (Dh, 1)
    if config.n_layers == 1 or G == 1 or model.position is not None or not slow.any():
        return
    first, second = [part for part in model.modules() if isinstance(part, Attention)][:2]
    v = first.qkv.weight.split((H * Dh, G * Dh, G * Dh))[2].view(G, Dh, -1)  # (G, Dh, D)
    before, here, copied = v[0].clone(), v[1].clone(), v[-1].clone()  # (Dh, D) each, rows of the same length
    v[0] = here  # and `first.out` goes on writing where the first part is
    size = (score * Dh**0.5 / slow.sum()) ** 0.5 / here[0].norm()
    q, k, v = second.qkv.weight.split((H * Dh, G * Dh, G * Dh))
    q.view(H, Dh, -1)[: H // G] = size * slow * here  # of all query heads that read the first key head
    k.view(G, Dh, -1)[0] = size * slow * before
    v.view(G, Dh, -1)[0] = copied
    second.out.weight.view(-1, G, H // G, Dh)[:, 0] = copied.T[:, None] * (G / H)
