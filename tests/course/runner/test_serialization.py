"""Only plain data crosses the wire, it arrives as it was, and no body that anybody can write does harm."""

import contextlib
import json
import math
import random
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from enum import IntEnum

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from storyteller_course.runner import serialization
from storyteller_course.runner.serialization import Fixture, Limits, Malformed, Reference, Unsendable, decode, encode
from storyteller_course.runner.serialization.encoding import DTYPES, HEADER_LENGTH

hashable = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters())
    | st.text(st.characters(categories=["Cs"]))
    | st.binary()
    | st.complex_numbers(allow_nan=False),
    lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=4),
    max_leaves=8,
)
plain = st.recursive(
    hashable,
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.lists(inner, max_size=5).map(tuple)
        | st.dictionaries(hashable, inner, max_size=5)
        | st.sets(hashable, max_size=5)
    ),
    max_leaves=20,
)
shapes = st.lists(st.integers(0, 4), max_size=4)


def raw(header: object, data: bytes = b"") -> bytes:
    """A body with this header, whatever it says."""
    head = header if isinstance(header, bytes) else json.dumps(header).encode()
    return HEADER_LENGTH.pack(len(head)) + head + data


def value(form: object, data: bytes = b"") -> bytes:
    return raw({"value": form}, data)


def alike(one: object, other: object) -> bool:
    """Equal, and of the same types all the way down; True is not 1, and -0.0 is not 0.0."""
    if type(one) is not type(other):
        return False
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, dict):
        return len(one) == len(other) and all(
            alike(a, b) and alike(one[a], other[b]) for a, b in zip(one, other, strict=True)
        )
    if isinstance(one, float):
        return one == other and math.copysign(1, one) == math.copysign(1, other)
    return one == other


@given(plain)
def test_plain_data_arrives_as_it_was(data):
    assert alike(decode(encode(data)), data)


@given(st.sampled_from(sorted(DTYPES)), shapes, st.randoms(use_true_random=False))
def test_tensors_of_every_dtype_and_shape_arrive_as_they_were(name, shape, dice):
    size = math.prod(shape) * DTYPES[name].itemsize
    data = bytes(dice.randrange(256) for _ in range(size))
    sent = torch.frombuffer(bytearray(data or b"\0"), dtype=torch.uint8)[:size]
    tensor = sent.view(DTYPES[name]).reshape(shape) if name != "bool" else (sent > 127).reshape(shape)
    got = decode(encode(tensor))
    assert type(got) is torch.Tensor
    assert (got.dtype, got.shape) == (tensor.dtype, tensor.shape)
    if size:
        assert got.reshape(-1).view(torch.uint8).tolist() == tensor.reshape(-1).view(torch.uint8).tolist()


@given(st.sampled_from(sorted(serialization.encoding.ARRAY_DTYPES)), shapes)
def test_arrays_of_every_dtype_and_shape_arrive_as_they_were(name, shape):
    array = (np.arange(math.prod(shape)) % 2).astype(name).reshape(shape)
    for sent in (array, np.asfortranarray(array), array.astype(array.dtype.newbyteorder(">"))):
        got = decode(encode(sent))
        assert type(got) is np.ndarray
        assert (got.dtype, got.shape) == (array.dtype, sent.shape)
        assert (got == array).all()
        assert got.flags.writeable


def test_views_conjugates_and_parameters_arrive_as_the_values_that_they_show():
    grid = torch.arange(12.0).reshape(3, 4)
    complex_grid = torch.complex(grid, -grid)
    for tensor in (grid.T, grid[:, ::2], grid.expand(2, 3, 4), complex_grid.conj(), complex_grid.conj().imag):
        assert torch.equal(decode(encode(tensor)), tensor)
    got = decode(encode(torch.nn.Parameter(grid)))
    assert type(got) is torch.Tensor
    assert not got.requires_grad
    assert decode(encode(torch.tensor(3.5))).shape == ()


def test_what_arrives_shares_nothing_with_what_was_sent():
    sent = torch.zeros(3)
    got = decode(encode(sent))
    got += 1
    assert sent.tolist() == [0, 0, 0]


def test_subclasses_of_plain_types_arrive_as_the_plain_type():
    class Colour(IntEnum):
        RED = 3

    class Always(int):
        def __eq__(self, other):
            return True

        __hash__ = int.__hash__

    pair = namedtuple("pair", "left right")
    many = defaultdict(list)
    many["a"].append(1)
    cases = [
        (Counter("aab"), {"a": 2, "b": 1}),
        (many, {"a": [1]}),
        (OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
        (pair(1, 2), (1, 2)),
        (deque([1, 2]), [1, 2]),
        (Colour.RED, 3),
        (Always(7), 7),
        (np.float32(0.5), 0.5),
        (np.int64(5), 5),
        (np.bool_(True), True),
        (np.str_("word"), "word"),
        (torch.Size([2, 3]), (2, 3)),
        (bytearray(b"ab"), b"ab"),
        ({np.int64(1): np.float64(2.0)}, {1: 2.0}),
    ]
    for sent, wanted in cases:
        assert alike(decode(encode(sent)), wanted), sent


def test_numbers_at_the_edges_arrive():
    for number in (2**63, -(2**63), 2**63 - 1, -(2**200), 1e-310, -0.0, math.inf, -math.inf, complex(math.inf, -0.0)):
        assert alike(decode(encode(number)), number)
    assert math.isnan(decode(encode(math.nan)))


class Anything:
    """Compares equal to everything, and lies about its type."""

    __class__ = dict

    def __eq__(self, other):
        return True

    def __hash__(self):
        return 0


class Allclose(torch.Tensor):
    """A tensor that is always right."""

    def allclose(self, *args, **kwargs):
        return True


@pytest.mark.parametrize(
    "thing",
    [
        object(),
        Anything(),
        int,
        len,
        lambda: 0,
        (x for x in ()),
        math,
        Ellipsis,
        range(3),
        "abc".encode,
        np.array(["a"]),
    ],
    ids=lambda thing: type(thing).__name__,
)
def test_what_is_not_data_is_not_sent(thing):
    with pytest.raises(Unsendable):
        encode([thing])


@pytest.mark.parametrize(
    "tensor",
    [
        torch.zeros(2).as_subclass(Allclose),
        torch.zeros(2, 2).to_sparse(),
        torch.zeros(2, device="meta"),
        np.zeros(2, dtype=object),
        np.zeros(2).view(np.matrix),
    ],
    ids=["subclass", "sparse", "meta", "object array", "matrix"],
)
def test_tensors_that_are_not_plain_are_not_sent(tensor):
    with pytest.raises(Unsendable):
        encode(tensor)


def test_what_is_too_large_or_too_deep_is_not_sent():
    small = Limits(body=1000, header=200, values=50, depth=4)
    loop: list = []
    loop.append(loop)
    for thing in ([[[[[[0]]]]]], loop, [0] * 51, "x" * 300, torch.zeros(300), 1 << 20000, [torch.zeros(100)] * 3):
        with pytest.raises(Unsendable):
            encode(thing, limits=small)
    with pytest.raises(Unsendable, match="deep"):
        encode(loop)


def test_objects_stay_where_they_are_and_are_called_by_number():
    class Router:
        pass

    router, kept = Router(), {}

    def keep(thing):
        kept[len(kept)] = thing
        return Reference(len(kept) - 1, type(thing).__name__)

    there = decode(encode({"router": router, "loss": 1.5}, keep=keep))
    assert there == {"router": Reference(0, "Router"), "loss": 1.5}
    home = decode(encode((there["router"], [1])), resolve=lambda reference: kept[reference.number])
    assert home[0] is router


def test_fixtures_are_named_and_built_on_the_other_side():
    sent = ["before", Fixture("tiny_model", (2,), {"scale": torch.ones(2)})]
    assert decode(encode(Fixture("tiny_model", (2,), {"seed": 1}))) == Fixture("tiny_model", (2,), {"seed": 1})
    built = decode(encode(sent), adopt=lambda item: (item.name, item.args, item.kwargs["scale"].tolist()))
    assert built == ["before", ("tiny_model", (2,), [1.0, 1.0])]


MALFORMED = {
    "empty": b"",
    "short": b"\1\0",
    "header longer than the body": HEADER_LENGTH.pack(500) + b"{}",
    "huge header": HEADER_LENGTH.pack(2**32 - 1) + b"{}",
    "not JSON": raw(b"\x80\x04\x95pickle"),
    "bytes that are not UTF-8": raw(b'{"value": "\xff"}'),
    "no value": raw({}),
    "two values": raw({"value": 1, "more": 2}),
    "a list for a header": raw([1]),
    "deep lists": raw(b'{"value": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    "lists over the depth": raw(b'{"value": ' + b"[" * 40 + b"]" * 40 + b"}"),
    "tuples over the depth": raw(b'{"value": ' + b'{"tuple":[' * 40 + b"]}" * 40 + b"}"),
    "NaN": raw(b'{"value": NaN}'),
    "Infinity": raw(b'{"value": -Infinity}'),
    "a float that overflows": raw(b'{"value": 1e999}'),
    "an integer of many digits": raw(b'{"value": ' + b"9" * 10_000 + b"}"),
    "an integer beyond 64 bits": raw(b'{"value": ' + b"9" * 30 + b"}"),
    "hexadecimal of many digits": value({"int": "f" * 10_000}),
    "hexadecimal that is none": value({"int": "xyz"}),
    "unknown float": value({"float": "1.5"}),
    "complex of text": value({"complex": ["1", "2"]}),
    "complex of whole numbers": value({"complex": [1, 2]}),
    "complex of one": value({"complex": [1.0]}),
    "no tag": value({}),
    "two tags": value({"tuple": [], "set": []}),
    "unknown tag": value({"pickle": "gASVAAA="}),
    "tuple of text": value({"tuple": "abc"}),
    "dict of singles": value({"dict": [[1]]}),
    "dict with a list for a key": value({"dict": [[[1], 2]]}),
    "set of lists": value({"set": [[1]]}),
    "bytes beyond latin-1": value({"bytes": "€"}),
    "unknown dtype": value({"tensor": ["object", [1]]}, b"12345678"),
    "dtype as a list": value({"tensor": [["float32"], [1]]}, b"1234"),
    "tensor without bytes": value({"tensor": ["float32", [4]]}),
    "bytes without a tensor": value([], b"1234"),
    "tensor with too many bytes": value({"tensor": ["float32", [1]]}, b"12345678"),
    "negative shape": value({"tensor": ["float32", [-1, -4]]}, b"1234" * 4),
    "shape of floats": value({"tensor": ["float32", [1.0]]}, b"1234"),
    "shape of truth": value({"tensor": ["float32", [True]]}, b"1234"),
    "shape that overflows": value({"tensor": ["float32", [2**62, 2**62, 0]]}),
    "many dimensions": value({"tensor": ["float32", [1] * 1000]}, b"1234"),
    "array of objects": value({"array": ["object", [1]]}, b"12345678"),
    "reference to nothing": value({"yours": 1}),
    "reference by name": value({"mine": ["os.system", "x"]}),
    "fixture without arguments": value({"fixture": ["x"]}),
    "fixture with strange arguments": value({"fixture": ["x", {"tuple": []}, {"dict": [[1, 2]]}]}),
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_a_body_that_encode_would_not_make_is_refused(body):
    with pytest.raises(Malformed):
        decode(body)


def test_a_body_over_the_limits_is_refused():
    small = Limits(body=1000, header=300, values=50, depth=4)
    for body in (encode([0] * 60), encode("x" * 400), encode(torch.zeros(300)), encode([[[[[[0]]]]]])):
        with pytest.raises(Malformed):
            decode(body, limits=small)


def test_keys_chosen_to_collide_do_not_hold_up_the_checker():
    prime = 2**61 - 1  # Python's hash of an integer is the integer modulo this prime
    pairs = [[{"int": f"{number * prime:x}"}, 0] for number in range(1, 200_000)]
    with pytest.raises(Malformed, match="seconds"):
        decode(value({"dict": pairs}), limits=Limits(seconds=0.2))


def test_a_truth_value_of_two_is_true():
    got = decode(value({"tensor": ["bool", [3]]}, b"\x00\x02\xff"))
    assert torch.equal(got, torch.tensor([False, True, True]))
    array = decode(value({"array": ["bool", [2]]}, b"\x02\x00"))
    assert array.tolist() == [True, False]


@settings(max_examples=300)
@given(
    st.binary(max_size=300)
    | st.recursive(
        st.none() | st.integers() | st.text(max_size=5) | st.floats(),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(
                    ["value", "tuple", "dict", "set", "tensor", "array", "int", "float", "mine", "yours", "fixture"]
                ),
                inner,
                max_size=2,
            )
        ),
        max_leaves=12,
    ).map(lambda form: raw({"value": form}, b"1234"))
)
def test_bytes_at_random_are_a_value_or_malformed(body):
    with contextlib.suppress(Malformed):
        decode(body)


@settings(max_examples=200)
@given(plain, st.data())
def test_a_body_with_one_byte_changed_is_a_value_or_malformed(sent, data):
    body = bytearray(encode([sent, torch.arange(3)]))
    place = data.draw(st.integers(0, len(body) - 1))
    body[place] = data.draw(st.integers(0, 255))
    with contextlib.suppress(Malformed):
        decode(bytes(body))


def test_random_tokens_and_counts_arrive():
    dice = random.Random(7)
    counts = {(dice.randbytes(3), dice.randbytes(2)): dice.randrange(99) for _ in range(500)}
    assert decode(encode(counts)) == counts
