"""Why a classifier decides as it does: `explain(model, images)` and what its answers hold."""

from ._explain import EXPLAINERS, explain
from ._explanation import Explanation, SegmentExplanation, load
from ._lime import LIME
from ._masks import masked_probabilities
from ._quickshift import kernel_size_for, quickshift
from ._recipes import RECIPES
from ._superpixels import grid_segments

__all__ = [
    "EXPLAINERS",
    "LIME",
    "RECIPES",
    "Explanation",
    "SegmentExplanation",
    "explain",
    "grid_segments",
    "kernel_size_for",
    "load",
    "masked_probabilities",
    "quickshift",
]
