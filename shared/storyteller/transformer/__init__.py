"""Lesson 02: the decoder, from token ids to logits.

attention        scaled dot-product attention, causal masks, RoPE, multi-head and grouped-query attention
kv_cache         keys and values of the tokens so far, for generation
decoder          RMSNorm, SwiGLU, a block, the whole model
initialisation   what each weight is before the first step
"""
