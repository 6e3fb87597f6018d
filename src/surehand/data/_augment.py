"""Train-time augmentation: rotation, shift, zoom, flip, colour and erasing, composed and interpolated once."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from functools import cache
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Float32, Int32, UInt8, UInt64
from torch import Tensor

from surehand.errors import UsageError
from surehand.randomness import uniforms

from ._augment_kernels import bytes_to_unit, warp_and_colour

# ITU-R BT.601: how much each channel adds to brightness.
_LUMA = np.array([0.299, 0.587, 0.114])
# The turn of all hues by 90 degrees in the plane of NTSC's two colour axes, I and Q (FCC, 1953); grey goes to zero.
_TO_IQ = np.array([[0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])
_QUARTER_TURN = np.linalg.inv([_LUMA, *_TO_IQ]) @ np.array([[0, 0, 0], [0, 0, -1], [0, 1, 0]]) @ [_LUMA, *_TO_IQ]

# One number a sample for each; the order is part of the random stream, so new ones go to the end.
_DRAWS = (
    *("angle", "shift_x", "shift_y", "zoom", "flip"),
    *("brightness", "contrast", "saturation", "gain_r", "gain_g", "gain_b"),
    *("erase", "area", "aspect", "hole_x", "hole_y", "fill_r", "fill_g", "fill_b"),
    *("hue", "grey", "stretch", "direction"),
)


@dataclass(frozen=True)
class Augmentation:
    """How far training images may be moved and recoloured; every draw is uniform in the range given.

    The defaults suit fingerspelling: letters differ by orientation (U and H, K and P), so rotation stays small, and a
    mirrored hand is a left-handed signer, so flipping is a decision of its own.

    Args:
        rotation: largest angle to either side, degrees, in [0, 180].
        shift: largest shift along each axis to either side, as a share of the side, in [0, 1].
        zoom: smallest and largest magnification, log-uniform, both > 0; above 1 it is a random crop.
        flip: whether half of the images are mirrored left to right.
        brightness: largest amount added to or taken from all channels, in [0, 1].
        contrast: largest relative change of contrast about mid-grey, in [0, 1].
        saturation: largest relative change of colourfulness, in [0, 1].
        channel_gain: largest relative change of each channel by itself (colour of the light), in [0, 1].
        erasing: share of images that lose a rectangle of 2 to 20 % of their area, in [0, 1]
            (Zhong et al., Random Erasing Data Augmentation, AAAI 2020), painted in one random colour.
        hue: largest turn of all hues to either side, degrees, in [0, 180].
        grey: share of images without colour, in [0, 1].
        stretch: largest factor of lengths along any one direction, at least 1; lengths across are divided by it.

    Raises:
        UsageError: a value outside its range.
    """

    rotation: float = 10.0
    shift: float = 0.1
    zoom: tuple[float, float] = (0.85, 1.1)
    flip: bool = False
    brightness: float = 0.15
    contrast: float = 0.25
    saturation: float = 0.25
    channel_gain: float = 0.1
    erasing: float = 0.1
    hue: float = 0.0
    grey: float = 0.0
    stretch: float = 1.0

    def __post_init__(self) -> None:
        for name in ("rotation", "hue"):
            if not 0 <= getattr(self, name) <= 180:
                raise UsageError(f"{name} must be in degrees, in [0, 180]; got {getattr(self, name)}")
        for name in ("shift", "brightness", "contrast", "saturation", "channel_gain", "erasing", "grey"):
            if not 0 <= getattr(self, name) <= 1:
                raise UsageError(f"{name} is a share and must be in [0, 1]; got {getattr(self, name)}")
        if len(self.zoom) != 2 or not 0 < self.zoom[0] <= self.zoom[1] < np.inf:
            raise UsageError(f"zoom must be (smallest, largest), finite, with 0 < smallest <= largest; got {self.zoom}")
        if not 1 <= self.stretch < np.inf:
            raise UsageError(f"stretch must be at least 1 and finite; got {self.stretch}")

    @classmethod
    def none(cls) -> "Augmentation":
        """No change at all: the images as they are."""
        return cls(0, 0, (1, 1), False, 0, 0, 0, 0, 0)

    @property
    def is_none(self) -> bool:
        """Whether images stay as they are."""
        return all(getattr(self, field.name) == getattr(Augmentation.none(), field.name) for field in fields(self))


@dataclass(frozen=True)
class Drawn:
    """What happens to each image of a batch: a pure function of (seed, epoch, sample id).

    Attributes:
        affine: takes (x, y, 1) of an output pixel's centre to (x, y) in the source, in pixels; pixel 0's centre is 0.
        colour: takes (r, g, b, 1) in [0, 1] to (r, g, b), clipped afterwards.
        hole: top, bottom, left, right of the erased rectangle in pixels, bottom and right exclusive; empty if equal.
        fill: the colour of the hole, in [0, 1].
    """

    affine: Float32[np.ndarray, "b 2 3"]
    colour: Float32[np.ndarray, "b 3 4"]
    hole: Int32[np.ndarray, "b 4"]
    fill: Float32[np.ndarray, "b 3"]

    def __getitem__(self, rows: slice) -> "Drawn":
        """For some images of the batch."""
        return Drawn(self.affine[rows], self.colour[rows], self.hole[rows], self.fill[rows])


def augment(
    pixels: UInt8[np.ndarray, "b h w 3"] | UInt8[Tensor, "b h w 3"],
    ids: UInt64[np.ndarray, " b"],
    *,
    seed: int,
    epoch: int,
    augmentation: Augmentation,
) -> Float32[Tensor, "b 3 h w"]:
    """Augment a batch; every image depends on its own pixels and on (seed, epoch, its id) alone.

    What comes from outside the frame is the nearest edge pixel: mirroring could show a second finger where there is
    none. An array is processed by one compiled pass on the CPU; a tensor by torch operations on the tensor's device.

    Args:
        pixels: uint8 RGB, array or tensor.
        ids: sample ids, `Samples.ids`.
        seed, epoch: with the id they decide everything random.
        augmentation: ranges.

    Returns:
        float32 in [0, 1], channels_last.
    """
    height, width = pixels.shape[1:3]
    drawn = draw_augmentation(augmentation, ids, seed=seed, epoch=epoch, height=height, width=width)
    return apply_augmentation(pixels, drawn)


def apply_augmentation(
    pixels: UInt8[np.ndarray, "b h w 3"] | UInt8[Tensor, "b h w 3"],
    drawn: Drawn | None,
    *,
    threads: int = 1,
) -> Float32[Tensor, "b 3 h w"]:
    """Do what was drawn; `augment` is this after `draw_augmentation`, which costs as much for one batch as for many.

    Args:
        pixels: uint8 RGB, array or tensor.
        drawn: one entry an image; None leaves the images as they are.
        threads: that share an array; the result is the same for any number.

    Returns:
        float32 in [0, 1], channels_last.
    """
    if isinstance(pixels, Tensor):
        return _augment_tensor(pixels, drawn)
    if drawn is None:
        return to_images(pixels)
    tensor, target = _channels_last(pixels)
    colour = drawn.colour.copy()
    colour[:, :, :3] /= 255  # so that bytes go in
    arrays = np.ascontiguousarray(pixels), drawn.affine, colour, drawn.hole, drawn.fill, target
    bounds = np.linspace(0, len(pixels), threads + 1).astype(int).tolist()
    first, *others = [[array[start:end] for array in arrays] for start, end in pairwise(bounds)]
    running = [_pool(threads - 1).submit(warp_and_colour, *part) for part in others]
    warp_and_colour(*first)  # this thread's share
    for part in running:
        part.result()
    return tensor


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="augment")


if hasattr(os, "register_at_fork"):  # threads do not live on in a forked process
    os.register_at_fork(after_in_child=_pool.cache_clear)


def to_images(pixels: UInt8[np.ndarray, "b h w 3"]) -> Float32[Tensor, "b 3 h w"]:
    """Bytes to float32 in [0, 1], exactly `pixels / 255`, in channels_last memory format."""
    tensor, target = _channels_last(pixels)
    bytes_to_unit(np.ascontiguousarray(pixels).reshape(-1), target.reshape(-1))
    return tensor


def draw_augmentation(
    augmentation: Augmentation, ids: UInt64[np.ndarray, " b"], *, seed: int, epoch: int, height: int, width: int
) -> Drawn | None:
    """Draw what happens to each image; see `Drawn`. None where nothing does."""
    if augmentation.is_none:
        return None
    numbers = uniforms(seed, "augment", epoch, ids=ids, columns=len(_DRAWS))
    u = dict(zip(_DRAWS, numbers.T, strict=True))
    signed = {name: 2 * column - 1 for name, column in u.items()}
    return Drawn(
        affine=_affine(augmentation, u, signed, height, width),
        colour=_colour(augmentation, u, signed),
        hole=_hole(augmentation, u, height, width),
        fill=np.stack([u["fill_r"], u["fill_g"], u["fill_b"]], 1).astype(np.float32),
    )


def _affine(
    augmentation: Augmentation,
    u: dict[str, np.ndarray],
    signed: dict[str, np.ndarray],
    height: int,
    width: int,
) -> Float32[np.ndarray, "b 2 3"]:
    """The inverse of: stretch, flip, zoom and rotate about the image's middle, then shift."""
    angle = np.deg2rad(augmentation.rotation) * signed["angle"]
    smallest, largest = np.log(augmentation.zoom)
    zoom = np.exp(smallest + (largest - smallest) * u["zoom"])
    mirror = np.where(augmentation.flip & (u["flip"] < 0.5), -1.0, 1.0)
    cosine, sine = np.cos(angle) / zoom, np.sin(angle) / zoom
    linear = np.stack([np.stack([mirror * cosine, mirror * sine], -1), np.stack([-sine, cosine], -1)], 1)  # (b, 2, 2)
    linear = _squeeze(np.log(augmentation.stretch) * signed["stretch"], np.pi * u["direction"]) @ linear
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    shift = augmentation.shift * np.stack([signed["shift_x"] * width, signed["shift_y"] * height], -1)  # (b, 2)
    offset = middle - (linear @ (middle + shift)[:, :, None])[:, :, 0]
    return np.concatenate([linear, offset[:, :, None]], 2).astype(np.float32)


def _squeeze(logarithm: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """Symmetric matrices (b, 2, 2): lengths along a direction (radians) times exp(logarithm), across divided by it."""
    even, odd = np.cosh(logarithm), np.sinh(logarithm)
    x, y = odd * np.cos(2 * direction), odd * np.sin(2 * direction)
    return np.stack([np.stack([even + x, y], -1), np.stack([y, even - x], -1)], 1)


def _colour(
    augmentation: Augmentation, u: dict[str, np.ndarray], signed: dict[str, np.ndarray]
) -> Float32[np.ndarray, "b 3 4"]:
    """Hue and saturation, then contrast about mid-grey and brightness, then channel gains, as one matrix."""
    saturation = (1 + augmentation.saturation * signed["saturation"])[:, None, None]
    saturation = np.where(u["grey"][:, None, None] < augmentation.grey, 0, saturation)
    contrast = (1 + augmentation.contrast * signed["contrast"])[:, None, None]
    brightness = (augmentation.brightness * signed["brightness"])[:, None, None]
    gain = 1 + augmentation.channel_gain * np.stack([signed["gain_r"], signed["gain_g"], signed["gain_b"]], 1)
    hue = np.deg2rad(augmentation.hue) * signed["hue"][:, None, None]
    turned = np.cos(hue) * (np.eye(3) - _LUMA) + np.sin(hue) * _QUARTER_TURN
    linear = contrast * (saturation * turned + _LUMA)  # (b, 3, 3)
    offset = np.broadcast_to(0.5 * (1 - contrast) + brightness, (len(gain), 3, 1))
    return (gain[:, :, None] * np.concatenate([linear, offset], 2)).astype(np.float32)


def _hole(augmentation: Augmentation, u: dict[str, np.ndarray], height: int, width: int) -> Int32[np.ndarray, "b 4"]:
    """Rectangles of 2 to 20 % of the area and aspect ratio 0.5 to 2, wholly inside the image."""
    area = (0.02 + 0.18 * u["area"]) * height * width
    aspect = np.exp(np.log(2) * (2 * u["aspect"] - 1))
    erased = u["erase"] < augmentation.erasing
    tall = np.where(erased, np.minimum(np.rint(np.sqrt(area * aspect)), height), 0)
    wide = np.where(erased, np.minimum(np.rint(np.sqrt(area / aspect)), width), 0)
    top = np.floor(u["hole_y"] * (height - tall + 1))
    left = np.floor(u["hole_x"] * (width - wide + 1))
    return np.stack([top, top + tall, left, left + wide], 1).astype(np.int32)


def _augment_tensor(pixels: UInt8[Tensor, "b h w 3"], drawn: Drawn | None) -> Float32[Tensor, "b 3 h w"]:
    """The same as the compiled kernel, in torch operations, for devices other than the CPU."""
    images = pixels.permute(0, 3, 1, 2).float() / 255
    if drawn is None:
        return images.contiguous(memory_format=torch.channels_last)
    device, (_, height, width, _) = pixels.device, pixels.shape
    # grid_sample wants coordinates in which the image spans [-1, 1] from edge to edge, both ways.
    to_pixels = np.array([[width / 2, 0, (width - 1) / 2], [0, height / 2, (height - 1) / 2], [0, 0, 1]])
    affine = np.concatenate([drawn.affine, np.broadcast_to([[[0, 0, 1]]], (len(drawn.affine), 1, 3))], 1)
    theta = (np.linalg.inv(to_pixels) @ affine @ to_pixels)[:, :2].astype(np.float32)
    grid = torch.nn.functional.affine_grid(torch.from_numpy(theta).to(device), list(images.shape), align_corners=False)
    warped = torch.nn.functional.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)
    colour = torch.from_numpy(drawn.colour).to(device)
    # Broadcast sums, not a matrix product, which may run in TF32.
    mixed = (warped[:, None] * colour[:, :, :3, None, None]).sum(2) + colour[:, :, 3, None, None]  # (b, 3, h, w)
    top, bottom, left, right = torch.from_numpy(drawn.hole).to(device)[:, :, None].unbind(1)  # each (b, 1)
    y, x = torch.arange(height, device=device), torch.arange(width, device=device)
    rows, columns = (y >= top) & (y < bottom), (x >= left) & (x < right)  # (b, h), (b, w)
    hole = (rows[:, :, None] & columns[:, None, :])[:, None]  # (b, 1, h, w)
    filled = torch.where(hole, torch.from_numpy(drawn.fill).to(device)[:, :, None, None], mixed.clamp(0, 1))
    return filled.contiguous(memory_format=torch.channels_last)


def _channels_last(
    pixels: UInt8[np.ndarray, "b h w 3"],
) -> tuple[Float32[Tensor, "b 3 h w"], Float32[np.ndarray, "b h w 3"]]:
    """An empty tensor to return and the same memory as a (b, h, w, 3) array."""
    memory = torch.empty(pixels.shape)
    return memory.permute(0, 3, 1, 2), memory.numpy()
