"""The accuracies of a run side by side, so that no one of them is ever seen alone."""

from typing import Any

from ._run import Record, Run
from ._style import PALETTE, Drawing, Table, percent_axis, plot, style
from ._words import count, interval, percent

# What each kind of accuracy looks like: the claim is hollow, the tests are solid.
_LOOKS: dict[str, dict[str, Any]] = {
    "random": {"facecolor": "none", "edgecolor": PALETTE["muted"], "hatch": "////", "linewidth": 1.0},
    "grouped": {"facecolor": PALETTE["blue"]},
    "external": {"facecolor": PALETTE["orange"]},
}
RANDOM, GROUPED = "random split", "whole groups held back"


def measured_accuracies(accuracy: Record | None) -> list[tuple[str, str, Record]]:
    """(kind, label, proportion) of what was measured: random, grouped, then each external set."""
    accuracy = accuracy or {}
    own = [("random", RANDOM, accuracy.get("random")), ("grouped", GROUPED, accuracy.get("grouped"))]
    external = [("external", name, value) for name, value in (accuracy.get("external") or {}).items()]
    return [(kind, label, value) for kind, label, value in own + external if value and value.get("value") is not None]


def draw_accuracies(run: Run) -> Drawing | None:
    """Horizontal bars with exact intervals, one block of bars a model; chance and nearest neighbour for comparison."""
    rows = [
        (model, *row) for model, record in run.models.items() for row in measured_accuracies(record.get("accuracy"))
    ]
    if not rows:
        return None
    neighbour = run.data.get("nearest_neighbour") or {}
    gap = 0.9
    with style():
        places, labels, at = [], [], 0.0
        for index, (model, *_) in enumerate(rows):
            at += gap if index and model != rows[index - 1][0] else 0.0
            places.append(at)
            at += 1.0
        figure, axes = plot(0.75 + 0.32 * (places[-1] + 1))
        for place, (model, kind, label, value) in zip(places, rows, strict=True):
            if place == min(p for p, row in zip(places, rows, strict=True) if row[0] == model):
                axes.text(-0.02, place - 0.85, model, fontweight="bold", ha="right", va="center")
            axes.barh(place, value["value"], height=0.62, **_LOOKS[kind])
            axes.plot(
                [value["low"], value["high"]],
                [place, place],
                color=PALETTE["ink"],
                linewidth=1.4,
                marker="|",
                markersize=6,
            )
            axes.text(
                max(value["high"], value["value"]) + 0.02,
                place,
                percent(value["value"]),
                va="center",
                fontweight="bold",
            )
            if neighbour.get(kind) is not None:
                axes.plot(
                    neighbour[kind],
                    place + 0.31,
                    marker="D",
                    color=PALETTE["surface"],
                    markeredgecolor=PALETTE["ink"],
                    markersize=5,
                )
            labels.append(label)
        axes.set_yticks(places, labels, color=PALETTE["ink"])
        axes.set_ylim(places[-1] + 0.6, -1.1)
        percent_axis(axes, "x")
        axes.set_xlim(0, 1.16)
        axes.grid(visible=False, axis="y")
        axes.spines["left"].set_visible(False)
        if run.data.get("classes"):
            axes.axvline(1 / run.data["classes"], color=PALETTE["ink"], linewidth=1, linestyle=(0, (2, 2)))
    table = Table(
        ("model", "measured on", "accuracy", "95 % interval", "images"),
        tuple((m, label, percent(v["value"]), interval(v["low"], v["high"]), count(v["n"])) for m, _, label, v in rows),
    )
    reading = "Bars: share of images read correctly; lines: exact 95 % interval. Dotted: guessing."
    if neighbour.get("random") is not None:
        reading += " Diamonds: what copying the label of the most similar training thumbnail reaches."
    return Drawing("accuracy", "", "", "Accuracy, measured side by side", _finding(run), reading, figure, table)


def _finding(run: Run) -> str:
    sentences = []
    for model, record in run.models.items():
        found = [
            f"{percent(value['value'])} on {label}" for _, label, value in measured_accuracies(record.get("accuracy"))
        ]
        if found:
            sentences.append(f"{model}: {', '.join(found)}.")
    return " ".join(sentences)
