"""Teach the reader of the package on an accelerator, from rendered letters that are made while it learns.

    python tools/reader/teach.py OUT --start reader --keep 0.15 --minutes 8
    python tools/reader/teach.py OUT --start reader --minutes 8 --photographs DIR DIR --photograph-minutes 1

Written to OUT: reader.safetensors, from letters alone, with a share of the weights it started from (Wortsman et al.,
"Robust fine-tuning of zero-shot models", CVPR 2022), and, with photographs, mixed.safetensors, which goes on from where
letters alone ended, and keeps nothing of the start. Minutes are of learning; compiling and the first letters take about
one more. A slot of letters is rendered before every step, if the processes have filled one. What is learned in a minute
depends on the machine, so another run ends with other weights. Needs numba-cuda beside the package.
"""

import argparse
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from muon_at_once import MuonAtOnce
from photograph_on_gpu import photograph
from scenes import HANDS, SceneFeed, Scenes
from torch import Tensor, nn
from torch.nn import functional as F

import surehand
from surehand.alphabet import CLASSES
from surehand.data import augment, load_external
from surehand.models import Classifier, build, load, save
from surehand.models._reader import TRAINING_SIZE as SIZE
from surehand.processors import cores
from surehand.render import RENDERER
from surehand.train import RECIPES
from surehand.train._batch_statistics import ENOUGH_BATCHES, settle
from surehand.train._optimizers import muon

DEVICE = "cuda"
# Pixels a side of the images that the reader is given afterwards, out of which it looks closer.
SIZE_IN_USE = 160
SEED = 20_000_000
# Letters kept on the accelerator, the oldest of which are replaced, and images a step.
POOL, BATCH = 150_000, 2048
# Hands turn, and come nearer, by more than the recipe has it: here nothing is learned by heart.
AUGMENTATION = replace(RECIPES["letters"]["augmentation"], rotation=15.0, zoom=(0.8, 1.15), stretch=1.2, erasing=0.2)
RATE, PHOTOGRAPH_RATE = 1.5e-2, 5e-3
LABEL_SMOOTHING, WEIGHT_DECAY, DROPOUT = 0.05, 0.05, 0.2
WARM_UP = 0.02  # of the time
TELL_EVERY = 15.0  # seconds
LETTERS_ALONE = "letters rendered by surehand; no photograph"

# The next batch: uint8 pixels (n, h, w, 3) and labels (n,).
Batches = Callable[[], tuple[Tensor, Tensor]]


class Letters:
    """Rendered letters in the accelerator's memory; more of them whenever the feed has some."""

    def __init__(self, feed: SceneFeed) -> None:
        from hands_on_gpu import TILE, render_hands  # touches the accelerator, so not before the fork

        self.feed, self.made = feed, 0
        self._render = render_hands[(SIZE // TILE, SIZE // TILE, HANDS), (TILE, TILE)]
        room = POOL - POOL % HANDS
        self._pixels = torch.empty((room, SIZE, SIZE, 3), dtype=torch.uint8, device=DEVICE)
        self._labels = torch.empty(room, dtype=torch.int64, device=DEVICE)

    def grow(self, wait: bool = False) -> None:
        """Render a slot of scenes, if there is one or one is waited for."""
        with self.feed.next(wait) as scenes:
            if scenes is not None:
                place = self.made % len(self._pixels)
                self._pixels[place : place + HANDS] = self._pictures(scenes)
                self._labels[place : place + HANDS] = torch.from_numpy(scenes.labels).to(DEVICE)
                self.made += HANDS

    def some(self, count: int) -> tuple[Tensor, Tensor]:
        """Any of them."""
        chosen = torch.randint(min(self.made, len(self._pixels)), (count,), device=DEVICE)
        return self._pixels[chosen], self._labels[chosen]

    def _pictures(self, scenes: Scenes) -> Tensor:
        hands = [torch.from_numpy(array).to(DEVICE) for array in scenes.hands()]
        colour = torch.zeros((HANDS, SIZE, SIZE, 3), device=DEVICE)
        coverage = torch.zeros((HANDS, SIZE, SIZE), device=DEVICE)
        self._render(*hands, colour, coverage)
        backgrounds = torch.from_numpy(scenes.backgrounds).to(DEVICE).float().permute(0, 3, 1, 2)
        # Any background for any hand, half of them mirrored.
        behind = backgrounds[torch.randint(len(backgrounds), (HANDS,), device=DEVICE)]
        behind = torch.where(torch.rand(HANDS, 1, 1, 1, device=DEVICE) < 0.5, behind.flip(3), behind)
        return photograph(behind, colour, coverage, torch.from_numpy(scenes.numbers).to(DEVICE))


class Photographs:
    """Labelled photographs of several folders in the accelerator's memory."""

    def __init__(self, folders: Sequence[str]) -> None:
        self._sets = []
        for folder in folders:
            samples = load_external(folder, SIZE, CLASSES).all()
            pixels = torch.from_numpy(np.array(samples.pixels)).to(DEVICE)
            self._sets.append((pixels, torch.from_numpy(samples.labels).to(DEVICE)))

    def some(self, count: int) -> tuple[Tensor, Tensor]:
        """Any of them, as many of each folder."""
        parts = []
        for pixels, labels in self._sets:
            chosen = torch.randint(len(labels), (count // len(self._sets),), device=DEVICE)
            parts.append((pixels[chosen], labels[chosen]))
        pixels, labels = zip(*parts, strict=True)
        return torch.cat(pixels), torch.cat(labels)


def half_photographs(letters: Letters, photographs: Photographs) -> Batches:
    """Batches of letters and photographs in equal parts, in no order."""

    def batch() -> tuple[Tensor, Tensor]:
        pixels, labels = zip(letters.some(BATCH // 2), photographs.some(BATCH // 2), strict=True)
        order = torch.randperm(sum(map(len, labels)), device=DEVICE)
        return torch.cat(pixels)[order], torch.cat(labels)[order]

    return batch


def learn(model: nn.Module, batches: Batches, letters: Letters, *, seconds: float, rate: float) -> str:
    """Muon for so many seconds, at a rate that falls along a cosine to nothing; letters are rendered between steps.

    Returns:
        What was done, in a sentence.
    """
    optimizer = MuonAtOnce(muon(model, rate, WEIGHT_DECAY).param_groups)
    model.train()
    begun, made, step = time.monotonic(), letters.made, 0
    told, since, sums = begun, 0, torch.zeros(2, device=DEVICE)
    while (done := (time.monotonic() - begun) / seconds) < 1:
        letters.grow()
        factor = min(done / WARM_UP, 1.0) * 0.5 * (1 + math.cos(math.pi * done))
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"] * factor
        images, labels = _augmented(batches, step)
        logits = logits_while_learning(model, images)
        loss = F.cross_entropy(logits, labels, label_smoothing=LABEL_SMOOTHING)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        sums += torch.stack([loss.detach(), (logits.argmax(1) == labels).float().mean()])
        step, since = step + 1, since + 1
        if step % 8 == 0:
            torch.cuda.synchronize()  # time is measured here, and the accelerator must not lag behind
        if time.monotonic() - told > TELL_EVERY:
            told = time.monotonic()
            mean_loss, accuracy = (sums / since).tolist()
            speed, rendered = step * BATCH / (told - begun), (letters.made - made) / (told - begun)
            print(
                f"{told - begun:4.0f} s  {speed:6.0f} images/s  {rendered:5.0f} letters/s  "
                f"loss {mean_loss:.3f}  accuracy {100 * accuracy:.2f} %",
                flush=True,
            )
            since, sums = 0, torch.zeros(2, device=DEVICE)
    settle(model, range(ENOUGH_BATCHES), lambda i: logits_while_learning(model, _augmented(batches, step + i)[0]))
    return f"{seconds:.0f} s, {step} steps of {BATCH}, {letters.made - made} letters rendered in that time"


def logits_while_learning(model: Any, images: Tensor) -> Tensor:
    """What `Reader.forward` gives in training: each image teaches one trunk, here the first half of a batch the plain.

    The images of a batch are in no order, so that places are as good as the coins of `Reader`.
    """
    half, width, output = len(images) // 2, model.plain.width, model.output
    with torch.autocast(DEVICE, torch.bfloat16):
        pixels = model.normalise(images)
        plain = F.dropout(model.plain(pixels[:half]), DROPOUT)
        residual = F.dropout(model.residual(pixels[half:]), DROPOUT)
        first = F.linear(plain, output.weight[:, :width], output.bias)
        second = F.linear(residual, output.weight[:, width:], output.bias)
    return torch.cat((first, second)).float()


def _augmented(batches: Batches, step: int) -> tuple[Tensor, Tensor]:
    pixels, labels = batches()
    ids = np.arange(step * BATCH, step * BATCH + len(labels), dtype=np.uint64)
    return augment(pixels, ids, seed=SEED, epoch=0, augmentation=AUGMENTATION), labels


def between(model: nn.Module, start: dict[str, Tensor], keep: float) -> nn.Module:
    """A reader with so large a share of the start in its weights."""
    mixed = build("reader", len(CLASSES), SIZE_IN_USE)
    here = {name: tensor.to("cpu") for name, tensor in model.state_dict().items()}
    mixed.load_state_dict({n: t.lerp(start[n], keep) if t.is_floating_point() else t for n, t in here.items()})
    return mixed


def write(path: Path, model: nn.Module, metadata: dict[str, Any]) -> None:
    """Save a reader with what it learned from."""
    metadata = {**metadata, "surehand": surehand.__version__}
    save(Classifier(model, "reader", CLASSES, SIZE_IN_USE, metadata=metadata), path)
    print(f"{path}: {metadata['trained_by']}", flush=True)


def main() -> None:
    """Teach, and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--start", default="reader", help="a classifier, such as an earlier reader")
    parser.add_argument("--keep", type=float, default=0.15, help="share of the start in reader.safetensors")
    parser.add_argument("--photographs", nargs="*", default=[], help="folders of class folders")
    parser.add_argument("--photograph-minutes", type=float, default=1.0)
    arguments = parser.parse_args()
    if torch.cuda.device_count() == 0:
        parser.error("there is no CUDA device; on a processor, use `surehand train letters:300:any --recipe letters`")
    torch.manual_seed(SEED)
    workers = max(1, cores() - 1)
    feed = SceneFeed(SIZE, SEED, workers, slots=3 * workers)
    source = load(arguments.start)
    start = source.model.state_dict()
    model = build("reader", len(CLASSES), SIZE)
    model.load_state_dict(start)
    model = model.to(DEVICE).to(memory_format=torch.channels_last)
    arguments.out.mkdir(parents=True, exist_ok=True)

    photographs = Photographs(arguments.photographs) if arguments.photographs else None
    letters = Letters(feed)
    begun = time.monotonic()
    while letters.made < 20 * HANDS:
        letters.grow(wait=True)
    torch.cuda.synchronize()
    print(f"{letters.made} letters after {time.monotonic() - begun:.1f} s", flush=True)

    seconds = 60 * arguments.minutes
    what = learn(model, lambda: letters.some(BATCH), letters, seconds=seconds, rate=RATE)
    origin = {"start": arguments.start, "start_metadata": source.metadata, "rate": RATE, "renderer": RENDERER}
    metadata = {
        "data": LETTERS_ALONE,
        "data_licence": "Apache-2.0",
        "trained_by": f"tools/reader/teach.py: {what}",
        "training": {**origin, "keep": arguments.keep},
    }
    write(arguments.out / "reader.safetensors", between(model, start, arguments.keep), metadata)
    if photographs:
        seconds, batches = 60 * arguments.photograph_minutes, half_photographs(letters, photographs)
        what = learn(model, batches, letters, seconds=seconds, rate=PHOTOGRAPH_RATE)
        metadata = {
            "data": "rendered letters and photographs",
            "data_licence": "the photographs' own",
            "trained_by": f"{metadata['trained_by']}; then with photographs, {what}",
            "training": {**origin, "photograph_rate": PHOTOGRAPH_RATE},
        }
        write(arguments.out / "mixed.safetensors", between(model, start, 0.0), metadata)
    feed.close()


if __name__ == "__main__":
    main()
