"""The fast gradient sign method."""

from dataclasses import dataclass
from typing import ClassVar, get_args

import torch
from jaxtyping import Bool
from torch import Tensor

from surehand.errors import UsageError

from ._goal import Loss
from ._method import Answer, Query, Rows, State


@dataclass(frozen=True)
class FGSM:
    """One step of length epsilon up the objective (Goodfellow, Shlens and Szegedy, ICLR 2015, section 4).

    adversarial = clean + epsilon * sign(gradient of the objective at the clean image) for linf; for l2, along the
    gradient itself. The direction does not depend on epsilon, so a sweep over budgets costs one backward pass.

    Args:
        loss: "margin" (the same direction without saturation) or "cross_entropy" (as published; for comparison with
            other libraries, which in float32 lose the direction where the model is very sure).

    Raises:
        UsageError: another loss.
    """

    loss: Loss = "margin"
    gradient_first: ClassVar[bool] = True
    until_reached: ClassVar[bool] = True
    shared_direction: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.loss not in get_args(Loss):
            raise UsageError(f"The loss must be one of {', '.join(get_args(Loss))}; got {self.loss!r}.")

    def start(self, rows: Rows, clean: Answer) -> State:
        """The direction of each row."""
        return {"direction": rows.threat.steepest(clean.gradient)}

    def query(self, rows: Rows, state: State) -> Query:
        """The clean images, moved by the whole budget."""
        points = torch.add(rows.clean, state["direction"], alpha=rows.threat.epsilon)
        no_gradient = torch.zeros(len(rows), dtype=torch.bool, device=points.device)
        return Query(rows.threat.project(points, rows.clean), no_gradient)

    def update(self, rows: Rows, state: State, answer: Answer) -> tuple[State, Bool[Tensor, " n"]]:
        """Nothing is left to ask."""
        return state, torch.ones(len(rows), dtype=torch.bool, device=rows.clean.device)
