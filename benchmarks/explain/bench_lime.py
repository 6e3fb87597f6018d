"""LIME of a 200x200 image for the small CNN at 64x64: ours and the lime package, same seed, same masks, one thread.

    python -m benchmarks.explain.bench_lime [--photos DIR] [--runs 3]

The limit beside them is the forward passes alone, in the batches that we use.
"""

import argparse
import io
import statistics
from contextlib import redirect_stderr
from pathlib import Path

import numpy as np
import torch
from lime.lime_image import LimeImageExplainer
from torch import nn
from torch.nn import functional as F

from benchmarks._conditions import conditions
from benchmarks.explain._turns import HEADER, images, in_turns, row
from surehand.explain import explain
from surehand.models import build

SIDE, SIZE, CLASSES, SEED = 200, 64, 29, 0


def decided_model() -> nn.Module:
    """The CNN, untrained, its last layer scaled up: probabilities far from uniform, as a trained one's are."""
    model = build("cnn", CLASSES, SIZE).eval()
    with torch.no_grad():
        model.get_submodule("output").get_parameter("weight").mul_(5)
    return model


def lime_package(model: nn.Module, image: np.ndarray, perturbations: int):
    """The package as its tutorials use it: a function from uint8 images to probabilities."""

    def classify(pixels: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            batch = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
            small = F.interpolate(batch, (SIZE, SIZE), mode="bilinear", antialias=True)
            return model(small).softmax(1).numpy()

    explainer = LimeImageExplainer(random_state=SEED)
    with redirect_stderr(io.StringIO()):  # it always draws a progress bar
        return explainer.explain_instance(image, classify, num_samples=perturbations, top_labels=1)


def ours(model: nn.Module, image: np.ndarray, perturbations: int):
    batch = torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255
    (explanation,) = explain(model, batch, recipe="lime", perturbations=perturbations, seed=SEED, model_size=SIZE)
    return explanation


def forward_alone(model: nn.Module, n: int) -> None:
    batch = torch.rand(16, 3, SIZE, SIZE).to(memory_format=torch.channels_last)
    with torch.no_grad():
        for _ in range(0, n, 16):
            model(batch)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    (image,) = images(arguments.photos, 1, SIDE)
    model = decided_model()

    print(conditions("lime", "scikit-learn"))
    print(f"1 image of {SIDE}x{SIDE}, {arguments.runs} runs in turns, median [lowest highest]\n{HEADER}")
    for perturbations in (150, 1000):
        found, package = ours(model, image, perturbations), lime_package(model, image, perturbations)
        label = package.top_labels[0]
        coefficients = dict(package.local_exp[label])
        difference = max(abs(found.coefficients[s] - c) for s, c in coefficients.items())
        if found.target != label or len(coefficients) != len(found.coefficients) or not difference < 1e-6:
            raise SystemExit(f"The coefficients differ from the lime package's by {difference:.1e}.")
        seconds = in_turns(
            {
                "ours": lambda n=perturbations: ours(model, image, n),
                "peer": lambda n=perturbations: lime_package(model, image, n),
                "limit": lambda n=perturbations: forward_alone(model, n),
            },
            arguments.runs,
        )
        largest = abs(found.coefficients).max()
        note = (
            f"lime; limit {1e3 * statistics.median(seconds['limit']):.1f} ms; {len(coefficients)} superpixels, "
            f"coefficients up to {largest:.3f} differ by {difference:.0e}"
        )
        print(row(f"recipe lime, {perturbations} perturbations", seconds["ours"], seconds["peer"], note))


if __name__ == "__main__":
    main()
