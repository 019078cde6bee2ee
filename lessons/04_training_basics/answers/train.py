"""Known answers to `train`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

answers = [
    Wrong(
        "train",
        "schedule_in_micro_batches",
        "The schedule counts micro-batches: it is asked too early, and so the warmup is over before its time.",
        change=("learning_rate(step, steps=steps", "learning_rate(step * every, steps=epochs * len(batches)"),
    ),
    Wrong(
        "train",
        "leftover_leaks",
        "The gradient of what is left at the end of an epoch stays where it is, and is added to the first update of "
        "the next epoch; in the last epoch it is lost. It needs an update of its own.",
        code="""
def train(model, batches, *, epochs, every, rate, warmup, look=None):
    model.train()
    optimizer = torch.optim.AdamW(decay_groups(model, 0.1), lr=rate, betas=(0.9, 0.95))
    parameters = [one for group in optimizer.param_groups for one in group["params"]]
    steps, records, total = epochs * (len(batches) // every), [], 0.0
    for _ in range(epochs):
        for number, (inputs, targets) in enumerate(batches, 1):
            logits, auxiliary = model(inputs)
            loss = cross_entropy(logits, targets)
            ((loss + auxiliary) / every).backward()
            total += loss.item() / every
            if number % every == 0:
                norm = torch.nn.utils.clip_grad_norm_(parameters, 1.0)
                now = rate * learning_rate(len(records), steps=steps, warmup=warmup, min_lr_ratio=0.1)
                for group in optimizer.param_groups:
                    group["lr"] = now
                optimizer.step()
                optimizer.zero_grad()
                records.append({"loss": total, "rate": now, "norm": norm.item()})
                total = 0.0
                if look is not None:
                    look(len(records))
    return records
""",
    ),
    Wrong(
        "train",
        "leftover_dropped",
        "What is left at the end of an epoch is thrown away. These micro-batches are never learned from.",
        change=(
            "pieces = [batches[start : start + every] for start in range(0, len(batches), every)]",
            "pieces = [batches[start : start + every] for start in range(0, len(batches) - every + 1, every)]",
        ),
    ),
    Wrong(
        "train",
        "steps_in_micro_batches",
        "The schedule is asked with updates, but its length is given in micro-batches: the rate never gets down. Count "
        "both in updates.",
        change=("steps=steps, warmup=warmup", "steps=epochs * len(batches), warmup=warmup"),
    ),
    Wrong(
        "train",
        "schedule_in_epochs",
        "The schedule starts anew in every epoch: its step goes back to 0. Count the updates of the whole run.",
        change=("learning_rate(step, steps=steps", "learning_rate(step % len(pieces), steps=len(pieces)"),
    ),
    Wrong(
        "train",
        "last_micro_batch_only",
        "An update learns from the last of its micro-batches only; the gradients of the others are dropped. Give "
        "`accumulate` the whole group.",
        change=("accumulate(model, pieces[step % len(pieces)])", "accumulate(model, pieces[step % len(pieces)][-1:])"),
    ),
    Wrong(
        "train",
        "averages_lost",
        "AdamW begins anew in every update: its averages are thrown away. Keep the state of each parameter.",
        change=("old = states.get(one, {})", "old = {}"),
    ),
    Wrong(
        "train",
        "all_decay",
        "Norms and biases decay as the matrices do. Each group has a decay of its own.",
        change=("weight_decay=decay)", "weight_decay=0.1)"),
    ),
    Wrong(
        "train",
        "rate_never_falls",
        "The rates are computed and written down, but every update is made with the highest one.",
        change=("old, lr=now", "old, lr=rate"),
    ),
    Wrong(
        "train",
        "never_clipped",
        "The gradients are never shortened: their length is measured, and the long ones are used all the same.",
        change=(
            "zip(parameters, clipped, decays, strict=True)",
            "zip(parameters, [p.grad for p in parameters], decays)",
        ),
    ),
    Wrong(
        "train",
        "length_after_clipping",
        "The length is that after clipping, which says nothing: it is 1 in most updates. Note the one before.",
        change=('"norm": float(norm)', '"norm": min(1.0, float(norm))'),
    ),
    Wrong(
        "train",
        "looks_too_early",
        "`look` is told one update too few: after the first update, one has been made.",
        change=("look(step + 1)", "look(step)"),
    ),
    Right(
        "train",
        "with_torchs_optimizer",
        code="""
def train(model, batches, *, epochs, every, rate, warmup, look=None):
    optimizer = torch.optim.AdamW(decay_groups(model, 0.1), lr=rate, betas=(0.9, 0.95))
    steps, records = epochs * math.ceil(len(batches) / every), []
    waiting = []
    for _ in range(epochs):
        for number, pair in enumerate(batches, 1):
            waiting.append(pair)
            if len(waiting) < every and number < len(batches):
                continue
            model.train()
            loss = accumulate(model, waiting)
            waiting = []
            norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            share = learning_rate(len(records), steps=steps, warmup=warmup, min_lr_ratio=0.1)
            for group in optimizer.param_groups:
                group["lr"] = rate * share
            optimizer.step()
            records.append(dict(loss=loss, rate=rate * share, norm=norm.item()))
            if look is not None:
                look(len(records))
    return records
""",
    ),
    Right(
        "train",
        "groups_within_epochs",
        code="""
def train(model, batches, *, epochs, every, rate, warmup, look=None):
    batches = list(batches)
    chunks = []
    for i in range(0, len(batches), every):
        chunks.append(batches[i : i + every])
    max_iters, iter_num, log, state = epochs * len(chunks), 0, [], {}
    groups = decay_groups(model, 0.1)
    for epoch in range(epochs):
        for chunk in chunks:
            model.train()
            loss = accumulate(model, chunk)
            lr = rate * learning_rate(iter_num, steps=max_iters, warmup=warmup, min_lr_ratio=0.1)
            with torch.no_grad():
                params = groups[0]["params"] + groups[1]["params"]
                norm, grads = clip_gradients([p.grad for p in params], 1.0)
                for i, (p, g) in enumerate(zip(params, grads)):
                    wd = 0.1 if i < len(groups[0]["params"]) else 0.0
                    new, state[i] = adamw_step(p, g, state.get(i, {}), lr=lr, weight_decay=wd)
                    p.copy_(new)
            iter_num += 1
            log.append({"loss": float(loss), "rate": lr, "norm": float(norm)})
            if look:
                look(iter_num)
    return log
""",
    ),
]
