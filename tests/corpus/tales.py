"""Small stories for the tests of corpora, and what reads and writes them."""

from storyteller.corpus.load import load_stories

TALES = [
    f"Once upon a time there was a fox called {name}. {name} liked {thing} and had a friend, the {friend}. "
    f"One day {name} lost the {thing}, so the {friend} looked under every stone until it was found."
    for name, thing, friend in [
        ("Pip", "plums", "badger"),
        ("Ada", "bells", "heron"),
        ("Tom", "kites", "old snail"),
        ("Ivy", "marbles", "quiet mole"),
    ]
]


def texts(corpus, **options):
    return [story.text for story in load_stories(corpus, **({"split": "all"} | options))]


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def one_sentence(error):
    message = str(error.value)
    assert "\n" not in message
    assert message.endswith(".")
    return message
