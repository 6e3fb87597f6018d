"""When to stop: fixed definitions, a state that travels in the checkpoint."""

from dataclasses import dataclass, replace
from math import inf, isfinite

from ._schedule import PLATEAU_PATIENCE


@dataclass(frozen=True)
class Stopping:
    """What early stopping remembers.

    Attributes:
        best: the lowest validation loss so far, by however little; its weights are the ones restored in the end.
        best_epoch: the epoch (from 1) it was seen in, 0 before the first validation.
        stale: consecutive validations that were not lower than `best` by more than min_delta.
        plateaus: how often `stale` reached another multiple of PLATEAU_PATIENCE.
    """

    best: float = inf
    best_epoch: int = 0
    stale: int = 0
    plateaus: int = 0


def observe(state: Stopping, loss: float, epoch: int, min_delta: float) -> Stopping:
    """The state after one validation.

    >>> state = observe(Stopping(), 1.0, epoch=1, min_delta=0.1)
    >>> observe(state, 0.95, epoch=2, min_delta=0.1).stale
    1
    """
    stale = 0 if loss < state.best - min_delta else state.stale + 1
    plateaus = state.plateaus + (stale > 0 and stale % PLATEAU_PATIENCE == 0)
    if loss < state.best:
        return Stopping(best=loss, best_epoch=epoch, stale=stale, plateaus=plateaus)
    return replace(state, stale=stale, plateaus=plateaus)


def reason_to_stop(
    state: Stopping, loss: float, epoch: int, epochs: int, patience: int, minutes: float | None = None
) -> str | None:
    """Why training ends after this validation, in words; None if it goes on.

    Args:
        state: after the validation.
        loss: of the validation.
        epoch: just ended, from 1, of at most `epochs`.
        patience: see `Settings`.
        minutes: all that there were, if they are over.
    """
    if not isfinite(loss):
        return f"the validation loss became {loss} in epoch {epoch}"
    if state.stale >= patience:
        return f"no better validation loss in {patience} epochs; the best was epoch {state.best_epoch}"
    if minutes is not None:
        return f"the time, {minutes:g} min, was over in epoch {epoch}; the best was epoch {state.best_epoch}"
    if epoch >= epochs:
        return f"all {epochs} epochs done; the best was epoch {state.best_epoch}"
    return None
