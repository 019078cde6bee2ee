"""What `MoELayer` must do, case by case."""

import torch
import torch.nn.functional as F

from storyteller.config import ModelConfig
from storyteller.moe import layer as library
from storyteller_course import Exercise, close, fixture, true

MoELayer = Exercise(
    "MoELayer",
    points=10,
    stars=2,
    scaffold="goal",
    builds_on=("route_top_k", "combine", "dispatch_sorted"),
    hints=(
        "You have all the parts: a router, `route_top_k`, `Experts`, `dispatch_sorted`. They work on rows, (N, D), and "
        "the layer gets (B, T, D).",
        "`x.flatten(0, 1)` puts the tokens in a row, `view_as(x)` takes that back at the end. `dispatch_sorted` gets "
        "the tokens, not the logits.",
        "The probabilities in the Routing are `softmax` of the logits over all E experts; the weights, which sum to 1 "
        "over the k chosen ones, are another thing and have a place of their own.",
    ),
    stand_in="storyteller.moe.layer.MoELayer",
)


def layer_pair(student, draw, *, top_k=2, n_experts=4, d_model=6, d_ff=3):
    """The student's layer and the library's, with the same weights."""
    shape = {
        "vocab_size": 8, "max_seq_len": 8, "d_model": d_model, "n_layers": 1, "n_heads": 1, "n_kv_heads": 1,
        "d_ff": d_ff, "n_experts": n_experts, "top_k": top_k,
    }  # fmt: skip
    theirs = library.MoELayer(ModelConfig(**shape))
    state = {name: draw.tensor(*value.shape) for name, value in theirs.state_dict().items()}
    theirs.load_state_dict(state)
    mine = student.new("MoELayer", fixture("model_config", **shape))
    mine.load(state)
    return mine, theirs


@MoELayer.case("sends each token through its k experts, whatever the shape", points=3)
def through_experts(student, draw):
    for top_k, n_experts, shape in ((2, 4, (2, 5, 6)), (1, 4, (1, 1, 8)), (3, 5, (3, 2, 4))):
        mine, theirs = layer_pair(student, draw, top_k=top_k, n_experts=n_experts, d_model=shape[-1])
        x = draw.tensor(*shape)
        with torch.no_grad():
            wanted = theirs(x)[0]
        close(mine(x)[0], wanted, f"the output for k = {top_k} and x of shape {shape}")


@MoELayer.case("gives back the routing, with the probabilities of all experts", points=3)
def routing(student, draw):
    top_k, n_experts, d_model = draw.choice([(2, 5, 4), (3, 4, 8)])
    mine, theirs = layer_pair(student, draw, top_k=top_k, n_experts=n_experts, d_model=d_model)
    x = draw.tensor(2, 3, d_model)
    got, (_, wanted) = mine(x)[1], theirs(x)
    true(len(got) == 5, "The routing has five parts: logits, probs, weights, experts, dropped.", got=got)
    for name, part, right in zip(wanted._fields, got, wanted, strict=True):
        close(part, right, f"the {name} of the routing")


@MoELayer.case("with all experts equal and k = E, is one dense layer", points=2)
def equal_experts(student, draw):
    mine, _ = layer_pair(student, draw, top_k=3, n_experts=3, d_ff=4)
    gate_up, down = draw.tensor(1, 8, 6), draw.tensor(1, 6, 4)
    router = draw.tensor(3, 6)
    mine.load({"router.weight": router, "gate_up": gate_up.repeat(3, 1, 1), "down": down.repeat(3, 1, 1)})
    x = draw.tensor(2, 3, 6)
    gate, up = (x @ gate_up[0].T).chunk(2, dim=-1)
    close(mine(x)[0], (F.silu(gate) * up) @ down[0].T, "the output")


@MoELayer.case("lets gradients reach router, experts and tokens", points=2)
def layer_gradients(student, draw):
    mine, theirs = layer_pair(student, draw)
    x, cotangent = draw.tensor(2, 4, 6), draw.tensor(2, 4, 6)
    of_probs = draw.tensor(8, 4)
    leaf = x.clone().requires_grad_()
    y, route = theirs(leaf)
    ((y * cotangent).sum() + (route.probs * of_probs).sum()).backward()
    zero = torch.zeros(8, 4)
    found = mine.gradients(x, cotangent=[cotangent, zero, of_probs, zero[:, :2]])
    close(found.inputs, [leaf.grad], "the gradient of x")
    for name, parameter in theirs.named_parameters():
        close(found.parameters.get(name), parameter.grad, f"the gradient of {name}")
