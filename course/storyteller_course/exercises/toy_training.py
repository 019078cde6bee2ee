"""Small things to practise training on: what the fixtures of lesson 04 are.

They have all that makes training and its checkpoints delicate, in the size of a few hundred float64 numbers: dropout,
an auxiliary loss, tied weights, a place in the data, and random numbers of their own.
"""

import shutil
import tempfile
import weakref
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from storyteller.training.batches import InMemoryTokens, TrainingBatches

MAX_FOLDER_BYTES = 16 << 20  # when it is carried from one process to the next


class PracticeModel(nn.Module):
    """A language model that looks at one token only. Its output layer shares the embedding's weights.

    Args:
        seed: of its weights; no two of them are equal, the norm's included.
        vocab_size: V.
        width: D.
        dropout: probability with which a feature is dropped in training.
        balance: weight of an auxiliary loss, which is not linear in the batch, as the load-balance loss is not.
        frozen: whether the hidden layer's weights are not trained.
    """

    def __init__(
        self,
        seed: int = 0,
        *,
        vocab_size: int = 13,
        width: int = 6,
        dropout: float = 0.0,
        balance: float = 0.0,
        frozen: bool = False,
    ) -> None:
        super().__init__()
        self.balance = balance
        self.embedding = nn.Embedding(vocab_size, width)
        self.hidden = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocab_size)
        self.head.weight = self.embedding.weight
        self.double()
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for name, parameter in self.named_parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64) / 2)
                if name == "norm.weight":
                    parameter.add_(1)
        self.hidden.weight.requires_grad_(not frozen)

    def forward(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T) to logits (B, T, V) and the auxiliary loss ()."""
        x = torch.tanh(self.hidden(self.embedding(ids)))  # (B, T, D)
        auxiliary = self.balance * x.mean(dim=(0, 1)).square().sum()
        return self.head(self.norm(self.dropout(x))), auxiliary

    def set_mode(self, training: bool) -> None:
        """Go into training or evaluation mode, and give nothing back, which `train` does."""
        self.train(training)

    def gradients(self) -> dict[str, Tensor | None]:
        """The gradient of each parameter by name, None where there is none."""
        return {name: parameter.grad for name, parameter in self.named_parameters()}

    def weights(self) -> dict[str, Tensor]:
        """The parameters by name, as plain tensors; tied ones once."""
        return {name: parameter.detach().clone() for name, parameter in self.named_parameters()}


class PracticeRun:
    """A training run that takes milliseconds. How it goes on depends on everything that it holds.

    Attributes:
        model: what is trained, with noise from `generator` on its logits.
        optimizer: AdamW.
        batches: shuffled batches with a place in the data.
        generator: where the noise comes from.
        step: updates made; the learning rate falls with them.
    """

    def __init__(self, seed: int = 0) -> None:
        self.model = PracticeModel(seed)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=0.05)
        document_generator = torch.Generator().manual_seed(seed + 1)
        documents = [torch.randint(1, 13, (7,), generator=document_generator).tolist() for _ in range(12)]
        self.batches = TrainingBatches(InMemoryTokens.pack(documents, end_id=0), batch_size=2, seq_len=5, seed=seed)
        self.generator = torch.Generator().manual_seed(seed + 2)
        self.step = 0

    def train(self, steps: int) -> dict[str, Tensor]:
        """Make so many updates; returns the weights."""
        for _ in range(steps):
            batch = next(self.batches)
            logits, _ = self.model(batch.inputs)
            logits = logits + torch.randn(logits.shape, generator=self.generator, dtype=torch.float64) / 5
            loss = F.cross_entropy(logits.flatten(0, 1), batch.targets.flatten())
            self.optimizer.zero_grad()
            loss.backward()
            for group in self.optimizer.param_groups:
                group["lr"] = 0.05 / (1 + self.step)
            self.optimizer.step()
            self.step += 1
        return self.model.weights()

    def part(self, name: str) -> Any:
        """The state of one part as plain data: "model", "optimizer" (its averages), "batches", "generator", "step"."""
        if name == "step":
            return self.step
        if name == "model":
            return self.model.weights()
        if name == "generator":
            return self.generator.get_state()
        if name == "optimizer":
            return self.optimizer.state_dict()["state"]
        return self.batches.state_dict()

    def fill_the_disk(self) -> None:
        """From now on saving this run breaks off in the middle, as on a full disk."""
        state: dict[str, Any] = {**self.model.state_dict(), "rest": _Unwritable()}
        self.model.state_dict = lambda: state  # type: ignore[method-assign, assignment, misc]


class _Unwritable:
    def __reduce__(self) -> Any:
        raise OSError(28, "No space left on device (the check plays a full disk)")


class Folder:
    """A temporary folder of the student's side; gone when the case is over. It can be carried to another process.

    Args:
        files: its contents, path -> bytes.

    Raises:
        ValueError: a path leads out of the folder.
    """

    def __init__(self, files: Mapping[str, bytes] | None = None) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="storyteller-"))
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)
        for name, content in (files or {}).items():
            inside = PurePosixPath(name)  # the names come from a student's process; none may lead out of the folder
            if inside.is_absolute() or ".." in inside.parts or not inside.parts or "\\" in name or ":" in name:
                raise ValueError(f"{name!r} is no path inside a folder.")
            target = self.path / inside
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)

    def __fspath__(self) -> str:
        return str(self.path)

    def names(self) -> list[str]:
        """The paths of all plain files below it, in order."""
        return list(self.files())

    def files(self) -> dict[str, bytes]:
        """The contents of all plain files below it.

        Raises:
            ValueError: together they are too large to be carried.
        """
        paths = [path for path in sorted(self.path.rglob("*")) if path.is_file() and not path.is_symlink()]
        if sum(path.stat().st_size for path in paths) > MAX_FOLDER_BYTES:
            raise ValueError(
                f"The files are larger than {MAX_FOLDER_BYTES:,} bytes together; a checkpoint here has a few thousand."
            )
        return {path.relative_to(self.path).as_posix(): path.read_bytes() for path in paths}
