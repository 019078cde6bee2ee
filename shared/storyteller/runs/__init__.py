"""Lesson 05: a whole run, from a configuration to a folder with tokenizer, token shards, checkpoints and stories.

run_config.py   what a run is made of, in `run.json`, and how its folder keeps to it
pipeline.py     corpus to tokenizer to shards to a trained model
time_budget.py  how many steps fit into a time, and a run that is kept to it
training_time.py  how long a run was trained
provenance.py   what a run was before it was reinforced or fine-tuned
load.py         trained models, found in the folders of their runs
"""
