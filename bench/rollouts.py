"""Telling 48 stories side by side, as a step of `storyteller reinforce` does: ours and `transformers.generate`.

    python -m bench rollouts

A model of the tiny preset, trained for a minute, tells 48 stories at temperature 1, each until it ends. Both sides draw
by themselves, so their stories differ; what is compared is tokens a second, those behind an end not counted. Ours takes
a row out of the batch when its story has ended, which is a third of all there is to read: of 48 stories the mean has
165 tokens and the longest 250.
"""

import statistics
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from bench.common import Row, interleaved
from storyteller.config import preset
from storyteller.export.mixtral_weights import as_transformers
from storyteller.inference.generate import generate
from storyteller.inference.sampling_options import Sampling
from storyteller.runs.load import load_model
from storyteller.runs.pipeline import train
from storyteller.runs.run_config import RunConfig
from storyteller.tokenizer import Tokenizer
from storyteller.transformer.decoder import Decoder

ROWS, MAX_TOKENS, SECONDS = 48, 300, 60.0
PEERS = ("grouped_mm", "batched_mm", "eager")  # transformers' expert implementations that run on a CPU
GOAL = 2.0  # times faster


def _trained() -> tuple[Decoder, Tokenizer]:
    base = preset("tiny")
    run = RunConfig(
        preset="tiny", corpus=base.corpus, stories=base.stories, model=base.model,
        train=replace(base.train, evaluate_every=10_000), seconds=SECONDS,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        train(run, Path(folder), notice=print, on_event=lambda event: None, device=torch.device("cpu"))
        return load_model(Path(folder))


def compare(model: Decoder, tokenizer: Tokenizer, *, rounds: int) -> Row:
    """The table's row for a trained model."""
    end = tokenizer.end_id
    told: dict[str, list[int]] = {}  # side -> tokens of each round

    def ours() -> None:
        told.setdefault("ours", [])
        sampling = Sampling(seed=1_000 * len(told["ours"]), max_new_tokens=MAX_TOKENS)
        rows = generate(model, [[end]] * ROWS, sampling=sampling, stop={end})
        told["ours"].append(sum(map(len, rows)))

    def theirs(name: str, peer: Any, threads: int) -> Callable[[], None]:
        ids = torch.full((ROWS, 1), end)

        def run() -> None:
            default = torch.get_num_threads()
            torch.set_num_threads(threads)
            with torch.inference_mode():
                rows = peer.generate(
                    ids, attention_mask=torch.ones_like(ids), max_new_tokens=MAX_TOKENS, do_sample=True, top_k=0,
                    eos_token_id=end, pad_token_id=end,
                )[:, 1:]  # fmt: skip
            torch.set_num_threads(default)
            lengths = [row.index(end) + 1 if end in row else len(row) for row in rows.tolist()]
            told.setdefault(name, []).append(sum(lengths))

        return run

    candidates = {"ours": ours}
    for experts in PEERS:
        peer = as_transformers(model, attention="sdpa", experts=experts).eval()
        for threads in sorted({1, torch.get_num_threads()}):
            name = f"{experts}, {threads} threads"
            candidates[name] = theirs(name, peer, threads)
    trial = {name: min(seconds) for name, seconds in interleaved(candidates, rounds=1, warmup=0).items()}
    best = min((name for name in trial if name != "ours"), key=trial.__getitem__)
    told.clear()
    seconds = interleaved({"ours": ours, best: candidates[best]}, rounds=rounds)
    pace = {  # the first call of each was a warm-up
        name: [n / s for n, s in zip(told[name][1:], seconds[name], strict=True)] for name in seconds
    }
    ratio = statistics.median(a / b for a, b in zip(pace["ours"], pace[best], strict=True))
    return Row(
        f"{ROWS} stories side by side, against transformers.generate ({best})",
        {f"{name}: tokens/s": round(statistics.median(pace[name])) for name in pace}
        | {"times faster": round(ratio, 2)},
        goal=f">= {GOAL:g}x",
        met=ratio >= GOAL,
    )


def run(*, rounds: int = 9) -> list[Row]:
    """Train for a minute and measure."""
    return [compare(*_trained(), rounds=rounds)]
