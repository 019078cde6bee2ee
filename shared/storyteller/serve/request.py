"""What a browser asks for: read from JSON, and refused in one sentence where it is out of bounds."""

import json
from dataclasses import dataclass
from typing import Any

from storyteller.errors import StorytellerError
from storyteller.inference.sampling import Sampling

MOST_BYTES = 20_000  # of a request
MOST_CHARACTERS = 2_000  # of an opening
MOST_TOKENS = 1_000  # of a story
HOTTEST = 5.0  # beyond it every token is as likely as any other

# Fields of a request, with the kinds of value that JSON may have there. None (null) is "not used".
FIELDS: dict[str, tuple[type, ...]] = {
    "opening": (str,),
    "greedy": (bool,),  # always the likeliest token; nothing is drawn then
    "temperature": (int, float),
    "top_k": (int, type(None)),
    "top_p": (int, float, type(None)),
    "seed": (int,),
    "length": (int,),
}
IN_WORDS = {str: "text", bool: "true or false", int: "a whole number", float: "a number", type(None): "null"}


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One wish for a story."""

    opening: str
    sampling: Sampling


def read_asked(body: bytes) -> Asked:
    """Read a request.

    Raises:
        StorytellerError: it is no JSON object, has an unknown field, or a value is of the wrong kind or out of bounds.
    """
    try:
        values = json.loads(body)
    except (ValueError, RecursionError):
        raise StorytellerError('The request is not JSON; send an object such as {"opening": "Once"}.') from None
    if not isinstance(values, dict):
        raise StorytellerError('The request must be a JSON object such as {"opening": "Once"}.')
    for name, value in values.items():
        _check_kind(name, value)
    opening, length = values.get("opening", ""), values.get("length", 300)
    temperature = values.get("temperature", 0.8)
    if len(opening) > MOST_CHARACTERS:
        raise StorytellerError(f"The opening has {len(opening):,} characters; at most {MOST_CHARACTERS:,} are read.")
    if not 1 <= length <= MOST_TOKENS:
        raise StorytellerError(f"length is {length}; a story has 1 to {MOST_TOKENS:,} tokens.")
    if not 0 < temperature <= HOTTEST:
        raise StorytellerError(
            f"temperature is {temperature:g}; it must be above 0 and at most {HOTTEST:g}. For the likeliest token at "
            "every step use greedy."
        )
    top_p = values.get("top_p")
    sampling = Sampling(
        temperature=float(temperature),
        top_k=values.get("top_k"),
        top_p=None if top_p is None else float(top_p),
        seed=values.get("seed", 1),
        max_new_tokens=length,
        greedy=values.get("greedy", False),
    )
    return Asked(opening=opening, sampling=sampling)


def _check_kind(name: str, value: Any) -> None:
    if name not in FIELDS:
        raise StorytellerError(f"There is no setting {name[:40]!r}; the settings are {', '.join(FIELDS)}.")
    kinds = FIELDS[name]
    wrong = isinstance(value, bool) and bool not in kinds  # to Python, True is a whole number
    if wrong or not isinstance(value, kinds):
        wanted = " or ".join(dict.fromkeys(IN_WORDS[kind] for kind in kinds if not (kind is int and float in kinds)))
        raise StorytellerError(f"{name} must be {wanted}.")
    if isinstance(value, int) and abs(value) >= 2**63:
        raise StorytellerError(f"{name} is too large a number.")
