"""What an attack wants: any wrong class, or one class. The only place that knows the sign and the success test."""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor
from torch.nn import functional as F

from ._margin import margin

Loss = Literal["margin", "cross_entropy"]


@dataclass(frozen=True)
class Goal:
    """Leave the true class (untargeted), or reach the target.

    Args:
        labels: the truth, int64 (n,).
        targets: the classes to reach, int64 (n,); None: any class but the true one.
    """

    labels: Int64[Tensor, " n"]
    targets: Int64[Tensor, " n"] | None = None

    def reached(self, predictions: Int64[Tensor, " n"]) -> Bool[Tensor, " n"]:
        """Whether each prediction is what the attacker wants."""
        return predictions != self.labels if self.targets is None else predictions == self.targets

    def objective(self, logits: Float[Tensor, "n k"], loss: Loss) -> Float[Tensor, " n"]:
        """What the attacker raises: the loss of the truth, or the negated loss of the target."""
        if self.targets is None:
            return _loss(logits, self.labels, loss)
        return -_loss(logits, self.targets, loss)

    def lead(self, logits: Float[Tensor, "n k"]) -> Float[Tensor, " n"]:
        """By how many logits the goal is reached (positive) or missed (negative); float (n,).

        Untargeted: the largest wrong logit minus the true one. Targeted: the target's logit minus the largest other.
        """
        classes = (self.labels if self.targets is None else self.targets)[:, None]
        own = logits.gather(1, classes).squeeze(1)
        others = logits.scatter(1, classes, float("-inf")).amax(1)
        return others - own if self.targets is None else own - others

    def highest_class(self) -> int:
        """The largest class number among labels and targets."""
        return max(int(classes.max()) for classes in (self.labels, self.targets) if classes is not None)

    def take(self, rows: Tensor | slice) -> "Goal":
        """The goal of some of the samples."""
        return Goal(self.labels[rows], None if self.targets is None else self.targets[rows])

    def join(self, other: "Goal") -> "Goal":
        """The goals of these samples and then of others, for the same kind of goal."""
        if self.targets is None or other.targets is None:
            return Goal(torch.cat([self.labels, other.labels]))
        return Goal(torch.cat([self.labels, other.labels]), torch.cat([self.targets, other.targets]))


def _loss(logits: Float[Tensor, "n k"], classes: Int64[Tensor, " n"], loss: Loss) -> Float[Tensor, " n"]:
    return margin(logits, classes) if loss == "margin" else F.cross_entropy(logits, classes, reduction="none")
