"""Known answers to `sinusoidal_positions`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

answers = [
    Wrong(
        "sinusoidal_positions",
        "halves",
        "All sines come first and then all cosines. The paper has them as neighbours: sin, cos, sin, cos.",
        change=(
            "torch.stack((angle.sin(), angle.cos()), dim=-1).flatten(start_dim=1)",
            "torch.cat((angle.sin(), angle.cos()), dim=1)",
        ),
    ),
    Wrong(
        "sinusoidal_positions",
        "cosine_first",
        "Cosine and sine have changed places: the even features are sines.",
        change=("(angle.sin(), angle.cos())", "(angle.cos(), angle.sin())"),
    ),
    Wrong(
        "sinusoidal_positions",
        "half_the_exponent",
        "The exponent is i/D where it should be 2i/D: the waves become longer only half as fast.",
        change=("torch.arange(0, d_model, 2) / d_model", "torch.arange(0, d_model, 2) / 2 / d_model"),
    ),
    Wrong(
        "sinusoidal_positions",
        "ever_faster",
        "The exponent has lost its minus: the waves become faster from pair to pair, and at once so fast that "
        "neighbouring positions look like chance.",
        change=("10_000.0 ** (-torch.arange", "10_000.0 ** (torch.arange"),
    ),
    Wrong(
        "sinusoidal_positions",
        "counts_from_1",
        "The first position is 1. It is 0, where all sines are 0 and all cosines 1.",
        change=("torch.arange(n_positions)[:, None]", "torch.arange(1, n_positions + 1)[:, None]"),
    ),
    Wrong(
        "sinusoidal_positions",
        "another_base",
        "The base is 1,000. It is 10,000.",
        change=("10_000.0", "1_000.0"),
    ),
    Wrong(
        "sinusoidal_positions",
        "sine_twice",
        "Every feature is a sine. Each second one is the cosine of the same angle.",
        change=("angle.cos()", "angle.sin()"),
    ),
    Right(
        "sinusoidal_positions",
        "filled_in",
        code="""
def sinusoidal_positions(n_positions, d_model):
    table = torch.empty(n_positions, d_model)
    position = torch.arange(n_positions).unsqueeze(1)
    divisor = torch.exp(torch.arange(0, d_model, 2) * (-math.log(10000.0) / d_model))
    table[:, 0::2] = torch.sin(position * divisor)
    table[:, 1::2] = torch.cos(position * divisor)
    return table
""",
    ),
    Right(
        "sinusoidal_positions",
        "by_complex_numbers",
        code="""
def sinusoidal_positions(n_positions, d_model):
    angle = torch.outer(torch.arange(n_positions).float(), 1 / 10_000 ** (torch.arange(d_model // 2) * 2 / d_model))
    spun = torch.polar(torch.ones_like(angle), angle)
    return torch.view_as_real(spun).flip(-1).reshape(n_positions, d_model)
""",
    ),
    Right(
        "sinusoidal_positions",
        "by_loops",
        code="""
def sinusoidal_positions(n_positions, d_model):
    pe = torch.zeros(n_positions, d_model)
    for pos in range(n_positions):
        for i in range(0, d_model, 2):
            pe[pos, i] = math.sin(pos / (10000 ** (i / d_model)))
            pe[pos, i + 1] = math.cos(pos / (10000 ** (i / d_model)))
    return pe
""",
    ),
    Right(
        "sinusoidal_positions",
        "as_in_numpy",
        code="""
def sinusoidal_positions(n_positions, d_model):
    import numpy as np

    angle = np.arange(n_positions)[:, np.newaxis] / np.power(10000.0, 2 * (np.arange(d_model) // 2) / d_model)
    angle[:, 0::2] = np.sin(angle[:, 0::2])
    angle[:, 1::2] = np.cos(angle[:, 1::2])
    return torch.from_numpy(angle).float()
""",
    ),
]
