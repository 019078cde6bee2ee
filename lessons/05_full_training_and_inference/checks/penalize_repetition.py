"""What `penalize_repetition` must do, case by case."""

from storyteller_course import Exercise, close, unchanged

from .oracles import scores

penalize_repetition = Exercise(
    "penalize_repetition",
    points=7,
    stars=2,
    bug_hunt=True,
    hints=(
        "Give it the logits 2 and -2, both of seen tokens, and a penalty of 2. Which of the two became less likely?",
        "To divide a negative number by 2 makes it larger. And look at the tensor that you passed in, after the call.",
        "Lower the positive logits by dividing, the negative ones by multiplying; torch.where chooses, and makes a new "
        "tensor besides.",
    ),
    stand_in="storyteller.inference.sampling.penalize_repetition",
)


def lowered(logits, seen, penalty):
    """One number after the other."""
    result = logits.clone()
    for row, token in seen.nonzero().tolist():
        score = logits[row, token].item()
        result[row, token] = score / penalty if score > 0 else score * penalty
    return result


def some_seen(draw, logits):
    """True for about half of the tokens; of the last row for none."""
    seen = draw.integers(0, 2, *logits.shape).bool()
    seen[-1] = False
    return seen


@penalize_repetition.case("lowers negative logits as well", points=4)
def negative(student, draw):
    for penalty in (*draw.sample([1.2, 1.5, 2.0], 2), 1.0):
        logits = scores(draw)
        seen = some_seen(draw, logits)
        seen[0, :3], logits[0, :3] = True, -logits[0, :3].abs() - 0.1
        got = student.penalize_repetition(logits, seen, penalty)
        close(got, lowered(logits, seen, penalty), f"the logits with penalty {penalty}")


@penalize_repetition.case("leaves the logits that it was given as they were", points=3)
def penalty_copies(student, draw):
    logits = scores(draw).abs() + 0.1
    seen = some_seen(draw, logits)
    seen[0, 2] = True
    student.penalize_repetition(logits, seen, 1.5)
    unchanged(student)


@penalize_repetition.case("still lowers positive logits of seen tokens, and of no others", points=0)
def positive(student, draw):
    for penalty in (1.2, 2.0):
        logits = scores(draw).abs() + 0.1
        seen = some_seen(draw, logits)
        seen[0, 1] = True
        got = student.penalize_repetition(logits, seen, penalty)
        close(got, lowered(logits, seen, penalty), f"positive logits with penalty {penalty}")
