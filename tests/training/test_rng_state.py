"""Every global random generator: seeded, saved and put back."""

import random

import numpy as np
import torch

from storyteller.training.rng_state import random_state, restore_random, seed_random


def test_a_seed_starts_every_generator_as_its_own_seed_function_does():
    before = random_state()
    try:
        seed_random(2**32 + 7)
        found = [random.random(), np.random.rand(), torch.rand(()).item()]
        random.seed(2**32 + 7)
        np.random.seed(7)  # which takes 32 bits
        torch.manual_seed(2**32 + 7)
        assert found == [random.random(), np.random.rand(), torch.rand(()).item()]
    finally:
        restore_random(before)


def test_every_random_generator_is_put_back():
    def draw() -> list[float]:
        numbers = [random.random(), random.gauss(0, 1), np.random.rand(), np.random.randn(), torch.rand(()).item()]
        return [float(number) for number in numbers]

    before = random_state()
    try:
        for _ in range(3):  # gauss keeps a second number for the next call
            saved = {name: tensor.clone() for name, tensor in random_state().items()}
            first = draw()
            restore_random(saved)
            assert draw() == first
    finally:
        restore_random(before)
