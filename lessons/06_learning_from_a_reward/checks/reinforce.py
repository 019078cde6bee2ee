"""What `reinforce` must do, case by case."""

import copy

import torch
import torch.nn.functional as F

from storyteller_course import Exercise, close, equal, true
from storyteller_course.exercises.fixtures import fixture, tiny_model

from .oracles import rows_of, slow_advantages

reinforce = Exercise(
    "reinforce",
    in_library="storyteller.rl.trainer.ReinforceTrainer.train_step",
    points=14,
    stars=3,
    scaffold="blank",
    builds_on=("token_log_probs", "group_advantages", "clipped_loss", "kl_k3"),
    hints=(
        "Write the order of things first: tell, reward, advantages, and then one or several updates. What has to be "
        "done once, before the first step? What once a step?",
        "`old_log_probs` are those that `tell` gives, for all updates of a step. `log_probs` are computed anew in each "
        "update, with the temperature, because the weights have moved.",
        "The reference is a `copy.deepcopy` of the model, made before anything is learned. It needs no gradient. The "
        'loss is `clipped_loss` with the normalisation "dapo", plus `kl_weight` times the sum of k3 over the number of '
        "tokens that the mask has.",
    ),
    may_change=("model", "optimizer"),
)

V, RATE = 32, 0.3  # as `tiny_model` has it; a rate at which some ratios leave the clipping range


def log_probs_of(model, ids, mask, temperature):
    """By cross-entropy: (B, T), 0 where the mask is False."""
    scores = model(ids).logits[:, :-1].transpose(1, 2) / temperature  # (B, V, T - 1)
    found = -F.cross_entropy(scores, ids[:, 1:], reduction="none")
    return torch.cat([torch.zeros(len(ids), 1), found], dim=1) * mask


def loss_of(now, old, ref, advantages, mask, kl_weight):
    """The mean over all tokens of what each adds: a ratio beyond its border adds what it adds there."""
    A, ratio = advantages[:, None].expand_as(now)[mask], (now - old).exp()[mask]
    held = torch.where(A > 0, ratio.clamp(max=1.2), ratio.clamp(min=0.8))
    away = (ref - now)[mask]
    return (kl_weight * (away.exp() - 1 - away) - A * held).mean()


class Teller:
    """Tells stories that are drawn beforehand, and trains a model of its own on them.

    What it gives as log-probabilities are those of its own model, which are the student's too as long as all is right.
    """

    def __init__(self, draw, *, P, G, steps, updates=1, temperature=1.0, kl_weight=0.0, compare=None):
        self.seed, self.size, self.told = draw.randrange(1000), G, 0
        self.options = {"steps": steps, "group_size": G, "updates": updates, "temperature": temperature}
        self.options["kl_weight"] = kl_weight
        if compare is not None:
            self.options["compare"] = compare
        model = tiny_model(self.seed, n_layers=1)
        optimizer, reference = torch.optim.SGD(model.parameters(), lr=RATE), copy.deepcopy(model)
        self.rollouts, self.means = [], []
        for _step in range(steps):
            B, T = P * G, draw.randint(7, 9)
            ids, mask = draw.integers(1, V, B, T), rows_of(draw, B, T)
            rewards = [round(draw.random() + draw.choice([0, 1]), 3) for _ in range(B)]
            earned = torch.tensor(rewards, dtype=torch.float64)
            advantages = compare(earned, G) if compare else slow_advantages(earned, G)
            with torch.no_grad():
                old, ref = (log_probs_of(one, ids, mask, temperature) for one in (model, reference))
            for _update in range(updates):
                loss = loss_of(log_probs_of(model, ids, mask, temperature), old, ref, advantages, mask, kl_weight)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            self.rollouts.append((ids, mask, old, [f"{reward} is earned" for reward in rewards]))
            self.means.append(sum(rewards) / B)
        self.weights = model.state_dict()

    def __call__(self):
        """The next stories."""
        true(self.told < len(self.rollouts), "Stories are told more often than there are steps.")
        self.told += 1
        return fixture("rollout", *self.rollouts[self.told - 1])

    def reward(self, stories):
        """What stands in the stories."""
        return [float(story.split()[0]) for story in stories]

    def check(self, student, what):
        """Run the student's loop and compare the weights."""
        model = student.make("tiny_model", self.seed, n_layers=1)
        optimizer = student.make("sgd", model, RATE)
        before = model.state()
        history = student.reinforce(model, optimizer, self.__call__, self.reward, **self.options)
        equal(self.told, len(self.rollouts), "the number of times that stories are told")
        after = model.state()
        true(any(not torch.equal(after[name], before[name]) for name in before), "The weights have not moved.")
        for name, wanted in self.weights.items():
            close(after[name], wanted, f"{what}: the weights {name}", rtol=1e-3, atol=1e-4)
        return history


@reinforce.case("moves the weights once as the clipped loss asks", points=3)
def one_step(student, draw):
    for P, G in ((1, 4), (2, 3)):
        Teller(draw, P=P, G=G, steps=1).check(student, "after one step")


@reinforce.case("updates several times from the same stories", points=3)
def several_updates(student, draw):
    Teller(draw, P=1, G=5, steps=2, updates=3).check(student, "after two steps of three updates each")


@reinforce.case("takes the log-probabilities at the temperature of the stories", points=2)
def at_temperature(student, draw):
    for temperature in (0.7, 1.4):
        teller = Teller(draw, P=2, G=3, steps=1, updates=2, temperature=temperature)
        teller.check(student, f"after a step at temperature {temperature}")


@reinforce.case("holds on to the model as it was at the beginning", points=3)
def with_kl(student, draw):
    for kl_weight in (2.0, 4.0):
        teller = Teller(draw, P=1, G=4, steps=2, updates=2, kl_weight=kl_weight)
        teller.check(student, f"after two steps with a KL weight of {kl_weight}")


def other_figures(rewards, group_size):
    """Advantages such as no paper has them."""
    return group_size * torch.as_tensor(rewards) - 1


@reinforce.case("compares the stories as it is told to", points=1)
def compared_otherwise(student, draw):
    for P, G in ((2, 4), (3, 3)):
        Teller(draw, P=P, G=G, steps=1, compare=other_figures).check(student, "after a step compared in another way")


@reinforce.case("gives the mean reward of each step", points=2)
def rewards_of_steps(student, draw):
    for steps in (5, 4):
        teller = Teller(draw, P=1, G=2, steps=steps)
        model = student.make("tiny_model", teller.seed, n_layers=1)
        optimizer = student.make("sgd", model, RATE)
        history = student.reinforce(model, optimizer, teller.__call__, teller.reward, **teller.options)
        close(history, teller.means, "the mean rewards")
