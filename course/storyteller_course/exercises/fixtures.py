"""What a check may ask the student's side to build, because it is not data and cannot be sent.

    student.sample(logits, fixture("generator", seed=1))
    model = student.make("tiny_model", seed=1)  # a handle that later calls take as an argument

A fixture is built by trusted code of the course that runs beside the student's. Add one here as a plain function and
name it in `FIXTURES`.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import torch
    from torch import nn

    from storyteller.config import ModelConfig
    from storyteller.moe.dispatch import Experts
    from storyteller.tokenizer import Tokenizer
    from storyteller.transformer.decoder import Decoder, RMSNorm
    from storyteller_course.exercises.line_counter import LineCounter
    from storyteller_course.exercises.practice_tracker import PracticeTracker
    from storyteller_course.exercises.toy_training import Folder, PracticeModel, PracticeRun
    from storyteller_course.runner.serialization import Fixture


def fixture(name: str, *args: Any, **kwargs: Any) -> "Fixture":
    """An argument that is not data: the function of this module with that name builds it beside the student's code.

    fixture("generator", seed=1)
    """
    from storyteller_course.runner.serialization import Fixture

    return Fixture(name, args, kwargs)


def generator(seed: int) -> "torch.Generator":
    """A random generator of PyTorch's with this seed."""
    import torch

    return torch.Generator().manual_seed(seed)


class Rollout(NamedTuple):
    """Stories that a model has told, with the fields of what lesson 06's `tell` gives."""

    ids: "torch.Tensor"
    mask: "torch.Tensor"
    log_probs: "torch.Tensor"
    stories: list[str]


def tiny_model(seed: int = 0, dtype: str = "float64", **changes: Any) -> "Decoder":
    """A model of a few thousand parameters.

    Args:
        seed: of its parameters.
        dtype: of its parameters; float64, so that a few steps can be compared closely.
        changes: fields of `ModelConfig` that shall differ.
    """
    import torch

    from storyteller.config import ModelConfig
    from storyteller.moe.layer import build_model

    small: dict[str, Any] = {
        "vocab_size": 32,
        "max_seq_len": 16,
        "d_model": 8,
        "n_layers": 2,
        "n_heads": 2,
        "n_kv_heads": 2,
        "d_ff": 16,
    }
    config = ModelConfig(**{**small, "n_experts": 0, **changes})
    return build_model(config, seed=seed).to(getattr(torch, dtype))


def model_config(**fields: Any) -> "ModelConfig":
    """The settings of a model."""
    from storyteller.config import ModelConfig

    return ModelConfig(**fields)


def experts(gate_up: "torch.Tensor", down: "torch.Tensor") -> "Experts":
    """SwiGLU experts with these weights, (E, 2F, D) and (E, D, F), as functions of rows."""
    from storyteller.moe.dispatch import Experts

    return Experts(gate_up, down)


def tokenizer(texts: list[str], vocab_size: int) -> "Tokenizer":
    """The library's tokenizer, trained on these texts."""
    from storyteller.tokenizer import Tokenizer

    return Tokenizer.train(texts, vocab_size=vocab_size)


def practice_model(seed: int = 0, **options: Any) -> "PracticeModel":
    """A model of a few hundred parameters to train; see `toy_training.py`."""
    from storyteller_course.exercises.toy_training import PracticeModel

    return PracticeModel(seed, **options)


def practice_norm(width: int) -> "RMSNorm":
    """A module that has the gain of a norm and nothing else."""
    from storyteller.transformer.decoder import RMSNorm

    return RMSNorm(width)


def practice_run(seed: int = 0) -> "PracticeRun":
    """A training run that takes milliseconds; see `toy_training.py`."""
    from storyteller_course.exercises.toy_training import PracticeRun

    return PracticeRun(seed)


def folder(files: dict[str, bytes] | None = None) -> "Folder":
    """A temporary folder with these files in it; see `toy_training.py`."""
    from storyteller_course.exercises.toy_training import Folder

    return Folder(files)


def sgd(model: "nn.Module", rate: float) -> "torch.optim.Optimizer":
    """Plain gradient descent on the parameters of a module that another fixture has made."""
    import torch

    return torch.optim.SGD(model.parameters(), lr=rate)


def steady_in_sets(name: str, *args: Any, **options: Any) -> "nn.Module":
    """The module that another fixture makes; a set has its parameters in another order, the same in each process."""
    from storyteller_course.exercises.toy_training import SteadyParameter

    module: nn.Module = FIXTURES[name](*args, **options)
    for place, parameter in enumerate(reversed(list(module.parameters()))):
        object.__setattr__(parameter, "__class__", SteadyParameter)
        object.__setattr__(parameter, "place", place)
    return module


def line_counter() -> "LineCounter":
    """Counts how many lines of Python run; see `line_counter.py`."""
    from storyteller_course.exercises.line_counter import LineCounter

    return LineCounter()


def practice_tracker() -> "PracticeTracker":
    """Keeps runs as MLflow does, in memory; see `practice_tracker.py`."""
    from storyteller_course.exercises.practice_tracker import PracticeTracker

    return PracticeTracker()


FIXTURES: dict[str, Callable[..., Any]] = {
    "experts": experts,
    "folder": folder,
    "generator": generator,
    "line_counter": line_counter,
    "model_config": model_config,
    "practice_model": practice_model,
    "practice_norm": practice_norm,
    "practice_run": practice_run,
    "practice_tracker": practice_tracker,
    "rollout": Rollout,
    "sgd": sgd,
    "steady_in_sets": steady_in_sets,
    "tiny_model": tiny_model,
    "tokenizer": tokenizer,
}


def build(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The fixture with this name.

    Raises:
        KeyError: there is no such fixture; a mistake in the exercise's checks.
    """
    return FIXTURES[name](*args, **kwargs)
