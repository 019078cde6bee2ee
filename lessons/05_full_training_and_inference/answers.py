"""Known answers to lesson 05: wrong ones, explained, right ones in other styles, and the code of the bug hunts."""

from storyteller_course import Given, Right, Wrong

answers = [
    # --- apply_temperature --------------------------------------------------------------------------------------------
    Wrong(
        "apply_temperature",
        "multiplies",
        "The logits are multiplied, so a low temperature makes the story wilder, not calmer. Divide by it.",
        change=("return logits / temperature", "return logits * temperature"),
    ),
    Wrong(
        "apply_temperature",
        "divides_probabilities",
        "The probabilities are divided. All of them shrink alike, so the next softmax sees nearly equal numbers and "
        "draws any token. Divide the logits, which are logarithms.",
        change=("return logits / temperature", "return logits.softmax(dim=-1) / temperature"),
    ),
    Wrong(
        "apply_temperature",
        "divides_by_zero",
        "At temperature 0 this divides by 0, which gives infinities and nan. There, leave only the likeliest token.",
        change=("    if temperature > 0:\n", "    if temperature >= 0:\n"),
    ),
    Wrong(
        "apply_temperature",
        "keeps_ties_at_zero",
        "At temperature 0 all tokens that share the highest logit are left, and one of them would be drawn by chance. "
        "Greedy is certain: take the first of them.",
        code="""
def apply_temperature(logits, temperature):
    if temperature > 0:
        return logits / temperature
    return logits.masked_fill(logits < logits.amax(dim=-1, keepdim=True), -math.inf)
""",
    ),
    Wrong(
        "apply_temperature",
        "one_row_at_zero",
        "At temperature 0 the highest logit of the whole batch is left, and the other rows have no token at all. Look "
        "in each row by itself.",
        code="""
def apply_temperature(logits, temperature):
    if temperature > 0:
        return logits / temperature
    result = torch.full_like(logits, -math.inf)
    result.view(-1)[logits.argmax()] = logits.max()
    return result
""",
    ),
    Wrong(
        "apply_temperature",
        "in_place",
        "The logits that were passed in are changed. Whoever shows the model's own probabilities beside the story then "
        "shows wrong ones. Make a new tensor.",
        change=("        return logits / temperature\n", "        return logits.div_(temperature)\n"),
    ),
    Right(
        "apply_temperature",
        "by_logarithms",
        code="""
def apply_temperature(logits, temperature):
    if temperature == 0:
        first = torch.nn.functional.one_hot(logits.argmax(-1), logits.shape[-1]).bool()
        return torch.where(first, logits, torch.tensor(-math.inf, dtype=logits.dtype))
    return logits * (1 / temperature)
""",
    ),
    Right(
        "apply_temperature",
        "row_by_row",
        code="""
def apply_temperature(logits, temperature):
    rows = []
    for row in logits:
        if temperature > 0:
            rows.append(row / temperature)
        else:
            new = torch.zeros_like(row) - math.inf
            new[int(row.argmax())] = 0.0
            rows.append(new)
    return torch.stack(rows)
""",
    ),
    # --- keep_top_k ---------------------------------------------------------------------------------------------------
    Wrong(
        "keep_top_k",
        "zeros_instead",
        "The removed tokens get the logit 0. That is no small one: the softmax still gives them a share, and more than "
        "it gives to tokens with negative logits. Minus infinity is the logit of probability 0.",
        change=("logits, -math.inf)", "logits, 0.0)"),
    ),
    Wrong(
        "keep_top_k",
        "one_threshold",
        "The threshold of the first row is used for all rows. Each row has a k-th highest logit of its own.",
        change=("kth = ordered[:, k - 1 : k]", "kth = ordered[:1, k - 1 : k]"),
    ),
    Wrong(
        "keep_top_k",
        "loses_the_kth",
        "The k-th itself is removed: only what is higher stays. It is one of the k.",
        change=("logits >= kth", "logits > kth"),
    ),
    Wrong(
        "keep_top_k",
        "one_too_many",
        "One token too many stays. Counted from 0, the k-th of the sorted logits is the one at place k - 1.",
        code="""
def keep_top_k(logits, top_k):
    ordered = logits.sort(dim=-1, descending=True).values
    place = min(top_k, logits.size(-1) - 1)
    return torch.where(logits >= ordered[:, place : place + 1], logits, -math.inf)
""",
    ),
    Wrong(
        "keep_top_k",
        "lowest_k",
        "The k lowest are kept. Sort with the highest first.",
        change=(("descending=True", "descending=False"), ("logits >= kth", "logits <= kth")),
    ),
    Wrong(
        "keep_top_k",
        "breaks_ties",
        "Of tokens that are equal to the k-th only some are kept, which ones is left to chance. Compare with the k-th "
        "logit instead of collecting k places.",
        code="""
def keep_top_k(logits, top_k):
    best = logits.topk(min(top_k, logits.size(-1)), dim=-1)
    return torch.full_like(logits, -math.inf).scatter(-1, best.indices, best.values)
""",
    ),
    Wrong(
        "keep_top_k",
        "needs_k_tokens",
        "With k larger than the vocabulary this breaks. There it should keep everything.",
        code="""
def keep_top_k(logits, top_k):
    kth = logits.topk(top_k, dim=-1).values[:, -1:]
    return torch.where(logits >= kth, logits, -math.inf)
""",
    ),
    Wrong(
        "keep_top_k",
        "in_place",
        "The logits that were passed in are changed. Make a new tensor, as torch.where does.",
        code="""
def keep_top_k(logits, top_k):
    kth = logits.topk(min(top_k, logits.size(-1)), dim=-1).values[:, -1:]
    logits[logits < kth] = -math.inf
    return logits
""",
    ),
    Right(
        "keep_top_k",
        "with_topk",
        code="""
def keep_top_k(logits, top_k):
    least = torch.topk(logits, min(top_k, logits.shape[1])).values.amin(dim=1)
    return logits.masked_fill(logits < least.unsqueeze(1), float("-inf"))
""",
    ),
    Right(
        "keep_top_k",
        "by_counting",
        code="""
def keep_top_k(logits, top_k):
    higher = (logits[:, None, :] > logits[:, :, None]).sum(dim=-1)
    result = logits.clone()
    result[higher >= top_k] = -math.inf
    return result
""",
    ),
    # --- keep_top_p (bug hunt) ----------------------------------------------------------------------------------------
    Given(
        "keep_top_p",
        code='''
def keep_top_p(logits: Tensor, top_p: float) -> Tensor:
    """Keep, in each row, the smallest number of likeliest tokens that together reach the probability `top_p`.

    Args:
        logits: (B, V); they are not changed.
        top_p: above 0, at most 1.

    Returns:
        (B, V): the logits of the tokens that are kept, minus infinity elsewhere.

    Source: Holtzman et al. 2020, section 3.1.
    """
    probs, order = logits.softmax(dim=-1).sort(dim=-1, descending=True)  # (B, V) each, likeliest first
    too_late = probs.cumsum(dim=-1) > top_p  # (B, V)
    result = logits.clone()
    result[:, order[too_late]] = -math.inf
    return result
''',
    ),
    Wrong(
        "keep_top_p",
        "as_given",
        "This is the code as it was given: the token with which the sum passes top_p is removed, and what is removed "
        "in one row is removed in all rows.",
        code="""
def keep_top_p(logits, top_p):
    probs, order = logits.softmax(dim=-1).sort(dim=-1, descending=True)
    result = logits.clone()
    result[:, order[probs.cumsum(dim=-1) > top_p]] = -math.inf
    return result
""",
    ),
    Wrong(
        "keep_top_p",
        "drops_the_crossing",
        "Each row is right by itself now. But the token with which the sum passes top_p is removed, so what is left "
        "reaches less than top_p; where one token alone is more, nothing is left at all.",
        change=("likelier >= top_p", "likelier + probs > top_p"),
    ),
    Wrong(
        "keep_top_p",
        "all_rows_alike",
        "The crossing token stays now. But `result[:, tokens]` fills these columns in every row: what one row removes "
        "is gone from its neighbours too.",
        change=(
            "    removed = removed.scatter(-1, order, likelier >= top_p)"
            "  # (B, V), each row in the order of the vocabulary\n",
            "    removed[:, order[likelier >= top_p]] = True\n",
        ),
    ),
    Wrong(
        "keep_top_p",
        "only_the_best_saved",
        "The likeliest token is saved always, but in other rows the token with which the sum passes top_p is still "
        "removed. It is not only the first that belongs to the set: it is every one up to the crossing.",
        code="""
def keep_top_p(logits, top_p):
    probs, order = logits.softmax(dim=-1).sort(dim=-1, descending=True)
    too_late = probs.cumsum(dim=-1) > top_p
    too_late[:, 0] = False
    return logits.masked_fill(torch.zeros_like(too_late).scatter(-1, order, too_late), -math.inf)
""",
    ),
    Wrong(
        "keep_top_p",
        "one_too_many",
        "One token too many stays: the mask was moved by two places. The token that passes top_p is the last one.",
        code="""
def keep_top_p(logits, top_p):
    probs, order = logits.softmax(dim=-1).sort(dim=-1, descending=True)
    too_late = probs.cumsum(dim=-1) > top_p
    moved = torch.zeros_like(too_late)
    moved[:, 2:] = too_late[:, :-2]
    return logits.masked_fill(torch.zeros_like(too_late).scatter(-1, order, moved), -math.inf)
""",
    ),
    Wrong(
        "keep_top_p",
        "still_sorted",
        "The mask is in the order of the sorted probabilities, the logits in that of the vocabulary. Carry the mask "
        "back before you use it.",
        change=("removed.scatter(-1, order, likelier >= top_p)", "likelier >= top_p"),
    ),
    Wrong(
        "keep_top_p",
        "least_likely_first",
        "The sum begins with the least likely tokens, so the likeliest are removed. Sort with the likeliest first.",
        change=("sort(dim=-1, descending=True)", "sort(dim=-1)"),
    ),
    Right(
        "keep_top_p",
        "row_by_row",
        code="""
def keep_top_p(logits, top_p):
    result = torch.full_like(logits, -math.inf)
    for row in range(len(logits)):
        total = 0.0
        for token in logits[row].argsort(descending=True).tolist():
            result[row, token] = logits[row, token]
            total += logits[row].softmax(0)[token].item()
            if total >= top_p:
                break
    return result
""",
    ),
    Right(
        "keep_top_p",
        "moved_by_one",
        code="""
def keep_top_p(logits, top_p):
    probs, order = logits.softmax(dim=-1).sort(dim=-1, descending=True)
    too_late = probs.cumsum(dim=-1) >= top_p
    too_late[:, 1:] = too_late[:, :-1].clone()
    too_late[:, 0] = False
    back = order.argsort(dim=-1)
    return torch.where(too_late.gather(-1, back), torch.full_like(logits, -math.inf), logits)
""",
    ),
    # --- penalize_repetition (bug hunt) -------------------------------------------------------------------------------
    Given(
        "penalize_repetition",
        code='''
def penalize_repetition(logits: Tensor, seen: Tensor, penalty: float) -> Tensor:
    """Make the tokens that a text already holds less likely.

    Args:
        logits: (B, V); they are not changed.
        seen: (B, V) bool, True where the row already holds that token.
        penalty: above 1 makes them less likely; 1 changes nothing.

    Returns:
        (B, V): the logits of seen tokens lowered by the factor `penalty`; the others as they are.

    Source: Keskar et al. 2019, section 4.1.
    """
    logits[seen] = logits[seen] / penalty
    return logits
''',
    ),
    Wrong(
        "penalize_repetition",
        "as_given",
        "This is the code as it was given: it divides negative logits, which makes these tokens likelier, and it "
        "writes into the tensor of whoever called it.",
        code="""
def penalize_repetition(logits, seen, penalty):
    logits[seen] = logits[seen] / penalty
    return logits
""",
    ),
    Wrong(
        "penalize_repetition",
        "divides_negative",
        "The argument is left alone now. But negative logits are divided too: -4 becomes -2, and the token that was to "
        "come less often comes more often. Multiply those.",
        change=("torch.where(logits > 0, logits / penalty, logits * penalty)", "logits / penalty"),
    ),
    Wrong(
        "penalize_repetition",
        "in_place",
        "The logits come out right, but the tensor that was passed in is changed. Work on a copy.",
        code="""
def penalize_repetition(logits, seen, penalty):
    logits[seen] = torch.where(logits[seen] > 0, logits[seen] / penalty, logits[seen] * penalty)
    return logits
""",
    ),
    Wrong(
        "penalize_repetition",
        "subtracts",
        "The penalty is subtracted. That is another rule (a presence penalty); here the logit is lowered by a factor.",
        change=("torch.where(logits > 0, logits / penalty, logits * penalty)", "logits - penalty"),
    ),
    Wrong(
        "penalize_repetition",
        "all_tokens",
        "Every token is lowered, the new ones as well. Only what was seen is.",
        change=("return torch.where(seen, lowered, logits)", "return lowered"),
    ),
    Wrong(
        "penalize_repetition",
        "unseen_lowered",
        "The tokens that were not seen are lowered, so the text repeats itself even more.",
        change=("torch.where(seen, lowered, logits)", "torch.where(seen, logits, lowered)"),
    ),
    Wrong(
        "penalize_repetition",
        "other_way_round",
        "Positive logits are multiplied and negative ones divided: both become higher. It is the other way round.",
        change=("logits / penalty, logits * penalty)", "logits * penalty, logits / penalty)"),
    ),
    Right(
        "penalize_repetition",
        "smaller_of_the_two",
        code="""
def penalize_repetition(logits, seen, penalty):
    if penalty >= 1:
        lowered = torch.minimum(logits / penalty, logits * penalty)
    else:
        lowered = torch.maximum(logits / penalty, logits * penalty)
    return lowered * seen + logits.masked_fill(seen, 0.0)
""",
    ),
    Right(
        "penalize_repetition",
        "on_a_copy",
        code="""
def penalize_repetition(logits, seen, penalty):
    result = logits.clone()
    result[seen & (logits > 0)] /= penalty
    result[seen & (logits < 0)] *= penalty
    return result
""",
    ),
    # --- choose -------------------------------------------------------------------------------------------------------
    Wrong(
        "choose",
        "softmax_first",
        "The softmax comes first, and the filters get probabilities where they expect logits. Filters first, softmax "
        "last.",
        code="""
def choose(logits, seen, filters, uniform):
    probs = logits.softmax(dim=-1)
    for change in filters:
        probs = change(probs, seen)
    ends = probs.clamp(min=0).cumsum(dim=-1)
    return (ends <= uniform[:, None] * ends[:, -1:]).sum(dim=-1).clamp(max=logits.size(-1) - 1)
""",
    ),
    Wrong(
        "choose",
        "not_renormalised",
        "The probabilities are those from before the filters, with the removed ones set to 0. They sum to less than 1 "
        "and the line ends early: a point behind its end hits no token, and here the last one of the vocabulary gets "
        "it. Take the softmax of what the filters have left.",
        code="""
def choose(logits, seen, filters, uniform):
    probs = logits.softmax(dim=-1)
    for change in filters:
        logits = change(logits, seen)
    probs = probs.masked_fill(logits == -math.inf, 0.0)
    ends = probs.cumsum(dim=-1)
    return (ends <= uniform[:, None]).sum(dim=-1).clamp(max=logits.size(-1) - 1)
""",
    ),
    Wrong(
        "choose",
        "always_the_likeliest",
        "The likeliest token is taken, wherever the point lies. That is greedy; here the point decides.",
        code="""
def choose(logits, seen, filters, uniform):
    for change in filters:
        logits = change(logits, seen)
    return logits.argmax(dim=-1)
""",
    ),
    Wrong(
        "choose",
        "likeliest_first",
        "The pieces are laid down with the likeliest first. The line has the tokens in the order of the vocabulary.",
        code="""
def choose(logits, seen, filters, uniform):
    for change in filters:
        logits = change(logits, seen)
    probs, order = logits.softmax(dim=-1).sort(dim=-1, descending=True)
    ends = probs.cumsum(dim=-1)
    place = (ends <= uniform[:, None] * ends[:, -1:]).sum(dim=-1, keepdim=True)
    return order.gather(-1, place).squeeze(-1)
""",
    ),
    Wrong(
        "choose",
        "filters_backwards",
        "The filters are applied in the wrong order, the last one first.",
        change=("for change in filters:", "for change in reversed(filters):"),
    ),
    Wrong(
        "choose",
        "each_from_the_start",
        "Each filter gets the first logits, and only the last one's result is used. Hand on what the one before gave.",
        change=(
            "    for change in filters:\n        logits = change(logits, seen)\n",
            "    first = logits\n    for change in filters:\n        logits = change(first, seen)\n",
        ),
    ),
    Wrong(
        "choose",
        "nothing_seen",
        "The filters are told that no token was seen. Hand `seen` on to them.",
        change=("change(logits, seen)", "change(logits, torch.zeros_like(seen))"),
    ),
    Wrong(
        "choose",
        "removed_at_zero",
        "At the point 0 a token is taken whose piece has no width: a removed one. An end that is not beyond the point "
        "counts as passed, an end that equals it too.",
        change=("(ends <= uniform", "(ends < uniform"),
    ),
    Wrong(
        "choose",
        "one_point_for_all",
        "All rows use the point of the first. Each row has its own, or the stories of a batch are all alike.",
        change=("uniform[:, None] * ends", "uniform[:1, None] * ends"),
    ),
    Right(
        "choose",
        "with_searchsorted",
        code="""
def choose(logits, seen, filters, uniform):
    for change in filters:
        logits = change(logits, seen)
    ends = torch.softmax(logits, dim=1).cumsum(dim=1)
    ends = ends / ends[:, -1:]
    return torch.searchsorted(ends, uniform.to(ends.dtype)[:, None].contiguous(), right=True)[:, 0]
""",
    ),
    Right(
        "choose",
        "row_by_row",
        code="""
def choose(logits, seen, filters, uniform):
    for change in filters:
        logits = change(logits, seen)
    tokens = []
    for row, point in zip(logits.softmax(dim=-1).tolist(), uniform.tolist()):
        point *= sum(row)
        chosen = None
        for token, p in enumerate(row):
            if p > 0:
                chosen = token
                if point < p:
                    break
            point -= p
        tokens.append(chosen)
    return torch.tensor(tokens)
""",
    ),
    # --- generate -----------------------------------------------------------------------------------------------------
    Wrong(
        "generate",
        "never_cropped",
        "The model is shown the whole text, however long. Past its context it breaks, or reads positions that it has "
        "never learned. Show it the newest tokens that it can read.",
        change=("ids[:, -context:]", "ids"),
    ),
    Wrong(
        "generate",
        "shows_the_oldest",
        "The model is shown the oldest tokens. Once the text is longer than the context it sees the same beginning "
        "again and again, and says the same.",
        change=("ids[:, -context:]", "ids[:, :context]"),
    ),
    Wrong(
        "generate",
        "reads_the_prompt_only",
        "The model reads the prompt in every step, never what it has written: it gives the second word as if the first "
        "had not been said.",
        change=("model(ids[:, -context:])", "model(prompts[:, -context:])"),
    ),
    Wrong(
        "generate",
        "first_position",
        "The logits of the first position are used. The next token is behind the last one.",
        change=("[:, -1]  # (B, V)", "[:, 0]  # (B, V)"),
    ),
    Wrong(
        "generate",
        "stops_when_all_in_one_step",
        "The loop ends only when all rows get `stop` in one and the same step, which hardly ever happens; until then "
        "rows that have ended run on into new stories. Remember for each row whether it has ended.",
        change=(
            (
                "            if going[row]:\n"
                "                rows[row].append(token)\n"
                "                going[row] = token != stop\n",
                "            rows[row].append(token)\n",
            ),
            ("if not any(going):", "if all(token == stop for token in tokens.tolist()):"),
        ),
    ),
    Wrong(
        "generate",
        "stops_with_the_first",
        "The loop ends as soon as one row has ended, and cuts the stories of the others short.",
        change=("if not any(going):", "if not all(going):"),
    ),
    Wrong(
        "generate",
        "never_stops",
        "Rows end where they should, but the model goes on being asked until the numbers are used up. That is wasted "
        "time: leave the loop once all rows have ended.",
        change=("        if not any(going):\n            break\n", ""),
    ),
    Wrong(
        "generate",
        "stop_left_out",
        "The stop token is missing at the end of the rows. Whoever reads them cannot tell a story that has ended from "
        "one that was cut.",
        change=(
            "                rows[row].append(token)\n                going[row] = token != stop\n",
            "                going[row] = token != stop\n"
            "                if going[row]:\n"
            "                    rows[row].append(token)\n",
        ),
    ),
    Wrong(
        "generate",
        "with_the_prompt",
        "The prompts stand in front of the new tokens. Give back the new ones only.",
        change=("[[] for _ in prompts]", "prompts.tolist()"),
    ),
    Wrong(
        "generate",
        "same_luck",
        "Every step uses the same number. Take a new one for each step.",
        change=("uniform_draws[:, step]", "uniform_draws[:, 0]"),
    ),
    Wrong(
        "generate",
        "nothing_seen",
        "The filters are told that no token was seen, so a penalty on repetition does nothing.",
        change=(".scatter(1, ids, True)", ""),
    ),
    Wrong(
        "generate",
        "seen_in_the_window",
        "Only what the model still reads counts as seen. What stands further back in the text, the row holds as well.",
        change=(".scatter(1, ids, True)", ".scatter(1, ids[:, -context:], True)"),
    ),
    Right(
        "generate",
        "row_by_row",
        code="""
def generate(model, prompts, filters, uniform_draws, *, stop, context):
    rows = []
    for number, prompt in enumerate(prompts.tolist()):
        new = []
        for point in uniform_draws[number]:
            window = torch.tensor([(prompt + new)[-context:]])
            logits = model(window)[:, -1, :]
            seen = torch.zeros(logits.shape, dtype=torch.bool)
            seen[0, prompt + new] = True
            new.append(int(choose(logits, seen, filters, point[None])))
            if new[-1] == stop:
                break
        rows.append(new)
    longest = max(map(len, rows))
    return [row[:longest] for row in rows]
""",
    ),
    Right(
        "generate",
        "cut_afterwards",
        code="""
def generate(model, prompts, filters, uniform_draws, *, stop, context):
    text = prompts.clone()
    ended = torch.zeros(len(prompts), dtype=torch.bool)
    for column in uniform_draws.T:
        logits = model(text[:, max(0, text.shape[1] - context):])[:, -1, :]
        seen = torch.nn.functional.one_hot(text, logits.shape[1]).any(dim=1)
        tokens = choose(logits, seen, filters, column)
        text = torch.hstack((text, tokens.unsqueeze(1)))
        ended |= tokens == stop
        if ended.all():
            break
    rows = text[:, prompts.shape[1]:].tolist()
    return [row[: row.index(stop) + 1] if stop in row else row for row in rows]
""",
    ),
    # --- attend_cached ------------------------------------------------------------------------------------------------
    Wrong(
        "attend_cached",
        "positions_restart",
        "The new tokens are turned as if they stood at the beginning of the text. Positions go on where the cache "
        "ends.",
        change=(
            (
                "    q = apply_rope(q, cos[start:end], sin[start:end])  # (B, H, T, K)\n",
                "    q = apply_rope(q, cos[: q.size(2)], sin[: q.size(2)])\n",
            ),
            (
                "    k = apply_rope(k, cos[start:end], sin[start:end])\n",
                "    k = apply_rope(k, cos[: k.size(2)], sin[: k.size(2)])\n",
            ),
        ),
    ),
    Wrong(
        "attend_cached",
        "only_queries_go_on",
        "The queries stand at their positions, but the new keys are turned as if they stood at the beginning. Both "
        "belong to the same tokens.",
        change=(
            "    k = apply_rope(k, cos[start:end], sin[start:end])\n",
            "    k = apply_rope(k, cos[: k.size(2)], sin[: k.size(2)])\n",
        ),
    ),
    Wrong(
        "attend_cached",
        "one_too_far",
        "The positions are off by one behind a cache: with S tokens remembered, the first new one stands at position "
        "S, for counting begins at 0.",
        change=(
            (
                "    q = apply_rope(q, cos[start:end], sin[start:end])  # (B, H, T, K)\n",
                "    ahead = start + (cache is not None)\n"
                "    q = apply_rope(q, cos[ahead:][: q.size(2)], sin[ahead:][: q.size(2)])\n",
            ),
            (
                "    k = apply_rope(k, cos[start:end], sin[start:end])\n",
                "    k = apply_rope(k, cos[ahead:][: k.size(2)], sin[ahead:][: k.size(2)])\n",
            ),
        ),
    ),
    Wrong(
        "attend_cached",
        "turned_again",
        "The remembered keys are turned once more in every call. They were turned when they came: turn the new ones "
        "only.",
        code="""
def attend_cached(q, k, v, cache, cos, sin):
    start = 0 if cache is None else cache[0].size(2)
    end = start + q.size(2)
    if cache is not None:
        k, v = torch.cat((cache[0], k), dim=2), torch.cat((cache[1], v), dim=2)
    q, k = apply_rope(q, cos[start:end], sin[start:end]), apply_rope(k, cos[:end], sin[:end])
    mask = torch.arange(end) <= torch.arange(start, end)[:, None]
    return attend(q, k, v, mask=mask), (k, v)
""",
    ),
    Wrong(
        "attend_cached",
        "mask_from_the_top",
        "The mask begins at the first column: new token i sees i + 1 keys of the cache and not itself. It stands "
        "behind all that is remembered, so it sees S keys more.",
        change=("torch.arange(start, end)[:, None]", "torch.arange(end - start)[:, None]"),
    ),
    Wrong(
        "attend_cached",
        "no_mask",
        "Nothing is masked, so in a chunk of several tokens each sees those behind it. One token at a time this does "
        "not show.",
        change=("attend(q, k, v, mask=mask)", "attend(q, k, v)"),
    ),
    Wrong(
        "attend_cached",
        "cache_overwritten",
        "Only the new keys and values are given back as the cache. At the next call all that came before is forgotten.",
        code="""
def attend_cached(q, k, v, cache, cos, sin):
    start = 0 if cache is None else cache[0].size(2)
    end = start + q.size(2)
    q = apply_rope(q, cos[start:end], sin[start:end])
    k = apply_rope(k, cos[start:end], sin[start:end])
    new = (k, v)
    if cache is not None:
        k, v = torch.cat((cache[0], k), dim=2), torch.cat((cache[1], v), dim=2)
    mask = torch.arange(end) <= torch.arange(start, end)[:, None]
    return attend(q, k, v, mask=mask), new
""",
    ),
    Wrong(
        "attend_cached",
        "in_front",
        "The new keys and values are put in front of the remembered ones. They come behind them, or the mask hides the "
        "wrong ones.",
        change=(
            "torch.cat((cache[0], k), dim=2), torch.cat((cache[1], v), dim=2)",
            "torch.cat((k, cache[0]), dim=2), torch.cat((v, cache[1]), dim=2)",
        ),
    ),
    Wrong(
        "attend_cached",
        "not_turned",
        "The keys are not turned, only the queries. Then the score depends on where the query stands, not on the "
        "distance of the two.",
        change=("    k = apply_rope(k, cos[start:end], sin[start:end])\n", ""),
    ),
    Right(
        "attend_cached",
        "keeps_them_unturned",
        code="""
def attend_cached(q, k, v, cache, cos, sin):
    if cache is not None:
        k = torch.cat([cache[0], k], dim=2)
        v = torch.cat([cache[1], v], dim=2)
    total, new = k.shape[2], q.shape[2]
    first = total - new
    mask = torch.ones(new, total, dtype=torch.bool).tril(diagonal=first)
    turned = apply_rope(k, cos[:total], sin[:total])
    return attend(apply_rope(q, cos[first:total], sin[first:total]), turned, v, mask=mask), (k, v)
""",
    ),
    Right(
        "attend_cached",
        "by_hand",
        code="""
def attend_cached(q, k, v, cache, cos, sin):
    keys, values = cache if cache is not None else (k[:, :, :0], v[:, :, :0])
    S, T = keys.shape[2], k.shape[2]
    q = apply_rope(q, cos[S:][:T], sin[S:][:T])
    keys = torch.cat((keys, apply_rope(k, cos[S:][:T], sin[S:][:T])), dim=2)
    values = torch.cat((values, v), dim=2)
    scores = q @ keys.transpose(-1, -2) / math.sqrt(q.shape[-1])
    for i in range(T):
        scores[:, :, i, S + i + 1 :] = -math.inf
    return scores.softmax(dim=-1) @ values, (keys, values)
""",
    ),
    # --- story_figures ------------------------------------------------------------------------------------------------
    Wrong(
        "story_figures",
        "distinct_by_text",
        "Distinct is the mean over the texts. A model that tells the same story ten times would have a perfect figure. "
        "Put all n-grams together first.",
        change=(
            "distinct = len(set(every)) / len(every) if every else math.nan",
            "shares = [len(set(one)) / len(one) for one in grams if one]\n"
            "    distinct = sum(shares) / len(shares) if every else math.nan",
        ),
    ),
    Wrong(
        "story_figures",
        "repetition_over_all",
        "Repetition is counted over all texts together. It asks how much a text repeats itself: each by itself, then "
        "the mean.",
        change=(
            "repeated = [1 - len(set(one)) / len(one) if one else 0.0 for one in grams]",
            "repeated = [1 - distinct if every else 0.0] * len(texts)",
        ),
    ),
    Wrong(
        "story_figures",
        "of_characters",
        "The n-grams are made of characters, and the lengths counted in them. Split the texts into words first.",
        change=("words = [text.split() for text in texts]", "words = [list(text) for text in texts]"),
    ),
    Wrong(
        "story_figures",
        "not_overlapping",
        "The n-grams lie side by side. They overlap: one begins at every word that has n - 1 more behind it.",
        change=("range(len(one) - n + 1)]", "range(0, len(one) - n + 1, n)]"),
    ),
    Wrong(
        "story_figures",
        "last_gram_lost",
        "The last n-gram of every text is missing: w words have w - n + 1 of them.",
        change=("range(len(one) - n + 1)]", "range(len(one) - n)]"),
    ),
    Wrong(
        "story_figures",
        "number_not_share",
        "This is the number of different n-grams. Divide by how many there are in all.",
        change=("len(set(every)) / len(every) if every", "float(len(set(every))) if every"),
    ),
    Wrong(
        "story_figures",
        "short_texts_left_out",
        "Texts without an n-gram are left out of the mean of the repetition. They count, with 0.",
        change=(
            ("if one else 0.0 for one in grams]", "for one in grams if one]"),
            ('"repetition": sum(repeated) / len(texts)', '"repetition": sum(repeated) / max(1, len(repeated))'),
        ),
    ),
    Wrong(
        "story_figures",
        "divides_by_nothing",
        "Where there is no n-gram this divides 0 by 0. Say math.nan for distinct there, and 0 for the repetition of a "
        "short text.",
        change=(" if every else math.nan", ""),
    ),
    Right(
        "story_figures",
        "with_zip",
        code="""
def story_figures(texts, n):
    bags = []
    for text in texts:
        words = text.split()
        bags.append(list(zip(*(words[i:] for i in range(n)))))
    total = sum(map(len, bags))
    kinds = set().union(*bags)
    return {
        "words": sum(len(text.split()) for text in texts) / len(texts),
        "repetition": sum((len(bag) - len(set(bag))) / max(1, len(bag)) for bag in bags) / len(bags),
        "distinct": len(kinds) / total if total else float("nan"),
    }
""",
    ),
    Right(
        "story_figures",
        "with_counters",
        code="""
def story_figures(texts, n):
    from collections import Counter
    together, repetition, length = Counter(), 0.0, 0
    for text in texts:
        words = text.split()
        length += len(words)
        own = Counter(" ".join(words[i : i + n]) for i in range(max(0, len(words) - n + 1)))
        if own:
            repetition += sum(count - 1 for count in own.values()) / sum(own.values())
        together.update(own)
    distinct = len(together) / sum(together.values()) if together else math.nan
    return {"distinct": distinct, "repetition": repetition / len(texts), "words": length / len(texts)}
""",
    ),
    # --- wrong_marks --------------------------------------------------------------------------------------------------
    Wrong(
        "wrong_marks",
        "another_kite",
        '"A blue kite" is taken for a contradiction, but it may be another kite. Only a certain one counts: with '
        '"the", or somebody\'s.',
        change=("certain and noun in things", "noun in things"),
    ),
    Wrong(
        "wrong_marks",
        "any_word_is_a_mark",
        'Every word before the noun is taken for a mark: "the old kite" says nothing against its being red.',
        change=("mark in marks and ", ""),
    ),
    Wrong(
        "wrong_marks",
        "only_marks_of_the_facts",
        "Only marks that some thing has by the facts are looked for. A word from the whole list of marks may be wrong "
        "here.",
        change=("mark in marks and", "mark in things.values() and"),
    ),
    Wrong(
        "wrong_marks",
        "capitals_matter",
        'The beginning of a sentence is missed: "The" is not "the" to Python. Go to small letters first.',
        change=(".strip('.,;:!?\"').lower()", ".strip('.,;:!?\"')"),
    ),
    Wrong(
        "wrong_marks",
        "signs_stick",
        '"kite." with its full stop is not "kite" to Python. Take the signs off the words first.',
        change=(".strip('.,;:!?\"').lower()", ".lower()"),
    ),
    Wrong(
        "wrong_marks",
        "possessive_missed",
        '"Mia\'s blue kite" is a certain kite too. Not only "the" makes it one.',
        change=('before == "the" or before.endswith("\'s")', 'before == "the"'),
    ),
    Wrong(
        "wrong_marks",
        "first_only",
        "Only the first contradiction is given back. All of them are wanted, in the order of the text.",
        change=("    return found\n", "    return found[:1]\n"),
    ),
    Wrong(
        "wrong_marks",
        "each_once",
        "A contradiction that comes again is given once. Every place in the text counts.",
        change=("    return found\n", "    return list(dict.fromkeys(found))\n"),
    ),
    Right(
        "wrong_marks",
        "by_index",
        code="""
def wrong_marks(text, things, marks):
    words = [word.lower().strip("?!:;,.\\"") for word in text.split()]
    result = []
    for i in range(2, len(words)):
        own = things.get(words[i])
        if own is None or words[i - 1] == own or words[i - 1] not in set(marks):
            continue
        if words[i - 2] == "the" or words[i - 2][-2:] == "'s":
            result.append((words[i], words[i - 1]))
    return result
""",
    ),
    Right(
        "wrong_marks",
        "with_a_pattern",
        code="""
def wrong_marks(text, things, marks):
    import re

    words = " ".join(word.strip('.,;:!?"') for word in text.lower().split())
    found = re.findall(r"(?:(?<=\\s)|^)(?=(?:the|\\S*'s) (\\S+) (\\S+))", words)
    return [(noun, mark) for mark, noun in found if mark in marks and noun in things and things[noun] != mark]
""",
    ),
    # --- best_checkpoint ----------------------------------------------------------------------------------------------
    Wrong(
        "best_checkpoint",
        "mean_of_figures",
        "The figures of the corpora are averaged, so a corpus of 80 bytes counts as much as one of 800. Add up nats "
        "and bytes, and divide once.",
        change=(
            "sum(nats for nats, _ in parts) / math.log(2) / sum(size for _, size in parts)",
            "sum(nats / math.log(2) / size for nats, size in parts) / len(parts)",
        ),
    ),
    Wrong(
        "best_checkpoint",
        "in_nats",
        "This is in nats. A bit is log(2) nats, so there are more bits than nats.",
        change=(" / math.log(2)", ""),
    ),
    Wrong(
        "best_checkpoint",
        "multiplies_by_log_2",
        "The nats are multiplied by log(2). There are more bits than nats: divide.",
        change=(" / math.log(2)", " * math.log(2)"),
    ),
    Wrong(
        "best_checkpoint",
        "the_highest",
        "The checkpoint with the highest figure is named. Fewer bits per byte are better.",
        code="""
def best_checkpoint(measured):
    bits = {}
    for name, parts in measured.items():
        bits[name] = sum(one[0] for one in parts) / math.log(2) / sum(one[1] for one in parts)
    return max(bits, key=lambda name: -1.0 if math.isnan(bits[name]) else bits[name]), bits
""",
    ),
    Wrong(
        "best_checkpoint",
        "nan_wins",
        "A checkpoint whose figure is NaN can win: every comparison with NaN is false, so min keeps it when it comes "
        "first.",
        change=("math.inf if math.isnan(bits[name]) else bits[name]", "bits[name]"),
    ),
    Wrong(
        "best_checkpoint",
        "last_of_equals",
        "Of equally good checkpoints the last is named. The first one needed less training.",
        change=("best = min(bits,", "best = min(reversed(bits),"),
    ),
    Right(
        "best_checkpoint",
        "in_a_loop",
        code="""
def best_checkpoint(measured):
    best, bits = None, {}
    for name, parts in measured.items():
        nats, size = map(sum, zip(*parts))
        bits[name] = nats / (size * math.log(2))
        if best is None or bits[name] < bits[best] or math.isnan(bits[best]):
            best = name
    return best, bits
""",
    ),
    Right(
        "best_checkpoint",
        "sorted",
        code="""
def best_checkpoint(measured):
    bits = {name: math.log2(math.e) * sum(p[0] for p in parts) / sum(p[1] for p in parts)
            for name, parts in measured.items()}
    order = sorted(bits, key=lambda name: (math.isnan(bits[name]), bits[name]))
    return order[0], bits
""",
    ),
    # --- keep_min_p (bonus) -------------------------------------------------------------------------------------------
    Wrong(
        "keep_min_p",
        "fixed_threshold",
        "Every token below the probability min_p is removed, in a row without a favourite perhaps all of them. The "
        "threshold is a share of the likeliest token's probability.",
        change=("probs < min_p * greatest", "probs < min_p"),
    ),
    Wrong(
        "keep_min_p",
        "share_of_the_logit",
        "The share is taken of the highest logit. Logits are logarithms and may be negative; a share of one means "
        "nothing. Compare probabilities.",
        change=("probs < min_p * greatest", "logits < min_p * logits.amax(dim=-1, keepdim=True)"),
    ),
    Wrong(
        "keep_min_p",
        "of_the_batch",
        "The likeliest token of the whole batch sets the threshold. Each row has its own.",
        change=("probs.amax(dim=-1, keepdim=True)", "probs.max()"),
    ),
    Wrong(
        "keep_min_p",
        "gives_probabilities",
        "Probabilities are given back. The next filter, and the softmax at the end, expect logits.",
        change=("return logits.masked_fill(", "return probs.masked_fill("),
    ),
    Right(
        "keep_min_p",
        "by_differences",
        code="""
def keep_min_p(logits, min_p):
    lowest = logits.max(dim=1, keepdim=True).values + math.log(min_p)
    return torch.where(logits < lowest, torch.full_like(logits, -math.inf), logits)
""",
    ),
    Right(
        "keep_min_p",
        "row_by_row",
        code="""
def keep_min_p(logits, min_p):
    result = logits.clone()
    for row in result:
        ratio = (row - row.max()).exp()
        row[ratio < min_p] = -math.inf
    return result
""",
    ),
]
