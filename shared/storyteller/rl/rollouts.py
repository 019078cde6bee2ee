"""Rollouts: stories that the model tells, with the log-probabilities that they were told with.

    rollouts = sample_rollouts(model, tokenizer, [Prompt("Once upon a time")], group_size=8, sampling=Sampling())
    print(rollouts.stories[0].text, rollouts.log_probs[0].sum())

They are a `Batch` as any other, prompts and padding with targets of -100, so whatever learns from batches learns from
them too.

Legend: `B` stories, `T` tokens, `P` prompts, `G` stories of each, `k` experts that a token is routed to.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor

from storyteller.errors import StorytellerError
from storyteller.inference.generate import encode_prompt, generation_steps, whole_story
from storyteller.inference.sampling import Filter
from storyteller.inference.sampling_options import Sampling
from storyteller.rl.rewards import Told
from storyteller.tokenizer import Tokenizer
from storyteller.training.batches import IGNORE_INDEX, PAD_DOCUMENT, Batch
from storyteller.transformer.decoder import Decoder


@dataclass(frozen=True)
class Prompt:
    """What a story is told from."""

    opening: str = ""  # the story's beginning, or a wish; nothing leaves the beginning to the model
    is_wish: bool = False  # it asks for the story and is no part of it
    facts: Mapping[str, Any] | None = None  # what shall be true in the story


@dataclass(frozen=True, kw_only=True)
class Rollouts(Batch):
    """B stories with what is needed to learn from them; padded behind their ends."""

    stories: tuple[Told, ...]  # B
    log_probs: Tensor  # (B, T), of each target when it was drawn; 0 where there is none
    expert_ids: Tensor | None = None  # (layers, B, T, k), the experts of each input token; None where they are not kept
    rewards: Tensor | None = None  # (B,)
    advantages: Tensor | None = None  # (B,), or (B, T) where the tokens of a story differ
    weights: Tensor | None = None  # (B, T), how much each token counts
    ref_log_probs: Tensor | None = None  # (B, T), of each target under the reference

    @property
    def mask(self) -> Tensor:
        """True for the stories' own tokens among the targets, (B, T) bool."""
        return self.targets != IGNORE_INDEX

    def to(self, device: torch.device | str) -> "Rollouts":
        """The same rollouts on another device."""
        values: dict[str, Any] = {
            name: value.to(device) for name, value in vars(self).items() if isinstance(value, Tensor)
        }
        return replace(self, **values)

    def rows(self, rows: Sequence[int]) -> "Rollouts":
        """Some of the stories, in this order, with no more padding than they need."""
        index = torch.tensor(rows, device=self.inputs.device)
        T = int((self.document_ids[index] != PAD_DOCUMENT).sum(dim=1).max())  # of the longest
        values: dict[str, Any] = {
            name: value[index, :T] if value.dim() > 1 else value[index]
            for name, value in vars(self).items()
            if isinstance(value, Tensor) and name != "expert_ids"
        }
        experts = None if self.expert_ids is None else self.expert_ids[:, index, :T]
        return replace(self, **values, expert_ids=experts, stories=tuple(self.stories[row] for row in rows))

    def split(self, size: int) -> list["Rollouts"]:
        """Parts of at most `size` stories, each of stories of about the same length, which need little padding."""
        lengths = (self.document_ids != PAD_DOCUMENT).sum(dim=1)
        order = lengths.argsort(stable=True).tolist()
        return [self.rows(order[first : first + size]) for first in range(0, len(order), size)]


def sample_rollouts(
    model: Decoder,
    tokenizer: Tokenizer,
    prompts: Sequence[Prompt],
    *,
    group_size: int,
    sampling: Sampling,
    log_probs: Literal["sampled", "model"] = "sampled",
    filters: Iterable[Filter] | None = None,
    keep_routing: bool = False,
) -> Rollouts:
    """Let the model tell `group_size` stories for each prompt, all at once.

    Args:
        model: the model.
        tokenizer: the one it was trained with.
        prompts: P prompts.
        group_size: G; the stories of a prompt follow each other, so B = P * G.
        sampling: how tokens are chosen; story i draws with `sampling.seed` + i.
        log_probs: "sampled": with which the tokens were drawn, after temperature and filters; the ratio of a new
            policy to these says how much likelier it would draw them. "model": the model's own, without either.
        filters: as in `storyteller.inference.generate.generate`.
        keep_routing: whether `expert_ids` are kept.

    Returns:
        The rollouts, without rewards. A story that is too long for the model's context is cut there: what it reads of
        a story in training is then what it read when it told it.

    Raises:
        StorytellerError: a prompt leaves no room for a story, or cannot be read.
    """
    ids = [encode_prompt(model, tokenizer, prompt.opening) for prompt in prompts]
    room = model.config.max_seq_len - max(map(len, ids))
    if room < 1:
        raise StorytellerError(
            f"A prompt has {max(map(len, ids))} tokens and the model reads {model.config.max_seq_len}: shorten the "
            "prompt, or train a model with a larger max_seq_len."
        )
    sampling = replace(sampling, max_new_tokens=min(sampling.max_new_tokens, room))
    starts = [prompt for prompt in ids for _ in range(group_size)]  # B
    told: list[list[int]] = [[] for _ in starts]
    chosen: list[list[float]] = [[] for _ in starts]  # log-probabilities
    experts: list[list[Tensor]] = [[] for _ in starts]  # (layers, tokens, k) each
    for step in generation_steps(
        model, starts, sampling=sampling, stop={tokenizer.end_id}, filters=filters, use_cache=True
    ):
        logits = step.filtered if log_probs == "sampled" else step.logits  # (R, V)
        of_tokens = logits.gather(1, step.tokens[:, None]).squeeze(1) - logits.logsumexp(dim=1)  # (R,)
        for row, token, log_prob in zip(step.rows, step.tokens.tolist(), of_tokens.tolist(), strict=True):
            told[row].append(token)
            chosen[row].append(log_prob)
        if keep_routing and step.routing:
            R = len(step.rows)
            read = torch.stack([layer.expert_ids.view(R, -1, layer.expert_ids.size(-1)) for layer in step.routing])
            for place, row in enumerate(step.rows):  # of a prompt, what follows the padding
                n_tokens = 1 if len(told[row]) > 1 else len(starts[row])
                experts[row].append(read[:, place, -n_tokens:])
    stories = []
    for row, new in enumerate(told):
        prompt = prompts[row // group_size]
        story = whole_story(tokenizer, prompt.opening, new)
        stories.append(
            Told(
                opening=prompt.opening,
                text=story[len(prompt.opening) :].lstrip() if prompt.is_wish else story,
                ended=new[-1] == tokenizer.end_id,
                group=row // group_size,
                facts=prompt.facts,
            )
        )
    return _padded(starts, told, chosen, experts if any(experts) else None, tuple(stories)).to(
        model.embedding.weight.device
    )


def tokens_within(tokenizer: Tokenizer, rollouts: Rollouts, spans: Sequence[tuple[int, int] | None]) -> Tensor:
    """Which targets stand in a part of their story.

    Args:
        tokenizer: the model's.
        rollouts: B stories.
        spans: for each, where the part begins and ends, in characters of its text; None for no part.

    Returns:
        (B, T) bool
    """
    targets, mask = rollouts.targets.cpu(), rollouts.mask.cpu()  # looked at one by one
    inside = torch.zeros_like(mask)
    for row, (story, span) in enumerate(zip(rollouts.stories, spans, strict=True)):
        if span is None:
            continue
        # Counted from the end, in bytes: there the text and its tokens end together, whatever came before them.
        begins, ends = (len(story.text[place:].encode()) for place in span)
        behind = 0
        for place in reversed(mask[row].nonzero().flatten().tolist()):
            token = int(targets[row, place])
            n_bytes = 0 if token == tokenizer.end_id else len(tokenizer.token_bytes(token))
            inside[row, place] = behind < begins and behind + n_bytes > ends
            behind += n_bytes
    return inside.to(rollouts.targets.device)


def _padded(
    starts: Sequence[Sequence[int]],
    told: Sequence[Sequence[int]],
    chosen: Sequence[Sequence[float]],
    experts: Sequence[Sequence[Tensor]] | None,
    stories: tuple[Told, ...],
) -> Rollouts:
    """One row a story: its prompt and its tokens, but for the last one, which is only a target."""
    B, T = len(starts), max(len(start) + len(new) for start, new in zip(starts, told, strict=True)) - 1
    inputs, targets = torch.zeros(B, T, dtype=torch.int64), torch.full((B, T), IGNORE_INDEX)
    documents, log_probs = torch.full((B, T), PAD_DOCUMENT), torch.zeros(B, T)
    expert_ids = None
    if experts is not None:
        n_layers, _, k = experts[0][0].shape
        expert_ids = torch.arange(k).expand(n_layers, B, T, k).clone()  # padding has some experts or other
    for row, (start, new) in enumerate(zip(starts, told, strict=True)):
        first, end = len(start) - 1, len(start) + len(new) - 1
        inputs[row, :end] = torch.tensor([*start, *new[:-1]])
        targets[row, first:end] = torch.tensor(new)
        documents[row, :end] = row
        log_probs[row, first:end] = torch.tensor(chosen[row])
        if expert_ids is not None and experts is not None:
            expert_ids[:, row, :end] = torch.cat(list(experts[row]), dim=1).cpu()
    return Rollouts(
        inputs=inputs,
        targets=targets,
        document_ids=documents,
        stories=stories,
        log_probs=log_probs,
        expert_ids=expert_ids,
    )
