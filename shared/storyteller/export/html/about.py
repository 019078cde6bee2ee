"""What the page says of a model: its facts, by whose code it is, and openings that it knows."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from storyteller.export.card import corpus_name, is_embedded
from storyteller.export.trained_run import TrainedRun
from storyteller.moe.cost_model import count_parameters
from storyteller.runs.openings import KnownOpenings


@dataclass(frozen=True, kw_only=True)
class About:
    """What the page says of its model."""

    name: str  # of the run
    summary: str = ""  # one or two sentences
    facts: Mapping[str, str] = field(default_factory=dict)  # for the page's foot
    authors: str = ""  # by whose code it is
    openings: KnownOpenings = field(default_factory=KnownOpenings)  # how the stories begin that it has read


def about_run(trained: TrainedRun) -> About:
    """What is known of a trained run."""
    config = trained.config
    parameters = count_parameters(config)
    kind = "A Mixture of Experts" if config.n_experts else "A dense model"
    summary = f"{kind} with {in_words(parameters.total)} parameters"
    facts = {"parameters": f"{parameters.total:,}"}
    if config.n_experts:
        facts["parameters"] += f", of which a token passes through {parameters.active:,}"
        facts["experts"] = (
            f"{config.n_experts} in each of {config.n_layers} layers; a token is routed to {config.top_k}"
        )
    else:
        facts["layers"] = f"{config.n_layers}"
    facts["vocabulary"] = f"{config.vocab_size:,} tokens; it reads {config.max_seq_len} at most"
    if trained.run_config is not None:
        facts["learned from"] = trained.run_config.corpus if is_embedded(trained) else corpus_name(trained)
    for stage in trained.stages:
        facts["then"] = f"{facts['then']}; {stage.how}" if "then" in facts else stage.how
    if trained.seconds is not None:
        summary += f", trained for {minutes(trained.seconds)}"
        facts["training"] = minutes(trained.seconds)
    if "tokens" in trained.values:
        read = f"{trained.values['tokens']:,} tokens read"
        facts["training"] = f"{facts['training']}; {read}" if "training" in facts else read
    summary += "."
    if trained.sampled is not None:
        share = f"{trained.sampled['consistent'] * trained.sampled['stories']:.0f} of {trained.sampled['stories']}"
        summary += f" {share} of its stories come to their end without a contradiction."
        facts["consistent"] = f"{share} sampled stories, as far as a program finds contradictions"
    return About(
        name=trained.name,
        summary=summary,
        facts=facts,
        authors=authors(trained.by_student),
        openings=trained.openings,
    )


def authors(by_student: Mapping[str, bool]) -> str:
    """By whose code a model is, in one or two sentences; see `storyteller.export.trained_run.parts_of`."""
    written = [part for part, own in by_student.items() if own]
    lent = [part for part, own in by_student.items() if not own]
    if not written:
        return "Built in the Storyteller course. Every part, from the tokenizer to the training loop, is the course's."
    rest = f"The course's: {', '.join(lent)}, and all that is not named." if lent else "The rest is the course's."
    return f"Built in the Storyteller course. Written by its student: {', '.join(written)}. {rest}"


def minutes(seconds: float) -> str:
    """A duration in words.

    >>> minutes(20), minutes(168), minutes(7300)
    ('20 seconds', '2.8 minutes', '2.0 hours')
    """
    if seconds < 60:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.1f} minutes" if seconds < 3600 else f"{seconds / 3600:.1f} hours"


def in_words(count: int) -> str:
    """A large number in words.

    >>> in_words(950), in_words(1_180_000), in_words(506_000_000)
    ('950', '1.2 million', '506 million')
    """
    if count < 1_000_000:
        return f"{count:,}"
    return f"{count / 1e6:.1f} million" if count < 100_000_000 else f"{count / 1e6:.0f} million"
