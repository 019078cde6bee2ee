"""What `try_lever` must do, case by case."""

from storyteller_course import Exercise, close, equal, true, unchanged

try_lever = Exercise(
    "try_lever",
    points=10,
    stars=3,
    scaffold="blank",
    hints=(
        "How many models are trained with three seeds? Which settings does each have, and what would you like to know "
        "of it a week later?",
        "Two loops, one in the other: without the change and with it, then the seeds. `with tracker.start_run(...)` "
        "around one training and its judgement closes the run at the end of the block.",
        "A dictionary of the settings with the lever's put over them is a new one: `{**settings, **lever}`. For the "
        "verdict compare the worst run of one kind with the best of the other; means say nothing of the spread.",
    ),
    may_change=("tracker",),
)


class Studio:
    """Trains and judges by a table: what the student's function asked for, and the figures that it got."""

    def __init__(self, draw, bits):
        self.bits, self.draw = bits, draw  # settings' learning rate and seed -> bits per byte
        self.trained, self.judged = [], []

    def train(self, settings, seed):
        """Note what is trained, and give a name for it."""
        self.trained.append((dict(settings), seed))
        return f"model {len(self.trained) - 1}"

    def judge(self, model):
        """The figures of the model of that name."""
        number = int(model.split()[-1])
        settings, seed = self.trained[number]
        figures = {
            "consistent": self.draw.uniform(0, 1),
            "bits_per_byte": self.bits.get((settings.get("learning_rate"), seed), 9.0),
            "distinct_4": self.draw.uniform(0, 1),
        }
        self.judged.append((number, figures))
        return figures


def some_run(student, draw, before, after, *, tracker=None):
    """A call with these bits per byte, a number for each seed: what it gave, and what was asked for on the way."""
    seeds = draw.sample(range(1, 90), len(before))
    rate, new = draw.sample([0.001, 0.002, 0.004, 0.008, 0.016], 2)
    settings = {"learning_rate": rate, "top_k": draw.randint(1, 3), "n_experts": draw.randint(4, 9)}
    lever = {"learning_rate": new} | draw.choice([{}, {"weight_decay": draw.uniform(0.1, 0.3)}])
    bits = {(rate, seed): one for seed, one in zip(seeds, before, strict=True)}
    bits |= {(new, seed): one for seed, one in zip(seeds, after, strict=True)}
    studio = Studio(draw, bits)
    tracker = student.make("practice_tracker") if tracker is None else tracker
    got = student.try_lever(studio.train, studio.judge, settings, lever, seeds, tracker)
    unchanged(student)
    true(isinstance(got, dict), "A dictionary is wanted.", got=got)
    return got, studio, tracker, (settings, lever, seeds)


def gives_what_was_judged(got, studio):
    """The results are the judge's figures, in whatever order."""
    told = [one for kind in ("as it is", "changed") for one in (got.get(kind) or [])]
    key = lambda one: str(one.get("consistent")) if isinstance(one, dict) else str(one)  # noqa: E731
    equal(sorted(told, key=key), sorted((figures for _, figures in studio.judged), key=key), "all figures together")


def some_bits(draw, count, low=1.0, high=2.0):
    return [draw.uniform(low, high) for _ in range(count)]


def in_order(trained):
    return sorted(trained, key=lambda one: (sorted(one[0].items()), one[1]))


@try_lever.case("trains with every seed, without the change and with it", points=2)
def trains_all(student, draw):
    for count in (2, 3):
        got, studio, _, (settings, lever, seeds) = some_run(
            student, draw, some_bits(draw, count), some_bits(draw, count)
        )
        gives_what_was_judged(got, studio)
        wanted = [(used, seed) for used in (settings, {**settings, **lever}) for seed in seeds]
        equal(in_order(studio.trained), in_order(wanted), "the settings and the seed of each training")


@try_lever.case("gives the figures of both kinds, in the order of the seeds", points=2)
def gives_figures(student, draw):
    for count in (2, 3):
        got, studio, _, (settings, lever, seeds) = some_run(
            student, draw, some_bits(draw, count), some_bits(draw, count)
        )
        of = {(one["learning_rate"], seed): number for number, (one, seed) in enumerate(studio.trained)}
        judged = dict(studio.judged)
        for kind, used in (("as it is", settings), ("changed", {**settings, **lever})):
            wanted = [judged.get(of.get((used["learning_rate"], seed))) for seed in seeds]
            equal(got.get(kind), wanted, f"the figures of the runs {kind!r}")


@try_lever.case("keeps each training as a run of its own, with its settings, its seed and its figures", points=3)
def keeps_runs(student, draw):
    for count in (3, 2):
        got, studio, tracker, (settings, lever, seeds) = some_run(
            student, draw, some_bits(draw, count), some_bits(draw, count)
        )
        gives_what_was_judged(got, studio)
        runs = tracker.method("record")
        equal(len(runs), 2 * count, f"the number of runs in the tracker, for {count} seeds")
        names = {run["name"] for run in runs}
        true(len(names) == len(runs) and "" not in names, "Each run has a name of its own.", got=sorted(names))
        equal([run["status"] for run in runs], ["FINISHED"] * len(runs), "how the runs ended")
        wanted = [{**used, "seed": seed} for used in (settings, {**settings, **lever}) for seed in seeds]
        key = lambda one: sorted((name, str(value)) for name, value in one.items())  # noqa: E731
        equal(sorted((run["params"] for run in runs), key=key), sorted(wanted, key=key), "the parameters of the runs")
        judged = {}
        for number, figures in studio.judged:
            used, seed = studio.trained[number]
            judged[seed, used["learning_rate"]] = figures
        for run in runs:
            one = judged.get((run["params"]["seed"], run["params"]["learning_rate"]))
            close(run["metrics"], one, f"the metrics of the run {run['name']!r}")


@try_lever.case("calls a change better or worse only where the two groups of runs are apart", points=3)
def verdicts(student, draw):
    base = draw.uniform(1, 2)
    near = [base, base + 0.2, base + 0.1]
    for after, wanted in (
        ([base - 0.3, base - 0.1, base - 0.02], "better"),
        ([base + 0.3, base + 0.5, base + 0.21], "worse"),
        ([base - 0.3, base + 0.15, base - 0.1], "no clear difference"),  # a better mean
        ([base - 0.02, base + 0.18, base + 0.08], "no clear difference"),  # better with each seed
        ([base + 0.25, base + 0.3, base + 0.05], "no clear difference"),
    ):
        got, *_ = some_run(student, draw, near, after)
        equal(got.get("verdict"), wanted, "the verdict")
    pair = [base, base + 0.1]
    got, *_ = some_run(student, draw, pair, [base - 0.2, base - 0.1])
    equal(got.get("verdict"), "better", "the verdict of two seeds")
