"""Fixtures of the tests of the transformer."""

import pytest

from small_decoders import CONFIGS
from storyteller.moe.layer import build_model
from storyteller.transformer.decoder import Decoder


@pytest.fixture(params=CONFIGS.values(), ids=CONFIGS.keys())
def model(request: pytest.FixtureRequest) -> Decoder:
    return build_model(request.param, seed=3).double().eval()
