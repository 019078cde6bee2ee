"""Known answers to `generate`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

answers = [
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
        "The logits of the first position are used. The next token comes after the last one.",
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
        "same_draw",
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
    Wrong(
        "generate",
        "filters_left_out",
        "The filters are not handed on to `choose`, so every token can come, however unlikely.",
        change=("choose(logits, seen, filters, ", "choose(logits, seen, [], "),
    ),
    Wrong(
        "generate",
        "stop_in_the_prompt",
        "A row whose prompt holds `stop` is taken for one that has ended. Only a new token ends a row: stories "
        "begin with the very token that ends them.",
        change=(
            "going = prompts, [True] * len(prompts)",
            "going = prompts, [stop not in prompt for prompt in prompts.tolist()]",
        ),
    ),
    Wrong(
        "generate",
        "one_less_than_the_context",
        "The model is shown one token less than it can read. `context` is how many it can read.",
        change=("ids[:, -context:]", "ids[:, -max(1, context - 1):]"),
    ),
    Wrong(
        "generate",
        "rows_run_on",
        "What comes after a row's stop token is kept as well: the row runs on into another story. It ends with its "
        "first stop token.",
        change=("going[row] = token != stop", "pass"),
    ),
    Wrong(
        "generate",
        "greedy",
        "The likeliest token is taken, without `choose`: the filters and the numbers that were drawn are not used at "
        "all.",
        change=("choose(logits, seen, filters, uniform_draws[:, step])", "logits.argmax(dim=-1)"),
    ),
    Wrong(
        "generate",
        "seen_in_the_prompt",
        "Only the tokens of the prompt count as seen. The ones that were generated since belong to the row too.",
        change=(".scatter(1, ids, True)", ".scatter(1, prompts, True)"),
    ),
    Wrong(
        "generate",
        "prompt_not_seen",
        "Only the new tokens count as seen. The row holds its prompt too.",
        change=(".scatter(1, ids, True)", ".scatter(1, ids[:, prompts.size(1) :], True)"),
    ),
    Wrong(
        "generate",
        "one_draw_for_all",
        "All rows use the number of the first. Each row has its own, or the stories of a batch are all alike.",
        change=("uniform_draws[:, step])", "uniform_draws[:1, step].expand(len(ids)))"),
    ),
    Wrong(
        "generate",
        "one_step_less",
        "The last column of numbers is never used: rows get one token less than there are numbers for.",
        change=("range(uniform_draws.size(1))", "range(uniform_draws.size(1) - 1)"),
    ),
    Wrong(
        "generate",
        "as_a_tensor",
        "A tensor comes back, in which every row is as long as the longest. Give a list for each row, which ends "
        "where the row does.",
        change=("    return rows\n", "    return ids[:, prompts.size(1) :]\n"),
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
    Right(
        "generate",
        "cropped_if_needed",
        code="""
@torch.no_grad()
def generate(model, prompts, filters, uniform_draws, *, stop, context):
    idx = prompts
    for i in range(uniform_draws.shape[1]):
        idx_cond = idx if idx.size(1) <= context else idx[:, -context:]
        logits = model(idx_cond)
        logits = logits[:, -1, :]
        seen = torch.zeros_like(logits).scatter_(1, idx, 1.0) > 0
        idx_next = choose(logits, seen, filters, uniform_draws[:, i])
        idx = torch.cat((idx, idx_next[:, None]), dim=1)
        new = idx[:, prompts.size(1):]
        if (new == stop).any(dim=1).all():
            break
    rows = []
    for row in idx[:, prompts.size(1):].tolist():
        rows.append(row[: row.index(stop) + 1] if stop in row else row)
    return rows
""",
    ),
    Right(
        "generate",
        "into_a_buffer",
        code="""
def generate(model, prompts, filters, uniform_draws, *, stop, context):
    B, P = prompts.shape
    S = uniform_draws.shape[1]
    seq = torch.empty(B, P + S, dtype=torch.long)
    seq[:, :P] = prompts
    unfinished = torch.ones(B, dtype=torch.bool)
    lengths = torch.zeros(B, dtype=torch.long)
    with torch.inference_mode():
        for step in range(S):
            end = P + step
            logits = model(seq[:, max(0, end - context) : end].clone())[:, -1]
            seen = torch.zeros(B, logits.size(-1), dtype=torch.bool)
            for b in range(B):
                seen[b, seq[b, :end]] = True
            seq[:, end] = choose(logits, seen, filters, uniform_draws[:, step])
            lengths += unfinished
            unfinished = unfinished & (seq[:, end] != stop)
            if unfinished.sum() == 0:
                break
    return [seq[b, P : P + int(lengths[b])].tolist() for b in range(B)]
""",
    ),
]
