"""Learning-rate schedules: pure functions of how far the run is, so that resuming needs no state of their own."""

from collections.abc import Callable
from dataclasses import dataclass
from math import cos, pi


@dataclass(frozen=True)
class Moment:
    """Where a run stands: `done` in [0, 1] of all steps, or of the time, and how often the validation loss stalled."""

    done: float
    plateaus: int = 0


Schedule = Callable[[Moment], float]

_WARM = 0.05
# A plateau is this many validations without a new best; early stopping counts its own patience beside it.
PLATEAU_PATIENCE = 2


def constant(moment: Moment) -> float:
    """Always the full rate."""
    return 1.0


def step(moment: Moment) -> float:
    """A tenth after half of the run, a hundredth after three quarters (He et al., CVPR 2016)."""
    return 1.0 if moment.done < 0.5 else 0.1 if moment.done < 0.75 else 0.01


def cosine(moment: Moment) -> float:
    """A linear start over the first 5 %, then half a cosine to zero (SGDR, Loshchilov and Hutter, ICLR 2017)."""
    if moment.done < _WARM:
        return max(moment.done, 1e-3) / _WARM
    return 0.5 * (1 + cos(pi * (moment.done - _WARM) / (1 - _WARM)))


def one_cycle(moment: Moment) -> float:
    """Up from 1/25 to the full rate over 30 % of the run, then down to nearly nothing (Smith and Topin, 2018)."""
    if moment.done < 0.3:
        return 1 / 25 + (1 - 1 / 25) * 0.5 * (1 - cos(pi * moment.done / 0.3))
    return 1e-4 + (1 - 1e-4) * 0.5 * (1 + cos(pi * (moment.done - 0.3) / 0.7))


def plateau(moment: Moment) -> float:
    """The full rate, halved whenever the validation loss has stalled for `PLATEAU_PATIENCE` validations."""
    return 0.5**moment.plateaus


SCHEDULES: dict[str, Schedule] = {
    "constant": constant,
    "step": step,
    "cosine": cosine,
    "one-cycle": one_cycle,
    "plateau": plateau,
}
