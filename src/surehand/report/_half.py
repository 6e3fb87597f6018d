"""How small a change is enough: the one definition of "half the accuracy is gone"."""

from collections.abc import Sequence
from itertools import pairwise


def epsilon_of_half(epsilons: Sequence[float], robust: Sequence[float]) -> float | None:
    """The smallest epsilon at which the robust accuracy has fallen to half of the clean accuracy.

    Between measured epsilons the curve is a straight line.

    Args:
        epsilons: increasing from 0.
        robust: share never fooled up to each epsilon, in [0, 1]; the first is the clean accuracy.

    Returns:
        An epsilon, or None where the robust accuracy never falls that far, or starts at 0.

    >>> epsilon_of_half([0.0, 0.02], [0.8, 0.0])
    0.01
    """
    half = robust[0] / 2 if robust else 0.0
    points = zip(epsilons, robust, strict=True)
    for (left, before), (right, after) in pairwise(points):
        if after <= half < before:
            return left + (right - left) * (before - half) / (before - after)
    return None
