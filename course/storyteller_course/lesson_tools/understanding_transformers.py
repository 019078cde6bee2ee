"""Lesson 02: the weights of its model under the names of the library's, and what its heads attend to."""

import re
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from storyteller.corpus.story import Story
from storyteller.tokenizer import Tokenizer


def to_library(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights of a `GPT` under the names of the library's `Decoder`, which joins some of the matrices.

    Args:
        state: the `state_dict()` of a `GPT`.
    """
    joined = {
        "q": "qkv", "k": "qkv", "v": "qkv",
        "gate": "feed_forward.gate_up", "up": "feed_forward.gate_up", "down": "feed_forward.down",
    }  # fmt: skip
    found: dict[str, Tensor] = {}
    for name, weight in state.items():
        *path, part, kind = name.split(".")
        new = ".".join([*path, joined.get(part, part), kind])
        found[new] = torch.cat((found[new], weight)) if new in found else weight
    return found


GOALS = ("previous token", "itself", "earlier copy", "same name", "any name", "first token")
LONGEST, SKIPPED = 192, 20  # tokens of a text that are measured; the first queries have not much to choose from


def name_places(story: Story, tokenizer: Tokenizer, ids: Sequence[int]) -> Tensor:
    """Which tokens of a story touch a name: (T,) bool, from the facts that StoryWorld keeps of it.

    Args:
        story: of StoryWorld.
        tokenizer: that made the ids.
        ids: the end token, then the story's tokens or the first of them.
    """
    assert story.facts is not None  # StoryWorld gives them to each of its stories
    names = "|".join(re.escape(person["name"]) for person in story.facts["people"] if person["name"])
    spans = [found.span() for found in re.finditer(rf"\b({names})\b", story.text)]
    end, places = 0, [False]
    for one in ids[1:]:
        start, end = end, end + len(tokenizer.token_bytes(one))  # StoryWorld's letters are one byte each
        places.append(any(start < stop and end > begin for begin, stop in spans))
    return torch.tensor(places)


def goals_of(story: Story, tokenizer: Tokenizer, ids: Sequence[int]) -> dict[str, Tensor]:
    """For each of `GOALS`, which keys belong to it for each query: (T, T) bool."""
    row, place, name = torch.tensor(ids), torch.arange(len(ids)), name_places(story, tokenizer, ids)
    back = place[:, None] - place  # (T, T), how many tokens back
    copy = (row[:, None] == row) & (back > 0)
    return {
        "previous token": back == 1,
        "itself": back == 0,
        "earlier copy": copy,
        "same name": copy & name & name[:, None],
        "any name": (back >= 0) & name,
        "first token": (back >= 0) & (place == 0),
    }


def profile(
    weights_of: Callable[[Sequence[int]], Tensor], stories: Sequence[Story], tokenizer: Tokenizer
) -> tuple[Tensor, Tensor]:
    """What each head of a model attends to, over some stories.

    Args:
        weights_of: the attention weights of the model on a text, (layers, H, T, T), from its ids.
        stories: of StoryWorld.
        tokenizer: of the model.

    Returns:
        For each head and goal, (layers * H, goals): how many times the fair share the goal gets (the share if the head
        attended to all tokens alike), and the share of the attention itself. Only queries that have such a key count.
    """
    got, fair, count = (dict.fromkeys(GOALS, torch.zeros(())) for _ in range(3))
    for story in stories:
        ids = [tokenizer.end_id, *tokenizer.encode(story.text)][:LONGEST]
        weights, place = weights_of(ids), torch.arange(len(ids))
        for goal, wanted in goals_of(story, tokenizer, ids).items():
            rows = wanted.any(dim=1) & (place >= SKIPPED)
            got[goal] = got[goal] + (weights * wanted).sum(-1)[:, :, rows].sum(-1).flatten()  # (layers * H,)
            fair[goal] = fair[goal] + (wanted.sum(1) / (place + 1))[rows].sum()
            count[goal] = count[goal] + rows.sum()
    times = torch.stack([got[goal] / fair[goal] for goal in GOALS], dim=-1)
    return times, torch.stack([got[goal] / count[goal] for goal in GOALS], dim=-1)
