"""Our model in the form of `transformers`: Mixtral, or Mistral where it is dense.

The same weights give the same logits in both, so an implementation that others wrote and use checks ours, and a model
trained here can be used wherever Mixtral can.
"""

from typing import Any

from torch import Tensor, nn

from storyteller.config import ModelConfig
from storyteller.errors import StorytellerError, optional_import
from storyteller.transformer.decoder import Decoder


def as_transformers(model: Decoder, *, attention: str = "eager", experts: str = "eager", **settings: Any) -> nn.Module:
    """A `MixtralForCausalLM` (dense: `MistralForCausalLM`) with a copy of our model's weights.

    Args:
        model: with rotary positions; Mixtral has no learned ones.
        attention: how it computes attention: "eager" or "sdpa".
        experts: how it computes experts: "eager", "grouped_mm" or "batched_mm".
        settings: more fields of its config, such as `output_router_logits=True`.

    Raises:
        StorytellerError: transformers is not installed, or the model has learned positions, or a router, a bias or
            shared experts that Mixtral does not have.
    """
    transformers = optional_import("transformers", extra="test")
    config = model.config
    fields = config_fields(config) | {"attn_implementation": attention, "bos_token_id": None, "eos_token_id": None}
    if config.n_experts:
        fields["experts_implementation"] = experts
        peer = transformers.MixtralForCausalLM(transformers.MixtralConfig(**fields, **settings))
    else:
        peer = transformers.MistralForCausalLM(transformers.MistralConfig(**fields, **settings))
    peer.load_state_dict(transformers_names(model.state_dict(), config))
    result: nn.Module = peer
    return result


def config_fields(config: ModelConfig) -> dict[str, Any]:
    """Our model's shape in the fields of `MixtralConfig`, or of `MistralConfig` where it is dense.

    Raises:
        StorytellerError: the model has learned positions, a router other than softmax, a bias or shared experts.
    """
    if config.n_experts and config.router != "softmax":
        raise StorytellerError(
            f"The model has a {config.router} router and Mixtral a softmax: train one with router 'softmax', or export "
            "it in the format onnx."
        )
    if config.n_experts and (config.balance == "bias" or config.n_shared_experts):
        kind = "a bias that balances its experts" if config.balance == "bias" else "shared experts"
        raise StorytellerError(
            f"The model has {kind}, for which Mixtral has no place: train one without, or export it in the format onnx."
        )
    if config.positions != "rope":
        raise StorytellerError(
            "The model has learned positions and Mixtral rotary ones: train one with positions 'rope'."
        )
    fields = {
        "vocab_size": config.vocab_size,
        "hidden_size": config.d_model,
        "intermediate_size": config.d_ff,
        "num_hidden_layers": config.n_layers,
        "num_attention_heads": config.n_heads,
        "num_key_value_heads": config.n_kv_heads,
        "hidden_act": "silu",
        "max_position_embeddings": config.max_seq_len,
        "rms_norm_eps": config.norm_eps,
        "rope_parameters": {"rope_type": "default", "rope_theta": config.rope_base},
        "tie_word_embeddings": config.tie_embeddings,
        "sliding_window": None,
    }
    if config.n_experts:
        fields |= {"num_local_experts": config.n_experts, "num_experts_per_tok": config.top_k}
    return fields


def transformers_names(state: dict[str, Tensor], config: ModelConfig) -> dict[str, Tensor]:
    """Our state dict under the names that Mixtral (or Mistral, where dense) has in memory."""
    theirs = {"model.embed_tokens.weight": state["embedding.weight"], "model.norm.weight": state["norm.weight"]}
    theirs["lm_head.weight"] = state["embedding.weight" if config.tie_embeddings else "head.weight"]
    heads = (config.n_heads, config.n_kv_heads, config.n_kv_heads)
    for layer in range(config.n_layers):
        ours, prefix = f"blocks.{layer}.", f"model.layers.{layer}."
        qkv = state[ours + "attention.qkv.weight"].split([n * config.head_dim for n in heads])
        for name, weight in zip("qkv", qkv, strict=True):
            theirs[f"{prefix}self_attn.{name}_proj.weight"] = weight
        theirs[prefix + "self_attn.o_proj.weight"] = state[ours + "attention.out.weight"]
        theirs[prefix + "input_layernorm.weight"] = state[ours + "attention_norm.weight"]
        theirs[prefix + "post_attention_layernorm.weight"] = state[ours + "feed_forward_norm.weight"]
        if config.n_experts:
            theirs[prefix + "mlp.gate.weight"] = state[ours + "feed_forward.router.weight"]
            theirs[prefix + "mlp.experts.gate_up_proj"] = state[ours + "feed_forward.gate_up"]
            theirs[prefix + "mlp.experts.down_proj"] = state[ours + "feed_forward.down"]
        else:
            gate, up = state[ours + "feed_forward.gate_up.weight"].chunk(2)
            theirs[prefix + "mlp.gate_proj.weight"], theirs[prefix + "mlp.up_proj.weight"] = gate, up
            theirs[prefix + "mlp.down_proj.weight"] = state[ours + "feed_forward.down.weight"]
    return theirs


def names_on_disk(state: dict[str, Tensor], config: ModelConfig) -> dict[str, Tensor]:
    """Our state dict under the names that Mixtral (or Mistral, where dense) has in its files.

    They differ from those in memory: each expert has its own three matrices, w1 (gate), w2 (down) and w3 (up), and a
    tied output layer is not stored.
    """
    stored = transformers_names(state, config)
    if config.tie_embeddings:
        del stored["lm_head.weight"]
    for layer in range(config.n_layers if config.n_experts else 0):
        memory, disk = f"model.layers.{layer}.mlp.", f"model.layers.{layer}.block_sparse_moe."
        stored[disk + "gate.weight"] = stored.pop(memory + "gate.weight")
        gate_up = stored.pop(memory + "experts.gate_up_proj")  # (E, 2F, D)
        down = stored.pop(memory + "experts.down_proj")  # (E, D, F)
        for e in range(config.n_experts):
            expert = f"{disk}experts.{e}."
            stored[expert + "w1.weight"], stored[expert + "w3.weight"] = gate_up[e].chunk(2)  # (F, D) each
            stored[expert + "w2.weight"] = down[e]  # (D, F)
    return stored
