"""What `GPT` must do, case by case."""

from storyteller.transformer.decoder import Decoder
from storyteller_course import Exercise, close, true
from storyteller_course.lesson_tools.understanding_transformers import to_library

from .oracles import WIDE, block_state, config_of

GPT = Exercise(
    "GPT",
    in_library="storyteller.transformer.decoder.Decoder",
    points=12,
    stars=3,
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
SHAPE = {"vocab_size": 11, "d_model": 8, "n_layers": 2, "n_heads": 2, "d_ff": 12}


def gpt_state(draw):
    """Weights for a GPT of SHAPE."""
    state = {"embedding.weight": draw.tensor(11, 8, dtype=WIDE), "norm.weight": draw.tensor(8, dtype=WIDE) + 1.5}
    for layer in range(SHAPE["n_layers"]):
        state |= block_state(draw, 8, 12, prefix=f"blocks.{layer}.")
    return state


def gpt_pair(student, draw):
    """The student's GPT and the library's, with the same weights."""
    state = gpt_state(draw)
    config = config_of(8, 2, 12, vocab_size=11, n_layers=2)
    oracle = Decoder(config).double()
    oracle.load_state_dict(to_library(state))
    module = student.new("GPT", *SHAPE.values(), max_seq_len=16)
    module.load(state)
    return module, oracle


@GPT.case("gives the logits of the library's decoder", points=4)
def gpt_logits(student, draw):
    module, oracle = gpt_pair(student, draw)
    ids = draw.integers(0, 11, 2, draw.randint(5, 9))
    got = module(ids)
    true(type(got) is tuple and len(got) == 2, "GPT gives back a pair: the logits and the loss.", got=got)
    close(got[0], oracle(ids).logits, "the logits")
    true(got[1] is None, "Without targets there is no loss: give back None in its place.", got=got[1])


@GPT.case("measures the surprise by the targets, as the caller shifted them", points=2)
def gpt_loss(student, draw):
    module, oracle = gpt_pair(student, draw)
    ids, targets = draw.integers(0, 11, 2, 6), draw.integers(0, 11, 2, 6)
    log_p = oracle(ids).logits.log_softmax(-1)
    slow = -sum(log_p[b, t, targets[b, t]] for b in range(2) for t in range(6)) / 12
    close(module(ids, targets)[1], slow.detach(), "the loss")


@GPT.case("leaves targets of -100 out of the mean", points=2)
def gpt_ignores(student, draw):
    module, oracle = gpt_pair(student, draw)
    ids, targets = draw.integers(0, 11, 2, 6), draw.integers(0, 11, 2, 6)
    targets[0, :3] = -100
    targets[1, draw.randint(0, 5)] = -100
    log_p = oracle(ids).logits.log_softmax(-1)
    kept = [-log_p[b, t, targets[b, t]] for b in range(2) for t in range(6) if targets[b, t] != -100]
    close(module(ids, targets)[1], (sum(kept) / len(kept)).detach(), "the loss")


@GPT.case("says nothing different when the future changes", points=2)
def gpt_causality(student, draw):
    module, _ = gpt_pair(student, draw)
    ids, place = draw.integers(0, 11, 1, 8), draw.randint(2, 5)
    other = ids.clone()
    other[:, place:] = (other[:, place:] + 1 + draw.integers(0, 9, 1, 8 - place)) % 11
    before, after = module(ids)[0][:, :place], module(other)[0][:, :place]
    close(after, before, f"the logits of the first {place} tokens once the tokens after them have changed")


@GPT.case("lets gradients through to every parameter", points=2)
def gpt_gradients(student, draw):
    module, oracle = gpt_pair(student, draw)
    ids = draw.integers(0, 11, 2, 5)
    weight = draw.tensor(2, 5, 11, dtype=WIDE)
    got = module.gradients(ids, cotangent=weight)
    (oracle(ids).logits * weight).sum().backward()
    wanted = {name: one.grad for name, one in oracle.named_parameters()}
    close(to_library(got.parameters), wanted, "the gradients")
