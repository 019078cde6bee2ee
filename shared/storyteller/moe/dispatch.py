"""Dispatch: bring every token to the experts that it is routed to, and combine the expert outputs.

    >>> import torch
    >>> x = torch.tensor([[1.0], [2.0], [3.0]])  # 3 tokens, 1 feature
    >>> gate_weights = torch.tensor([[0.75, 0.25], [0.5, 0.5], [1.0, 0.0]])
    >>> expert_ids = torch.tensor([[0, 1], [1, 0], [1, 0]])
    >>> dispatch_sorted(x, gate_weights, expert_ids, [lambda rows: rows, lambda rows: 10 * rows]).flatten().tolist()
    [3.25, 11.0, 30.0]

One sum in several forms. `dispatch_loop` is the plain one: read it first. `dispatch_sorted` is the one for training.
`dispatch_one_token` and `dispatch_grouped` are for generation, `dispatch_dense` is for graphs that other programs run.
`choose_dispatch` is where one of them is chosen.

All take the same arguments:
    x: (N, D)
    gate_weights: (N, k), the weight of each choice.
    expert_ids: (N, k) int64; the value E (one past the last) stands for a dropped choice, which adds nothing.
    experts: E functions, (R, D) to (R, D).
and return (N, D): for token n the sum over its choices j of gate_weights[n, j] * experts[expert_ids[n, j]](x[n]).

Legend: `N` tokens in a row, `D` model width, `F` feed-forward width of one expert, `E` experts, `k` experts that a
token is routed to, `R` rows that all experts together work on: N*k, unless some were dropped or padded.

Papers: Gale et al. 2022, "MegaBlocks" (sorting by expert) · Fedus et al. 2021, "Switch Transformers" (capacity).
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from storyteller.transformer.decoder import swiglu

ROWS_OF_A_KERNEL = 64  # what the rows of an expert are padded to, see `choose_dispatch`

# One expert: rows (R, D) -> (R, D)
Expert = Callable[[Tensor], Tensor]


class Experts(Sequence[Expert]):
    """E SwiGLU experts with stacked weights: `experts[e]` is a function of rows, (R, D) to (R, D).

    Args:
        gate_up: (E, 2F, D)
        down: (E, D, F)
    """

    def __init__(self, gate_up: Tensor, down: Tensor) -> None:
        self.gate_up, self.down = gate_up, down

    def __len__(self) -> int:
        return len(self.gate_up)

    def __getitem__(self, e: int) -> Expert:  # type: ignore[override]  # slices have no use here
        return partial(swiglu, gate_up=self.gate_up[e], down=self.down[e])

    def __iter__(self) -> Iterator[Expert]:
        # unbind, not gate_up[e]: indexing would build a gradient of all E experts for each of them.
        for gate_up, down in zip(self.gate_up.unbind(), self.down.unbind(), strict=True):
            yield partial(swiglu, gate_up=gate_up, down=down)


# dispatch(x (N, D), gate_weights (N, k), expert_ids (N, k), experts) -> (N, D), as `MoELayer` calls it
Dispatch = Callable[[Tensor, Tensor, Tensor, Experts], Tensor]


def within_capacity(expert_ids: Tensor, *, n_experts: int, capacity: int) -> Tensor:
    """Which choices find a free place, when every expert has `capacity` of them.

    Places go in token order: an earlier token goes before a later one, and a token's best expert before its second.

    Args:
        expert_ids: (N, k)

    Returns:
        (N, k) bool, False for a choice that is dropped.

    Source: Fedus et al. 2021, section 2.2 ("expert capacity").
    """
    taken = F.one_hot(expert_ids.flatten(), n_experts).cumsum(dim=0)  # (N*k, E), choices of e up to and with this one
    rank = taken.gather(1, expert_ids.flatten()[:, None])  # (N*k, 1), 1 for the expert's first token
    return (rank <= capacity).view_as(expert_ids)


def dispatch_loop(x: Tensor, gate_weights: Tensor, expert_ids: Tensor, experts: Sequence[Expert]) -> Tensor:
    """The plain form: each expert in turn takes the tokens that are routed to it. No program calls it: it is read.

    Source: mistral-inference, moe.py.
    """
    y = torch.zeros_like(x, dtype=torch.promote_types(x.dtype, gate_weights.dtype))  # (N, D)
    for e, expert in enumerate(experts):
        token, choice = torch.where(expert_ids == e)  # (R_e,) each: whose rows these are, and as which of its choices
        if len(token):
            y = y.index_add(0, token, gate_weights[token, choice, None] * expert(x[token]))
    return y.to(x.dtype)


def dispatch_sorted(
    x: Tensor, gate_weights: Tensor, expert_ids: Tensor, experts: Sequence[Expert], *, pad_rows_to: int = 1
) -> Tensor:
    """All rows for the same expert are brought together by one sort, so that each expert does one large product.

    An expert without tokens is not called. With `pad_rows_to`, every expert's number of rows is padded to a multiple.

    Source: Gale et al. 2022 (MegaBlocks), the permutation of tokens by expert, without its kernels.
    """
    token, gate, sizes = _sort_by_expert(gate_weights, expert_ids, len(experts))  # (R,), (R,), (E,)
    if pad_rows_to > 1:
        token, gate, sizes = _pad_rows(token, gate, sizes, multiple=pad_rows_to)
    if not len(token):
        return torch.zeros_like(x)
    outputs = []
    for expert, rows in zip(experts, x.index_select(0, token).split(sizes.tolist()), strict=True):
        if len(rows):
            outputs.append(expert(rows))  # (rows of e, D)
    together = torch.cat(outputs)  # (R, D)
    outputs.clear()  # their memory is used again at once
    return _combine(together, token, gate, x)


def _sort_by_expert(gate_weights: Tensor, expert_ids: Tensor, n_experts: int) -> tuple[Tensor, Tensor, Tensor]:
    """The choices sorted by expert: each row's token (R,), its gate weight (R,), and the rows of each expert (E,)."""
    k, chosen = expert_ids.size(1), expert_ids.flatten()  # (N*k,)
    order = chosen.argsort(stable=True)  # (N*k,) choices, by expert
    sizes = torch.bincount(chosen, minlength=n_experts)[:n_experts]  # (E,)
    order = order[: int(sizes.sum())]  # (R,): dropped choices stand last
    return order // k, gate_weights.flatten()[order], sizes


def _pad_rows(token: Tensor, gate: Tensor, sizes: Tensor, *, multiple: int) -> tuple[Tensor, Tensor, Tensor]:
    """Pad the rows of every expert to a multiple, with copies of token 0 whose gate weight is 0."""
    padding = -sizes % multiple  # (E,) rows to add behind each expert's own
    before = padding.cumsum(0) - padding  # (E,) rows added before the expert's first
    slot = torch.arange(len(token), device=token.device) + before.repeat_interleave(sizes)  # (R,)
    n_rows = len(token) + int(padding.sum())
    token = token.new_zeros(n_rows).index_copy(0, slot, token)
    gate = gate.new_zeros(n_rows).index_copy(0, slot, gate)
    return token, gate, sizes + padding


def _combine(outputs: Tensor, token: Tensor, gate: Tensor, x: Tensor) -> Tensor:
    """Add every expert output, (R, D), times its gate weight, to its token's row of zeros in the shape of x."""
    weighted = outputs * gate[:, None]  # (R, D), in float32 where the gate weights are
    return torch.zeros_like(x, dtype=weighted.dtype).index_add(0, token, weighted).to(x.dtype)  # (N, D)


def dispatch_one_token(x: Tensor, gate_weights: Tensor, expert_ids: Tensor, experts: Sequence[Expert]) -> Tensor:
    """For a single token, (1, D), as in decoding: nothing to sort."""
    y = None
    for gate, e in zip(gate_weights[0].unbind(), expert_ids[0].tolist(), strict=True):
        if e < len(experts):
            output = gate * experts[e](x)  # (1, D)
            y = output if y is None else y + output
    return torch.zeros_like(x) if y is None else y.to(x.dtype)


def dispatch_grouped(x: Tensor, gate_weights: Tensor, expert_ids: Tensor, experts: Experts) -> Tensor:
    """All experts in two calls of PyTorch's grouped product, which has no gradient on a CPU."""
    token, gate, sizes = _sort_by_expert(gate_weights, expert_ids, len(experts))  # (R,), (R,), (E,)
    if not len(token):
        return torch.zeros_like(x)
    rows, ends = x.index_select(0, token), sizes.cumsum(0, dtype=torch.int32)  # (R, D), (E,)
    gates, up = F.grouped_mm(rows, experts.gate_up.transpose(1, 2), offs=ends).chunk(2, dim=-1)  # (R, F) each
    outputs = F.grouped_mm(F.silu(gates) * up, experts.down.transpose(1, 2), offs=ends)  # (R, D)
    return _combine(outputs, token, gate, x)


def dispatch_dense(x: Tensor, gate_weights: Tensor, expert_ids: Tensor, experts: Sequence[Expert]) -> Tensor:
    """Every expert reads every token, in E/k times the arithmetic; where a token is not routed, its weight is 0.

    No shape depends on the router's choices, as a graph for another program needs it (`storyteller.export.onnx`).
    """
    # A column more for the dropped choices. size(0), not len: torch.export takes len for a number that never changes.
    gates = gate_weights.new_zeros(x.size(0), len(experts) + 1).scatter_add(1, expert_ids, gate_weights)  # (N, E + 1)
    outputs = [gates[:, e, None] * expert(x) for e, expert in enumerate(experts)]  # E times (N, D)
    return torch.stack(outputs).sum(dim=0).to(x.dtype)  # (N, D)


def choose_dispatch(x: Tensor, experts: Experts) -> Dispatch:
    """The fastest form for these tokens on this machine: what `MoELayer` runs, unless it is given one of its own."""
    if len(x) == 1:
        return dispatch_one_token
    on_cpu, autocast = x.device.type == "cpu", torch.is_autocast_enabled("cpu")
    if (
        not torch.is_grad_enabled()
        and on_cpu
        and not autocast
        and x.dtype == experts.down.dtype == torch.float32
        and experts.down.size(1) % 4 == 0  # it wants rows of whole 16 bytes
        and experts.down.size(2) % 4 == 0
        and hasattr(F, "grouped_mm")  # PyTorch 2.10 and newer
    ):
        return dispatch_grouped
    # On a CPU, oneDNN builds and caches a kernel for each shape of a low-precision product. The rows of an expert
    # change with every batch, so kernels would be built all the time; padded to 64, the same few shapes come again and
    # again. With fewer rows than that (generation), the shapes are few anyway, and padding would be most of the work.
    dtype = torch.get_autocast_dtype("cpu") if autocast else x.dtype
    if on_cpu and dtype in (torch.bfloat16, torch.float16) and len(x) >= ROWS_OF_A_KERNEL * len(experts):
        return partial(dispatch_sorted, pad_rows_to=ROWS_OF_A_KERNEL)
    return dispatch_sorted
