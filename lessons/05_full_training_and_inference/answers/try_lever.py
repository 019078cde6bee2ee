"""Known answers to `try_lever`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

VERDICT = (
    '    verdict = "no clear difference"\n    if max(after) < min(before):\n        verdict = "better"\n'
    '    elif min(after) > max(before):\n        verdict = "worse"\n'
)

answers = [
    Wrong(
        "try_lever",
        "by_the_mean",
        "The means are compared. With so few seeds one lucky run moves a mean: the two groups have to be apart.",
        change=(
            VERDICT,
            "    gap = sum(after) / len(after) - sum(before) / len(before)\n"
            '    verdict = "better" if gap < 0 else "worse"\n',
        ),
    ),
    Wrong(
        "try_lever",
        "pair_by_pair",
        "Each changed run is compared with the run of the same seed only. The docstring asks for more: every one with "
        "every one.",
        change=(
            VERDICT,
            "    gaps = [one - other for one, other in zip(after, before)]\n"
            '    verdict = "no clear difference"\n'
            '    if max(gaps) < 0:\n        verdict = "better"\n'
            '    elif min(gaps) > 0:\n        verdict = "worse"\n',
        ),
    ),
    Wrong(
        "try_lever",
        "more_is_better",
        "More bits per byte are called better. They are surprise: the fewer, the better.",
        change=(VERDICT, VERDICT.replace('"better"', '"x"').replace('"worse"', '"better"').replace('"x"', '"worse"')),
    ),
    Wrong(
        "try_lever",
        "lever_alone",
        "The changed runs have the lever's settings and no others. The lever changes some; all others stay.",
        change=("used = {**settings, **change}", "used = dict(change) if change else dict(settings)"),
    ),
    Wrong(
        "try_lever",
        "settings_changed",
        "The dictionary of the settings is changed in the call, so whoever tries a second lever starts from the first. "
        "Work on a copy.",
        change=("used = {**settings, **change}", "settings.update(change)\n        used = settings"),
    ),
    Wrong(
        "try_lever",
        "seed_not_logged",
        "The seed is not among the parameters of a run: nobody can repeat it.",
        change=('{**used, "seed": seed}', "used"),
    ),
    Wrong(
        "try_lever",
        "only_the_change_is_logged",
        "Only what was changed is logged, so a run as it is says nothing of its settings. Log all that it was made "
        "with.",
        change=('{**used, "seed": seed}', '{**change, "seed": seed}'),
    ),
    Wrong(
        "try_lever",
        "one_name",
        "The runs of a kind all have the same name. In a table of runs they cannot be told apart.",
        change=('run_name=f"{kind}, seed {seed}"', "run_name=kind"),
    ),
    Wrong(
        "try_lever",
        "one_figure_logged",
        "Only the bits per byte are logged. The other figures are what you will want to look up.",
        change=("tracker.log_metrics(figures)", 'tracker.log_metrics({"bits_per_byte": figures["bits_per_byte"]})'),
    ),
    Wrong(
        "try_lever",
        "first_seed_twice",
        "All runs of a kind are trained with the first seed: that is one run, several times.",
        change=("judge(train(used, seed))", "judge(train(used, seeds[0]))"),
    ),
    Wrong(
        "try_lever",
        "nothing_tracked",
        "The tracker has no run: start one around each training, and log into it.",
        change=(
            '            with tracker.start_run(run_name=f"{kind}, seed {seed}"):\n'
            '                tracker.log_params({**used, "seed": seed})\n'
            "                figures = judge(train(used, seed))\n"
            "                tracker.log_metrics(figures)\n",
            "            figures = judge(train(used, seed))\n",
        ),
    ),
    Wrong(
        "try_lever",
        "only_changed_tracked",
        "The runs as they are are not in the tracker. Without them the changed ones compare with nothing.",
        change=(
            '            with tracker.start_run(run_name=f"{kind}, seed {seed}"):\n'
            '                tracker.log_params({**used, "seed": seed})\n'
            "                figures = judge(train(used, seed))\n"
            "                tracker.log_metrics(figures)\n",
            "            figures = judge(train(used, seed))\n"
            '            if kind == "changed":\n'
            "                with tracker.start_run(run_name=str(seed)):\n"
            '                    tracker.log_params({**used, "seed": seed})\n'
            "                    tracker.log_metrics(figures)\n",
        ),
    ),
    Right(
        "try_lever",
        "with_end_run",
        code="""
def try_lever(train, judge, settings, lever, seeds, tracker):
    def one_run(used, seed, name):
        tracker.start_run(run_name=name)
        for key, value in used.items():
            tracker.log_param(key, value)
        tracker.log_param("seed", seed)
        figures = judge(train(used, seed))
        for key, value in figures.items():
            tracker.log_metric(key, value)
        tracker.end_run()
        return figures
    changed_settings = dict(settings)
    changed_settings.update(lever)
    base = [one_run(dict(settings), seed, "base-%d" % seed) for seed in seeds]
    new = [one_run(changed_settings, seed, "new-%d" % seed) for seed in seeds]
    if all(a["bits_per_byte"] < b["bits_per_byte"] for a in new for b in base):
        verdict = "better"
    elif all(a["bits_per_byte"] > b["bits_per_byte"] for a in new for b in base):
        verdict = "worse"
    else:
        verdict = "no clear difference"
    return {"as it is": base, "changed": new, "verdict": verdict}
""",
    ),
    Right(
        "try_lever",
        "seed_by_seed",
        code="""
def try_lever(train, judge, settings, lever, seeds, tracker):
    kinds = {"as it is": dict(settings), "changed": dict(settings) | dict(lever)}
    found = {kind: [] for kind in kinds}
    for seed in seeds:
        for kind, used in kinds.items():
            with tracker.start_run(run_name=f"{seed}/{kind}"):
                tracker.log_params(used)
                tracker.log_params({"seed": seed})
                model = train(used, seed)
                figures = judge(model)
                tracker.log_metrics(figures)
            found[kind].append(figures)
    old = sorted(run["bits_per_byte"] for run in found["as it is"])
    new = sorted(run["bits_per_byte"] for run in found["changed"])
    found["verdict"] = (
        "better" if new[-1] < old[0] else "worse" if new[0] > old[-1] else "no clear difference"
    )
    return found
""",
    ),
]
