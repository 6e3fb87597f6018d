"""The classes of the ASL manual alphabet data: what they are, and which of them need a word of caution."""

import unicodedata
from collections.abc import Iterable
from string import ascii_uppercase

# Deaf signers point out that these two are drawn in the air; a photograph holds one moment of them.
MOTION_LETTERS = ("J", "Z")
# Classes of the data set, not signs.
CONTROL_CLASSES = ("del", "nothing", "space")
CLASSES: tuple[str, ...] = (*ascii_uppercase, *CONTROL_CLASSES)

_MOST_LISTED = 10


def normalised(name: str) -> str:
    """The form in which names are compared: `Del`, `DEL` and ` del` are one class, however the disk encodes accents.

    >>> normalised("Del") == normalised("DEL ") == "del"
    True
    """
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).strip().casefold())


def manual_alphabet(classes: Iterable[str]) -> bool:
    """Whether these are the 29 classes of the ASL manual alphabet, however they are capitalised.

    All 29 are asked for, because 26 letters alone could as well be print.

    >>> manual_alphabet(name.lower() for name in CLASSES), manual_alphabet("ABC")
    (True, False)
    """
    return {normalised(name) for name in classes} == {normalised(name) for name in CLASSES}


def named(classes: Iterable[str], wanted: Iterable[str]) -> tuple[str, ...]:
    """Those of `classes` that are `wanted`, as they are spelled in `classes`.

    >>> named(("j", "K", "Space"), MOTION_LETTERS), named(("j", "K", "Space"), CONTROL_CLASSES)
    (('j',), ('Space',))
    """
    keys = {normalised(name) for name in wanted}
    return tuple(name for name in classes if normalised(name) in keys)


def motion_warnings(read: Iterable[tuple[str, str]], classes: Iterable[str]) -> tuple[str, ...]:
    """The word of caution that belongs beside letters that move where they are read from still frames.

    Args:
        read: class names, each with where it was read.
        classes: of the model; unless they are those of the manual alphabet, none of them moves.

    >>> motion_warnings([("J", "J at 3"), ("A", "A at 4")], CLASSES)
    ('J and Z are motions; read from a still frame, these are not the real letter: J at 3.',)
    """
    moving = [where for name, where in read if named((name,), MOTION_LETTERS)] if manual_alphabet(classes) else []
    if not moving:
        return ()
    letters, shown = " and ".join(MOTION_LETTERS), ", ".join(moving[:_MOST_LISTED])
    more = f" and {len(moving) - _MOST_LISTED:,} more" if len(moving) > _MOST_LISTED else ""
    return (f"{letters} are motions; read from a still frame, these are not the real letter: {shown}{more}.",)
