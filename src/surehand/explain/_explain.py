"""The one call that explains, and the table of methods it knows."""

from collections.abc import Sequence
from dataclasses import fields

import numpy as np
from jaxtyping import Float, Integer
from torch import Tensor, nn

from surehand.errors import UsageError
from surehand.progress import Progress, silent

from ._explanation import SegmentExplanation
from ._lime import LIME
from ._targets import Question

EXPLAINERS: dict[str, type[LIME]] = {"lime": LIME}


def explain(
    model: nn.Module,
    images: Float[Tensor, "n 3 h w"],
    method: str = "lime",
    target: int | str | Sequence[int] = "top",
    against: int | None = None,
    seed: int = 0,
    *,
    segments: Integer[np.ndarray, "_ h w"] | None = None,
    model_size: int | None = None,
    batch_size: int | None = None,
    progress: Progress = silent,
    **options: str | int | float | None,
) -> tuple[SegmentExplanation, ...]:
    """Why a model gives images their classes: one explanation for each image, always as a tuple.

    What is explained is the probability (after softmax) of the target class, less that of `against` where it is
    given. An explanation depends on its own image, the seed and the arguments, not on the other images, their order
    or the batch size (but for the rounding of the model's own sums). The model is left as it was: modes, gradients,
    hooks.

    Args:
        model: images in [0, 1] to logits (n, k), normalising in its first layer.
        images: RGB in [0, 1], of any size if `model_size` is given.
        method: key of `EXPLAINERS`.
        target: class index for all images, one for each image, or "top": the class most probable for each image.
        against: class index; explains why `target` rather than this class.
        seed: of everything drawn; the same for each image.
        segments: labels 0 to S-1 for each image, in place of the method's own superpixels.
        model_size: height and width that the model reads. Give large photographs together with the model's size, and
            superpixels and figures have the photograph's resolution. None: the model reads the images as they are.
        batch_size: masked images at a time; None chooses.
        progress: told about masked images evaluated, over all images.
        options: of the method: the fields of its class, for instance `recipe="lime"` or `perturbations=1000`.

    Raises:
        UsageError: an argument outside its range, an unknown method or option.
        DataError: an image with fewer than 3 superpixels.
    """
    explainer = _explainer(method, options)
    _check(images, target, segments, model_size, batch_size)
    targets = [target] * len(images) if isinstance(target, int | str) else list(target)
    explanations = []
    for index, image in enumerate(images):

        def report(done: int, total: int, text: str = "", before: int = index) -> None:
            progress(before * total + done, len(images) * total, text)

        explanations.append(
            explainer.explain(
                model,
                image,
                Question(targets[index], against),
                seed,
                segments=None if segments is None else segments[index],
                model_size=model_size,
                batch_size=batch_size,
                progress=report,
            )
        )
    return tuple(explanations)


def _explainer(method: str, options: dict[str, str | int | float | None]) -> LIME:
    if method not in EXPLAINERS:
        raise UsageError(f"No explanation method is called '{method}'; there are: {', '.join(EXPLAINERS)}.")
    valid = [field.name for field in fields(EXPLAINERS[method])]
    unknown = [name for name in options if name not in valid]
    if unknown:
        raise UsageError(f"Method '{method}' has no option '{unknown[0]}'; it has: {', '.join(valid)}.")
    return EXPLAINERS[method](**options)  # type: ignore[arg-type]  # the class checks the values it is given


def _check(
    images: Tensor,
    target: int | str | Sequence[int],
    segments: np.ndarray | None,
    model_size: int | None,
    batch_size: int | None,
) -> None:
    if len(images) == 0:
        raise UsageError("There is no image to explain: images has length 0.")
    if images.ndim != 4 or images.shape[1] != 3 or not images.is_floating_point():
        raise UsageError(
            f"images must be floats of shape (n, 3, h, w); got {images.dtype} of shape {tuple(images.shape)}. "
            "Of one image, pass images[None]."
        )
    low, high = (float(value) for value in images.detach().aminmax())
    if not (low >= 0 and high <= 1):
        raise UsageError(f"images must be RGB in [0, 1]; got values in [{low:g}, {high:g}]. Divide by 255 first?")
    if isinstance(target, str) and target != "top":
        raise UsageError(f"target must be a class index, one for each image, or 'top'; got '{target}'.")
    if not isinstance(target, int | str) and len(target) != len(images):
        raise UsageError(f"target must name one class for each of the {len(images)} images; got {len(target)}.")
    if segments is not None and len(segments) != len(images):
        raise UsageError(f"segments must hold a label map for each of the {len(images)} images; got {len(segments)}.")
    for name, value in (("model_size", model_size), ("batch_size", batch_size)):
        if value is not None and value < 1:
            raise UsageError(f"{name} must be at least 1; got {value}.")
