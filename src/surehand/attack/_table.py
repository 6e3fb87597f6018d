"""The attacks by name."""

from collections.abc import Callable

from ._fgsm import FGSM
from ._method import Method

ATTACKS: dict[str, Callable[[], Method]] = {"fgsm": FGSM}
