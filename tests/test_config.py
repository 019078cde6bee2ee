"""Settings refuse what cannot work, with one sentence, and survive a trip through JSON."""

import json
from dataclasses import FrozenInstanceError, replace

import pytest

from storyteller.config import PRESETS, ModelConfig, TrainConfig, from_dict, preset, to_dict
from storyteller.errors import StorytellerError

MODEL, TRAIN = preset("tiny").model, preset("tiny").train


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_survives_json(name):
    chosen = preset(name)
    for config in (chosen.model, chosen.train):
        assert from_dict(type(config), json.loads(json.dumps(to_dict(config)))) == config


def test_an_unknown_preset_is_refused_with_the_names_of_the_others():
    with pytest.raises(StorytellerError, match="no preset 'huge'; choose one of tiny, small, base, full"):
        preset("huge")


def test_settings_cannot_be_changed_in_place():
    with pytest.raises(FrozenInstanceError):
        MODEL.top_k = 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"vocab_size": 0}, "vocab_size is 0"),
        ({"n_layers": -1}, "n_layers is -1"),
        ({"d_model": 130}, "d_model 130 over n_heads 4 must be a whole, even head width"),
        ({"d_model": 4}, "even head width"),
        ({"n_kv_heads": 3}, "must be a multiple of n_kv_heads 3"),
        ({"n_experts": -1}, "n_experts is -1"),
        ({"top_k": 9}, "top_k is 9; it must be between 1 and n_experts"),
        ({"top_k": 0}, "top_k is 0"),
        ({"capacity_factor": 0.0}, "capacity_factor is 0.0"),
        ({"balance": "luck"}, "balance is 'luck'; it must be 'loss' or 'bias'"),
        ({"n_shared_experts": -1}, "n_shared_experts is -1"),
        ({"n_experts": 0, "n_shared_experts": 1}, "0 in a dense model"),
        ({"router": "tanh"}, "router is 'tanh'; it must be 'softmax' or 'sigmoid'"),
        ({"positions": "sine"}, "positions is 'sine'; it must be 'rope' or 'learned'"),
    ],
)
def test_a_shape_that_cannot_be_built_is_refused(change, words):
    with pytest.raises(StorytellerError, match=words):
        replace(MODEL, **change)


def test_a_dense_model_needs_no_top_k():
    assert replace(MODEL, n_experts=0, top_k=0).n_experts == 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"steps": 0}, "steps is 0"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"grad_accum_steps": 0}, "grad_accum_steps is 0"),
        ({"learning_rate": 0.0}, "learning_rate is 0.0"),
        ({"learning_rate": float("nan")}, "learning_rate is nan"),
        ({"warmup_ratio": 1.5}, "warmup_ratio is 1.5"),
        ({"min_lr_ratio": -0.1}, "min_lr_ratio is -0.1"),
        ({"max_grad_norm": 0.0}, "max_grad_norm is 0.0"),
        ({"keep_checkpoints": 1}, "keep_checkpoints is 1"),
        ({"dtype": "int8"}, "dtype is 'int8'"),
        ({"compile": "yes"}, "compile is 'yes'; it must be auto, on or off"),
    ],
)
def test_training_that_cannot_work_is_refused(change, words):
    with pytest.raises(StorytellerError, match=words):
        replace(TRAIN, **change)


def test_a_file_of_another_version_is_refused():
    with pytest.raises(StorytellerError, match="ModelConfig has no field flavour"):
        from_dict(ModelConfig, to_dict(MODEL) | {"flavour": "mint"})


def test_a_model_of_before_there_were_two_routers_has_a_softmax():
    values = to_dict(MODEL)
    del values["router"]
    assert from_dict(ModelConfig, values).router == "softmax"


def test_a_file_that_lacks_a_field_is_refused():
    with pytest.raises(StorytellerError, match=r"TrainConfig cannot be built from this file: .*steps"):
        from_dict(TrainConfig, {"batch_size": 8})


def test_heads_share_the_width():
    assert MODEL.head_dim * MODEL.n_heads == MODEL.d_model
