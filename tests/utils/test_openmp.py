"""How OpenMP's threads wait: our settings, unless the user has made their own."""

import os

from storyteller.utils.openmp import SETTINGS, sleep_while_waiting


def test_threads_sleep_while_they_wait(monkeypatch):
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    sleep_while_waiting()
    assert {name: os.environ[name] for name in SETTINGS} == SETTINGS


def test_a_setting_of_the_user_is_left_alone(monkeypatch):
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    monkeypatch.setenv("GOMP_SPINCOUNT", "7")
    sleep_while_waiting()
    assert (os.environ["OMP_WAIT_POLICY"], os.environ["GOMP_SPINCOUNT"]) == ("ACTIVE", "7")
