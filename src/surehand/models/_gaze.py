"""Looking twice: where in an image a network found something, and that part of the image in more detail.

To glance first and then to focus: Wang et al., "Glance and Focus", NeurIPS 2020, who learn where to.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

# By how much longer a feature vector must be to weigh e times as much in the middle.
_SCALE = 2.0
# The logarithm of a hand's longer side over the image's is about linear in the mean norm over the largest: least
# squares over the boxes of rendered hands, 45 % of whose variance it explained with the reader of eaac2f4; with that of
# today they would be 4.8 and -1.9, for windows wider by a twelfth (tools/reader/fit_window.py).
_SLOPE, _CONSTANT = 5.0, -2.0
# A window is so many times as wide as the hand, and never narrower than this share of the image.
_ROOM, _NARROWEST = 1.4, 0.3


class Window(NamedTuple):
    """A part of each of n images, in shares of the images' sides; as wide as high in these.

    Attributes:
        x: of the middle, from the left.
        y: of the middle, from the top.
        side: in (0, 1].
    """

    x: Float[Tensor, " n"]
    y: Float[Tensor, " n"]
    side: Float[Tensor, " n"]


def whole(images: Float[Tensor, "n 3 h w"]) -> Window:
    """All of each image."""
    one = torch.ones_like(images[:, 0, 0, 0])
    return Window(one / 2, one / 2, one)


def window_of(maps: Float[Tensor, "n d h w"]) -> Window:
    """Where the feature vectors of a network's last maps are long: there is what it knows, a hand.

    No weight is learned for it, so it stays true when the network learns on.

    Args:
        maps: features, of which each place shows a part of the image.

    Returns:
        Windows in at least single precision: neighbouring pixels lie closer than half precision can tell.
    """
    norms = torch.linalg.vector_norm(maps.to(torch.promote_types(maps.dtype, torch.float32)), dim=1)  # (n, h, w)
    weight = (norms / _SCALE).flatten(1).softmax(1).view_as(norms)
    across, down = (_centres(count, norms) for count in (norms.shape[2], norms.shape[1]))
    share = norms.mean((1, 2)) / norms.amax((1, 2)).clamp(min=1e-6)
    side = _ROOM * torch.exp(_SLOPE * share + _CONSTANT)
    return Window((weight.sum(1) * across).sum(1), (weight.sum(2) * down).sum(1), side.clamp(_NARROWEST, 1.0))


def look(images: Float[Tensor, "n 3 h w"], window: Window, size: int) -> Float[Tensor, "n 3 {size} {size}"]:
    """Crop and resize: what is seen of images through windows, which move as far as they must to lie in the image.

    Triangle filters as wide as the new pixels, as Pillow reduces images: two products of matrices.

    Args:
        images: of any size.
        window: one for each image.
        size: pixels a side of what is seen.

    Returns:
        As precise as the images, under autocast as it has it.
    """
    height, width = images.shape[2:]
    columns = _filters(window.x, window.side, width, size).to(images.dtype)  # (n, size, w)
    rows = _filters(window.y, window.side, height, size).to(images.dtype)  # (n, size, h)
    return rows[:, None] @ images @ columns[:, None].mT


def _filters(
    middle: Float[Tensor, " n"], side: Float[Tensor, " n"], pixels: int, size: int
) -> Float[Tensor, "n {size} {pixels}"]:
    """The weights of old pixels in new ones along one axis."""
    middle = torch.maximum(torch.minimum(middle, 1 - side / 2), side / 2)
    centres = middle[:, None] + side[:, None] * (_centres(size, middle) - 0.5)  # (n, size)
    reach = (side / size).clamp(min=1 / pixels)[:, None, None]
    weights = (1 - (_centres(pixels, middle) - centres[:, :, None]).abs() / reach).clamp(min=0)
    return weights / weights.sum(2, keepdim=True)


def _centres(count: int, like: Tensor) -> Float[Tensor, " {count}"]:
    """The middles of so many equal parts of [0, 1]."""
    return (torch.arange(count, dtype=like.dtype, device=like.device) + 0.5) / count
