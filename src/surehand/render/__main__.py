"""Draw the two pictures of rendered letters in the documentation: ``python -m surehand.render docs``."""

import sys
from pathlib import Path

from . import sheet, truth_sheet


def main(folder: str) -> None:
    """Write ``letters.png``, eight pictures a class, and ``truth.png``, the ground truth, into a folder."""
    # Large enough to be read at a glance, and not as silhouettes.
    sheet(Path(folder, "letters.png"), fixed={"scenes": "near", "back_light": False})
    # Hands large enough for their joints, in the middle.
    truth_sheet(Path(folder, "truth.png"), fixed={"palm_width": 0.3, "place_x": 0.5, "place_y": 0.45})


if __name__ == "__main__":
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_dir():
        sys.exit("usage: python -m surehand.render FOLDER")
    main(sys.argv[1])
