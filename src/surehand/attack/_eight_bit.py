"""Adversarial images as files: eight bits a value, and judged as what a reader of the file sees."""

import io
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int64, UInt8
from PIL import Image
from torch import Tensor, nn

from surehand.errors import UsageError
from surehand.files import write_whole
from surehand.intervals import Proportion, proportion
from surehand.models import device_of

from ._ask import logits_of
from ._epsilon import grey_levels
from ._goal import Goal
from ._result import AttackResult
from ._samples import batch_size_of
from ._strict import strict


@dataclass(frozen=True)
class EightBit:
    """The images of an attack as PNG files hold them, and the verdicts on the decoded files.

    Args:
        clean: uint8 (n, h, w, 3).
        adversarial: uint8 (n, h, w, 3); no value differs from `clean` by more than `levels`.
        levels: the budget in whole grey levels.
        clean_prediction: class of the clean file, int64 (n,).
        prediction: class of the adversarial file, int64 (n,).
        success: whether the adversarial file reaches the goal, bool (n,).
        lead: by how many logits it reaches (positive) or misses (negative) it, float32 (n,).
        reached_clean: whether the clean file did already, bool (n,).
    """

    clean: UInt8[np.ndarray, "n h w 3"]
    adversarial: UInt8[np.ndarray, "n h w 3"]
    levels: int
    clean_prediction: Int64[np.ndarray, " n"]
    prediction: Int64[np.ndarray, " n"]
    success: Bool[np.ndarray, " n"]
    lead: Float32[np.ndarray, " n"]
    reached_clean: Bool[np.ndarray, " n"]

    @cached_property
    def success_rate(self) -> Proportion:
        """Share of goals reached, among the images that did not reach it already when clean."""
        tried = self.success[~self.reached_clean]
        return proportion(int(tried.sum()), len(tried))


def quantise(
    adversarial: Float[Tensor, "n 3 h w"], images: Float[Tensor, "n 3 h w"], epsilon: float
) -> UInt8[np.ndarray, "n h w 3"]:
    """Adversarial images in eight bits, within the whole grey levels of the linf budget around the eight-bit images.

    Rounded half to even, then clamped in integers. Truncating instead, as most code does, loses a whole level wherever
    the float lies a hair below it; rounding without clamping turns a budget of 7.65 levels into 8.

    Args:
        adversarial: float32 (n, 3, h, w) in [0, 1].
        images: the clean images, float32 (n, 3, h, w) in [0, 1].
        epsilon: linf budget, fraction of the pixel range.
    """
    levels = grey_levels(epsilon)
    clean = _pixels(images).astype(np.int16)
    return _pixels(adversarial).astype(np.int16).clip(clean - levels, clean + levels).astype(np.uint8)


def eight_bit(
    model: nn.Module, images: Float[Tensor, "n 3 h w"], result: AttackResult, *, batch_size: int | None = None
) -> EightBit:
    """Write the images of an attack as PNG (in memory), decode them, and let the model judge what comes out.

    Args:
        model: the attacked model.
        images: the clean images, as they were attacked.
        result: of `run` with an linf threat.
        batch_size: images in the model at once; None: chosen from their size.

    Raises:
        UsageError: the threat is not linf, or the images are not those of the result.
    """
    if result.threat.norm != "linf":
        raise UsageError(
            f"Whole grey levels bound each pixel, a budget in linf; the attack was in {result.threat.norm}."
        )
    if images.shape != result.adversarial.shape:
        raise UsageError(
            f"images must be those that were attacked, {tuple(result.adversarial.shape)}; got {tuple(images.shape)}."
        )
    clean = _pixels(images)
    adversarial = quantise(result.adversarial, images, result.threat.epsilon)
    goal = Goal(torch.from_numpy(result.labels), None if result.targets is None else torch.from_numpy(result.targets))
    size = batch_size_of(batch_size, images, device_of(model))
    clean_logits = _judged(model, clean, goal, size)
    logits = _judged(model, adversarial, goal, size)
    clean_prediction, prediction = clean_logits.argmax(1), logits.argmax(1)
    return EightBit(
        clean=clean,
        adversarial=adversarial,
        levels=grey_levels(result.threat.epsilon),
        clean_prediction=clean_prediction.numpy(),
        prediction=prediction.numpy(),
        success=goal.reached(prediction).numpy(),
        lead=goal.lead(logits).numpy(),
        reached_clean=goal.reached(clean_prediction).numpy(),
    )


def save_png(pixels: UInt8[np.ndarray, "h w 3"], path: Path) -> None:
    """Write one image; its decoded pixels are the given ones."""
    write_whole(path, _encoded(pixels))


def _judged(model: nn.Module, pixels: UInt8[np.ndarray, "n h w 3"], goal: Goal, size: int) -> Float[Tensor, "n k"]:
    device = device_of(model)
    logits = []
    with strict(model), torch.no_grad():
        for start in range(0, len(pixels), size):
            part = slice(start, start + size)
            decoded = np.stack([_decoded(_encoded(each)) for each in pixels[part]])
            points = torch.from_numpy(decoded).permute(0, 3, 1, 2).to(device).float().div_(255)
            logits.append(logits_of(model, points, goal.take(part)).cpu())
    return torch.cat(logits)


def _pixels(images: Float[Tensor, "n 3 h w"]) -> UInt8[np.ndarray, "n h w 3"]:
    # torch.round takes halves to the even neighbour.
    return images.detach().mul(255).round_().to("cpu", torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()


def _encoded(pixels: UInt8[np.ndarray, "h w 3"]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format="PNG")
    return file.getvalue()


def _decoded(file: bytes) -> UInt8[np.ndarray, "h w 3"]:
    with Image.open(io.BytesIO(file)) as image:
        return np.asarray(image.convert("RGB"))
