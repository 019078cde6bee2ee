from typing import NamedTuple, Any
class Rollout(NamedTuple):
    ids: Any
    mask: Any
    log_probs: Any
    stories: Any
