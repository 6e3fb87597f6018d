"""Adversarial attacks on image classifiers: images within a budget that are taken for another class.

``run`` attacks at one budget, ``sweep`` draws the whole curve of accuracy against epsilon, ``eight_bit`` judges the
images again as the PNG files that they become.
"""

from ._eight_bit import EightBit, eight_bit, quantise, save_png
from ._engine import run
from ._epsilon import DEFAULT_EPSILONS, grey_levels, parse_epsilon
from ._fgsm import FGSM
from ._goal import Goal, Loss
from ._margin import margin
from ._method import Answer, Method, Query, Rows, State
from ._result import AttackResult, RobustnessCurve
from ._sweep import sweep
from ._table import ATTACKS
from ._threat import Norm, Threat

__all__ = [
    "ATTACKS",
    "DEFAULT_EPSILONS",
    "FGSM",
    "Answer",
    "AttackResult",
    "EightBit",
    "Goal",
    "Loss",
    "Method",
    "Norm",
    "Query",
    "RobustnessCurve",
    "Rows",
    "State",
    "Threat",
    "eight_bit",
    "grey_levels",
    "margin",
    "parse_epsilon",
    "quantise",
    "run",
    "save_png",
    "sweep",
]
