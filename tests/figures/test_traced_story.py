"""A story in colors says what its trace says, and nothing that a model writes becomes HTML."""

from html.parser import HTMLParser

import pytest

from storyteller.figures.traced_story import STYLE, still_html, story_html, token_html
from storyteller.inference.trace import TokenTrace


def told(text: str, **changes) -> TokenTrace:
    values = {"token": 5, "text": text, "is_end": False, "probability": 0.5, "sampling_probability": 0.7}
    values |= {"alternatives": ((b"<i>", 0.5), (b"\xf0\x9f", 0.25)), "experts": ((3, 1), (0, 2))}
    return TokenTrace(**(values | changes))


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)

    def handle_data(self, data):
        self.text += data


@pytest.mark.parametrize("draw", [story_html, still_html])
def test_nothing_a_model_writes_becomes_html(draw):
    found = Tags(draw([told("<script>alert(1)</script>&amp;")], opening="<img src=x onerror=alert(1)>"))
    assert set(found.tags) <= {"style", "div", "span", "b", "code"}
    assert "<script>alert(1)</script>&amp;" in found.text
    assert "<img src=x onerror=alert(1)>" in found.text


def test_a_card_names_probability_alternatives_and_experts():
    card = Tags(token_html(told(" fox"))).text
    for part in (" fox", "␣fox", "50 %", "70 %", "<i>", "‹F0 9F›", "25 %", "layer 0: 3, 1 · layer 1: 0, 2"):
        assert part in card


def test_without_a_style_sheet_the_card_is_a_title():
    still = still_html([told(' "fox"'), told("", is_end=True)], opening="The")
    assert "class=" not in still
    assert 'title="␣&quot;fox&quot; had 50 %; drawn with 70 %; likeliest: &lt;i&gt; 50 %' in still
    assert Tags(still).text == 'The "fox"∎'


def test_the_rarer_the_stronger_the_ground():
    shades = [token_html(told("a", probability=share)).split('"')[1] for share in (0.0, 0.05, 0.55, 0.999, 1.0)]
    assert shades == ["token p0", "token p0", "token p5", "token p9", "token p9"]
    strength = [float(line.split(", ")[-1].split(")")[0]) for line in STYLE.splitlines() if "rgba(224" in line]
    assert strength == sorted(strength, reverse=True)
    assert strength[-1] == 0


def test_a_token_within_a_character_is_not_shown_and_the_end_is():
    assert token_html(told("")) == ""
    assert "∎" in token_html(told("", is_end=True))
