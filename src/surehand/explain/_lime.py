"""LIME for images (Ribeiro, Singh and Guestrin, KDD 2016, arXiv 1602.04938)."""

from dataclasses import asdict, dataclass

import numpy as np
import torch
from jaxtyping import Float, Integer
from torch import Tensor, nn

from surehand.errors import UsageError
from surehand.progress import Progress, silent

from ._explanation import SegmentExplanation
from ._masks import masked_probabilities
from ._quickshift import quickshift
from ._recipes import RECIPES, Recipe
from ._superpixels import check_segments
from ._surrogate import cosine_distances, exponential_kernel, fit_linear
from ._targets import Question

# Below this the picture of top superpixels misses most of what the model does.
_WEAK_R2 = 0.5


@dataclass(frozen=True)
class LIME:
    """Local interpretable model-agnostic explanations: hide random superpixels, fit a linear model to what changes.

    Args:
        recipe: key of `RECIPES`. "original": quickshift on the image scaled to [-1, 1], 150 coin-flip masks, mid-grey
            where hidden, weighted least squares, the 4 largest signed coefficients shown. "lime": the lime package,
            0.2.0.1: quickshift on 8-bit pixels, 1000 masks of which the first shows all, the superpixel's mean colour
            where hidden, ridge regression with penalty 1, up to 5 positive superpixels shown. Both: cosine distance,
            exponential kernel of width 0.25, output probability.
        perturbations: number of masks; None: the recipe's.
        kernel_size: quickshift's, pixels; 4 in both recipes, fit for images of about 200x200. `kernel_size_for` gives
            the same superpixels on another size.
        ratio: quickshift's weight of colour against place.

    Raises:
        UsageError: an unknown recipe, or fewer than 2 perturbations.
    """

    recipe: str = "original"
    perturbations: int | None = None
    kernel_size: float = 4.0
    ratio: float = 0.2

    def __post_init__(self) -> None:
        if self.recipe not in RECIPES:
            raise UsageError(f"No LIME recipe is called '{self.recipe}'; there are: {', '.join(RECIPES)}.")
        if self.perturbations is not None and self.perturbations < 2:
            raise UsageError(f"LIME needs at least 2 perturbations to fit a line; got {self.perturbations}.")

    def explain(
        self,
        model: nn.Module,
        image: Float[Tensor, "3 h w"],
        question: Question,
        seed: int,
        *,
        segments: Integer[np.ndarray, "h w"] | None = None,
        model_size: int | None = None,
        batch_size: int | None = None,
        progress: Progress = silent,
    ) -> SegmentExplanation:
        """Explain one image; arguments as in `surehand.explain.explain`."""
        recipe = RECIPES[self.recipe]
        pixels = image.detach().cpu().float().permute(1, 2, 0).contiguous().numpy()  # (h, w, 3)
        found = quickshift(recipe.to_segment(pixels), self.kernel_size, self.ratio) if segments is None else segments
        labels = check_segments(found, pixels.shape[:2])
        hidden = recipe.hide(pixels, labels)  # (h, w, 3)
        masks = recipe.draw(seed, self.perturbations or recipe.perturbations, int(labels.max()) + 1)
        # The first row is the image itself: a perturbation in recipe "lime", only the top class in "original".
        everything = np.ones((1, masks.shape[1]), bool)
        rows = np.concatenate([everything, masks[1:] if recipe.all_shown else masks])
        probabilities = masked_probabilities(
            model,
            torch.from_numpy(pixels).permute(2, 0, 1),
            torch.from_numpy(hidden).permute(2, 0, 1),
            labels,
            rows,
            model_size=model_size,
            batch_size=batch_size,
            progress=progress,
        )
        masks, predictions = (rows, probabilities) if recipe.all_shown else (masks, probabilities[1:])
        target, against = question.resolve(probabilities[0])
        outputs = predictions[:, target].astype(np.float64)
        if against is not None:
            outputs -= predictions[:, against]
        distances = cosine_distances(masks)
        weights = exponential_kernel(distances)
        fit = fit_linear(masks, outputs, weights, recipe.penalty)
        return SegmentExplanation(
            method="lime",
            options={
                **asdict(self),
                "perturbations": len(masks),
                "segmentation": "quickshift" if segments is None else "given",
                "model_size": model_size,
            },
            seed=seed,
            target=target,
            against=against,
            image=np.ascontiguousarray(pixels.transpose(2, 0, 1)),
            probabilities=probabilities[0],
            attribution=fit.coefficients.astype(np.float32)[labels],
            forward_passes=len(rows),
            warnings=_warnings(recipe, outputs, fit.standard_errors, fit.r2),
            segments=labels,
            hidden=np.ascontiguousarray(hidden.transpose(2, 0, 1)),
            masks=masks,
            distances=distances,
            weights=weights,
            predictions=predictions,
            coefficients=fit.coefficients,
            standard_errors=fit.standard_errors,
            intercept=fit.intercept,
            r2=fit.r2,
            effective_samples=fit.effective_samples,
            shown=recipe.shown,
            positive_only=recipe.positive_only,
        )


def _warnings(recipe: Recipe, outputs: np.ndarray, standard_errors: np.ndarray, r2: float) -> tuple[str, ...]:
    warnings = []
    superpixels = len(standard_errors)
    if np.isinf(standard_errors).any():
        warnings.append(
            f"{len(outputs)} perturbations do not determine the coefficients of {superpixels} superpixels; "
            f"use at least {2 * superpixels}."
        )
    if np.ptp(outputs) < 1e-6:
        warnings.append("Hiding superpixels does not change the prediction; the coefficients mean nothing.")
    elif r2 < _WEAK_R2:
        warnings.append(f"The linear model explains only {100 * r2:.0f} % of how the prediction changes.")
    return tuple(warnings)
