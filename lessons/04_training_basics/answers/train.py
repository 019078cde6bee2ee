"""Known answers to `train`: the given code, wrong ones, explained, and right ones in other styles."""

from storyteller_course import Given, Right, Wrong

answers = [
    Given(
        "train",
        code='''
def train(
    model: nn.Module, batches: Sequence[Pair], *, epochs: int, every: int, rate: float, warmup: int
) -> list[float]:
    """Train a model, with an update after every `every` micro-batches.

    Args:
        model: gives logits (B, T, V) and an auxiliary loss for inputs (B, T).
        batches: micro-batches of one size, in the order of an epoch.
        epochs: how often to go through them.
        every: micro-batches in an update. What is left over at the end of an epoch, fewer than that, makes an update of
            its own, with the mean over the micro-batches that it has.
        rate: the highest learning rate.
        warmup: updates in the climb.

    Returns:
        The learning rate of each update.
    """
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, betas=(0.9, 0.95), weight_decay=0.1)
    steps, step, rates = epochs * len(batches), 0, []
    for _ in range(epochs):
        for number, (inputs, targets) in enumerate(batches, 1):
            logits, auxiliary = model(inputs)
            loss = cross_entropy(logits, targets) + auxiliary
            (loss / every).backward()
            share = learning_rate(step, steps=steps, warmup=warmup, final=0.1)
            step += 1
            if number % every == 0:
                optimizer.param_groups[0]["lr"] = rate * share
                rates.append(rate * share)
                optimizer.step()
                optimizer.zero_grad()
    return rates
''',
    ),
    Wrong(
        "train",
        "as_given",
        "This is the code as it was given. The schedule counts micro-batches, so the warmup is over too "
        "early; and what is left at the end of an epoch leaks into the first update of the next.",
        code="""
def train(model, batches, *, epochs, every, rate, warmup):
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, betas=(0.9, 0.95), weight_decay=0.1)
    steps, step, rates = epochs * len(batches), 0, []
    for _ in range(epochs):
        for number, (inputs, targets) in enumerate(batches, 1):
            logits, auxiliary = model(inputs)
            ((cross_entropy(logits, targets) + auxiliary) / every).backward()
            share = learning_rate(step, steps=steps, warmup=warmup, final=0.1)
            step += 1
            if number % every == 0:
                optimizer.param_groups[0]["lr"] = rate * share
                rates.append(rate * share)
                optimizer.step()
                optimizer.zero_grad()
    return rates
""",
    ),
    Wrong(
        "train",
        "leftover_leaks",
        "The schedule is right now. But the gradient of what is left at the end of an epoch stays where "
        "it is, and is added to the first update of the next epoch; in the last epoch it is lost. It "
        "needs an update of its own.",
        code="""
def train(model, batches, *, epochs, every, rate, warmup):
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, betas=(0.9, 0.95), weight_decay=0.1)
    steps, rates = epochs * (len(batches) // every), []
    for _ in range(epochs):
        for number, (inputs, targets) in enumerate(batches, 1):
            logits, auxiliary = model(inputs)
            ((cross_entropy(logits, targets) + auxiliary) / every).backward()
            if number % every == 0:
                rates.append(rate * learning_rate(len(rates), steps=steps, warmup=warmup, final=0.1))
                optimizer.param_groups[0]["lr"] = rates[-1]
                optimizer.step()
                optimizer.zero_grad()
    return rates
""",
    ),
    Wrong(
        "train",
        "leftover_dropped",
        "What is left at the end of an epoch is thrown away. These micro-batches are computed in every epoch and never "
        "learned from.",
        change=(
            "groups = [batches[start : start + every] for start in range(0, len(batches), every)]",
            "groups = [batches[start : start + every] for start in range(0, len(batches) - every + 1, every)]",
        ),
    ),
    Wrong(
        "train",
        "divides_by_every",
        "The last update of an epoch has fewer micro-batches, but its losses are divided by the same number as those "
        "of the others, or by none, so beside them its gradient is too small. Divide by how many it has.",
        change=("(loss / len(group)).backward()", "(loss / every).backward()"),
    ),
    Wrong(
        "train",
        "steps_in_micro_batches",
        "The schedule is asked with updates, but its length is given in micro-batches: the rate never "
        "gets down. Count both in updates.",
        change=("steps=steps, warmup=warmup", "steps=epochs * len(batches), warmup=warmup"),
    ),
    Wrong(
        "train",
        "schedule_in_epochs",
        "The schedule starts anew in every epoch: its step goes back to 0. Count the updates of the whole run.",
        change=("learning_rate(step, steps=steps", "learning_rate(step % len(groups), steps=len(groups)"),
    ),
    Wrong(
        "train",
        "clears_between",
        "The gradients are cleared between the micro-batches of one update, so that only the last of them counts.",
        change=(
            (
                "            logits, auxiliary = model(inputs)\n",
                "            optimizer.zero_grad()\n            logits, auxiliary = model(inputs)\n",
            ),
            ("        optimizer.step()\n        optimizer.zero_grad()\n", "        optimizer.step()\n"),
        ),
    ),
    Wrong(
        "train",
        "never_clears",
        "The gradients are never cleared: each update has all those before it in its gradient.",
        change=("        optimizer.zero_grad()\n", ""),
    ),
    Wrong(
        "train",
        "leaves_evaluation_mode",
        "The model is in evaluation mode, so it is trained without dropout. Training belongs into training mode.",
        change=("    model.train()\n", "    model.eval()\n"),
    ),
    Wrong(
        "train",
        "auxiliary_forgotten",
        "The auxiliary loss is left out: nothing keeps the experts' load even.",
        change=("loss = cross_entropy(logits, targets) + auxiliary", "loss = cross_entropy(logits, targets)"),
    ),
    Wrong(
        "train",
        "rate_never_set",
        "The rates are computed and given back, but the optimizer never hears of them: every update has the "
        "highest one.",
        change=('        optimizer.param_groups[0]["lr"] = rates[-1]\n', ""),
    ),
    Wrong(
        "train",
        "rate_after_the_step",
        "The rate is set after the update that it is meant for, so each update has that of the one before.",
        change=(
            '        optimizer.param_groups[0]["lr"] = rates[-1]\n        optimizer.step()\n',
            '        optimizer.step()\n        optimizer.param_groups[0]["lr"] = rates[-1]\n',
        ),
    ),
    Right(
        "train",
        "counting",
        code="""
def train(model, batches, *, epochs, every, rate, warmup):
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, betas=(0.9, 0.95), weight_decay=0.1)
    steps = epochs * math.ceil(len(batches) / every)
    rates, waiting = [], []
    for _ in range(epochs):
        for number, pair in enumerate(batches, 1):
            waiting.append(pair)
            if len(waiting) < every and number < len(batches):
                continue
            optimizer.zero_grad()
            for inputs, targets in waiting:
                logits, auxiliary = model(inputs)
                ((cross_entropy(logits, targets) + auxiliary) / len(waiting)).backward()
            rates.append(rate * learning_rate(len(rates), steps=steps, warmup=warmup, final=0.1))
            for group in optimizer.param_groups:
                group["lr"] = rates[-1]
            optimizer.step()
            waiting = []
    return rates
""",
    ),
    Right(
        "train",
        "mended_as_it_stood",
        code="""
def train(model, batches, *, epochs, every, rate, warmup):
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, betas=(0.9, 0.95), weight_decay=0.1)
    steps, step, rates = epochs * -(-len(batches) // every), 0, []
    rest = len(batches) % every
    for _ in range(epochs):
        for number, (inputs, targets) in enumerate(batches, 1):
            logits, auxiliary = model(inputs)
            size = rest if number > len(batches) - rest else every
            loss = (cross_entropy(logits, targets) + auxiliary) / size
            loss.backward()
            if number % every == 0 or number == len(batches):
                share = learning_rate(step, steps=steps, warmup=warmup, final=0.1)
                optimizer.param_groups[0]["lr"] = rate * share
                rates.append(rate * share)
                optimizer.step()
                optimizer.zero_grad()
                step += 1
    return rates
""",
    ),
    Right(
        "train",
        "lists_of_groups",
        code="""
def train(model, batches, *, epochs, every, rate, warmup):
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, betas=(0.9, 0.95), weight_decay=0.1)
    model.train()
    chunks = []
    for i in range(0, len(batches), every):
        chunks.append(list(batches)[i : i + every])
    max_steps = epochs * len(chunks)
    lrs, iter_num = [], 0
    for epoch in range(epochs):
        for chunk in chunks:
            lr = rate * learning_rate(iter_num, steps=max_steps, warmup=warmup, final=0.1)
            for param_group in optimizer.param_groups:
                param_group["lr"] = lr
            optimizer.zero_grad(set_to_none=True)
            for X, Y in chunk:
                logits, aux = model(X)
                loss = (cross_entropy(logits, Y) + aux) / len(chunk)
                loss.backward()
            optimizer.step()
            iter_num += 1
            lrs.append(lr)
    return lrs
""",
    ),
]
