"""What an attack found, sample by sample; rates, curves and intervals are derived from it."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, Int64
from torch import Tensor

from surehand.intervals import Proportion, proportion

from ._method import Method
from ._threat import Norm, Threat


@dataclass(frozen=True)
class AttackResult:
    """One attack at one budget on n images.

    Args:
        adversarial: float32 (n, 3, h, w) on the CPU, each within budget and [0, 1]: a success where there is one (the
            first, or for methods that look for the nearest, the nearest), else the last image within the budget that
            was tried. Images that already reach the goal come back unchanged.
        success: whether `adversarial` reaches the goal, bool (n,).
        labels: the truth, int64 (n,).
        targets: the classes to reach, int64 (n,); None: any wrong class.
        clean_prediction: class of the clean image, int64 (n,).
        adversarial_prediction: class of `adversarial`, int64 (n,).
        lead: by how many logits `adversarial` reaches (positive) or misses (negative) the goal, float32 (n,).
        saturated: whether float32 gives the clean image's true class probability 1, bool (n,).
        linf: largest change of a value, fraction of the pixel range, float64 (n,).
        l2: Euclidean length of the change, same unit, float64 (n,).
        forward_passes: model evaluations spent on each image, int64 (n,); the first few images count one more, by which
            the model is seen to repeat itself.
        backward_passes: gradients spent on each image, int64 (n,).
        warnings: signs that the numbers may mislead, one sentence each.
        method: with its hyper-parameters.
        threat: norm and budget.
        seed: of whatever the method drew.
    """

    adversarial: Float[Tensor, "n 3 h w"]
    success: Bool[np.ndarray, " n"]
    labels: Int64[np.ndarray, " n"]
    targets: Int64[np.ndarray, " n"] | None
    clean_prediction: Int64[np.ndarray, " n"]
    adversarial_prediction: Int64[np.ndarray, " n"]
    lead: Float32[np.ndarray, " n"]
    saturated: Bool[np.ndarray, " n"]
    linf: Float64[np.ndarray, " n"]
    l2: Float64[np.ndarray, " n"]
    forward_passes: Int64[np.ndarray, " n"]
    backward_passes: Int64[np.ndarray, " n"]
    warnings: tuple[str, ...]
    method: Method
    threat: Threat
    seed: int

    def __len__(self) -> int:
        return len(self.success)

    @property
    def linf_levels(self) -> Float64[np.ndarray, " n"]:
        """Largest change of a value in grey levels of 255."""
        return self.linf * 255

    @property
    def l2_levels(self) -> Float64[np.ndarray, " n"]:
        """Euclidean length of the change in grey levels of 255."""
        return self.l2 * 255

    @cached_property
    def clean_accuracy(self) -> Proportion:
        """Share of clean images that are classified correctly."""
        return _share(self.clean_prediction == self.labels)

    @cached_property
    def adversarial_accuracy(self) -> Proportion:
        """Share of `adversarial` that is classified correctly; untargeted, this is the robust accuracy."""
        return _share(self.adversarial_prediction == self.labels)

    @cached_property
    def success_rate(self) -> Proportion:
        """Share of goals reached, among the images that did not reach it already when clean."""
        open_ = self.clean_prediction == self.labels if self.targets is None else self.clean_prediction != self.targets
        return _share(self.success[open_])


@dataclass(frozen=True)
class RobustnessCurve:
    """One attack at e budgets on n images.

    Two definitions of accuracy, because they answer different questions. `accuracy`: the share that is correct at
    exactly this budget; it may rise again, since one step can overshoot. `robust`: the share that the attacker failed
    on at this and every smaller budget; it only falls, and is the one to quote.

    Args:
        epsilons: rising from 0, fractions of the pixel range (linf) or of its length (l2), float64 (e,).
        predictions: class of each image at each budget, int64 (n, e); column 0 is the clean image.
        lead: by how many logits the goal is reached (positive) or missed (negative) there, float32 (n, e).
        labels: the truth, int64 (n,).
        targets: the classes to reach, int64 (n,); None: any wrong class.
        saturated: whether float32 gives the clean image's true class probability 1, bool (n,).
        forward_passes: model evaluations spent on each image, int64 (n,); the first few images count one more, by which
            the model is seen to repeat itself.
        backward_passes: gradients spent on each image, int64 (n,).
        warnings: signs that the numbers may mislead, one sentence each.
        method: with its hyper-parameters.
        norm: of the budgets.
        seed: of whatever the method drew.
    """

    epsilons: Float64[np.ndarray, " e"]
    predictions: Int64[np.ndarray, "n e"]
    lead: Float32[np.ndarray, "n e"]
    labels: Int64[np.ndarray, " n"]
    targets: Int64[np.ndarray, " n"] | None
    saturated: Bool[np.ndarray, " n"]
    forward_passes: Int64[np.ndarray, " n"]
    backward_passes: Int64[np.ndarray, " n"]
    warnings: tuple[str, ...]
    method: Method
    norm: Norm
    seed: int

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def reached(self) -> Bool[np.ndarray, "n e"]:
        """Whether the goal is reached at each budget."""
        if self.targets is None:
            return self.predictions != self.labels[:, None]
        return self.predictions == self.targets[:, None]

    @property
    def reached_up_to(self) -> Bool[np.ndarray, "n e"]:
        """Whether the goal is reached at each budget or at a smaller one."""
        return np.logical_or.accumulate(self.reached, axis=1)

    @cached_property
    def accuracy(self) -> tuple[Proportion, ...]:
        """Share of images classified correctly at each budget."""
        return tuple(_share(column) for column in (self.predictions == self.labels[:, None]).T)

    @cached_property
    def robust(self) -> tuple[Proportion, ...]:
        """Share of images on which the attacker failed at each budget and at all smaller ones."""
        return tuple(_share(~column) for column in self.reached_up_to.T)

    @property
    def critical_epsilon(self) -> Float64[np.ndarray, " n"]:
        """The smallest budget of the grid that reaches the goal on each image, inf if none does; float64 (n,)."""
        reached = self.reached
        return np.where(reached.any(axis=1), self.epsilons[reached.argmax(axis=1)], np.inf)

    @property
    def area(self) -> float:
        """The mean of `robust` over all budgets up to the largest, in [0, 1]: its area by the trapezoid rule."""
        values = [share.value for share in self.robust]
        return float(np.trapezoid(values, self.epsilons) / self.epsilons[-1])


def _share(hits: Bool[np.ndarray, " n"]) -> Proportion:
    return proportion(int(hits.sum()), len(hits))
