"""The seeds of the hidden inputs, drawn from a class's secret."""

import hashlib

DRAWS = 2  # of hidden inputs for each case


def hidden_seeds(secret: str | None, draws: int) -> tuple[str, ...]:
    """The seeds of the hidden inputs, none without a secret. They do not tell the secret, nor one another."""
    if secret is None:
        return ()
    return tuple(hashlib.sha256(f"{secret}\0{index}".encode()).hexdigest() for index in range(draws))
