"""What small changes do: accuracy against epsilon, and adversarial images."""

from pathlib import Path

import numpy as np
from jaxtyping import Float, Num
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from PIL import Image

from ._half import epsilon_of_half
from ._run import Record, Run
from ._style import MARKERS, PALETTE, SERIES, WIDTH, Drawing, Table, empty, percent_axis, plot, style
from ._words import grey_levels, percent, several

PARTS = ("clean", "noise", "adversarial")
_DASHED = (0, (3, 2))
_ROWS = 4  # examples in one figure


def draw_epsilon_curves(run: Run) -> Drawing | None:
    """All models in one plot: accuracy at epsilon (solid, with its interval) and robust up to epsilon (dashed)."""
    curves = {
        model: record["fgsm"] for model, record in run.models.items() if (record.get("fgsm") or {}).get("epsilons")
    }
    if not curves:
        return None
    with style():
        figure, axes = plot(3.3)
        for index, (model, curve) in enumerate(curves.items()):
            colour, marker = PALETTE[SERIES[index % len(SERIES)]], MARKERS[index % len(MARKERS)]
            levels = [255 * epsilon for epsilon in curve["epsilons"]]
            if curve.get("low") and curve.get("high"):
                axes.fill_between(levels, curve["low"], curve["high"], color=colour, alpha=0.16, linewidth=0)
            # Below the solid line, so that it shows only where the two definitions part.
            axes.plot(levels, curve["robust"], color=colour, linestyle=_DASHED, linewidth=1.4)
            axes.plot(levels, curve["accuracy"], color=colour, marker=marker)
            _label(axes, model, curves, colour)
        axes.set_xlabel("ε, in grey levels of 255 (square-root scale)")
        # Undefended models fall within the first few levels, which a linear scale would press into a line.
        axes.set_xscale("function", functions=(_root, np.square))
        largest = max(255 * curve["epsilons"][-1] for curve in curves.values())
        axes.set_xticks([tick for tick in (0, 1, 4, 8, 16, 32, 64, 96, 128, 192, 255) if tick <= largest])
        axes.set_xticks([], minor=True)
        axes.xaxis.set_major_formatter("{x:.0f}")
        axes.set_xlim(0, largest * 1.03)
        percent_axis(axes)
        solid = Line2D([], [], color=PALETTE["muted"], label="accuracy at ε")
        dashed = Line2D([], [], color=PALETTE["muted"], linestyle=_DASHED, linewidth=1.4, label="never fooled up to ε")
        axes.legend(handles=[solid, dashed], fontsize=8.5, handlelength=2.8)
    return Drawing(
        "epsilon",
        "",
        "",
        "Accuracy against epsilon",
        " ".join(epsilon_summary(model, curve) for model, curve in curves.items()),
        "Every pixel may change by at most ε grey levels, in the one direction that hurts most (FGSM). "
        "Solid: accuracy at exactly this ε, with its 95 % interval. "
        "Dashed: share of images that no smaller ε of the curve fooled either.",
        figure,
        Table(
            ("model and ε", "accuracy", "95 % interval", "never fooled up to ε"),
            tuple(row for model, curve in curves.items() for row in _rows(model, curve)),
        ),
    )


def draw_adversarial(run: Run, model: str) -> Drawing | None:
    """Rows of clean image, amplified noise and adversarial image, with both predictions."""
    examples = readable_examples(run, model)[:_ROWS]
    if not examples:
        return None
    with style():
        figure = empty(0.35 + 1.95 * len(examples), WIDTH)
        grid = figure.subplots(len(examples), len(PARTS), squeeze=False)
        for row, example in zip(grid, examples, strict=True):
            words = (
                prediction(run, example, "clean"),
                f"noise, amplified\nε = {grey_levels(example['epsilon'])}",
                prediction(run, example, "adversarial"),
            )
            for axes, part, text in zip(row, PARTS, words, strict=True):
                show(axes, pixels_of(run.folder / example[part]))
                axes.set_xlabel(text, color=PALETTE["ink"], fontsize=8.5)
        for axes, title in zip(grid[0], ("Clean", "Noise", "Adversarial"), strict=True):
            axes.set_title(title)
    return Drawing(
        "adversarial",
        model,
        "",
        f"Adversarial examples against {model}",
        f"{several(len(examples), 'example')}, chosen among images that are read rightly and that the change turns.",
        "The adversarial image is the clean one plus the noise, before amplification." + run.motion_note,
        figure,
    )


def readable_examples(run: Run, model: str) -> list[Record]:
    """The adversarial examples of a model whose three images are in the run folder."""
    examples = (run.models[model].get("fgsm") or {}).get("examples") or []
    return [example for example in examples if all(run.file(example.get(part)) for part in PARTS)]


def prediction(run: Run, example: Record, part: str) -> str:
    """What the model says to the clean or adversarial image, e.g. "A, 98 %"."""
    probability = example.get(f"{part}_probability")
    return run.label(example[f"{part}_prediction"]) + ("" if probability is None else f", {percent(probability, 0)}")


def epsilon_summary(model: str, curve: Record) -> str:
    """What one curve says, in a sentence."""
    half = epsilon_of_half(curve["epsilons"], curve["robust"])
    start, end = curve["robust"][0], curve["robust"][-1]
    last = grey_levels(curve["epsilons"][-1])
    if not start:
        return f"{model} starts at {percent(start)}: an attack has nothing to break."
    fall = f"is halved at ε = {grey_levels(half)}" if half is not None else "is never halved"
    return f"{model} starts at {percent(start)}, {fall}, and keeps {percent(end)} up to ε = {last}."


def pixels_of(path: Path) -> Float[np.ndarray, "h w 3"]:
    """An image file as RGB in [0, 1]."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"), dtype=np.float32) / 255


def show(axes: Axes, pixels: Float[np.ndarray, "h w 3"]) -> None:
    """Put an image into axes without ticks or frame."""
    axes.imshow(pixels, interpolation="none", vmin=0, vmax=1)
    axes.set(xticks=[], yticks=[])
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _root(levels: Num[np.ndarray, "..."]) -> Num[np.ndarray, "..."]:
    return np.sqrt(np.maximum(levels, 0))  # drawing asks for values left of the axis as well


def _label(axes: Axes, model: str, curves: dict[str, Record], colour: str) -> None:
    """Write the model's name at its curve, where the other curves are farthest away."""
    own = np.asarray(curves[model]["accuracy"])
    levels = np.asarray(curves[model]["epsilons"]) * 255
    others = [
        np.interp(levels, np.asarray(c["epsilons"]) * 255, c["accuracy"]) for name, c in curves.items() if name != model
    ]
    distance = np.min([np.abs(own - other) for other in others], axis=0) if others else own * (1 - own)
    at = int(distance.argmax())
    above = not others or own[at] >= np.mean([other[at] for other in others])
    axes.annotate(
        model,
        (levels[at], own[at]),
        xytext=(7, 5) if above else (-7, -6),
        textcoords="offset points",
        ha="left" if above else "right",
        va="bottom" if above else "top",
        color=colour,
        fontweight="bold",
    )


def _rows(model: str, curve: Record) -> list[tuple[str, ...]]:
    lows, highs = curve.get("low") or [], curve.get("high") or []
    rows: list[tuple[str, ...]] = []
    for index, epsilon in enumerate(curve["epsilons"]):
        span = (
            f"{percent(lows[index])} to {percent(highs[index])}"
            if index < min(len(lows), len(highs))
            else "not measured"
        )
        rows.append(
            (
                f"{model} {grey_levels(epsilon)}",
                percent(curve["accuracy"][index]),
                span,
                percent(curve["robust"][index]),
            )
        )
    return rows
