"""Small things to practise training on: what the fixtures of lesson 04 are.

They have all that makes training and its checkpoints delicate, in the size of a few hundred float64 numbers: dropout,
an auxiliary loss, tied weights, a place in the data, and random numbers of their own.
"""

import os
import pickle
import shutil
import sys
import tempfile
import weakref
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from types import FrameType
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

    def leave_gradients(self, ids: Tensor) -> None:
        """Compute gradients of something, as a step of training leaves them."""
        logits, auxiliary = self(ids)
        (logits.square().mean() + auxiliary).backward()

    def gradients(self) -> dict[str, Tensor | None]:
        """The gradient of each parameter by name, None where there is none."""
        return {name: parameter.grad for name, parameter in self.named_parameters()}

    def weights(self) -> dict[str, Tensor]:
        """The parameters by name, as plain tensors; tied ones once."""
        return {name: parameter.detach().clone() for name, parameter in self.named_parameters()}


class SteadyParameter(nn.Parameter):
    """A parameter with a hash of its own, so that its place in a set does not hang on where it lies in memory."""

    place: int

    def __hash__(self) -> int:
        return self.place


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

    def watch(self, folder: "Folder") -> None:
        """From the next saving of this run on, remember what its checkpoint is at every step of the saving."""
        gather = self.model.state_dict
        self.watched = _Watched(folder)

        def state_dict() -> dict[str, Any]:
            self.watched.begin(sys._getframe(1))
            return gather()

        self.model.state_dict = state_dict  # type: ignore[method-assign, assignment]

    def moments(self) -> int:
        """How many different checkpoints, missing ones included, someone killed meanwhile could have left behind."""
        return len(self.watched.moments)

    def rewind(self, moment: int) -> None:
        """Give the folder the files that it had at one of these moments."""
        self.watched.folder.fill(self.watched.moments[moment])

    def fill_the_disk(self) -> None:
        """From now on saving this run breaks off in the middle, as on a full disk."""
        state: dict[str, Any] = {**self.model.state_dict(), "rest": _Unwritable()}
        self.model.state_dict = lambda: state  # type: ignore[method-assign, assignment, misc]


class _Unwritable:
    def __reduce__(self) -> Any:
        raise OSError(28, "No space left on device (the check plays a full disk)")


class _Watched:
    """What a folder held while a run was saved: its files at each moment at which its checkpoint became another one.

    A profile function looks before and after each call that the student's code makes, in Python and in C.
    """

    def __init__(self, folder: "Folder") -> None:
        self.folder = folder
        self.moments: list[dict[str, bytes]] = []
        self._seen: tuple[int, ...] = (-1,)

    def begin(self, frame: FrameType | None) -> None:
        """Look until the call returns in which `frame` is and that the runner made."""
        inner = None
        while frame is not None and frame.f_globals.get("__name__") != "storyteller_course.runner.server":
            inner, frame = frame, frame.f_back
        before: Any = sys.getprofile()

        def look(current: FrameType, event: str, what: Any) -> None:
            if before is not None:
                before(current, event, what)
            self._look()
            if event == "return" and current is inner:
                sys.setprofile(before)

        self._look()
        sys.setprofile(look)

    def _look(self) -> None:
        try:
            found = os.stat(self.folder.path / "checkpoint.pt")
            seen: tuple[int, ...] = (found.st_ino, found.st_size, found.st_mtime_ns)
        except FileNotFoundError:
            seen = ()
        if seen == self._seen:
            return
        self._seen = seen
        files = self.folder.files()
        if not self.moments or files.get("checkpoint.pt") != self.moments[-1].get("checkpoint.pt"):
            self.moments.append(files)


class Folder:
    """A temporary folder of the student's side; gone when the case is over. It can be carried to another process.

    Args:
        files: its contents, path -> bytes.

    Raises:
        ValueError: a path leads out of the folder.
    """

    code_ran = False

    def __init__(self, files: Mapping[str, bytes] | None = None) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="storyteller-"))
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)
        self.fill(files or {})

    def fill(self, files: Mapping[str, bytes]) -> None:
        """Put these files in the place of those that are there."""
        for path in self.path.iterdir():
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        for name, content in files.items():
            inside = PurePosixPath(name)  # the names come from a student's process; none may lead out of the folder
            if inside.is_absolute() or ".." in inside.parts or not inside.parts or "\\" in name or ":" in name:
                raise ValueError(f"{name!r} is no path inside a folder.")
            target = self.path / inside
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)

    def __fspath__(self) -> str:
        return str(self.path)

    def plant_code(self, form: str) -> None:
        """Put a file checkpoint.pt there that runs code when it is read without care.

        Args:
            form: "zip", as torch.save writes it; "legacy", as it did before; "pickle", without torch.
        """
        Folder.code_ran = False
        path, state = self.path / "checkpoint.pt", {"model": _CarriesCode()}
        if form == "pickle":
            path.write_bytes(pickle.dumps(state, protocol=2))
        else:
            torch.save(state, path, _use_new_zipfile_serialization=form == "zip")

    def planted_code_ran(self) -> bool:
        """Has it?"""
        return Folder.code_ran

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


class _CarriesCode:
    def __reduce__(self) -> Any:
        return _carried_code, ()


def _carried_code() -> None:
    Folder.code_ran = True
