"""A matplotlib SVG file made fit to stand within a page: accessible, themed, and without names that clash."""

import re
from html import escape
from io import BytesIO

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from ._style import PALETTE

# Any of these set to None leaves out the metadata block, and with it the date.
_NO_METADATA = {"Creator": None, "Date": None, "Format": None, "Type": None}


def lay_out(figure: Figure) -> None:
    """Fix where everything stands, once for all files of the figure."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")


def to_svg(figure: Figure) -> str:
    """The figure as an SVG file: text stays text, the ground is transparent, the bytes depend on the figure alone."""
    stream = BytesIO()
    # Not savefig, which draws everything twice.
    FigureCanvasSVG(figure).print_svg(stream, metadata=_NO_METADATA)
    return stream.getvalue().decode("utf-8")


def to_png(figure: Figure) -> bytes:
    """The figure as a PNG file on a white ground, 150 dots an inch."""
    stream = BytesIO()
    figure.set_dpi(150)
    figure.set_facecolor("white")
    FigureCanvasAgg(figure).print_png(stream, metadata={"Software": None})
    return stream.getvalue()


def described(svg: str, title: str, description: str) -> str:
    """The same file with a title and a description for screen readers."""
    words = f"<title>{escape(title)}</title>\n<desc>{escape(description)}</desc>\n"
    return re.sub(r"(<svg\b[^>]*>\n?)", lambda tag: tag[1] + words, svg, count=1)


def inline(svg: str, name: str, title: str, description: str) -> str:
    """The `<svg>` element to put into a page.

    Args:
        svg: an SVG file of `to_svg`.
        name: unique in the page; becomes part of every id.
        title: a short name of the figure.
        description: what it shows, in a sentence.

    Returns:
        An element of `role="img"` whose colours are the CSS variables of the palette and whose text has the
        font of the page.
    """
    opening, body = svg[svg.index("<svg") :].split(">", 1)
    box = re.search(r'viewBox="[^"]*"', opening)
    # The file's own style would restyle the whole page; the page's style sheet has it for figures only.
    body = re.sub(r"<style\b.*?</style>", "", body, flags=re.DOTALL)
    # Only within tags: a class may be called 'id="x"'.
    body = re.sub(r"<[^>]*>", lambda tag: _themed(tag[0], name), body)
    labels = f'<title id="{name}-title">{escape(title)}</title><desc id="{name}-desc">{escape(description)}</desc>'
    return (
        f'<svg class="figure" {box[0] if box else ""} role="img" aria-labelledby="{name}-title {name}-desc">'
        f"{labels}{body}"
    )


def _themed(tag: str, name: str) -> str:
    tag = tag.replace("xlink:href", "href")
    tag = re.sub(r'\bid="', f'id="{name}-', tag)
    tag = re.sub(r'(href="|url\()#', rf"\1#{name}-", tag)
    tag = re.sub(r"font-family: [^;\"]*; ", "", tag)
    for variable, colour in PALETTE.items():
        tag = tag.replace(colour, f"var(--{variable})")
    return tag
