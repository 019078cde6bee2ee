"""Known answers to `route_noisy`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

answers = [
    Wrong(
        "route_noisy",
        "no_softplus",
        "The noise is multiplied with noise_logits as they are. They may be negative; softplus makes a width of them.",
        change=("width = torch.nn.functional.softplus(noise_logits)", "width = noise_logits"),
    ),
    Wrong(
        "route_noisy",
        "exponential",
        "The width is exp(noise_logits). Softplus, log(1 + exp(z)), grows like z itself: exp would let the noise "
        "explode.",
        change=("width = torch.nn.functional.softplus(noise_logits)", "width = noise_logits.exp()"),
    ),
    Wrong(
        "route_noisy",
        "everywhere_alike",
        "The noise is added with the same width everywhere. The router says for each expert how far it may be "
        "disturbed.",
        change=("logits + noise * width", "logits + noise + 0 * width"),
    ),
    Wrong(
        "route_noisy",
        "weights_without_noise",
        "The experts are chosen by the disturbed logits, but weighed by the undisturbed ones. In the paper both use "
        "the disturbed: only so the width of the noise learns.",
        change=(
            "return route_top_k(disturbed, k)",
            "experts = route_top_k(disturbed, k)[1]\n    return logits.gather(1, experts).softmax(dim=-1), experts",
        ),
    ),
    Wrong(
        "route_noisy",
        "own_noise",
        "The noise is drawn inside of the function, so that the argument has no effect and no result can be repeated.",
        change=("logits + noise * width", "logits + torch.randn_like(noise) * width"),
    ),
    Right(
        "route_noisy",
        "by_the_formula",
        code="""
        def route_noisy(logits, noise_logits, noise, k):
            best, experts = torch.topk(logits + noise * torch.log(1 + torch.exp(noise_logits)), k)
            return best.softmax(dim=1), experts
        """,
    ),
    Right(
        "route_noisy",
        "logaddexp",
        code="""
        def route_noisy(logits, noise_logits, noise, k):
            width = torch.logaddexp(noise_logits, torch.zeros_like(noise_logits))
            return route_top_k(torch.addcmul(logits, noise, width), k)
        """,
    ),
]
