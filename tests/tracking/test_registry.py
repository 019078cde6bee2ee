"""Trained models in MLflow's registry, loaded back."""

import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest

from storyteller.errors import StorytellerError
from storyteller.inference.generate import tell
from storyteller.inference.generation_config import write_sampling
from storyteller.inference.sampling_options import STORY_SAMPLING, Sampling
from storyteller.tracking.compare_runs import list_runs
from storyteller.tracking.registry import Teller, load_tracked, upload_model
from storyteller.tracking.store import connect, store_uri
from tracked import GREEDY, run_tracked, tokenizer, training

pytestmark = [
    # Looked for, not imported: it is the library that must import it, with its telemetry switched off.
    pytest.mark.skipif(find_spec("mlflow") is None, reason="the extra `track` is not installed"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of MLflow's own parts
    pytest.mark.filterwarnings("ignore::PendingDeprecationWarning"),
]


def test_the_registered_model_tells_the_same_story(work):
    trainer, _, _ = run_tracked(work / "x")
    openings = ["the fox", "", "owl"]
    expected = tell(trainer.model, tokenizer(), openings, sampling=GREEDY)
    for name in ("models:/storyteller-tiny@best", "models:/storyteller-tiny/latest"):
        model, loaded = load_tracked(name)
        assert loaded.fingerprint == tokenizer().fingerprint
        assert tell(model, loaded, openings, sampling=GREEDY) == expected
    (run,) = list_runs()
    kept = connect(store_uri()).download_artifacts(run.info.run_id, "model/data", str(work / "copy"))
    again = training(Path(kept))  # the checkpoint is whole: training can go on from it
    assert again.resume()
    assert again.step == 6


def test_a_registered_model_keeps_the_run_s_own_settings(work):
    (work / "x").mkdir()
    own = Sampling(temperature=0.7, max_new_tokens=12, seed=STORY_SAMPLING.seed)
    write_sampling(work / "x", own, max_length=16, end_id=tokenizer().end_id)
    trainer, _, _ = run_tracked(work / "x")
    kept = work / "kept"

    class Client:
        def log_artifacts(self, run_id, folder, path):
            shutil.copytree(folder, kept / path, dirs_exist_ok=True)

    upload_model(SimpleNamespace(client=Client(), run_id="1"), trainer.saved, tokenizer())
    [story] = Teller(kept / "model" / "data").predict(["the fox"])
    assert story == tell(trainer.model, tokenizer(), ["the fox"], sampling=own)[0]


@pytest.mark.slow
def test_mlflow_itself_loads_the_model(work):
    trainer, _, _ = run_tracked(work / "x")
    code = (
        "import mlflow, sys\n"
        "model = mlflow.pyfunc.load_model('models:/storyteller-tiny@best')\n"
        "print(model.predict(['the fox']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=False, cwd=work)
    assert done.stdout == f"{tell(trainer.model, tokenizer(), ['the fox'], sampling=STORY_SAMPLING)}\n", done.stderr


def test_best_is_the_model_with_the_fewest_bits_per_byte(work):
    client = connect(store_uri())
    bits = {}
    for steps, rate in ((6, 1e-3), (6, 3e-2), (3, 1e-5)):
        trainer, _, _ = run_tracked(work / f"{steps}-{rate}", steps=steps, learning_rate=rate)
        bits[len(bits) + 1] = trainer.metrics.bits_per_byte
        assert int(client.get_registered_model("storyteller-tiny").aliases["best"]) == min(bits, key=bits.get)
    assert len(set(bits.values())) == 3


def test_a_model_that_is_not_there_is_named(work):
    with pytest.raises(StorytellerError, match="no model models:/nothing"):
        load_tracked("models:/nothing@best")
