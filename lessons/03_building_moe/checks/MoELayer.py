"""What `MoELayer` must do, case by case."""

import torch
import torch.nn.functional as F

from storyteller.config import ModelConfig
from storyteller.moe import layer as library
from storyteller_course import Exercise, close, fixture, true

from .oracles import WIDE

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
    stand_in="storyteller.moe.layer.MoELayer",
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
    mine = student.new("MoELayer", fixture("model_config", **shape))
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
