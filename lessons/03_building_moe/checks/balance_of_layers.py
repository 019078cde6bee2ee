"""What `balance_of_layers` must do, case by case."""

import torch

from storyteller_course import Exercise, close, true
from storyteller_course.exercises.exercise import shaped

from .oracles import best_of, gradients_of, paddings, slow_balance

balance_of_layers = Exercise(
    "balance_of_layers",
    in_library="storyteller.training.losses.WithAuxiliaryLoss",
    points=10,
    stars=3,
    builds_on=("load_balancing_loss",),
    bug_hunt=True,
    hints=(
        "Give it two layers of which the first sends every token to expert 0 and the second every token to expert 1. "
        "What should come out, and what does?",
        "Three things. Layers are thrown into one pot, where one layer's favourites make up for another's. Somebody "
        "takes the softmax of something that is a probability already. And who looks at the mask?",
        "Go through the layers in a loop, with their own probabilities and their own experts, and add up "
        "`load_balancing_loss(...)`, which you have written and which takes the mask.",
    ),
)


def slow_layers(logits, k, keep=None):
    """The sum over the layers, by loops."""
    losses = []
    for layer in logits:
        experts = torch.tensor([best_of(row, k) for row in layer.tolist()])
        losses.append(slow_balance(torch.softmax(layer, -1), experts, keep))
    return sum(losses)


@balance_of_layers.case("asks every layer to be balanced by itself", points=4)
def each_layer(student, draw):
    for n_layers, n_tokens, n_experts, k in ((2, 6, 4, 1), (3, 7, 5, 2)):
        logits = draw.tensor(n_layers, n_tokens, n_experts)
        for layer in range(n_layers):
            logits[layer, :, layer] += 3.0
        alone = [student.balance_of_layers(logits[i : i + 1], k) for i in range(n_layers)]
        for loss in alone:
            shaped(loss, (), "the loss of one layer")
            true(
                loss > 1.2 * k,
                "The loss of a layer that prefers one expert is not above that of one with no favourite.",
            )
        together = student.balance_of_layers(logits, k)
        close(together, sum(alone).item(), f"the loss of {n_layers} layers, which should be the sum of theirs")


@balance_of_layers.case("takes the router's own probabilities", points=3)
def own_probabilities(student, draw):
    logits, k = draw.tensor(1, 7, 5, scale=1.5), draw.randint(1, 3)
    close(student.balance_of_layers(logits, k), slow_layers(logits, k), "the loss of one layer")


@balance_of_layers.case("leaves padding out", points=2)
def layers_padding(student, draw):
    for mask, n_layers, k in zip(paddings(draw), (2, 3), (2, 1), strict=True):
        logits = draw.tensor(n_layers, mask.numel(), 4)
        got = student.balance_of_layers(logits, k, attention_mask=mask)
        real = student.balance_of_layers(logits[:, mask.flatten()], k)
        close(got, real, "the loss with padding, which should be that of the real tokens alone")
        without_mask = student.balance_of_layers(logits, k)
        shaped(without_mask, (), "the loss without a mask")
        true((got - without_mask).abs() > 1e-6, "The loss is the same with a mask and without one.")


@balance_of_layers.case("has a gradient in the logits of every layer", points=1)
def layers_gradients(student, draw):
    logits = draw.tensor(2, 6, 4)
    wanted = gradients_of(lambda one: slow_layers(one, 2), logits, cotangent=torch.tensor(1.0))
    close(student.gradients("balance_of_layers", logits, 2).inputs[:1], wanted, "the gradient of the logits")


@balance_of_layers.case("still gives k for one router that has no preference", points=0)
def undecided(student, draw):
    k = draw.randint(1, 3)
    close(student.balance_of_layers(torch.zeros(1, 6, 4), k), float(k), "the loss")
