"""Masked evaluation: what a model says about an image with some superpixels hidden, for many choices of them."""

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int64
from torch import Tensor, nn
from torch.nn import functional as F

from surehand.errors import UsageError
from surehand.models import device_of, evaluating
from surehand.progress import Progress, silent

# On a CPU the best batch is the largest whose layers stay in the cache; more is slower, by up to half.
_CPU_BATCH_PIXELS = 16 * 128 * 128
_ACCELERATOR_BATCH = 128
# Segments resized at once: bounds the memory of large photographs.
_BLOCK = 8


def masked_probabilities(
    model: nn.Module,
    image: Float[Tensor, "3 h w"],
    hidden: Float[Tensor, "3 h w"],
    segments: Int64[np.ndarray, "h w"],
    masks: Bool[np.ndarray, "n s"],
    *,
    model_size: int | None = None,
    batch_size: int | None = None,
    progress: Progress = silent,
) -> Float32[np.ndarray, "n k"]:
    """Probabilities of all classes for the image masked in n ways: one forward pass a mask, in batches.

    A mask shows superpixel s as in `image` where it is true and as in `hidden` where it is false. The masked image is
    a sum of one part for each superpixel, shown or hidden; resizing is linear, so the parts are resized once and a
    batch is one matrix product, straight in the memory layout (channels last) that convolutions like best. Without
    resizing, each pixel is 1 times itself plus zeros: equal to copying pixels, bit for bit.

    The model is evaluated in float32, without gradients, and is left as it was, also when it raises.

    Args:
        model: images in [0, 1] to logits (n, k).
        image: RGB in [0, 1].
        hidden: what takes the place of hidden pixels.
        segments: labels 0 to s-1.
        masks: true where a superpixel is shown.
        model_size: height and width that the model reads; masked images are resized to it (bilinear, antialiased).
            None: the model reads images of the size given.
        batch_size: None chooses: 8 to 16 on a CPU, 128 on an accelerator.
        progress: told after each batch.

    Returns:
        float32 (n, k), rows sum to 1.

    Raises:
        UsageError: the model's answer is not (n, k), or not finite.
    """
    device = device_of(model)
    parts = _parts(image.to(device), hidden.to(device), segments, model_size)  # (2s, H, W, 3)
    _, height, width, _ = parts.shape
    batch = batch_size or _batch_size(device, height * width)
    choices = torch.from_numpy(np.concatenate([masks, ~masks], axis=1)).to(device, torch.float32)  # (n, 2s)
    probabilities = []
    with evaluating(model), torch.no_grad(), torch.autocast(device.type, enabled=False):
        for chunk in choices.split(batch):
            composed = (chunk @ parts.flatten(1)).view(len(chunk), height, width, 3)
            logits = model(composed.permute(0, 3, 1, 2))
            _check_logits(logits, len(chunk))
            probabilities.append(logits.float().softmax(dim=1).cpu())
            progress(min(len(masks), len(probabilities) * batch), len(masks), "masked images")
    return torch.cat(probabilities).numpy()


def _parts(
    image: Float[Tensor, "3 h w"], hidden: Float[Tensor, "3 h w"], segments: Int64[np.ndarray, "h w"], size: int | None
) -> Float[Tensor, "parts height width 3"]:
    """Each superpixel alone on black, at the model's size: first all of them shown, then all of them hidden."""
    labels = torch.from_numpy(segments).to(image.device)
    count = int(segments.max()) + 1
    height, width = (size, size) if size else image.shape[1:]
    parts = torch.empty(2 * count, height, width, 3, dtype=torch.float32, device=image.device)
    for start in range(0, count, _BLOCK):
        stop = min(start + _BLOCK, count)
        inside = labels == torch.arange(start, stop, device=image.device)[:, None, None]  # (b, h, w)
        for offset, pixels in ((0, image), (count, hidden)):
            alone = torch.where(inside[:, None], pixels.float(), 0.0)  # (b, 3, h, w)
            resized = _resize(alone, height, width)
            parts[offset + start : offset + stop] = resized.permute(0, 2, 3, 1)
    return parts


def _resize(images: Float[Tensor, "n 3 h w"], height: int, width: int) -> Float[Tensor, "n 3 height width"]:
    if images.shape[2:] == (height, width):
        return images
    return F.interpolate(images, (height, width), mode="bilinear", antialias=True, align_corners=False)


def _batch_size(device: torch.device, pixels: int) -> int:
    if device.type != "cpu":
        return _ACCELERATOR_BATCH
    return min(16, max(8, _CPU_BATCH_PIXELS // pixels))


def _check_logits(logits: Tensor, n: int) -> None:
    if logits.ndim != 2 or len(logits) != n:
        raise UsageError(f"The model must return logits ({n}, classes) for {n} images; got {tuple(logits.shape)}.")
    if not torch.isfinite(logits).all():
        raise UsageError(
            "The model returned logits that are not finite for a masked image; nothing can be fitted to them."
        )
