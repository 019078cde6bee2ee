"""The lessons' figures: what they say where no widget runs, and that they draw at all."""

import matplotlib
import pytest
import torch
from matplotlib.colors import to_rgb
from matplotlib.text import Text

from storyteller import figures
from storyteller.figures import charts

matplotlib.use("Agg")


@pytest.fixture
def shown(monkeypatch):
    """What was displayed, as mime bundles or figures."""
    found = []
    monkeypatch.setattr("IPython.display.display", lambda value, raw=False: found.append(value))
    return found


def test_a_token_row_marks_places_and_escapes_html():
    row = figures.token_row([b"<b>", b" fox", bytes([0xF0, 0x9F])], marked=[1])
    assert "&lt;b&gt;" in row
    assert row.count("2px solid") == 1
    assert "␣fox" in row
    assert "‹F0 9F›" in row


def test_coloured_text_breaks_lines_only_before_spaces(shown):
    figures.colored([b"Once", b" up", b"on", b"\n"])
    bundle = shown[0]
    assert bundle["text/html"].count("&#8203;") == 1
    assert bundle["text/plain"] == "Once|␣up|on|⏎"


def test_a_slider_is_a_still_picture_where_no_kernel_runs(shown):
    figures.slider(lambda n: f"<p>{n} merges</p>", [0, 5, 10], label="merges")
    assert set(shown[0]) == {"text/html", "text/plain"}
    assert "5 merges" in shown[0]["text/html"]


def test_a_table_aligns_columns_of_numbers_to_the_right(shown):
    figures.table([["a", 1, "2"], ["bb", 1000, "x<y"]], header=["name", "count", "text"])
    assert shown[0]["text/plain"].splitlines() == ["name  count  text", "a         1  2   ", "bb    1,000  x<y "]
    assert '<td style="text-align:right">1,000</td>' in shown[0]["text/html"]
    assert "x&lt;y" in shown[0]["text/html"]


def test_a_column_of_a_table_has_one_number_of_digits(shown):
    rows = [["1.5 %", 24.0, 0.25, 0.02, 3], ["12 %", 7.0, 151.0, 64.0, 4], ["", 18.5, -1.0, 0.0, 5.0]]
    figures.table(rows, header=["a", "b", "c", "d", "e"])
    assert [line.split() for line in shown[0]["text/plain"].splitlines()[1:]] == [
        ["1.5", "%", "24.0", "0.25", "0.020", "3"],
        ["12", "%", "7.0", "151.00", "64.000", "4"],
        ["18.5", "-1.00", "0.000", "5.000"],
    ]
    assert shown[0]["text/plain"].splitlines()[2].startswith(" 12 %")  # to the right


def test_a_page_has_its_title_and_paragraphs(shown):
    figures.page("One.\n\nTwo & three.", title="A tale")
    assert shown[0]["text/html"].count("<p ") == 2
    assert shown[0]["text/plain"] == "A tale\n\nOne.\n\nTwo & three."


def test_every_chart_draws_one_figure_with_its_title(shown):
    figures.histogram({"a": [1, 2, 3], "b": [2, 2, 4]}, title="T1", xlabel="x", marks={"median": 2})
    lines = {"a": ([1, 2], [3, 4]), "fit": ([1, 2], [3, 3])}
    figures.curves(
        lines, title="T2", xlabel="x", ylabel="y", log="xy", dashed=["fit"], marks={"here": (1, 3)}, dots=True
    )
    figures.bars({"slow": 2.0, "fast": 0.5}, title="T3", xlabel="s")
    assert [figure.axes[0].get_title(loc="left") for figure in shown] == ["T1", "T2", "T3"]


def test_heat_maps_stand_side_by_side_with_their_tokens(shown):
    import torch

    figures.heat_maps({"one": torch.eye(3), "two": torch.ones(3, 3)}, title="T", tokens=[b"a", b" b", b"\n"])
    [figure] = shown
    assert [axes.get_title() for axes in figure.axes] == ["one", "two"]
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["a", "␣b", "⏎"]


def test_a_looked_at_text_frames_the_query_and_darkens_what_it_sees():
    text = figures.looked_at([b"<a", b" b", b" c"], [0.2, 0.8, 0.0], query=1, label="head 1")
    assert "&lt;a" in text
    assert text.count("outline:2px") == 1
    assert text.index("0.21)") < text.index("0.85)") < text.index("0.00)")  # the largest weight is the darkest
    assert "#aaa" in text.partition("c</span>")[0].rpartition("<span")[2]  # the future is grey
    assert "background:#fff;color:#111" in text  # the label too, whatever the theme


def test_clocks_have_two_hands_each():
    picture = figures.clocks([(0.0, 1.5707963), (3.1415926, 0.0)], names=["query", "key"], captions=["90°", "180°"])
    assert picture.count("<line") == 4
    assert 'x2="116.0" y2="62.0"' in picture  # three o'clock
    assert 'x2="70.0" y2="16.0"' in picture  # a quarter further, counter-clockwise
    assert "180°" in picture


def test_a_logarithmic_map_leaves_exact_zeros_white_and_shows_its_bar(shown):
    values = torch.tensor([[1.0, 0.0], [0.01, 1e-6]])
    figures.heat_maps({"a": values, "b": values * 2}, title="T", log=True)
    [figure] = shown
    assert len(figure.axes) == 3  # two maps and the bar
    drawn = figure.axes[0].images[0].get_array()
    assert drawn.mask.tolist() == [[False, True], [False, False]]
    image = figure.axes[0].images[0]
    assert image.cmap(image.norm(drawn))[0, 1].tolist() == [1, 1, 1, 1]  # white on a dark page too


def test_dots_are_all_drawn_and_the_first_ones_span_is_shaded(shown):
    figures.dots({"ours": [1.0, 1.5, 1.2], "other": [2.0, 2.5, 2.25]}, title="T", xlabel="loss")
    [axes] = shown[0].axes
    drawn = [line.get_xdata() for line in axes.lines if line.get_marker() == "o"]
    assert [list(one) for one in drawn] == [[1.0, 1.5, 1.2], [2.0, 2.5, 2.25]]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["ours", "other"]
    assert len(axes.patches) == 1
    figures.dots({"ours": [1.0, 1.5], "other": [2.0, 2.5]}, title="T", xlabel="loss", against_first=False)
    assert len(shown[1].axes[0].patches) == 0


def test_a_descent_says_where_each_way_ends(monkeypatch):
    import matplotlib.figure

    titles = []
    original = matplotlib.axes.Axes.set_title
    monkeypatch.setattr(
        matplotlib.axes.Axes,
        "set_title",
        lambda self, text, **rest: titles.append(text) or original(self, text, **rest),
    )
    paths = {"slow": [(-2.0, 1.0), (-1.0, 0.0)], "fast": [(-2.0, 1.0), (0.0, 0.0)], "away": [(-2.0, 1.0), (0.0, 900.0)]}
    picture = figures.descent(paths, steepness=(0.5, 20.0), title="T")
    assert picture.startswith("<img")
    ends = ["slow: loss 0.25 after 1 steps", "fast: loss 0 after 1 steps", "away: loss out of sight after 1 steps"]
    assert [title for title in titles if title] == ends


def test_a_rated_map_writes_each_number_into_its_field(shown):
    figures.rated_maps({"a": torch.tensor([[0.0, 21.4]])}, rows=["r"], columns=["c", "d"], title="T")
    assert [text.get_text() for text in shown[0].axes[0].texts] == ["0.0", "21"]


def test_the_cache_grows_by_the_heads_of_keys_and_values():
    text = [b"A", b" fox", b"<"]
    two = figures.growing_cache(text, 1, n_heads=4, n_kv_heads=2, head_dim=8)
    assert "for queries 0, 1" in two
    assert "64 numbers" in two  # keys and values, 2 heads, 8 wide, 2 tokens
    assert "128 numbers" in figures.growing_cache(text, 1, n_heads=4, n_kv_heads=4, head_dim=8)
    assert "&lt;" in two
    assert two.count("<tr") == two.count('<tr style="background:#fff"') == 3  # Jupyter's dark theme colours rows


def test_a_logarithmic_axis_has_plain_numbers_where_they_are_short():
    from matplotlib.figure import Figure

    def written(xs):
        axes = Figure().subplots()
        axes.plot(xs, xs)
        axes.set_xscale("log")
        charts.plain_numbers(axes.xaxis, xs)
        return [label.get_text() for label in axes.get_xticklabels(which="both")]

    assert {"500", "1,000", "2,000"} <= set(written([300, 4000]))
    assert not any("," in text for text in written([1, 1e9]))


def test_a_panel_writes_thousands_in_full():
    figure = charts.panels_figure({"a": {"size": 3680.4}, "b": {"size": 0.000508}})
    assert [text.get_text().strip() for text in figure.axes[0].texts] == ["3,680", "0.000508"]


def test_the_residual_stream_has_two_parts_for_each_layer():
    picture = figures.residual_stream(3)
    assert picture.count(">attention<") == picture.count(">feed-forward<") == 3


def test_a_chart_stands_on_dark_pages_too(shown):
    """Its ground lets the page through, and its words have a contrast of about four on white and on black."""
    lines = {"one": ([1, 2], [3, 4])}
    figures.curves(lines, title="t", xlabel="x", ylabel="y", marks={"here": (1, 3)}, upright={"there": 2})
    figure = shown[-1]
    assert figure.get_facecolor()[3] == 0
    words = [text for text in figure.findobj(Text) if text.get_text().strip()]
    assert {"t", "x", "y", "here", " there", "one"} <= {text.get_text() for text in words}
    for text in words:
        grey = to_rgb(text.get_color())[0]
        luminance = ((grey + 0.055) / 1.055) ** 2.4
        assert 1.05 / (luminance + 0.05) > 4
        assert (luminance + 0.05) / 0.056 > 4  # JupyterLab's dark ground is #111
