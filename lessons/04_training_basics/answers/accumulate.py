"""Known answers to `accumulate`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

answers = [
    Wrong(
        "accumulate",
        "mean_of_means",
        "Each micro-batch counts the same, however many targets it has. With much padding in one of them "
        "its few targets pull too hard. Weight by the targets that count.",
        change=("* int((targets != IGNORE_INDEX).sum()) / n_targets", "/ len(batches)"),
    ),
    Wrong(
        "accumulate",
        "not_divided",
        "The losses are added, not averaged: with four micro-batches the gradient is four times too "
        "long. AdamW hides it, clipping and the learning rate of others do not.",
        change=(" * int((targets != IGNORE_INDEX).sum()) / n_targets", ""),
    ),
    Wrong(
        "accumulate",
        "counts_ignored",
        "The weights count the targets of -100 too. They have no part in the mean of a micro-batch, and "
        "must have none in its weight.",
        change=("* int((targets != IGNORE_INDEX).sum()) / n_targets", "* targets.numel() / n_tokens"),
    ),
    Wrong(
        "accumulate",
        "clears_in_the_loop",
        "The gradients are cleared before every micro-batch, so only the last one is left. Clear them once, before the "
        "loop.",
        change=(
            ("    model.zero_grad()\n", ""),
            (
                "        logits, auxiliary = model(inputs)\n",
                "        model.zero_grad()\n        logits, auxiliary = model(inputs)\n",
            ),
        ),
    ),
    Wrong(
        "accumulate",
        "never_clears",
        "What the step before left in the gradients is still there, and this step is added to it. "
        "backward adds; clear them first.",
        change=("    model.zero_grad()\n", ""),
    ),
    Wrong(
        "accumulate",
        "backward_once",
        "backward runs once, after the loop, for the last micro-batch only. The others have no part in the gradient.",
        change=(
            "        (loss + auxiliary * inputs.numel() / n_tokens).backward()\n        mean += loss.item()\n",
            "        mean += loss.item()\n    (loss + auxiliary * inputs.numel() / n_tokens).backward()\n",
        ),
        synonym_of="clears_in_the_loop",
    ),
    Wrong(
        "accumulate",
        "auxiliary_added_whole",
        "The auxiliary loss of every micro-batch is added whole, so with three of them it weighs three "
        "times as much as it should. Weight it by the share of the tokens.",
        change=("auxiliary * inputs.numel() / n_tokens", "auxiliary"),
    ),
    Wrong(
        "accumulate",
        "auxiliary_by_targets",
        "The auxiliary loss is weighted by the targets that count. The router works on every token, "
        "those without a target included: weight it by the tokens.",
        change=(
            "auxiliary * inputs.numel() / n_tokens",
            "auxiliary * int((targets != IGNORE_INDEX).sum()) / n_targets",
        ),
    ),
    Wrong(
        "accumulate",
        "forgets_auxiliary",
        "The auxiliary loss is missing. Without it nothing keeps the router from sending all tokens to a few experts.",
        change=("(loss + auxiliary * inputs.numel() / n_tokens)", "loss"),
    ),
    Wrong(
        "accumulate",
        "mean_with_auxiliary",
        "The gradients are right, but the mean that you give back has the auxiliary loss in it. The curve of the loss "
        "should show how well the text is predicted.",
        change=("mean += loss.item()", "mean += (loss + auxiliary * inputs.numel() / n_tokens).item()"),
    ),
    Wrong(
        "accumulate",
        "sum_of_means",
        "The gradients are right, but what you give back is the sum of the micro-batches' means. Weight each by its "
        "share of the targets, as in the gradient.",
        change=("mean += loss.item()", "mean += cross_entropy(logits, targets).item()"),
    ),
    Wrong(
        "accumulate",
        "leaves_evaluation_mode",
        "The model is in evaluation mode afterwards, and trains on without dropout. This function has no business with "
        "the mode.",
        change=("    model.zero_grad()\n", "    model.zero_grad()\n    model.eval()\n"),
    ),
    Wrong(
        "accumulate",
        "last_loss_only",
        "The number that is given back is of the last micro-batch alone. Add the shares of all.",
        change=("mean += loss.item()", "mean = loss.item()"),
    ),
    Wrong(
        "accumulate",
        "no_backward",
        "The losses are computed, but nothing calls backward: the model gets no gradients.",
        change=("        (loss + auxiliary * inputs.numel() / n_tokens).backward()\n", ""),
    ),
    Right(
        "accumulate",
        "sums_then_divided",
        code="""
def accumulate(model, batches):
    for parameter in model.parameters():
        parameter.grad = None
    counts = [(targets != -100).sum() for _, targets in batches]
    sizes = [inputs.shape[0] * inputs.shape[1] for inputs, _ in batches]
    mean = 0.0
    for (inputs, targets), count, size in zip(batches, counts, sizes):
        logits, auxiliary = model(inputs)
        part = cross_entropy(logits, targets) * (count / sum(counts))
        total = part + size / sum(sizes) * auxiliary
        total.backward()
        mean = mean + float(part.detach())
    return mean
""",
    ),
    Right(
        "accumulate",
        "one_backward_for_all",
        code="""
def accumulate(model, batches):
    model.zero_grad()
    everything = sum(int((targets != IGNORE_INDEX).sum()) for _, targets in batches)
    tokens = sum(targets.numel() for _, targets in batches)
    loss, balance = 0.0, 0.0
    for inputs, targets in batches:
        logits, auxiliary = model(inputs)
        loss = loss + cross_entropy(logits, targets) * int((targets != IGNORE_INDEX).sum()) / everything
        balance = balance + auxiliary * targets.numel() / tokens
    (loss + balance).backward()
    return loss.item()
""",
    ),
    Right(
        "accumulate",
        "set_to_none_and_sums",
        code="""
def accumulate(model, batches):
    model.zero_grad(set_to_none=True)
    total_targets = torch.stack([(y != -100).sum() for _, y in batches]).sum().float()
    total_tokens = float(sum(x.numel() for x, _ in batches))
    lossf = 0.0
    for X, Y in batches:
        logits, aux_loss = model(X)
        n = (Y != -100).sum().float()
        loss = cross_entropy(logits, Y) * n
        ((loss / total_targets) + aux_loss * (X.numel() / total_tokens)).backward()
        lossf += loss.detach().item()
    return lossf / total_targets.item()
""",
    ),
]
