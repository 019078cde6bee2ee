"""The seeds of the hidden inputs, drawn from a class's secret for each hand-in."""

import hmac

DRAWS = 2  # of hidden inputs for each case


def hidden_seeds(secret: str | None, draws: int, sha256: str) -> tuple[str, ...]:
    """The seeds of one hand-in's hidden inputs, none without a secret. They tell neither the secret nor one another.

    A grading tells whether a case passed. With inputs of its own for each hand-in, that says nothing of those of the
    next; and the same notebook always gets the same, so that an appeal can look at what was graded.

    Args:
        secret: the class's.
        draws: how many.
        sha256: the digest of the notebook that was handed in, in hexadecimal digits.
    """
    if secret is None:
        return ()
    key = secret.encode()
    return tuple(hmac.digest(key, f"{sha256}\0{index}".encode(), "sha256").hex() for index in range(draws))
