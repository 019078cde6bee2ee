"""The checker: nothing to say about the corpus, planted errors found, any text survived."""

from collections.abc import Iterable
from random import Random

import pytest
from broken_stories import BREAKS
from hypothesis import given
from hypothesis import strategies as st
from planted_contradictions import PLANTS, recall

from storyteller.corpus import Story
from storyteller.storyworld import Contradiction, contradictions, generate
from storyteller.storyworld.generate import WORLDS


@pytest.fixture(scope="module")
def corpus() -> list[Story]:
    return list(generate(2000, seed=5))


def faults_of(stories: Iterable[Story]) -> list[tuple[str, Contradiction]]:
    """What the checker finds in stories that were not cut."""
    return [(s.text, fault) for s in stories for fault in contradictions(s.text, s.facts, is_whole=True)]


def test_the_corpus_has_no_contradiction(corpus: list[Story]) -> None:
    assert faults_of(corpus) == []


@pytest.fixture(scope="module")
def tales() -> list[Story]:
    return list(generate(2000, seed=5, split="test", world="storyworld-tales"))


def test_the_tales_have_no_contradiction(tales: list[Story]) -> None:
    assert faults_of(tales) == []


@pytest.mark.slow
@pytest.mark.parametrize("world", sorted(WORLDS))
def test_20000_stories_have_no_contradiction(world: str) -> None:
    assert faults_of(generate(20_000, seed=7, world=world)) == []


@pytest.mark.parametrize("kind", sorted(BREAKS))
def test_broken_tales_are_refused(tales: list[Story], kind: str) -> None:
    break_story, least = BREAKS[kind]
    random = Random(1)
    texts = [break_story(story, random) for story in tales[:400]]
    broken = [text for story, text in zip(tales, texts, strict=False) if text not in (None, story.text)]
    refused = [text for text in broken if contradictions(text, is_whole=True)]
    assert len(broken) >= 15
    assert len(refused) >= least * len(broken), (len(refused), len(broken))


@pytest.mark.parametrize("kind", sorted(PLANTS))
def test_nine_of_ten_planted_errors_are_found(corpus: list[Story], kind: str) -> None:
    found, planted, missed = recall(corpus[:600], kind, seed=1)
    assert planted >= 30
    assert found / planted >= 0.9, missed[:3]


RABBIT = "There was once a little rabbit named Pip, who had a red kite."


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("pronoun", f"{RABBIT} She loved the kite."),
        ("pronoun", f"{RABBIT} Pip shook her head."),
        ("kind", f"{RABBIT} The fox flew the kite."),
        ("kind", f"{RABBIT} Pip was a clever fox."),
        ("unknown name", f"{RABBIT} One day Hazel laughed."),
        ("same name", "A small rabbit called Pip had a friend: an old owl named Pip. They laughed."),
        ("mark", f"{RABBIT} Pip flew the blue kite."),
        ("mark", f'{RABBIT} "I love my blue kite," said Pip.'),
        ("owner", f"{RABBIT} Pip's kite was pretty. He met a fox named Hazel. Hazel's kite was in the tree."),
        ("lost object", f"{RABBIT} But Pip lost the kite. Pip played with the kite."),
        ("lost object", f"{RABBIT} The kite broke. Pip flew the kite."),
        ("asleep", f"{RABBIT} Pip fell asleep. Pip jumped over the wall."),
        ("gone away", f'{RABBIT} He met a fox named Hazel. Hazel ran away. "Hello," said Hazel.'),
        ("place", f"{RABBIT} Pip sat by the pond. Pip sat in the kitchen."),
        ("ending", f"{RABBIT} It was gone. Pip found the kite under a bush.\n\nPip never found the kite."),
        ("pronoun", f"{RABBIT} In the night Pip laid the kite under her pillow."),
        ("mark", "Tom had a green drum. It broke. Grandpa mended the drum blue."),
        ("mark", "Tom had a green drum. The drum was blue."),
        ("sum", f"{RABBIT} A toy cost twelve coins. Pip paid ten coins."),
        ("sum", f'{RABBIT} "It costs six coins," said a shopkeeper. Pip bought the red kite for five coins.'),
        ("sum", f'{RABBIT} "Two and two make five," said Pip.'),
        ("no sentence", "One day, a little girl called Mia, and out came out in a shop window."),
        ("no sentence", f"{RABBIT} Pip the kite."),
        ("no sentence", f"{RABBIT} The rabbit the kite to the hill."),
        ("no sentence", f"{RABBIT} He a song."),
        ("no sentence", f"{RABBIT} One day up the hill with the kite in his paws."),
        ("no sentence", f"{RABBIT} Pip ran to the the hill."),
        ("no sentence", f"{RABBIT} Pip ran to the he found a stone."),
        ("no sentence", f"{RABBIT} Pip wanted to went home."),
        ("no sentence", f"{RABBIT} Pip looked at the."),
        ("no sentence", f"{RABBIT} Pip played with he laughed."),
        ("no sentence", f'{RABBIT} "I the kite," said Pip.'),
        ("no sentence", f"{RABBIT} The wore a hat."),
        ("no sentence", f"{RABBIT} The kite fell on the, and broke."),
        ("no sentence", f'{RABBIT} "Give me a," said Pip.'),
        ("no sentence", f"{RABBIT} Pip beat a orange drum."),
        ("no sentence", f'{RABBIT} "What an kite!" said Pip.'),
        ("no sentence", f"{RABBIT} An fox laughed."),
        ("no sentence", f"{RABBIT} He flew it. and he laughed."),
        ("no sentence", f'{RABBIT} Pip laughed. "want that kite!"'),
        ("no sentence", f'{RABBIT} Pip said, "Fly." then he ran.'),
        ("said before", f"{RABBIT} He loved the kite dearly. It was late. He loved the kite dearly."),
        ("quotation marks", f'{RABBIT} "Fly," said Pip. The kite landed in."'),
        ("quotation marks", f'{RABBIT} Pip laughed. " Fly!" he said.'),
        ("quotation marks", f'{RABBIT} "Fly "said Pip.'),
        ("quotation marks", f'{RABBIT} Pip laughed. "Fly!\n\nThe kite flew.'),
        ("empty paragraph", f"{RABBIT}\n\n\n\nPip flew the kite."),
        ("empty paragraph", f"{RABBIT}\n \n\t\nPip flew the kite."),
        ("empty paragraph", f"{RABBIT}\r\n\r\n\r\nPip flew the kite."),
        ("empty paragraph", f"{RABBIT} Pip flew the kite.\n\n\n"),
        ("nothing recognised", "kite the of of blue and and."),
    ],
)
def test_each_kind_of_contradiction_is_found(kind: str, text: str) -> None:
    assert kind in [fault.kind for fault in contradictions(text)], text


@pytest.mark.parametrize(
    "text",
    [
        f"{RABBIT} He loved the red kite.",
        f"{RABBIT} Pip met a fox named Hazel. She laughed and he laughed too.",
        f'{RABBIT} "She is late," said Pip.',
        f"{RABBIT} Pip lost the kite. He found the kite. Pip flew the kite.",
        f"{RABBIT} Pip never lost the kite. Pip flew the kite.",
        f"{RABBIT} Pip fell asleep. In the morning Pip jumped up.",
        f"{RABBIT} Pip sat by the pond. Then he went home. Pip sat in the kitchen.",
        f"{RABBIT} He also had a blue ball. Pip threw the blue ball.",
        f"{RABBIT} He gave it to a fox named Hazel. Hazel's kite flew high.",
        f"{RABBIT} When she came home, Mum hugged Pip.",
        f"{RABBIT} What a day!",
        f"{RABBIT} Not a sign of the kite.",
        f"{RABBIT} Pip the rabbit laughed.",
        f"{RABBIT}\n\nPip flew the kite.\n\n",
        f"{RABBIT} The kite cost five coins. Pip had three coins. He earned two coins and paid five coins.",
        f'{RABBIT} "Two and two make four," said Pip.',
        f"{RABBIT} He had had that kite for a very, very long time.",
        f"{RABBIT} It took an hour, and an honest fox helped. It was a one-legged fox, a unicorn said.",
        f"{RABBIT} And then... he laughed. At 5 p.m. he went home with flour, eggs etc. in his bag.",
        f'{RABBIT} "I want the... no, the kite," said Pip. "Not," he said, "a drum."',
        f"{RABBIT} It was late and dark.\n\nPip slept. In the morning it rained.\n\nIt was late and dark.",
        f"{RABBIT} Trunks leaned in the shadows. Out came A, B and C. Trunks leaned in the shadows.",
        f'{RABBIT} "Fly up high, kite," said Pip. "Fly up high, kite," said Pip.',
        f'{RABBIT} Pip said:\n\n"The first verse is short.\n\n"The second is long."',
        f'{RABBIT} He called it "the hawk", and ("I like it") so did Mum.',
        f"{RABBIT} “Fly,” said Pip. “What a kite!”",
        "Once upon a time, in a small house, there lived a girl named Lily and her mom. She was happy.",
    ],
)
def test_what_can_be_meant_is_no_contradiction(text: str) -> None:
    assert contradictions(text) == []


def test_facts_decide_what_the_text_alone_cannot(corpus: list[Story]) -> None:
    story = corpus[0]
    assert story.facts is not None
    hero = story.facts["people"][0]
    other = dict(story.facts, people=[dict(hero, kind="comet"), *story.facts["people"][1:]])
    assert "facts" in [fault.kind for fault in contradictions(story.text, other)]


def test_a_contradiction_shows_its_sentence() -> None:
    fault = contradictions(f"{RABBIT} She loved the kite.")[0]
    assert fault.sentence == "She loved the kite."
    assert fault.begins == len(f"{RABBIT} ")
    assert fault.explanation.endswith(".")


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        ("Pip ran.", False),
        ('"Yes!"', False),
        ("Pip ran to the", True),
        ('"Pip ran.', True),
        ("", False),
        ('"One."\n\n"Two', True),
        ('"One.\n\n"Two."', False),
    ],
)
def test_only_a_whole_text_must_end_its_last_sentence(text: str, broken: bool) -> None:
    text = f"{RABBIT} {text}"
    assert contradictions(text) == []
    assert [fault.kind for fault in contradictions(text, is_whole=True)] == ["broken off"] * broken


@given(st.text(max_size=300))
def test_any_text_can_be_checked(text: str) -> None:
    for fault in contradictions(text):
        assert fault.kind
        assert fault.explanation


KNOWN_WORDS = [
    "Pip",
    "Mia",
    "he",
    "she",
    "her",
    "the",
    "a",
    "red",
    "kite",
    "rabbit",
    "fox",
    "lost",
    ",",
    ".",
    "!",
    '"',
    "\n",
]


@given(st.lists(st.sampled_from(KNOWN_WORDS)))
def test_any_jumble_of_known_words_can_be_checked(words: list[str]) -> None:
    contradictions(" ".join(words))
