"""What `parameters_and_flops` must do, case by case."""

import torch

from storyteller.config import ModelConfig
from storyteller.transformer.decoder import Decoder
from storyteller_course import Exercise, equal

parameters_and_flops = Exercise(
    "parameters_and_flops",
    in_library="storyteller.moe.cost_model.count_parameters",
    points=8,
    stars=2,
    scaffold="blank",
    bonus=True,
    hints=(
        "Count the entries of each matrix in the constructors above. RoPE's table is computed and not learned.",
        "A matrix of m times n costs 2 m n for each token that is multiplied with it. Looking an embedding up is no "
        "product, but the tied embedding is multiplied once, for the logits.",
        "Between tokens, in each block: scores cost 2 T T Dh in each of H heads, and the averages as much again. H "
        "times Dh is D.",
    ),
)


def shape_of(draw):
    """The shape of a small GPT."""
    heads = draw.choice([1, 2, 4])
    return {
        "vocab_size": draw.randint(20, 60),
        "d_model": heads * 2 * draw.randint(2, 5),
        "n_layers": draw.randint(1, 4),
        "n_heads": heads,
        "d_ff": draw.randint(9, 30),
    }


def counted(shape, seq_len):
    """Parameters and FLOPs, counted on the library's model while it runs."""
    from torch.utils.flop_counter import FlopCounterMode

    def plain(q, k, v, *, mask=None, causal=False):  # two products that the counter sees
        return (q @ k.transpose(-2, -1)).softmax(-1) @ v

    config = ModelConfig(max_seq_len=64, n_kv_heads=shape["n_heads"], n_experts=0, **shape)
    model = Decoder(config, attend=plain)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.zeros(1, seq_len, dtype=torch.int64))
    return sum(one.numel() for one in model.parameters()), counter.get_total_flops()


@parameters_and_flops.case("counts the parameters", points=4)
def parameter_count(student, draw):
    shape = shape_of(draw)
    seq_len = draw.randint(5, 12)
    wanted = counted(shape, seq_len)[0]
    equal(student.parameters_and_flops(**shape, seq_len=seq_len)[0], wanted, "the parameters")


@parameters_and_flops.case("counts the FLOPs of one text", points=4)
def flop_count(student, draw):
    shape, seq_len = shape_of(draw), draw.randint(10, 50)
    equal(student.parameters_and_flops(**shape, seq_len=seq_len)[1], counted(shape, seq_len)[1], "the FLOPs")
