"""What `learning_rate` must do, case by case."""

from storyteller_course import Exercise, close, true

from .oracles import torchs_rates

learning_rate = Exercise(
    "learning_rate",
    points=8,
    stars=2,
    scaffold="blank",
    hints=(
        "Write the shares of a run of 6 updates with a warmup of 2 on paper: the second is 1, the last is the lowest.",
        "Update number `step` is the (step + 1)-th. In the climb its share is a fraction of warmup; on the way down "
        "count how many updates have passed since the climb's end.",
        "On the way down p = (step + 1 - warmup) / (steps - warmup). The cosine of pi * p goes from 1 to -1; "
        "(1 + cos) / 2 goes from 1 to 0; the rest is stretched between 1 and min_lr_ratio.",
    ),
    stand_in="storyteller.training.optim.cosine_schedule",
)


def all_shares(student, steps, warmup, final):
    return [student.learning_rate(step, steps=steps, warmup=warmup, min_lr_ratio=final) for step in range(steps)]


@learning_rate.case("climbs in a straight line and reaches 1 with the last update of the warmup", points=2)
def climb(student, draw):
    warmup, steps = draw.randint(3, 6), draw.randint(12, 20)
    final = draw.choice([0.1, 0.3])
    got = [student.learning_rate(step, steps=steps, warmup=warmup, min_lr_ratio=final) for step in range(warmup)]
    close(got, [(step + 1) / warmup for step in range(warmup)], "the shares of the warmup")


@learning_rate.case("falls as half a cosine", points=2)
def fall(student, draw):
    steps, warmup, final = draw.randint(9, 14), draw.randint(2, 4), draw.choice([0.0, 0.1, 0.2])
    close(all_shares(student, steps, warmup, final), torchs_rates(steps, warmup, final), "the shares of all updates")


@learning_rate.case("ends at the final share with the very last update", points=2)
def end(student, draw):
    steps, warmup, final = draw.randint(8, 40), draw.randint(1, 5), draw.choice([0.02, 0.1, 0.3])
    close(student.learning_rate(steps - 1, steps=steps, warmup=warmup, min_lr_ratio=final), final, "the last share")
    after_warmup = student.learning_rate(warmup, steps=steps, warmup=warmup, min_lr_ratio=final)
    true(after_warmup > final, "The share is the final one directly after the warmup.", got=after_warmup)
    for step in (steps, steps + draw.randint(1, 5), 3 * steps):
        later = student.learning_rate(step, steps=steps, warmup=warmup, min_lr_ratio=final)
        close(later, final, "a share after the last update")


@learning_rate.case("works without a warmup", points=2)
def no_warmup(student, draw):
    steps, final = draw.randint(5, 9), draw.choice([0.0, 0.1])
    close(all_shares(student, steps, 0, final), torchs_rates(steps, 0, final), "the shares without a warmup")
