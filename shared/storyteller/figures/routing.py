"""Figures of routers: which tokens go to which experts, how loads move, and what a dispatch does step by step."""

from collections.abc import Mapping, Sequence

from storyteller.figures.charts import dress, show
from storyteller.figures.display import publish_html, safe, visible

# One for each expert; the lighter form, behind text.
# Told apart by the color-blind too (Okabe and Ito).
EXPERT_COLORS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#f0e442", "#5a5a5a")
EXPERT_PASTELS = ("#8fc1e3", "#f5d48f", "#8fd3bd", "#ebcadd", "#efb48c", "#c7e6f8", "#f9f4ad", "#c4c4c4")
GAP = "&#8203;"  # a line may break here

Load = Sequence[Sequence[float]]  # one row a step, one number an expert


def loads(
    runs: Mapping[str, Load],
    *,
    title: str,
    columns: int = 3,
    steps: Sequence[int] | None = None,
    xlabel: str = "step",
) -> None:
    """How the load of each expert moves in training: a panel a run, the experts stacked on one another.

    Args:
        runs: name -> for each step the share of the assignments that each expert received.
        title: what is to be seen.
        columns: panels side by side.
        steps: the numbers of these steps; None counts them from 0.
        xlabel: what a step is called.
    """
    import matplotlib.pyplot as plt

    rows = -(-len(runs) // columns)  # rounded up
    size = (3.0 * columns, 0.8 + 1.8 * rows)
    figure, grid = plt.subplots(
        rows, columns, figsize=size, dpi=90, layout="constrained", squeeze=False, sharex="col", sharey=True
    )
    for axes, (name, run) in zip(grid.flat, runs.items(), strict=False):
        areas = axes.stackplot(
            steps or range(len(run)), *zip(*run, strict=True), colors=EXPERT_COLORS, edgecolor="white", linewidth=0.3
        )
        dress(axes, name, "", "")
        axes.title.set_fontsize(9)
        axes.tick_params(labelsize=8)
        axes.margins(0)
        axes.grid(visible=False)
    names = [f"expert {e}" for e in range(len(areas))]
    figure.legend(areas, names, loc="outside lower center", ncols=8, frameon=False, fontsize=8)
    for axes in list(grid.flat)[len(runs) :]:
        axes.set_visible(False)
    for axes in grid[-1]:
        axes.set_xlabel(xlabel, fontsize=8)
    for axes in grid[:, 0]:
        axes.set_ylabel("share of the choices", fontsize=8)
    figure.suptitle(title, x=0.01, ha="left", fontsize=11)
    show(figure)


def expert_map(
    values: Sequence[Sequence[float]],
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    title: str,
    xlabel: str = "",
    label: str = "",
    form: str = "",
) -> None:
    """A table of numbers as colors, darker for more.

    Args:
        values: a row of numbers for each name in `rows`.
        rows: names, from above to below.
        columns: names, from left to right.
        title: what is to be seen.
        xlabel: what the columns are.
        label: what the colors mean.
        form: writes each number into its field, such as "{:.0%}"; empty for none.
    """
    import matplotlib.pyplot as plt

    size = (max(7.6, 1.6 + 0.21 * len(columns)), 1.3 + 0.27 * len(rows))
    figure, axes = plt.subplots(figsize=size, dpi=90, layout="constrained")
    image = axes.imshow(values, aspect="auto", cmap="Blues", vmin=0)
    dress(axes, title, xlabel, "")
    axes.grid(visible=False)
    axes.set_yticks(range(len(rows)), rows, fontsize=9)
    axes.set_xticks(range(len(columns)), columns, fontsize=8, rotation=90 if len(columns) > 12 else 0)
    if form:
        middle = max(map(max, values)) / 2
        for i, row in enumerate(values):
            for j, value in enumerate(row):
                color = "white" if value > middle else "#222222"
                axes.text(j, i, form.format(value), ha="center", va="center", fontsize=8, color=color)
    figure.colorbar(image, ax=axes, label=label, fraction=0.025, pad=0.01)
    show(figure)


def colored_by_expert(tokens: Sequence[bytes], experts: Sequence[int]) -> None:
    """A text in which each token has the color and the small number of the expert that it went to, with a legend."""
    spans = []
    for token, e in zip(tokens, experts, strict=True):
        text = safe(visible(token))
        gap = GAP if text.startswith("␣") else ""
        text = text.replace("␣", "&nbsp;").replace("⏎", "⏎<br>")
        spans.append(gap + _patch(f'{text}<sub style="font-size:0.65em">{e}</sub>', e))
    legend = " ".join(_patch(f"&nbsp;expert {e}&nbsp;", e) for e in sorted(set(experts)))
    style = "font-family:monospace;line-height:1.75;max-width:52em"
    plain = " ".join(f"{visible(token)}/{e}" for token, e in zip(tokens, experts, strict=True))
    publish_html(f'<div style="{style}">{legend}<br>{"".join(spans)}</div>', plain)


def _patch(text: str, e: int) -> str:
    """A piece of HTML on the color of an expert."""
    color = EXPERT_PASTELS[e % len(EXPERT_PASTELS)]
    return f'<span style="background:{color};color:#111;border-radius:3px;white-space:nowrap">{text}</span>'


def dispatch_step(words: Sequence[str], experts: Sequence[Sequence[int]], step: int) -> str:
    """The sorted dispatch as a picture, in HTML, up to a step.

    Args:
        words: of the tokens.
        experts: for each token the experts that it chose.
        step: 1 the choices in the order of the tokens, 2 sorted by expert, 3 cut into parts, one for each expert, 4
            the answers with their tokens, 5 added up.
    """
    k = len(experts[0])
    chosen = [e for row in experts for e in row]
    order = sorted(range(len(chosen)), key=chosen.__getitem__)  # stable

    def box(c: int, mark: str = "") -> str:
        text = f"{mark}{safe(words[c // k])}<br><small>choice {c} → {chosen[c]}</small>"
        color = EXPERT_PASTELS[chosen[c] % len(EXPERT_PASTELS)]
        style = f"display:inline-block;background:{color};color:#111;border-radius:4px;margin:1px;padding:1px 6px"
        return f'<span style="{style};text-align:center">{text}</span>'

    groups = {e: [c for c in order if chosen[c] == e] for e in sorted(set(chosen))}
    lines = [("1 · the choices, token by token", "".join(box(c) for c in range(len(chosen))))]
    lines.append(("2 · sorted by expert: order = " + str(order), "".join(box(c) for c in order)))
    together = '<span style="white-space:nowrap;margin-right:1.5em">'
    parts = " ".join(
        f"{together}<b>expert {e}</b> " + "".join(box(c) for c in part) + "</span>" for e, part in groups.items()
    )
    lines.append(("3 · one part for each expert: sizes = " + str([len(part) for part in groups.values()]), parts))
    answers = "".join(box(c, "answer to ") for c in order)
    lines.append((f"4 · the answers, and whose they are: order // {k} = " + str([c // k for c in order]), answers))
    sums = []
    for n, word in enumerate(words):
        own = " + ".join(f"w<sub>{n},{j}</sub> · " + box(n * k + j, "answer to ") for j in range(k))
        sums.append(f"y<sub>{n}</sub> ({safe(word)}) = {own}")
    lines.append(("5 · each token adds up its answers by weight", "<br>".join(sums)))
    shown = "".join(f'<p style="margin:0.4em 0"><b>{head}</b><br>{body}</p>' for head, body in lines[:step])
    return f'<div style="line-height:1.9">{shown}</div>'


def balance_picture(f: Sequence[float], probs: Sequence[float], push: Sequence[float], loss: float) -> str:
    """Assignments, probabilities and the push of the load-balancing loss on each expert's probability, as bars in HTML.

    Args:
        f: assignments per token of each expert.
        probs: mean probability of each expert.
        push: the gradient of the loss with respect to each mean probability; above 0 it is lowered.
        loss: the load-balancing loss.
    """
    head = "<tr><th></th><th>choices per token f</th><th>probability P</th><th>gradient E·f (lowers P)</th></tr>"
    top = max(push)
    rows = []
    for e, (chosen, p, gradient) in enumerate(zip(f, probs, push, strict=True)):
        bars = (_bar(chosen, max(f), e), _bar(p, max(probs), e), _bar(gradient, top, e))
        rows.append(f"<tr><td>expert {e}</td>" + "".join(f"<td>{bar}</td>" for bar in bars) + "</tr>")
    return f"<table>{head}{''.join(rows)}</table><p>balance loss <b>{loss:.3f}</b></p>"


def _bar(value: float, largest: float, e: int) -> str:
    width = 110 * value / largest if largest else 0
    color = EXPERT_COLORS[e % len(EXPERT_COLORS)]
    block = f"display:inline-block;width:{width:.0f}px;height:0.8em;background:{color}"
    field = "display:inline-block;width:170px;text-align:left"
    return f'<span style="{field}"><span style="{block}"></span> {value:.2f}</span>'
