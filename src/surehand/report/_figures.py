"""All figures of a run, in the order of the page, and their files."""

import warnings
from pathlib import Path

from surehand.files import write_whole

from ._draw_accuracy import draw_accuracies
from ._draw_calibration import draw_reliability
from ._draw_classes import draw_classes
from ._draw_confusion import draw_confusions
from ._draw_lime import draw_lime
from ._draw_robustness import draw_adversarial, draw_epsilon_curves
from ._draw_training import draw_training
from ._run import Run
from ._style import Drawing, style
from ._svg import described, lay_out, to_png, to_svg


def draw_figures(run: Run) -> tuple[Drawing, ...]:
    """Every figure that the run's files allow; what was not measured has none."""
    drawings: list[Drawing | None] = [draw_accuracies(run), draw_training(run), draw_epsilon_curves(run)]
    for model in run.models:
        drawings += draw_confusions(run, model)
        for name in run.sets(model):
            drawings += [draw_classes(run, model, name), draw_reliability(run, model, name)]
        drawings.append(draw_adversarial(run, model))
        drawings += draw_lime(run, model)
    return tuple(drawing for drawing in drawings if drawing is not None)


def render(drawings: tuple[Drawing, ...], folder: Path) -> tuple[dict[str, str], tuple[Path, ...]]:
    """Write each figure as `NAME.svg` and `NAME.png`.

    Returns:
        The SVG text by name, and the files written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    texts, files = {}, []
    with style(), warnings.catch_warnings():
        # A class may be named in a script that the bundled font lacks; in the SVG, text stays text.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        for drawing in drawings:
            lay_out(drawing.figure)
            text = to_svg(drawing.figure)
            texts[drawing.name] = text
            files += [
                write_whole(folder / f"{drawing.name}.svg", described(text, drawing.title, drawing.finding).encode()),
                write_whole(folder / f"{drawing.name}.png", to_png(drawing.figure)),
            ]
    return texts, tuple(files)
