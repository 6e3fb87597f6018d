"""How well each class is recognised."""

from math import isfinite

from ._run import ClassRow, Run
from ._style import HALF_WIDTH, PALETTE, Drawing, Table, percent_axis, plot, style
from ._words import count, listed, percent, set_name, several

_MOST = 40  # bars in one figure; the table has all


def draw_classes(run: Run, model: str, name: str) -> Drawing | None:
    """Recall as bars and precision as dots, the weakest class first."""
    rows = sorted((row for row in run.per_class(model, name) if row.support), key=lambda row: (row.recall, row.name))
    if not rows:
        return None
    shown = rows[:_MOST]
    with style():
        figure, axes = plot(0.5 + 0.155 * len(shown), HALF_WIDTH)
        places = range(len(shown))
        axes.barh(places, [row.recall for row in shown], height=0.66, color=PALETTE["blue"])
        # A recall of 0 is a finding, not a missing bar.
        for place, row in zip(places, shown, strict=True):
            if row.recall == 0:
                axes.text(0.01, place, "0", va="center", fontsize=7.5)
        known = [
            (row.precision, place)
            for place, row in zip(places, shown, strict=True)
            if row.recall and isfinite(row.precision)
        ]
        axes.plot(
            [x for x, _ in known],
            [y for _, y in known],
            linestyle="none",
            marker="o",
            markersize=4,
            color=PALETTE["surface"],
            markeredgecolor=PALETTE["ink"],
        )
        axes.set_yticks(places, [run.label(row.name) for row in shown], fontsize=8, color=PALETTE["ink"])
        axes.set_ylim(len(shown) - 0.4, -0.6)
        percent_axis(axes, "x")
        axes.grid(visible=False, axis="y")
    return Drawing(
        "classes",
        model,
        name,
        f"{model}, class by class on {set_name(name)}",
        _finding(run, rows),
        "Bars: recall (of the images of a class, how many are found). "
        "Dots: precision (of the answers, how many are right). "
        + ("Weakest first." if len(rows) == len(shown) else f"The weakest {_MOST} of {len(rows)} classes.")
        + run.motion_note,
        figure,
        Table(
            ("class", "recall", "precision", "F1", "images"),
            tuple(
                (run.label(row.name), percent(row.recall), percent(row.precision), percent(row.f1), count(row.support))
                for row in rows
            ),
        ),
    )


def _finding(run: Run, rows: list[ClassRow]) -> str:
    never = [run.label(row.name) for row in rows if row.recall == 0]
    if never:
        names = listed(never if len(never) <= 8 else [*never[:8], f"{len(never) - 8} more"])
        return f"{several(len(never), 'class is', 'classes are')} never recognised: {names}."
    worst, best = rows[0], rows[-1]
    return (
        f"Recall runs from {percent(worst.recall)} ({run.label(worst.name)}) "
        f"to {percent(best.recall)} ({run.label(best.name)})."
    )
