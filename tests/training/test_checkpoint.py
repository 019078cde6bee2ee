"""Checkpoints: what is in them, and what happens to a damaged one."""

import errno
import json
import math
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from storyteller.errors import StorytellerError
from storyteller.moe.layer import build_model
from storyteller.training import checkpoint as ckpt
from storyteller.training.batches import TrainingBatches
from storyteller.training.checkpoint import Checkpoint, list_checkpoints, load_checkpoint, save_checkpoint
from storyteller.training.events import Message, Saved, StepDone
from tiny_training import tiny_model_config, tiny_source, tiny_trainer

FILES = ("model.safetensors", "state.safetensors", "checkpoint.json")


def small_checkpoint(step: int) -> Checkpoint:
    weights = {"a": torch.full((3, 2), float(step)), "b": torch.arange(4)}
    values = {"tokenizer": None, "place": step, "share": 0.1, "nothing": None, "endless": math.inf}
    return Checkpoint(step=step, weights=weights, state={"s": torch.tensor(step)}, values=values)


def equal(one: Checkpoint, other: Checkpoint) -> bool:
    return (
        (one.step, one.values) == (other.step, other.values)
        and all(torch.equal(one.weights[name], other.weights[name]) for name in one.weights | other.weights)
        and all(torch.equal(one.state[name], other.state[name]) for name in one.state | other.state)
    )


class Killed(BaseException):
    """Stands for the end of the process: no library code may catch it."""


class TestFiles:
    def test_what_is_read_is_what_was_written(self, tmp_path):
        path = save_checkpoint(tmp_path, small_checkpoint(200))
        assert path == tmp_path / "step-000200"
        assert equal(load_checkpoint(tmp_path), small_checkpoint(200))

    def test_there_is_no_pickle_and_nothing_else(self, tmp_path):
        path = save_checkpoint(tmp_path / "new" / "run", small_checkpoint(1))
        assert sorted(file.name for file in path.iterdir()) == sorted(FILES)
        assert json.loads((path / "checkpoint.json").read_text(encoding="utf-8"))["content"]["step"] == 1

    def test_only_the_newest_are_kept(self, tmp_path):
        for step in (1, 5, 30, 1_000_000):
            save_checkpoint(tmp_path, small_checkpoint(step), keep=2)
        assert [path.name for path in list_checkpoints(tmp_path)] == ["step-000030", "step-1000000"]
        assert load_checkpoint(tmp_path).step == 1_000_000

    def test_the_optimizer_can_be_left_out(self, tmp_path):
        path = save_checkpoint(tmp_path, small_checkpoint(1))
        (path / "state.safetensors").unlink()
        assert load_checkpoint(tmp_path, with_state=False).state == {}

    def test_a_format_of_the_future_is_refused_not_passed_over(self, tmp_path, monkeypatch):
        save_checkpoint(tmp_path, small_checkpoint(1))
        monkeypatch.setattr(ckpt, "FORMAT", 2)
        save_checkpoint(tmp_path, small_checkpoint(2))
        monkeypatch.setattr(ckpt, "FORMAT", 1)
        with pytest.raises(StorytellerError, match="has format 2 and this version reads format 1"):
            load_checkpoint(tmp_path)

    def test_another_tokenizer_is_refused(self, tmp_path):
        checkpoint = small_checkpoint(1)
        checkpoint.values["tokenizer"] = "a" * 64
        save_checkpoint(tmp_path, checkpoint)
        assert load_checkpoint(tmp_path, fingerprint="a" * 64).step == 1
        with pytest.raises(StorytellerError, match="another tokenizer"):
            load_checkpoint(tmp_path, fingerprint="b" * 64)

    def test_an_empty_folder_and_a_missing_one_say_so(self, tmp_path):
        for folder in (tmp_path, tmp_path / "missing"):
            with pytest.raises(StorytellerError, match="There is no checkpoint in"):
                load_checkpoint(folder)


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-7])


def empty(file: Path) -> None:
    file.write_bytes(b"")


def flip_in_the_middle(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def flip_at_the_start(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[1] ^= 128
    file.write_bytes(content)


def replace_with_a_list(file: Path) -> None:
    file.write_text("[1, 2]", encoding="utf-8")


def replace_with_a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


DAMAGES = [Path.unlink, cut, empty, flip_in_the_middle, flip_at_the_start, replace_with_a_list, replace_with_a_folder]


class TestDamage:
    @pytest.mark.parametrize("name", FILES)
    @pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
    def test_a_damaged_checkpoint_is_refused_and_the_one_before_it_used(
        self, tmp_path, name, damage: Callable[[Path], None]
    ):
        save_checkpoint(tmp_path, small_checkpoint(1))
        damage(save_checkpoint(tmp_path, small_checkpoint(2)) / name)
        notices: list[str] = []
        assert equal(load_checkpoint(tmp_path, notice=notices.append), small_checkpoint(1))
        assert len(notices) == 1
        assert "step-000002 is damaged" in notices[0]
        assert "using step-000001" in notices[0]

    def test_every_single_bit_of_the_settings_counts(self, tmp_path):
        path = save_checkpoint(tmp_path, small_checkpoint(1)) / "checkpoint.json"
        sound = path.read_bytes()
        meaning = json.loads(sound)
        for index in range(len(sound)):
            changed = bytearray(sound)
            changed[index] ^= 1
            path.write_bytes(changed)
            try:
                same_meaning = json.loads(changed) == meaning
            except ValueError:
                same_meaning = False
            if not same_meaning:  # white space may change
                with pytest.raises(ckpt.DamagedCheckpoint):
                    ckpt.read_checkpoint(path.parent)

    def test_an_empty_checkpoint_folder_is_damaged(self, tmp_path):
        save_checkpoint(tmp_path, small_checkpoint(1))
        (tmp_path / "step-000002").mkdir()
        with pytest.warns(UserWarning, match="step-000002 is damaged"):  # where nobody listens
            assert load_checkpoint(tmp_path).step == 1

    def test_when_all_are_damaged_each_is_named(self, tmp_path):
        for step in (1, 2):
            cut(save_checkpoint(tmp_path, small_checkpoint(step)) / "model.safetensors")
        with pytest.raises(StorytellerError, match=r"step-000002 is damaged.*step-000001 is damaged.*Start a new run"):
            load_checkpoint(tmp_path)


class TestWriting:
    def test_a_kill_at_any_operation_leaves_a_sound_checkpoint(self, tmp_path, monkeypatch):
        """The process ends before the n-th thing that touches the disk, for every n."""
        operations = [(os, "replace"), (os, "fsync"), (shutil, "rmtree"), (Path, "mkdir"), (ckpt, "save_file")]
        originals = {name: getattr(owner, name) for owner, name in operations}
        survived = []
        for fatal in range(30):
            folder = tmp_path / str(fatal)
            for step in (1, 2):
                save_checkpoint(folder, small_checkpoint(step))
            count = 0

            def guarded(name: str, fatal: int = fatal) -> Callable:
                def operation(*arguments, **options):
                    nonlocal count
                    count += 1
                    if count == fatal:
                        raise Killed
                    return originals[name](*arguments, **options)

                return operation

            with monkeypatch.context() as patch:
                for owner, name in operations:
                    patch.setattr(owner, name, guarded(name))
                try:
                    save_checkpoint(folder, small_checkpoint(3))
                except Killed:
                    survived.append(load_checkpoint(folder).step)
                else:
                    survived.append(None)
            newest = load_checkpoint(folder)
            assert equal(newest, small_checkpoint(newest.step))
            assert newest.step in (2, 3)
            save_checkpoint(folder, small_checkpoint(4))  # the next run tidies up
            assert sorted(path.name for path in folder.iterdir()) == [f"step-00000{newest.step}", "step-000004"]
        assert {2, 3, None} <= set(survived)

    @pytest.mark.parametrize("name", ["save_file", "force_to_disk"])
    def test_a_full_disk_is_one_clear_sentence_and_the_earlier_checkpoint_stays(self, tmp_path, monkeypatch, name):
        save_checkpoint(tmp_path, small_checkpoint(1))

        def full(*_):
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(ckpt, name, full)
        with pytest.raises(StorytellerError, match=r"step 2 could not be written.*No space left.*make room"):
            save_checkpoint(tmp_path, small_checkpoint(2))
        assert [path.name for path in tmp_path.iterdir()] == ["step-000001"]
        assert load_checkpoint(tmp_path).step == 1

    def test_a_file_that_may_not_grow_is_handled_like_a_full_disk(self, tmp_path):
        resource = pytest.importorskip("resource", reason="this system has no limit on the size of files")
        save_checkpoint(tmp_path, small_checkpoint(1))
        large = Checkpoint(step=2, weights={"a": torch.zeros(100_000)}, state={}, values={"tokenizer": None})
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
        try:
            with pytest.raises(StorytellerError, match="step 2 could not be written"):
                save_checkpoint(tmp_path, large)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert [path.name for path in tmp_path.iterdir()] == ["step-000001"]

    def test_a_folder_that_is_a_file_is_one_clear_sentence(self, tmp_path):
        (tmp_path / "run").write_text("", encoding="utf-8")
        with pytest.raises(StorytellerError, match="could not be written"):
            save_checkpoint(tmp_path / "run", small_checkpoint(1))


class TestWhileTrainingGoesOn:
    def test_a_run_leaves_the_same_files(self, tmp_path):
        saved = []
        for name, in_background in (("one", False), ("other", True)):
            note = lambda event: saved.append(event) if isinstance(event, Saved) else None  # noqa: E731
            result = tiny_trainer(tmp_path / name, async_checkpoints=in_background, on_event=note).run()
            assert result.checkpoint == tmp_path / name / "step-000006"
        one, other = (load_checkpoint(tmp_path / name) for name in ("one", "other"))
        for checkpoint in (one, other):
            del checkpoint.values["train_config"]
            for name in [name for name in checkpoint.state if name.startswith("random/")]:
                del checkpoint.state[name]
        assert equal(one, other)
        assert [event.step for event in saved] == [2, 4, 6, 2, 4, 6]
        assert [path.name for path in list_checkpoints(tmp_path / "other")] == ["step-000004", "step-000006"]

    def test_what_is_written_is_the_state_at_its_step_however_slow_the_disk(self, tmp_path, monkeypatch):
        go_on = threading.Event()
        write = ckpt._write
        monkeypatch.setattr(ckpt, "_write", lambda *arguments: (go_on.wait(60), write(*arguments)))
        trainer = tiny_trainer(tmp_path, async_checkpoints=True)
        trainer.train_step()
        wanted = ckpt.copied(trainer.state_dict())
        trainer.save()
        for _ in range(2):  # not held up
            trainer.train_step()
        assert list_checkpoints(tmp_path) == []
        go_on.set()
        trainer._note_saved(wait=True)
        written = load_checkpoint(tmp_path)
        assert equal(written, wanted)
        assert not equal(written, trainer.state_dict())

    def test_what_goes_wrong_is_raised_after_the_next_step_and_earlier_checkpoints_stay(self, tmp_path, monkeypatch):
        trainer = tiny_trainer(tmp_path, async_checkpoints=True, checkpoint_every=1, steps=50)
        steps = []

        def watch(event):
            if isinstance(event, Saved) and event.step == 2:

                def full(*_):
                    raise OSError(errno.ENOSPC, "No space left on device")

                monkeypatch.setattr(ckpt, "save_file", full)
            if isinstance(event, StepDone):
                steps.append(event.step)

        trainer.subscribe(watch)
        with pytest.raises(StorytellerError, match=r"could not be written.*No space left.*make room"):
            trainer.run()
        assert steps[-1] < 50
        assert load_checkpoint(tmp_path).step >= 2
        assert not list(tmp_path.glob(".*"))


class TestState:
    def test_a_tied_weight_is_saved_once(self):
        tied, untied = (build_model(tiny_model_config(tie_embeddings=tied), seed=1) for tied in (True, False))
        assert len(ckpt.model_weights(untied)) == len(ckpt.model_weights(tied)) + 1

    def test_weights_of_another_shape_are_refused(self):
        weights = ckpt.model_weights(build_model(tiny_model_config(), seed=1))
        with pytest.raises(StorytellerError, match=r"does not fit the model: blocks\.0"):
            ckpt.restore_weights(build_model(tiny_model_config(d_ff=16), seed=1), weights)
        with pytest.raises(StorytellerError, match=r"head\.weight differ"):
            ckpt.restore_weights(build_model(tiny_model_config(tie_embeddings=False), seed=1), weights)

    @pytest.mark.parametrize("kind", ["adamw", "sgd", "momentum"])
    def test_an_optimizer_goes_on_with_its_memory(self, kind):
        def optimizer(groups, config):
            if kind == "adamw":
                return torch.optim.AdamW(groups, lr=0.01)
            return torch.optim.SGD(groups, lr=0.01, momentum=0.9 if kind == "momentum" else 0)

        one, other = tiny_trainer(optimizer=optimizer), tiny_trainer(optimizer=optimizer)
        for _ in range(2):
            one.backward([next(one.batches)])
            one.update()
        other.load_state_dict(one.state_dict())
        for trainer in (one, other):
            trainer.backward([next(trainer.batches)])
            trainer.update()
        assert equal(one.state_dict(), other.state_dict())


class TestResume:
    def test_a_run_goes_on_from_the_checkpoint_before_a_damaged_one_and_ends_the_same(self, tmp_path):
        unbroken = tiny_trainer(tmp_path / "unbroken")
        unbroken.run()
        tiny_trainer(tmp_path / "broken").run()
        flip_in_the_middle(tmp_path / "broken" / "step-000006" / "model.safetensors")
        events = []
        resumed = tiny_trainer(tmp_path / "broken", on_event=events.append)
        assert resumed.resume()
        assert resumed.step == 4
        assert any(isinstance(event, Message) and "step-000006 is damaged" in event.text for event in events)
        resumed.run()
        assert equal(resumed.state_dict(), unbroken.state_dict())
        names = sorted(path.name for path in (tmp_path / "broken").iterdir())
        assert names == ["step-000004", "step-000006", "step-000006.damaged"]

    def test_a_finished_run_has_nothing_left_to_do(self, tmp_path):
        first = tiny_trainer(tmp_path).run()
        events = []
        again = tiny_trainer(tmp_path, on_event=events.append)
        assert again.resume()
        assert again.run() == first
        assert events == []

    def test_changed_settings_are_told(self, tmp_path):
        tiny_trainer(tmp_path, steps=4).run()
        events = []
        longer = tiny_trainer(tmp_path, steps=8, batch_size=1, grad_accum_steps=2, on_event=events.append)
        longer.resume()
        texts = " ".join(event.text for event in events)
        for change in (
            "steps 4; it goes on with 8",
            "batch_size 2; it goes on with 1",
            "grad_accum_steps 1; it goes on with 2",
        ):
            assert change in texts
        assert longer.run().step == 8

    def test_another_model_or_corpus_is_refused(self, tmp_path):
        tiny_trainer(tmp_path).run()
        with pytest.raises(StorytellerError, match="The run's model has top_k 2, this one 1"):
            tiny_trainer(tmp_path, model={"top_k": 1}).resume()
        other = tiny_trainer(tmp_path)
        other.batches = TrainingBatches(tiny_source(documents=50), batch_size=2, seq_len=8, seed=1)
        with pytest.raises(StorytellerError, match="go on with the corpus and settings"):
            other.resume()

    def test_the_dtype_that_the_probe_chose_stays_chosen(self, tmp_path, monkeypatch):
        monkeypatch.setattr("storyteller.training.trainer.fastest_dtype", lambda trainer: "bfloat16")
        tiny_trainer(tmp_path, dtype="auto").run()
        monkeypatch.setattr("storyteller.training.trainer.fastest_dtype", lambda trainer: "float32")
        resumed = tiny_trainer(tmp_path, dtype="auto")
        resumed.resume()
        assert resumed.dtype == "bfloat16"

    def test_the_scale_of_float16_goes_on(self, tmp_path):
        trainer = tiny_trainer(tmp_path, dtype="float16")
        trainer.run()
        trainer.scaler.update(new_scale=1024.0)
        other = tiny_trainer(dtype="float16")
        other.load_state_dict(trainer.state_dict())
        assert other.scaler.state_dict()["scale"] == 1024
