"""The one place where the attacked model is called."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from surehand.errors import UsageError

from ._goal import Goal, Loss
from ._method import Answer


def ask(
    model: nn.Module,
    points: Float[Tensor, "n 3 h w"],
    goal: Goal,
    loss: Loss,
    gradient: Bool[Tensor, " n"],
) -> Answer:
    """Evaluate the model once at every point, and the gradient of the objective in the rows that ask for it.

    To be called within `strict(model)`. Gradients flow to the points alone: no parameter's .grad is touched.

    Args:
        model: images to logits.
        points: float32 (n, 3, h, w).
        goal: of each row.
        loss: what the objective is made of.
        gradient: which rows need it, bool (n,).

    Returns:
        The answer, one row a point.
    """
    if not gradient.any():
        return _without_gradient(model, points, goal, loss)
    if gradient.all():
        return _with_gradient(model, points, goal, loss)
    asking, others = gradient.nonzero().squeeze(1), (~gradient).nonzero().squeeze(1)
    first = _with_gradient(model, points[asking], goal.take(asking), loss)
    second = _without_gradient(model, points[others], goal.take(others), loss)
    order = torch.cat([asking, others]).argsort()
    return Answer(
        torch.cat([first.logits, second.logits])[order],
        torch.cat([first.objective, second.objective])[order],
        torch.cat([first.reached, second.reached])[order],
        torch.cat([first.gradient, second.gradient])[order],
    )


def logits_of(model: nn.Module, points: Float[Tensor, "n 3 h w"], goal: Goal) -> Float[Tensor, "n k"]:
    """One forward pass.

    Raises:
        UsageError: the output is not one row of at least two logits a point, or has too few for the goal's classes.
    """
    # Images whose channels lie side by side in memory: convolutions are two to three times faster so.
    logits = model(points.contiguous(memory_format=torch.channels_last))
    if not isinstance(logits, Tensor) or logits.ndim != 2 or len(logits) != len(points) or logits.shape[1] < 2:
        got = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        raise UsageError(f"The model must return logits of shape ({len(points)}, k), k >= 2; got {got}.")
    if (highest := goal.highest_class()) >= logits.shape[1]:
        raise UsageError(f"The model knows the classes 0 to {logits.shape[1] - 1}; labels or targets name {highest}.")
    return logits


def _without_gradient(model: nn.Module, points: Tensor, goal: Goal, loss: Loss) -> Answer:
    with torch.no_grad():
        logits = logits_of(model, points, goal)
        objective = goal.objective(logits, loss)
    return Answer(logits, objective, goal.reached(logits.argmax(1)), torch.zeros_like(points[:1]).expand_as(points))


def _with_gradient(model: nn.Module, points: Tensor, goal: Goal, loss: Loss) -> Answer:
    points = points.detach().requires_grad_()
    with torch.enable_grad():
        logits = logits_of(model, points, goal)
        objective = goal.objective(logits, loss)
        if objective.requires_grad:
            # Rows do not see each other, so the gradient of the sum holds the gradient of each.
            (gradient,) = torch.autograd.grad(objective.sum(), points, allow_unused=True, materialize_grads=True)
        else:
            gradient = torch.zeros_like(points)
    logits, objective = logits.detach(), objective.detach()
    return Answer(logits, objective, goal.reached(logits.argmax(1)), gradient)
