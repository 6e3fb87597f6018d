"""What a method of attack is: a search, as a state machine with one row a sample.

The engine owns the model, the batch, the verdicts and the counting; the goal owns the sign and the success test; the
threat owns the budget. What is left for a method is where to look next. Projected gradient descent, whole::

    @dataclass(frozen=True)
    class PGD:
        steps: int = 40
        step_size: float = 2 / 255
        loss: Loss = "margin"
        gradient_first: ClassVar[bool] = True
        until_reached: ClassVar[bool] = True
        shared_direction: ClassVar[bool] = False

        def start(self, rows, clean):
            first = torch.ones(len(rows), dtype=torch.int64, device=rows.clean.device)
            return self._stepped(rows, rows.clean, clean.gradient, first)

        def query(self, rows, state):
            return Query(state["points"], gradient=state["step"] < self.steps)

        def update(self, rows, state, answer):
            finished = state["step"] == self.steps
            return self._stepped(rows, state["points"], answer.gradient, state["step"] + 1), finished

        def _stepped(self, rows, points, gradient, step):
            points = points + self.step_size * rows.threat.steepest(gradient)
            return {"points": rows.threat.project(points, rows.clean), "step": step}
"""

from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, UInt64
from torch import Tensor

from ._goal import Goal, Loss
from ._threat import Threat

State = dict[str, Tensor]
"""What a method remembers: tensors with one row a sample, so that the engine can drop rows and add others.

They lie on the device of `Rows.clean`, and so do those of a `Query`."""


@dataclass(frozen=True)
class Rows:
    """The samples in the batch at this moment.

    Args:
        clean: float32 (n, 3, h, w) in [0, 1], on the model's device.
        goal: of each row.
        ids: of each sample, uint64 (n,).
        threat: the budget, the same for all.
        seed: with `ids`, what random numbers are drawn from: ``uniforms(rows.seed, "name", step, ids=rows.ids, ...)``.
    """

    clean: Float[Tensor, "n 3 h w"]
    goal: Goal
    ids: UInt64[np.ndarray, " n"]
    threat: Threat
    seed: int

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class Query:
    """Where the model shall be evaluated next, one point a row.

    Args:
        points: float32 (n, 3, h, w). Points outside the budget may be asked for, but never count as a success.
        gradient: which rows need the objective's gradient there, bool (n,).
    """

    points: Float[Tensor, "n 3 h w"]
    gradient: Bool[Tensor, " n"]


@dataclass(frozen=True)
class Answer:
    """What the model says at the points of a query.

    Args:
        logits: float32 (n, k).
        objective: what the attacker raises, float32 (n,).
        reached: whether the goal is reached, bool (n,).
        gradient: of each row's objective by its point, float32 (n, 3, h, w); 0 in rows that did not ask.
    """

    logits: Float[Tensor, "n k"]
    objective: Float[Tensor, " n"]
    reached: Bool[Tensor, " n"]
    gradient: Float[Tensor, "n 3 h w"]

    def take(self, rows: Tensor) -> "Answer":
        """The answers to some of the rows."""
        return Answer(self.logits[rows], self.objective[rows], self.reached[rows], self.gradient[rows])


@runtime_checkable
class Method(Protocol):
    """A frozen value that holds hyper-parameters and never a model.

    Rows must not see each other: the engine puts any samples side by side, and takes some away after every turn.

    Attributes:
        loss: what the objective is made of.
        gradient_first: whether `start` needs the gradient at the clean image.
        until_reached: a row leaves at its first success (a search for any success within the budget), instead of going
            on until it is finished (a search for the nearest one; the engine keeps the nearest seen).
        shared_direction: `start` does not read the budget, and one query decides: then a sweep over budgets needs no
            more gradients than one attack.
    """

    @property
    def loss(self) -> Loss: ...

    gradient_first: ClassVar[bool]
    until_reached: ClassVar[bool]
    shared_direction: ClassVar[bool]

    def start(self, rows: Rows, clean: Answer) -> State:
        """The first state, from the answer at the clean images."""

    def query(self, rows: Rows, state: State) -> Query:
        """Where to look next."""

    def update(self, rows: Rows, state: State, answer: Answer) -> tuple[State, Bool[Tensor, " n"]]:
        """The state after the answer, and which rows have nothing left to ask."""
