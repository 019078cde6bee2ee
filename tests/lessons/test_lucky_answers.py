"""Answers that are right by luck lose points, in every exercise of every lesson; and none is told something untrue.

They are made by machine, see `lucky_answers.py`. What a check cannot see yet stands in `UNSEEN`, and what no input can
show in `NOTHING_SHOWS`, each with its reason; an entry that is seen after all must go.
"""

import functools
from collections import Counter

import pytest
from kept_mistakes import kept_mistakes
from lucky_answers import SEEDS, Lucky, loses, made, spoiled

from repository import ROOT
from storyteller_course.exercises.lesson import load_lesson
from storyteller_course.grading.grade import grade
from storyteller_course.runner.in_process import InProcessStudent

LESSONS = sorted(path.name for path in (ROOT / "lessons").glob("[0-9][0-9]_*") if path.is_dir())
EXERCISES = [  # but for the questions of a recall, which have no input to be lucky with
    (lesson, name)
    for lesson in LESSONS
    for name, exercise in load_lesson(ROOT / "lessons" / lesson).exercises.items()
    if not exercise.questions
]
TRIVIAL = ("none", "zeros", "NaN", "constant", "returns an argument")
QUICK = ("none", "zeros", "constant", "public table", "float16", "bfloat16", "int32", "transposed")

# exercise -> "kind about", and why no input can show that this is wrong
NOTHING_SHOWS: dict[str, dict[str, str]] = {
    "causal_mask": {"argument as first device": "There is one device where the tests run."},
    "apply_rope": {
        "size written in cos[-3]": "All heads have the same angles: the size is always 1.",
        "size written in sin[-3]": "All heads have the same angles: the size is always 1.",
    },
    "moe_costs": {"argument as first n_heads": "The costs do not depend on the number of heads."},
    "parameters_and_flops": {"argument as first n_heads": "The costs do not depend on the number of heads."},
    "Checkpoint": {
        "zeros": "Its methods give back nothing.",
        "NaN": "Its methods give back nothing.",
        "public table": "Its methods give back nothing.",
    },
}

# Where zeros or nothing in place of the result are no trivial answer: the work is done elsewhere.
WORKS_ELSEWHERE = {
    "Checkpoint": "Its methods write files and load states, and give back nothing.",
    "accumulate": "Its work is the model's gradients; it gives back a loss.",
    "train": "Its work is the model's weights; it gives back what it noted on the way.",
    "reinforce": "Its work is the model's weights; it gives back the rewards of the steps.",
}

# What the checks do not see yet: each entry is work to be done, and goes when its exercise's inputs show it.
UNSEEN: dict[str, set[str]] = {}

# Where the text of a known mistake is true of a lucky answer too, each pair read: exercise -> "kind about: mistake".
NAMED: dict[str, set[str]] = {
    "clean_story": {"returns an argument text: no_cut"},
    "percentile": {"in place lengths: sorts_the_lengths"},
    "count_pairs": {"in place words: empties_words"},
    "merge_pair": {"argument as first new_id: always_256"},
    "encode_word": {"in place merges: uses_up_merges"},
    "decode": {"in place ids: uses_up_ids"},
    "attend_in_heads": {
        "argument as first n_heads: scores_of_all_heads",
        "argument as first causal: causal_by_length",
    },
    "balance_of_layers": {"argument as first k: best_only"},
    "apply_temperature": {"in place logits: in_place"},
    "keep_top_k": {"in place logits: in_place"},
    "penalize_repetition": {"in place logits: in_place"},
    "choose": {"batch 1 only: one_point_for_all"},
    "generate": {
        "argument as first filters: filters_left_out",
        "argument as first stop: stops_when_all_in_one_step",
        "argument as first context: never_cropped",
    },
    "adamw_step": {
        "argument as first weight_decay: no_decay",
        "in place parameter: in_place",
        "in place state: averages_in_place",
    },
    "pack": {"argument as first end_id: end_is_zero", "int32: int32"},
    "story_figures": {"argument as first n: single_words"},
    "try_lever": {"in place settings: settings_changed"},
    "clip_gradients": {"in place gradients: in_place"},
    "newton_schulz": {"argument as first steps: always_five"},
    "clipped_loss": {
        "argument as first epsilon: epsilon_fixed",
        "argument as first normalization: grpo_by_token",
    },
    "ring_all_reduce": {"in place own: own_changed"},
    "combine_gradients": {
        "argument as first max_norm: never_shortened",
        "argument as first n_targets: mean_over_ranks",
    },
    "zero_step": {"argument as first state: state_not_used"},
    "plan_run": {
        "argument as first memory: memory_left_out",
        "argument as first budget: no_budget",
    },
    "reinforce": {
        "argument as first updates: one_update",
        "argument as first kl_weight: kl_left_out",
        "argument as first temperature: without_temperature",
    },
}


@functools.cache
def lucky_answers(lesson: str, exercise: str) -> list[Lucky]:
    course = load_lesson(ROOT / "lessons" / lesson)
    return made(course, course.exercises[exercise])


def survivors(lesson: str, exercise: str, kinds: tuple[str, ...] | None = None) -> list[str]:
    """The lucky answers that get full marks, as "kind about"."""
    course, rows, found = load_lesson(ROOT / "lessons" / lesson), Counter[str](), []
    for lucky in lucky_answers(lesson, exercise):
        if kinds is None or lucky.kind in kinds:
            lost = loses(course, course.exercises[exercise], lucky)
            rows[f"{lucky.kind}: made"] += 1
            rows[f"{lucky.kind}: lost points"] += lost
            found += [f"{lucky.kind} {lucky.about}".split("=")[0].strip()] * (not lost)
    print(lesson, exercise, dict(rows))
    return found


@pytest.mark.parametrize(("lesson", "exercise"), EXERCISES)
def test_a_trivial_answer_loses_points(lesson, exercise):
    assert set(survivors(lesson, exercise, QUICK)) <= NOTHING_SHOWS.get(exercise, {}).keys()


@pytest.mark.parametrize(("lesson", "exercise"), EXERCISES)
def test_a_trivial_answer_earns_nothing(lesson, exercise):
    """A case whose wanted value is made from the student's own values has an oracle beside it; an edge case alone does
    not count."""
    course = load_lesson(ROOT / "lessons" / lesson)
    earned = {}
    for lucky in lucky_answers(lesson, exercise):
        if lucky.kind in TRIVIAL:
            student = InProcessStudent(
                spoiled(course, exercise, lucky.spoil), anew=functools.partial(spoiled, course, exercise, lucky.spoil)
            )
            result = grade(course.exercises[exercise], student, seeds=SEEDS)
            earned[f"{lucky.kind} {lucky.about}".strip()] = result.earned
    assert earned
    if exercise not in WORKS_ELSEWHERE:
        assert set(earned.values()) == {0}, earned


@pytest.mark.slow
@pytest.mark.parametrize(("lesson", "exercise"), EXERCISES)
def test_a_lucky_answer_loses_points(lesson, exercise):
    allowed = NOTHING_SHOWS.get(exercise, {}).keys() | UNSEEN.get(exercise, set())
    assert set(survivors(lesson, exercise)) == allowed


@pytest.mark.slow
@pytest.mark.parametrize(("lesson", "exercise"), EXERCISES)
def test_a_lucky_answer_gets_no_name_that_is_not_true_of_it(lesson, exercise):
    course, named = load_lesson(ROOT / "lessons" / lesson), set()
    mistakes = kept_mistakes(course, exercise)
    for lucky in lucky_answers(lesson, exercise):
        student = InProcessStudent(spoiled(course, exercise, lucky.spoil))
        result = grade(course.exercises[exercise], student, seeds=("lucky 1",), mistakes=mistakes)
        if result.mistake:
            named.add(f"{lucky.kind} {lucky.about}".strip() + f": {result.mistake}")
    assert named <= NAMED.get(exercise, set())
