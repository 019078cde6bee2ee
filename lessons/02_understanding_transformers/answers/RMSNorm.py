"""Known answers to `RMSNorm`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

answers = [
    Wrong(
        "RMSNorm",
        "subtracts_the_mean",
        "The mean is subtracted first. That is LayerNorm; RMSNorm leaves the mean alone and only scales.",
        change=("square = x.pow(2)", "x = x - x.mean(dim=-1, keepdim=True)\n        square = x.pow(2)"),
    ),
    Wrong(
        "RMSNorm",
        "eps_outside_the_root",
        "eps is added to the root and not under it. For ordinary numbers it hardly shows; for tiny ones, and with an "
        "eps of another model, the results differ.",
        change=("torch.sqrt(square + self.eps)", "(torch.sqrt(square) + self.eps)"),
    ),
    Wrong(
        "RMSNorm",
        "eps_behind_the_quotient",
        "A division goes before a sum, so eps is added to the scaled features and not under the root: every feature is "
        "a little too large, and zeros do not stay zeros. Put eps into the brackets of the root.",
        change=("torch.sqrt(square + self.eps)", "torch.sqrt(square) + self.eps"),
    ),
    Wrong(
        "RMSNorm",
        "one_mean_for_all",
        "The mean of squares is taken over all tokens together, so a loud token makes the others quiet. Each token is "
        "scaled by itself: dim=-1.",
        change=("mean(dim=-1, keepdim=True)", "mean()"),
    ),
    Wrong(
        "RMSNorm",
        "mean_over_tokens",
        "The mean of squares is taken over the tokens, for each feature. It has to go over the features of each token, "
        "the last dimension.",
        change=("mean(dim=-1, keepdim=True)", "mean(dim=-2, keepdim=True)"),
    ),
    Wrong(
        "RMSNorm",
        "sum_of_squares",
        "The squares are summed, so each token gets a length of 1 and its features become smaller the more of them "
        "there are. Take their mean.",
        change=("mean(dim=-1, keepdim=True)", "sum(dim=-1, keepdim=True)"),
    ),
    Wrong(
        "RMSNorm",
        "without_the_root",
        "x is divided by the mean of squares and not by its root.",
        change=("torch.sqrt(square + self.eps)", "(square + self.eps)"),
    ),
    Wrong(
        "RMSNorm",
        "without_weight",
        "The weight is not used, so the model cannot learn how large a feature should be.",
        change=("return scaled * self.weight", "return scaled"),
    ),
    Wrong(
        "RMSNorm",
        "weight_plus_one",
        "The features are multiplied by 1 + weight. Gemma's models do so, with weights that start at 0; here the "
        "weight starts at 1 and multiplies as it is.",
        change=("return scaled * self.weight", "return scaled * (1 + self.weight)"),
    ),
    Wrong(
        "RMSNorm",
        "mean_of_the_whole_token_cloud",
        "The mean of squares is taken over all dimensions but the first, so the tokens of a text share it. Each "
        "token is scaled by itself: dim=-1.",
        change=(
            "mean(dim=-1, keepdim=True)",
            "mean(dim=tuple(range(1, x.dim())) if x.dim() > 2 else -1, keepdim=True)",
        ),
    ),
    Wrong(
        "RMSNorm",
        "fixed_eps",
        "eps is 1e-5 whatever the constructor was given. Use self.eps.",
        change=("square + self.eps", "square + 1e-5"),
    ),
    Wrong(
        "RMSNorm",
        "mean_of_sizes",
        "The mean of the absolute values is taken. It is the root of the mean of the squares.",
        change=(
            "        square = x.pow(2).mean(dim=-1, keepdim=True)  # (..., 1)\n",
            "        square = x.abs().mean(dim=-1, keepdim=True) ** 2\n",
        ),
    ),
    Wrong(
        "RMSNorm",
        "one_less",
        "The sum of the squares is divided by D - 1. The mean of D numbers divides by D.",
        change=("x.pow(2).mean(dim=-1, keepdim=True)", "x.pow(2).sum(dim=-1, keepdim=True) / (x.size(-1) - 1)"),
    ),
    Wrong(
        "RMSNorm",
        "eps_squared",
        "eps is squared. It is added as it is, under the root.",
        change=("square + self.eps", "square + self.eps**2"),
    ),
    Wrong(
        "RMSNorm",
        "divides_by_the_weight",
        "Each feature is divided by its weight. Multiply.",
        change=("scaled * self.weight", "scaled / self.weight"),
    ),
    Right(
        "RMSNorm",
        "with_rsqrt",
        code='''
class RMSNorm(nn.Module):
    """With rsqrt and einsum."""

    def __init__(self, width, *, eps=1e-5):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x):
        squares = torch.einsum("...d,...d->...", x, x) / x.shape[-1]
        return self.weight * (x * torch.rsqrt(squares + self.eps).unsqueeze(-1))
''',
    ),
    Right(
        "RMSNorm",
        "by_the_norm",
        code='''
class RMSNorm(nn.Module):
    """By the length of the vector."""

    def __init__(self, width, *, eps=1e-5):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x):
        n = x.size(-1)
        length = torch.sum(x * x, dim=-1, keepdim=True)
        return x * ((length / n + self.eps) ** -0.5) * self.weight
''',
    ),
    Right(
        "RMSNorm",
        "as_in_llama",
        code='''
class RMSNorm(nn.Module):
    """In float32, and back."""

    def __init__(self, width, *, eps=1e-5):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def _norm(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps)

    def forward(self, x):
        input_dtype = x.dtype
        output = self._norm(x.to(torch.float32)).to(input_dtype)
        return output * self.weight
''',
    ),
    Right(
        "RMSNorm",
        "by_vector_norm",
        code='''
class RMSNorm(nn.Module):
    """By torch.linalg."""

    def __init__(self, width, *, eps=1e-5):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x):
        rms = torch.linalg.vector_norm(x, dim=-1, keepdim=True).square().div(x.size(-1)).add(self.eps).sqrt()
        return torch.mul(x.div(rms), self.weight)
''',
    ),
]
