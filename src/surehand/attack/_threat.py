"""What an attacker may do to an image: move it by at most epsilon, in a norm, and stay an image."""

from dataclasses import dataclass
from math import isfinite
from typing import Literal, get_args

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64
from torch import Tensor

from surehand.errors import UsageError

from ._epsilon import out_of_range

Norm = Literal["linf", "l2"]


@dataclass(frozen=True)
class Threat:
    """A norm and a budget; the only place that projects, measures and verifies.

    The budget holds strictly: the difference of two float32 images, taken exactly or in float32, never exceeds epsilon.
    (The usual ``clamp(x + epsilon)`` breaks its own budget by a rounding error on every second pixel.)

    Args:
        norm: "linf" (the largest change of a pixel's channel) or "l2" (Euclidean, over all channels and pixels).
        epsilon: the budget as a fraction of the pixel range; in (0, 1] for linf, positive for l2.

    Raises:
        UsageError: another norm, or epsilon outside its range.
    """

    norm: Norm = "linf"
    epsilon: float = 8 / 255

    def __post_init__(self) -> None:
        if self.norm not in get_args(Norm):
            raise UsageError(f"The norm must be one of {', '.join(get_args(Norm))}; got {self.norm!r}.")
        if not (isfinite(self.epsilon) and self.epsilon > 0):
            raise UsageError(
                f"epsilon must be positive; got {self.epsilon:g}. (Only a sweep accepts 0: the clean image.)"
            )
        if self.norm == "linf" and self.epsilon > 1:
            raise UsageError(out_of_range(self.epsilon, "(0, 1]"))

    def project(self, points: Float[Tensor, "n 3 h w"], clean: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n 3 h w"]:
        """The points, brought back into the budget around the clean images and into [0, 1].

        linf: each value goes to the nearest float32 within its interval, so what already obeys is left bit for bit.
        l2: the perturbation is scaled first and then cut by the box, which can only shorten it.

        Args:
            points: float32 (n, 3, h, w), finite.
            clean: float32 (n, 3, h, w) in [0, 1].
        """
        budget = _float32_at_most(self.epsilon)
        if self.norm == "linf":
            near = points.clamp(clean - budget, clean + budget).clamp_(0, 1)
            # Those bounds are rounded, so a value may stick out by less than its distance to the next float32. One step
            # inwards mends that; non-negative floats are ordered as their bits are, so a step is plus or minus one.
            bits = near.view(torch.int32)
            bits.add_(torch.sign(clean.view(torch.int32) - bits).mul_(_exceeds(near, clean, budget)))
            return near
        change = points.double() - clean.double()
        lengths = _lengths(change)  # (n,)
        # The last factor covers the rounding of the float64 sums.
        scale = (budget / lengths).clamp_(max=1).mul_(1 - 1e-12)
        # Values of rows that obey must not move: their scale is 1, and 1 - 1e-12 would shift them.
        scale = torch.where(lengths <= budget, torch.ones_like(scale), scale)
        return _rounded_towards(clean, change.mul_(scale[:, None, None, None])).clamp_(0, 1)

    def contains(self, points: Float[Tensor, "n 3 h w"], clean: Float[Tensor, "n 3 h w"]) -> Bool[Tensor, " n"]:
        """Whether each row of points obeys budget and box, exactly: no tolerance; nan obeys nothing."""
        in_box = ((points >= 0) & (points <= 1)).all(dim=(1, 2, 3))
        budget = _float32_at_most(self.epsilon)
        if self.norm == "linf":
            return in_box & ~_exceeds(points, clean, budget).any(dim=(1, 2, 3))
        return in_box & (_lengths(points.double() - clean.double()) <= budget)

    def distance(self, points: Float[Tensor, "n 3 h w"], clean: Float[Tensor, "n 3 h w"]) -> Float64[Tensor, " n"]:
        """How far each row of points is from its clean image in this norm, as a fraction of the pixel range."""
        return distance(points, clean, self.norm)

    def steepest(self, gradient: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n 3 h w"]:
        """The step of length 1 in this norm along which a function with this gradient rises fastest.

        linf: the sign; l2: the gradient divided by its length. Where the gradient is 0, the step is 0.
        """
        if self.norm == "linf":
            return gradient.sign()
        # Divided by the largest entry first: the squares of small gradients would underflow.
        largest = gradient.abs().amax(dim=(1, 2, 3), keepdim=True)
        scaled = torch.where(largest > 0, gradient / largest, gradient)
        length = scaled.square().sum(dim=(1, 2, 3), keepdim=True).sqrt()
        return torch.where(length > 0, scaled / length, scaled)


def distance(points: Float[Tensor, "n 3 h w"], clean: Float[Tensor, "n 3 h w"], norm: Norm) -> Float64[Tensor, " n"]:
    """How far each row of points is from its clean image, as a fraction of the pixel range; float64 (n,)."""
    if norm == "linf":
        return (points.double() - clean.double()).abs_().amax(dim=(1, 2, 3))
    return _lengths(points.double() - clean.double())


def _lengths(change: Float64[Tensor, "n 3 h w"]) -> Float64[Tensor, " n"]:
    return change.square().sum(dim=(1, 2, 3)).sqrt()


def _exceeds(
    points: Float[Tensor, "n 3 h w"], clean: Float[Tensor, "n 3 h w"], budget: float
) -> Bool[Tensor, "n 3 h w"]:
    """Exactly whether |points - clean| > budget, in float32 alone: three times faster than through float64.

    Dekker's Fast2Sum (Numerische Mathematik 18, 1971): with the larger number first, what a subtraction rounds away is
    itself a float32.
    """
    larger, smaller = torch.maximum(points, clean), torch.minimum(points, clean)
    difference = larger - smaller
    lost = larger.sub_(difference).sub_(smaller)
    return ~(difference.sub_(budget).add_(lost) <= 0)


def _rounded_towards(clean: Float[Tensor, "n 3 h w"], change: Float64[Tensor, "n 3 h w"]) -> Float[Tensor, "n 3 h w"]:
    """The float32 images clean + change, rounded such that no value moves farther than its change."""
    exact = clean.double()
    rounded = exact.add(change).float()
    too_far = (rounded.double() - exact).abs_() > change.abs()
    return torch.where(too_far, torch.nextafter(rounded, clean), rounded)


def _float32_at_most(epsilon: float) -> float:
    """The largest float32 that is not above epsilon: 8/255 itself would be rounded up."""
    nearest = np.float32(epsilon)
    return float(nearest if float(nearest) <= epsilon else np.nextafter(nearest, np.float32(0)))
