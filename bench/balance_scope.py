"""What the scope of the load-balancing loss changes: the same small model, trained with three seeds on two processes.

    python -m bench.balance_scope --processes 2 --steps 400

With `local` each process balances its experts over its own stories, with `global` over all four of a step. Printed
are, of stories that were held out: the loss in nats a token; the specialisation, which is the mutual information
between a token's genre and the experts that it is routed to, in bits, averaged over layers; and how often the busiest
expert is chosen, over the even share.

Source: Qiu et al. 2025, "Demons in the Detail: On Implementing Load Balancing Loss for Training Specialized
Mixture-of-Expert Models".
"""

import argparse
import json
import os
import sys
from collections.abc import Mapping

import torch
from rich.console import Console
from torch import Tensor

from bench.common import Row, show
from storyteller.config import ModelConfig, TrainConfig
from storyteller.distributed.data_parallel import ParallelProcesses
from storyteller.distributed.launch import launch
from storyteller.distributed.mesh import Meshes, choose_mesh
from storyteller.distributed.worker import joined
from storyteller.moe.layer import build_model
from storyteller.storyworld import generate
from storyteller.storyworld.generate import WORLDS
from storyteller.storyworld.plot_files import genres
from storyteller.tokenizer import Tokenizer
from storyteller.training.batches import InMemoryTokens, TrainingBatches, validation_batches
from storyteller.training.trainer import Trainer
from storyteller.transformer.decoder import Decoder

SEEDS, SCOPES = (1, 2, 3), ("local", "global")
STORIES, HELD_OUT = 150, 12  # of each genre
BATCH = 4  # stories of a step
SEQ_LEN = 128  # of each story the beginning
Figures = Mapping[str, float]


def main() -> None:
    """Start the processes, or be one of them."""
    parser = argparse.ArgumentParser(prog="python -m bench.balance_scope", description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--processes", type=int, default=2, help="among which the four stories of a step are shared (2)"
    )
    parser.add_argument("--steps", type=int, default=400, help="of each run (400)")
    parser.add_argument("--weight", type=float, default=0.01, help="of the load-balancing loss (0.01)")
    options = parser.parse_args()
    if "RANK" in os.environ:
        work(options.steps, options.weight)
        return
    os.environ |= {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    launch(options.processes, [sys.executable, "-m", "bench.balance_scope", *sys.argv[1:]], notice=print)


def work(steps: int, weight: float) -> None:
    """All runs, one after the other; the first process prints what came of them."""
    names = list(genres(WORLDS["storyworld"].folder))
    texts = {
        split: [[story.text for story in generate(count, seed=1, split=split, only=(name,))] for name in names]
        for split, count in (("train", STORIES), ("validation", HELD_OUT))
    }
    train = [text for together in zip(*texts["train"], strict=True) for text in together]  # the genres in turn
    tokenizer = Tokenizer.train(train, vocab_size=1024)
    shape = ModelConfig(
        vocab_size=tokenizer.vocab_size,
        max_seq_len=SEQ_LEN,
        d_model=64,
        n_layers=2,
        n_heads=4,
        n_kv_heads=4,
        d_ff=64,
        init_std=0.06,
    )
    source = InMemoryTokens.pack(tokenizer.encode_batch(train), end_id=tokenizer.end_id)
    held_out = [
        InMemoryTokens.pack(tokenizer.encode_batch(each), end_id=tokenizer.end_id) for each in texts["validation"]
    ]
    rows = []
    with joined("cpu", timeout=600) as worker:
        processes = ParallelProcesses(worker, Meshes.build(choose_mesh(worker.processes, shard=1, expert=1), "cpu"))
        for seed in SEEDS:
            for scope in SCOPES:
                config = TrainConfig(
                    steps=steps,
                    batch_size=BATCH,
                    align_documents=True,
                    dtype="float32",
                    balance_scope=scope,  # type: ignore[arg-type]
                    balance_weight=weight,
                )
                batches = TrainingBatches(source, batch_size=BATCH, seq_len=SEQ_LEN, seed=seed, align_documents=True)
                trainer = Trainer(
                    build_model(shape, seed=seed),
                    config,
                    batches,
                    processes=processes,
                    components=processes.components(),
                )
                trainer.run()
                if worker.rank == 0:
                    found = measure(trainer.model, held_out)
                    print(json.dumps({"seed": seed, "scope": scope, **found}), file=sys.stderr, flush=True)
                    rows.append(Row(f"{scope}, seed {seed}", found))
        if worker.rank == 0:
            show(Console(), f"{len(names)} genres, {steps} steps, {worker.processes} processes, weight {weight}", rows)


@torch.no_grad()
def measure(model: Decoder, held_out: list[InMemoryTokens]) -> Figures:
    """Loss, specialisation and the busiest expert's load, of stories of each genre."""
    model.eval()
    losses, chosen = [], []
    for source in held_out:
        nats, n_targets, counts = 0.0, 0, torch.zeros(model.config.n_layers, model.config.n_experts)
        for batch in validation_batches(source, batch_size=BATCH, seq_len=SEQ_LEN, align_documents=True):
            mask = batch.attention_mask
            logits, routing = model(batch.inputs, attention_mask=mask)  # (B, T, V)
            nats += float(
                torch.nn.functional.cross_entropy(logits.flatten(0, 1), batch.targets.flatten(), reduction="sum")
            )
            n_targets += batch.n_targets
            for layer, one in enumerate(routing):
                ids = one.expert_ids if mask is None else one.expert_ids[mask.flatten()]  # (N, k)
                counts[layer] += torch.bincount(ids.flatten(), minlength=model.config.n_experts)
        losses.append(nats / n_targets)
        chosen.append(counts / counts.sum(dim=1, keepdim=True))
    shares = torch.stack(chosen)  # (genres, layers, E), each row adds up to 1
    return {
        "loss": sum(losses) / len(losses),
        "specialisation": float(mutual_information(shares).mean()),
        "busiest": float((shares.mean(dim=0) * model.config.n_experts).amax(dim=1).mean()),
    }


def mutual_information(shares: Tensor) -> Tensor:
    """Between genre and expert, in bits, (layers,), where all genres are equally many; shares (genres, layers, E)."""
    mean = shares.mean(dim=0)  # (layers, E)
    return (torch.xlogy(shares, shares / mean.clamp_min(1e-12)).sum(dim=2).mean(dim=0)) / torch.log(torch.tensor(2.0))


if __name__ == "__main__":
    main()
