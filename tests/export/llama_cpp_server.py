"""llama.cpp's own server with a GGUF file: a program of its own, for the destructor of xllamacpp's can wait for ever.

    python llama_cpp_server.py FILE CONTEXT [--exact]

prints the address that it listens on, and ends with its standard input.
"""

import os
import sys

if __name__ == "__main__":
    import xllamacpp

    file, context, *exact = sys.argv[1:]
    params = xllamacpp.CommonParams()
    params.model.path = file
    params.n_ctx, params.n_parallel, params.port = int(context), 1, 0
    params.warmup, params.verbosity, params.cpuparams.n_threads = False, -1, 1
    if exact:  # keys and values in float32 instead of half precision
        params.cache_type_k = params.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
        params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)
    sys.stdin.read()
    os._exit(0)
