"""What `accumulate` must do, case by case."""

from storyteller_course import Exercise, close
from storyteller_course.exercises.toy_training import PracticeModel

from .oracles import batch, weighed

accumulate = Exercise(
    "accumulate",
    in_library="storyteller.training.trainer.Trainer.backward",
    points=10,
    stars=2,
    builds_on=("cross_entropy",),
    hints=(
        "`backward` adds to what is in the gradients already. So the sum over micro-batches comes by itself; what must "
        "each of them be multiplied with?",
        "A mean over all targets is the sum of each micro-batch's mean, times its number of targets, over all targets. "
        "Count first, then run the model.",
        "Weights: the targets of this micro-batch that are not IGNORE_INDEX over those of all, and for the auxiliary "
        "loss inputs.numel() over that of all. Clear the gradients once, before the loop.",
    ),
)


def check_gradients(student, draw, batches, **options):
    """The gradients must be those of the step's loss in one piece; so must the returned mean."""
    seed = draw.randrange(1000)
    model, twin = student.make("practice_model", seed, **options), PracticeModel(seed, **options)
    got = student.accumulate(model, batches)
    loss, balance = weighed(twin, batches)
    (loss + balance).backward()
    # A weight that was computed from whole numbers in a tensor is in float32.
    close(model.method("gradients"), twin.gradients(), "the gradients", rtol=1e-5, atol=1e-7)
    close(got, loss.item(), "the mean loss", rtol=1e-5)


@accumulate.case("gives the gradients of one large batch", points=3)
def equal_batches(student, draw):
    check_gradients(student, draw, [batch(draw) for _ in range(3)])


@accumulate.case("weights each micro-batch by its targets that count", points=3)
def by_targets(student, draw):
    check_gradients(student, draw, [batch(draw, 3, 4), batch(draw, 2, 4, ignored=6), batch(draw, 1, 3)])


@accumulate.case("adds the auxiliary losses by their share of the tokens", points=2)
def auxiliary(student, draw):
    check_gradients(student, draw, [batch(draw, 3, 4, ignored=4), batch(draw, 1, 4), batch(draw, 2, 2)], balance=2.0)


@accumulate.case("drops the gradients of the step before", points=2)
def left_over(student, draw):
    seed, first, second = draw.randrange(1000), [batch(draw)], [batch(draw), batch(draw)]
    model, twin = student.make("practice_model", seed), PracticeModel(seed)
    student.accumulate(model, first)
    student.accumulate(model, second)
    weighed(twin, second)[0].backward()
    close(model.method("gradients"), twin.gradients(), "the gradients of the second step", rtol=1e-5, atol=1e-7)
