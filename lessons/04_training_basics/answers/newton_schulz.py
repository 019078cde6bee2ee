"""Known answers to `newton_schulz`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

answers = [
    Wrong(
        "newton_schulz",
        "not_normalised",
        "The iteration begins with the gradient as it is. It only works for singular values of at most 1 and runs away "
        "from larger ones; tiny ones never get up. Divide by the root of the sum of all squares first.",
        change=("    x = x / (x.norm() + 1e-7)\n", ""),
    ),
    Wrong(
        "newton_schulz",
        "no_fifth_power",
        "The term with the fifth power is missing: the singular values run away from 1.",
        change=("(b * square + c * square @ square) @ x", "(b * square) @ x"),
    ),
    Wrong(
        "newton_schulz",
        "elementwise",
        "The products are taken number by number. They are products of matrices: `@`, not `*`.",
        change=("square = x @ x.mT", "square = (x * x).sum(dim=1).diag()"),
    ),
    Wrong(
        "newton_schulz",
        "cubic",
        "These are the coefficients of the older, cubic iteration, 1.5 and -0.5. It ends nearer to 1, but small "
        "singular values need many more steps.",
        change=("x = a * x + (b * square + c * square @ square) @ x", "x = 1.5 * x - 0.5 * square @ x"),
    ),
    Wrong(
        "newton_schulz",
        "stays_turned",
        "A tall matrix comes back lying down: turn it back at the end.",
        change=("return x.mT if is_tall else x", "return x"),
    ),
    Wrong(
        "newton_schulz",
        "one_step_more",
        "There is one step too many.",
        change=("for _step in range(steps):", "for _step in range(steps + 1):"),
    ),
    Wrong(
        "newton_schulz",
        "always_five",
        "It takes five steps, whatever `steps` says.",
        change=("for _step in range(steps):", "for _step in range(5):"),
    ),
    Right(
        "newton_schulz",
        "never_turned",
        code="""
def newton_schulz(gradient, *, steps=5):
    X = gradient / max(float(torch.linalg.matrix_norm(gradient)), 1e-7)
    for _ in range(steps):
        A = X.T @ X
        X = 3.4445 * X + X @ (-4.7750 * A + 2.0315 * (A @ A))
    return X
""",
    ),
    Right(
        "newton_schulz",
        "powers_written_out",
        code="""
def newton_schulz(gradient, *, steps=5):
    a, b, c = 3.4445, -4.7750, 2.0315
    transposed = gradient.shape[0] > gradient.shape[1]
    x = (gradient.T if transposed else gradient).clone()
    x = x / (x.pow(2).sum().sqrt() + 1e-7)
    for _ in range(steps):
        cubed = x @ x.T @ x
        x = a * x + b * cubed + c * (x @ x.T @ cubed)
    return x.T if transposed else x
""",
    ),
]
