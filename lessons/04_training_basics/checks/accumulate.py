"""What `accumulate` must do, case by case."""

from storyteller_course import Exercise, close
from storyteller_course.exercises.exercise import same_condition
from storyteller_course.exercises.toy_training import PracticeModel

from .oracles import batch, weighed

accumulate = Exercise(
    "accumulate",
    in_library="storyteller.training.passes.make_passes",
    points=10,
    stars=2,
    scaffold="goal",
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
    """The gradients must be those of the step's loss in one piece. Returns the student's mean, and the right one."""
    seed = draw.randrange(1000)
    model, twin = student.make("practice_model", seed, **options), PracticeModel(seed, **options)
    got = student.accumulate(model, batches)
    loss, balance = weighed(twin, batches)
    (loss + balance).backward()
    close(model.method("gradients"), twin.gradients(), "the gradients")
    return got, loss.item()


@accumulate.case("gives the gradients of one large batch", points=3)
def equal_batches(student, draw):
    for count in draw.sample([2, 3, 4], 2):
        rows, length = draw.sample([1, 2, 3, 4], 2)
        check_gradients(student, draw, [batch(draw, rows, length) for _ in range(count)])


@accumulate.case("weights each micro-batch by its targets that count", points=3)
def by_targets(student, draw):
    check_gradients(student, draw, [batch(draw, 3, 4), batch(draw, 2, 4, ignored=6), batch(draw, 1, 3)])


@accumulate.case("adds the auxiliary losses by their share of the tokens", points=2)
def auxiliary(student, draw):
    batches = [batch(draw, 3, 4, ignored=4), batch(draw, 1, 4), batch(draw, 2, 2)]
    got, wanted = check_gradients(student, draw, batches, balance=draw.choice([2.0, 3.0]))
    close(got, wanted, "the mean loss")  # here alone: a wrong mean beside right gradients costs no more


@accumulate.case("drops the gradients of the step before", points=2)
def left_over(student, draw):
    seed, first, second = draw.randrange(1000), [batch(draw)], [batch(draw), batch(draw)]
    model, twin = student.make("practice_model", seed), PracticeModel(seed)
    before = model.condition()
    student.accumulate(model, first)
    student.accumulate(model, second)
    same_condition(model.condition(), before, gradients=False)
    weighed(twin, second)[0].backward()
    close(model.method("gradients"), twin.gradients(), "the gradients of the second step")
