"""Known answers to `merge_pair`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

answers = [
    Wrong(
        "merge_pair",
        "no_step_over",
        "After a merge you step on by one, so the second token of the pair comes out once more. Step over both.",
        change=("place += 2", "place += 1"),
    ),
    Wrong(
        "merge_pair",
        "right_to_left",
        "Where pairs overlap, you take the last one first. From the left, (5, 5, 5) becomes (new, 5).",
        code="""
def merge_pair(word, pair, new_id):
    merged = []
    place = len(word) - 1
    while place >= 0:
        if place > 0 and (word[place - 1], word[place]) == tuple(pair):
            merged.append(new_id)
            place -= 2
        else:
            merged.append(word[place])
            place -= 1
    return tuple(reversed(merged))
""",
    ),
    Wrong(
        "merge_pair",
        "drops_last",
        "The last token of the word is lost where it is not part of the pair. The walk ends one step too early.",
        change=("while place < len(word):", "while place < len(word) - 1:"),
    ),
    Wrong(
        "merge_pair",
        "first_only",
        "Only the first occurrence is merged. Go on until the end of the word.",
        change=(
            "        if word[place : place + 2] == pair:",
            "        if word[place : place + 2] == pair and new_id not in merged:",
        ),
    ),
    Wrong(
        "merge_pair",
        "both_orders",
        "(b, a) is merged too, but the pair is (a, b).",
        change=("== pair:", "in (pair, pair[::-1]):"),
    ),
    Wrong(
        "merge_pair",
        "returns_list",
        "You give back a list. Words are keys of dictionaries, and a list cannot be one. Make it a tuple at the end.",
        change=("return tuple(merged)", "return merged"),
    ),
    Wrong(
        "merge_pair",
        "overlapping_all",
        "Each place where the pair starts becomes a new token, even where it shares a token with the one before.",
        code="""
def merge_pair(word, pair, new_id):
    merged, covered = [], False
    for place, token in enumerate(word):
        if tuple(word[place : place + 2]) == tuple(pair):
            merged.append(new_id)
            covered = True
        elif covered:
            covered = False
        else:
            merged.append(token)
    return tuple(merged)
""",
    ),
    Wrong(
        "merge_pair",
        "digits_as_text",
        "The ids are written as text, and the pair is searched there: (1, 2) is then found within 11, 2 as well. "
        "Compare ids and not their digits.",
        code="""
def merge_pair(word, pair, new_id):
    text = " ".join(str(token) for token in word)
    text = text.replace(f"{pair[0]} {pair[1]}", str(new_id))
    return tuple(int(token) for token in text.split())
""",
    ),
    Wrong(
        "merge_pair",
        "always_256",
        "The new token is 256 whatever `new_id` says. Every merge makes a token of its own.",
        change=("merged.append(new_id)", "merged.append(256)"),
    ),
    Right(
        "merge_pair",
        "as_text",
        code="""
def merge_pair(word, pair, new_id):
    text = "".join(chr(token) for token in word)
    left, right = pair
    return tuple(ord(sign) for sign in text.replace(chr(left) + chr(right), chr(new_id)))
""",
    ),
    Right(
        "merge_pair",
        "looking_back",
        code="""
def merge_pair(word, pair, new_id):
    merged, mark = [], False
    for token in word:
        if merged and mark and merged[-1] == pair[0] and token == pair[1]:
            merged[-1] = new_id
            mark = False
        else:
            merged.append(token)
            mark = True
    return tuple(merged)
""",
    ),
    Right(
        "merge_pair",
        "as_in_minbpe",
        code="""
def merge_pair(word, pair, new_id):
    newids = []
    i = 0
    while i < len(word):
        if i < len(word) - 1 and word[i] == pair[0] and word[i + 1] == pair[1]:
            newids.append(new_id)
            i += 2
        else:
            newids.append(word[i])
            i += 1
    return tuple(newids)
""",
    ),
    Right(
        "merge_pair",
        "searched_by_index",
        code="""
def merge_pair(word, pair, new_id):
    first, second = pair
    new_word, i = [], 0
    while i < len(word):
        try:
            j = word.index(first, i)
        except ValueError:
            new_word.extend(word[i:])
            break
        new_word.extend(word[i:j])
        if word[j + 1 : j + 2] == (second,):
            new_word.append(new_id)
            i = j + 2
        else:
            new_word.append(word[j])
            i = j + 1
    return tuple(new_word)
""",
    ),
    Right(
        "merge_pair",
        "recursive",
        code="""
def merge_pair(word, pair, new_id):
    if len(word) < 2:
        return word
    if word[:2] == pair:
        return (new_id, *merge_pair(word[2:], pair, new_id))
    return (word[0], *merge_pair(word[1:], pair, new_id))
""",
    ),
]
