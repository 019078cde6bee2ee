"""Dispatch: bringing every token to its experts, and their answers back.

    >>> import torch
    >>> x = torch.tensor([[1.0], [2.0], [3.0]])  # 3 tokens, 1 feature
    >>> weights = torch.tensor([[0.75, 0.25], [0.5, 0.5], [1.0, 0.0]])
    >>> experts = torch.tensor([[0, 1], [1, 0], [1, 0]])
    >>> dispatch_sorted(x, weights, experts, [lambda rows: rows, lambda rows: 10 * rows]).flatten().tolist()
    [3.25, 11.0, 30.0]

Legend: `N` tokens in a row, `D` model width, `F` feed-forward width of one expert, `E` experts, `k` experts that a
token visits, `R` rows that all experts together work on: N*k, unless some were dropped or filled up.

Papers: Gale et al. 2022, "MegaBlocks" (sorting by expert) · Fedus et al. 2021, "Switch Transformers" (capacity).
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from storyteller.transformer.decoder import swiglu

# One expert: rows (R, D) -> (R, D)
Expert = Callable[[Tensor], Tensor]
# dispatch(x (N, D), weights (N, k), experts (N, k), run) -> (N, D), where run[e] is expert number e
Dispatch = Callable[[Tensor, Tensor, Tensor, Sequence[Expert]], Tensor]


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

    def can_group(self, rows: Tensor) -> bool:
        """Whether `grouped` can take these rows, and is the quicker way: few rows, as in generation."""
        return (
            hasattr(F, "grouped_mm")  # PyTorch 2.10 and newer
            and not torch.is_grad_enabled()
            and rows.device.type == "cpu"
            and rows.dtype == self.down.dtype == torch.float32
            and not torch.is_autocast_enabled("cpu")
            and self.down.size(1) % 4 == 0  # it wants rows of whole 16 bytes
            and self.down.size(2) % 4 == 0
        )

    def grouped(self, rows: Tensor, sizes: Tensor) -> Tensor:
        """All experts in two calls: rows (R, D), sorted by expert, and how many each expert has, (E,); gives (R, D)."""
        ends = sizes.cumsum(0, dtype=torch.int32)  # (E,)
        gate, up = F.grouped_mm(rows, self.gate_up.transpose(1, 2), offs=ends).chunk(2, dim=-1)  # (R, F) each
        return F.grouped_mm(F.silu(gate) * up, self.down.transpose(1, 2), offs=ends)


def within_capacity(experts: Tensor, *, n_experts: int, capacity: int) -> Tensor:
    """Which choices find a free place, when every expert has `capacity` of them.

    Places go in token order: an earlier token goes before a later one, and a token's best expert before its second.

    Args:
        experts: (N, k)

    Returns:
        (N, k) bool, False for a choice that is dropped.

    Source: Fedus et al. 2021, section 2.2 ("expert capacity").
    """
    taken = F.one_hot(experts.flatten(), n_experts).cumsum(dim=0)  # (N*k, E), choices of e up to and with this one
    rank = taken.gather(1, experts.flatten()[:, None])  # (N*k, 1), 1 for the expert's first token
    return (rank <= capacity).view_as(experts)


def dispatch_sorted(x: Tensor, weights: Tensor, experts: Tensor, run: Sequence[Expert]) -> Tensor:
    """Send every token to its experts and add up their answers: sum over j of weights[:, j] * run[experts[:, j]](x).

    All rows that go to the same expert are brought together by a sort, so that each expert does one large product.

    Args:
        x: (N, D)
        weights: (N, k)
        experts: (N, k) int64; the value E (one past the last) stands for a dropped choice, which adds nothing.
        run: E functions, (R, D) to (R, D); one without tokens is not called.

    Returns:
        (N, D)

    Source: Gale et al. 2022 (MegaBlocks), the permutation of tokens by expert, without its kernels.
    """
    if len(x) == 1:
        return _dispatch_one(x, weights, experts, run)
    token, share, sizes = _rows_by_expert(weights, experts, n_experts=len(run), multiple=_row_multiple(x, len(run)))
    if not len(token):
        return torch.zeros_like(x)
    answers = _run_in_turn(run, x.index_select(0, token), sizes)  # (R, D)
    weighted = answers * share[:, None]  # (R, D), in float32 where the weights are
    return torch.zeros_like(x, dtype=weighted.dtype).index_add(0, token, weighted).to(x.dtype)  # (N, D)


def dispatch_dense(x: Tensor, weights: Tensor, experts: Tensor, run: Sequence[Expert]) -> Tensor:
    """The same sum as `dispatch_sorted`, in E/k times the arithmetic: every expert reads every token.

    A token's answer from an expert that it does not visit is multiplied by 0. No shape depends on the router's choices,
    as a graph for another program needs it (`storyteller.export.onnx`).

    Args:
        x: (N, D)
        weights: (N, k)
        experts: (N, k) int64; the value E (one past the last) stands for a dropped choice, which adds nothing.
        run: E functions, (R, D) to (R, D).

    Returns:
        (N, D)
    """
    # A column more for the dropped choices. size(0), not len: torch.export takes len for a number that never changes.
    share = weights.new_zeros(x.size(0), len(run) + 1).scatter_add(1, experts, weights)  # (N, E + 1)
    answers = [share[:, e, None] * expert(x) for e, expert in enumerate(run)]  # E times (N, D)
    return torch.stack(answers).sum(dim=0).to(x.dtype)  # (N, D)


def _dispatch_one(x: Tensor, weights: Tensor, experts: Tensor, run: Sequence[Expert]) -> Tensor:
    """`dispatch_sorted` for a single token, (1, D): nothing to sort, and generation spends its time here."""
    choices = zip(weights[0].unbind(), experts[0].tolist(), strict=True)
    answers = [share * run[expert](x) for share, expert in choices if expert < len(run)]
    return sum(answers[1:], start=answers[0]).to(x.dtype) if answers else torch.zeros_like(x)


def _run_in_turn(run: Sequence[Expert], rows: Tensor, sizes: Tensor) -> Tensor:
    """Give each expert its rows: (R, D), sorted by expert, to (R, D)."""
    if isinstance(run, Experts) and run.can_group(rows):
        return run.grouped(rows, sizes)
    parts = rows.split(sizes.tolist())  # E times (rows of e, D)
    return torch.cat([expert(part) for expert, part in zip(run, parts, strict=True) if len(part)])


def _rows_by_expert(
    weights: Tensor, experts: Tensor, *, n_experts: int, multiple: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Line the choices up by expert: each row's token (R,), its weight (R,), and how many rows each expert has (E).

    The rows of an expert are filled up to a multiple with copies of token 0 whose weight is 0.
    """
    k, chosen = experts.size(1), experts.flatten()  # (N*k,)
    order = chosen.argsort(stable=True)  # (N*k,) choices, by expert
    sizes = torch.bincount(chosen, minlength=n_experts)[:n_experts]  # (E,)
    order = order[: int(sizes.sum())]  # dropped choices stand last
    token, share = order // k, weights.flatten()[order]  # (R,) each
    if multiple == 1:
        return token, share, sizes
    filling = -sizes % multiple  # (E,) rows to add behind each expert's own
    before = filling.cumsum(0) - filling  # (E,) rows added before the expert's first
    slot = torch.arange(len(order), device=order.device) + before[chosen[order]]
    n_rows = len(order) + int(filling.sum())
    token = token.new_zeros(n_rows).index_copy(0, slot, token)
    share = share.new_zeros(n_rows).index_copy(0, slot, share)
    return token, share, sizes + filling


def _row_multiple(x: Tensor, n_experts: int) -> int:
    """What to round each expert's number of rows up to.

    On a CPU, oneDNN builds and caches a kernel for each shape of a low-precision product. The rows of an expert change
    with every batch, so kernels would be built all the time; rounded to 64, the same few shapes come again and again.
    With fewer rows than that (generation), the shapes are few anyway, and filling up would be most of the work.
    """
    dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else x.dtype
    low_precision = x.device.type == "cpu" and dtype in (torch.bfloat16, torch.float16)
    return 64 if low_precision and len(x) >= 64 * n_experts else 1
