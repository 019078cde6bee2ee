"""Lesson 05: from logits to text.

sampling_options.py  the settings: their names, ranges, defaults and help, from which every surface is made
sampling.py          logits filters, probabilities, and the draw of one token
generate.py          prefill and decode with a key-value cache, for a batch or as a stream
trace.py             each token with its probabilities, its alternatives and the experts it was routed to
"""
