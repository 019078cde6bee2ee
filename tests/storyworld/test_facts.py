"""Facts: plain data that agrees with the text."""

import json
import re

from storyteller.corpus import Story


def test_facts_are_plain_json_and_agree_with_the_text(thousand: list[Story]) -> None:
    for story in thousand:
        assert story.facts == json.loads(json.dumps(story.facts))
        assert story.facts is not None
        hero, thing = story.facts["people"][0], story.facts["things"][0]
        assert hero["name"] in story.text
        assert re.search(rf"\b{hero['kind']}\b", story.text), story.text
        assert f"{thing['mark']} {thing['noun']}" in story.text, story.text
        assert story.facts["ending"] in ("happy", "sad")


def test_causes_come_before_what_they_cause(thousand: list[Story]) -> None:
    for story in thousand:
        assert story.facts is not None
        paragraphs = len(story.text.split("\n\n"))
        for number, event in enumerate(story.facts["events"]):
            assert event["because"] is None or event["because"] < number
            assert 0 <= event["paragraph"] < paragraphs
