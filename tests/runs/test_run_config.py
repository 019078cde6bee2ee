"""`run.json`: also one that an older version wrote."""

import json

from storyteller.runs.run_config import RunConfig
from storyteller.training import checkpoint as ckpt
from tiny_training import PLAN, tiny_trainer

# As version 0.1.0 wrote them, before the fields had their present names.
OLD_TRAIN = """{
    "steps": 6,
    "batch_size": 2,
    "accumulate": 2,
    "learning_rate": 0.003,
    "final_rate": 0.2,
    "warmup": 0.5,
    "weight_decay": 0.1,
    "beta1": 0.9,
    "beta2": 0.95,
    "clip": 0.5,
    "balance_weight": 0.01,
    "z_weight": 0.001,
    "dtype": "float32",
    "align": true,
    "gradient_checkpointing": false,
    "evaluate_every": 3,
    "checkpoint_every": 2,
    "keep_checkpoints": 2,
    "seed": 1
  }"""
OLD_RUN = f"""{{
  "preset": "tiny",
  "corpus": "storyworld",
  "stories": 40,
  "model": {{
    "vocab_size": 400,
    "max_seq_len": 32,
    "d_model": 16,
    "n_layers": 1,
    "n_heads": 2,
    "n_kv_heads": 1,
    "d_ff": 8,
    "n_experts": 2,
    "top_k": 1,
    "capacity_factor": null,
    "positions": "rope",
    "rope_base": 10000.0,
    "norm_eps": 1e-05,
    "tie_embeddings": true,
    "init_std": 0.02,
    "init": "normal"
  }},
  "train": {OLD_TRAIN},
  "seconds": null,
  "threads": null
}}
"""
OLD_FIELDS = {
    "grad_accum_steps": 2,
    "min_lr_ratio": 0.2,
    "warmup_ratio": 0.5,
    "max_grad_norm": 0.5,
    "align_documents": True,
}


def test_a_run_of_an_older_version_is_read(tmp_path):
    (tmp_path / "run.json").write_text(OLD_RUN, encoding="utf-8")
    run = RunConfig.load(tmp_path)
    assert run.model == PLAN.model
    assert {name: getattr(run.train, name) for name in OLD_FIELDS} == OLD_FIELDS
    assert (run.train.steps, run.train.checkpoint_every, run.train.compile) == (6, 2, "auto")


def test_a_checkpoint_of_an_older_version_goes_on_and_tells_what_has_changed(tmp_path):
    settings = {"batch_size": 2, "min_lr_ratio": 0.2, "warmup_ratio": 0.5, "max_grad_norm": 0.5, "checkpoint_every": 2}
    tiny_trainer(tmp_path, steps=2, grad_accum_steps=2, **settings).run()
    file = tmp_path / "step-000002" / "checkpoint.json"
    content = json.loads(file.read_text(encoding="utf-8"))["content"]
    content["values"]["train_config"] = json.loads(OLD_TRAIN) | {"align": False}
    file.write_text(json.dumps({"sha256": ckpt._checksum(content), "content": content}), encoding="utf-8")
    events = []
    trainer = tiny_trainer(tmp_path, grad_accum_steps=1, **settings, on_event=events.append)
    assert trainer.resume()
    assert [event.text for event in events] == ["The run began with grad_accum_steps 2; it goes on with 1."]
    assert trainer.run().step == 6
