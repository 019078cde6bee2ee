"""The measure of specialisation in `bench.balance_scope`."""

import pytest
import torch

from bench.balance_scope import mutual_information


def test_experts_that_serve_all_genres_alike_tell_nothing_of_them():
    shares = torch.tensor([[[0.7, 0.2, 0.1, 0.0]]]).expand(4, 2, 4)  # (genres, layers, E)
    assert mutual_information(shares).tolist() == pytest.approx([0, 0], abs=1e-6)


def test_an_expert_for_each_genre_tells_which_it_is():
    shares = torch.eye(4)[:, None, :]  # (genres, 1, E)
    assert mutual_information(shares).tolist() == pytest.approx([2])  # bits: one of four
