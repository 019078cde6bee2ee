"""Known answers to lesson 04: wrong ones, explained, right ones in other styles, and the code of the bug hunts."""

from storyteller_course import Given, Right, Wrong

answers = [
    # --- pack ---------------------------------------------------------------------------------------------------------
    Wrong(
        "pack",
        "not_shifted",
        "The targets are the inputs themselves. A model that may look at the token which it has to "
        "predict learns to copy it: the loss falls to 0 within minutes, and it cannot tell one story. "
        "Begin the targets one token later.",
        change=("stream[1 : n_rows * seq_len + 1]", "stream[: n_rows * seq_len]"),
    ),
    Wrong(
        "pack",
        "rolled_in_the_row",
        "The targets were moved within each row, so the last target of a row is the row's own first "
        "token. It should be the token that comes next in the stream, the first of the following row.",
        change=(
            "torch.tensor(stream[1 : n_rows * seq_len + 1], dtype=torch.int64).view(n_rows, seq_len)  # (B, T)\n"
            "    return",
            "inputs.roll(-1, dims=1)\n    return",
        ),
    ),
    Wrong(
        "pack",
        "shifted_twice",
        "The targets lie two tokens on. One shift is enough; some models shift once more inside their "
        "loss, and then both together skip every second token.",
        change=(
            ("n_rows = (len(stream) - 1) // seq_len", "n_rows = (len(stream) - 2) // seq_len"),
            ("stream[1 : n_rows * seq_len + 1]", "stream[2 : n_rows * seq_len + 2]"),
        ),
    ),
    Wrong(
        "pack",
        "shifted_backwards",
        "Each target is the token before its input: the model would learn to write stories from their "
        "end. The token that comes next is at the place one further on.",
        code="""
def pack(documents, end_id, seq_len):
    stream = [token for document in documents for token in [*document, end_id]]
    n_rows = (len(stream) - 1) // seq_len
    targets = torch.tensor(stream[: n_rows * seq_len]).view(n_rows, seq_len)
    inputs = torch.tensor(stream[1 : n_rows * seq_len + 1]).view(n_rows, seq_len)
    return inputs, targets
""",
    ),
    Wrong(
        "pack",
        "no_end_token",
        "The documents follow one another without the end token. The model will not know where a story "
        "is over, and will run from one into the next.",
        change=("[*document, end_id]]", "document]"),
    ),
    Wrong(
        "pack",
        "end_token_between",
        "The end token stands between the documents, but not behind the last one. The last story ends as well.",
        change=(
            "    stream = [token for document in documents for token in [*document, end_id]]\n",
            "    stream = [token for document in documents for token in [*document, end_id]][:-1]\n",
        ),
    ),
    Wrong(
        "pack",
        "loses_a_row",
        "One row fewer than there could be. With n tokens there are n - 1 pairs of a token and the next, and so "
        "(n - 1) // seq_len whole rows.",
        change=("(len(stream) - 1) // seq_len", "max(1, len(stream) // seq_len - 1)"),
    ),
    Right(
        "pack",
        "windows",
        code="""
def pack(documents, end_id, seq_len):
    stream = []
    for document in documents:
        stream.extend(document)
        stream.append(end_id)
    rows = []
    while (len(rows) + 1) * seq_len + 1 <= len(stream):
        start = len(rows) * seq_len
        rows.append(stream[start : start + seq_len + 1])
    rows = torch.tensor(rows, dtype=torch.int64).reshape(len(rows), seq_len + 1)
    return rows[:, :-1], rows[:, 1:]
""",
    ),
    Right(
        "pack",
        "with_unfold",
        code="""
def pack(documents, end_id, seq_len):
    parts = [torch.tensor([*document, end_id]) for document in documents]
    stream = torch.cat(parts)
    windows = stream.unfold(0, seq_len + 1, seq_len)
    return windows[:, :seq_len].contiguous(), windows[:, 1:].contiguous()
""",
    ),
    # --- cross_entropy ------------------------------------------------------------------------------------------------
    Wrong(
        "cross_entropy",
        "counts_ignored",
        "The sum is divided by all places, those of -100 included. A batch with much padding would seem "
        "to be easy. Divide by the targets that count.",
        change=("max(1, len(chosen))", "targets.numel()"),
    ),
    Wrong(
        "cross_entropy",
        "token_zero_for_ignored",
        "At the places of -100 token 0 is taken for the target. There is nothing to predict there: leave "
        "them out of the sum and of the count.",
        code="""
def cross_entropy(logits, targets):
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    log_p = logits - logits.logsumexp(dim=-1, keepdim=True)
    return -log_p.gather(-1, targets.clamp(min=0)[..., None]).mean()
""",
    ),
    Wrong(
        "cross_entropy",
        "log_of_softmax",
        "e to the 1000 is infinite, and a probability of 0 has the logarithm minus infinity. Take the "
        "logarithm in one go: logit minus logsumexp, which subtracts the largest logit inside.",
        change=(
            "logits - logits.logsumexp(dim=-1, keepdim=True)",
            "(logits.exp() / logits.exp().sum(dim=-1, keepdim=True)).log()",
        ),
    ),
    Wrong(
        "cross_entropy",
        "no_logsumexp",
        "The logits themselves are averaged. A logit says nothing alone: subtract the logsumexp of all logits of its "
        "place.",
        change=("logits - logits.logsumexp(dim=-1, keepdim=True)", "logits"),
    ),
    Wrong(
        "cross_entropy",
        "no_minus",
        "The sign is wrong: this is the mean of log p, and training would make it smaller, that is "
        "worse. The surprise is -log p.",
        change=("return -chosen", "return chosen"),
    ),
    Wrong(
        "cross_entropy",
        "sum_not_mean",
        "This is the sum over the targets. Divide by their number, or a longer batch would have a larger "
        "loss and a larger gradient.",
        change=(" / max(1, len(chosen))", ""),
    ),
    Wrong(
        "cross_entropy",
        "normalised_over_places",
        "The probabilities are normalised over the places of a sequence instead of over the vocabulary. "
        "The vocabulary is the last dimension.",
        change=("logsumexp(dim=-1, keepdim=True)", "logsumexp(dim=1, keepdim=True)"),
    ),
    Wrong(
        "cross_entropy",
        "in_bits",
        "This is in bits. The loss of training is in nats, with the natural logarithm; bits come in the next exercise.",
        change=("return -chosen.sum()", "return -chosen.sum() / math.log(2)"),
    ),
    Wrong(
        "cross_entropy",
        "stays_coarse",
        "The sum over the vocabulary was taken in bfloat16, which has three digits. Go to float32 first.",
        change=("    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))\n", ""),
    ),
    Wrong(
        "cross_entropy",
        "nan_without_targets",
        "Without a target that counts, 0 is divided by 0. One such batch, and every weight is nan. "
        "Divide by 1 at least.",
        change=("max(1, len(chosen))", "torch.tensor(len(chosen))"),
    ),
    Right(
        "cross_entropy",
        "row_by_row",
        code="""
def cross_entropy(logits, targets):
    wide = logits if logits.dtype == torch.float64 else logits.float()
    total, count = wide.sum() * 0, 0
    for row, wanted in zip(wide.reshape(-1, wide.shape[-1]), targets.reshape(-1).tolist()):
        if wanted != -100:
            total = total + row.logsumexp(0) - row[wanted]
            count += 1
    return total / max(count, 1)
""",
    ),
    Right(
        "cross_entropy",
        "shifted_by_the_largest",
        code="""
def cross_entropy(logits, targets):
    if logits.dtype in (torch.float16, torch.bfloat16):
        logits = logits.float()
    logits = logits - logits.max(dim=-1, keepdim=True).values.detach()
    log_sum = logits.exp().sum(dim=-1).log()
    counted = (targets != IGNORE_INDEX)
    own = torch.take_along_dim(logits, targets.clamp(min=0).unsqueeze(-1), dim=-1).squeeze(-1)
    surprise = torch.where(counted, log_sum - own, torch.zeros_like(own))
    return surprise.sum() / counted.sum().clamp(min=1)
""",
    ),
    # --- evaluate -----------------------------------------------------------------------------------------------------
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
    # --- decay_groups (bug hunt) --------------------------------------------------------------------------------------
    Given(
        "decay_groups",
        code='''
def decay_groups(model: nn.Module, weight_decay: float) -> list[dict]:
    """Split a model's parameters into those that decay and those that do not.

    Args:
        model: any model. Parameters that are not trained are left out, and a weight that two layers share counts once.
        weight_decay: of the first group.

    Returns:
        Two groups for an optimizer, {"params": [...], "weight_decay": ...}: first the matrices, then the vectors (norms
        and biases) with a decay of 0. Both keep the order of `model.parameters()`.
    """
    # Sets, so that a weight that two layers share is there once.
    decay, rest = set(), set()
    for module in model.modules():
        for name, parameter in module.named_parameters(recurse=False):
            if parameter.requires_grad:
                group = rest if name == "bias" else decay
                group.add(parameter)
    return [{"params": list(decay), "weight_decay": weight_decay}, {"params": list(rest), "weight_decay": 0.0}]
''',
    ),
    Wrong(
        "decay_groups",
        "as_given",
        "This is the code as it was given: the gains of norms decay, and the sets put the parameters in "
        "another order in each process, so that after a resume the averages of one parameter belong to "
        "another.",
        code="""
def decay_groups(model, weight_decay):
    decay, rest = set(), set()
    for module in model.modules():
        for name, parameter in module.named_parameters(recurse=False):
            if parameter.requires_grad:
                (rest if name == "bias" else decay).add(parameter)
    return [{"params": list(decay), "weight_decay": weight_decay}, {"params": list(rest), "weight_decay": 0.0}]
""",
        steady=False,
    ),
    Wrong(
        "decay_groups",
        "norms_decay",
        "The gains of the norms decay: they are called weight, like the matrices, but they are vectors. "
        "Decay pulls them towards 0, and with them all that passes through the norm. Ask for the number "
        "of dimensions.",
        code="""
def decay_groups(model, weight_decay):
    named = [(name, one) for name, one in model.named_parameters() if one.requires_grad]
    decay = [one for name, one in named if not name.endswith("bias")]
    rest = [one for name, one in named if name.endswith("bias")]
    return [{"params": decay, "weight_decay": weight_decay}, {"params": rest, "weight_decay": 0.0}]
""",
    ),
    Wrong(
        "decay_groups",
        "sorted_by_size",
        "The parameters are in an order of their own, not the model's. Another program that numbers them by the model, "
        "as a checkpoint does, gives their averages to others.",
        code="""
def decay_groups(model, weight_decay):
    trained = sorted([one for one in model.parameters() if one.requires_grad], key=lambda one: -one.numel())
    decay = [one for one in trained if one.dim() >= 2]
    rest = [one for one in trained if one.dim() < 2]
    return [{"params": decay, "weight_decay": weight_decay}, {"params": rest, "weight_decay": 0.0}]
""",
    ),
    Wrong(
        "decay_groups",
        "embedding_spared",
        "The embedding does not decay now. It is a matrix as well, here the same one as that of the output layer.",
        code="""
def decay_groups(model, weight_decay):
    named = [(name, one) for name, one in model.named_parameters() if one.requires_grad]
    decay = [one for name, one in named if one.dim() >= 2 and "embedding" not in name]
    rest = [one for name, one in named if one.dim() < 2 or "embedding" in name]
    return [{"params": decay, "weight_decay": weight_decay}, {"params": rest, "weight_decay": 0.0}]
""",
    ),
    Wrong(
        "decay_groups",
        "shared_twice",
        "With lists in the place of the sets a weight that two layers share comes twice, and gets two updates a step. "
        "model.parameters() gives each weight once.",
        code="""
def decay_groups(model, weight_decay):
    decay, rest = [], []
    for module in model.modules():
        for parameter in module.parameters(recurse=False):
            if parameter.requires_grad:
                (decay if parameter.dim() >= 2 else rest).append(parameter)
    return [{"params": decay, "weight_decay": weight_decay}, {"params": rest, "weight_decay": 0.0}]
""",
    ),
    Wrong(
        "decay_groups",
        "frozen_too",
        "Parameters that are not trained are in the groups now. Leave out those whose requires_grad is False.",
        change=("if parameter.requires_grad:", "if True:"),
    ),
    Right(
        "decay_groups",
        "two_comprehensions",
        code="""
def decay_groups(model, weight_decay):
    trained = [one for one in model.parameters() if one.requires_grad]
    return [
        {"params": [one for one in trained if one.ndim > 1], "weight_decay": weight_decay},
        {"params": [one for one in trained if one.ndim <= 1], "weight_decay": 0.0},
    ]
""",
    ),
    Right(
        "decay_groups",
        "seen_by_identity",
        code="""
def decay_groups(model, weight_decay):
    seen, groups = set(), ([], [])
    for module in model.modules():
        for parameter in module.parameters(recurse=False):
            if parameter.requires_grad and id(parameter) not in seen:
                seen.add(id(parameter))
                groups[len(parameter.shape) < 2].append(parameter)
    return [dict(params=groups[0], weight_decay=weight_decay), dict(params=groups[1], weight_decay=0.0)]
""",
    ),
    # --- adamw_step ---------------------------------------------------------------------------------------------------
    Wrong(
        "adamw_step",
        "no_bias_correction",
        "The averages are used as they are. They start at 0, so in the first steps they are far too "
        "small, the square most of all, and the step comes out several times too large. Divide by 1 - "
        "beta to the power of the step.",
        change=(
            ("mean / (1 - betas[0] ** step)", "mean"),
            ("square / (1 - betas[1] ** step)", "square"),
        ),
    ),
    Wrong(
        "adamw_step",
        "corrects_the_mean_only",
        "Only the mean of the gradient is corrected; the mean of its square starts at 0 as well.",
        change=("square / (1 - betas[1] ** step)", "square"),
    ),
    Wrong(
        "adamw_step",
        "keeps_corrected_averages",
        "The corrected averages are kept in the state, and corrected once more in the next step. Keep "
        "them as they are, and correct copies.",
        change=('"mean": mean, "square": square}', '"mean": mean_hat, "square": square_hat}'),
    ),
    Wrong(
        "adamw_step",
        "correction_of_step_one",
        "The correction always is that of the first step: 1 - beta. It fades as the averages fill up: "
        "beta to the power of the step.",
        change=(("(1 - betas[0] ** step)", "(1 - betas[0])"), ("(1 - betas[1] ** step)", "(1 - betas[1])")),
    ),
    Wrong(
        "adamw_step",
        "step_not_counted",
        "The step in the state stays the same, so every step is corrected as the first.",
        change=('{"step": step,', '{"step": 0,'),
        synonym_of="correction_of_step_one",
    ),
    Wrong(
        "adamw_step",
        "eps_inside_root",
        "eps is added under the root. There it acts as its root, 1e-4 for 1e-8, and brakes parameters "
        "with small gradients. Add it behind the root.",
        change=("(square_hat.sqrt() + eps)", "(square_hat + eps).sqrt()"),
    ),
    Wrong(
        "adamw_step",
        "eps_before_correction",
        "eps is added to the root of the square that is not corrected yet, as in the first version of "
        "the Adam paper's fast form. PyTorch and algorithm 2 add it after the correction.",
        change=(
            "(square_hat.sqrt() + eps)",
            "((square.sqrt() + eps) / (1 - betas[1] ** step) ** 0.5)",
        ),
    ),
    Wrong(
        "adamw_step",
        "l2_in_gradient",
        "The decay was added to the gradient, as in the older Adam. There it is divided by the root of "
        "the square like the rest, so that weights with large gradients hardly decay. AdamW decays the "
        "parameter itself.",
        change=(
            (
                "    mean = betas[0] * mean + (1 - betas[0]) * gradient\n",
                "    gradient = gradient + weight_decay * parameter\n"
                "    mean = betas[0] * mean + (1 - betas[0]) * gradient\n",
            ),
            ("parameter * (1 - lr * weight_decay)", "parameter"),
        ),
    ),
    Wrong(
        "adamw_step",
        "decay_without_rate",
        "The decay is not multiplied with the learning rate: each step would take a tenth of every weight away.",
        change=("(1 - lr * weight_decay)", "(1 - weight_decay)"),
    ),
    Wrong(
        "adamw_step",
        "no_decay",
        "Nothing decays: weight_decay has no effect.",
        change=("parameter * (1 - lr * weight_decay)", "parameter"),
    ),
    Wrong(
        "adamw_step",
        "decay_grows",
        "The weights grow instead of decaying: the sign of the decay is wrong.",
        change=("(1 - lr * weight_decay)", "(1 + lr * weight_decay)"),
    ),
    Wrong(
        "adamw_step",
        "betas_swapped",
        "The two betas have changed places: the first is for the mean of the gradient, the second for "
        "that of its square.",
        change=(
            (
                "mean = betas[0] * mean + (1 - betas[0]) * gradient",
                "mean = betas[1] * mean + (1 - betas[1]) * gradient",
            ),
            (
                "square = betas[1] * square + (1 - betas[1]) * gradient**2",
                "square = betas[0] * square + (1 - betas[0]) * gradient**2",
            ),
            ("mean / (1 - betas[0] ** step)", "mean / (1 - betas[1] ** step)"),
            ("square / (1 - betas[1] ** step)", "square / (1 - betas[0] ** step)"),
        ),
    ),
    Wrong(
        "adamw_step",
        "no_root",
        "The mean is divided by the square, not by its root. Then a gradient that is ten times as large "
        "makes a step that is ten times as small.",
        change=("square_hat.sqrt()", "square_hat"),
    ),
    Wrong(
        "adamw_step",
        "forgets_state",
        "Every step starts with averages of zero: what the state holds is not used.",
        change=('state.get("mean", torch.zeros_like(parameter))', "torch.zeros_like(parameter)"),
    ),
    Wrong(
        "adamw_step",
        "in_place",
        "The parameter that was handed in is changed. Here a new one is wanted; whoever calls the "
        "function may still need the old.",
        change=("decayed = parameter * (1 - lr * weight_decay)", "decayed = parameter.mul_(1 - lr * weight_decay)"),
    ),
    Right(
        "adamw_step",
        "correction_in_the_rate",
        code="""
def adamw_step(parameter, gradient, state, *, lr, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.1):
    (beta1, beta2), t = betas, state.get("step", 0) + 1
    m = torch.lerp(state.get("mean", torch.zeros_like(gradient)), gradient, 1 - beta1)
    v = beta2 * state.get("square", 0.0) + (1 - beta2) * gradient * gradient
    root = v.sqrt() / math.sqrt(1 - beta2**t) + eps
    new = parameter - lr * weight_decay * parameter - lr / (1 - beta1**t) * m / root
    return new, {"step": t, "mean": m, "square": v}
""",
    ),
    Right(
        "adamw_step",
        "number_by_number",
        code="""
def adamw_step(parameter, gradient, state, *, lr, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.1):
    if not state:
        state = {"step": 0, "mean": torch.zeros_like(parameter), "square": torch.zeros_like(parameter)}
    t = state["step"] + 1
    new, m, v = parameter.clone(), state["mean"].clone(), state["square"].clone()
    for i in range(parameter.numel()):
        g = gradient.reshape(-1)[i].item()
        m.view(-1)[i] = betas[0] * m.view(-1)[i] + (1 - betas[0]) * g
        v.view(-1)[i] = betas[1] * v.view(-1)[i] + (1 - betas[1]) * g * g
        up = m.view(-1)[i].item() / (1 - betas[0] ** t)
        down = math.sqrt(v.view(-1)[i].item() / (1 - betas[1] ** t)) + eps
        new.view(-1)[i] -= lr * (up / down + weight_decay * parameter.reshape(-1)[i].item())
    return new, {"step": t, "mean": m, "square": v}
""",
    ),
    # --- learning_rate ------------------------------------------------------------------------------------------------
    Wrong(
        "learning_rate",
        "starts_at_zero",
        "The first update has the share 0 and changes nothing, and the warmup's last does not reach 1. The first is "
        "1 / warmup: count from 1.",
        change=("return (step + 1) / warmup", "return step / warmup"),
    ),
    Wrong(
        "learning_rate",
        "one_late",
        "The way down is one update behind: the share 1 comes twice, and the last update does not reach "
        "the final share.",
        change=("(step + 1 - warmup) / max(1, steps - warmup)", "(step - warmup) / max(1, steps - warmup)"),
    ),
    Wrong(
        "learning_rate",
        "cosine_from_the_start",
        "The cosine runs from the first update of the run, the warmup included, so that the rate drops "
        "at the end of the climb. Count from the end of the warmup.",
        change=("(step + 1 - warmup) / max(1, steps - warmup)", "(step + 1) / steps"),
    ),
    Wrong(
        "learning_rate",
        "falls_past_the_end",
        "The way down is divided by all steps, the warmup included, so that it is not finished with the last update.",
        change=("max(1, steps - warmup)", "steps"),
    ),
    Wrong(
        "learning_rate",
        "to_zero",
        "The rate falls to 0, not to the final share. Stretch the curve between 1 and final.",
        change=("final + (1 - final) * (1 +", "(1 +"),
    ),
    Wrong(
        "learning_rate",
        "final_added",
        "The final share was added to the whole curve, so that it begins above 1. Stretch the curve: it goes from 1 to "
        "final.",
        change=("final + (1 - final) * (1 +", "final + (1 +"),
    ),
    Wrong(
        "learning_rate",
        "straight_down",
        "The way down is a straight line. Half a cosine is wanted: it stays high for longer and ends gently.",
        change=("(1 + math.cos(math.pi * done)) / 2", "(1 - done)"),
    ),
    Wrong(
        "learning_rate",
        "whole_cosine",
        "This is a whole cosine: it falls until the middle and climbs again. Half of one, from 0 to pi, is wanted.",
        change=("math.pi * done", "2 * math.pi * done"),
    ),
    Wrong(
        "learning_rate",
        "climbs_again",
        "After the last update the cosine begins to climb again. Whoever goes on training should stay at "
        "the final share: let p be 1 at most.",
        change=(
            "min(1.0, (step + 1 - warmup) / max(1, steps - warmup))",
            "(step + 1 - warmup) / max(1, steps - warmup)",
        ),
    ),
    Wrong(
        "learning_rate",
        "divides_by_zero",
        "Without a warmup this divides by 0. Ask first whether the step lies in the warmup at all.",
        code="""
def learning_rate(step, *, steps, warmup, final):
    climb = (step + 1) / warmup
    if climb <= 1:
        return climb
    done = min(1.0, (step + 1 - warmup) / max(1, steps - warmup))
    return final + (1 - final) * (1 + math.cos(math.pi * done)) / 2
""",
    ),
    Right(
        "learning_rate",
        "the_smaller_of_two",
        code="""
def learning_rate(step, *, steps, warmup, final):
    number = step + 1
    fall = min(max(number - warmup, 0) / max(steps - warmup, 1), 1)
    curve = final + (1 - final) * math.cos(math.pi / 2 * fall) ** 2
    return min(number / warmup, curve) if warmup else curve
""",
    ),
    Right(
        "learning_rate",
        "with_torch",
        code="""
def learning_rate(step, *, steps, warmup, final):
    if step + 1 <= warmup:
        return float(torch.linspace(1 / warmup, 1, warmup, dtype=torch.float64)[step])
    angles = torch.linspace(0, math.pi, max(steps - warmup, 1) + 1, dtype=torch.float64)
    height = (angles[min(step + 1 - warmup, len(angles) - 1)].cos() + 1) / 2
    return float(height + (1 - height) * final)
""",
    ),
    # --- clip_gradients -----------------------------------------------------------------------------------------------
    Wrong(
        "clip_gradients",
        "each_by_itself",
        "Each tensor is clipped by itself. So the proportions between the layers change, and with them "
        "the direction. Take one length for all of them together.",
        code="""
def clip_gradients(gradients, max_norm):
    norm = torch.stack([gradient.norm() for gradient in gradients]).norm()
    if not torch.isfinite(norm):
        return norm, gradients
    return norm, [gradient * min(1.0, max_norm / gradient.norm().item()) for gradient in gradients]
""",
    ),
    Wrong(
        "clip_gradients",
        "by_value",
        "Each number is cut off at max_norm. The large ones lose and the small ones do not, so the direction changes. "
        "Multiply all by one factor.",
        change=("gradient * (max_norm / norm) for", "gradient.clamp(-max_norm, max_norm) for"),
    ),
    Wrong(
        "clip_gradients",
        "no_root",
        "This is the square of the length: the root is missing.",
        change=(".sum().sqrt()", ".sum()"),
    ),
    Wrong(
        "clip_gradients",
        "sum_of_norms",
        "The lengths of the tensors are added. Lengths add up as in Pythagoras' theorem: add the "
        "squares, then take the root.",
        change=(
            "[gradient.square().sum() for gradient in gradients]).sum().sqrt()",
            "[gradient.square().sum().sqrt() for gradient in gradients]).sum()",
        ),
    ),
    Wrong(
        "clip_gradients",
        "largest_norm",
        "The longest tensor's length is taken for that of all. All squares of all tensors go into one sum.",
        change=(
            "[gradient.square().sum() for gradient in gradients]).sum().sqrt()",
            "[gradient.square().sum() for gradient in gradients]).max().sqrt()",
        ),
    ),
    Wrong(
        "clip_gradients",
        "always_scales",
        "Gradients that are short enough are made longer, up to max_norm. Near the end of training, "
        "where gradients are small, the steps would stay large. Leave them as they are.",
        change=("norm <= max_norm or not torch.isfinite(norm)", "not torch.isfinite(norm)"),
    ),
    Wrong(
        "clip_gradients",
        "norm_after",
        "You give back the length after clipping. The one before is wanted: it is what a curve should show.",
        change=("return norm, [gradient *", "return norm.clamp(max=max_norm), [gradient *"),
    ),
    Wrong(
        "clip_gradients",
        "nan_spreads",
        "With an infinite length the factor is 0, and infinity times 0 is nan; with a nan every number "
        "becomes nan. Give such gradients back as they are: the caller must see them and skip the update.",
        change=("norm <= max_norm or not torch.isfinite(norm)", "norm <= max_norm"),
    ),
    Wrong(
        "clip_gradients",
        "in_place",
        "The gradients that were handed in are changed. Give back new ones.",
        change=("[gradient * (max_norm / norm) for gradient", "[gradient.mul_(max_norm / norm) for gradient"),
    ),
    Right(
        "clip_gradients",
        "one_long_vector",
        code="""
def clip_gradients(gradients, max_norm):
    norm = torch.linalg.vector_norm(torch.cat([gradient.flatten() for gradient in gradients]))
    factor = 1.0
    if math.isfinite(norm) and norm > max_norm:
        factor = max_norm / norm
    return norm, [gradient * factor for gradient in gradients]
""",
    ),
    Right(
        "clip_gradients",
        "in_python",
        code="""
def clip_gradients(gradients, max_norm):
    norm = math.sqrt(sum(float((gradient**2).sum()) for gradient in gradients))
    if not math.isfinite(norm):
        return norm, list(gradients)
    factor = min(1.0, max_norm / (norm + 1e-12))
    return norm, [factor * gradient for gradient in gradients]
""",
    ),
    # --- accumulate ---------------------------------------------------------------------------------------------------
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
    # --- train (bug hunt) ---------------------------------------------------------------------------------------------
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
        "The last update of an epoch has fewer micro-batches, but is divided by `every` all the same, so "
        "its gradient is too small. Divide by the number that it has.",
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
    # --- Checkpoint ---------------------------------------------------------------------------------------------------
    Wrong(
        "Checkpoint",
        "weights_only",
        "Only the weights and the step are saved. The optimizer begins with empty averages, the data at "
        "their beginning: the run goes on, and is another one.",
        change=(
            (
                '            "optimizer": run.optimizer.state_dict(),\n'
                '            "batches": run.batches.state_dict(),\n'
                '            "generator": run.generator.get_state(),\n',
                "",
            ),
            (
                '        run.optimizer.load_state_dict(state["optimizer"])\n'
                '        run.batches.load_state_dict(state["batches"])\n'
                '        run.generator.set_state(state["generator"])\n',
                "",
            ),
        ),
    ),
    Wrong(
        "Checkpoint",
        "no_optimizer",
        "The optimizer's state is missing. Its averages begin at zero again, and the loss makes a jump at each resume.",
        change=(
            ('            "optimizer": run.optimizer.state_dict(),\n', ""),
            ('        run.optimizer.load_state_dict(state["optimizer"])\n', ""),
        ),
    ),
    Wrong(
        "Checkpoint",
        "no_place_in_data",
        "The place in the data is missing: after a resume the run sees the first batches again, and some others never.",
        change=(
            ('            "batches": run.batches.state_dict(),\n', ""),
            ('        run.batches.load_state_dict(state["batches"])\n', ""),
        ),
    ),
    Wrong(
        "Checkpoint",
        "no_generator",
        "The state of the random generator is missing. Noise and dropout start from the seed again, so "
        "the run differs from one that was never stopped.",
        change=(
            ('            "generator": run.generator.get_state(),\n', ""),
            ('        run.generator.set_state(state["generator"])\n', ""),
        ),
    ),
    Wrong(
        "Checkpoint",
        "no_step",
        "The step is not given back, so the schedule begins anew: with a warmup, in the middle of the run.",
        change=('        run.step = state["step"]\n', ""),
    ),
    Wrong(
        "Checkpoint",
        "written_in_place",
        "The file is written over the one before. Whoever is killed meanwhile, or runs out of space, has "
        "neither the old nor the new one. Write under another name, and rename.",
        change=(
            ("        torch.save(state, partial)\n", "        torch.save(state, self.path)\n"),
            ("        os.replace(partial, self.path)\n", ""),
        ),
    ),
    Wrong(
        "Checkpoint",
        "deleted_first",
        "The file before is deleted before the new one is written. If the writing breaks off, nothing is "
        "left. os.replace does both in one move.",
        change=(
            (
                "        torch.save(state, partial)\n",
                "        self.path.unlink(missing_ok=True)\n        torch.save(state, partial)\n",
            ),
        ),
    ),
    Wrong(
        "Checkpoint",
        "hides_errors",
        "The error was caught and nobody hears of it: a run would go on for hours without a checkpoint. "
        "Let it through.",
        change=(
            "        torch.save(state, partial)\n",
            "        try:\n            torch.save(state, partial)\n        except Exception:\n            return\n",
        ),
    ),
    Wrong(
        "Checkpoint",
        "kept_in_memory",
        "The state is remembered in the class, not in the file alone. A process that was killed has no "
        "memory; read what the file says.",
        code="""
class Checkpoint:
    latest = {}

    def __init__(self, folder):
        self.path = Path(folder) / "checkpoint.pt"

    def save(self, run):
        Checkpoint.latest = {
            "optimizer": run.optimizer.state_dict(),
            "batches": run.batches.state_dict(),
            "generator": run.generator.get_state(),
        }
        partial = self.path.with_suffix(".partial")
        torch.save({"model": run.model.state_dict(), "step": run.step}, partial)
        os.replace(partial, self.path)

    def load(self, run):
        state = torch.load(self.path, weights_only=True)
        run.model.load_state_dict(state["model"])
        run.step = state["step"]
        if Checkpoint.latest:
            run.optimizer.load_state_dict(Checkpoint.latest["optimizer"])
            run.batches.load_state_dict(Checkpoint.latest["batches"])
            run.generator.set_state(Checkpoint.latest["generator"])
""",
        synonym_of="weights_only",
    ),
    Right(
        "Checkpoint",
        "in_loops",
        code="""
class Checkpoint:
    def __init__(self, folder):
        self.path = Path(folder) / "checkpoint.pt"

    def save(self, run):
        state = {name: getattr(run, name).state_dict() for name in ("model", "optimizer", "batches")}
        state = dict(state, noise=run.generator.get_state(), step=run.step)
        beside = self.path.parent / "checkpoint.tmp"
        with open(beside, "wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self.path)

    def load(self, run):
        with open(self.path, "rb") as file:
            state = torch.load(file, weights_only=True)
        for name in ("model", "optimizer", "batches"):
            getattr(run, name).load_state_dict(state[name])
        run.generator.set_state(state["noise"])
        run.step = int(state["step"])
""",
    ),
    Right(
        "Checkpoint",
        "through_memory",
        code="""
class Checkpoint:
    def __init__(self, folder):
        self.path = Path(folder) / "checkpoint.pt"

    def save(self, run):
        import io

        buffer = io.BytesIO()
        parts = [run.model.state_dict(), run.optimizer.state_dict(), run.batches.state_dict()]
        torch.save([*parts, run.generator.get_state(), run.step], buffer)
        partial = Path(f"{self.path}.new")
        partial.write_bytes(buffer.getvalue())
        os.replace(partial, self.path)

    def load(self, run):
        model, optimizer, batches, noise, run.step = torch.load(self.path, weights_only=True)
        run.model.load_state_dict(model)
        run.optimizer.load_state_dict(optimizer)
        run.batches.load_state_dict(batches)
        run.generator.set_state(noise)
""",
    ),
    # --- update_scale (bonus) -----------------------------------------------------------------------------------------
    Wrong(
        "update_scale",
        "divides_in_float16",
        "The division happens in float16: what was scaled up to be visible vanishes again. Go to float32 first.",
        change=("gradient.float() / scale", "(gradient / scale).float()"),
    ),
    Wrong(
        "update_scale",
        "no_skip",
        "After an overflow the gradients are handed on, and the update puts a nan into every weight. Give back None.",
        change=("return scale / 2, 0, None", "return scale / 2, 0, unscaled"),
    ),
    Wrong(
        "update_scale",
        "looks_for_nan_only",
        "Only a nan is looked for. An overflow begins as an infinity.",
        change=("gradient.isfinite().all() for", "not gradient.isnan().any() for"),
    ),
    Wrong(
        "update_scale",
        "first_tensor_only",
        "One infinity anywhere is enough to spoil the step: all the tensors must be finite, not some of them.",
        change=("if not all(", "if not any("),
    ),
    Wrong(
        "update_scale",
        "keeps_count",
        "After an overflow the count goes on. `interval` good steps in a row are wanted, so start anew at 0.",
        change=("return scale / 2, 0, None", "return scale / 2, good, None"),
    ),
    Wrong(
        "update_scale",
        "never_grows",
        "The scale never grows. After the first overflows it would stay small for ever, and small "
        "gradients would vanish.",
        change=("        return scale * 2, 0, unscaled\n", "        return scale, 0, unscaled\n"),
    ),
    Wrong(
        "update_scale",
        "scale_stays",
        "After an overflow the scale stays as it is, and the next step overflows again. Halve it.",
        change=("return scale / 2, 0, None", "return scale, 0, None"),
    ),
    Wrong(
        "update_scale",
        "one_step_late",
        "The count is compared before this step is counted, so the scale grows one step late.",
        change=("    if good == interval:\n", "    if good > interval:\n"),
    ),
    Right(
        "update_scale",
        "by_sums",
        code="""
def update_scale(scale, good, gradients, *, interval=2000):
    wide = [gradient.to(torch.float32) for gradient in gradients]
    total = sum(float(gradient.abs().sum()) for gradient in wide)
    if math.isinf(total) or math.isnan(total):
        return 0.5 * scale, 0, None
    unscaled = [gradient.div(scale) for gradient in wide]
    grown = good + 1 >= interval
    return (2 * scale if grown else scale), (0 if grown else good + 1), unscaled
""",
    ),
    Right(
        "update_scale",
        "with_a_loop",
        code="""
def update_scale(scale, good, gradients, *, interval=2000):
    result = []
    for gradient in gradients:
        if not bool(torch.isfinite(gradient).all()):
            return scale / 2, 0, None
        result.append(gradient.float() * (1 / scale))
    good = (good + 1) % interval
    if good == 0:
        scale = scale * 2.0
    return scale, good, result
""",
    ),
]
