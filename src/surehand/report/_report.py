"""From a run folder to figures, page and model card."""

from pathlib import Path

import numpy as np

from surehand.files import write_whole

from ._card import model_card
from ._draw_lime import draw_lime_strip, lime_steps
from ._figures import draw_figures, render
from ._page import page
from ._run import read_run
from ._words import printable


def write_report(folder: Path) -> tuple[Path, ...]:
    """Write `figures/*.svg` and `.png`, `report.html` and `MODEL_CARD.md` into a run folder.

    Reads only files of the folder, so it can be repeated at any time; the same files give the same bytes. Each file is
    written whole or not at all.

    Args:
        folder: a run folder with `run.json`; whatever else is missing is left out of the page.

    Returns:
        The files written.

    Raises:
        DataError: `run.json` is missing or of another schema.
    """
    run = read_run(folder)
    drawings = draw_figures(run)
    texts, figures = render(drawings, folder / "figures")
    html, card = folder / "report.html", folder / "MODEL_CARD.md"
    written = {path.relative_to(folder).as_posix() for path in (*figures, html, card)}
    recorded = {artifact["path"] for artifact in run.record.get("artifacts") or ()}
    files = tuple(sorted(written | recorded))
    return (
        *figures,
        write_whole(html, page(run, drawings, texts, files).encode("utf-8")),
        write_whole(card, model_card(run).encode("utf-8")),
    )


def write_explanation(
    arrays: Path, target: str, top: tuple[int, ...], folder: Path, against: str | None = None
) -> tuple[Path, ...]:
    """Draw the five steps of one saved LIME explanation side by side, as SVG and PNG.

    Args:
        arrays: the .npz file that the explanation was saved as; its name names the figure.
        target: name of the class explained.
        top: superpixels shown in the result.
        folder: where the figure goes; made if missing.
        against: name of the class rather than which it was explained, if any.
    """
    with np.load(arrays, allow_pickle=False) as archive:
        found = {key: archive[key] for key in archive.files}
    lime = lime_steps(found, printable(target), top, None if against is None else printable(against))
    return render((draw_lime_strip(arrays.stem, lime),), folder)[1]
