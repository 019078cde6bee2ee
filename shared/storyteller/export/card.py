"""The model card: what was trained, on what, by whose code, and what it is good for.

Mitchell et al. 2019, "Model Cards for Model Reporting". The head between the two lines `---` is read by the Hugging
Face hub.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from storyteller.corpus.huggingface import HUB_CORPORA
from storyteller.corpus.load import EMBEDDED_WORLDS
from storyteller.export.trained_run import TrainedRun
from storyteller.moe.cost_model import count_parameters


def model_card(trained: TrainedRun, *, usage: str, library: str) -> str:
    """The text of `README.md`.

    Args:
        trained: the model.
        usage: how to load this format, in Markdown.
        library: what loads it, as the hub names it.
    """
    kind = "Mixture-of-Experts" if trained.config.n_experts else "dense"
    parameters = count_parameters(trained.config)
    size = f"{parameters.total:,} parameters"
    if trained.config.n_experts:
        size += f", of which a token passes through {parameters.active:,}"
    name = corpus_name(trained)
    if trained.run_config is None:
        corpus = "a corpus that its run does not name"
    elif is_embedded(trained):
        corpus = f"`{trained.run_config.corpus}`, stories that the course's own seeded generator makes"
    elif name in HUB_CORPORA:
        repository = HUB_CORPORA[name].repository
        corpus = f"[{repository}](https://huggingface.co/datasets/{repository})"
    else:
        corpus = f"`{name}`, a corpus of its maker's own"
    parts = [
        _head(trained, library),
        f"# {trained.name}\n\nA {kind} decoder with {size}. It was built and trained in the Storyteller course, and "
        f"it does one thing: it tells short stories in English. It learned from {corpus}.",
        f"## How to use it\n\n{usage}\n\nA story begins behind the token `<|endoftext|>` and ends with it. The model "
        f"reads at most {trained.config.max_seq_len} tokens, its own included.",
        f"## Training\n\n{_table(training_facts(trained))}",
        f"## Shape\n\n{_table(shape_facts(trained))}",
        f"## By whose code\n\n{_authors(trained.by_student)}",
        f"## Licence\n\n{_licence(trained)}",
        f"## Limits\n\n{_limits(trained)}",
    ]
    return "\n\n".join(parts) + "\n"


def corpus_name(trained: TrainedRun) -> str:
    """The corpus's name: without its genres, of a file without its folders; empty where it is not known."""
    if trained.run_config is None:
        return ""
    name = trained.run_config.corpus.partition(":")[0]
    return name if name in (*EMBEDDED_WORLDS, *HUB_CORPORA) else Path(trained.run_config.corpus).name


def is_embedded(trained: TrainedRun) -> bool:
    """Whether the corpus is the one that comes with the course."""
    return corpus_name(trained) in EMBEDDED_WORLDS


LANGUAGE = "en"  # of all the corpora


def licence_of(trained: TrainedRun) -> str | None:
    """The licence as the hub names it; None where the corpus's maker decides too."""
    return "mit" if is_embedded(trained) else None


def _head(trained: TrainedRun, library: str) -> str:
    """Facts for the hub, as YAML. Every value is written as JSON, which YAML reads."""
    facts: dict[str, object] = {
        "language": LANGUAGE,
        "library_name": library,
        "pipeline_tag": "text-generation",
        "tags": ["storyteller", "text-generation"] + (["moe"] if trained.config.n_experts else []),
    }
    if licence := licence_of(trained):
        facts["license"] = licence
    if (corpus := corpus_name(trained)) in HUB_CORPORA:
        facts["datasets"] = [HUB_CORPORA[corpus].repository]
    return "\n".join(["---", *(f"{name}: {json.dumps(value)}" for name, value in facts.items()), "---"])


def training_facts(trained: TrainedRun) -> dict[str, str]:
    """What is known of the training, in the order in which a reader asks."""
    values = trained.values
    facts = {}
    if trained.run_config is not None:
        name = trained.run_config.corpus if is_embedded(trained) else corpus_name(trained)
        facts["corpus"] = f"`{name}`, {trained.run_config.stories:,} stories at most"
    for number, stage in enumerate(trained.stages):
        began = f"trained as `{stage.base}` ({stage.base_step:,} updates, {stage.base_tokens:,} tokens), then "
        facts[f"stage {number + 1}"] = (began if number == 0 else "then ") + stage.how
    since = " since then" if trained.stages else ""
    facts[f"updates of the weights{since}"] = f"{trained.step:,}"
    if "tokens" in values:
        facts[f"tokens seen{since}"] = f"{values['tokens']:,}"
    if metrics := values.get("metrics"):
        facts["validation loss"] = f"{metrics['loss']:.3f} nats a token, on {metrics['tokens']:,} tokens"
        facts["validation perplexity"] = f"{metrics['perplexity']:.2f}"
        if metrics["bits_per_byte"] is not None:
            facts["bits per byte"] = f"{metrics['bits_per_byte']:.3f}"
    if trained.sampled is not None:
        share = f"{trained.sampled['consistent']:.0%} of {trained.sampled['stories']} sampled"
        facts["stories without a contradiction"] = f"{share}, as far as a program finds them"
    if train := values.get("train_config"):
        rows = f"{train['batch_size'] * train['grad_accum_steps']} sequences an update"
        facts["optimizer"] = (
            f"AdamW, learning rate {train['learning_rate']:g} after a warmup, then a cosine down to "
            f"{train['min_lr_ratio']:.0%} of it; weight decay {train['weight_decay']:g}; {rows}; seed {train['seed']}"
        )
        if trained.config.n_experts:
            balance = f"balance {train['balance_weight']:g}"
            if trained.config.balance == "bias":
                balance = f"balanced by a bias, {train['bias_rate']:g} a step, without a loss"
            facts["router losses"] = f"{balance}, z {train['z_weight']:g}"
    if "dtype" in values:
        facts["products computed in"] = values["dtype"]
    return facts


def shape_facts(trained: TrainedRun) -> dict[str, str]:
    """The model's shape and its vocabulary."""
    config = trained.config
    facts = {
        "layers": f"{config.n_layers}, each {config.d_model} wide",
        "attention": f"{config.n_heads} query heads on {config.n_kv_heads} key and value heads, RoPE to the base "
        f"{config.rope_base:g}",
        "feed-forward": f"SwiGLU, {config.d_ff} wide",
        "context": f"{config.max_seq_len} tokens",
        "vocabulary": f"{config.vocab_size:,} tokens, byte-level BPE with GPT-2's pre-tokenizer",
        "output layer": "shares the embedding's weights" if config.tie_embeddings else "has weights of its own",
    }
    if config.n_experts:
        facts["feed-forward"] = (
            f"{config.n_experts} SwiGLU experts, each {config.d_ff} wide; a token is routed to {config.top_k}, "
            f"by the {config.router} of the router's logits"
        )
    if config.balance == "bias" and config.n_experts:
        facts["feed-forward"] += ", with a bias on the choice that balances the experts"
    if config.n_shared_experts:
        facts["shared experts"] = f"{config.n_shared_experts}, for every token"
    if config.n_experts and config.capacity_factor is not None:
        facts["expert capacity"] = f"factor {config.capacity_factor:g} in training; nothing is dropped in generation"
    return facts


def _table(facts: Mapping[str, str]) -> str:
    return "\n".join(["| | |", "| --- | --- |", *(f"| {name} | {value} |" for name, value in facts.items())])


def _authors(by_student: Mapping[str, bool]) -> str:
    written = [f"`{part}`" for part, own in by_student.items() if own]
    lent = [f"`{part}`" for part, own in by_student.items() if not own]
    if not written:
        return "Every part, from the tokenizer to the training loop, is the course's."
    lines = [f"Written by the student: {', '.join(written)}."]
    named = f"The course's: {', '.join(lent)}, and all that is not named."
    lines.append(named if lent else "Everything else is the course's.")
    return "\n\n".join(lines)


def _licence(trained: TrainedRun) -> str:
    if is_embedded(trained):
        return "MIT, as the course and the corpus that comes with it."
    corpus = HUB_CORPORA.get(corpus_name(trained))
    of_corpus = f"the corpus under {corpus.license}" if corpus and corpus.license else "the corpus under its maker's"
    return f"The course's code is under the MIT licence, {of_corpus}: heed both when you pass this model on."


def _limits(trained: TrainedRun) -> str:
    limits = "It knows the world of its corpus and nothing else. It follows no instructions and answers no questions. "
    limits += "Names, objects and places may change in mid-story. Nobody has looked through what it says"
    if (corpus := HUB_CORPORA.get(corpus_name(trained))) and corpus.for_adults:
        return limits + ", and its corpus is for adults and partly coarse: it is not for children."
    return limits + ": read a story before you read it to a child."
