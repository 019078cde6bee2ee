"""Gradients as values: no graph of autograd ever leaves the student's side."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from storyteller_course.runner.student_errors import StudentError


def vector_jacobian(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], cotangent: Any
) -> dict[str, Any]:
    """Call a function and multiply its Jacobian with `cotangent` from the left.

    Args:
        function: a function, an `nn.Module`, or a method of one.
        args, kwargs: its arguments; gradients are taken for the floating-point tensors among them.
        cotangent: tensors in the shape of the outputs, None for ones.

    Returns:
        "outputs"; "inputs", a gradient or None for each of args; "keywords", the same by name; "parameters", by name.

    Raises:
        StudentError: the outputs do not depend on anything that has a gradient.
    """
    args = tuple(_leaf(value) for value in args)
    kwargs = {name: _leaf(value) for name, value in kwargs.items()}
    module = function if isinstance(function, nn.Module) else getattr(function, "__self__", None)
    parameters = dict(module.named_parameters()) if isinstance(module, nn.Module) else {}
    outputs = call(function, args, kwargs)
    tensors = [tensor for tensor in _tensors(outputs) if tensor.dtype.is_floating_point]
    weights = [torch.ones_like(tensor) for tensor in tensors] if cotangent is None else list(_tensors(cotangent))
    pairs = zip(tensors, weights, strict=False)
    terms = [(tensor * weight).sum() for tensor, weight in pairs if tensor.requires_grad]
    if not terms:
        raise StudentError(
            "type",
            "No gradient can flow back through your result: something on the way was detached, made by torch.tensor "
            "or .item(), or computed under no_grad.",
        )
    total = torch.stack([term.double() for term in terms]).sum()  # its gradient is the cotangents times the Jacobian
    sources = [value for value in (*args, *kwargs.values(), *parameters.values()) if _has_gradient(value)]
    gradients = iter(torch.autograd.grad(total, sources, allow_unused=True) if sources else ())
    return {
        "outputs": outputs,
        "inputs": [next(gradients) if _has_gradient(value) else None for value in args],
        "keywords": {name: next(gradients) if _has_gradient(value) else None for name, value in kwargs.items()},
        "parameters": {name: next(gradients) if _has_gradient(value) else None for name, value in parameters.items()},
    }


def call(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What the student's function gives: what is called from here is called by the student, see `ForbiddenCalls`."""
    return function(*args, **kwargs)


def _leaf(value: Any) -> Any:
    if isinstance(value, Tensor) and value.dtype.is_floating_point:
        return value.detach().requires_grad_()
    return value


def _has_gradient(value: Any) -> bool:
    return isinstance(value, Tensor) and value.requires_grad


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        yield from _tensors(value.values())
    elif isinstance(value, Iterable) and not isinstance(value, str | bytes):
        for item in value:
            yield from _tensors(item)
