"""A request for a story: the fields of the page's form, and the JSON that comes of them, refused where out of bounds.

Both are made from `SAMPLING_OPTIONS`, so a setting that is added there is on the page and in the requests.
"""

import json
from dataclasses import dataclass
from types import NoneType
from typing import Any

from storyteller.errors import StorytellerError
from storyteller.figures.display import safe
from storyteller.inference.sampling_options import SAMPLING_OPTIONS, Sampling, SamplingOption

MAX_REQUEST_BYTES = 20_000
MAX_OPENING_CHARS = 2_000
MAX_STORY_TOKENS = int(SAMPLING_OPTIONS["max_new_tokens"].high)
MAX_TEMPERATURE = SAMPLING_OPTIONS["temperature"].high  # beyond it every token is as likely as any other

DEFAULTS = Sampling(temperature=0.8, seed=1)

# Fields of a request, with the kinds of value that JSON may have there. None (null) leaves a setting out.
FIELDS: dict[str, tuple[type, ...]] = {"opening": (str,)} | {
    option.form_name: ((int, float) if option.kind is float else (option.kind,)) + (NoneType,) * option.nullable
    for option in SAMPLING_OPTIONS.values()
}
KINDS_IN_WORDS = {str: "text", bool: "true or false", int: "a whole number", float: "a number", NoneType: "null"}


@dataclass(frozen=True, kw_only=True)
class StoryRequest:
    """How a story begins, and how its tokens are sampled."""

    opening: str
    sampling: Sampling


def read_request(body: bytes) -> StoryRequest:
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
    opening = values.get("opening", "")
    if len(opening) > MAX_OPENING_CHARS:
        raise StorytellerError(f"The opening has {len(opening):,} characters; at most {MAX_OPENING_CHARS:,} are read.")
    settings = {
        option.name: values.get(option.form_name, getattr(DEFAULTS, option.name))
        for option in SAMPLING_OPTIONS.values()
    }
    length, temperature = settings["max_new_tokens"], settings["temperature"]
    if not 1 <= length <= MAX_STORY_TOKENS:
        raise StorytellerError(f"length is {length}; a story has 1 to {MAX_STORY_TOKENS:,} tokens.")
    if not 0 < temperature <= MAX_TEMPERATURE:
        raise StorytellerError(
            f"temperature is {temperature:g}; it must be above 0 and at most {MAX_TEMPERATURE:g}. For the likeliest "
            "token at every step use greedy."
        )
    return StoryRequest(opening=opening, sampling=Sampling(**settings))


def _check_kind(name: str, value: Any) -> None:
    if name not in FIELDS:
        raise StorytellerError(f"There is no setting {name[:40]!r}; the settings are {', '.join(FIELDS)}.")
    kinds = FIELDS[name]
    wrong = isinstance(value, bool) and bool not in kinds  # to Python, True is a whole number
    if wrong or not isinstance(value, kinds):
        wanted = [KINDS_IN_WORDS[kind] for kind in kinds if not (kind is int and float in kinds)]
        raise StorytellerError(f"{name} must be {' or '.join(wanted)}.")
    if isinstance(value, int) and abs(value) >= 2**63:
        raise StorytellerError(f"{name} is too large a number.")


def form_html() -> str:
    """The fields of the page's form, one for every setting.

    Those that greedy decoding ignores are in the fieldset `#drawing`, which the page's script disables.
    """
    options = SAMPLING_OPTIONS.values()
    switches = [
        f'<label class="wide check"><input id="{option.form_name}" type="checkbox"> {safe(option.label)}</label>'
        for option in options
        if option.kind is bool
    ]
    drawing = [_number_field(option) for option in options if option.kind is not bool and option.greedy_ignores]
    others = [_number_field(option) for option in options if option.kind is not bool and not option.greedy_ignores]
    return "\n  ".join([*switches, '<fieldset id="drawing">', *drawing, "</fieldset>", *others])


def _number_field(option: SamplingOption) -> str:
    default = getattr(DEFAULTS, option.name)
    start = 'placeholder="all"' if default is None else f'value="{default:g}"'
    limits = f'min="{option.low:g}" max="{option.high:.10g}" step="{option.step:g}"'
    return f'<label>{safe(option.label)} <input id="{option.form_name}" type="number" {limits} {start}></label>'
