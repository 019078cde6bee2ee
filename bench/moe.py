"""One training step: our MoE beside our dense model of equal active parameters, and beside transformers' Mixtral.

    python -m bench moe --rounds 9

A step is forward, cross-entropy plus balance loss, backward and AdamW, on 8 x 256 tokens, without clipping.

The figures in bfloat16 say little where a CPU has no bfloat16 instructions (the rows tell): PyTorch then falls back on
loops that were 4 to 56 times slower than float32, by the order of the operands, on one AVX2 machine. There the fastest
is whoever computes least in bfloat16. `storyteller train` tries out which dtype is faster and takes float32 there.
"""

import statistics
from collections.abc import Callable
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.common import Row, interleaved, median_ratio
from storyteller.config import ModelConfig
from storyteller.export.mixtral_weights import as_transformers
from storyteller.moe.layer import build_model
from storyteller.moe.losses import load_balancing_loss

MOE = ModelConfig(
    vocab_size=4096, max_seq_len=256, d_model=256, n_layers=4, n_heads=8, n_kv_heads=8, d_ff=384, n_experts=8, top_k=2
)
DENSE = replace(MOE, n_experts=0, d_ff=MOE.d_ff * MOE.top_k)  # as wide as the experts that one token is routed to
BATCH, SEQ_LEN = 8, 256
# transformers' expert implementations for training on a CPU. The third, batched_mm, copies the weights of the chosen
# experts for every token, almost 5 GB for each layer here, and takes minutes for a step.
# Autocast does not reach grouped_mm: its experts compute in float32, which wins where bfloat16 is emulated.
PEERS = ("eager", "grouped_mm")


def _mixtral(experts: str) -> nn.Module:
    model = build_model(MOE, seed=1)
    return as_transformers(model, attention="sdpa", experts=experts, output_router_logits=True, use_cache=False)


def _our_loss(model: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
    logits, routing = model(inputs)
    loss = F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten())
    return loss + 0.01 * sum(load_balancing_loss(layer.probs, layer.expert_ids) for layer in routing) / max(
        1, len(routing)
    )


def _peer_loss(model: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
    out = model(input_ids=inputs)
    balance: Tensor = out.aux_loss
    return F.cross_entropy(out.logits.flatten(0, 1).float(), targets.flatten()) + 0.01 * balance


def _step(
    model: nn.Module, loss_of: Callable[[nn.Module, Tensor, Tensor], Tensor], dtype: torch.dtype
) -> Callable[[], float]:
    generator = torch.Generator().manual_seed(1)
    tokens = torch.randint(MOE.vocab_size, (BATCH, SEQ_LEN + 1), generator=generator)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
    model.train()

    def step() -> float:
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == torch.bfloat16):
            loss = loss_of(model, tokens[:, :-1], tokens[:, 1:])
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def bfloat16_products() -> str:
    """How this CPU multiplies matrices in bfloat16: oneDNN does it where the processor has what it takes."""
    return "oneDNN" if torch.ops.mkldnn._is_mkldnn_bf16_supported() else "emulated"


def _rows(rounds: int, dtype: torch.dtype) -> list[Row]:
    ours = {"moe": MOE, "dense": DENSE}
    steps = {name: _step(build_model(config, seed=1), _our_loss, dtype) for name, config in ours.items()}
    steps |= {name: _step(_mixtral(name), _peer_loss, dtype) for name in PEERS}
    seconds = interleaved(steps, rounds=rounds, warmup=2)
    middle = {f"{name} s": round(statistics.median(times), 3) for name, times in seconds.items()}
    over_dense = round(median_ratio(seconds["moe"], seconds["dense"]), 3)
    over_peers = {f"times faster than {name}": round(median_ratio(seconds[name], seconds["moe"]), 3) for name in PEERS}
    kind, low = str(dtype).removeprefix("torch."), dtype == torch.bfloat16
    how = {"bfloat16 products": bfloat16_products()} if low else {}
    return [
        Row(
            f"MoE training step, {kind}, against dense with equal active parameters",
            {"moe s": middle["moe s"], "dense s": middle["dense s"], "times the dense step": over_dense} | how,
            goal="<= 1.1x",
            met=over_dense <= 1.1,
        ),
        Row(
            f"MoE training step, {kind}, against transformers' Mixtral",
            {name: value for name, value in middle.items() if name != "dense s"} | over_peers | how,
            goal=f"the best of them: >= {1.4 if low else 1.15}x faster",
            met=min(over_peers.values()) >= (1.4 if low else 1.15),
        ),
    ]


def run(rounds: int = 9) -> list[Row]:
    """Measure in bfloat16 and in float32."""
    return [row for dtype in (torch.bfloat16, torch.float32) for row in _rows(rounds, dtype)]
