"""What `mended_reward` must do, case by case."""

from storyteller_course import Exercise, close

mended_reward = Exercise(
    "mended_reward",
    in_library="storyteller.rl.rewards.total_rewards",
    points=10,
    stars=2,
    scaffold="goal",
    hints=(
        "Two stories that are the same word for word: in how many stories is each of their 4-grams, and what is the "
        "novelty of both?",
        "`zip(words, words[1:], words[2:], words[3:])` gives the 4-grams of a list of words; a set has each of them "
        "once.",
        "Go through the groups with `range(0, len(texts), group_size)`. A Counter that is fed the sets of a group says "
        "in how many of its stories each 4-gram is.",
    ),
)


def grams_of(text):
    """The different runs of four words."""
    words = text.split()
    return {" ".join(words[i : i + 4]) for i in range(len(words) - 3)}


def slow_reward(texts, correct, group_size, min_words):
    """Story by story, 4-gram by 4-gram."""
    found = []
    for story, text in enumerate(texts):
        start = story - story % group_size
        group = [grams_of(other) for other in texts[start : start + group_size]]
        own = grams_of(text)
        novelty = sum(1 / sum(gram in other for other in group) for gram in own) / len(own) if own else 0
        found.append(correct[story] * min(1, len(text.split()) / min_words) * novelty)
    return found


def tales(draw, count):
    """Stories of which some share a beginning."""
    beginnings = [draw.text(6), draw.text(7)]
    return [draw.choice(beginnings) + " " + draw.text(draw.randint(6, 14)) for _ in range(count)]


@mended_reward.case("pays short stories less, and wrong ones nothing", points=3)
def short(student, draw):
    # Each story is alone in its group and says nothing twice, so its novelty is 1.
    texts = [" ".join(f"{draw.choice('abc')}{i}" for i in range(length)) for length in draw.sample(range(5, 19), 5)]
    for min_words in (draw.randint(45, 60), draw.randint(8, 12)):
        correct = [1.0, 0.0, 1.0, 1.0, 1.0]
        got = student.mended_reward(texts, correct, group_size=1, min_words=min_words)
        close(got, slow_reward(texts, correct, 1, min_words), f"the rewards with min_words={min_words}")


@mended_reward.case("pays a story less that others of its group tell too", points=4)
def copies(student, draw):
    for group_size, count in ((4, 4), (6, 6)):
        texts, correct = tales(draw, count), [1.0] * count
        texts[1] = texts[2]  # a copy
        got = student.mended_reward(texts, correct, group_size=group_size, min_words=3)
        close(got, slow_reward(texts, correct, group_size, 3), f"the rewards of a group of {group_size}")


@mended_reward.case("compares with the stories of the same prompt alone", points=2)
def groups(student, draw):
    for group_size in (2, 3):
        texts = tales(draw, 2 * group_size)
        texts[group_size] = texts[0]  # a copy, but to another prompt
        correct = [float(draw.random() < 0.8) for _ in texts]
        correct[0] = correct[group_size] = 1.0
        got = student.mended_reward(texts, correct, group_size=group_size, min_words=15)
        close(got, slow_reward(texts, correct, group_size, 15), "the rewards of two groups")


@mended_reward.case("counts a 4-gram once that a story has twice, and works without any", points=1)
def repeated(student, draw):
    words = " ".join(draw.sample(["red", "fox", "ran", "home", "old"], 4))
    texts = [f"{words} {words} {words}", f"{words} again", "Too short.", ""]
    got = student.mended_reward(texts, [1.0] * 4, group_size=4, min_words=6)
    close(got, slow_reward(texts, [1.0] * 4, 4, 6), "the rewards")
