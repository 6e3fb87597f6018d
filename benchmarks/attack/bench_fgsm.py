"""The accuracy-against-epsilon curve of FGSM: ours, torchattacks and Foolbox on the same model and images.

    python -m benchmarks.attack.bench_fgsm [--images 512]

The libraries take turns on every 64 images, and the ratio is the median over these turns, so that whatever else runs
weighs on all alike. Passes are counted on the model by hooks, not by the libraries. The accuracies must be equal at
every budget. About a minute on 2 cores.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from benchmarks._conditions import conditions
from surehand.attack import DEFAULT_EPSILONS, FGSM, sweep
from surehand.models import build, evaluating
from surehand.randomness import generator

SIZE, CLASSES = 64, 29
BATCH = 64


def images_and_labels(n: int) -> tuple[Tensor, Tensor]:
    """Smooth patterns of grey levels, one kind a class, with noise: enough for a model to be right and to be fooled."""
    random = generator(0, "bench_fgsm", "images")
    labels = torch.from_numpy(random.integers(0, CLASSES, n))
    patterns = torch.from_numpy(random.random((CLASSES, 3, 8, 8))).float()
    smooth = nn.functional.interpolate(patterns, size=(SIZE, SIZE), mode="bicubic", align_corners=False)
    noise = torch.from_numpy(random.normal(0, 0.15, (n, 3, SIZE, SIZE))).float()
    return smooth[labels].add(noise).mul(255).round().clamp(0, 255) / 255, labels


def trained(images: Tensor, labels: Tensor) -> nn.Module:
    """The CNN after a few steps, so that gradients and accuracies are those of a real model."""
    torch.manual_seed(0)
    model = build("cnn", CLASSES, SIZE)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
    with evaluating(model):  # batch statistics stay at their start; enough for this purpose
        for _ in range(3):
            for start in range(0, len(images), BATCH):
                part = slice(start, start + BATCH)
                optimiser.zero_grad()
                nn.functional.cross_entropy(model(images[part]), labels[part]).backward()
                optimiser.step()
    return model.eval()


def ours(model: nn.Module, images: Tensor, labels: Tensor) -> list[float]:
    curve = sweep(model, images, labels, FGSM(loss="cross_entropy"))
    return [share.value for share in curve.accuracy]


def torchattacks_curve(model: nn.Module, images: Tensor, labels: Tensor) -> list[float]:
    import torchattacks

    return [_accuracy(model, images, labels, torchattacks.FGSM(model, eps=epsilon)) for epsilon in DEFAULT_EPSILONS]


def _accuracy(model: nn.Module, images: Tensor, labels: Tensor, attack: Callable[[Tensor, Tensor], Tensor]) -> float:
    correct = 0
    for start in range(0, len(images), BATCH):
        part = slice(start, start + BATCH)
        adversarial = attack(images[part], labels[part])
        with torch.no_grad():
            correct += int((model(adversarial).argmax(1) == labels[part]).sum())
    return correct / len(images)


def foolbox_curve(model: nn.Module, images: Tensor, labels: Tensor) -> list[float]:
    import foolbox

    wrapped = foolbox.PyTorchModel(model, bounds=(0, 1), device="cpu")
    attack = foolbox.attacks.LinfFastGradientAttack()
    correct = torch.zeros(len(DEFAULT_EPSILONS))
    for start in range(0, len(images), BATCH):
        part = slice(start, start + BATCH)
        _, _, success = attack(wrapped, images[part], labels[part], epsilons=DEFAULT_EPSILONS)
        correct += (~success).sum(1)
    return (correct / len(images)).tolist()


def counted(curve: Callable[..., list[float]], model: nn.Module, images: Tensor, labels: Tensor) -> tuple[float, float]:
    """Forward and backward passes an image, seen by the model's last layer."""
    passes = {"forward": 0, "backward": 0}

    def forward(module: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        passes["forward"] += len(output)
        if output.requires_grad:
            output.register_hook(lambda gradient: passes.__setitem__("backward", passes["backward"] + len(gradient)))

    handle = model.get_submodule("output").register_forward_hook(forward)
    try:
        curve(model, images, labels)
    finally:
        handle.remove()
    return passes["forward"] / len(images), passes["backward"] / len(images)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=512)
    arguments = parser.parse_args()
    images, labels = images_and_labels(arguments.images)
    model = trained(images, labels)
    curves = {"surehand": ours, "torchattacks": torchattacks_curve, "foolbox": foolbox_curve}
    few = slice(0, 64)
    passes = {name: counted(curve, model, images[few], labels[few]) for name, curve in curves.items()}
    seconds: dict[str, list[float]] = {name: [] for name in curves}
    accuracies: dict[str, list[list[float]]] = {name: [] for name in curves}
    for first in range(0, len(images), BATCH):
        part = slice(first, first + BATCH)
        for name, curve in curves.items():
            start = time.perf_counter()
            accuracies[name].append(curve(model, images[part], labels[part]))
            seconds[name].append(time.perf_counter() - start)
    for name in curves:
        for mine, theirs in zip(accuracies["surehand"], accuracies[name], strict=True):
            assert max(abs(a - b) for a, b in zip(mine, theirs, strict=True)) < 1e-6, f"{name} has other accuracies"
    accuracy = [statistics.mean(column) for column in zip(*accuracies["surehand"], strict=True)]
    _print(arguments.images, seconds, passes, accuracy)


def _print(
    images: int, seconds: dict[str, list[float]], passes: dict[str, tuple[float, float]], accuracy: list[float]
) -> None:
    print(conditions("torchattacks", "foolbox"))
    print(f"FGSM at {len(DEFAULT_EPSILONS)} budgets, cnn at {SIZE} px, {images} images, same accuracies")
    print(f"accuracy from {accuracy[0]:.3f} at 0 to {min(accuracy):.3f} at worst, n = {len(seconds['surehand'])} turns")
    print(f"{'':14}{'ms an image':>12}{'ratio':>8}{'quartiles':>16}{'forward':>9}{'backward':>10}  passes an image")
    for name, times in seconds.items():
        ratios = [theirs / mine for theirs, mine in zip(times, seconds["surehand"], strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else ratios * 3
        each = statistics.median(times) * 1000 / min(BATCH, images)
        forward, backward = passes[name]
        print(f"{name:14}{each:12.2f}{middle:8.2f}{low:8.2f}{high:8.2f}{forward:9.2f}{backward:10.2f}")


if __name__ == "__main__":
    main()
