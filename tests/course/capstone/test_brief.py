"""The brief's workshop and the map of parts: the same tokens for all runs, and figures that say what the model did."""

import pytest
import torch

from storyteller.errors import StorytellerError
from storyteller_course.capstone import brief, parts_map
from storyteller_course.capstone.collect import Gathered, Source
from storyteller_course.capstone.roles import ROLES
from storyteller_course.lesson_tools.full_training_and_inference import train_apprentice

SMALL = {**brief.SETTINGS, "d_model": 16, "d_ff": 16, "n_heads": 2, "n_kv_heads": 2, "n_experts": 4}


@pytest.fixture(scope="module")
def workshop(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STORYTELLER_FAST", "1")
        folder = tmp_path_factory.mktemp("apprentice")
        patch.setattr("storyteller.runs.pipeline.VALIDATION_STORIES", 8)
        train_apprentice(folder, updates=1, stories=60)
        parts = Gathered(sources={role.name: Source(role=role, part=role.course, own=None) for role in ROLES})
        yield brief.Workshop(parts, data=folder)


def test_the_same_seed_trains_the_same_model_and_a_lever_another(workshop):
    first, again = workshop.train(SMALL, 1), workshop.train(SMALL, 1)
    other = workshop.train({**SMALL, "learning_rate": 1e-2}, 1)
    weights = [next(model.parameters()) for model in (first, again, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_the_judge_gives_four_figures_of_a_model(workshop):
    figures = workshop.judge(workshop.train(SMALL, 1))
    assert list(figures) == ["bits_per_byte", "consistent", "distinct_4", "copied_words"]
    assert 0.5 < figures["bits_per_byte"] < 6
    assert figures["consistent"] == 0  # a model of two updates ends no story


def test_a_lever_that_is_no_setting_is_refused(workshop):
    with pytest.raises(StorytellerError, match="There is no setting learning_speed"):
        workshop.train({**SMALL, "learning_speed": 1}, 1)


def test_the_results_are_shown_with_whether_the_groups_are_apart(workshop, capsys, monkeypatch):
    titles, tables = [], []
    monkeypatch.setattr(brief, "table", lambda rows, *, header: tables.append([row[0] for row in rows]))
    monkeypatch.setattr(brief, "dots", lambda values, *, title, xlabel: titles.append(title))
    run = {"bits_per_byte": 1.0, "consistent": 0.0}
    better = {"bits_per_byte": 0.5, "consistent": 0.0}
    brief.show_results({"as it is": [run, run], "changed": [better, better]})
    brief.show_results({"as it is": [run, better], "changed": [better, run]})
    assert titles == ["The two groups are apart", "The two groups are not apart"]
    assert tables[0] == ["as it is, seed 1", "as it is, seed 2", "changed, seed 1", "changed, seed 2"]


def test_the_tracker_without_mlflow_is_the_practice_tracker(monkeypatch, capsys):
    monkeypatch.setattr(brief, "find_spec", lambda name: None)
    with brief.open_tracker().start_run(run_name="one"):
        pass
    assert "not installed" in capsys.readouterr().out


def test_the_map_has_every_part_once_and_the_sentence_says_what_is_not_the_student_s():
    by_student = {role.name: role.name != "encode" for role in ROLES if not role.instead_of}
    page = parts_map.map_html(by_student).replace("<wbr>", "")
    assert all(page.count(f">{name}<") == 1 for name in by_student)
    assert "25 of 26 parts are yours" in page
    assert "(encode)" in parts_map.map_text(by_student)
    assert parts_map.in_a_sentence(by_student).endswith("the course's are encode.")
    assert parts_map.in_a_sentence(dict.fromkeys(by_student, True)).startswith("All 26 parts")
    assert parts_map.in_a_sentence(dict.fromkeys(by_student, False)).startswith("Every part of this storyteller is")


def test_the_picture_of_mlflow_is_small(capsys):
    picture = brief.files(brief.__package__) / brief.MLFLOW_PICTURE
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert len(picture.read_bytes()) < 60_000
    brief.show_mlflow_page()
    assert "experiment storyteller" in capsys.readouterr().out
