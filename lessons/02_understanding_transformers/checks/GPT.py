"""What `GPT` must do, case by case."""

from storyteller.transformer.decoder import Decoder
from storyteller_course import Exercise, close, shaped, true
from storyteller_course.lesson_tools.understanding_transformers import to_library

from .oracles import block_state, config_of

GPT = Exercise(
    "GPT",
    in_library="storyteller.transformer.decoder.Decoder",
    points=10,
    stars=3,
    scaffold="goal",
    builds_on=("Block", "RMSNorm"),
    hints=(
        "Follow one text through: ids (B, T), embeddings (B, T, D), the same shape through every block and the norm, "
        "and at the end a score for each of V tokens. Which matrix has V rows of D numbers already?",
        "A text of T tokens needs the first T rows of `self.cos` and `self.sin`. The logits are the final x times the "
        "transpose of `self.embedding.weight`. The targets are shifted already.",
        "`F.cross_entropy` wants (N, V) logits and (N,) targets: flatten batch and tokens together. Its ignore_index "
        "is -100 already, and its mean leaves those out.",
    ),
    forbidden=("storyteller.transformer.decoder.Decoder", "storyteller.training.losses.cross_entropy"),
)


def drawn(draw):
    """What a GPT is made with, by name; B and T."""
    heads = draw.choice([1, 2, 3])
    shape = {"vocab_size": draw.randint(9, 14), "d_model": heads * draw.choice([4, 6]), "n_layers": draw.choice([2, 3]),
             "n_heads": heads, "d_ff": draw.choice([7, 11])}  # fmt: skip
    return shape, *draw.sample(range(2, 8), 2)


def gpt_pair(student, draw, shape, *, max_seq_len=12, gain=1.0):
    """The student's GPT and the library's, with the same weights; the matrices of blocks are multiplied by the gain."""
    vocab_size, d_model, n_layers, n_heads, d_ff = shape.values()
    state = {"embedding.weight": draw.tensor(vocab_size, d_model), "norm.weight": draw.tensor(d_model) + 1.5}
    for layer in range(n_layers):
        block = block_state(draw, d_model, d_ff, prefix=f"blocks.{layer}.")
        state |= {name: one * gain if one.dim() > 1 else one for name, one in block.items()}
    config = config_of(d_model, n_heads, d_ff, vocab_size=vocab_size, n_layers=n_layers, max_seq_len=max_seq_len)
    oracle = Decoder(config)
    oracle.load_state_dict(to_library(state))
    module = student.new("GPT", *shape.values(), max_seq_len=max_seq_len)
    module.load(state)
    return module, oracle


@GPT.case("gives the logits of the library's decoder", points=3)
def gpt_logits(student, draw):
    shape, batch, n_tokens = drawn(draw)
    module, oracle = gpt_pair(student, draw, shape)
    for length in (n_tokens, 12):  # the second is the longest text that it reads
        ids = draw.integers(0, shape["vocab_size"], batch, length)
        got = module(ids)
        true(type(got) is tuple and len(got) == 2, "GPT gives back a pair: the logits and the loss.", got=got)
        close(got[0], oracle(ids).logits, "the logits", rtol=1e-3, atol=1e-3)
        true(got[1] is None, "Without targets there is no loss: give back None in its place.", got=got[1])


def loss_of(module, ids, targets):
    """The second of the two things that a GPT gives back."""
    got = module(ids, targets)
    true(type(got) is tuple and len(got) == 2, "GPT gives back a pair: the logits and the loss.", got=got)
    return got[1]


@GPT.case("measures the surprise by the targets, as the caller shifted them", points=2)
def gpt_loss(student, draw):
    shape, batch, n_tokens = drawn(draw)
    module, oracle = gpt_pair(student, draw, shape)
    ids, targets = (draw.integers(0, shape["vocab_size"], batch, n_tokens) for _ in range(2))
    log_p = oracle(ids).logits.log_softmax(-1)
    terms = [-log_p[b, t, targets[b, t]] for b in range(batch) for t in range(n_tokens)]
    close(loss_of(module, ids, targets), (sum(terms) / len(terms)).detach(), "the loss")


@GPT.case("leaves targets of -100 out of the mean", points=2)
def gpt_ignores(student, draw):
    shape, batch, _ = drawn(draw)
    module, oracle = gpt_pair(student, draw, shape)
    n_tokens = draw.choice([5, 6, 7])
    ids, targets = (draw.integers(0, shape["vocab_size"], batch, n_tokens) for _ in range(2))
    targets[0, :3] = -100
    targets[1, draw.randrange(n_tokens)] = -100
    log_p = oracle(ids).logits.log_softmax(-1)
    places = [(b, t) for b in range(batch) for t in range(n_tokens) if targets[b, t] != -100]
    terms = [-log_p[b, t, targets[b, t]] for b, t in places]
    close(loss_of(module, ids, targets), (sum(terms) / len(terms)).detach(), "the loss")


@GPT.case("says nothing different when the future changes", points=2)
def gpt_causality(student, draw):
    shape, batch, _ = drawn(draw)
    module, _ = gpt_pair(student, draw, shape)
    vocab_size, place = shape["vocab_size"], draw.randint(2, 5)
    ids = draw.integers(0, vocab_size, batch, 8)
    other = ids.clone()
    other[:, place:] = (other[:, place:] + 1 + draw.integers(0, vocab_size - 2, batch, 8 - place)) % vocab_size
    before, after = module(ids)[0], module(other)[0]
    for one in (before, after):
        shaped(one, (batch, 8, vocab_size), "the logits")
    what = f"the logits of the first {place} tokens once the tokens after them have changed"
    close(after[:, :place], before[:, :place], what, rtol=1e-3, atol=1e-3)
    true(
        (after - before)[:, place:].abs().max() > 1e-3,
        f"The logits from token {place} on are as before, although the tokens there have changed.",
    )


@GPT.case("lets gradients through to every parameter", points=1)
def gpt_gradients(student, draw):
    shape, batch, n_tokens = drawn(draw)
    # Through full blocks some gradients are of thousands, and float32 keeps no three digits of the small ones beside.
    module, oracle = gpt_pair(student, draw, shape, gain=0.5)
    ids, weight = (
        draw.integers(0, shape["vocab_size"], batch, n_tokens), draw.tensor(batch, n_tokens, shape["vocab_size"])
    )  # fmt: skip
    got = module.gradients(ids, cotangent=weight)
    (oracle(ids).logits * weight).sum().backward()
    wanted = {name: one.grad for name, one in oracle.named_parameters()}
    close(to_library(got.parameters), wanted, "the gradients", rtol=1e-3, atol=1e-3)
