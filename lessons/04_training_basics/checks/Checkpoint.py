"""What `Checkpoint` must do, case by case."""

from contextlib import suppress

from storyteller_course import Exercise, StudentError, close, true
from storyteller_course.exercises.toy_training import PracticeRun

checkpoint = Exercise(
    "Checkpoint",
    in_library="storyteller.training.checkpoint.save_checkpoint",
    points=8,
    stars=2,
    scaffold="goal",
    hints=(
        "Imagine the process is killed and a new one builds the run again from its settings. What does it lack, apart "
        "from the weights? Go through the attributes of a run one by one.",
        "The optimizer remembers averages, the batches their place, the generator its state, and the schedule asks for "
        "the step. Each has a pair of functions for it; they are named in the docstring.",
        "Do not write over the file that is there: write to `self.path.with_suffix(...)` and rename with os.replace, "
        "which puts a file in the place of another in one move.",
    ),
    forbidden=("storyteller.training.checkpoint.save_checkpoint",),
    limit=10.0,
)


def loaded(student, folder, seed):
    """In a process that knows nothing: the run as its settings say, then what the folder holds."""
    folder, run = student.fresh(folder), student.make("practice_run", seed)
    student.new("Checkpoint", folder).method("load", run)
    return run


KILLED = (
    "A run that is killed at a certain moment of saving has no whole checkpoint any more: the file before is gone or "
    "spoiled, and the new one is not there yet. Write a file beside it, and put that in its place in one move."
)
PARTS = {
    "model": "the weights",
    "optimizer": "the optimizer's averages",
    "batches": "the place in the data",
    "generator": "the state of the random generator",
    "step": "the step",
}


def goes_on(run, seed, step, after):
    """Every part must be where it was at that step, and the run go on as one that was never stopped."""
    twin = PracticeRun(seed)
    twin.train(step)
    found = {part: run.method("part", part) for part in PARTS}
    for part, words in PARTS.items():
        close(found[part], twin.part(part), f"{words} after loading", rtol=1e-12, atol=1e-14)
    close(run.method("train", after), twin.train(after), f"the weights {after} steps later", rtol=1e-12, atol=1e-14)


@checkpoint.case("goes on in a new process as if the run had never stopped", points=4)
def resumes(student, draw):
    seed, before, after = draw.randrange(1000), draw.randint(2, 5), draw.randint(2, 5)
    folder, run = student.make("folder"), student.make("practice_run", seed)
    run.method("train", before)
    student.new("Checkpoint", folder).method("save", run)
    goes_on(loaded(student, folder, seed), seed, before, after)


@checkpoint.case("can save again, over the file of an earlier step", points=2)
def saves_again(student, draw):
    seed, steps = draw.randrange(1000), draw.randint(1, 3)
    folder, run = student.make("folder"), student.make("practice_run", seed)
    keeper = student.new("Checkpoint", folder)
    for _ in range(2):
        run.method("train", steps)
        keeper.method("save", run)
    names = folder.method("names")
    true("checkpoint.pt" in names, "There is no file checkpoint.pt in the folder.", got=names)
    goes_on(loaded(student, folder, seed), seed, 2 * steps, 2)
    for form in ("zip", "legacy", "pickle"):
        folder = student.make("folder")
        folder.method("plant_code", form)
        with suppress(StudentError):  # it is right to refuse the file
            student.new("Checkpoint", folder).method("load", student.make("practice_run", seed))
        true(
            folder.method("planted_code_ran") is False,
            "A file that somebody else had put in the place of the checkpoint ran code of its own while it was read: "
            "torch.load(..., weights_only=True) refuses such a file.",
        )


@checkpoint.case("keeps the file before when saving breaks off", points=2)
def whole_at_every_moment(student, draw):
    seed, steps = draw.randrange(1000), draw.randint(1, 4)
    folder, run = student.make("folder"), student.make("practice_run", seed)
    keeper = student.new("Checkpoint", folder)
    run.method("train", steps)
    keeper.method("save", run)
    run.method("train", 2)
    run.method("fill_the_disk")
    try:
        keeper.method("save", run)
    except StudentError as error:
        if "OSError" not in error.names:
            raise
    else:
        true(False, "The disk was full, and save told nobody: let the error through.")
    goes_on(loaded(student, folder, seed), seed, steps, 2)
    killed_anywhere(student, seed + 1, steps)


def killed_anywhere(student, seed, steps):
    """A run that is killed at any moment of its second saving must be found whole, as it was before or after it."""
    folder, run = student.make("folder"), student.make("practice_run", seed)
    keeper = student.new("Checkpoint", folder)
    run.method("train", steps)
    keeper.method("save", run)
    run.method("train", 2)
    run.method("watch", folder)
    keeper.method("save", run)
    for moment in range(min(int(run.method("moments")), 5)):
        run.method("rewind", moment)
        found = student.make("practice_run", seed)
        try:
            student.new("Checkpoint", folder).method("load", found)
        except StudentError as error:
            if error.kind != "raised":
                raise
            true(False, KILLED)
        step = found.method("part", "step")
        true(step in (steps, steps + 2), KILLED)
        twin = PracticeRun(seed)
        twin.train(step)
        for part, words in PARTS.items():
            close(found.method("part", part), twin.part(part), f"{words}, killed while saving", rtol=1e-12, atol=1e-14)
