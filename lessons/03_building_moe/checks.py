"""What the exercises of lesson 03 must do, case by case."""

import math

import torch
import torch.nn.functional as F

from storyteller.config import ModelConfig
from storyteller.moe import layer as library
from storyteller.moe.cost_model import count_parameters, forward_flops
from storyteller.moe.layer import build_model
from storyteller_course import Exercise, close, equal, given, true

# --- Oracles: other ways to the same results ------------------------------------------------------------------------

WIDE = "float64"  # so that results can be compared closely
COUNTED = {"rtol": 1e-5, "atol": 1e-7}  # a count divided by a number is float32 in PyTorch


def best_of(row, k):
    """The numbers of the k largest entries of a row, largest first."""
    return sorted(range(len(row)), key=lambda e: -row[e])[:k]


def softmax_cut(logits, k):
    """Weights and experts the long way: probabilities of all experts, the k largest, divided by their sum."""
    experts = torch.tensor([best_of(row, k) for row in logits.tolist()])  # (N, k)
    probs = torch.softmax(logits, -1).gather(1, experts)  # (N, k)
    return probs / probs.sum(-1, keepdim=True), experts


def choices(draw, n_tokens, n_experts, k):
    """Weights and experts as a router gives them, with experts that differ within a token."""
    return softmax_cut(draw.tensor(n_tokens, n_experts, dtype=WIDE), k)


class Callers:
    """E experts, each with a matrix of its own and a tanh, that remember what they were asked."""

    def __init__(self, draw, n_experts, width):
        self.matrices = draw.tensor(n_experts, width, width, dtype=WIDE)
        self.asked = []  # (expert, rows) of each call

    def run(self):
        """The experts as functions."""
        return [lambda rows, e=e: self.answer(e, rows) for e in range(len(self.matrices))]

    def answer(self, e, rows):
        """What expert e says, with a note of the call."""
        true(
            isinstance(rows, torch.Tensor) and rows.dim() == 2 and rows.size(1) == self.matrices.size(1),
            f"An expert takes rows of shape (R, {self.matrices.size(1)}); yours got "
            f"{tuple(rows.shape) if isinstance(rows, torch.Tensor) else type(rows).__name__}. "
            "One token alone is a row too: x[n : n + 1].",
        )
        self.asked.append((e, rows))
        return torch.tanh(rows @ self.matrices[e])

    def wanted(self, x, weights, experts):
        """The sum of the answers, token by token and choice by choice."""
        rows = []
        for n, (shares, chosen) in enumerate(zip(weights, experts.tolist(), strict=True)):
            row = torch.zeros_like(x[n])
            for share, e in zip(shares, chosen, strict=True):
                if e < len(self.matrices):
                    row = row + share * torch.tanh(x[n] @ self.matrices[e])
            rows.append(row)
        return torch.stack(rows)  # (N, D)


def gradients_of(function, *inputs, cotangent):
    """The gradients of a function of tensors, by PyTorch."""
    inputs = [one.detach().requires_grad_() for one in inputs]
    return list(torch.autograd.grad((function(*inputs) * cotangent).sum(), inputs))


def slow_dispatch(x, weights, experts, gate_up, down):
    """All E experts for all tokens, weighed with a table (N, E) that is 0 where an expert was not chosen."""
    table = torch.zeros(len(x), len(down), dtype=x.dtype).scatter_add(1, experts, weights)  # (N, E)
    gate, up = torch.einsum("nd,efd->enf", x, gate_up).chunk(2, dim=-1)  # (E, N, F) each
    return torch.einsum("ne,enf,edf->nd", table, F.silu(gate) * up, down)  # (N, D)


def slow_balance(probs, experts, keep=None):
    """E * sum of f * P, with loops over experts, tokens and choices."""
    tokens = [n for n in range(len(probs)) if keep is None or keep[n]]
    total = probs.new_zeros(())
    for e in range(probs.size(1)):
        f = sum(int(e == chosen) for n in tokens for chosen in experts[n].tolist()) / len(tokens)
        total = total + f * sum(probs[n, e] for n in tokens) / len(tokens)
    return probs.size(1) * total


def padding(draw, texts=3, length=5):
    """A mask (B, T) with real tokens first; the last text fills its row."""
    lengths = torch.tensor([draw.randint(1, length - 1) for _ in range(texts - 1)] + [length])
    return torch.arange(length) < lengths[:, None]


# --- 1. The router --------------------------------------------------------------------------------------------------

route_top_k = Exercise(
    "route_top_k",
    points=10,
    stars=1,
    hints=(
        "Two questions for each token: which k experts have the largest logits, and how much does each of them count?",
        "`logits.topk(k, dim=...)` answers the first, with values and indices. For the second you need numbers that "
        "are positive and sum to 1 over the k that are left.",
        "The softmax goes over the k values that topk gave you, along their last dimension, not over all E.",
    ),
    forbidden=("storyteller.moe.layer.route_top_k",),
)


@route_top_k.case("chooses the k experts with the largest logits, best first", points=3)
def largest(student, draw):
    k = draw.randint(2, 3)
    logits = draw.tensor(6, 8, dtype=WIDE)
    _, experts = student.route_top_k(logits, k)
    equal(experts, softmax_cut(logits, k)[1], "the experts")


@route_top_k.case("gives weights that sum to 1 for each token", points=3)
def sum_to_one(student, draw):
    weights, _ = student.route_top_k(torch.log(torch.tensor([[1.0, 6.0, 1.0, 2.0]])), 2)
    close(weights, torch.tensor([[0.75, 0.25]]), "the weights")
    logits = draw.tensor(6, 8, dtype=WIDE)
    close(student.route_top_k(logits, 2)[0], softmax_cut(logits, 2)[0], "the weights")


@route_top_k.case("works for k = 1 and for k = E, and for logits of any size", points=2)
def edges(student, draw):
    logits = draw.tensor(4, 5, dtype=WIDE) + draw.choice([800.0, -800.0])
    for k in (1, 5):
        got = student.route_top_k(logits, k)
        close(list(got), list(softmax_cut(logits, k)), f"weights and experts for k = {k}")


@route_top_k.case("lets gradients reach the logits", points=2)
def route_gradients(student, draw):
    logits, cotangent = draw.tensor(5, 6, dtype=WIDE), draw.tensor(5, 2, dtype=WIDE)
    wanted = gradients_of(lambda one: softmax_cut(one, 2)[0], logits, cotangent=cotangent)
    found = student.gradients("route_top_k", logits, 2, cotangent=cotangent)
    close(found.inputs[:1], wanted, "the gradient of the logits")


# --- 2. Dispatch, token by token ------------------------------------------------------------------------------------

dispatch_naive = Exercise(
    "dispatch_naive",
    points=10,
    stars=2,
    hints=(
        "Two loops, one inside the other: over the tokens, and over the k choices of a token.",
        "`int(experts[n, j])` is the number of an expert, `run[e]` the expert. It wants a row of shape (1, D): what is "
        "the difference between x[n] and x[n : n + 1]?",
        "A token has k answers, so its row of y grows: `+=`, with the answer times weights[n, j]. Where the number of "
        "the expert is len(run), go on with the next choice.",
    ),
    forbidden=("storyteller.moe.dispatch.dispatch_sorted", "storyteller_course.parts.building_moe.dispatch_naive"),
)


@dispatch_naive.case("asks each token's experts and adds up their answers by weight", points=4)
def naive_sum(student, draw):
    x, callers = draw.tensor(5, 4, dtype=WIDE), Callers(draw, 4, 4)
    weights, experts = choices(draw, 5, 4, 2)
    got = student.dispatch_naive(x, weights, experts, callers.run())
    close(got, callers.wanted(x, weights, experts), "the output")


@dispatch_naive.case("works for any k", points=2)
def naive_any_k(student, draw):
    for k in (1, 3):
        x, callers = draw.tensor(3, 2, dtype=WIDE), Callers(draw, 3, 2)
        weights, experts = choices(draw, 3, 3, k)
        got = student.dispatch_naive(x, weights, experts, callers.run())
        close(got, callers.wanted(x, weights, experts), f"the output for k = {k}")


@dispatch_naive.case("adds nothing for a choice that was dropped", points=2)
def naive_dropped(student, draw):
    x, callers = draw.tensor(4, 3, dtype=WIDE), Callers(draw, 3, 3)
    weights, experts = choices(draw, 4, 3, 2)
    experts[draw.randrange(4), 0] = 3
    experts[draw.randrange(4)] = 3  # a token whose choices are all dropped
    got = student.dispatch_naive(x, weights, experts, callers.run())
    close(got, callers.wanted(x, weights, experts), "the output")


@dispatch_naive.case("lets gradients reach the tokens and the weights", points=2)
def naive_gradients(student, draw):
    check_gradients(student, draw, "dispatch_naive")


def check_gradients(student, draw, name):
    """Gradients of a dispatch, with the library's experts on the student's side."""
    x, cotangent = draw.tensor(5, 3, dtype=WIDE), draw.tensor(5, 3, dtype=WIDE)
    gate_up, down = draw.tensor(4, 4, 3, dtype=WIDE), draw.tensor(4, 3, 2, dtype=WIDE)
    weights, experts = choices(draw, 5, 4, 2)
    wanted = gradients_of(
        lambda one, share: slow_dispatch(one, share, experts, gate_up, down), x, weights, cotangent=cotangent
    )
    run = given("experts", gate_up, down)
    found = student.gradients(name, x, weights, experts, run, cotangent=cotangent)
    close(found.inputs[:2], wanted, "the gradients of the tokens and of the weights")


# --- 3. Bug hunt: combine -------------------------------------------------------------------------------------------

combine = Exercise(
    "combine",
    points=10,
    stars=2,
    bug_hunt=True,
    hints=(
        "Take two tokens and k = 2. The choices 0 and 1 are token 0's, 2 and 3 are token 1's. Which token does the "
        "code think that choice 2 belongs to?",
        "Three lines, three questions. Whose answer is it? By which weight is it to be multiplied, the one at its own "
        "place in the row or the one of its choice? And what does y[[0, 0]] += 1 make of y[0]?",
        "The token is the choice number divided by k. The weights have to be taken in the same order as the answers. "
        "And `index_add` adds where an assignment with repeated indices keeps only the last.",
    ),
    forbidden=("storyteller_course.parts.building_moe.combine",),
)


def slow_combine(answers, order, weights):
    """Answer by answer."""
    n_tokens, k = weights.shape
    rows = [answers.new_zeros(answers.size(1)) for _ in range(n_tokens)]
    for answer, choice in zip(answers, order.tolist(), strict=True):
        n, j = divmod(choice, k)
        rows[n] = rows[n] + answer * weights[n, j]
    return torch.stack(rows)


def shuffled(draw, count):
    """The numbers 0 to count - 1 in a random order, which is not the ascending one."""
    numbers = list(range(count))
    while numbers == sorted(numbers):
        draw.shuffle(numbers)
    return torch.tensor(numbers)


@combine.case("adds an answer to the token that asked for it", points=4)
def right_token(student, draw):
    # All weights alike, one answer a token: only the token can be wrong.
    n_tokens, k = 5, 2
    order = torch.tensor([k * n + draw.randrange(k) for n in shuffled(draw, n_tokens).tolist()])
    answers, weights = draw.tensor(n_tokens, 3, dtype=WIDE), torch.full((n_tokens, k), 0.5, dtype=torch.float64)
    close(student.combine(answers, order, weights), slow_combine(answers, order, weights), "the output")


@combine.case("multiplies an answer by the weight of its own choice", points=3)
def right_weight(student, draw):
    n_tokens = 5  # with k = 1 each choice has the number of its token
    order, answers = shuffled(draw, n_tokens), draw.tensor(n_tokens, 3, dtype=WIDE)
    weights = draw.tensor(n_tokens, 1, dtype=WIDE).exp()
    close(student.combine(answers, order, weights), slow_combine(answers, order, weights), "the output")


@combine.case("adds up all answers of a token", points=2)
def all_answers(student, draw):
    # One token: it has all the answers, and here all of the same weight.
    k = draw.randint(2, 4)
    answers, weights = draw.tensor(k, 3, dtype=WIDE), torch.full((1, k), 1 / k, dtype=torch.float64)
    order = torch.arange(k)
    close(student.combine(answers, order, weights), slow_combine(answers, order, weights), "the output")


@combine.case("leaves 0 where nothing came back, and lets gradients through", points=1)
def nothing_back(student, draw):
    n_tokens, k = 4, 2
    order = shuffled(draw, n_tokens * k)[: n_tokens * k - 3]
    answers, weights = draw.tensor(len(order), 3, dtype=WIDE), draw.tensor(n_tokens, k, dtype=WIDE).exp()
    close(student.combine(answers, order, weights), slow_combine(answers, order, weights), "the output")
    cotangent = draw.tensor(n_tokens, 3, dtype=WIDE)
    wanted = gradients_of(lambda one, two: slow_combine(one, order, two), answers, weights, cotangent=cotangent)
    found = student.gradients("combine", answers, order, weights, cotangent=cotangent)
    close([found.inputs[0], found.inputs[2]], wanted, "the gradients of answers and weights")


@combine.case("still works for tokens in order with one choice each", points=0)
def in_order(student, draw):
    answers, weights = draw.tensor(4, 3, dtype=WIDE), draw.tensor(4, 1, dtype=WIDE).exp()
    close(student.combine(answers, torch.arange(4), weights), answers * weights, "the output")


# --- 4. Dispatch, sorted --------------------------------------------------------------------------------------------

dispatch_sorted = Exercise(
    "dispatch_sorted",
    points=14,
    stars=3,
    builds_on=("combine",),
    hints=(
        "Do it on paper first: 3 tokens, 2 choices each, experts [[0, 1], [1, 2], [0, 2]]. Number the choices 0 to 5, "
        "write each one's expert below it, and sort the numbers by expert.",
        "`argsort(stable=True)` of the flattened experts gives the choice numbers, `torch.bincount(..., minlength=E)` "
        "how many rows each expert has. Choice c is about token c // k. `rows.split([2, 0, 3])` cuts rows into parts.",
        "Loop over `zip(run, parts)` and call an expert only if its part has rows; `torch.cat` the answers. They are "
        "in the order of the sorted choices, which is what `combine(answers, order, weights)` wants to know.",
    ),
    forbidden=("storyteller.moe.dispatch.dispatch_sorted",),
)


def run_sorted(student, draw, x, weights, experts, n_experts):
    """Call the student's dispatch; returns the experts, which remember, and compares nothing yet."""
    callers = Callers(draw, n_experts, x.size(1))
    got = student.dispatch_sorted(x, weights, experts, callers.run())
    return got, callers


@dispatch_sorted.case("gives what going token by token gives", points=4)
def same_as_naive(student, draw):
    for n_tokens, n_experts, k in ((7, 4, 2), (5, 3, 1), (4, 3, 3)):
        x = draw.tensor(n_tokens, 3, dtype=WIDE)
        weights, experts = choices(draw, n_tokens, n_experts, k)
        got, callers = run_sorted(student, draw, x, weights, experts, n_experts)
        close(got, callers.wanted(x, weights, experts), f"the output for {n_tokens} tokens and k = {k}")


@dispatch_sorted.case("calls every expert at most once, with all of its tokens", points=3)
def one_call_each(student, draw):
    x = draw.tensor(9, 3, dtype=WIDE)
    weights, experts = choices(draw, 9, 3, 2)
    got, callers = run_sorted(student, draw, x, weights, experts, 3)
    calls = [e for e, _ in callers.asked]
    for e in range(3):
        n_calls = calls.count(e)
        true(n_calls <= 1, f"Expert {e} was called {n_calls} times; one call with all of its rows is enough.")
        rows = [part for number, part in callers.asked if number == e]
        own = sorted(x[(experts == e).any(dim=1)].tolist())
        close(sorted(rows[0].tolist()) if rows else [], own, f"the tokens (in any order) that expert {e} was given")
    close(got, callers.wanted(x, weights, experts), "the output")


@dispatch_sorted.case("copes with experts that nobody chose, and does not call them", points=2)
def idle_experts(student, draw):
    x = draw.tensor(6, 3, dtype=WIDE)
    busy = draw.sample([0, 1, 2, 4], 2)  # the last of the six experts never, and 3 never
    experts = torch.tensor([draw.sample(busy, 2) for _ in range(6)])
    weights = draw.tensor(6, 2, dtype=WIDE).softmax(-1)
    got, callers = run_sorted(student, draw, x, weights, experts, 6)
    for e, rows in callers.asked:
        true(len(rows) > 0, f"Expert {e} was called though no token chose it.")
    close(got, callers.wanted(x, weights, experts), "the output")


@dispatch_sorted.case("adds nothing for choices that were dropped, be it all of them", points=2)
def sorted_dropped(student, draw):
    x = draw.tensor(6, 3, dtype=WIDE)
    weights, experts = choices(draw, 6, 4, 2)
    for n in draw.sample(range(6), 3):
        experts[n, draw.randrange(2)] = 4
    got, callers = run_sorted(student, draw, x, weights, experts, 4)
    close(got, callers.wanted(x, weights, experts), "the output")
    got, _ = run_sorted(student, draw, x, weights, torch.full_like(experts, 4), 4)
    close(got, torch.zeros_like(x), "the output when every choice was dropped")


@dispatch_sorted.case("lets gradients reach the tokens and the weights", points=3)
def sorted_gradients(student, draw):
    check_gradients(student, draw, "dispatch_sorted")


# --- 5. The layer ---------------------------------------------------------------------------------------------------

MoELayer = Exercise(
    "MoELayer",
    points=12,
    stars=2,
    builds_on=("route_top_k", "combine", "dispatch_sorted"),
    hints=(
        "You have all the parts: a router, `route_top_k`, `Experts`, `dispatch_sorted`. They work on rows, (N, D), and "
        "the layer gets (B, T, D).",
        "`x.flatten(0, 1)` puts the tokens in a row, `view_as(x)` takes that back at the end. `dispatch_sorted` gets "
        "the tokens, not the logits.",
        "The probabilities in the Routing are `softmax` of the logits over all E experts; the weights, which sum to 1 "
        "over the k chosen ones, are another thing and have a place of their own.",
    ),
    forbidden=("storyteller.moe.layer.MoELayer", "storyteller_course.parts.building_moe.MoELayer"),
)


def layer_pair(student, draw, *, top_k=2, n_experts=4):
    """The student's layer and the library's, with the same weights in float64."""
    shape = {
        "vocab_size": 8, "max_seq_len": 8, "d_model": 6, "n_layers": 1, "n_heads": 1, "n_kv_heads": 1, "d_ff": 4,
        "n_experts": n_experts, "top_k": top_k,
    }  # fmt: skip
    theirs = library.MoELayer(ModelConfig(**shape)).double()
    state = {name: draw.tensor(*value.shape, dtype=WIDE) for name, value in theirs.state_dict().items()}
    theirs.load_state_dict(state)
    mine = student.new("MoELayer", given("model_config", **shape))
    mine.load(state)
    return mine, theirs


@MoELayer.case("sends each token through its k experts, whatever the shape", points=4)
def through_experts(student, draw):
    for top_k, shape in ((2, (2, 5, 6)), (1, (1, 1, 6)), (3, (3, 2, 6))):
        mine, theirs = layer_pair(student, draw, top_k=top_k)
        x = draw.tensor(*shape, dtype=WIDE)
        with torch.no_grad():
            wanted = theirs(x)[0]
        close(mine(x)[0], wanted, f"the output for k = {top_k} and x of shape {shape}")


@MoELayer.case("gives back the routing, with the probabilities of all experts", points=3)
def routing(student, draw):
    mine, theirs = layer_pair(student, draw)
    x = draw.tensor(2, 4, 6, dtype=WIDE)
    got, (_, wanted) = mine(x)[1], theirs(x)
    true(len(got) == 5, "The routing has five parts: logits, probs, weights, experts, dropped.", got=got)
    for name, part, right in zip(wanted._fields, got, wanted, strict=True):
        close(part, right, f"the {name} of the routing")


@MoELayer.case("with all experts equal and k = E, is one dense layer", points=2)
def equal_experts(student, draw):
    mine, _ = layer_pair(student, draw, top_k=3, n_experts=3)
    gate_up, down = draw.tensor(1, 8, 6, dtype=WIDE), draw.tensor(1, 6, 4, dtype=WIDE)
    router = draw.tensor(3, 6, dtype=WIDE)
    mine.load({"router.weight": router, "gate_up": gate_up.repeat(3, 1, 1), "down": down.repeat(3, 1, 1)})
    x = draw.tensor(2, 3, 6, dtype=WIDE)
    gate, up = (x @ gate_up[0].T).chunk(2, dim=-1)
    close(mine(x)[0], (F.silu(gate) * up) @ down[0].T, "the output")


@MoELayer.case("lets gradients reach router, experts and tokens", points=3)
def layer_gradients(student, draw):
    mine, theirs = layer_pair(student, draw)
    x, cotangent = draw.tensor(2, 4, 6, dtype=WIDE), draw.tensor(2, 4, 6, dtype=WIDE)
    of_probs = draw.tensor(8, 4, dtype=WIDE)
    leaf = x.clone().requires_grad_()
    y, route = theirs(leaf)
    ((y * cotangent).sum() + (route.probs * of_probs).sum()).backward()
    zero = torch.zeros(8, 4, dtype=torch.float64)
    found = mine.gradients(x, cotangent=[cotangent, zero, of_probs, zero[:, :2]])
    close(found.inputs, [leaf.grad], "the gradient of x")
    for name, parameter in theirs.named_parameters():
        close(found.parameters.get(name), parameter.grad, f"the gradient of {name}")


# --- 6. The costs ---------------------------------------------------------------------------------------------------

moe_costs = Exercise(
    "moe_costs",
    points=6,
    stars=1,
    hints=(
        "Write down the parts of one block with their sizes: attention, router, one expert, norms. What is there once, "
        "and what E times?",
        "Attention: four D x D. Router: D x E. An expert: three D x F. Two norms: D each. Outside of the blocks: the "
        "embedding, V x D, and one more norm.",
        "Active: everything but the E - k experts that a token does not visit. FLOPs: 2 for each weight of each matrix "
        "that the token meets, and 4 * D * S in each block between queries, keys and values.",
    ),
    forbidden=("storyteller.moe.cost_model.count_parameters", "storyteller.moe.cost_model.forward_flops"),
)


def shape_of(draw):
    """A model's shape: the keywords of `moe_costs`, and the library's configuration."""
    heads, n_experts = draw.choice([1, 2, 4]), draw.randint(3, 8)
    shape = {
        "vocab_size": draw.randint(20, 60), "d_model": heads * draw.choice([4, 8]), "n_layers": draw.randint(1, 3),
        "n_heads": heads, "d_ff": draw.randint(5, 20), "n_experts": n_experts, "top_k": draw.randint(1, n_experts - 1),
    }  # fmt: skip
    context = draw.randint(3, 30)
    return {**shape, "context": context}, ModelConfig(**shape, n_kv_heads=heads, max_seq_len=64)


@moe_costs.case("counts all parameters, as many as the real model has", points=2)
def all_parameters(student, draw):
    shape, config = shape_of(draw)
    model = build_model(config)
    equal(student.moe_costs(**shape)[0], sum(one.numel() for one in model.parameters()), "all parameters")


@moe_costs.case("counts as active what one token passes through", points=2)
def active_parameters(student, draw):
    shape, config = shape_of(draw)
    model = build_model(config)
    total = sum(one.numel() for one in model.parameters())
    experts = sum(one.numel() for name, one in model.named_parameters() if name.endswith(("gate_up", "down")))
    idle = experts // config.n_experts * (config.n_experts - config.top_k)
    equal(student.moe_costs(**shape)[1], total - idle, "the active parameters")
    equal(total - idle, count_parameters(config).active)


@moe_costs.case("counts the FLOPs of one token", points=2)
def flops(student, draw):
    shape, config = shape_of(draw)
    wanted = int(forward_flops(config, context=shape["context"]))
    equal(student.moe_costs(**shape)[2], wanted, "the FLOPs")


# --- 7. The balance loss --------------------------------------------------------------------------------------------

load_balancing_loss = Exercise(
    "load_balancing_loss",
    points=12,
    stars=2,
    hints=(
        "Two numbers for each expert: how often it was chosen, and how probable the router thought it on average. "
        "Multiply them, add up over the experts.",
        "f comes from `experts`: `torch.bincount` counts how often each number appears; divide by the number of "
        "tokens, not of choices. P comes from `probs`: a mean over the tokens, which keeps its gradient.",
        "The mask has shape (B, T), your rows are N = B*T: flatten it, and keep the True rows of both tensors before "
        "you count anything. Do not forget the factor E.",
    ),
    forbidden=(
        "storyteller.moe.layer.load_balancing_loss",
        "storyteller_course.parts.building_moe.load_balancing_loss",
    ),
)


def uneven(draw, n_tokens, n_experts, k):
    """Probabilities and choices of a router that has favourites."""
    probs = torch.softmax(draw.tensor(n_tokens, n_experts, dtype=WIDE) + draw.tensor(n_experts, dtype=WIDE), -1)
    return probs, torch.tensor([best_of(row, k) for row in probs.tolist()])


@load_balancing_loss.case("is E times the sum of f times P", points=4)
def formula(student, draw):
    for n_experts, k in ((4, 1), (5, 2), (6, 3)):
        probs, experts = uneven(draw, 7, n_experts, k)
        close(
            student.load_balancing_loss(probs, experts),
            slow_balance(probs, experts),
            f"the loss for k = {k}",
            **COUNTED,
        )


@load_balancing_loss.case("is k when all experts are equally busy, and E when one does it all", points=2)
def extremes(student, draw):
    n_experts = draw.randint(3, 6)
    even = torch.full((n_experts, n_experts), 1 / n_experts, dtype=torch.float64)
    experts = torch.stack([torch.arange(n_experts), torch.arange(n_experts).roll(1)], dim=1)
    close(student.load_balancing_loss(even, experts), 2.0, "the loss of an even router with k = 2", **COUNTED)
    one = torch.zeros(5, n_experts, dtype=torch.float64)
    one[:, -2] = 1.0
    alone = torch.full((5, 1), n_experts - 2)
    close(
        student.load_balancing_loss(one, alone),
        float(n_experts),
        "the loss when one expert gets every token (k = 1)",
        **COUNTED,
    )


@load_balancing_loss.case("counts real tokens only", points=3)
def only_real(student, draw):
    mask = padding(draw)
    probs, experts = uneven(draw, mask.numel(), 4, 2)
    got = student.load_balancing_loss(probs, experts, attention_mask=mask)
    close(got, slow_balance(probs, experts, mask.flatten()), "the loss with padding", **COUNTED)


@load_balancing_loss.case("has a gradient that lowers the favourites", points=3)
def pushes_down(student, draw):
    probs, experts = uneven(draw, 6, 4, 2)
    wanted = gradients_of(lambda one: slow_balance(one, experts), probs, cotangent=torch.tensor(1.0))
    found = student.gradients("load_balancing_loss", probs, experts)
    close(found.inputs[:1], wanted, "the gradient of the probabilities", **COUNTED)


# --- 8. Bug hunt: the balance of a whole model ----------------------------------------------------------------------

balance_of_layers = Exercise(
    "balance_of_layers",
    points=10,
    stars=3,
    builds_on=("load_balancing_loss",),
    bug_hunt=True,
    hints=(
        "Give it two layers of which the first sends every token to expert 0 and the second every token to expert 1. "
        "What should come out, and what does?",
        "Three things. Layers are thrown into one pot, where one layer's favourites make up for another's. Somebody "
        "takes the softmax of something that is a probability already. And who looks at the mask?",
        "Go through the layers in a loop, with their own probabilities and their own experts, and add up "
        "`load_balancing_loss(...)`, which you have written and which takes the mask.",
    ),
    forbidden=("storyteller_course.parts.building_moe.balance_of_layers",),
)


def slow_layers(logits, k, keep=None):
    """The sum over the layers, by loops."""
    losses = []
    for layer in logits:
        experts = torch.tensor([best_of(row, k) for row in layer.tolist()])
        losses.append(slow_balance(torch.softmax(layer, -1), experts, keep))
    return sum(losses)


@balance_of_layers.case("asks every layer to be balanced by itself", points=4)
def each_layer(student, draw):
    logits = draw.tensor(2, 6, 4, dtype=WIDE)
    logits[0, :, 0] += 3.0
    logits[1, :, 1] += 3.0
    alone = [student.balance_of_layers(logits[i : i + 1], 1) for i in range(2)]
    together = student.balance_of_layers(logits, 1)
    close(
        together,
        float(alone[0]) + float(alone[1]),
        "the loss of two layers, which should be the sum of theirs",
        **COUNTED,
    )


@balance_of_layers.case("takes the router's own probabilities", points=3)
def own_probabilities(student, draw):
    logits, k = draw.tensor(1, 7, 5, dtype=WIDE, scale=1.5), draw.randint(1, 3)
    close(student.balance_of_layers(logits, k), slow_layers(logits, k), "the loss of one layer", **COUNTED)


@balance_of_layers.case("leaves padding out", points=2)
def layers_padding(student, draw):
    mask = padding(draw)
    logits = draw.tensor(2, mask.numel(), 4, dtype=WIDE)
    got = student.balance_of_layers(logits, 2, attention_mask=mask)
    real = student.balance_of_layers(logits[:, mask.flatten()], 2)
    close(got, float(real), "the loss with padding, which should be that of the real tokens alone", **COUNTED)


@balance_of_layers.case("has a gradient in the logits of every layer", points=1)
def layers_gradients(student, draw):
    logits = draw.tensor(2, 6, 4, dtype=WIDE)
    wanted = gradients_of(lambda one: slow_layers(one, 2), logits, cotangent=torch.tensor(1.0))
    close(student.gradients("balance_of_layers", logits, 2).inputs[:1], wanted, "the gradient of the logits", **COUNTED)


@balance_of_layers.case("still gives k for one router that has no preference", points=0)
def undecided(student, draw):
    k = draw.randint(1, 3)
    close(student.balance_of_layers(torch.zeros(1, 6, 4, dtype=torch.float64), k), float(k), "the loss", **COUNTED)


# --- 9. Statistics --------------------------------------------------------------------------------------------------

router_statistics = Exercise(
    "router_statistics",
    points=8,
    stars=1,
    hints=(
        "Load and utilization come from what was chosen (`experts`), entropy from how sure the router was (`probs`).",
        "`torch.bincount(experts.flatten(), minlength=E)` counts visits; there are N*k of them. The entropy of a token "
        "is minus the sum of p * log(p), and log(0) is -inf: which function of torch knows that 0 * log(0) is 0?",
        "`torch.xlogy(p, p)` is p * log(p) with 0 where p is 0. Sum over the experts, then the mean over the tokens. "
        "The largest load divided by 1/E is the largest load times E.",
    ),
    forbidden=("storyteller.moe.layer.router_statistics", "storyteller_course.parts.building_moe.router_statistics"),
)


@router_statistics.case("gives each expert's share of all visits", points=2)
def load(student, draw):
    experts = torch.tensor([draw.sample(range(4), 2) for _ in range(6)])  # experts 4 and 5 never
    probs = torch.softmax(draw.tensor(6, 6, dtype=WIDE), -1)
    visits = experts.flatten().tolist()
    wanted = torch.tensor([visits.count(e) / 12 for e in range(6)])
    close(student.router_statistics(probs, experts)["load"], wanted, "the load")


@router_statistics.case("measures in nats how undecided the router is, token by token", points=3)
def entropy(student, draw):
    probs = torch.softmax(draw.tensor(5, 4, dtype=WIDE, scale=2.0), -1)
    experts = torch.tensor([best_of(row, 2) for row in probs.tolist()])
    wanted = sum(-sum(p * math.log(p) for p in row) for row in probs.tolist()) / 5
    close(student.router_statistics(probs, experts)["entropy"], wanted, "the entropy")
    sure = torch.eye(4, dtype=torch.float64)
    got = student.router_statistics(sure, torch.arange(4)[:, None])["entropy"]
    close(got, 0.0, "the entropy of a router that is quite sure")


@router_statistics.case("says how many experts are used, and how busy the busiest is", points=3)
def use_and_peak(student, draw):
    n_experts, busy = 8, draw.randint(2, 5)
    experts = torch.tensor([[0, 1 + n % (busy - 1)] for n in range(12)])
    got = student.router_statistics(torch.full((12, n_experts), 1 / n_experts), experts)
    close(got["utilization"], busy / n_experts, "the utilization", rtol=1e-5)
    close(got["max_load"], 0.5 * n_experts, "the largest load over the even share", rtol=1e-5)


# --- 10. Capacity ---------------------------------------------------------------------------------------------------

within_capacity = Exercise(
    "within_capacity",
    points=8,
    stars=2,
    hints=(
        "Think of a queue at each expert's door. Everybody who comes counts those before him in the same queue.",
        "One-hot rows (N*k, E) and a running sum down the rows: after each choice you know how many have asked for "
        "each expert so far.",
        "Flatten `experts` first, so that a token's second choice comes right behind its first and all queues are "
        "shared. Take from each row of the running sums the number of its own expert, and compare with the capacity: "
        "the first to come has the number 1.",
    ),
    forbidden=("storyteller.moe.dispatch.within_capacity",),
)


def slow_capacity(experts, capacity):
    """Everybody queues up, one after the other."""
    places: dict = {}
    fits = []
    for chosen in experts.tolist():
        row = []
        for e in chosen:
            row.append(places.get(e, 0) < capacity)
            places[e] = places.get(e, 0) + 1
        fits.append(row)
    return torch.tensor(fits)


@within_capacity.case("lets the first ones in and turns the others away", points=3)
def queue(student, draw):
    experts = draw.integers(0, 3, 10, 1)
    for capacity in (1, 2, 4):
        got = student.within_capacity(experts, n_experts=3, capacity=capacity)
        equal(got, slow_capacity(experts, capacity), f"who fits when the capacity is {capacity}")


@within_capacity.case("counts first and second choices in one queue", points=3)
def one_queue(student, draw):
    experts = torch.tensor([draw.sample(range(4), 2) for _ in range(9)])
    for capacity in (2, 3):
        got = student.within_capacity(experts, n_experts=4, capacity=capacity)
        equal(got, slow_capacity(experts, capacity), f"who fits when the capacity is {capacity}")


@within_capacity.case("turns nobody away where there is room, and everybody where there is none", points=2)
def room(student, draw):
    experts = torch.tensor([draw.sample(range(5), 3) for _ in range(6)])
    full, empty = (student.within_capacity(experts, n_experts=5, capacity=places) for places in (6, 0))
    equal(full, torch.ones(6, 3, dtype=torch.bool), "who fits when there is room for all")
    equal(empty, torch.zeros(6, 3, dtype=torch.bool), "who fits when there is no room")


# --- Bonus: noisy routing -------------------------------------------------------------------------------------------

route_noisy = Exercise(
    "route_noisy",
    points=6,
    stars=2,
    builds_on=("route_top_k",),
    bonus=True,
    hints=(
        "The logits are disturbed first; then everything goes on as in the router without noise.",
        "`F.softplus` (`torch.nn.functional.softplus`) makes a positive width out of any number. The noise of each "
        "expert is multiplied with the width of the same expert.",
        "`route_top_k` of logits + noise times width gives both, experts and weights.",
    ),
    forbidden=("storyteller_course.parts.building_moe.route_noisy",),
)


def slow_noisy(logits, noise_logits, noise, k):
    """The formula, number by number."""
    width = torch.log1p(noise_logits.exp())
    return softmax_cut(logits + noise * width, k)


@route_noisy.case("disturbs each logit by noise times softplus", points=3)
def disturbed(student, draw):
    inputs = [draw.tensor(6, 5, dtype=WIDE) for _ in range(3)]
    wanted = slow_noisy(*inputs, 2)
    close(list(student.route_noisy(*inputs, 2)), list(wanted), "weights and experts")


@route_noisy.case("without noise, is the plain router", points=1)
def no_noise(student, draw):
    logits, width = draw.tensor(5, 6, dtype=WIDE), draw.tensor(5, 6, dtype=WIDE)
    got = student.route_noisy(logits, width, torch.zeros(5, 6, dtype=torch.float64), 2)
    close(list(got), list(softmax_cut(logits, 2)), "weights and experts")


@route_noisy.case("lets gradients reach the logits and the width of the noise", points=2)
def noisy_gradients(student, draw):
    logits, width, noise = (draw.tensor(4, 5, dtype=WIDE) for _ in range(3))
    cotangent = draw.tensor(4, 2, dtype=WIDE)
    wanted = gradients_of(lambda one, two: slow_noisy(one, two, noise, 2)[0], logits, width, cotangent=cotangent)
    found = student.gradients("route_noisy", logits, width, noise, 2, cotangent=cotangent)
    close(found.inputs[:2], wanted, "the gradients of logits and noise_logits")


# --- Bonus: the z-loss ----------------------------------------------------------------------------------------------

router_z_loss = Exercise(
    "router_z_loss",
    points=6,
    stars=1,
    bonus=True,
    hints=(
        "For each token one number, the log of the sum of the exponentials of its logits. Then square, then mean.",
        "`torch.logsumexp` along the experts does it without overflow; exp(1000) by itself is inf.",
        "Rows of padding go out first: the mask, flattened, picks rows of the logits.",
    ),
    forbidden=("storyteller.moe.layer.router_z_loss", "storyteller_course.parts.building_moe.router_z_loss"),
)


def slow_z(rows):
    """By Python's math, token by token, around the largest logit."""
    logs = [max(row) + math.log(sum(math.exp(one - max(row)) for one in row)) for row in rows]
    return sum(one**2 for one in logs) / len(logs)


@router_z_loss.case("is the mean square of logsumexp", points=3)
def mean_square(student, draw):
    logits = draw.tensor(6, 5, dtype=WIDE, scale=2.0)
    close(student.router_z_loss(logits), slow_z(logits.tolist()), "the loss")


@router_z_loss.case("takes logits of any size", points=1)
def large(student, draw):
    logits = draw.tensor(4, 3, dtype=WIDE) + draw.choice([1000.0, -1000.0])
    close(student.router_z_loss(logits), slow_z(logits.tolist()), "the loss of large logits")


@router_z_loss.case("leaves padding out, and pulls the real logits towards 0", points=2)
def z_padding(student, draw):
    mask = padding(draw)
    logits = draw.tensor(mask.numel(), 4, dtype=WIDE)
    real = [row for row, keep in zip(logits.tolist(), mask.flatten().tolist(), strict=True) if keep]
    close(student.router_z_loss(logits, attention_mask=mask), slow_z(real), "the loss with padding")
    wanted = gradients_of(lambda one: one.exp().sum(-1).log().pow(2).mean(), logits, cotangent=torch.tensor(1.0))
    close(student.gradients("router_z_loss", logits).inputs, wanted, "the gradient of the logits")
