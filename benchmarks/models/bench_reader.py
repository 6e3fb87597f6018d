"""The reader that comes with the package: length, speed on one core, and what it reads.

    python -m benchmarks.models.bench_reader [--photos DIR] [--per-class 20]

Speed is that of onnxruntime on one thread, one image at a time, at the reader's own size, beside torch on one thread.
DIR holds the sets of docs/photographs.md; whichever of them are there are read. Tone and hand are measured on letters
rendered for this, of persons that no training has seen; the same hands stand before four photographs of scikit-image,
a face, a cat, a cup and a workshop, which are warm and full of things. Exits with 1 where a limit is missed.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import numpy as np
import onnxruntime
import skimage.data
import torch
from PIL import Image

from benchmarks._conditions import conditions, spread
from benchmarks._photographs import sets_in
from surehand.audit import stress
from surehand.data import load_external
from surehand.models import Classifier, export_onnx, find_classifier, load
from surehand.randomness import generator
from surehand.render import Factors
from surehand.train import evaluate

LEAST = {"world": 0.80, "phone": 0.75}
MOST_PARAMETERS, MOST_BYTES, MOST_MILLISECONDS, MOST_GAP = 3_000_000, 12_000_000, 10.0, 0.05


def milliseconds(call: Callable[[], object], runs: int = 200) -> list[float]:
    """Of each call, after as many to warm up as a tenth of the runs."""
    times = []
    for run in range(runs + runs // 10):
        start = time.perf_counter()
        call()
        if run >= runs // 10:
            times.append((time.perf_counter() - start) * 1e3)
    return times


def before_photographs(classifier: Classifier, per_class: int) -> float:
    """What is read of the letters of `stress` by hand, before crops of photographs as they are; a share."""
    photographs = [
        *(skimage.data.astronaut(), skimage.data.cat(), skimage.data.coffee()),
        skimage.data.stereo_motorcycle()[0],
    ]

    def crop(factors: Factors, size: int) -> np.ndarray:
        random = generator(factors.background_scene, "photograph")
        photograph = photographs[random.integers(len(photographs))]
        height, width = photograph.shape[:2]
        side = int(min(height, width) * random.uniform(0.4, 1.0))
        top, left = random.integers(height - side + 1), random.integers(width - side + 1)
        part = Image.fromarray(photograph[top : top + side, left : left + side]).resize((size, size), Image.BOX)
        return (np.asarray(part, np.float32) / 255) ** np.float32(2.2)

    with patch("surehand.render._render.background_of", crop):
        return stress(classifier, "hand", per_class=per_class).mean


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, help="the folder of the sets of photographs")
    parser.add_argument("--per-class", type=int, default=20, help="rendered letters a class and value")
    arguments = parser.parse_args()
    sets, threads = sets_in(arguments.photos), torch.get_num_threads()
    print(conditions("onnxruntime"))
    classifier = load("reader")
    parameters, length = sum(p.numel() for p in classifier.model.parameters()), find_classifier("reader").stat().st_size
    print(f"parameters   {parameters:>12,}   (limit {MOST_PARAMETERS:,})")
    print(f"bytes        {length:>12,}   (limit {MOST_BYTES:,})")

    image = np.random.default_rng(0).random((1, 3, classifier.size, classifier.size), np.float32)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    with tempfile.TemporaryDirectory() as folder:
        export_onnx(classifier, Path(folder) / "reader.onnx")
        session = onnxruntime.InferenceSession(Path(folder) / "reader.onnx", options, ["CPUExecutionProvider"])
    torch.set_num_threads(1)
    ours = milliseconds(lambda: session.run(None, {"images": image}))
    peer = milliseconds(lambda: classifier.probabilities(torch.from_numpy(image)))
    torch.set_num_threads(threads)
    print(f"one image, {classifier.size} px, one core: {spread(ours, 2)} ms   (limit {MOST_MILLISECONDS:g}; torch")
    print(f"  {spread(peer, 2)} ms, {statistics.median(peer) / statistics.median(ours):.1f}x)")

    kept = parameters <= MOST_PARAMETERS and length <= MOST_BYTES and statistics.median(ours) <= MOST_MILLISECONDS
    for name, path in sets.items():
        samples = load_external(path, classifier.size, classifier.classes).all()
        found = evaluate(classifier.model, samples, temperature=classifier.temperature)
        aim = f"   (aim {100 * LEAST[name]:.0f} %)" if name in LEAST else ""
        print(f"{name:<12} {found.accuracy}, calibration error {100 * found.ece:.1f} %{aim}")
        kept = kept and found.accuracy.value >= LEAST.get(name, 0)
    for factor in ("tone", "hand"):
        result = stress(classifier, factor, per_class=arguments.per_class)
        print(f"by {factor:<9} mean {100 * result.mean:.1f} %, worst {100 * result.gap:.1f} points below", end="")
        print(f"   (limit {100 * MOST_GAP:g})")
        for value, accuracy in zip(result.values, result.accuracy, strict=True):
            print(f"  {value!s:<10} {accuracy}")
        kept = kept and result.gap <= MOST_GAP
    print(f"the same hands before photographs: mean {100 * before_photographs(classifier, arguments.per_class):.1f} %")
    sys.exit(0 if kept else 1)


if __name__ == "__main__":
    main()
