"""A trained model in MLflow's registry: kept as data, found by name, loaded back.

In the run's artifacts it looks like this. The folder `data` is a run's folder as `storyteller.training.checkpoint`
knows it, with the optimizer's state, so that training can go on from it; nothing in it is code.

    model/
        MLmodel               what MLflow reads: load it with the module `storyteller.tracking.registry`
        requirements.txt
        data/
            tokenizer.json
            generation_config.json   how its stories are told
            step-003000/      the checkpoint
"""

import platform
import shutil
import tempfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from storyteller.errors import StorytellerError
from storyteller.inference import generation_config
from storyteller.inference.generate import tell
from storyteller.runs.load import load_model
from storyteller.tokenizer import Tokenizer
from storyteller.tracking.store import OpenRun, connect, load_mlflow, store_errors, store_uri
from storyteller.transformer.decoder import Decoder
from storyteller.utils.atomic_io import write_json

BEST = "best"  # the alias; MLflow itself knows the newest as models:/NAME/latest
MODEL = "model"  # the folder in the run's artifacts
MEASURE = "bits_per_byte"  # by it the best is chosen: it compares models whatever their tokenizers


def upload_model(run: OpenRun, checkpoint: Path, tokenizer: Tokenizer) -> None:
    """Make checkpoint and tokenizer the run's artifact `model`, in the form that MLflow can load."""
    how = {"loader_module": __name__, "data": "data", "python_version": platform.python_version()}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "data").mkdir()
        tokenizer.save(folder / "data" / "tokenizer.json")
        own = checkpoint.parent / generation_config.FILE_NAME
        if own.is_file():  # a trainer without a run's folder has none
            shutil.copy(own, folder / "data")
        # YAML, of which JSON is a part. (MLflow's own writer would load half of MLflow.)
        write_json(folder / "MLmodel", {"flavors": {"python_function": how}, "run_id": run.run_id})
        needed = [f"{package}=={version(package)}" for package in ("storyteller", "torch")]
        (folder / "requirements.txt").write_text("\n".join(needed) + "\n", encoding="utf-8")
        run.client.log_artifacts(run.run_id, str(folder), MODEL)
    run.client.log_artifacts(run.run_id, str(checkpoint), f"{MODEL}/data/{checkpoint.name}")


def register(run: OpenRun, name: str, facts: Mapping[str, Any]) -> None:
    """Register the run's model as a new version, and call it the best if it is.

    It is the best if its bits per byte on the validation stories are the lowest. Those of another corpus do not
    compare: a first model of a corpus takes the place of the best of another.

    Args:
        run: whose artifact `model` is there.
        name: of the registered model.
        facts: `bits_per_byte`, `corpus` and what else is to be noted beside the version.
    """
    client, tags = run.client, {key: str(value) for key, value in facts.items()}
    if not client.search_registered_models(filter_string=f"name = '{name}'"):
        client.create_registered_model(name)
    best = client.get_registered_model(name).aliases.get(BEST)
    added = client.create_model_version(name, f"runs:/{run.run_id}/{MODEL}", run.run_id, tags=tags)
    known = {} if best is None else client.get_model_version(name, best).tags
    is_first = tags.get("corpus") != known.get("corpus") or MEASURE not in known
    if is_first or (MEASURE in tags and float(tags[MEASURE]) < float(known[MEASURE])):
        client.set_registered_model_alias(name, BEST, added.version)


def load_tracked(model: str, *, uri: str | None = None) -> tuple[Decoder, Tokenizer]:
    """A model from the registry or from a run, ready to tell, and its tokenizer.

    Args:
        model: such as "models:/storyteller-tiny@best", "models:/storyteller-tiny/latest" or "runs:/RUN_ID/model".
        uri: of the store; by default `store_uri()`.

    Raises:
        StorytellerError: mlflow is not installed, or the store has no such model.
    """
    uri = uri or store_uri()
    artifacts = load_mlflow("mlflow.artifacts")
    with tempfile.TemporaryDirectory() as folder:
        try:
            folder = artifacts.download_artifacts(
                artifact_uri=model, dst_path=folder, tracking_uri=uri, registry_uri=uri
            )
        except store_errors() as error:
            try:
                names = [registered.name for registered in connect(uri).search_registered_models()]
            except store_errors():  # it cannot be asked
                names = []
            raise StorytellerError(
                f"There is no model {model} in {uri} ({error}); it has {', '.join(names) or 'none'}."
            ) from error
        return load_model(Path(folder) / "data")


class Teller:
    """What `mlflow.pyfunc.load_model` gives. For other ways of sampling there is `load_tracked`."""

    def __init__(self, folder: Path) -> None:
        self.model, self.tokenizer = load_model(folder)
        self.sampling = generation_config.read_sampling(folder)

    def predict(self, openings: Any) -> list[str]:
        """Whole stories for openings: a list, or a table with one column."""
        if hasattr(openings, "to_numpy"):  # MLflow may hand over a table
            openings = openings.to_numpy().ravel().tolist()
        return tell(self.model, self.tokenizer, list(openings), sampling=self.sampling)


def _load_pyfunc(path: str) -> Teller:
    """Called by `mlflow.pyfunc.load_model`."""
    return Teller(Path(path))
