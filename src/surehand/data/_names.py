"""Class identity by name: which spellings mean the same class."""

from collections.abc import Sequence

from surehand.alphabet import normalised
from surehand.errors import DataError


def ordered(names: set[str]) -> tuple[str, ...]:
    """The order of classes: by code point, so capitals come first: A to Z, del, nothing, space."""
    return tuple(sorted(names))


def matched(names: Sequence[str], classes: Sequence[str], where: str) -> list[int]:
    """The index in `classes` of each name, matched by normalised name, never by position.

    Raises:
        DataError: a name that is none of the classes.
    """
    index = {normalised(name): i for i, name in enumerate(classes)}
    unknown = sorted(name for name in names if normalised(name) not in index)
    if unknown:
        raise DataError(
            f"{where} has classes the model does not know: {listed(unknown)}. "
            f"Its classes are {listed(classes)}. Rename or remove these folders."
        )
    return [index[normalised(name)] for name in names]


def listed(names: Sequence[str], most: int = 40) -> str:
    """Names as a readable list, cut off after `most`.

    >>> listed(["A", "B", "C"], most=2)
    'A, B and 1 more'
    """
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
