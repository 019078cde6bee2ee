"""Dispatch: bring every token to the experts that it is routed to, and combine the expert outputs.

    >>> import torch
    >>> x = torch.tensor([[1.0], [2.0], [3.0]])  # 3 tokens, 1 feature
    >>> gate_weights = torch.tensor([[0.75, 0.25], [0.5, 0.5], [1.0, 0.0]])
    >>> expert_ids = torch.tensor([[0, 1], [1, 0], [1, 0]])
    >>> dispatch_sorted(x, gate_weights, expert_ids, [lambda rows: rows, lambda rows: 10 * rows]).flatten().tolist()
    [3.25, 11.0, 30.0]

One sum in several forms. `dispatch_loop` is the plain one: read it first. `dispatch_sorted` runs anywhere,
`dispatch_grouped` is faster where PyTorch has its product (on a CPU in float32, on new GPUs in bfloat16), and
`dispatch_batched` is the one for training in 16 bits on a CPU. `dispatch_one_token` is for generation,
`dispatch_dense` for graphs that other programs run.
`choose_dispatch` is where one of them is chosen.

All take the same arguments:
    x: (N, D)
    gate_weights: (N, k), the weight of each choice.
    expert_ids: (N, k) int64; the value E (one past the last) stands for a dropped choice, which adds nothing.
    experts: E functions, (R, D) to (R, D).
and return (N, D): for token n the sum over its choices j of gate_weights[n, j] * experts[expert_ids[n, j]](x[n]).

Legend: `N` tokens flattened, `D` model width, `F` feed-forward width of one expert, `E` experts, `k` experts that a
token is routed to, `R` rows that all experts together work on: N*k, unless some were dropped.

Papers: Gale et al. 2022, "MegaBlocks" (sorting by expert) · Fedus et al. 2021, "Switch Transformers" (capacity).
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from storyteller.transformer.decoder import swiglu

PLACES_MULTIPLE = 32  # `dispatch_batched`: of what an expert has places for
MAX_PLACES_PER_ROW = 2.5  # `dispatch_batched`: beyond it, empty places cost more than new shapes

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
    chosen = expert_ids.flatten()[:, None]  # (N*k, 1)
    one_hot = chosen.new_zeros(len(chosen), n_experts).scatter(1, chosen, 1)  # (N*k, E)
    taken = one_hot.cumsum(dim=0)  # (N*k, E), choices of e up to and with this one
    rank = taken.gather(1, chosen)  # (N*k, 1), 1 for the expert's first token
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


def dispatch_sorted(x: Tensor, gate_weights: Tensor, expert_ids: Tensor, experts: Sequence[Expert]) -> Tensor:
    """All rows for the same expert are brought together by one sort, so that each expert does one large product.

    An expert without tokens is not called.

    Source: Gale et al. 2022 (MegaBlocks), the permutation of tokens by expert, without its kernels.
    """
    order, sizes = sort_by_expert(expert_ids, len(experts))  # (R,), (E,)
    if not len(order):
        return torch.zeros_like(x)
    token, gate = order // expert_ids.size(1), gate_weights.flatten().index_select(0, order)  # (R,) each
    outputs = []
    for expert, rows in zip(experts, x.index_select(0, token).split(sizes.tolist()), strict=True):
        if len(rows):
            outputs.append(expert(rows))  # (rows of e, D)
    together = torch.cat(outputs)  # (R, D)
    outputs.clear()  # their memory is used again at once
    return combine(together, token, gate, x)


def sort_by_expert(expert_ids: Tensor, n_experts: int) -> tuple[Tensor, Tensor]:
    """The choices (R,) in the order of their experts, as places among all N*k, and how many each expert has (E,)."""
    chosen = expert_ids.flatten()  # (N*k,)
    order = chosen.argsort(stable=True)  # (N*k,)
    sizes = torch.bincount(chosen, minlength=n_experts)  # (E,), or (E + 1,) where choices were dropped
    if len(sizes) > n_experts:
        sizes = sizes[:n_experts]
        order = order[: int(sizes.sum())]  # (R,): dropped choices stand last
    return order, sizes


def combine(outputs: Tensor, token: Tensor, gate: Tensor, x: Tensor) -> Tensor:
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
    """All experts in two calls of PyTorch's grouped product. Each token has k outputs, which are added up.

    On a GPU nothing here waits for the number of any expert's rows, which only the GPU knows. So a dropped choice
    cannot be left out: it goes to the last expert and has the gate weight 0. If the experts' rows ended before it,
    `grouped_mm` would leave in its place whatever the memory held, NaN too, in outputs and in gradients.
    """
    (N, k), E = expert_ids.shape, len(experts)
    dtype = product_dtype(x)  # autocast does not know grouped products
    gate_up, down = (weights.to(dtype).transpose(1, 2) for weights in (experts.gate_up, experts.down))
    chosen, order = expert_ids.flatten().clamp(max=E - 1).sort(stable=True)  # (N*k,) each
    ends = torch.searchsorted(chosen, torch.arange(E, device=x.device), right=True, out_int32=True)  # (E,)
    rows = x.to(dtype).index_select(0, order // k)  # (N*k, D)
    gates, up = F.grouped_mm(rows, gate_up, offs=ends).chunk(2, dim=-1)  # (N*k, F) each
    outputs = F.grouped_mm(F.silu(gates) * up, down, offs=ends)  # (N*k, D)
    outputs = outputs.index_select(0, order.argsort()).view(N, k, -1)  # (N, k, D), by token again
    weights = gate_weights.masked_fill(expert_ids == E, 0)  # (N, k)
    return (outputs * weights[:, :, None]).sum(dim=1).to(x.dtype)  # (N, D)


def product_dtype(x: Tensor) -> torch.dtype:
    """In which dtype a matrix product with x is computed: autocast's, where it is on."""
    device = x.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else x.dtype


def dispatch_batched(x: Tensor, gate_weights: Tensor, expert_ids: Tensor, experts: Experts) -> Tensor:
    """All experts in two batched products: every expert has C places, as many as the busiest needs; some stay empty.

    On a CPU, oneDNN builds a kernel for each new shape of a low-precision product. The rows of one expert change with
    every batch, so kernels would be built all the time; a C that is a multiple of 32 takes few values. An empty place
    holds token 0 with the gate weight 0.
    """
    E = len(experts)
    order, sizes = sort_by_expert(expert_ids, E)  # (R,), (E,)
    if not len(order):
        return torch.zeros_like(x)
    token, gate = order // expert_ids.size(1), gate_weights.flatten().index_select(0, order)  # (R,) each
    busiest = int(sizes.max())
    C = -(-busiest // PLACES_MULTIPLE) * PLACES_MULTIPLE
    if busiest > PLACES_MULTIPLE and MAX_PLACES_PER_ROW * len(token) < E * C:  # the router sends most to a few experts
        return dispatch_sorted(x, gate_weights, expert_ids, experts)
    first_row = sizes.cumsum(0) - sizes  # (E,) where each expert's rows begin among the R
    first_place = C * torch.arange(E, device=x.device)  # (E,)
    place = torch.arange(len(token), device=x.device) + (first_place - first_row).repeat_interleave(sizes)  # (R,)
    token = token.new_zeros(E * C).index_copy(0, place, token)  # (E*C,)
    gate = gate.new_zeros(E * C).index_copy(0, place, gate)  # (E*C,)
    rows = x.index_select(0, token).view(E, C, -1)  # (E, C, D)
    gates, up = torch.bmm(rows, experts.gate_up.transpose(1, 2)).chunk(2, dim=-1)  # (E, C, F) each
    outputs = torch.bmm(F.silu(gates) * up, experts.down.transpose(1, 2))  # (E, C, D)
    return combine(outputs.flatten(0, 1), token, gate, x)


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
        on_cpu
        and not autocast
        and x.dtype == experts.down.dtype == torch.float32
        and experts.down.size(1) % 4 == 0  # it wants rows of whole 16 bytes
        and experts.down.size(2) % 4 == 0
        and hasattr(F, "grouped_mm")  # PyTorch 2.10 and newer
    ):
        return dispatch_grouped
    low_precision = autocast or x.dtype in (torch.bfloat16, torch.float16)
    if grouped_without_waiting(x, experts):
        return dispatch_grouped
    # Generation has few rows and no gradients: its shapes are few anyway, and most places would stay empty.
    if on_cpu and low_precision and (torch.is_grad_enabled() or len(x) >= PLACES_MULTIPLE * len(experts)):
        return dispatch_batched
    return dispatch_sorted


def grouped_without_waiting(x: Tensor, experts: Experts) -> bool:
    """Whether this GPU has a kernel for grouped products: elsewhere PyTorch waits for the rows of each expert.

    That is so in bfloat16 on NVIDIA's Hopper and Blackwell (compute capability 9 and 10), for rows of whole 16 bytes.
    """
    return (
        x.device.type == "cuda"
        and product_dtype(x) == torch.bfloat16
        and all(width % 8 == 0 for width in experts.down.shape[1:])
        and hasattr(F, "grouped_mm")
        and torch.cuda.get_device_capability(x.device)[0] in (9, 10)
    )
