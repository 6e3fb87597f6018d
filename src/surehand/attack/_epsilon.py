"""Budgets as fractions of the pixel range and as grey levels."""

from math import floor, isfinite

from surehand.errors import UsageError

DEFAULT_EPSILONS: tuple[float, ...] = tuple(
    level / 255 for level in (0, 1, 2, 3, 4, 6, 8, 10, 12, 16, 20, 24, 32, 40, 48, 64, 80, 96, 128, 192)
)
"""Twenty budgets from 0 to 192 grey levels, in fractions of the pixel range.

Whole grey levels, because the images are files of grey levels: a budget between two levels buys nothing that a file can
hold. Dense at the small end, where undefended models lose their accuracy (8/255 is the literature's usual budget); the
far end reaches three quarters of the range, where any model must be at chance: a curve that stays up there is a sign of
a broken attack, not of a robust model.
"""


def grey_levels(epsilon: float) -> int:
    """How many whole grey levels of 255 fit into a budget.

    >>> grey_levels(8 / 255), grey_levels(0.03)
    (8, 7)
    """
    # 1e-9 for the rounding of k / 255 * 255; it is far below what one grey level could hide.
    return floor(epsilon * 255 + 1e-9)


def parse_epsilon(text: str) -> float:
    """A budget as people write it, ``"8/255"`` or ``"0.03"``, as a fraction of the pixel range.

    Raises:
        UsageError: not a number, or outside [0, 1].

    >>> parse_epsilon("8/255") == 8 / 255
    True
    """
    numerator, slash, denominator = text.partition("/")
    try:
        epsilon = float(numerator) / float(denominator) if slash else float(numerator)
    except (ValueError, ZeroDivisionError):
        raise UsageError(f"epsilon must be a number such as 8/255 or 0.03; got {text!r}.") from None
    if not (isfinite(epsilon) and 0 <= epsilon <= 1):
        raise UsageError(out_of_range(epsilon, "[0, 1]"))
    return epsilon


def out_of_range(epsilon: float, range_: str) -> str:
    """The message for a budget outside the range."""
    hint = f" For {epsilon:g} grey levels pass {epsilon:g}/255." if 1 < epsilon <= 255 else ""
    return f"epsilon must be in {range_} because images are in [0, 1]; got {epsilon:g}.{hint}"
