"""The settings of sampling, in one place: `Sampling`, and for each of its fields what a surface must know to offer it.

The options of `storyteller tell` and `storyteller evaluate`, the JSON that `storyteller serve` reads, the form on its
page and the one in a notebook are made from `SAMPLING_OPTIONS`. What a setting does to the logits:
`storyteller.inference.sampling`. Nothing here imports torch, so that `storyteller --help` answers at once.

    >>> Sampling(top_p=0.9).top_p
    0.9
    >>> SAMPLING_OPTIONS["top_p"].kind, SAMPLING_OPTIONS["top_p"].nullable, SAMPLING_OPTIONS["top_p"].high
    (<class 'float'>, True, 1)
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from types import NoneType
from typing import Any, get_args

from storyteller.errors import StorytellerError


@dataclass(frozen=True, kw_only=True)
class SamplingOption:
    """One field of `Sampling`, as the command line, a request and a form offer it."""

    name: str  # the field, and the option of a command
    kind: type  # bool, int or float
    nullable: bool  # whether None leaves the setting out
    default: Any
    label: str  # in a form
    help: str  # on the command line
    allows: Callable[[Any], bool]  # whether a value is in range
    wanted: str  # the range in words: "it must be ..."
    low: float = 0  # the range that a form offers, for a number; it may be narrower than what is allowed
    high: float = 0
    step: float = 0
    off: float | None = None  # where a slider, which has no empty place, means None
    greedy_ignores: bool = True  # whether it changes nothing in greedy decoding
    form_name: str  # in a form and its JSON; the field's name almost always


def _option(default: Any, **facts: Any) -> Any:
    """A field of `Sampling` with the facts of its `SamplingOption`."""
    return field(default=default, metadata=facts)


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How the next token is chosen. The default draws from the model's own distribution.

    Raises:
        StorytellerError: a value is out of its range.
    """

    temperature: float = _option(  # logits are divided by it: below 1 sharpens the distribution, above 1 flattens it
        1.0,
        label="Temperature",
        help="above 0; lower is tamer, higher is wilder",
        allows=lambda value: value > 0 and math.isfinite(value),
        wanted="a number above 0",
        low=0.1,
        high=5,
        step=0.1,
    )
    top_k: int | None = _option(  # keep the k likeliest tokens; None keeps all
        None,
        label="Top-k",
        help="choose among the k likeliest tokens",
        allows=lambda value: value >= 1,
        wanted="1 or more, or left out to keep every token",
        low=1,
        high=1_000_000,
        step=1,
        off=0,
    )
    top_p: float | None = _option(  # keep the likeliest tokens that together reach this probability; None keeps all
        None,
        label="Top-p",
        help="among the likeliest that together reach this probability",
        allows=lambda value: 0 < value <= 1,
        wanted="above 0 and at most 1, which keeps every token",
        low=0.05,
        high=1,
        step=0.05,
        off=1,
    )
    min_p: float | None = _option(  # keep tokens at least this share as likely as the likeliest; None keeps all
        None,
        label="Min-p",
        help="among those this share as likely as the likeliest",
        allows=lambda value: 0 <= value < 1,
        wanted="below 1 and at least 0, which keeps every token",
        low=0,
        high=0.99,
        step=0.01,
        off=0,
    )
    typical_p: float | None = _option(  # keep the tokens of the most typical surprise that together reach it; None: all
        None,
        label="Typical-p",
        help="among those about as surprising as expected that together reach this probability",
        allows=lambda value: 0 < value <= 1,
        wanted="above 0 and at most 1, which keeps every token",
        low=0.05,
        high=1,
        step=0.05,
        off=1,
    )
    repetition_penalty: float = _option(  # above 1 makes tokens that the text already has less likely
        1.0,
        label="Repetition penalty",
        help="above 1 discourages what was already said",
        allows=lambda value: value > 0 and math.isfinite(value),
        wanted="above 0, and 1 changes nothing",
        low=0.5,
        high=3,
        step=0.05,
        greedy_ignores=False,
    )
    seed: int = _option(  # row i draws from `sampling.row_seed(seed, i)`
        0,
        label="Seed",
        help="another seed tells another story",
        allows=lambda value: 0 <= value < 2**63,
        wanted="0 or more, and below 2 to the 63",
        low=0,
        high=2**31,
        step=1,
    )
    max_new_tokens: int = _option(  # a row ends here if no stop token ended it before
        300,
        label="Tokens at most",
        help="cut the story here if it has not ended",
        allows=lambda value: value >= 1,
        wanted="1 or more",
        low=1,
        high=1_000,
        step=1,
        greedy_ignores=False,
        form_name="length",
    )
    greedy: bool = _option(  # always take the likeliest token; only the repetition penalty changes which that is
        False,
        label="Greedy: always the likeliest token, nothing is drawn",
        help="always take the likeliest token; nothing is drawn",
        allows=lambda value: True,
        wanted="true or false",
        greedy_ignores=False,
    )

    def __post_init__(self) -> None:
        for option in SAMPLING_OPTIONS.values():
            value = getattr(self, option.name)
            if value is not None and not option.allows(value):
                zero = option.name == "temperature" and value == 0
                way_out = "; for the likeliest token at every step use greedy (--greedy)" if zero else ""
                raise StorytellerError(f"{option.name} is {value}; it must be {option.wanted}{way_out}.")


SAMPLING_OPTIONS: Mapping[str, SamplingOption] = {  # by the field's name, in the fields' order
    setting.name: SamplingOption(
        name=setting.name,
        kind=(get_args(setting.type) or (setting.type,))[0],  # of `int | None`: int
        nullable=NoneType in get_args(setting.type),
        default=setting.default,
        **dict[str, Any]({"form_name": setting.name, **setting.metadata}),
    )
    for setting in fields(Sampling)
}

# How a model tells its stories where no `generation_config.json` says otherwise. Min-p keeps many tokens where many
# are about as likely, as the first name of a story, and one where one is far likelier than all others, as whose kite it
# is. At the same variety a low temperature tells fewer consistent stories: see the table in `bench/story.py`.
STORY_SAMPLING = Sampling(temperature=1.0, min_p=0.4, seed=1, max_new_tokens=400)
