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
]
