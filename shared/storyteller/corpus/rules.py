r"""The rules by which a text is mended, one a row, each with a text that it mends and one that it leaves alone.

    >>> undo_tokenization("`` I ca n't , '' said Tom .")
    '"I can\'t," said Tom.'
    >>> leave_out_forum("It rained .\n\nEdit: typo")
    'It rained .'

`ALWAYS` is for every text; `TOKENIZED` for one that was cut into words by a program and joined with spaces, as
WritingPrompts was, which its own marks must show; `FORUM` for what its writer says around a story in a forum.
"""

import re
from collections import Counter
from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    """What is looked for and what takes its place, with one example for and one against."""

    pattern: re.Pattern[str]
    replacement: str
    mends: tuple[str, str]  # a text, and what the rule makes of it
    keeps: str  # a text that looks alike and is right as it is

    def apply(self, text: str) -> str:
        """The text with every match replaced."""
        return self.pattern.sub(self.replacement, text)


def _rule(pattern: str, replacement: str, *, mends: tuple[str, str], keeps: str) -> Rule:
    return Rule(re.compile(pattern), replacement, mends, keeps)


ALWAYS: tuple[Rule, ...] = (
    _rule(  # an HTML entity in pieces; ftfy resolves it once it is whole
        r"& ?(nbsp|amp|lt|gt|quot|#\d{1,5}) ?;",
        r"&\1;",
        mends=("& nbsp; Sir ?", "&nbsp; Sir ?"),
        keeps="Tom & Ann; & so on",
    ),
    _rule(
        r"([(\[])[ \t]+([^()\[\]\n]*[^()\[\]\s])[ \t]+([)\]])",
        r"\1\2\3",
        mends=("A [ secret ] door ( again )", "A [secret] door (again)"),
        keeps="A (secret) door, [ whispers",
    ),
    _rule(
        r"(?i)[ \t]*\[\s?(?:x-?post|cross-?post|cont|repost|modpost)\b[^\[\]\n]*\]",
        "",
        mends=("It rained. [X-Post from r/tales]", "It rained."),
        keeps="It rained. [cross postman enters]",
    ),
)

# What only a program that cuts text into words leaves behind.
_MARKS = re.compile(r"(?<!`)``(?!`)|[^\d\s]''(?!')|\w n't\b|[“‘][ \t]+\w|\w ’ ?(?:s|t|re|ve|ll|d|m)\b", re.IGNORECASE)
# In lower case; without any of them there is no mark, nor a stop with a space before it.
_HINTS = ("``", "''", " ’", "“ ", "“\t", "‘ ", "‘\t", " ,", "\t,", " .", "\t.", " n't")
_STOP = re.compile(r"\w([ \t]*)([,.])(?=\s|$)")

TOKENIZED: tuple[Rule, ...] = (
    _rule(
        r"(\w)[ \t]?n't\b",
        r"\1n't",
        mends=("I ca n't; you wo n't", "I can't; you won't"),
        keeps="He said n'tapi",
    ),
    _rule(
        r"(\w)[ \t]+['’][ \t]?(s|t|re|ve|ll|d|m|S|T|RE|VE|LL|D|M)\b(?!['’])",
        r"\1'\2",
        mends=("It 's Tom ’ s", "It's Tom's"),
        keeps="the letters 's' and 't'",
    ),
    _rule(
        r"\b([Gg]on|[Gg]ot|[Ww]an)[ \t](na|ta)\b",
        r"\1\2",
        mends=("I am gon na stay", "I am gonna stay"),
        keeps="the swan nabbed it",
    ),
    _rule(
        r"([a-z]{2}[,:]?|[a-z]\.\.\.)'(?=[A-Za-z]{3}(?:[^'\n]|\w'\w){0,200}[\w,.!?]'(?:[\s,.!?;:)\"”]|$))",
        r"\1 '",
        mends=("a game called'Dispersion' and'even more'", "a game called 'Dispersion' and 'even more'"),
        keeps="O'Reilly and the ma'am of Kal'dorei",
    ),
    _rule(
        r"([“‘])[ \t]+",
        r"\1",
        mends=("a ‘ voice ’", "a ‘voice ’"),
        keeps="a ‘voice’",
    ),
    _rule(
        r"(?<=\S)[ \t]+(?=’(?:[\s,.!?;:]|$))",
        "",
        mends=("a ‘voice ’, he", "a ‘voice’, he"),
        keeps="in the ’90s",
    ),
    _rule(
        r"(?<=\s)([:;])[ \t]([)(DPp])(?=\s|$)",
        r"\1\2",
        mends=("love you : ) she", "love you :) she"),
        keeps="three things : (a) plums",
    ),
    _rule(
        r"(?<=\.)[ \t](?=\.)",
        "",
        mends=("Wait . . . what", "Wait ... what"),
        keeps="Wait. What",
    ),
    _rule(
        r"(?<=\S)[ \t]+(?![:;][)(DPp](?:\s|$))(?=[,.;:!?%…)\]]+(?:[\s\"'”’]|$))",
        "",
        mends=("He ran , fell ; why ?", "He ran, fell; why?"),
        keeps="love you :) she ran .5 miles",
    ),
    _rule(
        r"([(\[])[ \t]+(?=\S)",
        r"\1",
        mends=("( he said", "(he said"),
        keeps="(he said",
    ),
    _rule(
        r"([$#])[ \t]+(?=\d)",
        r"\1",
        mends=("It cost $ 5", "It cost $5"),
        keeps="It cost 5 $ and more",
    ),
    _rule(
        r"(https?:) //",
        r"\1//",
        mends=("http: //a.example", "http://a.example"),
        keeps="so: // and on",
    ),
)


def is_tokenized(text: str) -> bool:
    """Whether the text shows that its punctuation was cut off by a program: by marks of its own, or by more full stops
    with a space before them than without, or commas.

    >>> is_tokenized("`` Stop !"), is_tokenized("He ran , fell ."), is_tokenized("Pourquoi ? Il court.")
    (True, True, False)
    """
    lower = text.lower()
    if not any(hint in lower for hint in _HINTS):
        return False
    if _MARKS.search(text):
        return True
    stops = Counter((sign, space != "") for space, sign in _STOP.findall(text))
    return any(stops[sign, True] > stops[sign, False] for sign in ",.")


def undo_tokenization(text: str) -> str:
    """Undo the tokenization of WritingPrompts: `` I ca n't , '' becomes "I can't,"."""
    for rule in TOKENIZED:
        text = rule.apply(text)
    return "\n".join(map(place_quotes, text.split("\n")))


_QUOTE = re.compile(r"([ \t]*)(``|''|[“”\"])([ \t]*)")


def place_quotes(line: str) -> str:
    """A line whose double quotes are `"`, each with its space on the side where the quotation is not.

    The corpus mixes its marks, and '' opens quotations too: what a quote is, its place and the ones before it say.

    >>> place_quotes("''Stop, ''he said.``Wrong how?''All of it. ``")
    '"Stop," he said. "Wrong how?" All of it."'
    """
    done, end, is_open = "", 0, False
    for found in _QUOTE.finditer(line):
        before, mark, after = found.groups()
        done, end = done + line[end : found.start()], found.end()
        left, right = done[-1:], line[end : end + 1]
        at_start = not done.strip(" \t\xa0*_>")
        if mark == "''" and left.isdigit() and not before and not is_open:  # 6' 2''
            done += '"' + after
            continue
        if mark in ("``", "“"):
            opens = bool(right) and not (is_open and left in "-–—")
        elif mark == "”":
            opens = False
        else:
            # Behind a mark that opened, it closes. Else it opens, unless nothing but its left side is a word's.
            opens = at_start or not (is_open or not right or right in ".,;:!?)" or (not before and after))
        is_open = opens
        if opens:
            done += (before or ("" if at_start or left in "([*_-–—" else " ")) + '"'
        else:
            done += '"' + (after or (" " if right.isalnum() else ""))
    return done + line[end:]


# --- forums -------------------------------------------------------------------------------------------------------

# The forum's own labels: writing prompt, image prompt, constrained writing, ...
TAG = re.compile(
    r"\[\s*(?:(?:WP|IP|EU|CW|MP|OT|FF|PI|RF|TT|CC|CS|PM|SP|NSFW|NANO|Modpost)(?:\s?/\s?)?)+\s*\]\s*:?", re.IGNORECASE
)

FORUM_NOTE = _rule(  # a whole paragraph, which goes
    r"(?is)^[\W_]*edits?\b(?:[^\w:]*(?:\d+|and|january|february|march|april|may|june|july|august|september|october"
    r"|november|december))*[^\w:]*:.*$",
    "",
    mends=("Edits 2 & 3: lieu", ""),
    keeps="Edit the letter, she said: it is too long.",
)
LINK = _rule(  # in Markdown; its words stay
    r"\[([^\[\]\n]*)\][ \t]?\([ \t]?https?:[^()\n]*(?:\([^()\n]*\)[^()\n]*)?\)",
    r"\1",
    mends=("a [Spork] (http: //shop.example/8?id= 3).", "a Spork."),
    keeps="a [spork] (made of tin).",
)
ADVERT = _rule(  # a whole paragraph, which goes only before the story's first or behind its last
    r"(?s)^.*(?:(?<![\w/])/?[ru]/\w{2,}|\bsubreddit\b|https?:|\bwww\.|\b\w{3,}\.(?:com|org|net)\b).*$",
    "",
    mends=("More of them at /r/tales or tales.com", ""),
    keeps="He drove at 90 km/h and/or slept.",
)
FORUM = (FORUM_NOTE, LINK, ADVERT)
_FORUM_SIGNS = ("[", "r/", "u/", "subreddit", "http", "www.", ".com", ".org", ".net")  # links and adverts have one
_RULER = re.compile(r"[\s\-_*=~#.—–]*")  # a line that parts a story from what is said about it


def leave_out_forum(text: str) -> str:
    """Without what its writer says to the forum: notes of edits, and links and adverts before and behind the story.

    Args:
        text: paragraphs with a blank line between.
    """
    if not any(sign in text for sign in _FORUM_SIGNS) and "edit" not in text.lower():
        return text
    paragraphs = [paragraph for paragraph in text.split("\n\n") if not FORUM_NOTE.pattern.match(paragraph)]
    if 2 * len(paragraphs) < text.count("\n\n") + 1:  # mostly notes: then they are the story
        paragraphs = text.split("\n\n")
    for last in (-1, 0):
        while len(paragraphs) > 1 and _is_advert(paragraphs[last]):
            del paragraphs[last]
        shortened = len(paragraphs) <= text.count("\n\n")
        while shortened and len(paragraphs) > 1 and _RULER.fullmatch(paragraphs[last]):
            del paragraphs[last]
    return LINK.apply("\n\n".join(paragraphs))


def _is_advert(paragraph: str) -> bool:
    """Whether a paragraph leads elsewhere: by an address of its own, or by nothing but a link that nobody says."""
    only_link = LINK.pattern.search(paragraph) is not None and not re.search(r"\w", LINK.pattern.sub("", paragraph))
    return (only_link and '"' not in paragraph) or ADVERT.pattern.match(LINK.apply(paragraph)) is not None
