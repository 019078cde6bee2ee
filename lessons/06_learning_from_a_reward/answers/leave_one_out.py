"""Known answers to `leave_one_out`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

answers = [
    Wrong(
        "leave_one_out",
        "whole_row",
        "The story itself is in the mean that it is compared with. Leave it out: the mean is that of the others.",
        change=("baseline = (total - rewards) / (G - 1)", "baseline = total / G"),
    ),
    Wrong(
        "leave_one_out",
        "divided_by_all",
        "The sum of the others is divided by G. There are G - 1 of them.",
        change=("(total - rewards) / (G - 1)", "(total - rewards) / G"),
    ),
    Wrong(
        "leave_one_out",
        "baseline_only",
        "This is the baseline. The advantage is the reward less it.",
        change=("return rewards - baseline", "return baseline"),
    ),
    Wrong(
        "leave_one_out",
        "other_prompts",
        "The mean goes over the prompts, down the columns. The stories of one prompt are a row.",
        change=(("rewards.size(1)", "rewards.size(0) + 1"), ("rewards.sum(dim=1,", "rewards.sum(dim=0,")),
    ),
    Right(
        "leave_one_out",
        "scaled_difference",
        code="""
        def leave_one_out(rewards):
            G = rewards.shape[1]
            return (rewards - rewards.mean(1, keepdim=True)) * G / (G - 1)
        """,
    ),
    Right(
        "leave_one_out",
        "by_a_matrix",
        code="""
        def leave_one_out(rewards):
            G = rewards.shape[-1]
            others = (torch.ones(G, G) - torch.eye(G)) / (G - 1)
            return rewards - rewards @ others
        """,
    ),
]
