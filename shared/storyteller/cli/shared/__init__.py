"""What several commands share.

typer_extensions.py  Ctrl-C in one sentence, options with several values, an option for every setting of sampling
default_corpora.py   the corpora that tokenizer and preprocess read
load_run.py          the model of a run, or a sentence that says how to get one
ports.py             a port that is taken is refused before anything starts
progress_bar.py      how training looks while it runs
"""
