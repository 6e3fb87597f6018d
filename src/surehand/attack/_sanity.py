"""Signs that a number of robustness would mislead; they travel inside the results, so that the report shows them."""

from dataclasses import dataclass, field

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from ._ask import logits_of
from ._goal import Goal
from ._margin import margin

PROBED = 8
"""At most so many images are evaluated a second time, by themselves, to see whether the model repeats itself."""

# A class leads so far that float32 rounds its probability to 1: e^-16.6 is half a unit in the last place.
_SATURATED = -16.6
_TIE = 1e-3


@dataclass
class Sanity:
    """Gathers the evidence batch by batch."""

    clean_logits: list[Tensor] = field(default_factory=list)
    labels: list[Tensor] = field(default_factory=list)
    zero_gradients: int = 0
    gradients: int = 0
    repeats: bool = True

    def see(self, logits: Float[Tensor, "n k"], labels: Tensor) -> None:
        """The answer at clean images."""
        self.clean_logits.append(logits.cpu())
        self.labels.append(labels.cpu())

    def see_gradient(self, gradient: Float[Tensor, "n 3 h w"], asked: Bool[Tensor, " n"]) -> None:
        """The gradients that were asked for."""
        self.gradients += int(asked.sum())
        self.zero_gradients += int((asked & ~(gradient != 0).any(dim=(1, 2, 3))).sum())

    def probe(self, model: nn.Module, clean: Float[Tensor, "n 3 h w"], goal: Goal, logits: Float[Tensor, "n k"]) -> int:
        """Evaluate the first images of a batch again, without the others; returns how many."""
        # At most half of them: the whole batch again would be the same batch.
        rows = slice(0, min(PROBED, max(1, len(clean) // 2)))
        with torch.no_grad():
            again = logits_of(model, clean[rows], goal.take(rows))
        scale = logits[rows].abs().max()
        self.repeats = bool(((again - logits[rows]).abs() <= 1e-3 * scale).all()) or not bool(scale.isfinite())
        return len(again)

    def saturated(self) -> Bool[Tensor, " n"]:
        """Where float32 rounds the true class's probability to 1."""
        return margin(torch.cat(self.clean_logits), torch.cat(self.labels)) < _SATURATED

    def warnings(self, leads: Float[Tensor, " n"]) -> tuple[str, ...]:
        """What a reader must know, one sentence each.

        Args:
            leads: by how many logits each verdict was decided.
        """
        logits = torch.cat(self.clean_logits)
        n = len(logits)
        saturated = int(self.saturated().sum())
        broken = int((~logits.isfinite()).any(1).sum())
        ties = int((leads.abs() < _TIE).sum())
        probabilities = bool(((logits >= 0) & (logits <= 1)).all()) and bool(((logits.sum(1) - 1).abs() < 1e-3).all())
        found = (
            (
                probabilities,
                "The model seems to return probabilities instead of logits: its gradients fade, and attacks fail.",
            ),
            (
                not self.repeats,
                "The model gave other logits for the same image: it is random, or lets the images of a batch see each"
                " other. Verdicts are not repeatable.",
            ),
            (broken, f"{broken} of {n} clean images have logits that are not finite; their verdicts mean nothing."),
            (
                self.zero_gradients,
                f"{self.zero_gradients} of {self.gradients} gradients are exactly zero: the attack was blind there.",
            ),
            (
                saturated,
                f"{saturated} of {n} clean images are saturated (float32 gives the true class probability 1): attacks"
                " that follow cross-entropy fail there; the margin does not.",
            ),
            (
                ties,
                f"{ties} of {n} images were decided by less than {_TIE} logits; their verdicts may fall differently on"
                " other hardware.",
            ),
        )
        return tuple(text for sign, text in found if sign)
