"""A class by its name or by its place."""

from surehand.alphabet import CLASSES
from surehand.errors import UsageError


def class_name(name_or_index: str | int) -> str:
    """The name of a class given by name or by its place in `CLASSES`.

    Raises:
        UsageError: no such class.

    >>> class_name(0), class_name("space")
    ('A', 'space')
    """
    if isinstance(name_or_index, str):
        if name_or_index in CLASSES:
            return name_or_index
    elif 0 <= name_or_index < len(CLASSES):
        return CLASSES[name_or_index]
    raise UsageError(
        f"no class {name_or_index!r}: pass one of {', '.join(CLASSES)}, or its place, 0 to {len(CLASSES) - 1}"
    )
