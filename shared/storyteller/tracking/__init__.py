"""Following experiments with MLflow: what a run was told, how it went, what came of it.

    with Tracker(trainer, tokenizer):
        trainer.run()
    compare_runs("tiny", "tiny-top-1").show()
    model, tokenizer = load_tracked("models:/storyteller-tiny@best")

Runs are kept in `mlflow.db` in the folder one works in, or on the server that MLFLOW_TRACKING_URI names.
`storyteller mlflow` opens MLflow's own pages on the same store. Nothing of this is imported by the trainer: a tracker
listens to its events, and MLflow itself is loaded when the first tracker begins. This file imports nothing, because
`storyteller doctor` asks `tracking.store` where torch is broken or missing.
"""
