"""Rendered hands signing the 29 classes, with exact class, hand mask, finger masks, box and joints."""

from surehand.alphabet import CLASSES
from surehand.render._factors import FACTOR_GROUPS, FACTOR_NAMES, Factors
from surehand.render._handshapes import Handshapes, load_handshapes
from surehand.render._kinematics import JOINTS
from surehand.render._letters import write_letters
from surehand.render._render import Rendering, render, render_many
from surehand.render._sheet import sheet

__all__ = [
    "CLASSES",
    "FACTOR_GROUPS",
    "FACTOR_NAMES",
    "JOINTS",
    "Factors",
    "Handshapes",
    "Rendering",
    "load_handshapes",
    "render",
    "render_many",
    "sheet",
    "write_letters",
]
