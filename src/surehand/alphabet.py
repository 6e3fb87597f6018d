"""The classes of the ASL manual alphabet data: what they are, and which of them need a word of caution."""

from collections.abc import Iterable
from string import ascii_uppercase

# Deaf signers point out that these two are drawn in the air; a photograph holds one moment of them.
MOTION_LETTERS = ("J", "Z")
# Classes of the data set, not signs.
CONTROL_CLASSES = ("del", "nothing", "space")
CLASSES: tuple[str, ...] = (*ascii_uppercase, *CONTROL_CLASSES)


def manual_alphabet(classes: Iterable[str]) -> bool:
    """Whether these are the 29 classes of the ASL manual alphabet, however they are capitalised.

    All 29 are asked for, because 26 letters alone could as well be print.

    >>> manual_alphabet(name.lower() for name in CLASSES), manual_alphabet("ABC")
    (True, False)
    """
    return {name.casefold() for name in classes} == {name.casefold() for name in CLASSES}


def named(classes: Iterable[str], wanted: Iterable[str]) -> tuple[str, ...]:
    """Those of `classes` that are `wanted`, as they are spelled in `classes`.

    >>> named(("j", "K", "Space"), MOTION_LETTERS), named(("j", "K", "Space"), CONTROL_CLASSES)
    (('j',), ('Space',))
    """
    keys = {name.casefold() for name in wanted}
    return tuple(name for name in classes if name.casefold() in keys)
