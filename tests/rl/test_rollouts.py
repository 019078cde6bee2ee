"""Rollouts beside the sampler's own texts and a forward pass over each story alone."""

import pytest
import torch

from small_policy import PROMPTS, small_model, tokenizer
from storyteller.errors import StorytellerError
from storyteller.inference.generate import encode_prompt, generate, tell
from storyteller.inference.sampling_options import Sampling
from storyteller.rl.rollouts import Prompt, sample_rollouts, tokens_within
from storyteller.rl.routing import replay

SAMPLING = Sampling(temperature=1.4, seed=5, max_new_tokens=14)


def rollouts(model=None, **options):
    settings = {"group_size": 3, "sampling": SAMPLING, **options}
    return sample_rollouts(model or small_model(), tokenizer(), PROMPTS, **settings)


def test_the_stories_are_those_of_tell_and_stand_by_prompt():
    openings = [prompt.opening for prompt in PROMPTS for _ in range(3)]
    result = rollouts()
    assert [story.text for story in result.stories] == tell(small_model(), tokenizer(), openings, sampling=SAMPLING)
    assert [story.group for story in result.stories] == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert len({story.text for story in result.stories}) > 6


def test_inputs_and_targets_are_the_prompt_and_the_tokens_that_were_drawn():
    prompts = [encode_prompt(small_model(), tokenizer(), prompt.opening) for prompt in PROMPTS for _ in range(3)]
    rows = generate(small_model(), prompts, sampling=SAMPLING, stop={tokenizer().end_id})
    result = rollouts()
    for row, (prompt, new) in enumerate(zip(prompts, rows, strict=True)):
        ids, n = [*prompt, *new], len(prompt) + len(new) - 1
        assert result.inputs[row, :n].tolist() == ids[:-1]
        assert result.targets[row, :n].tolist() == [-100] * (len(prompt) - 1) + new
        assert (result.targets[row, n:] == -100).all()
        assert result.document_ids[row].tolist() == [row] * n + [-1] * (result.inputs.size(1) - n)
    assert result.n_targets == sum(map(len, rows))


@pytest.mark.parametrize("form", [{}, {"n_experts": 0}, {"positions": "learned"}])
@pytest.mark.parametrize(("log_probs", "temperature"), [("sampled", 1.4), ("model", 1.0)])
def test_log_probabilities_are_those_of_a_forward_pass_over_each_story_alone(form, log_probs, temperature):
    model = small_model(**form)
    result = rollouts(model, log_probs=log_probs)
    for row in range(len(result.inputs)):
        n = int((result.document_ids[row] >= 0).sum())
        logits = model(result.inputs[row : row + 1, :n]).logits[0] / temperature
        for place in range(result.inputs.size(1)):
            target = int(result.targets[row, place])
            expected = 0.0 if target == -100 else logits[place].log_softmax(-1)[target].item()
            assert float(result.log_probs[row, place]) == pytest.approx(expected, abs=1e-4)


def test_filters_are_part_of_the_probability_that_a_token_was_drawn_with():
    greedy_like = rollouts(sampling=Sampling(top_k=1, max_new_tokens=6))
    assert greedy_like.log_probs.abs().max() == 0  # the only token that was left
    assert rollouts(sampling=Sampling(top_k=1, max_new_tokens=6), log_probs="model").log_probs.min() < -0.1


def test_the_experts_that_are_kept_are_those_of_a_forward_pass_and_replay_chooses_them():
    model = small_model()
    result = rollouts(model, keep_routing=True)
    mask = result.attention_mask
    alone = torch.stack([layer.expert_ids.view(*result.inputs.shape, -1) for layer in model(result.inputs).routing])
    assert torch.equal(result.expert_ids.sort(-1).values[:, mask], alone.sort(-1).values[:, mask])
    logits = model(result.inputs).logits[mask]
    with replay(model, result.expert_ids):
        torch.testing.assert_close(model(result.inputs).logits[mask], logits)
    with torch.no_grad():
        for block in model.blocks:
            block.feed_forward.router.weight.neg_()  # now the router would choose the others
    with replay(model, result.expert_ids):
        replayed = torch.stack([layer.expert_ids for layer in model(result.inputs).routing])
    assert torch.equal(replayed.view_as(result.expert_ids), result.expert_ids)
    free = torch.stack([layer.expert_ids for layer in model(result.inputs).routing])  # afterwards it chooses again
    assert not torch.equal(free, replayed)


def test_parts_hold_every_story_once_with_little_padding():
    result = rollouts(keep_routing=True)
    parts = result.split(4)
    assert [len(part.stories) for part in parts] == [4, 4, 1]
    assert sorted(s.text for part in parts for s in part.stories) == sorted(s.text for s in result.stories)
    assert sum(part.n_targets for part in parts) == result.n_targets
    assert sum(float(part.log_probs.sum()) for part in parts) == pytest.approx(float(result.log_probs.sum()), abs=1e-3)
    for part in parts:
        lengths = (part.document_ids >= 0).sum(dim=1)
        assert part.inputs.size(1) == int(lengths.max())
        assert part.expert_ids.shape[1:3] == part.inputs.shape


def test_a_wish_is_no_part_of_its_story():
    wish = Prompt("tell of the owl\n\n", is_wish=True, facts={"people": [], "things": []})
    result = sample_rollouts(small_model(), tokenizer(), [wish], group_size=2, sampling=SAMPLING)
    for story in result.stories:
        assert story.opening == wish.opening
        assert story.facts is wish.facts
        assert not story.text.startswith("tell")
    assert (result.targets[:, : len(tokenizer().encode(wish.opening))] == -100).all()


def test_a_story_ends_where_the_context_does():
    result = sample_rollouts(
        small_model(), tokenizer(), [Prompt("the fox")], group_size=8, sampling=Sampling(max_new_tokens=500)
    )
    assert result.inputs.size(1) <= 24
    with pytest.raises(StorytellerError, match="the model reads 24"):
        sample_rollouts(small_model(), tokenizer(), [Prompt("the fox " * 30)], group_size=2, sampling=SAMPLING)


@pytest.mark.parametrize("prompt", [Prompt("the fox"), Prompt(""), Prompt("the owl\n\n", is_wish=True), Prompt("the ")])
def test_the_tokens_of_a_part_of_a_story_are_those_that_write_it(prompt):
    result = sample_rollouts(small_model(), tokenizer(), [prompt], group_size=12, sampling=SAMPLING)
    for begins, ends in ((0, 3), (5, 9), (3, 8)):
        inside = tokens_within(tokenizer(), result, [(begins, ends)] * 12)
        for row, story in enumerate(result.stories):
            if "\ufffd" in story.text:  # tokens that are no characters
                continue
            ids = result.targets[row][result.mask[row]].tolist()
            places = result.mask[row].nonzero().flatten().tolist()
            end, expected = len(story.text), []
            for number in range(len(ids)):  # a token is inside if any of its characters is
                last = end - len(tokenizer().decode(ids[number + 1 :], skip_special=True))
                first = end - len(tokenizer().decode(ids[number:], skip_special=True))
                expected.append(max(first, begins) < min(last, ends))
            assert [bool(inside[row, place]) for place in places] == expected
            assert not inside[row][~result.mask[row]].any()
    assert not tokens_within(tokenizer(), result, [None] * 12).any()
