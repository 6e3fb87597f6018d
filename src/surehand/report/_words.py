"""How numbers and names are written, and the words the sign-language data needs."""

from collections.abc import Iterable
from math import isfinite
from typing import Any

NOT_MEASURED = "not measured"

MOTION_MARK = "†"
MOTION_NOTE = "still frame only: the real letter is a motion"
_SET_NAMES = {"grouped": "held-back groups", "random": "a random split"}


def set_name(name: str) -> str:
    """An evaluated set in a sentence: the run's own splits in words, external sets by their names.

    >>> set_name("grouped"), set_name("world")
    ('held-back groups', '“world”')
    """
    return _SET_NAMES.get(name, f"“{name}”")


def printable(text: str) -> str:
    """Text that any encoding of Unicode can hold: a "?" for what was not UTF-8 in the name of a file.

    >>> printable("caf\\udce9")
    'caf?'
    """
    return text.encode("utf-8", errors="replace").decode("utf-8")


def percent(value: float | None, digits: int = 1) -> str:
    """A share in [0, 1] as a percentage.

    >>> percent(0.105), percent(None)
    ('10.5 %', 'not measured')
    """
    return NOT_MEASURED if not _measured(value) else f"{100 * float(value):.{digits}f} %"  # type: ignore[arg-type]


def interval(low: float | None, high: float | None) -> str:
    """An interval of shares.

    >>> interval(0.078, 0.138)
    '7.8 to 13.8 %'
    """
    if not (_measured(low) and _measured(high)):
        return NOT_MEASURED
    return f"{100 * float(low):.1f} to {100 * float(high):.1f} %"  # type: ignore[arg-type]


def tied(text: str) -> str:
    """The same text, never broken between a number and its sign.

    >>> tied("10.5 % at ε = 2/255")
    '10.5\\xa0% at ε\\xa0=\\xa02/255'
    """
    return text.replace(" %", "\u00a0%").replace("ε = ", "ε\u00a0=\u00a0")


def grey_levels(epsilon: float) -> str:
    """A fraction of the pixel range, as grey levels of 255.

    >>> grey_levels(8 / 255), grey_levels(0.5 / 255)
    ('8/255', '0.5/255')
    """
    return f"{255 * epsilon:.2f}".rstrip("0").rstrip(".") + "/255"


def count(value: float | None) -> str:
    """A whole number with a thin space between thousands.

    >>> count(17400)
    '17\\u202f400'
    """
    return NOT_MEASURED if not _measured(value) else f"{int(value):,}".replace(",", "\u202f")  # type: ignore[arg-type]


def number(value: float | None, digits: int = 2) -> str:
    """A plain number with a fixed count of decimals."""
    return NOT_MEASURED if not _measured(value) else f"{float(value):.{digits}f}"  # type: ignore[arg-type]


def duration(seconds: float | None) -> str:
    """A time as people say it.

    >>> duration(42.3), duration(372), duration(7380)
    ('42.3 s', '6 min 12 s', '2 h 3 min')
    """
    if not _measured(seconds):
        return NOT_MEASURED
    seconds = float(seconds)  # type: ignore[arg-type]
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes_left = divmod(minutes, 60)
    return f"{hours} h {minutes_left} min" if hours else f"{minutes} min {rest} s"


def listed(names: Iterable[str]) -> str:
    """Names in a sentence.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    names = list(names)
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def several(n: int, one: str, many: str | None = None) -> str:
    """A counted noun.

    >>> several(1, "image"), several(2, "class", "classes")
    ('1 image', '2 classes')
    """
    return f"{count(n)} {one if n == 1 else many or one + 's'}"


def _measured(value: Any) -> bool:
    return value is not None and isfinite(float(value))
