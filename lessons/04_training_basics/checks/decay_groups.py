"""What `decay_groups` must do, case by case."""

from storyteller_course import Exercise, close, equal
from storyteller_course.exercises.fixtures import tiny_model
from storyteller_course.exercises.toy_training import PracticeModel

decay_groups = Exercise(
    "decay_groups",
    points=8,
    stars=2,
    bug_hunt=True,
    hints=(
        "Print the shapes in both groups. Is there a vector where only matrices should be? Then run the cell twice, "
        "after a restart of the kernel: do the shapes come in the same order?",
        "The name tells a bias, but not the gain of a norm. What tells both from a matrix? And which of Python's "
        "containers has no order?",
        "Ask for the number of dimensions. `model.parameters()` gives each parameter once, in the order in which the "
        "model was built: with lists in the place of the sets nothing else is needed against repeats.",
    ),
    stand_in="storyteller.training.optim.parameter_groups",
)


def wanted_groups(seed, weight_decay, **options):
    named = [
        (name, one.detach()) for name, one in PracticeModel(seed, **options).named_parameters() if one.requires_grad
    ]
    matrices = [one for name, one in named if name in ("embedding.weight", "hidden.weight")]
    vectors = [one for name, one in named if name in ("hidden.bias", "norm.weight", "norm.bias", "head.bias")]
    return [{"params": matrices, "weight_decay": weight_decay}, {"params": vectors, "weight_decay": 0.0}]


def by_first_number(groups):
    """The groups with their parameters in an order of their own."""
    return [{**group, "params": sorted(group["params"], key=lambda one: one.flatten()[0].item())} for group in groups]


@decay_groups.case("lets the gains of norms keep their size", points=4)
def norms(student, draw):
    seed, decay, width = draw.randrange(1000), draw.choice([0.1, 0.05, 0.01]), draw.randint(2, 9)
    got = student.decay_groups(student.make("practice_norm", width), decay)
    equal([len(group["params"]) for group in got], [0, 1], "the sizes of the two groups, of a norm alone")
    got = student.decay_groups(student.make("steady_in_sets", "practice_model", seed), decay)
    counts = [[tuple(one.shape) for one in group["params"]] for group in by_first_number(got)]
    wanted = [[tuple(one.shape) for one in group["params"]] for group in by_first_number(wanted_groups(seed, decay))]
    equal([sorted(shapes) for shapes in counts], [sorted(shapes) for shapes in wanted], "the shapes in the two groups")


@decay_groups.case("keeps the model's own order, so that every process numbers the parameters alike", points=4)
def fixed_order(student, draw):
    for n_experts in (0, 4):  # experts are matrices, one behind the other in one tensor of three dimensions
        seed = draw.randrange(1000)
        config = {"vocab_size": 9, "n_layers": 4, "n_experts": n_experts}
        got = student.decay_groups(student.make("steady_in_sets", "tiny_model", seed, **config), 0.1)
        parameters = [one.detach() for one in tiny_model(seed, **config).parameters()]
        close(got[0]["params"], [one for one in parameters if one.dim() > 1], "the matrices, in their order")
        close(got[1]["params"], [one for one in parameters if one.dim() < 2], "the vectors, in their order")


@decay_groups.case("still counts a shared weight once, leaves frozen ones out, and hands on the decay", points=0)
def shared_and_frozen(student, draw):
    seed = draw.randrange(1000)
    for frozen, decay in ((False, 0.1), (True, draw.choice([0.3, 0.01]))):
        got = student.decay_groups(student.make("steady_in_sets", "practice_model", seed, frozen=frozen), decay)
        equal(len(got), 2, "the number of groups")
        equal([group["weight_decay"] for group in got], [decay, 0.0], "the decays of the two groups")
        matrices = sum(one.dim() > 1 for group in got for one in group["params"])
        equal(matrices, 1 if frozen else 2, "the number of matrices" + (", one of which is frozen" if frozen else ""))
        equal(sum(len(group["params"]) for group in got), 5 if frozen else 6, "the number of parameters")
