"""What `surehand.render` does to a rendered hand until it is a photograph, for many images at once, by torch.

The same steps in the same order as `_render.photograph`, with torch's own random numbers for the grain, and files of
JPEG computed rather than written: colour transform, 4:2:0, cosine transform, rounding, and back.
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from surehand.render import _render
from surehand.render._factors import Factors

# Columns of what `numbers_of` tells of an image.
NUMBERS = (
    *("exposure", "blur", "motion_blur", "motion_angle", "gamma", "contrast", "brightness", "saturation"),
    *("white_red", "white_blue", "noise", "jpeg_quality", "back_light"),
)
_LUMINANCE = (0.2126, 0.7152, 0.0722)
_SMEAR_STEPS = 10
# ITU-T T.81, Annex K: the tables that a quality scales.
_LUMA_TABLE = (
    *(16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56),
    *(14, 17, 22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92),
    *(49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99),
)
_CHROMA_TABLE = (
    *(17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99),
    *(47, 66, 99, 99, 99, 99, 99, 99, *(99,) * 32),
)


def numbers_of(factors: Factors) -> list[float]:
    """The numbers of one image's factors that `photograph` needs."""
    return [float(getattr(factors, name)) for name in NUMBERS]


def photograph(background: Tensor, colour: Tensor, coverage: Tensor, numbers: Tensor) -> Tensor:
    """Hands before backgrounds, photographed.

    Args:
        background: linear light (n, 3, s, s); s a multiple of 16.
        colour: linear light of hands times coverage (n, s, s, 3).
        coverage: (n, s, s).
        numbers: (n, len(NUMBERS)).

    Returns:
        uint8 (n, s, s, 3).
    """
    k = {name: column[:, None, None, None] for name, column in zip(NUMBERS, numbers.T, strict=True)}
    size = background.shape[-1]
    light = torch.where(k["back_light"] > 0, background * 1.3 + 0.25, background)
    colour, coverage = colour.permute(0, 3, 1, 2), coverage[:, None]
    mean = _luminance(colour) / coverage.sum((1, 2, 3)).clamp(min=1.0)
    gain = (_render._HAND_TARGET / mean.clamp(min=0.005)) ** _render._HAND_POWER
    gain = gain[:, None, None, None] * torch.where(k["back_light"] > 0, _render._BACK_LIT, 1.0)
    light = (1 - coverage) * light + gain * colour
    mean = _luminance(light) / size**2
    exposure = (_render._FRAME_TARGET / mean.clamp(min=0.005)) ** _render._FRAME_POWER
    image = _to_display(light * exposure[:, None, None, None] * k["exposure"])
    image = _blur(image, k["blur"][:, 0, 0, 0] * size)
    moved = (numbers[:, NUMBERS.index("motion_blur")] > 0).nonzero()[:, 0]
    if len(moved):
        length = k["motion_blur"][moved, 0, 0, 0] * size
        image[moved] = _smear(image[moved], length, k["motion_angle"][moved, 0, 0, 0].deg2rad())
    white = torch.cat([k["white_red"], torch.ones_like(k["white_red"]), k["white_blue"]], 1)
    image = (image * white).clamp(0, 1) ** k["gamma"]
    grey = (image * image.new_tensor([0.299, 0.587, 0.114])[:, None, None]).sum(1, keepdim=True)
    image = grey + k["saturation"] * (image - grey)
    image = 0.5 + k["contrast"] * (image - 0.5) + k["brightness"] + k["noise"] * torch.randn_like(image)
    return _jpeg((image.clamp(0, 1) * 255).round(), k["jpeg_quality"]).permute(0, 2, 3, 1).to(torch.uint8)


def _luminance(images: Tensor) -> Tensor:
    return (images * images.new_tensor(_LUMINANCE)[:, None, None]).sum((1, 2, 3))


def _to_display(x: Tensor) -> Tensor:
    """`linear_to_srgb`."""
    x = x.clamp(min=0)
    x = torch.where(x > 0.7, 1 - 0.09 / (x - 0.4).clamp(min=0.3), x)
    first = x.sqrt()
    second = first.sqrt()
    third = second.sqrt()
    return (0.662002687 * first + 0.684122060 * second - 0.323583601 * third - 0.0225411470 * x).clamp(0, 1)


def _blur(images: Tensor, sigma: Tensor) -> Tensor:
    """A Gaussian of its own for each image, borders mirrored; sigma (n,) in pixels."""
    size, reach = images.shape[-1], int(np.ceil(3 * float(sigma.max())))
    steps = torch.arange(-reach, reach + 1, device=images.device)
    weights = torch.exp(-0.5 * (steps / sigma.clamp(min=0.05)[:, None]) ** 2)
    weights = weights * (steps.abs() <= torch.ceil(3 * sigma)[:, None])
    weights = torch.where(sigma[:, None] < 0.2, (steps == 0).float(), weights / weights.sum(1, keepdim=True))
    places = torch.arange(-reach, size + reach, device=images.device)
    places = torch.where(places < 0, -1 - places, torch.where(places >= size, 2 * size - 1 - places, places))
    for _ in range(2):  # along rows, then, transposed, along columns
        padded = images[..., places]
        images = sum(weights[:, i, None, None, None] * padded[..., i : i + size] for i in range(len(steps)))
        images = images.transpose(2, 3)
    return images


def _smear(images: Tensor, length: Tensor, angle: Tensor) -> Tensor:
    """The mean over a line of `length` pixels (n,) at `angle` (n,), borders held."""
    size, total = images.shape[-1], torch.zeros_like(images)
    theta = torch.eye(2, 3, device=images.device).repeat(len(images), 1, 1)
    for step in range(_SMEAR_STEPS):
        shift = length * (step / (_SMEAR_STEPS - 1) - 0.5) * 2 / size
        theta[:, 0, 2], theta[:, 1, 2] = shift * angle.cos(), shift * angle.sin()
        grid = F.affine_grid(theta, list(images.shape), align_corners=False)
        total += F.grid_sample(images, grid, padding_mode="border", align_corners=False) / _SMEAR_STEPS
    return total


def _jpeg(images: Tensor, quality: Tensor) -> Tensor:
    """What is left of images (n, 3, s, s) in 0 to 255 in a JPEG file of a quality (n, 1, 1, 1)."""
    red, green, blue = images.unbind(1)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    chroma = torch.stack([(blue - luma) / 1.772, (red - luma) / 1.402], 1)
    scale = torch.where(quality < 50, 5000 / quality, 200 - 2 * quality)
    luma = _through_blocks(luma[:, None] - 128, _LUMA_TABLE, scale)[:, 0] + 128
    chroma = _through_blocks(F.avg_pool2d(chroma, 2), _CHROMA_TABLE, scale)
    cb, cr = F.interpolate(chroma, scale_factor=2, mode="bilinear", align_corners=False).unbind(1)
    rgb = torch.stack([luma + 1.402 * cr, luma - 0.344136 * cb - 0.714136 * cr, luma + 1.772 * cb], 1)
    return rgb.round().clamp(0, 255)


def _through_blocks(planes: Tensor, table: tuple[int, ...], scale: Tensor) -> Tensor:
    """Cosine transform of 8 x 8 blocks, rounded to a table's steps, and back."""
    n, channels, height, width = planes.shape
    place = torch.arange(8, device=planes.device)
    cosines = torch.cos(torch.pi / 8 * (place + 0.5) * place[:, None]) / 2
    cosines[0] /= 2**0.5
    steps = planes.new_tensor(table).reshape(8, 8)
    steps = torch.floor((steps * scale[..., None, None] + 50) / 100).clamp(1, 255)
    blocks = planes.reshape(n, channels, height // 8, 8, width // 8, 8).transpose(3, 4)
    blocks = cosines.T @ (torch.round(cosines @ blocks @ cosines.T / steps) * steps) @ cosines
    return blocks.transpose(3, 4).reshape(n, channels, height, width)
