"""Where the constants of the reader's window come from: boxes of rendered hands.

python tools/reader/fit_window.py reader
"""

import argparse

import numpy as np
import torch

from surehand.alphabet import CLASSES
from surehand.models import evaluating, load
from surehand.models._gaze import look, whole, window_of
from surehand.models._reader import EVALUATION_SIZE
from surehand.render._parallel import in_parallel
from surehand.render._render import picture_of

LETTERS, SIZE, SEED = 60 * len(CLASSES), 160, 99


def main() -> None:
    """Render, look, fit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a classifier file of a reader, or reader")
    model = load(parser.parse_args().model).model
    shares, sides, misses = [], [], []
    for rendering in in_parallel([(*picture_of(i), SEED, SIZE, None, None) for i in range(LETTERS)]):
        if rendering.box is None or rendering.class_name == "nothing":
            continue
        x0, y0, x1, y1 = rendering.box
        with evaluating(model), torch.inference_mode():
            pixels = model.normalise(torch.from_numpy(rendering.image).permute(2, 0, 1)[None] / 255)
            maps = model.plain.maps(look(pixels, whole(pixels), EVALUATION_SIZE))
        norms, window = maps.norm(dim=1), window_of(maps)
        shares.append(float(norms.mean() / norms.amax()))
        misses.append(np.hypot(float(window.x) - (x0 + x1) / 2 / SIZE, float(window.y) - (y0 + y1) / 2 / SIZE))
        sides.append(np.log(max(x1 - x0, y1 - y0) / SIZE))
    slope, constant = np.polyfit(shares, sides, 1)
    explained = np.corrcoef(shares, sides)[0, 1] ** 2
    print(
        f"log side = {slope:.2f} share + {constant:.2f}, {100 * explained:.0f} % of the variance of {len(sides)} hands"
    )
    half, most = np.quantile(misses, (0.5, 0.9))
    print(f"from the middle of the box: {half:.3f} of the image (median), {most:.3f} (nine in ten)")


if __name__ == "__main__":
    main()
