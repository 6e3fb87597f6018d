"""LIME (Ribeiro, Singh and Guestrin, KDD 2016) step by step, a figure for each."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Integer
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke

from ._draw_robustness import show
from ._run import Run
from ._style import PALETTE, Drawing, Table, empty, plot, style
from ._words import listed, number, percent, several

_SIDE = 2.8  # inches
_BARS = 12  # coefficients in one figure; the table has all
_PIXELS = 384  # of a drawn image, at least: room for outlines that are thin beside a superpixel


@dataclass(frozen=True)
class LimeSteps:
    """What `explain` saved of one image, with the class names the page needs.

    Attributes:
        image: RGB in [0, 1].
        hidden: what the model saw where superpixels were hidden.
        segments: superpixel of each pixel, 0 to s-1.
        masks: one row a perturbation, true where a superpixel was shown.
        weights: of each perturbation, in (0, 1].
        predictions: probability of the target for each perturbation.
        coefficients: probability per superpixel.
        standard_errors: inf where the perturbations do not determine the coefficient.
        top: superpixels shown in the result, the largest coefficient first.
        target: name of the class explained.
        against: name of the class rather than which it is explained, if any; coefficients are of the difference then.
        cut_by: what made the superpixels: "Quickshift" or "A grid".
        r2: weighted share of the predictions' variance that the linear model explains.
    """

    image: Float[np.ndarray, "h w 3"]
    hidden: Float[np.ndarray, "h w 3"]
    segments: Integer[np.ndarray, "h w"]
    masks: Bool[np.ndarray, "n s"]
    weights: Float[np.ndarray, "n"]
    predictions: Float[np.ndarray, "n"]
    coefficients: Float[np.ndarray, "s"]
    standard_errors: Float[np.ndarray, "s"]
    top: tuple[int, ...]
    target: str
    against: str | None
    cut_by: str
    r2: float | None

    @property
    def explained(self) -> str:
        """What the coefficients add to, in words."""
        return f"the probability of {self.target}" + (f" less that of {self.against}" if self.against else "")

    @property
    def speaking(self) -> tuple[int, ...]:
        """Superpixels of the result that speak for the target, not against it."""
        return tuple(i for i in self.top if self.coefficients[i] > 0)

    @property
    def sample(self) -> int:
        """The perturbation to draw: the first that hides something (the lime package's first hides nothing)."""
        return int(np.argmin(self.masks.all(axis=1)))

    @property
    def order(self) -> Integer[np.ndarray, "s"]:
        """The superpixels, the largest coefficient of either sign first."""
        return np.argsort(-np.abs(self.coefficients), kind="stable")

    @property
    def shown(self) -> Bool[np.ndarray, "h w"]:
        """The pixels of the result's superpixels."""
        return np.isin(self.segments, self.top)


def read_lime(run: Run, model: str) -> LimeSteps | None:
    """The saved explanation of a model, or None where the run has none."""
    lime = run.models[model].get("lime") or {}
    arrays = run.arrays(lime.get("arrays"))
    if arrays is None or "segments" not in arrays:
        return None
    name = lime.get("target") or run.classes[_header(arrays)["target"]]
    return lime_steps(arrays, run.label(name), tuple(lime["top"]))


def lime_steps(
    arrays: dict[str, np.ndarray], target: str, top: tuple[int, ...], against: str | None = None
) -> LimeSteps:
    """A saved explanation ready to be drawn.

    Args:
        arrays: of the .npz file that `explain` saved.
        target: name of the class explained.
        top: superpixels shown in the result.
        against: name of the class rather than which it was explained, if any.
    """
    header = _header(arrays)
    return LimeSteps(
        image=_rows_first(arrays["image"]),
        hidden=_rows_first(arrays["hidden"]),
        segments=arrays["segments"],
        masks=arrays["masks"].astype(bool),
        weights=arrays["weights"],
        predictions=arrays["predictions"][:, header["target"]],
        coefficients=arrays["coefficients"],
        standard_errors=arrays["standard_errors"],
        top=tuple(map(int, top)),
        target=target,
        against=against,
        cut_by="A grid" if header["options"]["segmentation"] == "given" else "Quickshift",
        r2=header["r2"],
    )


def _header(arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    header: dict[str, Any] = json.loads(str(arrays["header"]))
    return header


def draw_lime_strip(name: str, lime: LimeSteps) -> Drawing:
    """The five steps side by side, for a slide."""
    with style():
        return _strip(name, lime)


def draw_lime(run: Run, model: str) -> list[Drawing]:
    """Each of the five steps for one image, then all side by side; empty where the run has no explanation."""
    lime = read_lime(run, model)
    if lime is None:
        return []
    steps = (_superpixels, _perturbation, _weights, _coefficients, _result, _strip)
    with style():
        return [step(model, lime) for step in steps]


def _superpixels(model: str, lime: LimeSteps) -> Drawing:
    figure, axes = plot(_SIDE, _SIDE)
    _show_superpixels(axes, lime)
    return Drawing(
        "lime-step",
        model,
        "1-superpixels",
        "1. Superpixels",
        f"{lime.cut_by} cuts the image into {several(len(lime.coefficients), 'superpixel')}.",
        "A superpixel is a patch of similar pixels that is shown or covered as a whole. "
        "The numbered ones matter most in the end.",
        figure,
    )


def _perturbation(model: str, lime: LimeSteps) -> Drawing:
    on = lime.masks[lime.sample]
    figure, axes = plot(_SIDE, _SIDE)
    _show_perturbation(axes, lime)
    return Drawing(
        "lime-step",
        model,
        "2-perturbation",
        "2. One perturbation",
        f"With {on.sum()} of {len(on)} superpixels shown, the model gives {lime.target} "
        f"{percent(float(lime.predictions[lime.sample]))}.",
        f"The model is asked about {several(len(lime.masks), 'random on/off vector')} like this one.",
        figure,
    )


def _weights(model: str, lime: LimeSteps) -> Drawing:
    weights = lime.weights
    figure, axes = plot(_SIDE, _SIDE)
    _show_weights(axes, lime)
    effective = float(weights.sum() ** 2 / np.square(weights).sum())
    return Drawing(
        "lime-step",
        model,
        "3-weights",
        "3. Weights",
        f"Weights run from {number(float(weights.min()))} to {number(float(weights.max()))}; "
        f"the {several(len(weights), 'perturbation')} count like {number(effective, 0)} equal ones.",
        "One dot is one perturbation: the nearer to the whole image (cosine distance, exponential kernel), "
        "the more it counts.",
        figure,
    )


def _coefficients(model: str, lime: LimeSteps) -> Drawing:
    values, errors, order = lime.coefficients, lime.standard_errors, lime.order
    figure, axes = plot(_SIDE, _SIDE)
    _show_coefficients(axes, lime)
    fit = "" if lime.r2 is None else f" The straight line explains {percent(lime.r2)} of what the model did (R²)."
    return Drawing(
        "lime-step",
        model,
        "4-coefficients",
        "4. Coefficients",
        f"Superpixel {order[0]} weighs most ({values[order[0]]:+.3f}).{fit}",
        f"Weighted linear regression: what showing a superpixel adds to {lime.explained}, with its 95 % interval. "
        f"The {min(_BARS, len(values))} largest of {len(values)}.",
        figure,
        Table(
            ("superpixel", "coefficient", "standard error", "in the result"),
            tuple(
                (str(i), number(values[i], 4), number(errors[i], 4), "shown" if i in lime.top else "covered")
                for i in order
            ),
        ),
    )


def _result(model: str, lime: LimeSteps) -> Drawing:
    figure, axes = plot(_SIDE, _SIDE)
    _show_result(axes, lime)
    speaking = lime.speaking
    what = f"{'Superpixel' if len(speaking) == 1 else 'Superpixels'} {listed(map(str, speaking))}"
    share = percent(float(np.isin(lime.segments, speaking).mean()), 0)
    verb = "speaks" if len(speaking) == 1 else "speak"
    return Drawing(
        "lime-step",
        model,
        "5-result",
        "5. Result",
        f"{what}, {share} of the image, {verb} most for {lime.target}."
        if speaking
        else f"No superpixel speaks for {lime.target}.",
        "The superpixels with the largest coefficients; the rest is covered. Ask whether this is what should decide.",
        figure,
    )


def _strip(model: str, lime: LimeSteps) -> Drawing:
    steps = {
        "1. Superpixels": _show_superpixels,
        "2. One perturbation": _show_perturbation,
        "3. Weights": _show_weights,
        "4. Coefficients": _show_coefficients,
        "5. Result": _show_result,
    }
    figure = empty(_SIDE, len(steps) * _SIDE)
    for axes, (title, show_step) in zip(figure.subplots(1, len(steps)), steps.items(), strict=True):
        show_step(axes, lime)
        axes.set_title(title)
    return Drawing("lime", model, "", f"LIME on {model}", f"What speaks for {lime.target}.", "", figure)


def _show_superpixels(axes: Axes, lime: LimeSteps) -> None:
    show(axes, outlined(lime.image, lime.segments))
    _name_superpixels(axes, lime)


def _show_perturbation(axes: Axes, lime: LimeSteps) -> None:
    show(axes, outlined(covered(lime.image, lime.segments, lime.masks[lime.sample], lime.hidden), lime.segments))


def _show_weights(axes: Axes, lime: LimeSteps) -> None:
    axes.scatter(lime.masks.mean(axis=1), lime.weights, s=18, color=PALETTE["blue"], alpha=0.55, linewidths=0)
    axes.set_xlabel("share of superpixels shown")
    axes.set_ylabel("weight")
    axes.set_ylim(0, 1.05)


def _show_coefficients(axes: Axes, lime: LimeSteps) -> None:
    shown = lime.order[:_BARS]
    values, errors = lime.coefficients[shown], lime.standard_errors[shown]
    places = range(len(shown))
    colours = [PALETTE["blue"] if value >= 0 else PALETTE["orange"] for value in values]
    axes.barh(places, values, height=0.62, color=colours)
    looks: dict[str, Any] = {"ecolor": PALETTE["ink"], "elinewidth": 1.1, "capsize": 2.5, "linestyle": "none"}
    axes.errorbar(values, places, xerr=1.96 * np.where(np.isfinite(errors), errors, np.nan), **looks)
    axes.axvline(0, color=PALETTE["muted"], linewidth=0.8)
    axes.set_yticks(places, [str(i) for i in shown], color=PALETTE["ink"])
    axes.set_ylabel("superpixel")
    less = f"\nless that of {lime.against}" if lime.against else ""  # in one line it would run into the next panel
    axes.set_xlabel(f"change of the probability of {lime.target}{less}")
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")


def _show_result(axes: Axes, lime: LimeSteps) -> None:
    shown = lime.shown
    show(axes, outlined(np.where(shown[..., None], lime.image, 0), lime.segments, only=shown))


def outlined(
    pixels: Float[np.ndarray, "h w 3"],
    segments: Integer[np.ndarray, "h w"],
    only: Bool[np.ndarray, "h w"] | None = None,
) -> Float[np.ndarray, "H W 3"]:
    """The image enlarged by a whole factor, with a light line on a dark one where segments meet.

    Args:
        pixels: RGB in [0, 1].
        segments: superpixel of each pixel.
        only: where lines may be drawn; everywhere when None.
    """
    factor = _factor(segments)
    large = enlarged(pixels, factor)
    labels = enlarged(segments, factor)
    edge = np.zeros(labels.shape, dtype=bool)
    edge[:, 1:] |= labels[:, 1:] != labels[:, :-1]
    edge[1:] |= labels[1:] != labels[:-1]
    if only is not None:
        edge &= _grown(enlarged(only, factor), 2)
    large[_grown(edge, 1)] = 0.05
    large[edge] = (1.0, 0.92, 0.35)
    return large


def covered(
    pixels: Float[np.ndarray, "h w 3"],
    segments: Integer[np.ndarray, "h w"],
    on: Bool[np.ndarray, "s"],
    hidden: Float[np.ndarray, "h w 3"],
) -> Float[np.ndarray, "h w 3"]:
    """The image with every superpixel that is not on replaced by what hides it."""
    return np.where(on[segments][..., None], pixels, hidden)


def enlarged(values: np.ndarray, factor: int) -> np.ndarray:
    """Each pixel repeated `factor` times along both sides."""
    return values.repeat(factor, axis=0).repeat(factor, axis=1)


def _name_superpixels(axes: Axes, lime: LimeSteps) -> None:
    factor = _factor(lime.segments)
    for name in lime.top:
        rows, columns = np.nonzero(lime.segments == name)
        # The pixel nearest to the middle: the middle itself can lie outside a bent superpixel.
        nearest = int(np.argmin((rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2))
        axes.text(
            (columns[nearest] + 0.5) * factor,
            (rows[nearest] + 0.5) * factor,
            str(name),
            ha="center",
            va="center",
            fontsize=11,
            fontweight="bold",
            # Black on a white halo in light and dark pages alike: it stands on the photograph.
            color="#000000",
            path_effects=[withStroke(linewidth=3, foreground="#ffffff")],
        )


def _factor(segments: Integer[np.ndarray, "h w"]) -> int:
    return max(1, -(-_PIXELS // max(segments.shape)))


def _grown(mask: np.ndarray, by: int) -> np.ndarray:
    grown = mask.copy()
    for shift in range(1, by + 1):
        for axis in (0, 1):
            grown |= np.roll(mask, shift, axis) | np.roll(mask, -shift, axis)
    return grown


def _rows_first(image: Float[np.ndarray, "3 h w"]) -> Float[np.ndarray, "h w 3"]:
    return np.ascontiguousarray(image.transpose(1, 2, 0)).clip(0, 1)
