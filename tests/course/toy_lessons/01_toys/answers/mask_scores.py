"""Known answers to `mask_scores`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Wrong

answers = [
    Wrong(
        "mask_scores",
        "late_mask",
        "Row 0 sees position 1: the mask comes after the softmax, so rows do not sum to 1.",
        code="""
        def mask_scores(scores):
            weights = scores.exp() / scores.exp().sum(-1, keepdim=True)
            return weights.tril()
    """,
    ),
    Wrong(
        "mask_scores",
        "columns",
        "You divide by the sum over columns.",
        change=("weights.sum(-1, keepdim=True)", "weights.sum(0, keepdim=True)"),
    ),
    Wrong(
        "mask_scores",
        "endless",
        "Your loop never ends.",
        code="""
        def mask_scores(scores):
            while True:
                pass
    """,
    ),
]
