"""Surehand trains image classifiers, attacks them, explains them, and says whether their accuracy can be trusted."""

__version__ = "0.1.0"
