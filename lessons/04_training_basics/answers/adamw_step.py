"""Known answers to `adamw_step`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

answers = [
    Wrong(
        "adamw_step",
        "no_bias_correction",
        "The averages are used as they are. They start at 0, so in the first steps they are far too "
        "small, the square most of all, and the step comes out several times too large. Divide by 1 - "
        "beta to the power of the step.",
        change=(
            ("mean / (1 - betas[0] ** step)", "mean"),
            ("square / (1 - betas[1] ** step)", "square"),
        ),
    ),
    Wrong(
        "adamw_step",
        "corrects_the_mean_only",
        "Only the mean of the gradient is corrected; the mean of its square starts at 0 as well.",
        change=("square / (1 - betas[1] ** step)", "square"),
    ),
    Wrong(
        "adamw_step",
        "keeps_corrected_averages",
        "The corrected averages are kept in the state, and corrected once more in the next step. Keep "
        "them as they are, and correct copies.",
        change=('"mean": mean, "square": square}', '"mean": mean_hat, "square": square_hat}'),
    ),
    Wrong(
        "adamw_step",
        "correction_of_step_one",
        "The correction always is that of the first step: 1 - beta. It fades as the averages fill up: "
        "beta to the power of the step.",
        change=(("(1 - betas[0] ** step)", "(1 - betas[0])"), ("(1 - betas[1] ** step)", "(1 - betas[1])")),
    ),
    Wrong(
        "adamw_step",
        "step_not_counted",
        "The step in the state stays the same, so every step is corrected as the first.",
        change=('{"step": step,', '{"step": 0,'),
        synonym_of="correction_of_step_one",
    ),
    Wrong(
        "adamw_step",
        "eps_inside_root",
        "eps is added under the root. There it acts as its root, 1e-4 for 1e-8, and brakes parameters "
        "with small gradients. Add it after the root.",
        change=("(square_hat.sqrt() + eps)", "(square_hat + eps).sqrt()"),
    ),
    Wrong(
        "adamw_step",
        "eps_before_correction",
        "eps is added to the root of the square that is not corrected yet, as in the first version of "
        "the Adam paper's fast form. PyTorch and algorithm 2 add it after the correction.",
        change=(
            "(square_hat.sqrt() + eps)",
            "((square.sqrt() + eps) / (1 - betas[1] ** step) ** 0.5)",
        ),
    ),
    Wrong(
        "adamw_step",
        "l2_in_gradient",
        "The decay was added to the gradient, as in the older Adam. There it is divided by the root of "
        "the square like the rest, so that weights with large gradients hardly decay. AdamW decays the "
        "parameter itself.",
        change=(
            (
                "    mean = betas[0] * mean + (1 - betas[0]) * gradient\n",
                "    gradient = gradient + weight_decay * parameter\n"
                "    mean = betas[0] * mean + (1 - betas[0]) * gradient\n",
            ),
            ("parameter * (1 - lr * weight_decay)", "parameter"),
        ),
    ),
    Wrong(
        "adamw_step",
        "decay_without_rate",
        "The decay is not multiplied with the learning rate: each step would take a tenth of every weight away.",
        change=("(1 - lr * weight_decay)", "(1 - weight_decay)"),
    ),
    Wrong(
        "adamw_step",
        "no_decay",
        "Nothing decays: weight_decay has no effect.",
        change=("parameter * (1 - lr * weight_decay)", "parameter"),
    ),
    Wrong(
        "adamw_step",
        "decay_grows",
        "The weights grow instead of decaying: the sign of the decay is wrong.",
        change=("(1 - lr * weight_decay)", "(1 + lr * weight_decay)"),
    ),
    Wrong(
        "adamw_step",
        "betas_swapped",
        "The two betas have changed places: the first is for the mean of the gradient, the second for "
        "that of its square.",
        change=(
            (
                "mean = betas[0] * mean + (1 - betas[0]) * gradient",
                "mean = betas[1] * mean + (1 - betas[1]) * gradient",
            ),
            (
                "square = betas[1] * square + (1 - betas[1]) * gradient**2",
                "square = betas[0] * square + (1 - betas[0]) * gradient**2",
            ),
            ("mean / (1 - betas[0] ** step)", "mean / (1 - betas[1] ** step)"),
            ("square / (1 - betas[1] ** step)", "square / (1 - betas[0] ** step)"),
        ),
    ),
    Wrong(
        "adamw_step",
        "no_root",
        "The mean is divided by the square, not by its root. Then a gradient that is ten times as large "
        "makes a step that is ten times as small.",
        change=("square_hat.sqrt()", "square_hat"),
    ),
    Wrong(
        "adamw_step",
        "forgets_state",
        "Every step starts with averages of zero: what the state holds is not used.",
        change=('state.get("mean", torch.zeros_like(parameter))', "torch.zeros_like(parameter)"),
    ),
    Wrong(
        "adamw_step",
        "in_place",
        "The parameter that was handed in is changed. Here a new one is wanted; whoever calls the "
        "function may still need the old.",
        change=("decayed = parameter * (1 - lr * weight_decay)", "decayed = parameter.mul_(1 - lr * weight_decay)"),
    ),
    Wrong(
        "adamw_step",
        "averages_in_place",
        "The averages in the state that was handed in are changed. Build new ones: whoever calls the function may "
        "still need the old state.",
        change=(
            "mean = betas[0] * mean + (1 - betas[0]) * gradient",
            "mean.mul_(betas[0]).add_((1 - betas[0]) * gradient)",
        ),
    ),
    Wrong(
        "adamw_step",
        "climbs",
        "The parameter goes with the gradient, uphill. Subtract.",
        change=("new = decayed - lr", "new = decayed + lr"),
    ),
    Wrong(
        "adamw_step",
        "decays_last",
        "The decay takes the new parameter, after the gradient's step; it takes the old one.",
        change=(
            ("decayed = parameter * (1 - lr * weight_decay)", "decayed = parameter"),
            (
                "    new = decayed - lr * mean_hat / (square_hat.sqrt() + eps)\n",
                "    new = (decayed - lr * mean_hat / (square_hat.sqrt() + eps)) * (1 - lr * weight_decay)\n",
            ),
        ),
    ),
    Wrong(
        "adamw_step",
        "square_of_the_mean",
        "The second average is fed with the square of the mean. It takes the square of the gradient.",
        change=("gradient**2", "mean**2"),
    ),
    Right(
        "adamw_step",
        "correction_in_the_rate",
        code="""
def adamw_step(parameter, gradient, state, *, lr, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.1):
    (beta1, beta2), t = betas, state.get("step", 0) + 1
    m = torch.lerp(state.get("mean", torch.zeros_like(gradient)), gradient, 1 - beta1)
    v = beta2 * state.get("square", 0.0) + (1 - beta2) * gradient * gradient
    root = v.sqrt() / math.sqrt(1 - beta2**t) + eps
    new = parameter - lr * weight_decay * parameter - lr / (1 - beta1**t) * m / root
    return new, {"step": t, "mean": m, "square": v}
""",
    ),
    Right(
        "adamw_step",
        "number_by_number",
        code="""
def adamw_step(parameter, gradient, state, *, lr, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.1):
    if not state:
        state = {"step": 0, "mean": torch.zeros_like(parameter), "square": torch.zeros_like(parameter)}
    t = state["step"] + 1
    new, m, v = parameter.clone(), state["mean"].clone(), state["square"].clone()
    for i in range(parameter.numel()):
        g = gradient.reshape(-1)[i].item()
        m.view(-1)[i] = betas[0] * m.view(-1)[i] + (1 - betas[0]) * g
        v.view(-1)[i] = betas[1] * v.view(-1)[i] + (1 - betas[1]) * g * g
        up = m.view(-1)[i].item() / (1 - betas[0] ** t)
        down = math.sqrt(v.view(-1)[i].item() / (1 - betas[1] ** t)) + eps
        new.view(-1)[i] -= lr * (up / down + weight_decay * parameter.reshape(-1)[i].item())
    return new, {"step": t, "mean": m, "square": v}
""",
    ),
    Right(
        "adamw_step",
        "as_in_torchs_single_tensor_loop",
        code="""
def adamw_step(parameter, gradient, state, *, lr, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.1):
    beta1, beta2 = betas
    exp_avg = state["mean"].clone() if "mean" in state else torch.zeros(parameter.shape)
    exp_avg_sq = state["square"].clone() if "square" in state else torch.zeros(parameter.shape)
    step = 1 + (state["step"] if "step" in state else 0)
    new = parameter.detach().clone()
    new.mul_(1 - lr * weight_decay)
    exp_avg.mul_(beta1).add_(gradient, alpha=1 - beta1)
    exp_avg_sq.mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
    step_size = lr / (1 - beta1**step)
    denom = (exp_avg_sq.sqrt() / (1 - beta2**step) ** 0.5).add_(eps)
    new.addcdiv_(exp_avg, denom, value=-step_size)
    return new, {"step": step, "mean": exp_avg, "square": exp_avg_sq}
""",
    ),
]
