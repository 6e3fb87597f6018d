"""How every figure looks: one small palette, one set of matplotlib settings, and figures without global state."""

import re
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

# The colours of the files. In the page each becomes the CSS variable of its name, so that dark mode has its own: that
# is why no two may be alike. Blue, orange, green and purple are apart for every common kind of colour blindness, and
# each has at least 4.5:1 contrast on white.
PALETTE = {
    "ink": "#1b2026",
    "muted": "#59636e",
    "grid": "#dfe3e8",
    "surface": "#fefefe",
    "blue": "#0b62a6",
    "orange": "#b04a02",
    "green": "#04755b",
    "purple": "#8a4384",
}
SERIES = ("blue", "orange", "green", "purple")
# Markers and dashes repeat what colour says.
MARKERS = ("o", "s", "^", "D")

# matplotlib types the keys one by one; these are checked where they are used.
RC: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": PALETTE["muted"],
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.labelcolor": PALETTE["muted"],
    "axes.labelsize": 9,
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": PALETTE["ink"],
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "figure.facecolor": "none",
    "font.family": ["DejaVu Sans"],
    "font.size": 9,
    "grid.color": PALETTE["grid"],
    "grid.linewidth": 0.7,
    "hatch.linewidth": 0.7,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "lines.markersize": 4.5,
    "savefig.facecolor": "none",
    "svg.fonttype": "none",
    "svg.hashsalt": "surehand",
    "text.color": PALETTE["ink"],
    # A class may be called "$5"; nothing here is mathematics.
    "text.parse_math": False,
    "xtick.color": PALETTE["muted"],
    "xtick.labelsize": 8.5,
    "xtick.major.size": 0,
    "ytick.color": PALETTE["muted"],
    "ytick.labelsize": 8.5,
    "ytick.major.size": 0,
}

# In inches. Text keeps its size within a figure, so a figure must be about as wide as a telephone to be read there.
WIDTH = 4.6
HALF_WIDTH = 4.2  # stands beside another one where there is room


@dataclass(frozen=True)
class Table:
    """The numbers behind a figure, as they are shown: a header, and rows whose first cell names the row."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Drawing:
    """A finished figure.

    `kind`, `model` and `detail` (often an evaluated set) say which one it is; `title` is its heading, `finding` what
    the numbers of this run say, `reading` how to read the chart, `table` the numbers themselves.
    """

    kind: str
    model: str
    detail: str
    title: str
    finding: str
    reading: str
    figure: Figure
    table: Table | None = None

    @property
    def name(self) -> str:
        """The stem of its files, and its id in the page."""
        return slug(*filter(None, (self.kind, self.model, self.detail)))


def style() -> AbstractContextManager[None]:
    """The settings of every figure, as a context; figures are drawn and saved within it."""
    return rc_context(RC)


def slug(*parts: str) -> str:
    """A file name and element id of names that users chose.

    >>> slug("confusion", "cnn", "my phone")
    'confusion-cnn-my-phone'
    """
    return re.sub(r"[^A-Za-z0-9_-]+", "-", "-".join(parts))


def plot(height: float, width: float = WIDTH) -> tuple[Figure, Axes]:
    """One figure with one pair of axes, laid out by matplotlib, sizes in inches."""
    figure = empty(height, width)
    return figure, figure.add_subplot()


def empty(height: float, width: float = WIDTH) -> Figure:
    """A figure without axes, sizes in inches."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def percent_axis(axes: Axes, which: str = "y") -> None:
    """Label an axis of shares in percent, 0 to 100."""
    axis = axes.yaxis if which == "y" else axes.xaxis
    axis.set_ticks([0, 0.25, 0.5, 0.75, 1], ["0", "25", "50", "75", "100 %"])
    (axes.set_ylim if which == "y" else axes.set_xlim)(0, 1.02)
