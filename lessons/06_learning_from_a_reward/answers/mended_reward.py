"""Known answers to `mended_reward`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

answers = [
    Wrong(
        "mended_reward",
        "added_up",
        "The factors are added up. Then a long new story earns much although it is wrong, and gibberish is always new. "
        "Multiply them.",
        change=("correct[story] * long_enough * novelty", "correct[story] + long_enough + novelty"),
    ),
    Wrong(
        "mended_reward",
        "no_length",
        "The length is not looked at: a story of five words earns as much as one of fifty.",
        change=("correct[story] * long_enough * novelty", "correct[story] * novelty"),
    ),
    Wrong(
        "mended_reward",
        "long_pays",
        "The share of the words is not held at 1: the longer a story, the more it earns, for ever.",
        change=("min(1.0, len(words[story]) / min_words)", "len(words[story]) / min_words"),
    ),
    Wrong(
        "mended_reward",
        "all_or_nothing",
        "A story that is too short earns nothing. It should earn in proportion to its words: the way to longer stories "
        "is then uphill from the beginning.",
        change=(
            "min(1.0, len(words[story]) / min_words)",
            "float(len(words[story]) >= min_words)",
        ),
    ),
    Wrong(
        "mended_reward",
        "all_groups",
        "Stories are compared with those of all prompts. A story that begins as its prompt asks is then blamed for "
        "the stories of another prompt.",
        change=(
            ("counts = Counter(gram for story in group for gram in grams[story])", "counts = Counter()"),
            (
                "        for story in group:\n            own",
                "        for one in grams:\n            counts.update(one)\n"
                "        for story in group:\n            own",
            ),
        ),
    ),
    Wrong(
        "mended_reward",
        "every_time_it_comes",
        "A 4-gram is counted as often as it comes in a story. Count the stories that have it, and each of a story's "
        "4-grams once: take sets.",
        change=(
            "grams = [set(zip(w, w[1:], w[2:], w[3:], strict=False)) for w in words]",
            "grams = [list(zip(w, w[1:], w[2:], w[3:], strict=False)) for w in words]",
        ),
    ),
    Wrong(
        "mended_reward",
        "trigrams",
        "These are runs of three words. Take four.",
        change=("zip(w, w[1:], w[2:], w[3:], strict=False)", "zip(w, w[1:], w[2:], strict=False)"),
    ),
    Wrong(
        "mended_reward",
        "letters",
        "The length is counted in letters. A word is what white space separates.",
        change=("len(words[story]) / min_words", "len(texts[story]) / min_words"),
    ),
    Wrong(
        "mended_reward",
        "new_or_not",
        "A 4-gram counts only if no other story of the group has it. It should count 1/n: one that two of forty "
        "stories have is nearly new.",
        change=("sum(1 / counts[gram] for gram in own)", "sum(counts[gram] == 1 for gram in own)"),
    ),
    Right(
        "mended_reward",
        "with_library_words",
        code="""
        def mended_reward(texts, correct, *, group_size, min_words):
            def runs(text):
                words = text.split()
                return {tuple(words[i : i + 4]) for i in range(len(words) - 3)}

            rewards = []
            for i, text in enumerate(texts):
                group = [runs(t) for t in texts[i // group_size * group_size :][:group_size]]
                shares = [1 / sum(gram in other for other in group) for gram in runs(text)]
                novelty = sum(shares) / len(shares) if shares else 0
                rewards.append(correct[i] * min(1, len(text.split()) / min_words) * novelty)
            return rewards
        """,
    ),
    Right(
        "mended_reward",
        "joined_grams",
        code="""
        def mended_reward(texts, correct, *, group_size, min_words):
            result = []
            for first in range(0, len(texts), group_size):
                seen = {}
                part = [text.split() for text in texts[first : first + group_size]]
                grams = [{" ".join(w[i : i + 4]) for i in range(max(0, len(w) - 3))} for w in part]
                for own in grams:
                    for gram in own:
                        seen[gram] = seen.get(gram, 0) + 1
                for own, w, right in zip(grams, part, correct[first : first + group_size]):
                    novelty = sum(1 / seen[gram] for gram in own) / max(1, len(own))
                    result.append(right * novelty * (len(w) if len(w) < min_words else min_words) / min_words)
            return result
        """,
    ),
]
