"""What `moe_costs` must do, case by case."""

from storyteller.config import ModelConfig, preset
from storyteller.moe.cost_model import count_parameters, forward_flops
from storyteller.moe.layer import build_model
from storyteller_course import Exercise, equal

moe_costs = Exercise(
    "moe_costs",
    in_library="storyteller.moe.cost_model.count_parameters",
    points=6,
    stars=2,
    scaffold="blank",
    hints=(
        "Write down the parts of one block with their sizes: attention, router, one expert, norms. What is there once, "
        "and what E times?",
        "Attention: four D x D. Router: D x E. An expert: three D x F. Two norms: D each. Outside of the blocks: the "
        "embedding, V x D, and one more norm.",
        "Active: everything but the E - k experts that a token is not routed to. FLOPs: 2 for each weight of each "
        "matrix that the token meets, and 4 * D * S in each block between queries, keys and values.",
    ),
    forbidden=("storyteller.moe.cost_model.count_parameters", "storyteller.moe.cost_model.forward_flops"),
)


def small_models(draw):
    """Two shapes of models, each as the keywords of `moe_costs` and as the library's configuration."""
    return [shape_of(draw), shape_of(draw)]


def full_model():
    """The course's largest model, which is counted and not built."""
    full = preset("full").model
    names = ("vocab_size", "d_model", "n_layers", "n_heads", "d_ff", "n_experts", "top_k")
    return {**{name: getattr(full, name) for name in names}, "context": full.max_seq_len}, full


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
    for shape, config in small_models(draw):
        model = build_model(config)
        equal(student.moe_costs(**shape)[0], sum(one.numel() for one in model.parameters()), "all parameters")
    shape, config = full_model()
    equal(student.moe_costs(**shape)[0], count_parameters(config).total, "all parameters of the course's largest model")


@moe_costs.case("counts as active what one token passes through", points=2)
def active_parameters(student, draw):
    for shape, config in small_models(draw):
        model = build_model(config)
        total = sum(one.numel() for one in model.parameters())
        experts = sum(one.numel() for name, one in model.named_parameters() if name.endswith(("gate_up", "down")))
        idle = experts // config.n_experts * (config.n_experts - config.top_k)
        equal(student.moe_costs(**shape)[1], total - idle, "the active parameters")
        equal(total - idle, count_parameters(config).active)


@moe_costs.case("counts the FLOPs of one token", points=2)
def flops(student, draw):
    for shape, config in [*small_models(draw), full_model()]:
        wanted = int(forward_flops(config, context=shape["context"]))
        equal(student.moe_costs(**shape)[2], wanted, "the FLOPs")
