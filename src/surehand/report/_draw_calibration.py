"""Whether a stated confidence means what it says: reliability diagrams (DeGroot and Fienberg, 1983)."""

from typing import Any

from ._run import Run
from ._style import PALETTE, Drawing, Table, empty, percent_axis, style
from ._words import count, number, percent, set_name

_LOOKS: dict[str, dict[str, Any]] = {
    "before": {
        "color": PALETTE["orange"],
        "marker": "s",
        "linestyle": (0, (3, 2)),
        "markerfacecolor": PALETTE["surface"],
    },
    "after": {"color": PALETTE["blue"], "marker": "o"},
}


def draw_reliability(run: Run, model: str, name: str) -> Drawing | None:
    """Accuracy against stated confidence, before and after temperature scaling, and how many answers each bin has."""
    found = run.reliability(model, name)
    bins = {when: found[when] for when in _LOOKS if found.get(when)}
    if not bins:
        return None
    with style():
        figure = empty(3.6, 3.6)
        axes, below = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
        axes.plot([0, 1], [0, 1], color=PALETTE["muted"], linewidth=1, linestyle=(0, (1, 2)))
        for when, rows in bins.items():
            axes.plot([row.confidence for row in rows], [row.accuracy for row in rows], label=when, **_LOOKS[when])
        axes.set_ylabel("right")
        axes.set_aspect("auto")
        percent_axis(axes)
        if len(bins) > 1:
            axes.legend(title="temperature scaling", fontsize=8, title_fontsize=8, loc="upper left", handlelength=2.6)
        last = list(bins.values())[-1]
        below.bar(
            [(row.low + row.high) / 2 for row in last],
            [row.count for row in last],
            width=[0.9 * (row.high - row.low) for row in last],
            color=PALETTE["muted"],
        )
        below.set_ylabel("answers")
        below.grid(visible=False)
        below.set_yticks([])
        percent_axis(below, "x")
        below.set_xlabel("stated confidence")
    return Drawing(
        "reliability",
        model,
        name,
        f"Calibration of {model} on {set_name(name)}",
        _finding(run, model, name),
        "On the dotted line, a stated 80 % is right 80 times in 100. Below it the model is too sure of itself, "
        "above it too modest.",
        figure,
        Table(
            ("stated confidence", "mean confidence", "right", "answers"),
            tuple(
                (
                    f"{when} {percent(row.low, 0)} to {percent(row.high, 0)}",
                    percent(row.confidence),
                    percent(row.accuracy),
                    count(row.count),
                )
                for when, rows in bins.items()
                for row in rows
            ),
        ),
    )


def _finding(run: Run, model: str, name: str) -> str:
    bins = run.reliability(model, name)
    rows = bins.get("after") or bins.get("before") or ()
    total = sum(row.count for row in rows)
    confidence = sum(row.confidence * row.count for row in rows) / total
    right = sum(row.accuracy * row.count for row in rows) / total
    direction = "too sure" if confidence > right else "too modest"
    return (
        f"On average it states {percent(confidence)} and is right {percent(right)} of the time: "
        f"{direction} by {number(100 * abs(confidence - right), 1)} points."
    )
