"""Known answers to `decay_groups`: the given code, wrong ones, explained, and right ones in other styles."""

from storyteller_course import Given, Right, Wrong

answers = [
    Given(
        "decay_groups",
        code='''
def decay_groups(model: nn.Module, weight_decay: float) -> list[dict]:
    """Split a model's parameters into those that decay and those that do not.

    Args:
        model: any model. Parameters that are not trained are left out, and a weight
            that two layers share counts once.
        weight_decay: of the first group.

    Returns:
        Two groups for an optimizer, {"params": [...], "weight_decay": ...}: first the
        matrices, then the vectors (norms and biases) with a decay of 0. Both keep the
        order of `model.parameters()`.
    """
    # Sets, so that a weight that two layers share is there once.
    decay, rest = set(), set()
    for module in model.modules():
        for name, parameter in module.named_parameters(recurse=False):
            if parameter.requires_grad:
                group = rest if name == "bias" else decay
                group.add(parameter)
    return [
        {"params": list(decay), "weight_decay": weight_decay},
        {"params": list(rest), "weight_decay": 0.0},
    ]
''',
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
    Wrong(
        "decay_groups",
        "two_dimensions_only",
        "Only tensors of exactly two dimensions decay. The experts of a layer stand one behind the other in one tensor "
        "of three, and are matrices all the same: at least two dimensions.",
        change=("parameter.dim() >= 2", "parameter.dim() == 2"),
    ),
    Wrong(
        "decay_groups",
        "groups_swapped",
        "The two groups have changed places: the first, which decays, has the vectors, and the second the matrices.",
        change=("group = decay if parameter.dim() >= 2 else rest", "group = rest if parameter.dim() >= 2 else decay"),
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
    Right(
        "decay_groups",
        "by_name_in_a_dictionary",
        code="""
def decay_groups(model, weight_decay):
    param_dict = {pn: p for pn, p in model.named_parameters()}
    param_dict = {pn: p for pn, p in param_dict.items() if p.requires_grad}
    decay_params = [p for n, p in param_dict.items() if p.dim() >= 2]
    nodecay_params = [p for n, p in param_dict.items() if p.dim() < 2]
    return [
        {"params": decay_params, "weight_decay": weight_decay},
        {"params": nodecay_params, "weight_decay": 0.0},
    ]
""",
    ),
]
