"""What `token_log_probs` must do, case by case."""

import torch

from storyteller_course import Exercise, close, true
from storyteller_course.exercises.exercise import shaped

from .oracles import gradients_of, rows_of, slow_log_probs

token_log_probs = Exercise(
    "token_log_probs",
    in_library="storyteller.rl.losses.token_log_probs",
    points=10,
    stars=2,
    bug_hunt=True,
    hints=(
        "Take a story of three tokens and a model that is sure of each next one. What should come out, and what does? "
        "Then change the temperature, then the padding.",
        "Three questions. Which tokens had the model read when it said `logits[:, t]`, and which one was it about to "
        "draw? From which probabilities did the sampler draw it? And which tokens did the model not tell at all?",
        "The logits at place t - 1 are about the token at place t, so the last logits and the first token have no "
        "partner. Divide by the temperature before the softmax. Where the mask is False there stands 0.",
    ),
)


def drawn(draw, B, T, V):
    """Logits, ids and a mask of some stories."""
    return draw.tensor(B, T, V, scale=1.5), draw.integers(0, V, B, T), rows_of(draw, B, T)


@token_log_probs.case("asks for each token what the model said before it", points=4)
def shifted(student, draw):
    for B, T, V in ((3, 6, 5), (2, 8, 7)):
        logits, ids, _ = drawn(draw, B, T, V)
        mask = torch.ones(B, T, dtype=torch.bool)  # all tokens but the first of each row
        mask[:, 0] = False
        close(student.token_log_probs(logits, ids, mask), slow_log_probs(logits, ids, mask), "the log-probabilities")


@token_log_probs.case("takes the probabilities that the sampler drew from", points=3)
def tempered(student, draw):
    for (B, T, V), temperature in (((2, 5, 6), 0.6), ((3, 7, 4), 1.7)):
        logits, ids, _ = drawn(draw, B, T, V)
        # One token: whatever the shift, each place has the same scores.
        logits, ids = logits[:, :1].expand(B, T, V).contiguous(), ids[:, :1].expand(B, T).contiguous()
        mask = torch.ones(B, T, dtype=torch.bool)
        mask[:, 0] = False
        got = student.token_log_probs(logits, ids, mask, temperature=temperature)
        shaped(got, (B, T), "the log-probabilities")
        wanted = slow_log_probs(logits, ids, mask, temperature)
        close(got[:, 1:], wanted[:, 1:], f"the log-probabilities at temperature {temperature}, without the first place")


@token_log_probs.case("is 0 on openings and padding, whatever stands there", points=2)
def masked(student, draw):
    for B, T, V in ((4, 7, 5), (2, 6, 8)):
        logits, ids, mask = drawn(draw, B, T, V)
        got = student.token_log_probs(logits, ids, mask)
        shaped(got, (B, T), "the log-probabilities")
        true((got[mask] < 0).all(), "A token of a story has the log-probability 0 or more, or none at all.")
        close(got[~mask], torch.zeros(int((~mask).sum())), "what stands where the mask is False")


@token_log_probs.case("lets gradients reach the logits of the story alone", points=1)
def story_gradients(student, draw):
    logits, ids, mask = drawn(draw, 3, 6, 5)
    [wanted] = gradients_of(lambda one: slow_log_probs(one, ids, mask, 0.8).sum(), logits)
    found = student.gradients("token_log_probs", logits, ids, mask, temperature=0.8)
    close(found.inputs[0], wanted, "the gradient of the logits")


@token_log_probs.case("still gives a log-probability for each token of a story", points=0)
def right_shape(student, draw):
    logits, ids, mask = drawn(draw, 2, 6, 4)
    shaped(student.token_log_probs(logits, ids, mask), (2, 6), "the log-probabilities")
