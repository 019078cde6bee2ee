"""Known answers to `evaluate`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

answers = [
    Wrong(
        "evaluate",
        "training_mode",
        "The model is evaluated in training mode: dropout throws features away, the loss is too high and another one "
        "each time. Call model.eval() first.",
        change=("    model.eval()\n", ""),
    ),
    Wrong(
        "evaluate",
        "stays_in_evaluation_mode",
        "The model is in evaluation mode afterwards. The rest of the training would run without dropout, "
        "and nothing would say so. Put it back into the mode that it was in.",
        change=("    model.train(was_training)\n", ""),
    ),
    Wrong(
        "evaluate",
        "mode_turned_round",
        "The model is in the other mode afterwards: a training model in evaluation mode, and the other way round.",
        change=("model.train(was_training)", "model.train(not was_training)"),
    ),
    Wrong(
        "evaluate",
        "always_back_to_training",
        "The model is in training mode afterwards, whatever it was before. Whoever evaluates a finished model and then "
        "tells stories with it has dropout in them. Remember the mode, and go back to that one.",
        change=("model.train(was_training)", "model.train()"),
    ),
    Wrong(
        "evaluate",
        "with_auxiliary_loss",
        "The auxiliary loss is in the result. It is a means to balance experts and says nothing about "
        "the text: a model with it could not be compared with one without. Take the cross-entropy alone.",
        change=(
            ("logits, _ = model(inputs)", "logits, auxiliary = model(inputs)"),
            (
                "cross_entropy(logits, targets).item() * counted",
                "(cross_entropy(logits, targets) + auxiliary).item() * counted",
            ),
        ),
    ),
    Wrong(
        "evaluate",
        "mean_of_means",
        "The means of the batches are averaged. A batch with three targets then weighs as much as one "
        "with twelve. Add up all nats and all targets, divide once.",
        change=(
            ("cross_entropy(logits, targets).item() * counted", "cross_entropy(logits, targets).item()"),
            ("n_targets += counted", "n_targets += counted\n            sizes = len(batches)"),
            ("    loss = nats / n_targets\n", "    loss = nats / sizes\n    nats = loss * n_targets\n"),
        ),
    ),
    Wrong(
        "evaluate",
        "counts_ignored",
        "The targets of -100 are counted too, although they have no part in the batch's mean. Count those that are not "
        "IGNORE_INDEX.",
        change=("int((targets != IGNORE_INDEX).sum())", "targets.numel()"),
    ),
    Wrong(
        "evaluate",
        "mean_of_perplexities",
        "The perplexities of the batches are averaged. e to the mean loss is wanted; the mean of e to "
        "the losses is larger, because one bad batch counts for many good ones.",
        code="""
def evaluate(model, batches, text):
    was_training = model.training
    model.eval()
    nats, n_targets, perplexities = 0.0, 0, 0.0
    with torch.no_grad():
        for inputs, targets in batches:
            loss = cross_entropy(model(inputs)[0], targets).item()
            counted = int((targets != IGNORE_INDEX).sum())
            nats += loss * counted
            perplexities += math.exp(loss) * counted
            n_targets += counted
    model.train(was_training)
    return {
        "loss": nats / n_targets,
        "perplexity": perplexities / n_targets,
        "bits_per_byte": nats / math.log(2) / len(text.encode()),
    }
""",
    ),
    Wrong(
        "evaluate",
        "nats_per_byte",
        "These are nats a byte. A bit is a decision between two: divide by log 2.",
        change=("nats / math.log(2) / len", "nats / len"),
    ),
    Wrong(
        "evaluate",
        "bits_per_token",
        "These are bits a token, which depend on the tokenizer: with longer tokens there are more. "
        "Divide all bits by the bytes of the text.",
        change=('nats / math.log(2) / len(text.encode("utf-8"))', "loss / math.log(2)"),
    ),
    Wrong(
        "evaluate",
        "characters",
        "The characters of the text are counted. An emoji is one character and four bytes: count text.encode().",
        change=('len(text.encode("utf-8"))', "len(text)"),
    ),
    Wrong(
        "evaluate",
        "perplexity_of_bits",
        "2 to the power of a loss in nats. The base must be that of the logarithm: e for nats, 2 for bits.",
        change=("math.exp(loss)", "2**loss"),
    ),
    Wrong(
        "evaluate",
        "freezes_the_model",
        "The parameters are frozen, to save memory, and stay so: `requires_grad` is False afterwards, and the rest of "
        "the training learns nothing. torch.no_grad() ends by itself.",
        change=("    model.eval()\n", "    model.eval()\n    model.requires_grad_(False)\n"),
    ),
    Wrong(
        "evaluate",
        "clears_gradients",
        "The gradients of the model are gone afterwards. Whoever evaluates between two micro-batches of an update "
        "loses the first of them. Nothing is learned here, so leave the gradients alone.",
        change=("    model.eval()\n", "    model.eval()\n    model.zero_grad()\n"),
    ),
    Wrong(
        "evaluate",
        "last_batch_only",
        "Only the last batch is measured: each round of the loop forgets the one before. Add up.",
        change=("nats += cross", "nats = cross"),
    ),
    Right(
        "evaluate",
        "as_lists",
        code="""
def evaluate(model, batches, text):
    before = model.training
    model.train(False)
    with torch.no_grad():
        losses = [float(cross_entropy(model(inputs)[0], targets)) for inputs, targets in batches]
    model.train(before)
    counts = [sum(1 for target in targets.flatten().tolist() if target != -100) for _, targets in batches]
    nats = sum(loss * count for loss, count in zip(losses, counts))
    mean = nats / sum(counts)
    return {
        "bits_per_byte": nats * math.log2(math.e) / len(text.encode()),
        "perplexity": math.e**mean,
        "loss": mean,
    }
""",
    ),
    Right(
        "evaluate",
        "with_try",
        code="""
def evaluate(model, batches, text):
    mode = model.training
    model.eval()
    total = torch.zeros((), dtype=torch.float64)
    n = 0
    try:
        with torch.inference_mode():
            for inputs, targets in batches:
                logits = model(inputs)[0]
                here = (targets != IGNORE_INDEX).sum().item()
                total += cross_entropy(logits, targets) * here
                n += here
    finally:
        model.train(mode)
    loss = total.item() / n
    bits = total.item() / math.log(2)
    return dict(loss=loss, perplexity=math.exp(loss), bits_per_byte=bits / len(bytes(text, "utf-8")))
""",
    ),
    Right(
        "evaluate",
        "with_a_decorator",
        code="""
@torch.no_grad()
def evaluate(model, batches, text):
    training = model.training
    model.eval()
    total_loss, total_tokens = 0.0, 0
    for X, Y in batches:
        logits, _ = model(X)
        n = torch.count_nonzero(Y != -100).item()
        total_loss += cross_entropy(logits.float(), Y).item() * n
        total_tokens += n
    if training:
        model.train()
    mean = total_loss / total_tokens
    n_bytes = sum(len(character.encode("utf-8")) for character in text)
    return {"loss": mean, "perplexity": float(torch.exp(torch.tensor(mean))),
            "bits_per_byte": mean * total_tokens / (n_bytes * math.log(2))}
""",
    ),
    Right(
        "evaluate",
        "sums_in_tensors",
        code="""
def evaluate(model, batches, text):
    was = model.training
    model.eval()
    with torch.no_grad():
        counts = torch.tensor([(y != IGNORE_INDEX).sum() for _, y in batches])
        losses = torch.stack([cross_entropy(model(x)[0], y) for x, y in batches])
    model.train(mode=was)
    loss = (losses * counts).sum() / counts.sum()
    bits = loss / torch.log(torch.tensor(2.0)) * counts.sum()
    return {"loss": loss, "perplexity": loss.exp(), "bits_per_byte": bits / len(text.encode("utf8"))}
""",
    ),
]
