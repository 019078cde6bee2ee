"""Lesson 05: following experiments with MLflow: the settings of a run, how it went, and its results.

tracker.py            a trainer's events as an MLflow run, with pictures and the load of the machine
store.py              where runs are kept: a database, or a server; the run in it, found again when training goes on
background_writer.py  the thread that makes all requests to the store
registry.py           trained models: kept as data, found by name, loaded back
compare_runs.py       two runs side by side

    with Tracker(trainer, tokenizer):
        trainer.run()
    compare_runs("tiny", "tiny-top-1").show()
    model, tokenizer = load_tracked("models:/storyteller-tiny@best")

Runs are kept in `mlflow.db` in the folder one works in, or on the server that MLFLOW_TRACKING_URI names.
`storyteller mlflow` opens MLflow's own pages on the same store. Nothing of this is imported by the trainer: a tracker
listens to its events, and MLflow itself is loaded when the first tracker begins. This file imports nothing, because
`storyteller doctor` asks `tracking.store` where torch is broken or missing.
"""
