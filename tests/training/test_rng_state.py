"""Seeding every global random generator at once. That they are saved and put back is tested with checkpoints."""

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
