"""Known answers to `Checkpoint`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

answers = [
    Wrong(
        "Checkpoint",
        "weights_only",
        "Only the weights and the step are saved. The optimizer begins with empty averages, the data at "
        "their beginning: the run goes on, and is another one.",
        change=(
            (
                '            "optimizer": run.optimizer.state_dict(),\n'
                '            "batches": run.batches.state_dict(),\n'
                '            "generator": run.generator.get_state(),\n',
                "",
            ),
            (
                '        run.optimizer.load_state_dict(state["optimizer"])\n'
                '        run.batches.load_state_dict(state["batches"])\n'
                '        run.generator.set_state(state["generator"])\n',
                "",
            ),
        ),
    ),
    Wrong(
        "Checkpoint",
        "no_optimizer",
        "The optimizer's state is missing. Its averages begin at zero again, and the loss makes a jump at each resume.",
        change=(
            ('            "optimizer": run.optimizer.state_dict(),\n', ""),
            ('        run.optimizer.load_state_dict(state["optimizer"])\n', ""),
        ),
    ),
    Wrong(
        "Checkpoint",
        "no_place_in_data",
        "The place in the data is missing: after a resume the run sees the first batches again, and some others never.",
        change=(
            ('            "batches": run.batches.state_dict(),\n', ""),
            ('        run.batches.load_state_dict(state["batches"])\n', ""),
        ),
    ),
    Wrong(
        "Checkpoint",
        "no_generator",
        "The state of the random generator is missing. Noise and dropout start from the seed again, so "
        "the run differs from one that was never stopped.",
        change=(
            ('            "generator": run.generator.get_state(),\n', ""),
            ('        run.generator.set_state(state["generator"])\n', ""),
        ),
    ),
    Wrong(
        "Checkpoint",
        "no_step",
        "The step is not given back, so the schedule begins anew: with a warmup, in the middle of the run.",
        change=('        run.step = state["step"]\n', ""),
    ),
    Wrong(
        "Checkpoint",
        "written_in_place",
        "The file is written over the one before. Whoever is killed meanwhile, or runs out of space, has "
        "neither the old nor the new one. Write under another name, and rename.",
        change=(
            ("        torch.save(state, partial)\n", "        torch.save(state, self.path)\n"),
            ("        os.replace(partial, self.path)\n", ""),
        ),
    ),
    Wrong(
        "Checkpoint",
        "deleted_first",
        "The file before is deleted before the new one is written. If the writing breaks off, nothing is "
        "left. os.replace does both in one move.",
        change=(
            (
                "        torch.save(state, partial)\n",
                "        self.path.unlink(missing_ok=True)\n        torch.save(state, partial)\n",
            ),
        ),
    ),
    Wrong(
        "Checkpoint",
        "hides_errors",
        "The error was caught and nobody hears of it: a run would go on for hours without a checkpoint. "
        "Let it through.",
        change=(
            "        torch.save(state, partial)\n",
            "        try:\n            torch.save(state, partial)\n        except Exception:\n            return\n",
        ),
    ),
    Wrong(
        "Checkpoint",
        "kept_in_memory",
        "The state is remembered in the class, not in the file alone. A process that was killed has no "
        "memory; read what the file says.",
        code="""
class Checkpoint:
    latest = {}

    def __init__(self, folder):
        self.path = Path(folder) / "checkpoint.pt"

    def save(self, run):
        Checkpoint.latest = {
            "optimizer": run.optimizer.state_dict(),
            "batches": run.batches.state_dict(),
            "generator": run.generator.get_state(),
        }
        partial = self.path.with_suffix(".partial")
        torch.save({"model": run.model.state_dict(), "step": run.step}, partial)
        os.replace(partial, self.path)

    def load(self, run):
        state = torch.load(self.path, weights_only=True)
        run.model.load_state_dict(state["model"])
        run.step = state["step"]
        if Checkpoint.latest:
            run.optimizer.load_state_dict(Checkpoint.latest["optimizer"])
            run.batches.load_state_dict(Checkpoint.latest["batches"])
            run.generator.set_state(Checkpoint.latest["generator"])
""",
        synonym_of="weights_only",
    ),
    Wrong(
        "Checkpoint",
        "copied_over",
        "The new file is copied over the old one, byte by byte. Whoever is killed in the middle of the copy has half a "
        "file. os.replace puts the new one there in one move.",
        change=(
            "        os.replace(partial, self.path)\n",
            "        self.path.write_bytes(partial.read_bytes())\n        partial.unlink()\n",
        ),
    ),
    Wrong(
        "Checkpoint",
        "removed_then_renamed",
        "The old file is removed, and then the new one gets its name. Between the two there is none. os.replace does "
        "both in one move.",
        change=(
            "        os.replace(partial, self.path)\n",
            "        self.path.unlink(missing_ok=True)\n        partial.rename(self.path)\n",
        ),
    ),
    Wrong(
        "Checkpoint",
        "runs_what_the_file_carries",
        "weights_only=False reads whatever a file carries, code included: whoever hands you a checkpoint can run a "
        "program of his on your computer. weights_only=True refuses it.",
        change=("self.path, weights_only=True)", "self.path, weights_only=False)"),
    ),
    Wrong(
        "Checkpoint",
        "pickled",
        "pickle reads whatever a file carries, code included: whoever hands you a checkpoint can run a program of his "
        "on your computer. torch.save and torch.load with weights_only=True keep to plain data and tensors.",
        code="""
class Checkpoint:
    def __init__(self, folder):
        self.path = Path(folder) / "checkpoint.pt"

    def save(self, run):
        import pickle

        parts = {name: getattr(run, name).state_dict() for name in ("model", "optimizer", "batches")}
        partial = self.path.with_suffix(".pkl")
        with open(partial, "wb") as file:
            pickle.dump({**parts, "generator": run.generator.get_state(), "step": run.step}, file)
        os.replace(partial, self.path)

    def load(self, run):
        import pickle

        with open(self.path, "rb") as file:
            state = pickle.load(file)
        for name in ("model", "optimizer", "batches"):
            getattr(run, name).load_state_dict(state[name])
        run.generator.set_state(state["generator"])
        run.step = state["step"]
""",
    ),
    Wrong(
        "Checkpoint",
        "tries_the_other_way",
        "What weights_only=True refuses is read once more without it, and then runs whatever code the file carries. "
        "Let the refusal stand.",
        change=(
            "        state = torch.load(self.path, weights_only=True)\n",
            "        try:\n            state = torch.load(self.path, weights_only=True)\n"
            "        except Exception:\n            state = torch.load(self.path, weights_only=False)\n",
        ),
        synonym_of="runs_what_the_file_carries",
    ),
    Right(
        "Checkpoint",
        "in_loops",
        code="""
class Checkpoint:
    def __init__(self, folder):
        self.path = Path(folder) / "checkpoint.pt"

    def save(self, run):
        state = {name: getattr(run, name).state_dict() for name in ("model", "optimizer", "batches")}
        state = dict(state, noise=run.generator.get_state(), step=run.step)
        beside = self.path.parent / "checkpoint.tmp"
        with open(beside, "wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self.path)

    def load(self, run):
        with open(self.path, "rb") as file:
            state = torch.load(file, weights_only=True)
        for name in ("model", "optimizer", "batches"):
            getattr(run, name).load_state_dict(state[name])
        run.generator.set_state(state["noise"])
        run.step = int(state["step"])
""",
    ),
    Right(
        "Checkpoint",
        "through_memory",
        code="""
class Checkpoint:
    def __init__(self, folder):
        self.path = Path(folder) / "checkpoint.pt"

    def save(self, run):
        import io

        buffer = io.BytesIO()
        parts = [run.model.state_dict(), run.optimizer.state_dict(), run.batches.state_dict()]
        torch.save([*parts, run.generator.get_state(), run.step], buffer)
        partial = Path(f"{self.path}.new")
        partial.write_bytes(buffer.getvalue())
        os.replace(partial, self.path)

    def load(self, run):
        model, optimizer, batches, noise, run.step = torch.load(self.path, weights_only=True)
        run.model.load_state_dict(model)
        run.optimizer.load_state_dict(optimizer)
        run.batches.load_state_dict(batches)
        run.generator.set_state(noise)
""",
    ),
    Right(
        "Checkpoint",
        "temporary_file_in_the_folder",
        code="""
class Checkpoint:
    def __init__(self, folder):
        self.folder = os.fspath(folder)
        self.path = os.path.join(self.folder, "checkpoint.pt")

    def save(self, run):
        import tempfile

        checkpoint = {
            "model_state_dict": run.model.state_dict(),
            "optimizer_state_dict": run.optimizer.state_dict(),
            "data": run.batches.state_dict(),
            "rng_state": run.generator.get_state(),
            "iter_num": run.step,
        }
        handle, name = tempfile.mkstemp(dir=self.folder)
        try:
            with os.fdopen(handle, "wb") as file:
                torch.save(checkpoint, file)
        except BaseException:
            os.remove(name)
            raise
        os.rename(name, self.path)

    def load(self, run):
        checkpoint = torch.load(self.path, map_location="cpu", weights_only=True)
        run.model.load_state_dict(checkpoint["model_state_dict"])
        run.optimizer.load_state_dict(checkpoint["optimizer_state_dict"])
        run.batches.load_state_dict(checkpoint["data"])
        run.generator.set_state(checkpoint["rng_state"])
        run.step = checkpoint["iter_num"]
""",
    ),
]
