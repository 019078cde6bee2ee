"""Plants one error in a story: what `contradictions` has to find. Knows nothing of how the checker reads."""

import re
from random import Random

from storyteller.corpus import Story
from storyteller.storyworld.lexicon import lexicon

SWAP = {"he": "she", "she": "he", "him": "her", "his": "her", "himself": "herself", "herself": "himself"}


def pronoun(story: Story, random: Random) -> str | None:
    """Turn one he, him or his of the narration into she or her, or the other way round."""
    spots = []
    start = 0
    for number, part in enumerate(story.text.split('"')):
        if number % 2 == 0:
            spots += [
                (start + m.start(), start + m.end())
                for m in re.finditer(r"\b([Hh]e|[Ss]he|him|[Hh]is|[Hh]er|himself|herself)\b", part)
            ]
        start += len(part) + 1
    if not spots:
        return None
    begin, end = random.choice(spots)
    old = story.text[begin:end]
    after = story.text[end : end + 2]
    low = old.lower()
    new = ("him" if re.match(r"[.,;:!?]", after) else "his") if low == "her" else SWAP[low]
    return story.text[:begin] + (new.capitalize() if old[0].isupper() else new) + story.text[end:]


def kind(story: Story, random: Random) -> str | None:
    """Call the hero another kind in one place, of two at least: a kind said once can be any."""
    hero = story.facts["people"][0]
    others = sorted(set(lexicon().kinds) - {person["kind"] for person in story.facts["people"]})
    return _swap_one(story.text, rf"\b{hero['kind']}\b", random.choice(others), random)


def mark(story: Story, random: Random) -> str | None:
    """Give the object another colour in one place, of two at least."""
    thing = story.facts["things"][0]
    full = f"{thing['mark']} {thing['noun']}"
    if story.text.count(full) < 2:
        return None
    others = sorted({m for marks in lexicon().marks.values() for m in marks} - {thing["mark"]})
    return _swap_one(story.text, re.escape(full), f"{random.choice(others)} {thing['noun']}", random)


def name(story: Story, random: Random) -> str | None:
    """Replace a character's name in one place, of two at least, by one that is not in the story."""
    people = [p for p in story.facts["people"] if p["name"] and p["kind"] != "relative"]
    person = random.choice(people)
    names = sorted(
        {n for group in lexicon().names.values() for n in group[person["pronoun"]]} - {p["name"] for p in people}
    )
    return _swap_one(story.text, rf"\b{person['name']}\b", random.choice(names), random)


def lost(story: Story, random: Random) -> str | None:
    """Let the hero play with an object that is lost at the time."""
    events = story.facts["events"]
    paragraphs = story.text.split("\n\n")
    for number, event in enumerate(events):
        if event["did"] != "loses":
            continue
        back = [e for e in events[number + 1 :] if e["what"].startswith(event["what"]) and e["did"] in BACK]
        if back and back[0]["paragraph"] <= event["paragraph"]:
            continue
        noun = event["what"].split()[-1]
        verb = random.choice(["played happily with", "held", "carried", "waved", "hugged"])
        paragraphs[event["paragraph"]] += f" {event['who']} {verb} the {noun}."
        return "\n\n".join(paragraphs)
    return None


BACK = ("finds", "gets", "gives", "takes")
PLANTS = {"pronoun": pronoun, "kind": kind, "mark": mark, "name": name, "lost": lost}


def _swap_one(text: str, pattern: str, new: str, random: Random) -> str | None:
    spots = list(re.finditer(pattern, text))
    if len(spots) < 2:
        return None
    spot = random.choice(spots)
    return text[: spot.start()] + new + text[spot.end() :]


def recall(stories: list[Story], kind: str, *, seed: int, with_facts: bool = False) -> tuple[int, int, list[str]]:
    """How many planted errors of a kind are found, of how many, and texts in which they were not."""
    from storyteller.storyworld import contradictions

    random = Random(seed)
    found = planted = 0
    missed = []
    for story in stories:
        text = PLANTS[kind](story, random)
        if text is None:
            continue
        planted += 1
        if contradictions(text, story.facts if with_facts else None):
            found += 1
        else:
            missed.append(text)
    return found, planted, missed
