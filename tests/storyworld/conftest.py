import pytest

from storyteller.corpus import Story
from storyteller.storyworld import generate


@pytest.fixture(scope="session")
def thousand() -> list[Story]:
    return list(generate(1000, seed=11))


@pytest.fixture(scope="session")
def tales() -> list[Story]:
    return list(generate(1000, seed=11, world="storyworld-tales"))
