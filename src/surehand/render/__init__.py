"""Rendered hands signing the 29 classes, with exact class, hand mask, finger masks, box and joints."""

from surehand.alphabet import CLASSES

from ._factors import BACKGROUNDS, FACTOR_GROUPS, FACTOR_NAMES, HANDS, SCENES, Factors
from ._handshapes import Handshapes, load_handshapes
from ._kinematics import JOINTS
from ._letters import write_letters
from ._parallel import render_many
from ._render import RENDERER, Rendering, render
from ._sheet import sheet
from ._stored import stored_letters
from ._truth import truth_sheet

__all__ = [
    "BACKGROUNDS",
    "CLASSES",
    "FACTOR_GROUPS",
    "FACTOR_NAMES",
    "HANDS",
    "JOINTS",
    "RENDERER",
    "SCENES",
    "Factors",
    "Handshapes",
    "Rendering",
    "load_handshapes",
    "render",
    "render_many",
    "sheet",
    "stored_letters",
    "truth_sheet",
    "write_letters",
]
