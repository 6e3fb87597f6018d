"""Which class is taken for which: heat maps of the confusion matrix."""

from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.colors import to_rgb

from ._run import Run
from ._style import HALF_WIDTH, PALETTE, Drawing, Table, plot, style
from ._words import count, percent, set_name

BATCH = "batch"
_NUMBERS_UP_TO = 12  # classes: above that, numbers in the cells are too small to read, and stand in the table
_LABELS_UP_TO = 32
# Opacity of a whole row in one cell: numbers in ink stay readable on it, on a light and on a dark page.
_STRONGEST_BELOW_NUMBERS = 0.55


def draw_confusions(run: Run, model: str) -> list[Drawing]:
    """One heat map for each evaluated set of a model, and one for a single batch."""
    drawings = []
    for name in (*run.sets(model), BATCH):
        found = run.confusion(model, name)
        if found is not None and found[1].sum() > 0:
            drawings.append(_draw(run, model, name, *found))
    return drawings


def _draw(run: Run, model: str, name: str, classes: tuple[str, ...], counts: Float[np.ndarray, "k k"]) -> Drawing:
    classes = tuple(map(run.label, classes))
    total = counts.sum(axis=1, keepdims=True)
    share = np.divide(counts, total, out=np.zeros_like(counts), where=total > 0)  # (k, k), rows sum to 1
    k = len(classes)
    with style():
        figure, axes = plot(HALF_WIDTH * 1.02, HALF_WIDTH)
        # One colour, more or less opaque: it works on a light and on a dark ground, and prints in grey.
        pixels = np.concatenate([np.broadcast_to(to_rgb(PALETTE["blue"]), (k, k, 3)), share[..., None]], axis=2)
        strongest = _STRONGEST_BELOW_NUMBERS if k <= _NUMBERS_UP_TO else 1.0
        pixels[..., 3] = np.where(share > 0, 0.12 + (strongest - 0.12) * share, 0)
        axes.imshow(pixels, interpolation="none", aspect="equal")
        every = -(-k // _LABELS_UP_TO)
        size = min(9.0, 215 / k * every)
        axes.set_xticks(range(0, k, every), classes[::every], fontsize=0.88 * size)
        for label in axes.get_xticklabels():
            label.set_rotation(0 if len(label.get_text()) <= 2 else 90)
        axes.set_yticks(range(0, k, every), classes[::every], fontsize=size)
        axes.set_xlabel("read as")
        axes.set_ylabel("truth")
        axes.grid(visible=False)
        for side in ("left", "bottom", "top", "right"):
            axes.spines[side].set(visible=True, color=PALETTE["grid"])
        if k <= _NUMBERS_UP_TO:
            for row, column in zip(*np.nonzero(counts), strict=True):
                looks: dict[str, Any] = {"ha": "center", "va": "center", "color": PALETTE["ink"], "fontsize": size}
                axes.text(column, row, f"{counts[row, column]:.0f}", **looks)
    images, right = int(counts.sum()), int(np.trace(counts))
    where = f"one batch of {count(images)}" if name == BATCH else set_name(name)
    return Drawing(
        "confusion",
        model,
        name,
        f"Confusion of {model} on {where}",
        f"{count(right)} of {count(images)} images are on the diagonal ({percent(right / images)})."
        + _worst(classes, counts),
        "Rows are the truth, columns the answer; the stronger the colour, the larger the share of the row."
        + run.motion_note,
        figure,
        Table(
            ("truth", *classes), tuple((c, *(f"{n:.0f}" for n in row)) for c, row in zip(classes, counts, strict=True))
        ),
    )


def _worst(classes: tuple[str, ...], counts: Float[np.ndarray, "k k"]) -> str:
    wrong = counts - np.diag(np.diag(counts))
    row, column = np.unravel_index(int(wrong.argmax()), wrong.shape)
    if wrong[row, column] == 0:
        return " Nothing is confused."
    times = int(wrong[row, column])
    return (
        f" Most often {classes[row]} is read as {classes[column]} ({count(times)} {'time' if times == 1 else 'times'})."
    )
