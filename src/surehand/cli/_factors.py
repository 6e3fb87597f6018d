"""Factors of rendered letters, written as text: ``tone=8``."""

from collections.abc import Callable
from difflib import get_close_matches
from typing import Any, get_origin, get_type_hints

from surehand.errors import UsageError


def fixed_factors(pairs: list[str]) -> dict[str, Any]:
    """["tone=8", "hand=left"] as {"tone": 8.0, "hand": "left"}; the renderer checks the ranges.

    Lists are written with commas: ``forearm_bend=0,0.1,0``.

    Raises:
        UsageError: not FACTOR=VALUE, no such factor, a factor given twice, or a value of another kind.

    >>> fixed_factors(["tone=8", "back_light=false", "forearm_bend=0,0.1,0"])
    {'tone': 8.0, 'back_light': False, 'forearm_bend': (0.0, 0.1, 0.0)}
    """
    # Imported here: the renderer takes a second to load, and --help does without it.
    from surehand.render import FACTOR_NAMES, Factors

    kinds = get_type_hints(Factors)
    fixed: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not (name and equals and text):
            raise UsageError(f"--fix takes FACTOR=VALUE such as tone=8; got {pair!r}.")
        if name not in kinds:
            near = get_close_matches(name, FACTOR_NAMES, 1)
            hint = f"Did you mean {near[0]}?" if near else f"The factors are {', '.join(FACTOR_NAMES)}."
            raise UsageError(f"There is no factor {name!r} to fix. {hint}")
        if name in fixed:
            raise UsageError(f"--fix gives {name} twice; give it once.")
        read, words = _KINDS[get_origin(kinds[name]) or kinds[name]]
        try:
            fixed[name] = read(text)
        except (ValueError, KeyError):
            raise UsageError(f"--fix {name} takes {words}; got {text!r}.") from None
    return fixed


_KINDS: dict[type, tuple[Callable[[str], Any], str]] = {
    bool: (lambda text: {"true": True, "false": False}[text], "true or false"),
    int: (int, "a whole number"),
    float: (float, "a number"),
    str: (str, "a word"),
    tuple: (lambda text: tuple(float(number) for number in text.split(",")), "numbers separated by commas"),
}
