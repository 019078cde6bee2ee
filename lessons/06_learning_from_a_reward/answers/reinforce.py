"""Known answers to `reinforce`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

LOG_PROBS = "log_probs = token_log_probs(model(ids).logits, ids, mask, temperature=temperature)"

answers = [
    Wrong(
        "reinforce",
        "reference_trains_along",
        "The reference trains along: it is the model itself, or a copy that is made anew at each step. Then the KL "
        "holds nothing. Make a copy once, before anything is learned.",
        change=(
            ("reference = copy.deepcopy(model).requires_grad_(False)", "reference = model"),
            ("ref = token_log_probs(reference(ids).logits,", "ref = token_log_probs(reference(ids).logits.detach(),"),
        ),
    ),
    Wrong(
        "reinforce",
        "old_taken_anew",
        "The old log-probabilities are taken anew in each update, so every ratio is 1 and nothing is ever clipped. "
        "They belong to the model that told the stories.",
        change=(LOG_PROBS, LOG_PROBS + "\n            old_log_probs = log_probs.detach()"),
    ),
    Wrong(
        "reinforce",
        "gradients_add_up",
        "The gradients of earlier updates are still there: `optimizer.zero_grad()` is missing.",
        change=("            model.zero_grad()\n", ""),
    ),
    Wrong(
        "reinforce",
        "one_update",
        "There is one update for each step, whatever `updates` is.",
        change=("for _ in range(updates):", "for _ in range(1):"),
    ),
    Wrong(
        "reinforce",
        "without_temperature",
        "The log-probabilities are taken without the temperature, and compared with those of a sampler that had one.",
        change=(LOG_PROBS, "log_probs = token_log_probs(model(ids).logits, ids, mask)"),
    ),
    Wrong(
        "reinforce",
        "kl_left_out",
        "The KL is not in the loss, so nothing holds the model to what it was.",
        change=("            loss = loss + kl_weight * kl_k3(log_probs, ref).sum() / mask.sum()\n", ""),
    ),
    Wrong(
        "reinforce",
        "kl_pushes_away",
        "The KL is taken off the loss, which pushes the model away from the reference.",
        change=("loss = loss + kl_weight *", "loss = loss - kl_weight *"),
    ),
    Wrong(
        "reinforce",
        "rewards_for_advantages",
        "The rewards themselves are used as advantages. A story is compared with the others of its prompt.",
        change=("advantages = compare(rewards, group_size)", "advantages = rewards"),
    ),
    Wrong(
        "reinforce",
        "compares_by_groups_always",
        "The stories are compared by `group_advantages`, whatever `compare` is. Call what the caller gave.",
        change=("compare(rewards, group_size)", "group_advantages(rewards, group_size)"),
    ),
    Wrong(
        "reinforce",
        "one_group",
        "All stories of a step are compared with each other. Those of one prompt are.",
        change=("compare(rewards, group_size)", "compare(rewards, len(rewards))"),
    ),
    Wrong(
        "reinforce",
        "mean_over_stories",
        'The loss is normalised story by story, the default of `clipped_loss`. The task asks for "dapo", the mean over '
        "all tokens.",
        change=(', normalization="dapo")', ")"),
    ),
    Wrong(
        "reinforce",
        "sums_of_rewards",
        "The rewards of a step are added up. Their mean is asked for.",
        change=("history.append(float(rewards.mean()))", "history.append(float(rewards.sum()))"),
    ),
    Right(
        "reinforce",
        "from_the_first_pass",
        code="""
        def reinforce(
            model, optimizer, tell, reward, *, steps, group_size, updates=1, temperature=1.0, kl_weight=0.0,
            compare=group_advantages,
        ):
            frozen = copy.deepcopy(model).requires_grad_(False)
            means = []
            for step in range(steps):
                ids, mask, _, stories = tell()
                scores = torch.as_tensor(reward(stories), dtype=torch.float64)
                A = compare(scores, group_size)
                old = None
                for update in range(updates):
                    now = token_log_probs(model(ids).logits, ids, mask, temperature=temperature)
                    old = now.detach() if old is None else old
                    ref = token_log_probs(frozen(ids).logits, ids, mask, temperature=temperature)
                    kl = kl_k3(now, ref)[mask].mean()
                    loss = clipped_loss(now, old, A, mask, normalization="dapo") + kl_weight * kl
                    optimizer.zero_grad(set_to_none=True)
                    loss.backward()
                    optimizer.step()
                means.append(sum(scores.tolist()) / len(scores))
            return means
        """,
    ),
    Right(
        "reinforce",
        "by_names",
        code="""
        def reinforce(
            model, optimizer, tell, reward, *, steps, group_size, updates=1, temperature=1.0, kl_weight=0.0,
            compare=group_advantages,
        ):
            start = copy.deepcopy(model).eval()
            history = []
            for _ in range(steps):
                told = tell()
                earned = torch.tensor(reward(stories=told.stories))
                A = compare(earned, group_size=group_size)
                with torch.no_grad():
                    ref = token_log_probs(start(told.ids).logits, told.ids, told.mask, temperature=temperature)
                for _ in range(updates):
                    now = token_log_probs(model(told.ids).logits, told.ids, told.mask, temperature=temperature)
                    loss = clipped_loss(now, told.log_probs, A, told.mask, normalization="dapo")
                    loss = loss + kl_weight * kl_k3(now, ref)[told.mask].mean()
                    optimizer.zero_grad()
                    loss.backward()
                    optimizer.step()
                history.append(earned.mean().item())
            return history
        """,
    ),
    Right(
        "reinforce",
        "kl_only_where_wanted",
        code="""
        def reinforce(
            model, optimizer, tell, reward, *, steps, group_size, updates=1, temperature=1.0, kl_weight=0.0,
            compare=group_advantages,
        ):
            reference = copy.deepcopy(model) if kl_weight else None

            def log_p(policy, rollout):
                return token_log_probs(policy(rollout[0]).logits, rollout[0], rollout[1], temperature=temperature)

            history = []
            while len(history) < steps:
                rollout = tell()
                rewards = torch.tensor([float(one) for one in reward(rollout[3])])
                history.append(rewards.mean().item())
                for _ in range(updates):
                    optimizer.zero_grad()
                    new = log_p(model, rollout)
                    loss = clipped_loss(
                        new, rollout[2], compare(rewards, group_size), rollout[1], normalization="dapo"
                    )
                    if reference is not None:
                        with torch.no_grad():
                            held = log_p(reference, rollout)
                        loss = loss + kl_weight * (kl_k3(new, held) * rollout[1]).sum() / rollout[1].sum()
                    loss.backward()
                    optimizer.step()
            return history
        """,
    ),
]
