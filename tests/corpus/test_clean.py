import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storyteller.corpus.clean import Cleaning, CleaningReport, clean, clean_prompt, clean_text, trim_cut
from storyteller.corpus.story import Story

TALE = "Once upon a time there was a small fox called Pip. He lived under an old oak and he liked plums very much."


def cleaned(*texts, **settings):
    report = CleaningReport()
    stories = clean((Story(text) for text in texts), settings=Cleaning(**settings), report=report)
    return [story.text for story in stories], report


@pytest.mark.parametrize(
    ("spaced", "wanted"),
    [
        ("`` I ca n't , '' said Tom .", '"I can\'t," said Tom.'),
        ("`` Stop ! '' he cried , `` it 's mine . ''", '"Stop!" he cried, "it\'s mine."'),
        ("He wo n't go ; we 're late ( again ) , he said .", "He won't go; we're late (again), he said."),
        ("“ Yes , Fred ! ” That ’ s right .", '"Yes, Fred!" That\'s right.'),
        ("Wait . . . what ?", "Wait... what?"),
        ("You have got ta run , I am gon na stay .", "You have gotta run, I am gonna stay."),
        ("It cost $ 5 .", "It cost $5."),
    ],
)
def test_the_spaces_of_writingprompts_are_undone(spaced, wanted):
    assert clean_text(spaced)[0] == wanted


@pytest.mark.parametrize(
    "right",
    [
        TALE,
        'He said, "No." She said, "Why not?"',
        "The café was naïve: 3 – 4 crêpes — or 5…",
        "A smile 😀 and 富士山.",
        "It was half past 5, and the dogs' bowls were empty.",
        "Tom & Ann bought 3 < 4 plums.",
    ],
)
def test_text_that_is_right_stays_as_it_is(right):
    assert clean_text(right) == (right, set())


CHINESE = "从前有一只小狐狸，住在一棵老橡树下面。它非常喜欢吃李子，也喜欢和朋友獾一起玩。有一天，它把李子弄丢了！"
THAI = "กาลครั้งหนึ่งนานมาแล้วมีสุนัขจิ้งจอกตัวหนึ่งอาศัยอยู่ใต้ต้นโอ๊กเก่าแก่และมันชอบกินลูกพลัมมากที่สุดในโลกนี้เลยทีเดียว"
HINDI = "एक समय की बात है, एक छोटी लोमड़ी थी जो एक पुराने पेड़ के नीचे रहती थी। उसे बेर बहुत पसंद थे और वह रोज़ खेलती थी।"


@pytest.mark.parametrize("story", [CHINESE, THAI, HINDI], ids=["Chinese", "Thai", "Hindi"])
def test_words_are_counted_in_scripts_without_spaces_and_their_signs_stay(story):
    assert cleaned(story)[0] == [story]


def test_a_short_text_without_spaces_is_short():
    kept, report = cleaned("一只小狐狸。", "Foxes" * 30)
    assert (kept, report.dropped) == ([], {"fewer than 20 words": 2})


def test_a_prompt_is_mended_as_its_story_shows():
    stories = clean([Story("`` Yes , '' said the fox , and it ran home as quick as it could . " * 3, "Why ?")])
    assert [story.prompt for story in stories] == ["Why?"]


def test_mojibake_is_repaired_even_where_a_byte_was_lost():
    # ” is E2 80 9D; the last byte has no character in Windows-1252 and is gone in the wild.
    broken = "â€œIâ€™m here,â€ said the owl â€” and flew.\nâ€œWhere?â€"
    assert clean_text(broken)[0] == '"I\'m here," said the owl — and flew.\n\n"Where?"'


def test_curly_quotes_become_straight_and_dashes_stay():
    assert clean_text("“It’s – well – ‘fine’,” he said…")[0] == "\"It's – well – 'fine',\" he said…"


def test_entities_and_fullwidth_letters_are_resolved():
    assert clean_text("Tom &amp; Ann &#39;ran&#39;")[0] == "Tom & Ann 'ran'"


def test_line_ends_blank_lines_and_spaces_are_laid_out():
    text, changes = clean_text("\r\n\r\nOne  day. \r\n \r\n \r\nThe end.\t\r\n")
    assert text == "One day.\n\nThe end."
    assert changes == {"line ends", "layout"}


@pytest.mark.parametrize(
    ("prompt", "wanted"),
    [
        ("[ WP ] You ca n't sleep .\n", "You can't sleep."),
        ("[ wp ] [ rf ] Rain", "Rain"),
        ("[ WP/IP ] A door", "A door"),
        ("[WP] A door", "A door"),
        ("A [ secret ] door", "A [secret] door"),
        ("Rain\nand wind", "Rain and wind"),
    ],
)
def test_a_prompt_loses_its_tags(prompt, wanted):
    assert clean_prompt(prompt) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Tom ran. He fell. He got", "Tom ran. He fell."),
        ('Tom ran. "Stop!" he cried. "I can', 'Tom ran. "Stop!" he cried.'),
        ("Tom ran.\n\nThe End", "Tom ran.\n\nThe End"),
        ("Tom ran.\n\nYours, Larry", "Tom ran.\n\nYours, Larry"),
        ("Tom ran.\n\nAnd so it was that the king went out to see the", "Tom ran."),
        ('Tom ran.\n\n"Should have gone tails" I said', 'Tom ran.\n\n"Should have gone tails" I said'),
        ("Tom ran. They all felt the power of magic", "Tom ran. They all felt the power of magic"),
        ("Tom ran.\n\nThis is the story of the power of magic", "Tom ran.\n\nThis is the story of the power of magic"),
        ('Tom ran.\n\nHis mom said, "Good', "Tom ran."),
        ("Tom ran. He had a kite, a drum,", "Tom ran."),
        ("小狐狸跑了。它说：“你好”。它在", "小狐狸跑了。它说：“你好”。它在"),
        ("Tom ran. 😀", "Tom ran. 😀"),
        ("Tom ran.", "Tom ran."),
    ],
)
def test_a_cut_sentence_at_the_end_is_taken_away(text, wanted):
    assert trim_cut(text) == wanted


def test_every_reason_to_drop_a_story_is_counted():
    inside = TALE.replace("oak", "<|endoftext|> oak")
    hidden = TALE.replace("oak", "&lt;|endoftext|&gt; oak")
    texts = [TALE, " \n", "Too short.", "0110 " * 40, inside, hidden, TALE.upper(), TALE * 3000, "�" + TALE]
    kept, report = cleaned(*texts)
    assert kept == [TALE]
    assert report.dropped == {
        "empty": 1,
        "fewer than 20 words": 1,
        "not text": 2,
        "special token inside the text": 2,
        "exact duplicate": 1,
        "longer than 200,000 characters": 1,
    }
    assert (report.read, report.kept) == (9, 1)
    assert "dropped: exact duplicate" in str(report)
    assert TALE[:30].upper() in str(report)


@given(st.text(max_size=300))
def test_what_comes_out_is_laid_out_whatever_came_in(text):
    once, _ = clean_text(text)
    assert all(paragraph == " ".join(paragraph.split()) for paragraph in once.split("\n\n"))
    assert "\n\n\n" not in once


@given(st.text(alphabet='ab .,!?\n\r"“—-', max_size=200))
def test_cleaning_twice_is_cleaning_once(text):
    once, _ = clean_text(text)
    assert clean_text(once)[0] == once


def test_no_mojibake_is_left_in_the_tinystories_sample(shared_data):
    lines = (shared_data / "tinystories-v1-train-1000.jsonl").read_text(encoding="utf-8").splitlines()
    before = [json.loads(line)["text"] for line in lines]
    report = CleaningReport()
    after = [story.text for story in clean(map(Story, before), report=report)]
    assert len(after) == 1000
    assert report.changed["encoding or entities"] == 83
    # The sample is English: what is not ASCII now is a dash.
    assert {character for text in after for character in text if not character.isascii()} == {"–", "—"}
    # Nothing but quotes, dashes, white space and a cut end has changed.
    letters = lambda text: "".join(filter(str.isascii, filter(str.isalnum, text)))  # noqa: E731
    assert all(letters(b).startswith(letters(a)) for a, b in zip(after, before, strict=True))


def test_the_curly_quotes_of_the_second_sample_are_counted_as_such(shared_data):
    text = (shared_data / "tinystories-v2-sample.txt").read_text(encoding="utf-8")
    report = CleaningReport()
    list(clean(map(Story, text.split("<|endoftext|>\n")), report=report))
    assert report.changed["encoding or entities"] == 0
    assert report.changed["curly quotes"] == 44


def test_writingprompts_reads_as_prose_after_cleaning(shared_data):
    lines = (shared_data / "writingprompts-train-500.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    stories = list(clean(Story(row["story"], row["prompt"]) for row in rows))
    everything = "\n".join(f"{story.prompt}\n{story.text}" for story in stories)
    assert len(stories) == 500
    for left in ("``", " n't", " ,", "[WP]", "[ WP ]", "\u201c"):
        assert left not in everything, left
