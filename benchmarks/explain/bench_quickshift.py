"""Superpixels of 200x200 images: ours and scikit-image's, one thread, labels equal on every image.

    python -m benchmarks.explain.bench_quickshift [--photos DIR] [--images 8] [--runs 5]

The physical limit is the arithmetic of the density: 12.5 million pairs of 24 floating-point operations, four at a time
and two a cycle, about 13 ms at 3 GHz; vectors of eight would halve it.
"""

import argparse
from pathlib import Path

import numpy as np
from skimage.segmentation import quickshift as reference

from benchmarks._conditions import conditions
from benchmarks.explain._turns import HEADER, images, in_turns, row
from surehand.explain import quickshift

SIDE = 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--images", type=int, default=8)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()

    print(conditions("scikit-image"))
    print(f"{arguments.images} images of {SIDE}x{SIDE}, {arguments.runs} runs in turns, median [lowest highest]")
    print(HEADER)
    ours, peer, superpixels = [], [], []
    for image in images(arguments.photos, arguments.images, SIDE):
        labels = quickshift(image)
        if not np.array_equal(labels, reference(image, kernel_size=4, max_dist=200, ratio=0.2)):
            raise SystemExit("The labels differ from scikit-image's: the timing means nothing.")
        superpixels.append(labels.max() + 1)
        seconds = in_turns(
            {
                "ours": lambda image=image: quickshift(image),
                "peer": lambda image=image: reference(image, kernel_size=4, max_dist=200, ratio=0.2),
            },
            arguments.runs,
        )
        ours += seconds["ours"]
        peer += seconds["peer"]
    note = f"scikit-image; labels equal, {min(superpixels)} to {max(superpixels)} superpixels"
    print(row("quickshift, kernel 4, ratio 0.2", ours, peer, note))


if __name__ == "__main__":
    main()
