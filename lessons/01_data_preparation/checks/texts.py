"""Texts that the cases of several exercises draw."""

WORDS = (
    "fox", "owl", "Mia", "Tom", "ran", "saw", "a", "the", "lantern", "river", "moon", "and", "song", "little", "brave",
    "found", "gave", "home", "star",
)  # fmt: skip


def sentence(draw, words=6):
    """A sentence of made-up words."""
    text = " ".join(draw.choice(WORDS) for _ in range(words))
    return text[0].upper() + text[1:] + draw.choice(".!?")


def story(draw, paragraphs=3):
    """A clean story: paragraphs of two sentences."""
    return "\n\n".join(f"{sentence(draw)} {sentence(draw)}" for _ in range(paragraphs))
