"""Known answers to `clean_story`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

answers = [
    Wrong(
        "clean_story",
        "short_keys_first",
        "The short key â€ is the beginning of the longer ones. Replaced first, it eats the start of â€™ and leaves ”™. "
        "Replace the longest keys first.",
        change=("sorted(MOJIBAKE, key=len, reverse=True)", "MOJIBAKE"),
    ),
    Wrong(
        "clean_story",
        "drops_cr",
        "Every carriage return is removed. In a file from an old Mac it is the only line end there is, so all "
        "paragraphs run together. Replace it by a line break.",
        change=('.replace("\\r", "\\n")', '.replace("\\r", "")'),
    ),
    Wrong(
        "clean_story",
        "windows_only",
        "Only Windows' line ends are mended. A carriage return alone, as old Macs wrote it, is still there and is then "
        "taken for a space.",
        change=('.replace("\\r\\n", "\\n").replace("\\r", "\\n")', '.replace("\\r\\n", "\\n")'),
    ),
    Wrong(
        "clean_story",
        "empty_replace",
        "replace with an empty first argument finds the empty text before and after every letter, and writes an "
        "apostrophe into each of these places. The curly apostrophe was lost from the code: put it back.",
        change=("text = text.replace(curly, straight)", "text = text.replace(curly if curly != '’' else '', straight)"),
    ),
    Wrong(
        "clean_story",
        "quotes_before_mojibake",
        "Curly quotes are made straight before the mojibake is mended. Mending it brings new curly quotes, and they "
        "stay. Swap the two.",
        change=(
            ("for broken in sorted(MOJIBAKE, key=len, reverse=True):", "for curly in CURLY:"),
            ("text = text.replace(broken, MOJIBAKE[broken])", "text = text.replace(curly, CURLY[curly])"),
            ("for curly, straight in CURLY.items():", "for key in sorted(MOJIBAKE, key=len, reverse=True):"),
            ("text = text.replace(curly, straight)", "text = text.replace(key, MOJIBAKE[key])"),
        ),
    ),
    Wrong(
        "clean_story",
        "glues_words",
        "The tags are replaced by nothing, so the words on both sides of a <br> become one word. Put a space there;"
        " the layout takes out what is too much.",
        change=('TAG.sub(" ", text)', 'TAG.sub("", text)'),
    ),
    Wrong(
        "clean_story",
        "greedy_tags",
        "Everything between some < and some > is taken for a tag, a whole sentence if need be. Use the pattern TAG: it "
        "asks for a letter after < and for no other < or > inside.",
        change=('TAG.sub(" ", text)', '__import__("re").sub(r"<.*>|\\[ ?[A-Z]{2} ?\\]", " ", text)'),
    ),
    Wrong(
        "clean_story",
        "tags_last",
        "The tags are taken out after the layout, so the spaces that they leave stay. Take them out first.",
        change=(
            ('    text = TAG.sub(" ", text)\n', ""),
            (
                '    text = "\\n\\n".join(line for line in lines if line)\n',
                '    text = "\\n\\n".join(line for line in lines if line)\n    text = TAG.sub(" ", text)\n',
            ),
        ),
    ),
    Wrong(
        "clean_story",
        "one_line_break",
        "There is one line break between the paragraphs; a blank line, that is two line breaks, is wanted.",
        change=('"\\n\\n".join(line', '"\\n".join(line'),
    ),
    Wrong(
        "clean_story",
        "loses_closing_quote",
        "The text is cut right after the last full stop, exclamation or question mark. A quote that closes the "
        "sentence is lost, and the point of 1.5 counts as a full stop. Use the end of the match of SENTENCE_END.",
        change=(
            "    ends = [found.end() for found in SENTENCE_END.finditer(text)]\n",
            '    ends = [place + 1 for place, sign in enumerate(text) if sign in ".!?"]\n',
        ),
    ),
    Wrong(
        "clean_story",
        "keeps_fragment",
        "A text without any whole sentence is kept. Nothing of it is a story: give back the empty text.",
        change=('if ends else ""', "if ends else text"),
    ),
    Wrong(
        "clean_story",
        "no_cut",
        "The half sentence at the end is still there. A model that learns from such texts learns to stop in the "
        "middle.",
        change=('return text[: ends[-1]] if ends else ""', 'return text if ends else ""'),
    ),
    Wrong(
        "clean_story",
        "common_keys_only",
        "Only some of the broken characters are mended. Go through all keys of MOJIBAKE.",
        change=(
            "in sorted(MOJIBAKE, key=len, reverse=True):",
            'in sorted(set(MOJIBAKE) - {"â€˜", "â€“"}, key=len, reverse=True):',
        ),
    ),
    Wrong(
        "clean_story",
        "end_mark_only",
        "Of the marks of the form <|word|> only <|endoftext|> is taken out. There are others: use the pattern TAG "
        "as it is.",
        change=(
            'TAG.sub(" ", text)',
            '__import__("re").sub(r"</?[a-zA-Z][^<>]*>|<\\|endoftext\\|>|\\[ ?[A-Z]{2} ?\\]", " ", text)',
        ),
    ),
    Wrong(
        "clean_story",
        "quotes_stay",
        "Curly quotes stay curly: each key of CURLY becomes its value.",
        change=("text = text.replace(curly, straight)", "pass"),
    ),
    Wrong(
        "clean_story",
        "one_line",
        "All white space becomes a single space, the line breaks too. Inside a line only: between two paragraphs "
        "stands a blank line.",
        change=(
            '    lines = [" ".join(line.split()) for line in text.split("\\n")]\n'
            '    text = "\\n\\n".join(line for line in lines if line)\n',
            '    text = " ".join(text.split())\n',
        ),
    ),
    Right(
        "clean_story",
        "with_patterns",
        code="""
def clean_story(text):
    import re

    text = re.sub("\\r\\n?", "\\n", text)
    keys = "|".join(re.escape(key) for key in sorted(MOJIBAKE, key=len)[::-1])
    text = re.sub(keys, lambda found: MOJIBAKE[found[0]], text)
    text = text.translate(str.maketrans(CURLY))
    text = re.sub(TAG, " ", text)
    text = re.sub(r"[^\\S\\n]+", " ", text)
    text = re.sub(r" ?\\n[ \\n]*", "\\n\\n", text).strip()
    found = re.match(r"(?s).*[.!?][\\"')]*(?=\\s|$)", text)
    return found[0] if found else ""
""",
    ),
    Right(
        "clean_story",
        "in_small_steps",
        code="""
def clean_story(text):
    lines = []
    for line in TAG.sub(" ", text.replace("\\r\\n", "\\n").replace("\\r", "\\n")).splitlines():
        long_keys = [key for key in MOJIBAKE if len(key) > 2] + [key for key in MOJIBAKE if len(key) == 2]
        # The two-letter keys of other letters begin with another sign, so their order is free, but for the quote's.
        for key in long_keys:
            line = line.replace(key, MOJIBAKE[key])
        for sign in CURLY:
            line = CURLY[sign].join(line.split(sign))
        if line.strip():
            lines.append(" ".join(line.split()))
    whole = "\\n\\n".join(lines)
    end = 0
    for found in SENTENCE_END.finditer(whole):
        end = found.end()
    return whole[:end]
""",
    ),
    Right(
        "clean_story",
        "line_by_line",
        code="""
def clean_story(text):
    for old, new in (("\\r\\n", "\\n"), ("\\r", "\\n")):
        text = text.replace(old, new)
    table = sorted(MOJIBAKE.items(), key=lambda item: -len(item[0]))
    for wrong, right in table:
        if wrong in text:
            text = text.replace(wrong, right)
    text = "".join(CURLY.get(letter, letter) for letter in text)
    text = TAG.sub(" ", text)
    paragraphs = []
    for line in text.split("\\n"):
        words = line.split()
        if len(words) > 0:
            paragraphs.append(" ".join(words))
    text = "\\n\\n".join(paragraphs)
    last = None
    for last in SENTENCE_END.finditer(text):
        pass
    return text[: last.end()] if last is not None else ""
""",
    ),
]
