"""Where two values first differ: lists, dictionaries, sets, texts, numbers, tensors, nested as deep as one likes."""

import math
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from numbers import Number
from typing import Any

# Relative and absolute tolerance where this type is wanted; Python's floats are float64. What is right for float32 is
# right for float64 too: norms and softmaxes are computed in float32 everywhere.
TOLERANCES = {"float64": (1e-4, 1e-5), "float32": (1e-4, 1e-5), "float16": (5e-3, 1e-3), "bfloat16": (2e-2, 1e-2)}
FLOAT32_DIGITS = 5  # a difference behind so many equal digits is one of rounding
MAX_DIGITS = 9  # shown of a number; a float64 has 17
LONG_FLOAT = re.compile(r"(?<![\w.])\d+\.\d{7,}(?:e[+-]?\d+)?")


@dataclass(frozen=True)
class Difference:
    """The first place where two values differ."""

    where: str  # such as `[2]["name"]`, empty for the value as a whole
    text: str  # what is different there, as the end of "at [2] ..."
    pair: tuple[Any, Any] | None = None  # the two tensors, texts or rows that show it best
    rounding: bool = False  # the two numbers there agree in many digits


@dataclass(frozen=True, kw_only=True)
class Rules:
    """How values are compared."""

    exact: bool = True  # numbers must be equal; otherwise within the tolerances
    rtol: float | None = None  # None: by type, see TOLERANCES
    atol: float | None = None
    dtype: bool = False  # tensors must have the very same dtype, not only the same kind of numbers
    ordered: bool = False  # dictionaries must have their keys in the same order


def is_tensor(value: Any) -> bool:
    """Is it a torch tensor? (A process that has not imported torch has none.)"""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def is_array(value: Any) -> bool:
    """Is it a numpy array?"""
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, numpy.ndarray)


def plain(value: Any) -> Any:
    """A numpy scalar as Python's own number; anything else as it is."""
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, numpy.generic):
        return value.item()
    return value


def kind_of(value: Any) -> str:
    """What a value is, in a word or two with its article."""
    if is_tensor(value):
        return f"a tensor of shape {tuple(value.shape)}"
    if is_array(value):
        return f"a numpy array of shape {value.shape}"
    if value is None:
        return "None"
    names = {
        bool: "True or False", int: "an int", float: "a float", complex: "a complex number", str: "a text",
        bytes: "bytes", list: "a list", tuple: "a tuple", dict: "a dict", set: "a set", frozenset: "a set",
    }  # fmt: skip
    for kind in type(value).__mro__:
        if kind in names:
            return names[kind]
    name = type(value).__name__
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


def brief(value: Any) -> str:
    """A value in a message: its `repr`, cut where it is long, and without digits that nobody reads.

    >>> brief([0.1 + 0.2, 3.0]), brief(2.9999999999999996)
    ('[0.3, 3.0]', '3.0')
    """
    if isinstance(value, int) and abs(value) > 10**30:  # Python refuses to write out very long numbers
        return f"a whole number of {value.bit_length():,} bits"
    try:
        text = repr(value[:100] if isinstance(value, str | bytes | list | tuple) else value)
    except ValueError:  # such a number within
        text = f"<{type(value).__name__}>"
    if not isinstance(value, str | bytes | bytearray):
        text = LONG_FLOAT.sub(lambda found: repr(float(f"{float(found[0]):.6g}")), text)
    return text if len(text) <= 100 else text[:100] + " ..."


def difference(got: Any, wanted: Any, rules: Rules = Rules(), where: str = "") -> Difference | None:
    """The first place where `got` is not what was `wanted`, or None. Raises nothing, whatever values can cross."""
    got, wanted = plain(got), plain(wanted)
    if is_tensor(got) and got.dim() == 0 and isinstance(wanted, Number):
        if got.dtype.is_floating_point and got.dtype.itemsize < 4:
            return Difference(where, f"your number is a {got.dtype}, which is too coarse: compute in torch.float32")
        got = got.item()
        if isinstance(wanted, int) and isinstance(got, float) and got.is_integer():
            got = int(got)  # a count is often kept in a float tensor
    if is_tensor(wanted) and wanted.dim() == 0 and isinstance(got, Number):
        wanted = wanted.item()
    for is_kind, compare in COMPARISONS:
        if is_kind(wanted):
            if not is_kind(got):
                return Difference(where, f"you have {kind_of(got)} where {kind_of(wanted)} should be")
            return compare(got, wanted, rules, where)
    if is_dataclass(wanted) and type(got) is type(wanted):  # what stands for an object, of which a part may be a tensor
        mine, right = ([getattr(one, part.name) for part in fields(one)] for one in (got, wanted))
        return _rows(mine, right, rules, where)
    same = type(got) is type(wanted) and bool(got == wanted)
    return None if same else Difference(where, "another value should be")


def first_difference(got: Sequence[Any], wanted: Sequence[Any]) -> int:
    """The first index at which two rows differ, be it because one of them ends there."""
    is_text = isinstance(got, str | bytes | bytearray)  # of items that may be tensors, `!=` is no answer
    pairs = enumerate(zip(got, wanted, strict=False))
    unlike = (index for index, (mine, right) in pairs if (mine != right if is_text else difference(mine, right)))
    return next(unlike, min(len(got), len(wanted)))


def _numbers(got: Any, wanted: Any, rules: Rules, where: str) -> Difference | None:
    if isinstance(wanted, int) and isinstance(got, float) and rules.exact:
        return Difference(where, f"you have a float, {brief(got)}, where the int {brief(wanted)} should be")
    if isinstance(got, complex) and not isinstance(wanted, complex):
        real = "int" if isinstance(wanted, int) else "float"
        return Difference(where, f"you have a complex number, {brief(got)}, where the {real} {brief(wanted)} should be")
    if got == wanted or (got != got and wanted != wanted):
        return None
    if not rules.exact and not isinstance(wanted, bool | complex):
        rtol, atol = _tolerances("float64", rules)
        try:
            if math.isclose(got, wanted, rel_tol=rtol, abs_tol=atol):
                return None
        except OverflowError:  # a whole number beyond all floats, which is close to no other
            pass
    return Difference(where, you_have(got, wanted), rounding=_is_rounding(got, wanted))


def _tolerances(wanted: str, rules: Rules) -> tuple[float, float]:
    """The tolerances where this type is wanted, unless the rules name their own."""
    rtol, atol = TOLERANCES.get(wanted, (0.0, 0.0))
    return (rtol if rules.rtol is None else rules.rtol, atol if rules.atol is None else rules.atol)


def you_have(got: Any, wanted: Any) -> str:
    """Both numbers in a sentence, floats with as many digits as it takes to see that they differ.

    >>> you_have(0.25, 0.5)
    'you have 0.25, it should be 0.5'
    >>> you_have(1.00000012, 1.0)
    'you have 1.0000001, it should be 1 (the first 7 digits agree: computed in float32?)'
    """
    if not (isinstance(got, float) and isinstance(wanted, float)):
        return f"you have {_rounded(got)}, it should be {_rounded(wanted)}"
    digits = 6
    while digits < MAX_DIGITS and f"{got:.{digits}g}" == f"{wanted:.{digits}g}":
        digits += 1
    text = f"you have {got:.{digits}g}, it should be {wanted:.{digits}g}"
    if digits == MAX_DIGITS and f"{got:.{digits}g}" == f"{wanted:.{digits}g}":
        return f"you have nearly {wanted:.6g}, and it should be exactly that: more than {digits} digits agree"
    if _is_rounding(got, wanted):
        agree = min(17, int(-math.log10(abs(got - wanted) / abs(wanted))) + 1)
        text += f" (the first {agree} digits agree: computed in {'float32' if agree > FLOAT32_DIGITS else 'float16'}?)"
    return text


def _is_rounding(got: Any, wanted: Any) -> bool:
    """Do two different floats agree in so many digits that only rounding can have parted them?"""
    if not (isinstance(got, float) and isinstance(wanted, float) and math.isfinite(got) and math.isfinite(wanted)):
        return False
    return 0 < abs(got - wanted) < 10.0**-FLOAT32_DIGITS * abs(wanted)


def _texts(got: Any, wanted: Any, rules: Rules, where: str) -> Difference | None:
    if got == wanted:
        return None
    place = first_difference(got, wanted)
    mine, right = got[place : place + 12], wanted[place : place + 12]
    if not right:
        text = f"yours is longer than it should be, by {got[place:][:40]!r}"
    elif not mine:
        text = f"yours ends too early; {wanted[place:][:40]!r} is missing"
    else:
        text = f"from character {place} on you have {mine!r}, it should be {right!r}"
    return Difference(where, text, (got, wanted))


def _rows(got: Any, wanted: Any, rules: Rules, where: str) -> Difference | None:
    for index, (mine, right) in enumerate(zip(got, wanted, strict=False)):
        inner = difference(mine, right, rules, f"{where}[{index}]")
        if inner:
            # A single number, or a short tuple of them, says more among its neighbours.
            alone = inner.pair is None or (isinstance(right, tuple) and inner.pair[1] is right)
            return replace(inner, pair=(got, wanted)) if alone else inner
    if len(got) != len(wanted):
        count = f"{len(got)} item" + ("" if len(got) == 1 else "s")
        return Difference(where, f"you have {count}, there should be {len(wanted)}", (got, wanted))
    return None


def _tables(got: Any, wanted: Any, rules: Rules, where: str) -> Difference | None:
    for key, right in wanted.items():
        if key not in got:
            return Difference(f"{where}[{brief(key)}]", "you have no entry")
        inner = difference(got[key], right, rules, f"{where}[{brief(key)}]")
        if inner:
            return inner
    for key in got:
        if key not in wanted:
            return Difference(f"{where}[{brief(key)}]", "you have an entry that should not be there")
    places = {key: place for place, key in enumerate(wanted)}  # keys are looked up, not compared: some are tensors
    if rules.ordered and [places[key] for key in got] != list(range(len(wanted))):
        return _rows(list(got), list(wanted), rules, f"{where}, order of the keys ")
    return None


def _sets(got: Any, wanted: Any, rules: Rules, where: str) -> Difference | None:
    missing, extra = sorted(wanted - got, key=brief), sorted(got - wanted, key=brief)
    if missing:
        return Difference(where, f"{brief(missing[0])} is missing")
    return Difference(where, f"{brief(extra[0])} should not be there") if extra else None


def _number_kind(tensor: Any) -> str:
    if tensor.dtype.is_complex:
        return "complex numbers"
    if tensor.dtype.is_floating_point:
        return "floats"
    return "True and False" if str(tensor.dtype) == "torch.bool" else "ints"


def _tensors(got: Any, wanted: Any, rules: Rules, where: str) -> Difference | None:
    if is_array(wanted):
        if wanted.dtype.kind not in "biufc" or got.dtype.kind not in "biufc":  # texts, objects
            return _rows(got.tolist(), wanted.tolist(), rules, where)
        import torch

        got, wanted = torch.from_numpy(got.copy()), torch.from_numpy(wanted.copy())
    got, wanted = got.detach().cpu(), wanted.detach().cpu()
    if got.shape != wanted.shape:
        return Difference(where, f"your shape is {tuple(got.shape)}, it should be {tuple(wanted.shape)}")
    same_kind = _number_kind(got) == _number_kind(wanted)
    if not same_kind or is_coarser(got.dtype, wanted.dtype) or (rules.dtype and got.dtype != wanted.dtype):
        return Difference(where, f"your dtype is {got.dtype}, it should be {wanted.dtype}")
    wrong = ~agreement(got, wanted, rules)
    if not wrong.any():
        return None
    place = tuple(wrong.nonzero()[0].tolist())
    at = f"{where}[{', '.join(map(str, place))}]" if place else where
    mine, right = got[place].item(), wanted[place].item()
    text = you_have(mine, right)
    many = int(wrong.sum())
    text += f" ({many:,} of {wrong.numel():,} entries differ)" if wrong.numel() > 1 else ""
    return Difference(at, text, (got, wanted), rounding=_is_rounding(mine, right))


def is_coarser(got: Any, wanted: Any) -> bool:
    """Has a dtype fewer digits than an answer may have where the other is wanted?

    float32 is enough where float64 is wanted; float16 and bfloat16 are enough only where they are wanted, and whole
    numbers must have all their bits.
    """
    if wanted.is_complex or got.is_complex:
        return False
    if wanted.is_floating_point:
        return bool(got.itemsize < min(wanted.itemsize, 4))
    return bool(got.itemsize < wanted.itemsize)


def _rounded(number: Any) -> str:
    return f"{number:.6g}" if isinstance(number, float) else brief(number)


def agreement(got: Any, wanted: Any, rules: Rules) -> Any:
    """Entry by entry, do two tensors of one shape agree? A tensor of True and False."""
    import torch

    if rules.exact or _number_kind(wanted) not in ("floats", "complex numbers"):
        return (got == wanted) | ((got != got) & (wanted != wanted))
    real = torch.view_as_real(wanted) if wanted.dtype.is_complex else wanted
    rtol, atol = _tolerances(str(real.dtype).removeprefix("torch."), rules)
    wide = torch.complex128 if wanted.dtype.is_complex else torch.float64
    return torch.isclose(got.to(wide), wanted.to(wide), rtol=rtol, atol=atol, equal_nan=True)


def _is(*kinds: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, kinds)


Comparison = Callable[[Any, Any, Rules, str], Difference | None]

COMPARISONS: list[tuple[Callable[[Any], bool], Comparison]] = [
    (is_tensor, _tensors),
    (is_array, _tensors),
    (_is(bool), _numbers),
    (lambda value: isinstance(value, int | float | complex) and not isinstance(value, bool), _numbers),
    (_is(str), _texts),
    (_is(bytes, bytearray), _texts),
    (_is(list, tuple), _rows),
    (_is(Mapping), _tables),
    (_is(set, frozenset), _sets),
]
