"""Exact binomial intervals for accuracies."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from math import log, log1p

import numpy as np
from numpy.typing import NDArray

# Left out on either side of an interval.
_TAIL = 0.025


@dataclass(frozen=True)
class Proportion:
    """A share of n trials with its exact 95 % interval; value, low and high lie in [0, 1]."""

    value: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        if self.n == 0:
            return "not measured"
        return f"{100 * self.value:.1f} % [{100 * self.low:.1f}, {100 * self.high:.1f}] of {self.n:,}"


def proportion(successes: int, n: int) -> Proportion:
    """The Clopper-Pearson interval (Biometrika 26, 1934): exact, so it holds for few trials and for shares of 0 or 1.

    Args:
        successes: in [0, n].
        n: trials; with 0 trials the value is nan and the interval is [0, 1].

    >>> print(proportion(0, 30))
    0.0 % [0.0, 11.6] of 30
    """
    if not 0 <= successes <= n:
        raise ValueError(f"successes must lie in [0, n]; got {successes} of {n}")
    if n == 0:
        return Proportion(float("nan"), 0.0, 1.0, 0)
    low = 0.0 if successes == 0 else _solve(lambda p: 1 - _cdf(successes - 1, n, p) < _TAIL)
    high = 1.0 if successes == n else _solve(lambda p: _cdf(successes, n, p) > _TAIL)
    return Proportion(successes / n, low, high, n)


def _cdf(k: int, n: int, p: float) -> float:
    """P(X <= k) for X ~ Binomial(n, p), 0 < p < 1."""
    i = np.arange(k + 1)
    log_terms = _log_binomials(n)[: k + 1] + i * log(p) + (n - i) * log1p(-p)
    return min(1.0, float(np.exp(log_terms).sum()))


@lru_cache(maxsize=64)
def _log_binomials(n: int) -> NDArray[np.float64]:
    """Log of n over i, for i = 0 ... n."""
    i = np.arange(n)
    return np.concatenate([[0.0], np.cumsum(np.log(n - i) - np.log(i + 1))])


def _solve(below: Callable[[float], bool]) -> float:
    """The p at which a monotone test turns false, by bisection to 1e-12."""
    low, high = 0.0, 1.0
    while high - low > 1e-12:
        middle = (low + high) / 2
        low, high = (middle, high) if below(middle) else (low, middle)
    return (low + high) / 2
