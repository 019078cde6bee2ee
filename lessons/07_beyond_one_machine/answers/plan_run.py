"""Known answers to `plan_run`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

STEPS = "steps = math.floor(min(deadline, budget / P) / seconds)"
COMPUTE = "compute = 6 * N * tokens_per_step / (P * flops)"

answers = [
    Wrong(
        "plan_run",
        "sending_left_out",
        "A step takes its arithmetic alone here. The gradients go round the ring too, and with many devices that is "
        "most of a step.",
        change=(
            "seconds = compute + ring_seconds(4 * N, P, latency=latency, bandwidth=bandwidth)",
            "seconds = compute",
        ),
    ),
    Wrong(
        "plan_run",
        "devices_cost_nothing",
        "The budget is taken for that of all devices together, whatever their number: two devices cost twice.",
        change=(STEPS, "steps = math.floor(min(deadline, budget) / seconds)"),
    ),
    Wrong(
        "plan_run",
        "no_deadline",
        "The deadline is left out.",
        change=(STEPS, "steps = math.floor(budget / P / seconds)"),
    ),
    Wrong(
        "plan_run",
        "no_budget",
        "The budget is left out.",
        change=(STEPS, "steps = math.floor(deadline / seconds)"),
    ),
    Wrong(
        "plan_run",
        "memory_left_out",
        "Plans are chosen that do not fit into the memory of a device.",
        change=("if sum(bytes_per_device(N, P, stage=1).values()) > memory:", "if memory < 0:"),
    ),
    Wrong(
        "plan_run",
        "averages_undivided",
        "The averages are counted in full on each device. They are divided among the devices.",
        change=("bytes_per_device(N, P, stage=1)", "bytes_per_device(N, P, stage=0)"),
    ),
    Wrong(
        "plan_run",
        "everything_divided",
        "Weights and gradients are divided here too, as in stage 3. Only the averages are.",
        change=("bytes_per_device(N, P, stage=1)", "bytes_per_device(N, P, stage=3)"),
    ),
    Wrong(
        "plan_run",
        "arithmetic_not_shared",
        "Each device computes all tokens of a step. They are shared out, so the arithmetic takes a P-th of the time.",
        change=(COMPUTE, "compute = 6 * N * tokens_per_step / flops"),
    ),
    Wrong(
        "plan_run",
        "forward_only",
        "The arithmetic is that of the forward pass. With the backward pass it is three times as much, six operations "
        "for each parameter and token.",
        change=(COMPUTE, "compute = 2 * N * tokens_per_step / (P * flops)"),
    ),
    Wrong(
        "plan_run",
        "largest_model",
        "The largest size that fits is chosen. The law says what it is good for after as few tokens as it can read.",
        change=('(plan["loss"], plan["devices"])', '(-plan["parameters"], plan["loss"])'),
    ),
    Wrong(
        "plan_run",
        "more_devices_of_equal_plans",
        "Of equally good plans the one with the most devices is chosen.",
        change=('(plan["loss"], plan["devices"])', '(plan["loss"], -plan["devices"])'),
    ),
    Right(
        "plan_run",
        "by_comprehension",
        code="""
        def plan_run(
            law, sizes, devices, *, deadline, budget, memory, flops, latency, bandwidth, tokens_per_step
        ):
            def step_time(n, p):
                return 6 * n * tokens_per_step / p / flops + ring_seconds(
                    4 * n, p, latency=latency, bandwidth=bandwidth
                )

            best = None
            for p in sorted(devices):
                for n in sizes:
                    fits = sum(bytes_per_device(n, p, stage=1).values()) <= memory
                    steps = int(min(deadline, budget / p) // step_time(n, p))
                    if not fits or not steps:
                        continue
                    loss = law["floor"] + law["A"] * n ** -law["alpha"]
                    loss += law["B"] * (steps * tokens_per_step) ** -law["beta"]
                    if best is None or loss < best["loss"]:
                        best = dict(parameters=n, devices=p, steps=steps, loss=loss)
            return best
        """,
    ),
    Right(
        "plan_run",
        "without_the_parts",
        code="""
        def plan_run(
            law, sizes, devices, *, deadline, budget, memory, flops, latency, bandwidth, tokens_per_step
        ):
            found = []
            for P in devices:
                for N in sizes:
                    if 4 * N + 4 * N + 8 * math.ceil(N / P) <= memory:
                        ring = 2 * (P - 1) * latency + 8 * (P - 1) * N / P / bandwidth
                        step = 6 * N * tokens_per_step / flops / P + ring
                        steps = math.floor(min(deadline / step, budget / step / P))
                        if steps > 0:
                            D = steps * tokens_per_step
                            loss = law["floor"] + law["A"] / N ** law["alpha"] + law["B"] / D ** law["beta"]
                            found.append((loss, P, N, steps))
            if not found:
                return None
            loss, P, N, steps = sorted(found)[0]
            return {"loss": loss, "devices": P, "parameters": N, "steps": steps}
        """,
    ),
]
