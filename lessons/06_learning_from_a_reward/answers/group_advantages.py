"""Known answers to `group_advantages`: the given code, wrong ones, explained, and right ones in other styles."""

from storyteller_course import Given, Right, Wrong

MEAN_OF_ALL = ("mean = groups.mean(dim=1, keepdim=True)", "mean = groups.mean()")
DEVIATION_OF_ALL = ("deviation = groups.std(dim=1, keepdim=True)", "deviation = groups.std()")

answers = [
    Given("group_advantages", change=(MEAN_OF_ALL, DEVIATION_OF_ALL)),
    Wrong(
        "group_advantages",
        "mean_of_all",
        "Each story is still compared with the mean of all prompts. The stories of an easy prompt are then all praised "
        "and those of a hard one all blamed.",
        change=MEAN_OF_ALL,
    ),
    Wrong(
        "group_advantages",
        "deviation_of_all",
        "The mean is the prompt's own now, and the deviation is still that of all prompts together. Where prompts "
        "differ much, every advantage becomes small.",
        change=DEVIATION_OF_ALL,
    ),
    Wrong(
        "group_advantages",
        "wrong_rows",
        "The rewards are put into rows as if the stories of a prompt stood G apart. They follow each other: G of them "
        "are a row.",
        change=(
            ("rewards.view(-1, group_size)", "rewards.view(group_size, -1).T"),
            ("(deviation + 1e-4)).flatten()", "(deviation + 1e-4)).T.flatten()"),
        ),
    ),
    Wrong(
        "group_advantages",
        "no_epsilon",
        "Where all stories of a prompt earn the same the deviation is 0, and 0 / 0 is NaN, which would make every "
        "weight of the model NaN. Add the 1e-4.",
        change=("(deviation + 1e-4)", "deviation"),
    ),
    Wrong(
        "group_advantages",
        "not_divided",
        "The advantages are not divided by the deviation of their group.",
        change=("((groups - mean) / (deviation + 1e-4))", "(groups - mean)"),
    ),
    Wrong(
        "group_advantages",
        "divided_by_g",
        "The deviation has G below the sum. The docstring asks for G - 1, PyTorch's default.",
        change=("groups.std(dim=1, keepdim=True)", "groups.std(dim=1, keepdim=True, correction=0)"),
    ),
    Right(
        "group_advantages",
        "group_by_group",
        code="""
        def group_advantages(rewards, group_size):
            parts = [(g - g.mean()) / (g.std() + 1e-4) for g in rewards.split(group_size)]
            return torch.cat(parts)
        """,
    ),
    Right(
        "group_advantages",
        "by_hand",
        code="""
        def group_advantages(rewards, group_size):
            x = rewards.reshape(len(rewards) // group_size, group_size)
            x = x - x.sum(1, keepdim=True) / group_size
            variance = x.pow(2).sum(1, keepdim=True) / (group_size - 1)
            return (x / (variance.sqrt() + 1e-4)).reshape(-1)
        """,
    ),
]
