"""A request for a story: the JSON that comes of the page's form, refused where out of bounds.

Both are made from `SAMPLING_OPTIONS`, so a setting that is added there is on the page and in the requests.
"""

import json
from dataclasses import dataclass
from types import NoneType
from typing import Any

from storyteller.errors import StorytellerError
from storyteller.inference.sampling_options import SAMPLING_OPTIONS, Sampling, SamplingOption

MAX_REQUEST_BYTES = 20_000
MAX_OPENING_CHARS = 2_000
MAX_STORY_TOKENS = int(SAMPLING_OPTIONS["max_new_tokens"].high)
MAX_TEMPERATURE = SAMPLING_OPTIONS["temperature"].high  # beyond it every token is as likely as any other


def kinds_of(option: SamplingOption) -> tuple[type, ...]:
    """The kinds of value that JSON may have for a setting. None (null) leaves it out."""
    return ((int, float) if option.kind is float else (option.kind,)) + (NoneType,) * option.nullable


# Fields of a request, with their kinds.
FIELDS: dict[str, tuple[type, ...]] = {"opening": (str,)} | {
    option.form_name: kinds_of(option) for option in SAMPLING_OPTIONS.values()
}
KINDS_IN_WORDS = {
    str: "text", bool: "true or false", int: "a whole number", float: "a number", list: "a list", dict: "an object",
    NoneType: "null",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class StoryRequest:
    """How a story begins, and how its tokens are sampled."""

    opening: str
    sampling: Sampling


def read_request(body: bytes, *, defaults: Sampling) -> StoryRequest:
    """Read a request; a setting that it does not name is that of `defaults`.

    Raises:
        StorytellerError: it is no JSON object, has an unknown field, or a value is of the wrong kind or out of bounds.
    """
    values = read_object(body, example='{"opening": "Once"}')
    for name, value in values.items():
        if name not in FIELDS:
            raise StorytellerError(f"There is no setting {name[:40]!r}; the settings are {', '.join(FIELDS)}.")
        check_kind(name, value, FIELDS[name])
    opening = values.get("opening", "")
    if len(opening) > MAX_OPENING_CHARS:
        raise StorytellerError(f"The opening has {len(opening):,} characters; at most {MAX_OPENING_CHARS:,} are read.")
    settings = {
        option.name: values.get(option.form_name, getattr(defaults, option.name))
        for option in SAMPLING_OPTIONS.values()
    }
    check_bounds(settings["max_new_tokens"], settings["temperature"], length_name="length")
    return StoryRequest(opening=opening, sampling=Sampling(**settings))


async def read_body(request: Any) -> bytes | None:
    """The body of a request; None where it is longer than a request for a story can be."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_REQUEST_BYTES:
            return None
    return body


def read_object(body: bytes, *, example: str) -> dict[str, Any]:
    """The JSON object of a request's body.

    Raises:
        StorytellerError: it is none.
    """
    try:
        values = json.loads(body)
    except (ValueError, RecursionError):
        raise StorytellerError(f"The request is not JSON; send an object such as {example}.") from None
    if not isinstance(values, dict):
        raise StorytellerError(f"The request must be a JSON object such as {example}.")
    return values


def check_bounds(length: int, temperature: float, *, length_name: str) -> None:
    """Raise StorytellerError where a story would be too long for a server, or is drawn at no useful temperature."""
    if not 1 <= length <= MAX_STORY_TOKENS:
        raise StorytellerError(f"{length_name} is {length}; a story has 1 to {MAX_STORY_TOKENS:,} tokens.")
    if not 0 < temperature <= MAX_TEMPERATURE:
        raise StorytellerError(
            f"temperature is {temperature:g}; it must be above 0 and at most {MAX_TEMPERATURE:g}. For the likeliest "
            "token at every step use greedy."
        )


def check_kind(name: str, value: Any, kinds: tuple[type, ...]) -> None:
    """Raise StorytellerError where a value is of none of these kinds."""
    wrong = isinstance(value, bool) and bool not in kinds  # to Python, True is a whole number
    if wrong or not isinstance(value, kinds):
        wanted = [KINDS_IN_WORDS[kind] for kind in kinds if not (kind is int and float in kinds)]
        raise StorytellerError(f"{name} must be {' or '.join(wanted)}.")
    if isinstance(value, int) and abs(value) >= 2**63:
        raise StorytellerError(f"{name} is too large a number.")
