"""How long things are shown while they run."""

from storyteller import figures
from storyteller.figures import display


def test_a_progress_bar_gives_every_item_and_leaves_one_line(monkeypatch):
    shown = []

    class Handle:
        def update(self, bundle, *, raw):
            shown.append(bundle)

    def begin(bundle, *, raw, display_id):
        shown.append(bundle)
        return Handle()

    monkeypatch.setattr(display, "kernel_runs", lambda: True)
    monkeypatch.setattr(display, "BAR_INTERVAL_S", -1.0)
    monkeypatch.setattr("IPython.display.display", begin)
    assert list(figures.progress_bar(range(3), label="steps <of> a run")) == [0, 1, 2]
    line = {"text/plain": "steps <of> a run: 3"}
    assert shown[0] == shown[-1] == line  # what a committed output has is the same at each run
    bars = [bundle["text/html"] for bundle in shown[1:-1]]
    assert ['value="0"' in bars[0], 'value="2"' in bars[2], "&lt;of&gt;" in bars[0]] == [True] * 3


def test_without_a_kernel_nothing_is_shown(capsys):
    assert list(figures.progress_bar([1, 2], label="steps")) == [1, 2]
    assert capsys.readouterr().out == ""
