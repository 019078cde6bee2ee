"""The answers of lesson 02, plain, in its order.

Legend: `B` batch, `T` query positions, `S` key positions, `D` model width, `H` heads, `Dh` head
width, `F` feed-forward width, `V` vocabulary.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from storyteller.transformer.attention import rope_table


def softmax(x: Tensor, dim: int = -1) -> Tensor:
    """Turn any numbers into positive ones that sum to 1 along a dimension.

    Args:
        x: numbers of any size; some, but not all along `dim`, may be -inf.
        dim: the dimension along which they compete.

    Returns:
        exp(x) / sum of exp(x), in the shape of x, without overflow; 0 where x is -inf.
    """
    # Goal: the formula above, for numbers of any size.
    # Step 1: Move all numbers alike, so that none of them is too large for exp.
    shifted = x - x.amax(dim, keepdim=True)
    # Step 2: The exponential of each.
    weights = shifted.exp()
    # Step 3: Make them sum to 1.
    return weights / weights.sum(dim, keepdim=True)


def attend(
    q: Tensor, k: Tensor, v: Tensor, *,
    mask: Tensor | None = None, causal: bool = False,
) -> Tensor:  # fmt: skip
    """Every query takes the average of the values, weighted by how well their keys fit.

    Args:
        q: (B, H, T, Dh), what each token looks for.
        k: (B, H, S, Dh), what each token offers to be found by.
        v: (B, H, S, Dh), what each token hands over.
        mask: bool, broadcastable to (B, H, T, S); True where a query may look. None:
            everywhere.
        causal: query i may look at the keys 0 to i only. Then there are as many keys as
            queries, and no mask.

    Returns:
        (B, H, T, Dh)
    """
    # Goal: the averages of the values, for any mask, for causal=True, and for neither.
    # Step 1: The score of each query with each key: their dot product, divided by the square
    # root of Dh.
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.size(-1))  # (B, H, T, S)
    # Step 2: If causal: the mask that is True on and below the diagonal.
    if causal:
        mask = torch.ones(scores.shape[-2:], dtype=torch.bool, device=q.device).tril()  # (T, S)
    # Step 3: Where there is a mask and it is False, the score becomes -inf.
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    # Step 4: The softmax over the keys gives the weights; average the values with them.
    return softmax(scores, dim=-1) @ v  # (B, H, T, Dh)


def causal_mask(
    n_queries: int, n_keys: int, *,
    real: Tensor | None = None, device: torch.device,
) -> Tensor:  # fmt: skip
    """Who may look at whom: at real tokens, at none in the future.

    The queries are the last of the keys.

    Args:
        n_queries: T.
        n_keys: S. Query i stands at column S - T + i.
        real: (B, S) bool, False for padding; None where nothing is padded.
        device: where the mask lives.

    Returns:
        (B, 1, T, S) bool, or (1, 1, T, S) without `real`. A token always sees itself,
        padding too: a query that may look nowhere would divide by zero in the softmax.
    """
    column = torch.arange(n_keys, device=device)  # (S,)
    query = column[n_keys - n_queries :, None]  # (T, 1)
    allowed = (column <= query)[None]  # (1, T, S)
    if real is not None:
        allowed = (allowed & real[:, None, :]) | (column == query)  # (B, T, S)
    return allowed[:, None]  # (B, 1, T, S)


def attend_in_heads(
    q: Tensor, k: Tensor, v: Tensor, n_heads: int, *, causal: bool = False
) -> Tensor:  # fmt: skip
    """Attention in several heads, each on its own, in its own slice of the features.

    Args:
        q: (B, T, D), the queries of all heads side by side: the first D/H features are
            those of head 0, and so on.
        k: (B, S, D), the keys.
        v: (B, S, D), the values.
        n_heads: H.
        causal: query i may look at the keys 0 to i only.

    Returns:
        (B, T, D), what the heads gathered, side by side in the same order.
    """
    # One slice of the features for each head.
    q, k, v = (part.unflatten(-1, (n_heads, -1)).transpose(1, 2) for part in (q, k, v))  # (B, H, T, Dh), S for k and v
    # Every head attends on its own.
    gathered = attend(q, k, v, causal=causal)  # (B, H, T, Dh)
    # The slices side by side again.
    return gathered.transpose(1, 2).flatten(start_dim=2)  # (B, T, D)


def apply_rope(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary position embedding: turn each pair of features by its position's angle.

    Args:
        x: (B, H, T, Dh); feature i and feature i + Dh/2 are a pair.
        cos: the cosine of each position's and pair's angle, (T, Dh/2), or (B, 1, T,
            Dh/2) where the texts of a batch stand at different positions.
        sin: the sine of the same angles.

    Returns:
        (B, H, T, Dh), each pair turned counter-clockwise, in the dtype of x.
    """
    # Goal: every pair as a point in the plane, turned by the angle of its position.
    # Step 1: The first and the second half of the features.
    half = x.size(-1) // 2
    a, b = x[..., :half], x[..., half:]  # (B, H, T, Dh/2) each
    # Step 2: Turn every pair by its angle.
    turned = a * cos - b * sin, a * sin + b * cos  # (B, H, T, Dh/2) each
    # Step 3: The two halves one after the other again, in the dtype of x.
    return torch.cat(turned, dim=-1).to(x.dtype)  # (B, H, T, Dh)


class MultiHeadAttention(nn.Module):
    """Attention in several heads, with learned queries, keys and values.

    Args:
        d_model: D.
        n_heads: H; the head width Dh is D / H.

    Source: Vaswani et al. 2017, section 3.2.2.
    """

    def __init__(self, d_model: int, n_heads: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.q = nn.Linear(d_model, d_model, bias=False)
        self.k = nn.Linear(d_model, d_model, bias=False)
        self.v = nn.Linear(d_model, d_model, bias=False)
        self.out = nn.Linear(d_model, d_model, bias=False)

    def forward(
        self, x: Tensor, context: Tensor | None = None, *,
        rope: tuple[Tensor, Tensor] | None = None,
    ) -> Tensor:  # fmt: skip
        """Let every token gather from those before it, or from all of another text.

        Args:
            x: (B, T, D), the tokens that make the queries.
            context: (B, S, D), the tokens of another text to gather from
                (cross-attention); None: from x itself.
            rope: cos and sin for `apply_rope`, (T, Dh/2) each; None: without positions.
                Not with a context.

        Returns:
            (B, T, D)
        """
        # Step 1: Queries from x; keys and values from the context, or from x where there is none.
        source = x if context is None else context
        q, k, v = self.q(x), self.k(source), self.v(source)  # (B, T, D), then (B, S, D) twice
        # Step 2: Split the features into heads, and bring the heads in front of the tokens.
        q, k, v = (part.unflatten(-1, (self.n_heads, -1)).transpose(1, 2) for part in (q, k, v))  # (B, H, T, Dh)
        # Step 3: Where `rope` is given, turn the queries and the keys, and leave the values as
        # they are.
        if rope is not None:
            q, k = apply_rope(q, *rope), apply_rope(k, *rope)
        # Step 4: Attend: causally to the text itself, freely to a context.
        gathered = attend(q, k, v, causal=context is None)  # (B, H, T, Dh)
        # Step 5: Put the heads side by side again, and let `out` mix what they gathered.
        mixed: Tensor = self.out(gathered.transpose(1, 2).flatten(start_dim=2))  # (B, T, D)
        return mixed


class RMSNorm(nn.Module):
    """Bring each token's features to a root mean square of 1, and weigh each feature.

    Args:
        width: D.
        eps: keeps the root away from 0.

    Source: Zhang and Sennrich 2019, equation 4.
    """

    def __init__(self, width: int, *, eps: float = 1e-5) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """The same tokens, normalised.

        Args:
            x: (..., D)

        Returns:
            (..., D)
        """
        # Step 1: The mean of the squares of each token's features.
        square = x.pow(2).mean(dim=-1, keepdim=True)  # (..., 1)
        # Step 2: Divide x by the root of it, with eps added under the root.
        scaled = x / torch.sqrt(square + self.eps)  # (..., D)
        # Step 3: Each feature times its weight.
        return scaled * self.weight  # (..., D)


class Block(nn.Module):
    """One layer: tokens exchange what they know, then each works alone.

    Args:
        d_model: D.
        n_heads: H.
        d_ff: F.

    Source: Xiong et al. 2020, figure 1b; Shazeer 2020, equation 6.
    """

    def __init__(self, d_model: int, n_heads: int, d_ff: int) -> None:
        super().__init__()
        self.attention_norm = RMSNorm(d_model)
        self.attention = MultiHeadAttention(d_model, n_heads)
        self.feed_forward_norm = RMSNorm(d_model)
        self.gate = nn.Linear(d_model, d_ff, bias=False)
        self.up = nn.Linear(d_model, d_ff, bias=False)
        self.down = nn.Linear(d_ff, d_model, bias=False)

    def feed_forward(self, x: Tensor) -> Tensor:
        """SwiGLU: every token on its own, through a wider layer with a gate.

        Args:
            x: (..., D)

        Returns:
            (..., D)
        """
        # Step 1: How far each hidden feature opens: silu of the gate's projection.
        opening = F.silu(self.gate(x))  # (..., F)
        # Step 2: What would pass: the up-projection. Multiply feature by feature, and go back
        # to the model's width.
        back: Tensor = self.down(opening * self.up(x))  # (..., D)
        return back

    def forward(
        self, x: Tensor, *, rope: tuple[Tensor, Tensor] | None = None
    ) -> Tensor:  # fmt: skip
        """The whole layer, pre-norm.

        Args:
            x: (B, T, D)
            rope: for the attention, see `MultiHeadAttention`.

        Returns:
            (B, T, D)
        """
        # Step 3: Normalise a copy, let its tokens attend, and add the result to x.
        x = x + self.attention(self.attention_norm(x), rope=rope)  # (B, T, D)
        # Step 4: The same with the other norm and the feed-forward part, which reads the new x.
        x = x + self.feed_forward(self.feed_forward_norm(x))  # (B, T, D)
        return x


class GPT(nn.Module):
    """A decoder-only language model with tied embeddings.

    Args:
        vocab_size: V.
        d_model: D.
        n_layers: how many blocks.
        n_heads: H.
        d_ff: F.
        max_seq_len: the longest text that it reads, in tokens.
    """

    cos: Tensor  # (max_seq_len, Dh/2), with sin the rotation of every position
    sin: Tensor

    def __init__(
        self, vocab_size: int, d_model: int, n_layers: int, n_heads: int, d_ff: int, *,
        max_seq_len: int = 512,
    ) -> None:  # fmt: skip
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, d_model)
        blocks = (Block(d_model, n_heads, d_ff) for _ in range(n_layers))
        self.blocks = nn.ModuleList(blocks)
        self.norm = RMSNorm(d_model)
        cos, sin = rope_table(d_model // n_heads, max_seq_len, 10_000.0)
        self.register_buffer("cos", cos, persistent=False)  # fixed, not learned
        self.register_buffer("sin", sin, persistent=False)
        for name, matrix in self.named_parameters():
            if matrix.dim() > 1:  # what writes to the stream starts smaller (GPT-2)
                writes = name.endswith(("out.weight", "down.weight"))
                nn.init.normal_(matrix, std=0.024 if writes else 0.08)

    def forward(
        self, ids: Tensor, targets: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:  # fmt: skip
        """The logits of the token after each token, and their loss.

        Args:
            ids: (B, T) int64, token ids.
            targets: (B, T) int64, for each token the one that follows it (the caller
                has shifted them), or -100 where nothing is to be predicted; None: no
                loss.

        Returns:
            The logits, (B, T, V), and the loss, (): the mean of -log p(target) over the
            targets that are not -100. Without targets the loss is None.
        """
        # Goal: from ids to logits, by way of every part above; the loss, with targets.
        # Step 1: The tokens' embeddings, and the first T rows of self.cos and self.sin as `rope`.
        x = self.embedding(ids)  # (B, T, D)
        rope = self.cos[: ids.size(1)], self.sin[: ids.size(1)]  # (T, Dh/2) each
        # Step 2: Through the blocks, one after the other, and the final norm.
        for block in self.blocks:
            x = block(x, rope=rope)
        # Step 3: Logits: how well does x fit each token's embedding? (Tied: there is no other
        # output matrix.)
        logits = self.norm(x) @ self.embedding.weight.T  # (B, T, V)
        # Step 4: The cross-entropy with the targets, if there are any, in which -100 does not
        # count.
        if targets is None:
            return logits, None
        return logits, F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=-100)


class GroupedQueryAttention(nn.Module):
    """Causal self-attention with QK-norm and fewer heads of keys and values.

    Neighbouring query heads share a head of keys and values.

    Its layers, by name: `q`, `k`, `v` and `out` are linear and have no bias; `q_norm`
    and `k_norm` are an `RMSNorm` each, of one head's width. The features of the heads
    lie side by side, as everywhere in this lesson.

    Args:
        d_model: D.
        n_heads: H, heads of the queries; the head width Dh is D / H.
        n_kv_heads: G, heads of the keys and of the values; H is a multiple of it.

    Source: Ainslie et al. 2023, section 2.2; Henry et al. 2020 for the norm, here as in
    Qwen3, before RoPE.
    """

    def __init__(self, d_model: int, n_heads: int, n_kv_heads: int) -> None:
        """Make the layers."""
        # Step 1: Keep what `forward` needs. Queries for H heads, keys and values for G of the
        # same width.
        super().__init__()
        self.n_heads, self.n_kv_heads = n_heads, n_kv_heads
        width = d_model // n_heads
        self.q = nn.Linear(d_model, n_heads * width, bias=False)
        self.k = nn.Linear(d_model, n_kv_heads * width, bias=False)
        self.v = nn.Linear(d_model, n_kv_heads * width, bias=False)
        self.out = nn.Linear(n_heads * width, d_model, bias=False)
        # Step 2: A norm for the queries and one for the keys, each as wide as a head.
        self.q_norm, self.k_norm = RMSNorm(width), RMSNorm(width)

    def forward(
        self, x: Tensor, *, rope: tuple[Tensor, Tensor] | None = None
    ) -> Tensor:  # fmt: skip
        """Let every token gather from itself and the tokens before it.

        Args:
            x: (B, T, D)
            rope: cos and sin for `apply_rope`, (T, Dh/2) each; None: without positions.

        Returns:
            (B, T, D)
        """
        # Step 3: Project, and bring the heads in front of the tokens.
        q = self.q(x).unflatten(-1, (self.n_heads, -1)).transpose(1, 2)  # (B, H, T, Dh)
        k, v = (
            part(x).unflatten(-1, (self.n_kv_heads, -1)).transpose(1, 2) for part in (self.k, self.v)
        )  # (B, G, T, Dh) each
        # Step 4: Normalise what is compared, and turn it where `rope` is given.
        q, k = self.q_norm(q), self.k_norm(k)
        if rope is not None:
            q, k = apply_rope(q, *rope), apply_rope(k, *rope)
        # Step 5: Give every query head the key and value head of its group, and attend.
        k, v = (part.repeat_interleave(self.n_heads // self.n_kv_heads, dim=1) for part in (k, v))  # (B, H, T, Dh)
        gathered = attend(q, k, v, causal=True)  # (B, H, T, Dh)
        # Step 6: The heads side by side again, and `out`.
        mixed: Tensor = self.out(gathered.transpose(1, 2).flatten(start_dim=2))  # (B, T, D)
        return mixed


def sinusoidal_positions(n_positions: int, d_model: int) -> Tensor:
    """A vector for each position, made of waves of different lengths.

    Args:
        n_positions: how many positions.
        d_model: D, even.

    Returns:
        (n_positions, D): sines in the even features, cosines of the same angles in the
        odd ones.

    Source: Vaswani et al. 2017, section 3.5.
    """
    # Step 1: The speed of each pair of features i: 10000^(-2i/D).
    speed = 10_000.0 ** (-torch.arange(0, d_model, 2) / d_model)  # (D/2,)
    # Step 2: The angle of each position and pair: position times speed.
    angle = torch.arange(n_positions)[:, None] * speed  # (n_positions, D/2)
    # Step 3: Sine and cosine as neighbours: sin, cos, sin, cos, ...
    return torch.stack((angle.sin(), angle.cos()), dim=-1).flatten(start_dim=1)  # (n_positions, D)


def parameters_and_flops(
    *, vocab_size: int, d_model: int, n_layers: int,
    n_heads: int, d_ff: int, seq_len: int,
) -> tuple[int, int]:  # fmt: skip
    """What a `GPT` has to learn, and what it costs to read one text with it.

    Args:
        vocab_size: V.
        d_model: D.
        n_layers: how many blocks.
        n_heads: H.
        d_ff: F.
        seq_len: T, tokens of the text.

    Returns:
        The parameters, all of them, and the FLOPs of the matrix products of one forward
        pass over one text: 2 for each multiplication with its addition. Attention is
        counted whole, as if no score were masked.
    """
    # Step 1: The parameters of a block: four matrices of the attention, three of the
    # feed-forward part, two norms.
    matrices = 4 * d_model * d_model + 3 * d_model * d_ff
    # Step 2: All parameters: the blocks, the embedding (once, it is tied) and the final norm.
    parameters = vocab_size * d_model + n_layers * (matrices + 2 * d_model) + d_model
    # Step 3: Each token is multiplied with each matrix once; the embedding is multiplied at the
    # output only.
    per_token = 2 * (n_layers * matrices + vocab_size * d_model)
    # Step 4: In each block every query meets every key, and every weight a value; the heads
    # together are D wide.
    between_tokens = n_layers * 2 * (2 * seq_len * seq_len * d_model)
    return parameters, seq_len * per_token + between_tokens
