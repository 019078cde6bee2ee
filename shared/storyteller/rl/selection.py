"""What can be had of many stories without any learning: the best one, the good ones, and how often one is good.

    >>> best_of_n([0.0, 1.0, 0.5])
    1
    >>> keep_best([0.2, 0.9, 0.9, 0.1], share=0.5)
    [1, 2]
    >>> round(pass_at_k(n=10, c=3, k=2), 3)  # 1 - 7/10 * 6/9
    0.533

Expert iteration tells stories, keeps good ones and trains on them, again and again: `keep_best`, then
`storyteller.rl.losses.filtered_cross_entropy`.
"""

from collections.abc import Sequence

from storyteller.errors import require


def best_of_n(rewards: Sequence[float]) -> int:
    """Which of n stories has the highest reward; of several, the first."""
    require(len(rewards) > 0, "best_of_n was given no rewards: tell at least one story.")
    return max(range(len(rewards)), key=rewards.__getitem__)


def keep_best(rewards: Sequence[float], *, share: float) -> list[int]:
    """The stories with the highest rewards, that share of them and at least one, in their own order.

    Of equal rewards the earlier comes first.
    """
    require(0 < share <= 1, f"share is {share}; it must be above 0 and at most 1.")
    order = sorted(range(len(rewards)), key=lambda story: -rewards[story])  # stable
    return sorted(order[: max(1, round(share * len(rewards)))])


def pass_at_k(*, n: int, c: int, k: int) -> float:
    """The probability that of k stories at least one is good, where c of n that were told were good.

    It is 1 - C(n - c, k) / C(n, k), the share of all choices of k among the n that hold a good one, which is right on
    average. 1 - (1 - c/n)^k is too low on average: it draws the same story more than once.

    Args:
        n: stories that were told.
        c: good ones among them.
        k: at most n.

    Source: Chen et al. 2021, "Evaluating Large Language Models Trained on Code", section 2.1.
    """
    require(0 <= c <= n and 1 <= k <= n, f"n is {n}, c {c} and k {k}; they must be 0 <= c <= n and 1 <= k <= n.")
    none_good = 1.0
    for drawn in range(k):  # the product of the shares of bad ones among those that are left
        none_good *= max(0, n - c - drawn) / (n - drawn)
    return 1 - none_good
