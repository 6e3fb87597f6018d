"""Training the CNN at 64 px: what loading and augmentation cost, what bfloat16 gains, and against the usual loop.

    python -m benchmarks.train.bench_train [--photos DIR] [--steps 12] [--rounds 5]

"Usual loop" is ImageFolder + DataLoader as tutorials write it: a Dataset that opens each file with Pillow, the same
augmentations by Pillow (one affine transform, brightness, contrast, colour), float32 NCHW, AdamW; with the better of no
and two loader processes. Same network, same batch. All sides take turns in one process. Loader processes go on for up
to four batches while the next side is timed: that is ours, which so looks slower than it is.

The physical limit is the step on a batch that is already there, augmented, in memory ("step alone").
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import cycle, islice
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageEnhance
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from benchmarks._conditions import conditions, spread
from surehand.data import Augmentation, Samples, load
from surehand.models import build, sample_keys
from surehand.train import batches, probe
from surehand.train._batches import Batch, augmented
from surehand.train._probe import LAYOUTS, laid_out

SIZE, BATCH, EPOCHS = 64, 128, 20


class Trainer:
    """The network, its optimizer and one training step, in a precision and layout."""

    def __init__(self, classes: int, precision: str, layout: str) -> None:
        self.model = laid_out(build("cnn", classes, SIZE), layout)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-4, fused=True)
        self.precision, self.layout = precision, LAYOUTS[layout]

    def step(self, batch: Batch) -> None:
        images = batch.images.contiguous(memory_format=self.layout)
        autocast = torch.autocast("cpu", torch.bfloat16, enabled=self.precision == "bfloat16")
        with autocast, sample_keys(self.model, batch.keys):
            loss = F.cross_entropy(self.model(images).float(), batch.labels)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()


class UsualFolder(TorchDataset):
    """Files opened and augmented one by one with Pillow, as tutorials do."""

    def __init__(self, root: Path, samples: Samples, augmentation: Augmentation) -> None:
        self.root, self.samples, self.augmentation = root, samples, augmentation

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, i: int) -> tuple[Tensor, int]:
        a, draw = self.augmentation, np.random.default_rng()
        image = Image.open(self.root / self.samples.paths[i]).convert("RGB").resize((SIZE, SIZE))
        angle, zoom = np.deg2rad(draw.uniform(-a.rotation, a.rotation)), draw.uniform(*a.zoom)
        cos, sin, middle = np.cos(angle) / zoom, np.sin(angle) / zoom, SIZE / 2
        x, y = middle + draw.uniform(-a.shift, a.shift, 2) * SIZE
        matrix = (cos, sin, middle - cos * x - sin * y, -sin, cos, middle + sin * x - cos * y)
        image = image.transform((SIZE, SIZE), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR)
        image = ImageEnhance.Brightness(image).enhance(1 + draw.uniform(-a.brightness, a.brightness))
        image = ImageEnhance.Contrast(image).enhance(1 + draw.uniform(-a.contrast, a.contrast))
        image = ImageEnhance.Color(image).enhance(1 + draw.uniform(-a.saturation, a.saturation))
        return torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 255, int(self.samples.labels[i])


class UsualLoop:
    """ImageFolder + DataLoader, float32 NCHW, plain dropout."""

    def __init__(self, folder: UsualFolder, workers: int) -> None:
        self.model = build("cnn", len(folder.samples.classes), SIZE)
        self.model.dropout = nn.Dropout(self.model.dropout.p)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-4)
        loader = DataLoader(
            folder, BATCH, shuffle=True, num_workers=workers, drop_last=True, persistent_workers=workers > 0
        )
        self.stream = (batch for _ in iter(int, 1) for batch in loader)

    def steps(self, n: int) -> None:
        for images, labels in islice(self.stream, n):
            loss = F.cross_entropy(self.model(images), labels)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()


def endless(samples: Samples, augmentation: Augmentation) -> Iterator[Batch]:
    """Our batches, epoch after epoch."""
    for epoch in iter(range(10**6)):
        plan = batches(len(samples), BATCH, seed=0, epoch=epoch)
        yield from augmented(samples, plan, augmentation, seed=0, epoch=epoch)


def rates(sides: dict[str, Callable[[int], None]], steps: int, rounds: int) -> dict[str, list[float]]:
    """Images a second of each side, taking turns, after one turn to warm up."""
    found: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(rounds + 1):
        for name, side in sides.items():
            start = time.perf_counter()
            side(steps)
            if turn:
                found[name].append(steps * BATCH / (time.perf_counter() - start))
    return found


def ratio(ours: list[float], peer: list[float]) -> str:
    """The median of the ratios of neighbouring turns."""
    return f"{statistics.median(a / b for a, b in zip(ours, peer, strict=True)):.2f}x"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, help="class folders of JPEG files; rendered letters without it")
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    print(conditions("pillow"))
    with tempfile.TemporaryDirectory() as cache:
        started = time.perf_counter()
        dataset = load(str(arguments.photos or "letters:300:any"), SIZE, cache=Path(cache))
        preparing = time.perf_counter() - started
        measure(dataset.manifest.root, dataset.samples("train"), preparing, arguments)


def measure(root: Path, samples: Samples, preparing: float, arguments: argparse.Namespace) -> None:
    augmentation = Augmentation(erasing=0.0)  # the usual loop has none
    classes = len(samples.classes)
    started = time.perf_counter()
    choice = probe(build("cnn", classes, SIZE), SIZE, BATCH)
    probing = time.perf_counter() - started
    print(f"probe, {probing:.1f} s: {choice}")

    trainers = {f"{p} {layout}": Trainer(classes, p, layout) for p in ("float32", "bfloat16") for layout in LAYOUTS}
    chosen = Trainer(classes, choice.precision, choice.layout)
    stream = endless(samples, augmentation)
    kept = list(islice(stream, 4))

    def full(n: int) -> None:
        for batch in islice(stream, n):
            chosen.step(batch)

    def alone(trainer: Trainer) -> Callable[[int], None]:
        return lambda n: [trainer.step(batch) for batch in islice(cycle(kept), n)] and None

    sides = {"ours, loading and augmentation included": full, "step alone, as chosen": alone(chosen)}
    sides |= {f"step alone, {name}": alone(trainer) for name, trainer in trainers.items()}
    usual = {workers: UsualLoop(UsualFolder(root, samples, augmentation), workers) for workers in (0, 2)}
    sides |= {f"usual loop, {workers} loader processes": loop.steps for workers, loop in usual.items()}
    found = rates(sides, arguments.steps, arguments.rounds)

    print(f"\ncnn, {SIZE} px, batch {BATCH}, {len(samples):,} training images")
    print(f"images/s, median [lowest highest] of {arguments.rounds} rounds of {arguments.steps} steps in turns")
    for name, values in found.items():
        print(f"  {name:44} {spread(values, 0):>28}")
    ours, ideal = found["ours, loading and augmentation included"], found["step alone, as chosen"]
    best_usual = max((found[f"usual loop, {w} loader processes"] for w in usual), key=statistics.median)
    plain = found["step alone, float32 contiguous"]
    print("\nratios, median over rounds")
    print(f"  {'step alone / ours (limit 1.10)':60} {ratio(ideal, ours)}")
    best_bfloat16 = found["step alone, bfloat16 channels_last"]
    print(f"  {'bfloat16 channels_last / float32 NCHW, step alone':60} {ratio(best_bfloat16, plain)}")
    print(f"  {'ours / usual loop, images/s while training':60} {ratio(ours, best_usual)}")
    n = len(samples)
    whole = preparing + probing + EPOCHS * n / statistics.median(ours)
    usual_whole = EPOCHS * n / statistics.median(best_usual)
    text = f"from files to {EPOCHS} epochs: usual {usual_whole:.0f} s, ours {whole:.0f} s"
    print(f"  {text:60} {usual_whole / whole:.2f}x   (ours: cold cache {preparing:.1f} s, probe {probing:.1f} s)")


if __name__ == "__main__":
    main()
