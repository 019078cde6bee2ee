"""What `adamw_step` must do, case by case."""

import torch

from storyteller_course import Exercise, close, true, unchanged

adamw_step = Exercise(
    "adamw_step",
    in_library="storyteller.training.optim.adamw",
    points=13,
    stars=3,
    scaffold="goal",
    hints=(
        "Five lines, one for each line of the formula. Try it with one number: parameter 1, gradient 2, "
        "no decay. After the first step it must have moved by the learning rate, whatever the gradient "
        "is.",
        "The averages start at zero and are kept without correction; the corrected ones are used in this "
        "step only. The count starts at 1, or the first correction divides by 0.",
        "The decay multiplies the parameter with 1 - lr * weight_decay and has no part in the averages. eps is added "
        "behind the root.",
    ),
    forbidden=("torch.optim.AdamW", "torch.optim.Adam"),
)


def torchs_adamw(parameter, gradients, **options):
    """The parameter after each step of PyTorch's optimizer; its `lr` may be a list."""
    leaf = parameter.clone().requires_grad_()
    rates = options.pop("lr")
    optimizer = torch.optim.AdamW([leaf], lr=1.0, **options)
    found = []
    for index, one in enumerate(gradients):
        optimizer.param_groups[0]["lr"] = rates[index] if isinstance(rates, list) else rates
        leaf.grad = one.clone()
        optimizer.step()
        found.append(leaf.detach().clone())
    return found


def follow(student, parameter, gradients, **options):
    """Let the student's function make the steps, and compare after each."""
    rates, state = options.pop("lr"), {}
    wanted = torchs_adamw(parameter, gradients, lr=rates, **options)
    for index, one in enumerate(gradients):
        rate = rates[index] if isinstance(rates, list) else rates
        parameter, state = student.adamw_step(parameter, one, state, lr=rate, **options)
        close(parameter, wanted[index], f"the parameter after step {index + 1}")


@adamw_step.case("moves by the learning rate in the first step, whatever the gradient's size", points=3)
def first_step(student, draw):
    options = {"betas": (0.9, 0.95), "eps": 1e-8, "weight_decay": 0.0}
    for shape, scale, lr in (((3, 2), 0.1, 0.01), ((2, 5), 50, 0.03), ((2, 3, 4), 1, 0.02)):
        follow(student, draw.tensor(*shape), [draw.tensor(*shape, scale=scale)], lr=lr, **options)


@adamw_step.case("goes on from its state as PyTorch's optimizer does", points=4)
def several_steps(student, draw):
    gradients = [draw.tensor(3, 2, 2, scale=draw.choice([0.2, 1, 5])) for _ in range(4)]
    betas = (draw.choice([0.8, 0.9]), draw.choice([0.95, 0.99]))
    follow(student, draw.tensor(3, 2, 2), gradients, lr=0.02, betas=betas, eps=1e-8, weight_decay=0.0)


@adamw_step.case("decays the parameter, not the gradient", points=3)
def decoupled(student, draw):
    parameter = draw.tensor(5, scale=3)
    options = {"betas": (0.9, 0.95), "eps": 1e-8, "weight_decay": draw.choice([0.1, 0.3])}
    follow(student, parameter, [torch.zeros(5)], lr=0.1, **options)
    gradients = [draw.tensor(5) for _ in range(3)]
    follow(student, parameter, gradients, lr=[0.1, 0.2, 0.05], **options)


@adamw_step.case("adds eps after the root", points=2)
def epsilon(student, draw):
    gradients = [draw.tensor(3, scale=1e-3) for _ in range(2)]
    options = {"betas": (0.9, 0.95), "eps": draw.choice([1e-3, 1e-2]), "weight_decay": 0.0}
    follow(student, draw.tensor(3, scale=0.01), gradients, lr=0.1, **options)


@adamw_step.case("changes none of its arguments", points=1)
def leaves_arguments(student, draw):
    parameter, state = draw.tensor(3), {}
    for _ in range(3):
        new, state = student.adamw_step(parameter, draw.tensor(3), state, lr=0.1)
        unchanged(student)
        true(not torch.equal(new, parameter), "The new parameter is the old one.")
        true(new.isfinite().all(), "The new parameter is no number.", got=new)
        parameter = new
