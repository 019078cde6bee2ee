"""What the exercises of lesson 04 must do, case by case."""

import math

import torch
import torch.nn.functional as F

from storyteller_course import Exercise, close, equal, true, unchanged
from storyteller_course.exercises.toy_training import PracticeModel, PracticeRun
from storyteller_course.runner.protocol import StudentError

# --- Oracles: other ways to the same results ------------------------------------------------------------------------

VOCABULARY = 13  # of the practice model


def stories(draw, count=4):
    """Documents of different lengths, as token ids."""
    return [draw.integers(1, 99, draw.randint(1, 9)).tolist() for _ in range(count)]


def end_to_end(documents):
    """All documents in one list, each with 0 behind it."""
    stream = []
    for document in documents:
        stream += [*document, 0]
    return stream


def batch(draw, rows=2, length=4, ignored=0):
    """Inputs and targets for the practice model; some targets do not count."""
    ids = draw.integers(0, VOCABULARY, 2, rows, length)
    for place in draw.sample(range(rows * length), ignored):
        ids[1].view(-1)[place] = -100
    return ids[0], ids[1]


def torchs_loss(logits, targets):
    """PyTorch's own cross-entropy."""
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=-100)


def weighed(model, batches):
    """The loss of a whole step, written down in one piece: all targets together, balance by the share of the tokens."""
    results = [model(inputs) for inputs, _ in batches]
    flat = torch.cat([logits.flatten(0, 1) for logits, _ in results])
    loss = F.cross_entropy(flat, torch.cat([targets.flatten() for _, targets in batches]), ignore_index=-100)
    tokens = sum(inputs.numel() for inputs, _ in batches)
    return loss, sum(inputs.numel() / tokens * part for (inputs, _), (_, part) in zip(batches, results, strict=True))


def torchs_rates(steps, warmup, final):
    """The schedule put together from PyTorch's schedulers."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    rates = [(step + 1) / warmup for step in range(warmup)]
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps - warmup, eta_min=final)
    for _ in range(steps - warmup):
        optimizer.step()
        falling.step()
        rates.append(falling.get_last_lr()[0])
    return rates


# --- 1. Pack documents into sequences ---------------------------------------------------------------------------------

pack = Exercise(
    "pack",
    points=9,
    stars=1,
    hints=(
        "Write the documents [5, 6, 7] and [8, 9] with end token 0 on paper as one row. Put a second row "
        "below, moved by one place. Cut both at the same places.",
        "Make one plain list first, with the end token behind every document. The number of rows comes from its "
        "length, less the one token that is only ever a target.",
        "Inputs and targets are two slices of the same list, of the same length: one from its first token on, the "
        "other from its second. `.view(rows, seq_len)` cuts both.",
    ),
    forbidden=("storyteller.training.batches.InMemoryTokens.pack",),
)


@pack.case("puts the end token behind every document", points=2)
def end_tokens(student, draw):
    documents = stories(draw)
    stream = end_to_end(documents)
    inputs, _ = student.pack(documents, 0, 1)
    equal(inputs.flatten(), torch.tensor(stream[:-1]), "all inputs, one behind the other")


@pack.case("has as target the token that comes next, also at the end of a row", points=4)
def shifted(student, draw):
    documents, length = stories(draw, 6), draw.randint(2, 4)
    stream = end_to_end(documents)
    rows = (len(stream) - 1) // length
    inputs, targets = student.pack(documents, 0, length)
    wanted = [[stream[row * length + i + 1] for i in range(length)] for row in range(rows)]
    equal(targets, torch.tensor(wanted), "the targets")
    equal(
        inputs, torch.tensor([[stream[row * length + i] for i in range(length)] for row in range(rows)]), "the inputs"
    )


@pack.case("makes as many whole sequences as the tokens allow", points=3)
def whole_rows(student, draw):
    length = draw.randint(3, 6)
    for extra in (0, 1, length - 1):
        document = list(range(1, 2 * length + 1 + extra))  # with its end token: 2 T + 1 + extra tokens
        inputs, targets = student.pack([document], 0, length)
        equal([inputs.shape[0], targets.shape[0]], [2, 2], f"the rows of {2 * length + 1 + extra} tokens")
    inputs, targets = student.pack([list(range(1, 2 * length))], 0, length)  # 2 T tokens: the last is only a target
    equal([inputs.shape[0], targets.shape[0]], [1, 1], f"the rows of {2 * length} tokens")
    equal(targets, torch.tensor([list(range(2, length + 2))]), "the targets")


# --- 2. Cross-entropy -------------------------------------------------------------------------------------------------

cross_entropy = Exercise(
    "cross_entropy",
    points=11,
    stars=2,
    hints=(
        "One token first: p is the softmax of its logits, its surprise is -log p of the target. What does log(softmax) "
        "come to when you write it out?",
        "log p = logit - logsumexp(logits). Choose the places that count with a mask before you look up their targets: "
        "-100 is no index.",
        "`targets != IGNORE_INDEX` is a mask of (B, T); indexing both `log_p` and `targets` with it leaves one row for "
        "each target. `gather(-1, ...)` takes one number from each row.",
    ),
    forbidden=(
        "torch.nn.functional.cross_entropy",
        "torch.nn.functional.nll_loss",
        "torch.nn.functional.log_softmax",
        "storyteller.training.losses.cross_entropy",
    ),
)


@cross_entropy.case("is the mean of -log p(target)", points=3)
def mean_surprise(student, draw):
    logits, targets = draw.tensor(2, 3, 7, dtype="float64", scale=2), draw.integers(0, 7, 2, 3)
    close(student.cross_entropy(logits, targets), torchs_loss(logits, targets), "the loss")


@cross_entropy.case("leaves out targets of -100, also from the count", points=3)
def ignores(student, draw):
    logits, targets = draw.tensor(2, 5, 7, dtype="float64", scale=2), draw.integers(0, 6, 2, 5)
    for place in draw.sample(range(10), 4):
        targets.view(-1)[place] = -100
    close(student.cross_entropy(logits, targets), torchs_loss(logits, targets), "the loss")


@cross_entropy.case("stays finite for logits of any size", points=2)
def large_logits(student, draw):
    logits, targets = draw.tensor(1, 4, 5, dtype="float64", scale=1000), draw.integers(0, 5, 1, 4)
    close(student.cross_entropy(logits, targets), torchs_loss(logits, targets), "the loss of logits around 1000")


@cross_entropy.case("computes coarse logits in float32", points=1)
def coarse(student, draw):
    logits, targets = draw.tensor(2, 3, 500, dtype="bfloat16"), draw.integers(0, 500, 2, 3)
    got = student.cross_entropy(logits, targets)
    close(got, torchs_loss(logits.float(), targets), "the loss of bfloat16 logits", dtype=True)


@cross_entropy.case("has the right gradient, and is 0 where no target counts", points=2)
def gradient(student, draw):
    logits, targets = draw.tensor(2, 3, 5, dtype="float64"), draw.integers(0, 5, 2, 3)
    targets[0, draw.randrange(3)] = -100
    leaf = logits.clone().requires_grad_()
    [wanted] = torch.autograd.grad(torchs_loss(leaf, targets), leaf)
    close(student.gradients("cross_entropy", logits, targets).inputs[0], wanted, "the gradient of the logits")
    close(student.cross_entropy(logits, torch.full((2, 3), -100)), 0.0, "the loss without a target")


# --- 3. Perplexity and bits per byte ----------------------------------------------------------------------------------

evaluate = Exercise(
    "evaluate",
    points=10,
    stars=2,
    builds_on=("cross_entropy",),
    hints=(
        "Three things go wrong here in real projects: dropout is still on, a small last batch weighs as much as a full "
        "one, and the auxiliary loss slips in.",
        "`model.training` tells the mode, `model.eval()` and `model.train(mode)` change it. Keep two "
        "sums: of all nats, and of all targets that count.",
        "Nats of a batch: its mean times the number of its targets that are not IGNORE_INDEX. Bits are nats over log "
        "2. Bytes are counted in `text.encode()`.",
    ),
    forbidden=("storyteller.training.losses.evaluate",),
)

TEXTS = ("Zoë saw a 🦊 and a 🐉.", "José and Begoña ran.", "東京, said Renée.")


def measured(seed, batches, text, **options):
    """The figures, from one forward pass over everything."""
    model = PracticeModel(seed, **options).eval()
    with torch.no_grad():
        loss = weighed(model, batches)[0].item()
    n_targets = sum(int((targets >= 0).sum()) for _, targets in batches)
    n_bytes = len(bytes(text, "utf-8"))
    return {"loss": loss, "perplexity": 2 ** (loss * math.log2(math.e)),
            "bits_per_byte": loss * math.log2(math.e) * n_targets / n_bytes}  # fmt: skip


@evaluate.case("gives loss, perplexity and bits per byte", points=3)
def figures(student, draw):
    seed, batches = draw.randrange(1000), [batch(draw), batch(draw)]
    model = student.make("practice_model", seed)
    close(student.evaluate(model, batches, "a fox ran"), measured(seed, batches, "a fox ran"), "the figures")


@evaluate.case("counts every target once, whatever batch it is in", points=2)
def unequal_batches(student, draw):
    seed, batches = draw.randrange(1000), [batch(draw, 3, 4), batch(draw, 2, 4, ignored=5), batch(draw, 1, 3)]
    model = student.make("practice_model", seed)
    close(student.evaluate(model, batches, "a fox"), measured(seed, batches, "a fox"), "the figures")


@evaluate.case("switches dropout off, and leaves the model in the mode it was in", points=2)
def modes(student, draw):
    seed, batches = draw.randrange(1000), [batch(draw)]
    model = student.make("practice_model", seed, dropout=0.5)
    close(student.evaluate(model, batches, "a fox"), measured(seed, batches, "a fox"), "the figures")
    true(model.get("training") is True, "The model was in training mode before and is not any more.")
    model.method("set_mode", False)
    student.evaluate(model, batches, "a fox")
    true(model.get("training") is False, "The model was in evaluation mode before and is in training mode now.")


@evaluate.case("leaves the auxiliary loss out", points=2)
def no_auxiliary(student, draw):
    seed, batches = draw.randrange(1000), [batch(draw), batch(draw)]
    model = student.make("practice_model", seed, balance=3.0)
    close(student.evaluate(model, batches, "a fox"), measured(seed, batches, "a fox"), "the figures")


@evaluate.case("counts bytes, not characters", points=1)
def n_bytes(student, draw):
    seed, batches, text = draw.randrange(1000), [batch(draw)], draw.choice(TEXTS)
    model = student.make("practice_model", seed)
    close(student.evaluate(model, batches, text), measured(seed, batches, text), f"the figures for {text!r}")


# --- 4. Bug hunt: which weights decay ---------------------------------------------------------------------------------

decay_groups = Exercise(
    "decay_groups",
    points=8,
    stars=2,
    bug_hunt=True,
    hints=(
        "Print the shapes in both groups. Is there a vector where only matrices should be? Then run the cell twice, "
        "after a restart of the kernel: do the shapes come in the same order?",
        "The name tells a bias, but not the gain of a norm. What tells both from a matrix? And which of Python's "
        "containers has no order?",
        "Ask for the number of dimensions. `model.parameters()` gives each parameter once, in the order in which the "
        "model was built: with lists in the place of the sets nothing else is needed against repeats.",
    ),
    forbidden=("storyteller.training.optim.parameter_groups",),
)


def wanted_groups(seed, weight_decay, **options):
    named = [
        (name, one.detach()) for name, one in PracticeModel(seed, **options).named_parameters() if one.requires_grad
    ]
    matrices = [one for name, one in named if name in ("embedding.weight", "hidden.weight")]
    vectors = [one for name, one in named if name in ("hidden.bias", "norm.weight", "norm.bias", "head.bias")]
    return [{"params": matrices, "weight_decay": weight_decay}, {"params": vectors, "weight_decay": 0.0}]


def by_first_number(groups):
    """The groups with their parameters in an order of their own."""
    return [{**group, "params": sorted(group["params"], key=lambda one: one.flatten()[0].item())} for group in groups]


@decay_groups.case("lets the gains of norms keep their size", points=4)
def norms(student, draw):
    seed, decay, width = draw.randrange(1000), draw.choice([0.1, 0.05, 0.01]), draw.randint(2, 9)
    got = student.decay_groups(student.make("practice_norm", width), decay)
    equal([len(group["params"]) for group in got], [0, 1], "the sizes of the two groups, of a norm alone")
    got = student.decay_groups(student.make("practice_model", seed), decay)
    counts = [[tuple(one.shape) for one in group["params"]] for group in by_first_number(got)]
    wanted = [[tuple(one.shape) for one in group["params"]] for group in by_first_number(wanted_groups(seed, decay))]
    equal([sorted(shapes) for shapes in counts], [sorted(shapes) for shapes in wanted], "the shapes in the two groups")


@decay_groups.case("keeps the model's own order, so that every process numbers the parameters alike", points=4)
def fixed_order(student, draw):
    seed = draw.randrange(1000)
    config = {"vocab_size": 9, "n_layers": 4, "n_experts": 0}
    got = student.decay_groups(student.make("tiny_model", seed, **config), 0.1)
    from storyteller_course.exercises.fixtures import tiny_model

    parameters = [one.detach() for one in tiny_model(seed, **config).parameters()]
    close(got[0]["params"], [one for one in parameters if one.dim() > 1], "the matrices, in their order")


@decay_groups.case("still counts a shared weight once, leaves frozen ones out, and hands on the decay", points=0)
def shared_and_frozen(student, draw):
    seed = draw.randrange(1000)
    for frozen in (False, True):
        got = student.decay_groups(student.make("practice_model", seed, frozen=frozen), 0.1)
        equal(len(got), 2, "the number of groups")
        equal([group["weight_decay"] for group in got], [0.1, 0.0], "the decays of the two groups")
        matrices = sum(one.dim() > 1 for group in got for one in group["params"])
        equal(matrices, 1 if frozen else 2, "the number of matrices" + (", one of which is frozen" if frozen else ""))
        equal(sum(len(group["params"]) for group in got), 5 if frozen else 6, "the number of parameters")


# --- 5. One step of AdamW ---------------------------------------------------------------------------------------------

adamw_step = Exercise(
    "adamw_step",
    points=14,
    stars=3,
    hints=(
        "Five lines, one for each line of the formula. Try it with one number: parameter 1, gradient 2, "
        "no decay. After the first step it must have moved by the learning rate, whatever the gradient "
        "is.",
        "The averages start at zero and are kept without correction; the corrected ones are used in this "
        "step only. The count starts at 1, or the first correction divides by 0.",
        "The decay multiplies the parameter with 1 - lr * weight_decay and has no part in the averages. eps is added "
        "behind the root.",
    ),
    forbidden=("torch.optim.AdamW", "torch.optim.Adam"),
)


def torchs_adamw(parameter, gradients, **options):
    """The parameter after each step of PyTorch's optimizer; its `lr` may be a list."""
    leaf = parameter.clone().requires_grad_()
    rates = options.pop("lr")
    optimizer = torch.optim.AdamW([leaf], lr=1.0, **options)
    found = []
    for index, one in enumerate(gradients):
        optimizer.param_groups[0]["lr"] = rates[index] if isinstance(rates, list) else rates
        leaf.grad = one.clone()
        optimizer.step()
        found.append(leaf.detach().clone())
    return found


def follow(student, parameter, gradients, **options):
    """Let the student's function make the steps, and compare after each."""
    rates, state = options.pop("lr"), {}
    wanted = torchs_adamw(parameter, gradients, lr=rates, **options)
    for index, one in enumerate(gradients):
        rate = rates[index] if isinstance(rates, list) else rates
        parameter, state = student.adamw_step(parameter, one, state, lr=rate, **options)
        close(parameter, wanted[index], f"the parameter after step {index + 1}")


@adamw_step.case("moves by the learning rate in the first step, whatever the gradient's size", points=3)
def first_step(student, draw):
    parameter, slope = (
        draw.tensor(3, 2, dtype="float64"),
        draw.tensor(3, 2, dtype="float64", scale=draw.choice([0.1, 50])),
    )
    options = {"betas": (0.9, 0.95), "eps": 1e-8, "weight_decay": 0.0}
    follow(student, parameter, [slope], lr=0.01, **options)


@adamw_step.case("goes on from its state as PyTorch's optimizer does", points=4)
def several_steps(student, draw):
    gradients = [draw.tensor(4, dtype="float64", scale=draw.choice([0.2, 1, 5])) for _ in range(4)]
    betas = (draw.choice([0.8, 0.9]), draw.choice([0.95, 0.99]))
    follow(student, draw.tensor(4, dtype="float64"), gradients, lr=0.02, betas=betas, eps=1e-8, weight_decay=0.0)


@adamw_step.case("decays the parameter, not the gradient", points=3)
def decoupled(student, draw):
    parameter = draw.tensor(5, dtype="float64", scale=3)
    options = {"betas": (0.9, 0.95), "eps": 1e-8, "weight_decay": draw.choice([0.1, 0.3])}
    follow(student, parameter, [torch.zeros(5, dtype=torch.float64)], lr=0.1, **options)
    gradients = [draw.tensor(5, dtype="float64") for _ in range(3)]
    follow(student, parameter, gradients, lr=[0.1, 0.2, 0.05], **options)


@adamw_step.case("adds eps behind the root", points=2)
def epsilon(student, draw):
    gradients = [draw.tensor(3, dtype="float64", scale=1e-3) for _ in range(2)]
    options = {"betas": (0.9, 0.95), "eps": draw.choice([1e-3, 1e-2]), "weight_decay": 0.0}
    follow(student, draw.tensor(3, dtype="float64"), gradients, lr=0.1, **options)


@adamw_step.case("changes none of its arguments", points=2)
def leaves_arguments(student, draw):
    parameter, state = draw.tensor(3, dtype="float64"), {}
    for _ in range(3):
        new, state = student.adamw_step(parameter, draw.tensor(3, dtype="float64"), state, lr=0.1)
        unchanged(student)
        true(not torch.equal(new, parameter), "The new parameter is the old one.")
        parameter = new


# --- 6. Warmup and cosine ---------------------------------------------------------------------------------------------

learning_rate = Exercise(
    "learning_rate",
    points=10,
    stars=2,
    hints=(
        "Write the shares of a run of 6 updates with a warmup of 2 on paper: the second is 1, the last is final.",
        "Update number `step` is the (step + 1)-th. In the climb its share is a fraction of warmup; on the way down "
        "count how many updates have passed since the climb's end.",
        "On the way down p = (step + 1 - warmup) / (steps - warmup). The cosine of pi * p goes from 1 to -1; "
        "(1 + cos) / 2 goes from 1 to 0; the rest is stretched between 1 and final.",
    ),
    forbidden=("storyteller.training.optim.cosine_schedule",),
)


def all_shares(student, steps, warmup, final):
    return [student.learning_rate(step, steps=steps, warmup=warmup, final=final) for step in range(steps)]


@learning_rate.case("climbs in a straight line and reaches 1 with the last update of the warmup", points=3)
def climb(student, draw):
    warmup, steps = draw.randint(3, 6), draw.randint(12, 20)
    got = [student.learning_rate(step, steps=steps, warmup=warmup, final=0.1) for step in range(warmup)]
    close(got, [(step + 1) / warmup for step in range(warmup)], "the shares of the warmup")


@learning_rate.case("falls as half a cosine", points=3)
def fall(student, draw):
    steps, warmup, final = draw.randint(9, 14), draw.randint(2, 4), draw.choice([0.0, 0.1, 0.2])
    close(all_shares(student, steps, warmup, final), torchs_rates(steps, warmup, final), "the shares of all updates")


@learning_rate.case("ends at the final share with the very last update", points=2)
def end(student, draw):
    steps, warmup, final = draw.randint(8, 40), draw.randint(1, 5), draw.choice([0.02, 0.1, 0.3])
    close(student.learning_rate(steps - 1, steps=steps, warmup=warmup, final=final), final, "the last share")
    later = student.learning_rate(steps + draw.randint(1, 5), steps=steps, warmup=warmup, final=final)
    close(later, final, "a share after the last update")


@learning_rate.case("works without a warmup", points=2)
def no_warmup(student, draw):
    steps, final = draw.randint(5, 9), draw.choice([0.0, 0.1])
    close(all_shares(student, steps, 0, final), torchs_rates(steps, 0, final), "the shares without a warmup")


# --- 7. Clipping ------------------------------------------------------------------------------------------------------

clip_gradients = Exercise(
    "clip_gradients",
    points=9,
    stars=2,
    hints=(
        "Lay all gradients behind one another in one long vector. How long is it? Only its length may change, not its "
        "direction.",
        "The sum of the squares of every number in every tensor, then one root at the end. All tensors are multiplied "
        "with the same factor.",
        "The factor is max_norm / norm, and 1 where norm is smaller already. Mind an infinite norm: the "
        "factor would be 0, and infinity times 0 is nan.",
    ),
    forbidden=("torch.nn.utils.clip_grad_norm_", "storyteller.training.optim.clip_gradients"),
)


def some_gradients(draw, length):
    """Gradients of three shapes whose common length is `length`."""
    found = [draw.tensor(2, 3, dtype="float64"), draw.tensor(4, dtype="float64"), draw.tensor(1, dtype="float64") * 3]
    long = torch.cat([one.flatten() for one in found]).norm()
    return [one * length / long for one in found]


@clip_gradients.case("measures all gradients as one vector", points=3)
def one_vector(student, draw):
    length = draw.choice([0.3, 2.5, 40.0])
    norm, _ = student.clip_gradients(some_gradients(draw, length), 1000.0)
    close(norm, length, "the length")


@clip_gradients.case("shortens them to the greatest length, in the same direction", points=3)
def shortened(student, draw):
    length, most = draw.choice([3.0, 30.0]), draw.choice([1.0, 0.5])
    gradients = some_gradients(draw, length)
    leaves = [one.clone().requires_grad_() for one in gradients]
    for leaf, one in zip(leaves, gradients, strict=True):
        leaf.grad = one.clone()
    torch.nn.utils.clip_grad_norm_(leaves, most)
    norm, got = student.clip_gradients(gradients, most)
    close(norm, length, "the length before clipping")
    close(got, [leaf.grad for leaf in leaves], "the clipped gradients", rtol=1e-5, atol=1e-6)


@clip_gradients.case("leaves short gradients as they are", points=2)
def short_enough(student, draw):
    gradients = some_gradients(draw, 0.4)
    _, got = student.clip_gradients(gradients, 1.0)
    close(got, gradients, "gradients of length 0.4, which may be 1 long")


@clip_gradients.case("hands on gradients that are not finite, and changes no argument", points=1)
def not_finite(student, draw):
    gradients = some_gradients(draw, 2.0)
    student.clip_gradients(gradients, 1.0)
    unchanged(student)
    gradients[1][draw.randrange(4)] = draw.choice([math.inf, math.nan])
    norm, got = student.clip_gradients(gradients, 1.0)
    true(not math.isfinite(norm), "The length of gradients with an infinity or a nan in them is not a finite number.")
    equal(got, gradients, "the gradients, one number of which is not finite")


# --- 8. Accumulation --------------------------------------------------------------------------------------------------

accumulate = Exercise(
    "accumulate",
    points=10,
    stars=2,
    builds_on=("cross_entropy",),
    hints=(
        "`backward` adds to what is in the gradients already. So the sum over micro-batches comes by itself; what must "
        "each of them be multiplied with?",
        "A mean over all targets is the sum of each micro-batch's mean, times its number of targets, over all targets. "
        "Count first, then run the model.",
        "Weights: the targets of this micro-batch that are not IGNORE_INDEX over those of all, and for the auxiliary "
        "loss inputs.numel() over that of all. Clear the gradients once, before the loop.",
    ),
)


def check_gradients(student, draw, batches, **options):
    """The gradients must be those of the step's loss in one piece; so must the returned mean."""
    seed = draw.randrange(1000)
    model, twin = student.make("practice_model", seed, **options), PracticeModel(seed, **options)
    got = student.accumulate(model, batches)
    loss, balance = weighed(twin, batches)
    (loss + balance).backward()
    # A weight that was computed from whole numbers in a tensor is in float32.
    close(model.method("gradients"), twin.gradients(), "the gradients", rtol=1e-5, atol=1e-7)
    close(got, loss.item(), "the mean loss", rtol=1e-5)


@accumulate.case("gives the gradients of one large batch", points=3)
def equal_batches(student, draw):
    check_gradients(student, draw, [batch(draw) for _ in range(3)])


@accumulate.case("weights each micro-batch by its targets that count", points=3)
def by_targets(student, draw):
    check_gradients(student, draw, [batch(draw, 3, 4), batch(draw, 2, 4, ignored=6), batch(draw, 1, 3)])


@accumulate.case("adds the auxiliary losses by their share of the tokens", points=2)
def auxiliary(student, draw):
    check_gradients(student, draw, [batch(draw, 3, 4, ignored=4), batch(draw, 1, 4), batch(draw, 2, 2)], balance=2.0)


@accumulate.case("drops the gradients of the step before", points=2)
def left_over(student, draw):
    seed, first, second = draw.randrange(1000), [batch(draw)], [batch(draw), batch(draw)]
    model, twin = student.make("practice_model", seed), PracticeModel(seed)
    student.accumulate(model, first)
    student.accumulate(model, second)
    weighed(twin, second)[0].backward()
    close(model.method("gradients"), twin.gradients(), "the gradients of the second step", rtol=1e-5, atol=1e-7)


# --- 9. Bug hunt: the training loop -----------------------------------------------------------------------------------

train = Exercise(
    "train",
    points=8,
    stars=3,
    builds_on=("cross_entropy", "learning_rate"),
    bug_hunt=True,
    hints=(
        "Take 4 micro-batches, 2 epochs, `every=2`, and print the learning rates. How many are there, how many should "
        "there be, and what is the last one?",
        "Then take 5 micro-batches: what happens with the gradient of the fifth? Follow it into the next epoch.",
        "The schedule is asked with the number of updates made, out of all updates, the small ones at "
        "the ends of epochs included: that is epochs times the groups in an epoch. A group that is "
        "smaller is divided by its own size.",
    ),
)


def by_the_book(seed, batches, epochs, every, rate, warmup):
    """Each update with one large batch, PyTorch's optimizer and PyTorch's schedulers: weights and rates."""
    model = PracticeModel(seed, balance=1.0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, betas=(0.9, 0.95), weight_decay=0.1)
    starts = list(range(0, len(batches), every)) * epochs
    groups = [batches[first : first + every] for first in starts]
    rates = [rate * share for share in torchs_rates(len(groups), warmup, 0.1)]
    for group, now in zip(groups, rates, strict=True):
        optimizer.zero_grad()
        sum(weighed(model, group)).backward()
        for part in optimizer.param_groups:
            part["lr"] = now
        optimizer.step()
    return model.weights(), rates


def check_run(student, draw, n_batches, **options):
    seed, batches = draw.randrange(1000), [batch(draw) for _ in range(n_batches)]
    model = student.make("practice_model", seed, balance=1.0)
    got = student.train(model, batches, **options)
    weights, rates = by_the_book(seed, batches, **options)
    return model.method("weights"), weights, got, rates


@train.case("counts the schedule in updates", points=3)
def schedule(student, draw):
    options = {"epochs": 3, "every": draw.choice([2, 3]), "rate": 0.05, "warmup": 2}
    _, _, got, rates = check_run(student, draw, 6, **options)
    close(got, rates, "the learning rates")


@train.case("makes an update of what is left at the end of an epoch", points=3)
def rest_of_epoch(student, draw):
    every = draw.choice([2, 3, 4])
    mine, weights, got, rates = check_run(student, draw, 5, epochs=2, every=every, rate=0.05, warmup=1)
    equal(len(got), len(rates), f"the number of updates in 2 epochs of 5 micro-batches, {every} in an update")
    close(mine, weights, "the weights after 2 epochs")


@train.case("ends with the weights that large batches would give", points=2)
def large_batches(student, draw):
    mine, weights, _, _ = check_run(student, draw, 4, epochs=2, every=2, rate=0.05, warmup=1)
    close(mine, weights, "the weights after 2 epochs")


@train.case("still trains with an update for every micro-batch", points=0)
def single(student, draw):
    mine, weights, got, rates = check_run(student, draw, 3, epochs=2, every=1, rate=0.05, warmup=2)
    close(got, rates, "the learning rates with an update for every micro-batch")
    close(mine, weights, "the weights with an update for every micro-batch")


# --- 10. Checkpoints --------------------------------------------------------------------------------------------------

checkpoint = Exercise(
    "Checkpoint",
    points=11,
    stars=2,
    hints=(
        "Imagine the process is killed and a new one builds the run again from its settings. What does it lack, apart "
        "from the weights? Go through the attributes of a run one by one.",
        "The optimizer remembers averages, the batches their place, the generator its state, and the schedule asks for "
        "the step. Each has a pair of functions for it; they are named in the docstring.",
        "Do not write over the file that is there: write to `self.path.with_suffix(...)` and rename with os.replace, "
        "which puts a file in the place of another in one move.",
    ),
    forbidden=("storyteller.training.checkpoint.save_checkpoint",),
    limit=10.0,
)


def loaded(student, folder, seed):
    """In a process that knows nothing: the run as its settings say, then what the folder holds."""
    folder, run = student.fresh(folder), student.make("practice_run", seed)
    student.new("Checkpoint", folder).method("load", run)
    return run


PARTS = {
    "model": "the weights",
    "optimizer": "the optimizer's averages",
    "batches": "the place in the data",
    "generator": "the state of the random generator",
    "step": "the step",
}


def goes_on(run, seed, step, after):
    """Every part must be where it was at that step, and the run go on as one that was never stopped."""
    twin = PracticeRun(seed)
    twin.train(step)
    found = {part: run.method("part", part) for part in PARTS}
    for part, words in PARTS.items():
        close(found[part], twin.part(part), f"{words} after loading", rtol=1e-12, atol=1e-14)
    close(run.method("train", after), twin.train(after), f"the weights {after} steps later", rtol=1e-12, atol=1e-14)


@checkpoint.case("goes on in a new process as if the run had never stopped", points=6)
def resumes(student, draw):
    seed, before, after = draw.randrange(1000), draw.randint(2, 5), draw.randint(2, 5)
    folder, run = student.make("folder"), student.make("practice_run", seed)
    run.method("train", before)
    student.new("Checkpoint", folder).method("save", run)
    goes_on(loaded(student, folder, seed), seed, before, after)


@checkpoint.case("can save again, over the file of an earlier step", points=2)
def saves_again(student, draw):
    seed, steps = draw.randrange(1000), draw.randint(1, 3)
    folder, run = student.make("folder"), student.make("practice_run", seed)
    keeper = student.new("Checkpoint", folder)
    for _ in range(2):
        run.method("train", steps)
        keeper.method("save", run)
    names = folder.method("names")
    true("checkpoint.pt" in names, "There is no file checkpoint.pt in the folder.", got=names)
    goes_on(loaded(student, folder, seed), seed, 2 * steps, 2)


@checkpoint.case("keeps the file before when saving breaks off", points=3)
def whole_at_every_moment(student, draw):
    seed, steps = draw.randrange(1000), draw.randint(1, 4)
    folder, run = student.make("folder"), student.make("practice_run", seed)
    keeper = student.new("Checkpoint", folder)
    run.method("train", steps)
    keeper.method("save", run)
    run.method("train", 2)
    run.method("fill_the_disk")
    try:
        keeper.method("save", run)
    except StudentError as error:
        if "OSError" not in error.names:
            raise
    else:
        true(False, "The disk was full, and save told nobody: let the error through.")
    goes_on(loaded(student, folder, seed), seed, steps, 2)


# --- Bonus: the loss scale of float16 ---------------------------------------------------------------------------------

update_scale = Exercise(
    "update_scale",
    points=8,
    stars=2,
    bonus=True,
    hints=(
        "Two stories: the step went well, or somewhere a gradient is infinite or nan. Write what happens in each with "
        "the scale, the count and the gradients.",
        "Divide after going to float32: in float16 a small gradient over the scale is 0 again, which is what the scale "
        "was for.",
        "`interval` good steps in a row double the scale: count this one first, then compare. After "
        "every change of the scale the count is 0.",
    ),
    forbidden=("torch.amp.GradScaler",),
)


@update_scale.case("takes the scale out in float32", points=3)
def unscales(student, draw):
    gradients = [draw.tensor(3, dtype="float16", scale=0.02), draw.tensor(2, 2, dtype="float16", scale=0.02)]
    scale, good, got = student.update_scale(65536.0, 3, gradients)
    close(got, [one.float() / 65536 for one in gradients], "the gradients", rtol=1e-5, atol=1e-12, dtype=True)
    equal([scale, good], [65536.0, 4], "the scale and the count")
    unchanged(student)


@update_scale.case("halves the scale and skips the update after an overflow", points=3)
def overflow(student, draw):
    gradients = [draw.tensor(3, dtype="float16"), draw.tensor(4, dtype="float16")]
    gradients[draw.randrange(2)][draw.randrange(3)] = draw.choice([math.inf, -math.inf, math.nan])
    got = student.update_scale(1024.0, draw.randint(1, 50), gradients)
    equal(got, (512.0, 0, None), "scale, count and gradients")


@update_scale.case("follows PyTorch's scaler through good and bad steps", points=2)
def like_torch(student, draw):
    leaf = torch.ones(2, requires_grad=True)
    optimizer = torch.optim.SGD([leaf], lr=0.0)
    scaler = torch.amp.GradScaler("cpu", init_scale=256.0, growth_interval=3)
    scale, good = 256.0, 0
    for step in range(14):
        bad = step > 5 and draw.random() < 0.25
        scaler.scale(leaf.sum() * (math.inf if bad else 1.0)).backward()
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad()
        gradient = torch.full((2,), math.inf if bad else 1.0, dtype=torch.float16)
        scale, good, _ = student.update_scale(scale, good, [gradient], interval=3)
        equal(scale, scaler.get_scale(), f"the scale after step {step + 1}")
