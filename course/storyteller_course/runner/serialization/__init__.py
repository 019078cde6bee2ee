"""Values that may cross between a checker and a student's code: plain data, tensors, and nothing that can act.

    body = encode({"ids": [1, 2], "logits": torch.zeros(2, 3)})
    value = decode(body)

A check sees a student's code only through values. An object that compares equal to everything, a tensor whose
`allclose` was replaced, a pickle that runs a program: none of these has a form here, so none arrives. What arrives is
of an exact built-in type, an exact `torch.Tensor` or an exact `numpy.ndarray`.

A body is one JSON header followed by the bytes of all tensors, in the order in which the header names them:

    4 bytes  length of the header, little-endian
    header   {"value": <value>}
    bytes    tensor, tensor, ...

In the header, null, booleans, text, lists and ordinary numbers stand for themselves. Everything else is an object with
exactly one key, which says what it is: {"tuple": [...]}, {"dict": [[key, value], ...]}, {"set": [...]},
{"bytes": "..."}, {"tensor": [dtype, shape]}, and so on; `decoding.py` has the list.

What is not data stays where it is and is called by number. `keep` gives such an object a `Reference`; on the way there
it is {"mine": [number, kind]}, and when the other side hands it back it is {"yours": number}, which `resolve` looks up.
`Fixture` asks the other side to build something itself, by the name of a function of `exercises/fixtures.py`.

Subclasses of plain types (`Counter`, `defaultdict`, named tuples, numpy scalars) cross as the plain type.

Both directions have limits, on the header too, so that a body of a few bytes cannot cost much memory or time.
"""

from storyteller_course.runner.serialization.decoding import Adopt, Resolve, decode
from storyteller_course.runner.serialization.encoding import (
    LIMITS,
    Fixture,
    Keep,
    Limits,
    Malformed,
    Reference,
    SerializationError,
    Unsendable,
    encode,
)

__all__ = [
    "LIMITS",
    "Adopt",
    "Fixture",
    "Keep",
    "Limits",
    "Malformed",
    "Reference",
    "Resolve",
    "SerializationError",
    "Unsendable",
    "decode",
    "encode",
]
